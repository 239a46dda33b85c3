"""libiscsi's conformance suite through Debian's ibmvscsi in the lab. It takes minutes, and is not part of make power: make conformance."""

import sys

import pytest

from lab import REPO, cross

FOLDER = REPO / "tests/conformance"
sys.path.append(str(FOLDER))
import public_suite  # noqa: E402 - the guest has it from there too

pytestmark = pytest.mark.conformance

UNIT, OTHER = 0x30000028, 0x30001029
KNOWN = {
    "Sanitize.OverwriteReserved": "changes an iSCSI PDU on its way, and dies (SIGSEGV) where there is no iSCSI; nothing has been sent",
}
KNOWN_IN_PART = {
    "WriteSame16.Unmap": "writes and reads 32 MiB with one SG_IO each, which sg refuses (ENOMEM above 8 MiB: 128 pages of 64 KiB): "
    "neither comes to the disk, and that its write has failed it does not notice",
}
KINDS = {
    "thin, two paths": "",
    "thick": "",
    "thin, 4096": ";thin_provisioned=1;blocksize=4096",
    "thin, read-only": ";thin_provisioned=1;read_only=1",
    "thin, removable": ";thin_provisioned=1;removable=1",
}


@pytest.mark.parametrize("kind", KINDS)
def test_public_suite(lab, kind):
    """Those fail that are known to, and no others."""
    units = [UNIT, OTHER] if "two paths" in kind else [UNIT]
    result = lab.run(
        "scenario_conformance.py",
        KINDS[kind],
        *map(hex, units),
        adapters={unit: [] for unit in units},
        pysrp=True,
        path=[FOLDER, cross.wheels(lab.cache, "click>=8.1", "mfusepy>=3")],
        cpus=2,
        timeout=3600,
    ).check()
    found = {each["test"]: (each["ends"], each["why"]) for each in result.records if each["name"] == "test"}
    in_part, read_only = "thin" in kind and "4096" not in kind, "read-only" in kind
    known = KNOWN | public_suite.known(in_part=in_part, removable="removable" in kind, read_only=read_only)
    if in_part and not read_only:
        known |= KNOWN_IN_PART
    others = public_suite.summary(kind, found, known)
    print(f"{kind}: in {result.seconds:.0f} s; all that was said: {result.folder}/suite.txt")
    assert not others
