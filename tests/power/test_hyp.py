"""The lab's hypervisor: both sides of the door."""

import pytest

pytestmark = pytest.mark.power


@pytest.mark.parametrize("cpus", [1, 2])
def test_both_sides(lab, door, cpus):
    lab.run("hyp.py", 0x30000003, path=[door], cpus=cpus).check()
