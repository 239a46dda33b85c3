"""Fuzz scsi.parse_vpd; the invariant stands in invariant.py."""

import harness

harness.fuzz("vpd")
