"""Fuzz lun.Lun, by bytes, integer and text; the invariant stands in invariant.py."""

import harness

harness.fuzz("lun")
