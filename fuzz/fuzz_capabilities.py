"""Fuzz mad.CapabilitiesData; the invariant stands in invariant.py."""

import harness

harness.fuzz("capabilities")
