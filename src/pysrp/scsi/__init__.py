"""SCSI: CDBs, sense, parameter data, and the codes that they share.

``parse_cdb(buf)`` gives a view of the class that opcode and service action select; see :mod:`pysrp.scsi.cdb`.
"""

from __future__ import annotations

from pysrp.scsi import cdb, codes
from pysrp.scsi.cdb import *  # noqa: F403
from pysrp.scsi.codes import *  # noqa: F403

__all__ = [*cdb.__all__, *codes.__all__]
