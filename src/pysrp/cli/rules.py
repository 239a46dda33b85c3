"""How ``pysrp proxy`` changes the traffic: it sets fields, calls a script's function, and makes faults at random."""

from __future__ import annotations

import random
import runpy
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from pysrp import crq, mad, scsi, srp
from pysrp.cli.decode import inside
from pysrp.cli.fields import full, names, plain
from pysrp.errors import ConfigError, DecodeError
from pysrp.fabric.interposer import Edit
from pysrp.fabric.relay import delays_of
from pysrp.fields import Int, LunField, Raw, Structure, View
from pysrp.lun import Lun
from pysrp.text import octets

SIGNATURE = "edit(direction, element, iu)"


def structure(name: str) -> type[Structure]:
    """The class that ``pysrp fields`` knows by this name; raises ConfigError if there is none."""
    known = names()
    found = known.get(name.lower()) or known.get(plain(name))
    if not found:
        raise ConfigError(f"no structure is named {name!r}: 'pysrp fields' lists them")
    return found[0]


class Setting(NamedTuple):
    """A field to set in every structure of its class that passes."""

    cls: type[Structure]
    name: str
    value: Any

    @classmethod
    def of(cls, text: str) -> Setting:
        """A setting from STRUCTURE.FIELD=VALUE. Raises ConfigError, which names the command that shows what is right."""
        place, equals, value = text.partition("=")
        name, _, field = place.strip().rpartition(".")
        if not (name and equals and field and value):
            raise ConfigError(
                f"{text!r}: write STRUCTURE.FIELD=VALUE, such as Cmd.task_attr=ORDERED or Read10.lba=8"
            )
        owner = structure(name)
        for one in owner.FIELDS:
            if one.name == field and not one.variable:
                break
        else:
            raise ConfigError(
                f"{full(owner)} has no field {field!r} of a fixed place: 'pysrp fields {owner.__name__}' shows them"
            )
        try:
            setting = cls(owner, field, _value(owner, one, value.strip()))
            setting.apply(owner(bytearray(owner.SIZE)))
        except (ValueError, OverflowError, ConfigError, DecodeError, KeyError) as problem:
            raise ConfigError(
                f"{text!r}: that is no value of the field ({problem}): 'pysrp fields {owner.__name__}' tells its size and its values"
            ) from None
        return setting

    def apply(self, view: View) -> None:
        """Set the field, if ``view`` is of its class."""
        if isinstance(view, self.cls):
            setattr(view, self.name, self.value)


def _names(owner: type[Structure], field: Int) -> Mapping[str, int]:
    """The names of a field's values. SRP_RSP's ``status`` has no enumeration: its names are SCSI's status codes."""
    codes = scsi.Status if owner is srp.Rsp and field.name == "status" else field.enum
    return codes.__members__ if codes is not None else {}


def _value(owner: type[Structure], field: Any, text: str) -> Any:
    if isinstance(field, Int):
        known = _names(owner, field)
        if text.upper() in known:
            return known[text.upper()]
        try:
            return int(text, 0)
        except ValueError:
            raise ConfigError(
                f"it is neither a number nor one of {', '.join(known)}" if known else "it is no number"
            ) from None
    if isinstance(field, LunField):
        return Lun.from_text(text)
    if isinstance(field, Raw):
        return octets(text)
    raise ConfigError("it is neither a number nor bytes")


def views(element: bytearray, iu: bytearray | None) -> Iterator[View]:
    """An element, its IU or datagram, and the CDB or sense data in that. Ends at the first that cannot be parsed."""
    one = crq.Element(element)
    yield one
    try:
        if iu is not None:
            unit = mad.parse(iu) if one.format == crq.Format.MAD else srp.parse(iu)
            yield unit
            yield from (part for _, part in inside(unit))
    except DecodeError:
        return


@dataclass(frozen=True)
class Faults:
    """Shares, from 0 to 1, of the IUs and datagrams that are dropped, sent twice, or sent ``seconds`` late.

    ``only``: the structures that this is restricted to; empty: all.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    seconds: float = 0.0
    only: tuple[type[Structure], ...] = ()

    def befalls(self, delays: list[float], chance: random.Random) -> list[float]:
        """The delays, in seconds, with which copies of an element are sent; none: it is dropped.

        Each element takes three random numbers, whatever they decide, so that a seed always gives the same faults.
        """
        found = []
        for one in delays:
            lost, twice, late = (
                chance.random() < self.drop,
                chance.random() < self.duplicate,
                chance.random() < self.delay,
            )
            if not lost:
                found += [one + (self.seconds if late else 0.0)] * (2 if twice else 1)
        return found


@dataclass(frozen=True)
class Rules:
    """All rules: the fields are set first, then the script is called, then the random faults are made."""

    settings: tuple[Setting, ...] = ()
    script: Edit | None = None
    faults: Faults = Faults()
    seed: int = 0

    def for_client(self, number: int) -> Edit:
        """The edit function of one client of a :class:`~pysrp.fabric.relay.Relay`; each client has its own random numbers."""
        chance = random.Random(f"{self.seed} {number}")

        def edit(direction: str, element: bytearray, iu: bytearray | None) -> object:
            for view in views(element, iu) if self.settings else ():
                for setting in self.settings:
                    setting.apply(view)
            result = self.script(direction, element, iu) if self.script else None
            if iu is None or (
                self.faults.only
                and not any(isinstance(view, self.faults.only) for view in views(element, iu))
            ):
                return result
            return self.faults.befalls(delays_of(result), chance)

        return edit


def script(path: str) -> Edit:
    """The function ``edit`` of a Python file. An error in the file, now or in a later call, becomes a ConfigError."""
    found = _blamed(path, lambda: runpy.run_path(path, run_name="pysrp_proxy")).get("edit")
    if not callable(found):
        raise ConfigError(f"{path} has no function {SIGNATURE}: 'pysrp proxy --help' shows one")
    edit = cast("Edit", found)
    return lambda direction, element, iu: _blamed(path, lambda: delays_of(edit(direction, element, iu)))


def _blamed(path: str, call: Callable[[], Any]) -> Any:
    """The result of ``call``. An exception becomes a ConfigError with its line in the script."""
    try:
        return call()
    except SyntaxError as problem:
        raise ConfigError(f"{problem.filename}, line {problem.lineno}: {problem.msg}") from None
    except Exception as problem:
        lines = [
            frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == path
        ]
        place = f", line {lines[-1]}" if lines else ""
        text = traceback.format_exception_only(type(problem), problem)[-1].strip()
        raise ConfigError(f"{Path(path)}{place}: {text}") from problem
