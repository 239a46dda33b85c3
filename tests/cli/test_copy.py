"""What ``pysrp read`` and ``pysrp write`` are made of."""

from __future__ import annotations

import io
from typing import Any

import pytest

pytest.importorskip("click")

from pysrp.cli.initiator import copy_in, copy_out
from pysrp.errors import SrpError
from pysrp.initiator.units import Pending
from pysrp.lun import Lun


class Short:
    """A unit that moves half of everything, and says GOOD."""

    max_transfer = 1 << 20

    def half(self, length: int) -> Pending:
        pending = Pending(None, Lun(), bytes(10), length, 0)
        pending.status, pending.done = 0, True
        pending.residual = length // 2
        pending.data = bytes(length // 2)
        return pending

    def submit_read(self, lba: int, blocks: int) -> Pending:
        return self.half(blocks * 512)

    def submit_write(self, lba: int, data: bytes) -> Pending:
        return self.half(len(data))

    def flush(self) -> None:
        """There is nothing to do."""


def test_less_than_all_is_an_error() -> None:
    unit: Any = Short()
    with pytest.raises(SrpError, match="2048 bytes"):
        copy_out(unit, 0, 8, 512, io.BytesIO())
    with pytest.raises(SrpError, match="2048 bytes"):
        copy_in(unit, 0, 8, 512, io.BytesIO(bytes(4096)))
