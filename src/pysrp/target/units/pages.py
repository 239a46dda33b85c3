"""Mode pages of a logical unit: default, changeable and current values (SPC-5, 6.14 and 7.5)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from pysrp.scsi.codes import ModePageControl
from pysrp.scsi.mode import ControlPage, InformationalExceptionsPage

__all__ = ["ModePages", "PageValues", "common_pages"]


class PageValues:
    """One mode page. ``default`` is all of it with its header, ``changeable`` ones for the bits that MODE
    SELECT may change, of the same length.
    """

    __slots__ = ("changeable", "code", "current", "default")

    def __init__(self, default: bytes, changeable: bytes | None = None) -> None:
        self.code = default[0] & 0x3F
        self.default = bytes(default)
        mask = bytes(len(default)) if changeable is None else bytes(changeable)
        self.changeable = self.default[:2] + mask[2:]
        self.current = bytearray(default)

    def values(self, control: ModePageControl) -> bytes:
        """The page as MODE SENSE returns it; SAVED is not known here."""
        return {
            ModePageControl.CURRENT: bytes(self.current),
            ModePageControl.CHANGEABLE: self.changeable,
            ModePageControl.DEFAULT: self.default,
        }[control]

    def refused(self, new: bytes) -> tuple[int, int] | None:
        """Byte and bit of the first difference to the current values that must not be; None: acceptable."""
        for i in range(2, len(new)):
            wrong = (new[i] ^ self.current[i]) & ~self.changeable[i]
            if wrong:
                return i, wrong.bit_length() - 1
        return None


class ModePages:
    """The pages of one unit. None has subpages, none is saved."""

    def __init__(self, pages: Iterable[PageValues]) -> None:
        self._pages = {page.code: page for page in sorted(pages, key=lambda page: page.code)}

    def __getitem__(self, code: int) -> PageValues:
        return self._pages[code]

    def get(self, code: int) -> PageValues | None:
        """The page, or None."""
        return self._pages.get(code)

    def codes(self) -> list[int]:
        """Page codes, ascending."""
        return list(self._pages)

    def reset(self) -> None:
        """Default values everywhere."""
        for page in self._pages.values():
            page.current[:] = page.default


def common_pages() -> list[PageValues]:
    """Those of every unit: Control and Informational Exceptions Control."""
    return [PageValues(*each) for each in _common_pages()]


@cache
def _common_pages() -> tuple[tuple[bytes, bytes | None], ...]:
    """Each nexus has its task set, another's reset is told with TASK ABORTED, commands may be reordered,
    exceptions are not reported. What :class:`PageValues` is made of.
    """
    control = ControlPage.build(
        tst=1, gltsd=True, queue_algorithm_modifier=1, tas=True, busy_timeout_period=0xFFFF
    )
    return (
        (bytes(control), bytes(ControlPage.build(d_sense=True, swp=True))),
        (bytes(InformationalExceptionsPage.build(dexcpt=True)), None),
    )
