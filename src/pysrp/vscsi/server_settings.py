"""Settings of a server adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pysrp import mad
from pysrp.errors import ConfigError, check_number, check_text
from pysrp.mad import OsType
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server_mads import HostInfo

__all__ = ["Settings"]

SMALLEST_TRANSFER = 4096
"""The smallest ``max_transfer``, in bytes: the largest block size, as with less a disk could not be read."""

LEAST_TRANSFER = 0x40000
"""Bytes that every client may expect to move with one command (LoPAR)."""


@dataclass(frozen=True)
class Settings:
    """Settings of a target. Lengths in bytes.

    ``partition_name`` and ``partition_number`` default to those of the port. ``os_type`` 3 (AIX) makes Linux
    send fast fail and capabilities. ``max_transfer`` is announced as port_max_txu. ``request_limit`` are the
    credits of a session, 2 at least. ``require_login`` False also serves clients that never log in, such as
    SLOF. With ``relogin`` False a login in a session is rejected, as ibmvscsis does. With ``reject_disabled`` a
    disabled target keeps its queue open and rejects logins, as ibmvstgt did; otherwise it closes the queue, as
    ibmvscsis does.
    ``report_per_target``: REPORT LUNS as SLOF expects it, see :meth:`LunMap.report_luns`; clients without a login
    always get it so. ``name`` is the adapter's, for capabilities. ``target_port_id`` is the target port identifier that a
    login may name; zeros are accepted, too. ``relative_port`` is the relative target port identifier, 1 to 65535, in VPD
    page 83h and persistent reservations; targets that export the same units need different ones. None: a
    :class:`~pysrp.target.serve.Server` takes the lowest that no other server of the process has, else it is 1.
    """

    partition_name: str = ""
    partition_number: int | None = None
    os_type: int = OsType.LINUX
    max_transfer: int = 1 << 26
    request_limit: int = 128
    require_login: bool = True
    relogin: bool = True
    reject_disabled: bool = False
    report_per_target: bool = False
    name: str = "ibmvstgt"
    target_port_id: bytes = bytes(16)
    relative_port: int | None = None

    def __post_init__(self) -> None:
        check_text("partition name", self.partition_name, mad.AdapterInfoData.partition_name.size)
        check_text("name", self.name, mad.CapabilitiesData.name.size)
        if self.partition_number is not None:
            check_number("partition number", self.partition_number, 0, 0xFFFFFFFF)
        check_number("OS type", self.os_type, 0, 0xFFFFFFFF)
        check_number("max transfer", self.max_transfer, SMALLEST_TRANSFER, 0xFFFFFFFF)
        check_number("request limit", self.request_limit, 1, 0x7FFFFFFF)
        if self.relative_port is not None:
            check_number("relative port", self.relative_port, 1, 0xFFFF)
        if len(self.target_port_id) != 16:
            raise ConfigError(f"a target port id of {len(self.target_port_id)} bytes, it has 16")

    def host(self, identity: Any, luns: LunMap) -> HostInfo:
        """The adapter info of an adapter whose port has ``identity``.

        ``max_transfer`` is at most what each unit can move, except for units that move less than :data:`LEAST_TRANSFER`.
        """
        limits = [unit.max_transfer for unit in {export.unit for export in luns}]
        least = [limit for limit in limits if limit is not None and limit >= LEAST_TRANSFER]
        return HostInfo(
            self.partition_name or identity.partition_name,
            identity.partition_number if self.partition_number is None else self.partition_number,
            self.os_type,
            min([self.max_transfer, *least]),
            self.name,
            identity.location_code,
        )
