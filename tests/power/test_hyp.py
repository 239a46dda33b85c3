"""The lab's hypervisor: both sides of the door."""

import pytest

pytestmark = pytest.mark.power


@pytest.mark.parametrize(
    ("cpus", "kernel"),
    [(1, "bookworm"), (2, "trixie"), (1, "sid")],
    indirect=["kernel"],
    ids=["1cpu-bookworm", "2cpus-trixie", "1cpu-sid"],
)
def test_both_sides(lab, door, cpus, kernel):
    lab.run("hyp.py", 0x30000003, path=[door], cpus=cpus, kernel=kernel).check()
