"""Fuzz scsi.parse_data_in: a CDB, and what came back for it; the invariant stands in invariant.py."""

import harness

harness.fuzz("data_in")
