"""What is said of the tests of libiscsi's suite that are known to fail."""

from __future__ import annotations

import public_suite


def test_a_test_that_is_known_to_fail_must_not_pass() -> None:
    known = {"A.Fails": "why", "A.Skips": "why", "A.Passes": "why", "A.Missing": "why"}
    found = {
        "A.Fails": "failed",
        "A.Skips": "skipped",
        "A.Passes": "passed",
        "B.Fails": "failed",
        "B.Passes": "passed",
    }
    others = public_suite.summary("unit", {name: (end, "") for name, end in found.items()}, known)
    assert others == {"A.Passes", "B.Fails"}


def test_what_fails_depends_on_the_unit() -> None:
    plain = public_suite.known(in_part=False, removable=False, read_only=False)
    assert plain == public_suite.KNOWN
    every = public_suite.known(in_part=True, removable=True, read_only=True)
    untold = public_suite.known(in_part=False, removable=False, read_only=False, untold=True)
    assert {*untold} - {*plain} == {"Sanitize.BlockErase"}
    assert {"GetLBAStatus.UnmapSingle", "PreventAllow.Eject", "ExtendedCopy.ValidTgtDescr"} == {*every} - {*plain} - {
        "StartStopUnit.NoLoej", "StartStopUnit.PwrCnd", "ReceiveCopyResults.CopyStatus",
    }  # fmt: skip
