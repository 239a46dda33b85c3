"""pysrp's target under an initiator that nobody here wrote: Debian's ibmvscsi, in the lab."""

import pytest
from lab import cross

pytestmark = pytest.mark.power

UNIT = 0x30000028


@pytest.fixture(scope="session")
def wheels(lab):
    """What the scenarios import besides pysrp."""
    return [cross.wheels(lab.cache, "mfusepy")]


def test_readme_filesystems_and_tools(lab, wheels):
    lab.run("scenario_target.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, path=wheels, cpus=2).check()


@pytest.mark.parametrize(("cpus", "machine"), [(1, "ic-mode=xics"), (2, "")], ids=["1cpu-xics", "2cpus-xive"])
def test_faults(lab, cpus, machine):
    lab.run("scenario_faults.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, cpus=cpus, machine=machine).check()
