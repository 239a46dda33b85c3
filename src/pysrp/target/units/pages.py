"""Mode pages of a logical unit: default, changeable and current values (SPC-5, 6.14 and 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from pysrp.scsi.codes import ModePageControl
from pysrp.scsi.mode import ControlPage, InformationalExceptionsPage

__all__ = ["ModePages", "PageValues", "common_pages"]

PS, SPF = 0x80, 0x40
"""Bits in the first byte of a page: it can be saved; it has a subpage code."""

ALL, ALL_SUBPAGES = 0x3F, 0xFF
"""The page code of MODE SENSE for all pages, and the subpage code for all subpages (SPC-5, 6.14)."""

Where = tuple[int, int] | None
"""Byte and bit of an error in a page; None: there is none."""


class PageValues:
    """One mode page, or subpage. ``default`` is the whole page with its header; ``changeable``, of the same length, has ones for
    the bits that MODE SELECT may change. ``wrong`` returns byte and bit of the first invalid value in a page whose unchangeable
    bits are as they were; None: every value is valid.
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
        """The saved values, None if there are none."""
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
        """Whether any of its bits can be changed."""
        return any(self.changeable[self.header :])

    def refused(self, new: bytes) -> Where:
        """Byte and bit of the first unchangeable bit that differs from the current values, or of an invalid value; None:
        acceptable.
        """
        for i in range(self.header, len(new)):
            wrong = (new[i] ^ self.current[i]) & ~self.changeable[i]
            if wrong:
                return i, wrong.bit_length() - 1
        return None if self.wrong is None else self.wrong(new)

    def restore(self, saved: bytes) -> None:
        """Take over values that were saved once: changeable bits only, and nothing if they are invalid."""
        if len(saved) != len(self.default):
            return
        bits = zip(self.default, saved, self.changeable, strict=True)
        head = self.header
        found = self.default[:head] + bytes(d & ~c | s & c for d, s, c in bits)[head:]
        if self.wrong is None or self.wrong(found) is None:
            self.saved = found

    def reset(self) -> None:
        """Set the current values to the saved ones, or to the defaults."""
        self.current[:] = self.default if self.saved is None else self.saved


def code_of(header: bytes) -> int:
    """The code of a page, as :attr:`PageValues.code`, from its first bytes; -1 for a subpage of page 0, which does not exist."""
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
        """The page that a header in MODE SELECT data names, or None."""
        return self._pages.get(code_of(header))

    def asked(self, page: int, subpage: int) -> list[PageValues]:
        """The pages that MODE SENSE selects by a page code and a subpage code, in order (SPC-5, table 169); empty if none."""
        return [
            values
            for values, (its, below) in ((values, _in_order(code)) for code, values in self._pages.items())
            if page in (its, ALL) and subpage in (below, ALL_SUBPAGES)
        ]

    def restore(self, saved: Mapping[int, bytes]) -> None:
        """Take over values that were saved, as the values after power on."""
        for code, page in self._pages.items():
            if code in saved:
                page.restore(saved[code])
        self.reset()

    def to_save(self) -> dict[int, bytes]:
        """The current values of the savable pages."""
        return {code: bytes(page.current) for code, page in self._pages.items() if page.changes}

    def saved(self, pages: Mapping[int, bytes]) -> None:
        """Note that these values have been saved."""
        for code, values in pages.items():
            self._pages[code].saved = values

    def reset(self) -> None:
        """Set the current values to the saved ones, or to the defaults where there are none."""
        for page in self._pages.values():
            page.reset()


def _in_order(code: int) -> tuple[int, int]:
    """Page and subpage of a code."""
    return (code >> 8, code & 0xFF) if code > ALL else (code, 0)


def common_pages() -> list[PageValues]:
    """The pages of every unit: Control and Informational Exceptions Control."""
    return [PageValues(*each) for each in _common_pages()]


@cache
def _common_pages() -> tuple[tuple[Any, ...], ...]:
    """The arguments of :class:`PageValues`. By default each nexus has its own task set, tasks that another nexus aborts end with
    TASK ABORTED, commands may be reordered, and exceptions are not reported.
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
