"""What ``pysrp read`` and ``pysrp write`` are made of."""

from __future__ import annotations

import io
from typing import Any

import pytest

pytest.importorskip("click")


from command_runner import CommandRunner
from pysrp.backends import Ram
from pysrp.cli.initiator import copy_in, copy_out, reset, show_result
from pysrp.errors import ConfigError, ScsiError, SrpError
from pysrp.initiator.session import Device
from pysrp.initiator.units import Pending, Result
from pysrp.lun import Lun
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server


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


class Whole(Short):
    """A unit that moves all, and keeps nothing."""

    def half(self, length: int) -> Pending:
        pending = super().half(length)
        pending.residual = 0
        return pending


def test_what_comes_from_a_pipe_does_not_fit() -> None:
    """Its length is not known before."""
    unit: Any = Whole()
    with pytest.raises(ConfigError, match="the data is longer than the device: 8 blocks from 0 on"):
        copy_in(unit, 0, 8, 512, io.BytesIO(bytes(4097)))
    with pytest.raises(ConfigError, match="the data ends within a block of 512 bytes"):
        copy_in(unit, 0, 8, 512, io.BytesIO(bytes(513)))
    assert copy_in(unit, 0, 8, 512, io.BytesIO(bytes(4096))).done == 4096


def test_what_nobody_can_read_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """A command cut short, a status and sense data that no standard has."""
    show_result(bytes.fromhex("280000000000"), Result(0x77, b"ab", b"\x00\x01", 0, 0), False, True)
    said = capsys.readouterr()
    assert said.err.splitlines() == ["operation code 28h: 0x77", "00 01"]
    assert said.out == "00000000: 61 62\n"


def test_a_reset_after_which_a_unit_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_ready(self: Device) -> None:
        raise ScsiError("TEST UNIT READY: BUSY", status=8)

    with Server("local:reset_not_ready", LunMap([(256, Disk(Ram(1 << 20), "a"))])) as server:
        monkeypatch.setattr(Device, "test_unit_ready", not_ready)
        result = CommandRunner().invoke(reset, ["1", "-s", server.url])
    assert str(result.exception) == "after the reset: TEST UNIT READY: BUSY"
