"""The lab's hypervisor: both sides of the door, and Debian's ibmvscsi against a throwaway target."""

import pytest

pytestmark = pytest.mark.power


@pytest.mark.parametrize("cpus", [1, 2])
def test_both_sides(lab, door, cpus):
    lab.run("hyp.py", 0x30000003, path=[door], cpus=cpus).check()


@pytest.mark.parametrize(("cpus", "machine"), [(1, ""), (2, "ic-mode=xics")], ids=["1cpu-xive", "2cpus-xics"])
def test_real_driver_logs_in(lab, door, cpus, machine):
    lab.run(
        "ibmvscsi.py", 0x30000028, path=[door], adapters={0x30000028: []}, cpus=cpus, machine=machine
    ).check()
