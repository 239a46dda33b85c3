"""libiscsi's conformance suite through Debian's ibmvscsi in the lab. It takes minutes, and is not part of make power: make conformance."""

import pytest

from lab import cross

pytestmark = pytest.mark.conformance

UNIT = 0x30000028
KNOWN = {
    "GetLBAStatus.UnmapSingle": "asks for the status one block behind what it unmapped, and wants to be told of one physical block "
    "behind it: the same only where these have one block",
    "ReportSupportedOpcodes.OneCommand": "keeps the usage of 16 bytes of a CDB, and misses the operation code in that of one of 32",
    "Sanitize.OverwriteReserved": "changes an iSCSI PDU on its way, and dies (SIGSEGV) where there is no iSCSI; nothing has been sent",
    "WriteSame16.Unmap": "writes and reads 32 MiB with one SG_IO each, which sg refuses (ENOMEM above 8 MiB: 128 pages of 64 KiB): "
    "neither comes to the disk, and that its write has failed it does not notice",
}
"""Tests of the suite that fail, and why it is not our disk that is wrong."""


@pytest.mark.parametrize("kind", ["thin", "thick"])
def test_public_suite(lab, kind):
    """Those alone fail that are known to, and none of these passes."""
    result = lab.run(
        "scenario_conformance.py",
        hex(UNIT),
        kind,
        adapters={UNIT: []},
        pysrp=True,
        path=[cross.wheels(lab.cache, "click>=8.1", "mfusepy>=3")],
        cpus=2,
        timeout=3600,
    ).check()
    found = {"passed": {}, "failed": {}, "skipped": {}}
    for each in result.records:
        if each["name"] == "test":
            found[each["ends"]][each["test"]] = each["why"]
    counts = ", ".join(f"{len(tests)} {ends}" for ends, tests in found.items())
    print(f"\n{kind}: {counts}, in {result.seconds:.0f} s; all that was said: {result.folder}/suite.txt")
    for ends in ("failed", "skipped"):
        for name, why in found[ends].items():
            print(f"{kind}: {ends}: {name}: {KNOWN.get(name, why.strip())}")
    assert not found["failed"].keys() - KNOWN.keys()
    assert not found["passed"].keys() & KNOWN.keys()
