"""SCSI: CDBs and the codes that commands, parameter data and sense data share."""

from __future__ import annotations

from pysrp.scsi import codes
from pysrp.scsi.codes import *  # noqa: F403

__all__ = [*codes.__all__]
