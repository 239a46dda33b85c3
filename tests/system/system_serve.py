"""``pysrp serve`` with the media of the tests, and with a fault of the server's own if one is named.

    system_serve.py FAULT ARGUMENTS OF PYSRP

``late:`` is a medium that finishes late and out of order, ``c:`` one in C.
"""

import sys

from media_rig import LateMedium
from pysrp.cli import main
from pysrp.media import SCHEMES
from pysrp.target.effects import Flush, Move
from pysrp.target.medium import Medium, MediumRequest, Operation, Stragglers
from pysrp.target.units.moving import MoveCommands
from pysrp.text import size


def open_late(text: str, *, read_only: bool = False) -> Medium:
    """``late:SIZE``."""
    return LateMedium(size(text))


def open_c(text: str, *, read_only: bool = False) -> Medium:
    """``c:SIZE``."""
    from media_in_c import MediumInC  # which is compiled first

    return MediumInC(size(text))


def flush_is_a_lie() -> None:
    """SYNCHRONIZE CACHE is answered, and nothing done."""
    Flush.request = lambda self: MediumRequest(Operation.READ)  # type: ignore[method-assign]


def fua_is_ignored() -> None:
    """A WRITE with FUA is one without."""

    def write(self, task, cdb, blocks, fua):  # type: ignore[no-untyped-def]
        start, length = self._extent(cdb, blocks)
        return Move(self.backend, start, length, self.block_size, True, False)

    MoveCommands._write = write  # type: ignore[method-assign]


def aborted_writes_are_overtaken() -> None:
    """What was aborted and runs on at the medium comes after what was written later."""
    Stragglers.hold = lambda self, request, go_on: False  # type: ignore[method-assign]


FAULTS = {each.__name__: each for each in (flush_is_a_lie, fua_is_ignored, aborted_writes_are_overtaken)}

if __name__ == "__main__":
    SCHEMES.update(late="__main__.open_late", c="__main__.open_c")
    if sys.argv[1] != "sound":
        FAULTS[sys.argv[1]]()
    sys.argv[1:] = sys.argv[2:]
    main()
