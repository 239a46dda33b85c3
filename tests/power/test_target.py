"""pysrp's target under an initiator that nobody here wrote: Debian's ibmvscsi, in the lab."""

import pytest

from lab import cross
from pysrp.cli import records

pytestmark = pytest.mark.power

UNIT = 0x30000028


@pytest.fixture(scope="session")
def wheels(lab):
    """What the pysrp command imports besides pysrp."""
    return [cross.wheels(lab.cache, "click>=8.1", "mfusepy>=3")]


def test_readme_filesystems_and_tools(lab, wheels):
    lab.run("scenario_target.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, path=wheels, cpus=2).check()


def test_real_tools(lab, wheels):
    """sg3_utils, ddpt, sdparm, smartctl, blkdiscard, mkfs and fstrim on what thin, thick and slow disks can."""
    lab.run("scenario_tools.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, path=wheels, cpus=2).check()


def test_multipath(lab, wheels):
    """multipath makes a map of our disk, and mpathpersist fences with it."""
    lab.run("scenario_multipath.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, path=wheels, cpus=2).check()


@pytest.mark.parametrize(
    ("cpus", "machine", "kernel", "more"),
    [(1, "ic-mode=xics", "trixie", []), (2, "", "bookworm", ["record", "reject"])],
    indirect=["kernel"],
    ids=["1cpu-xics-trixie", "2cpus-xive-bookworm"],
)
def test_faults(lab, wheels, cpus, machine, kernel, more):
    result = lab.run(
        "scenario_faults.py",
        hex(UNIT),
        *more,
        adapters={UNIT: []},
        pysrp=True,
        path=wheels,
        cpus=cpus,
        machine=machine,
        kernel=kernel,
    ).check()
    for file in result.folder.glob("*.jsonl"):
        if file.name != "results.jsonl":
            assert decoded(file) > 100


def decoded(file):
    """How many records of a capture decode; each must."""
    count = 0
    for record in records.read(file.read_bytes()):
        assert not record.error, record.where
        view = records.decode(record)
        if view is not None:
            view.extent()
            count += 1
    return count


def test_system_calls(lab, wheels):
    """Of the server for a READ: at most six with one under way (6.9 were measured before calls were gathered)."""
    result = lab.run(
        "scenario_calls.py", hex(UNIT), adapters={UNIT: []}, pysrp=True, path=wheels, cpus=2
    ).check()
    told = {each["depth"]: each["per_read"] for each in result.records if each["name"] == "vio"}
    for depth, calls in told.items():
        print(f"vio: {calls} system calls for a READ at depth {depth}")
    assert told[1] < 6.5
    assert told[32] < told[1]
