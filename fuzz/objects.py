"""Python objects that run code while they are measured, made of bytes: for builders, setters, arrays and descriptors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

from pysrp import crq, mad, scsi, srp
from pysrp.fields import View

CLASSES: list[Any] = [
    srp.Cmd, srp.Rsp, srp.LoginReq, srp.TskMgmt, crq.Element, mad.AdapterInfoData, mad.CapabilitiesData,
    scsi.InquiryData, scsi.Read10, scsi.ModeParameters6, scsi.DeviceIdentification,
]  # fmt: skip
REFUSED = (ValueError, TypeError, BufferError, OverflowError, AttributeError, KeyError, IndexError)
"""What a builder may say to such values; DecodeError and EncodeError are ValueErrors."""


class Runs:
    """A number that does something when it is asked for."""

    def __init__(self, work: Callable[[], Any], value: Any) -> None:
        self.work, self.value = work, value

    def __index__(self) -> Any:
        with contextlib.suppress(BufferError):
            self.work()
        return self.value

    __int__ = __index__


class Liar(list):  # type: ignore[type-arg]
    """A list of another length than it says."""

    def __len__(self) -> int:
        return max(0, super().__len__() - 7)


def value(rng: Random, victims: list[Any]) -> Any:
    """Something for a field; what it runs changes one of ``victims``, which are other fields' values."""

    def change() -> None:
        victim = rng.choice(victims) if victims else bytearray()
        rng.choice((victim.clear, lambda: victim.extend(bytes(rng.randrange(5000)) if isinstance(victim, bytearray)
                                                        else [(1, 1)] * rng.randrange(5000))))()  # fmt: skip

    number = rng.choice((0, 1, 255, 256, -1, 1 << 32, 1 << 64, rng.getrandbits(70), 1.5, None, "x"))
    kind = rng.randrange(9)
    if kind == 0:
        return Runs(change, number)
    if kind == 1:
        made: Any = bytearray(rng.randbytes(rng.randrange(300)))
    elif kind == 2:
        made = [(Runs(change, 1), 1), (2, Runs(change, number))][: rng.randrange(3)] + [
            (3, 4)
        ] * rng.randrange(40)
    elif kind == 3:
        made = Liar([rng.getrandbits(16) for _ in range(rng.randrange(60))])
    elif kind == 4:
        made = [Runs(change, rng.getrandbits(15)) for _ in range(rng.randrange(12))]
    elif kind == 5:
        return (Runs(change, 5), rng.choice((0, Runs(change, 6), number)))
    elif kind == 6:
        return memoryview(rng.randbytes(64))[:: rng.choice((1, 2, -1))]
    elif kind == 7:
        return srp.DirectBuf.build(va=1, len=2)
    else:
        return number
    victims.append(made)
    return made


def hostile(data: bytes | bytearray) -> View:
    """Build, write and set with such values; a plain view, whatever came of it."""
    rng = Random(bytes(data))
    cls = rng.choice(CLASSES)
    names = [field.name for field in cls.FIELDS] + ["trailing"]
    victims: list[Any] = []
    fields = {name: value(rng, victims) for name in rng.sample(names, rng.randrange(1, min(6, len(names))))}
    memory = bytearray(rng.randbytes(rng.choice((16, 64, 256, 4096))))
    victims.append(memory)
    with contextlib.suppress(*REFUSED):
        cls.build(**fields)
    with contextlib.suppress(*REFUSED):
        cls.pack_into(memory, Runs(memory.clear, rng.randrange(64)) if rng.randrange(4) == 0 else 0, **fields)
    with contextlib.suppress(*REFUSED):
        view = cls(bytearray(rng.randbytes(300)))
        for name, each in fields.items():
            with contextlib.suppress(*REFUSED):
                setattr(view, name, each)
        view.to_dict()
    with contextlib.suppress(*REFUSED):
        count = rng.randrange(1, 9)
        ring = bytearray(rng.randbytes(64 * count))
        cls.columns(memoryview(ring), *rng.sample(names, 1), out=[memoryview(ring)[rng.randrange(9) :]])
    return srp.TskMgmt(bytes(48))
