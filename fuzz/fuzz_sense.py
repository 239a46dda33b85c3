"""Fuzz scsi.parse_sense; the invariant stands in invariant.py."""

import harness

harness.fuzz("sense")
