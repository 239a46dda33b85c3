"""Fuzz mad.ErrorLogData; the invariant stands in invariant.py."""

import harness

harness.fuzz("error_log")
