"""Fuzz mad.AdapterInfoData; the invariant stands in invariant.py."""

import harness

harness.fuzz("adapter_info")
