"""Fuzz scsi.InquiryData; the invariant stands in invariant.py."""

import harness

harness.fuzz("inquiry")
