"""Fuzz scsi.parse_mode6; the invariant stands in invariant.py."""

import harness

harness.fuzz("mode6")
