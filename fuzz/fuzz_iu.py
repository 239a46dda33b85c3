"""Fuzz srp.parse; the invariant stands in invariant.py."""

import harness

harness.fuzz("iu")
