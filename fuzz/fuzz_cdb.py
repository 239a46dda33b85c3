"""Fuzz scsi.parse_cdb; the invariant stands in invariant.py."""

import harness

harness.fuzz("cdb")
