"""The POWER lab for pytest: the session fixture `lab` (see lab/__init__.py)."""

import os

import pytest
from lab import Lab, LabUnavailable


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
