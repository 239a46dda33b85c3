"""What is known of a unit does not outlive the news that it has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import CheckCondition
from pysrp.initiator import aio
from pysrp.initiator.session import (
    READ,
    WRITE,
    Capacity,
    Device,
    Options,
    Session,
    TimedOut,
    UnitChanged,
)
from pysrp.lun import Lun
from pysrp.target.disk import Disk
from pysrp.target.effects import Effects, Reply
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

MIB = 1 << 20
LUN = 256
TEST_UNIT_READY = bytes(6)


def disk(size: int, block_size: int, name: str) -> Disk:
    """A disk of which every 512 bytes say where they are."""
    made = Disk(Ram(size), name, block_size=block_size)
    for at in range(0, size, 512):
        made.backend.write_from(at, memoryview((b"%s %8d " % (name.encode(), at)).ljust(512, b".")))
    return made


@pytest.fixture
def luns() -> LunMap:
    return LunMap([(LUN, disk(MIB, 512, "old"))])


@pytest.fixture
def url(luns: LunMap) -> Iterator[str]:
    with Server(f"local:changed-{os.getpid()}", luns) as server:
        yield server.url


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with Session(url, buffers=MIB, max_transfer=128 << 10) as session:
        yield session


@pytest.fixture
def device(session: Session) -> Device:
    (found,) = session.scan(channels=[0], ids=[1])
    assert found.capacity() == Capacity(2048, 512)
    return found


CALLS: dict[str, Callable[[Device], Any]] = {
    "read": lambda device: device.read(8, 8),
    "a long read": lambda device: device.read(8, 1024),
    "read_into": lambda device: device.read_into(8, bytearray(4096)),
    "write": lambda device: device.write(8, b"w" * 4096),
    "a long write": lambda device: device.write(8, b"w" * (512 << 10)),
    "submit_read": lambda device: device.submit_read(8, 8).result(),
    "submit_write": lambda device: device.submit_write(8, b"w" * 4096).result(),
    "run": lambda device: device.run(READ, range(8, 2000, 8), 8),
    "a run of writes": lambda device: device.run(WRITE, range(8, 200, 8), 8, data=b"w" * (24 * 4096)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("heard", ["by itself", "by another call"])
def test_a_call_that_was_meant_in_other_blocks_moves_nothing(
    session: Session, luns: LunMap, device: Device, name: str, heard: str
) -> None:
    new = disk(MIB, 4096, "new")
    before = bytes(new.backend.memory())
    luns.replace(LUN, new)
    if heard == "by another call":
        with pytest.raises(CheckCondition):
            device.execute(TEST_UNIT_READY)
    for _ in range(2):  # not only once: the caller has not asked yet
        with pytest.raises(UnitChanged, match="4096 bytes, not 512"):
            CALLS[name](device)
    assert bytes(new.backend.memory()) == before
    assert device.capacity() == Capacity(256, 4096)
    assert device.read(8)[:12] == b"new %8d" % 32768


def test_the_other_way_round_too(luns: LunMap, session: Session, device: Device) -> None:
    luns.replace(LUN, disk(MIB, 4096, "large"))
    device.capacity()
    luns.replace(LUN, disk(MIB, 512, "small"))
    with pytest.raises(UnitChanged, match="512 bytes, not 4096"):
        device.write(1, b"W" * 4096)
    device.capacity()
    assert device.read(1)[:14] == b"small %8d" % 512


@pytest.mark.parametrize("name", CALLS)
def test_a_change_that_leaves_the_blocks_as_they_were_disturbs_nobody(
    luns: LunMap, session: Session, device: Device, name: str
) -> None:
    luns.replace(LUN, disk(2 * MIB, 512, "new"))
    CALLS[name](device)
    assert device.capacity() == Capacity(4096, 512)


def test_a_new_size_is_seen(luns: LunMap, session: Session, device: Device) -> None:
    unit = disk(MIB, 512, "grows")
    luns.replace(LUN, unit)
    device.read(0)
    unit.backend = Ram(2 * MIB)
    unit.resized()
    device.test_unit_ready()
    assert device.known_capacity is None
    assert device.capacity() == Capacity(4096, 512)


def test_identity_is_asked_again(luns: LunMap, session: Session, device: Device) -> None:
    from pysrp.target.units.identity import UnitIdentity

    luns.replace(LUN, Disk(Ram(MIB), identity=UnitIdentity(vendor="OTHER", product="Disk", serial="1")))
    device.read(0)
    device.capacity()
    assert (device.vendor, device.product) == ("OTHER", "Disk")


def test_after_a_new_login_everything_is_asked_again(luns: LunMap, session: Session, device: Device) -> None:
    luns.replace(LUN, disk(MIB, 4096, "new"), attention=False)
    session.host_reset()
    assert device.known_capacity is None
    with pytest.raises(UnitChanged):
        device.read(0)


def test_what_does_not_fit_is_refused_before_the_first_byte(luns: LunMap, device: Device) -> None:
    before = bytes(luns.exports[LUN].unit.backend.memory())  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="2048; nothing was written"):
        device.write(8, bytes(MIB))
    with pytest.raises(ValueError, match="1099511627776 blocks at 8, the unit has 2048; nothing was read"):
        device.read(8, 1 << 40)
    assert bytes(luns.exports[LUN].unit.backend.memory()) == before  # type: ignore[attr-defined]


def test_in_asyncio_as_well(url: str, luns: LunMap) -> None:
    async def main() -> None:
        async with aio.Session(url) as session:
            (device,) = await session.scan(channels=[0], ids=[1])
            await device.capacity()
            new = disk(MIB, 4096, "new")
            before = bytes(new.backend.memory())
            luns.replace(LUN, new)
            results = await asyncio.gather(
                device.read(8, 8), device.write(8, b"w" * 4096), device.read_into(8, bytearray(4096)),
                return_exceptions=True,
            )  # fmt: skip
            # What the target had before the news came, it refuses itself, or its answer is not believed.
            assert UnitChanged in map(type, results)
            assert set(map(type, results)) <= {UnitChanged, CheckCondition}
            assert bytes(new.backend.memory()) == before
            await device.capacity()
            assert (await device.read(8))[:12] == b"new %8d" % 32768

    asyncio.run(main())


def test_a_unit_that_does_not_say_what_it_is_costs_the_limit_of_the_call(url: str, luns: LunMap) -> None:
    class Silent(Disk):
        def execute(self, task: Any) -> None:
            if task.cdb[0] != 0x9E:
                super().execute(task)

    with Session(url, options=Options(give_up=0.5)) as session:
        (device,) = session.scan(channels=[0], ids=[1])
        device.capacity()
        luns.replace(LUN, Silent(Ram(MIB), "silent"))
        pending = session.submit(
            device.lun, bytes.fromhex("28000000000000000100"),
            data_in_length=512, block_size=512, timeout=0.2, retries=3,
        )  # fmt: skip
        session.wait(pending, 15)
        with pytest.raises(TimedOut, match="no answer"):
            pending.outcome()


def test_condition_met_is_a_success(session: Session, luns: LunMap) -> None:
    class Prefetching(Disk):
        def execute(self, task: Any) -> None:
            if task.cdb[0] == 0x34:
                task.end(0x04)
            else:
                super().execute(task)

    luns.add(512, Prefetching(Ram(MIB), "prefetch"))
    lun = Lun.logical_unit(2)
    result = session.execute(lun, bytes.fromhex("34000000000000000800"), retries=3)
    assert result.status == 4
    with pytest.raises(CheckCondition):
        session.execute(lun, bytes.fromhex("25000000000000000001"))


def test_every_bus_that_a_lun_can_name_is_looked_at(
    luns: LunMap, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    luns.add(128, disk(MIB, 512, "bus4"))
    assert "LUN 128 is on bus 4: Linux's ibmvscsi looks at buses 0 to 3" in caplog.text
    assert [tuple(found.hctl) for found in session.scan()] == [(0, 1, 0), (4, 0, 0)]


class Mistaken(Disk):
    """Answers every INQUIRY with standard data of a removable unit: RMB stands where a page code does."""

    def execute(self, task: Any) -> Effects:
        if task.cdb[0] == 0x12:
            return Reply(bytes.fromhex("008006021f000000") + b"VENDOR  Virtual  Floppy  0100", task.cdb[4])
        return super().execute(task)


def test_another_page_than_the_one_asked_for_is_refused(luns: LunMap, session: Session) -> None:
    luns.add(512, Mistaken(Ram(MIB), "floppy"))
    (device,) = session.scan(channels=[0], ids=[2])
    for page in (0x00, 0x83, 0xB0):
        with pytest.raises(ValueError, match=f"page {page:02X}h was asked for, page 80h came"):
            device.inquiry(page)
