"""The POWER lab for pytest: the session fixture `lab` (see lab/__init__.py)."""

import os

import pytest

from lab import REPO, Lab, LabUnavailable, cross


@pytest.fixture(scope="session")
def lab():
    """The lab, set up. Skips, naming what is missing; PYSRP_LAB_REQUIRED=1 makes that a failure."""
    try:
        lab = Lab()
        lab.setup()
    except LabUnavailable as error:
        if os.environ.get("PYSRP_LAB_REQUIRED", "") not in ("", "0"):
            pytest.fail(f"POWER lab required, but {error}", pytrace=False)
        pytest.skip(f"no POWER lab: {error}")
    return lab


@pytest.fixture(scope="session")
def door(lab):
    """Folder with `_door`, a binding of the door's header that owes nothing to pysrp."""
    script = REPO / "tests/power/guest/door_build.py"
    return cross.build_cffi(lab.debian, lab.cache, script, "ppc64el", REPO / "kernel/include/vscsi_crq.h")
