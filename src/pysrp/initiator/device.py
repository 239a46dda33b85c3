"""Protocols of a logical unit and of a host that finds units, independent of the transport.

A tool that is typed against these runs over VSCSI (:mod:`pysrp.initiator.session`) and over Linux SCSI generic
(:mod:`pysrp.sg`)::

    def serial_numbers(host: ScsiHost) -> dict[str, str]:
        return {str(device.hctl): device.inquiry(0x80).serial for device in host.scan()}

:func:`pysrp.initiator.connect` opens the one that a URL names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from pysrp.initiator.units import Capacity, Result
from pysrp.lun import Hctl, Lun
from pysrp.scsi.inquiry import Inquiry

__all__ = ["ScsiDevice", "ScsiHost", "Started"]


class Started(Protocol):
    """A command that has been started."""

    done: bool
    """Whether :meth:`result` returns at once."""

    def result(self, check: bool = True) -> Result:
        """Wait until the command has ended. Raises its error; with ``check`` also a ScsiError for a status other than success."""


@runtime_checkable
class ScsiDevice(Protocol):
    """A logical unit in blocking calls; units, errors and limits are those of :class:`pysrp.initiator.session.Device`."""

    @property
    def host(self) -> int:
        """Number of the SCSI host, the first of the four in Linux's addresses."""

    @property
    def hctl(self) -> Hctl:
        """Linux's channel, id and lun."""

    @property
    def lun(self) -> Lun:
        """The eight bytes of the logical unit number (SAM-5, 4.7)."""

    @property
    def inquiry_data(self) -> Inquiry:
        """Standard INQUIRY data, from the scan."""

    @property
    def type(self) -> int:
        """Peripheral device type."""

    @property
    def vendor(self) -> str:
        """T10 vendor identification."""

    @property
    def product(self) -> str:
        """Product identification."""

    @property
    def revision(self) -> str:
        """Product revision level."""

    @property
    def max_transfer(self) -> int:
        """The most bytes that one command may move."""

    def inquiry(self, vpd: int | None = None) -> Any:
        """Standard INQUIRY data, or VPD page ``vpd``."""

    def capacity(self) -> Capacity:
        """READ CAPACITY: the number of blocks, and the bytes in a block."""

    def test_unit_ready(self) -> None:
        """TEST UNIT READY: return if the unit can take reads and writes."""

    def read(self, lba: int, blocks: int = 1) -> bytes:
        """Read any number of blocks, from ``lba`` on."""

    def read_into(self, lba: int, buffer: Any) -> None:
        """Fill ``buffer`` (writable, whole blocks) from ``lba`` on."""

    def write(self, lba: int, data: Any, fua: bool = False) -> None:
        """Write whole blocks from ``lba`` on."""

    def flush(self) -> None:
        """SYNCHRONIZE CACHE."""

    def submit_read(self, lba: int, blocks: int = 1) -> Started:
        """Start one READ of at most :attr:`max_transfer` bytes."""

    def submit_write(self, lba: int, data: Any) -> Started:
        """Start one WRITE of at most :attr:`max_transfer` bytes."""

    def persistent_reserve_in(self, action: int) -> Any:
        """PERSISTENT RESERVE IN; ``action`` is a PersistentReserveInAction."""

    def persistent_reserve_out(self, action: int, parameters: Any, type: int = 0) -> None:
        """PERSISTENT RESERVE OUT; ``action`` is a PersistentReserveOutAction."""

    def execute(
        self,
        cdb: Any,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        timeout: float = 60,
        check: bool = True,
        **more: Any,
    ) -> Result:
        """Send any command, a CDB of :mod:`pysrp.scsi` or its bytes; ``timeout`` in seconds, 0 for none."""

    def reset(self, timeout: float = 0) -> None:
        """LUN RESET."""


@runtime_checkable
class ScsiHost(Protocol):
    """A source of logical units: a session with a target, or the SCSI devices of this machine."""

    def scan(
        self, channels: Iterable[int] = ..., ids: Iterable[int] = ..., luns: int = ...
    ) -> Sequence[ScsiDevice]:
        """All logical units, on these channels and ids, with LUN numbers below ``luns``."""

    def close(self) -> None:
        """Close the session or the devices. Harmless when repeated."""

    def __enter__(self) -> ScsiHost: ...

    def __exit__(self, *_: object) -> None: ...
