"""Mode pages of a logical unit: default, changeable and current values (SPC-5, 6.14 and 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from pysrp.scsi.codes import ModePageControl
from pysrp.scsi.mode import ControlPage, InformationalExceptionsPage

__all__ = ["ModePages", "PageValues", "common_pages"]

PS, SPF = 0x80, 0x40
"""In the first byte of a page: it can be saved; it has a subpage code."""

ALL, ALL_SUBPAGES = 0x3F, 0xFF
"""Page codes of MODE SENSE that mean several (SPC-5, 6.14)."""

Where = tuple[int, int] | None
"""Byte and bit of what is wrong with a page."""


class PageValues:
    """One mode page, or subpage. ``default`` is all of it with its header, ``changeable`` ones for the bits that MODE
    SELECT may change, of the same length. ``wrong`` gives byte and bit of the first value that means nothing in a page
    that changes no other bits; None: each is acceptable.
    """

    __slots__ = ("changeable", "code", "current", "default", "header", "saved", "wrong")

    def __init__(
        self, default: bytes, changeable: bytes | None = None, wrong: Callable[[bytes], Where] | None = None
    ) -> None:
        self.default: bytes = bytes(default)
        self.code: int = code_of(default)
        """Its page code; of a subpage ``page << 8 | subpage``."""
        self.header: int = 4 if self.code > ALL else 2
        """Bytes before its fields."""
        mask = bytes(len(default)) if changeable is None else bytes(changeable)
        self.changeable: bytes = self.default[: self.header] + mask[self.header :]
        self.current: bytearray = bytearray(default)
        self.saved: bytes | None = None
        """What was saved last, of a page that can be."""
        self.wrong: Any = wrong

    def values(self, control: ModePageControl, savable: bool = False) -> bytes:
        """The page as MODE SENSE returns it, with PS where it can be saved."""
        found = bytearray(
            {
                ModePageControl.CURRENT: self.current,
                ModePageControl.CHANGEABLE: self.changeable,
                ModePageControl.DEFAULT: self.default,
                ModePageControl.SAVED: self.default if self.saved is None else self.saved,
            }[control]
        )
        if savable and self.changes:
            found[0] |= PS
        return bytes(found)

    @property
    def changes(self) -> bool:
        """Whether anything of it can be changed."""
        return any(self.changeable[self.header :])

    def refused(self, new: bytes) -> Where:
        """Byte and bit of the first difference to the current values that must not be; None: acceptable."""
        for i in range(self.header, len(new)):
            wrong = (new[i] ^ self.current[i]) & ~self.changeable[i]
            if wrong:
                return i, wrong.bit_length() - 1
        return None if self.wrong is None else self.wrong(new)

    def restore(self, saved: bytes) -> None:
        """It was saved so once; what cannot be changed any more, or means nothing, is as it is by default."""
        if len(saved) != len(self.default):
            return
        bits = zip(self.default, saved, self.changeable, strict=True)
        head = self.header
        found = self.default[:head] + bytes(d & ~c | s & c for d, s, c in bits)[head:]
        if self.wrong is None or self.wrong(found) is None:
            self.saved = found

    def reset(self) -> None:
        """As after power on."""
        self.current[:] = self.default if self.saved is None else self.saved


def code_of(header: bytes) -> int:
    """The code of a page, as :attr:`PageValues.code` has it, from its first bytes; -1 of a subpage of page 0, which has none."""
    page = header[0] & ALL
    return page if not header[0] & SPF else page << 8 | header[1] if page else -1


class ModePages:
    """The pages of one unit, and their subpages."""

    def __init__(self, pages: Iterable[PageValues]) -> None:
        ordered = sorted(pages, key=lambda page: _in_order(page.code))
        self._pages = {page.code: page for page in ordered}

    def __getitem__(self, code: int) -> PageValues:
        return self._pages[code]

    def meant(self, header: bytes) -> PageValues | None:
        """The page that these first bytes of one in MODE SELECT data name, or None."""
        return self._pages.get(code_of(header))

    def asked(self, page: int, subpage: int) -> list[PageValues]:
        """Those that MODE SENSE means by a page code and a subpage code, in order (SPC-5, table 169). None: there are no such."""
        return [
            values
            for values, (its, below) in ((values, _in_order(code)) for code, values in self._pages.items())
            if page in (its, ALL) and subpage in (below, ALL_SUBPAGES)
        ]

    def restore(self, saved: Mapping[int, bytes]) -> None:
        """These were saved, and are the values after power on."""
        for code, page in self._pages.items():
            if code in saved:
                page.restore(saved[code])
        self.reset()

    def to_save(self) -> dict[int, bytes]:
        """The current values of those that can be saved."""
        return {code: bytes(page.current) for code, page in self._pages.items() if page.changes}

    def saved(self, pages: Mapping[int, bytes]) -> None:
        """These have been saved."""
        for code, values in pages.items():
            self._pages[code].saved = values

    def reset(self) -> None:
        """As after power on: saved values, and where there are none those by default."""
        for page in self._pages.values():
            page.reset()


def _in_order(code: int) -> tuple[int, int]:
    """Page and subpage of a code."""
    return (code >> 8, code & 0xFF) if code > ALL else (code, 0)


def common_pages() -> list[PageValues]:
    """Those of every unit: Control and Informational Exceptions Control."""
    return [PageValues(*each) for each in _common_pages()]


@cache
def _common_pages() -> tuple[tuple[Any, ...], ...]:
    """Each nexus has its task set, another's reset is told with TASK ABORTED, commands may be reordered,
    exceptions are not reported. What :class:`PageValues` is made of.
    """
    control = ControlPage.build(
        tst=1, gltsd=True, queue_algorithm_modifier=1, tas=True, busy_timeout_period=0xFFFF
    )
    changeable = ControlPage.build(tst=7, d_sense=True, swp=True, tas=True, qerr=3, ua_intlck_ctrl=3)
    return (
        (bytes(control), bytes(changeable), _wrong_control),
        (bytes(InformationalExceptionsPage.build(dexcpt=True)), None),
    )


def _wrong_control(new: bytes) -> Where:
    """TST, QERR and UA_INTLCK_CTRL have reserved values (SPC-5, 7.5.9)."""
    page = ControlPage(new)
    if page.tst > 1:
        return 2, 7
    if page.qerr == 2:
        return 3, 2
    return (4, 5) if page.ua_intlck_ctrl == 1 else None
