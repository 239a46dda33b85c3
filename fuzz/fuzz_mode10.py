"""Fuzz scsi.parse_mode10; the invariant stands in invariant.py."""

import harness

harness.fuzz("mode10")
