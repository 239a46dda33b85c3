"""libiscsi's conformance suite through our own initiator, by way of iSCSI. It takes minutes: make conformance."""

from __future__ import annotations

from pathlib import Path

import pytest

import public_suite
from conformance_rig import AS_SRP_HAS_IT, LUN, Kind, unit
from iscsi_bridge import bridge

pytestmark = pytest.mark.conformance

KINDS = [
    Kind("ram", 512, thin=True),
    Kind("ram", 512),
    Kind("ram", 4096, thin=True),
    Kind("ram", 4096),
    Kind("ram", 512, thin=True, read_only=True),
    Kind("ram", 512, thin=True, removable=True),
    Kind("file", 512, thin=True),
    Kind("device", 512, thin=True),
    Kind("nbd", 512, thin=True),
    Kind("rbd", 512, thin=True),
    Kind("fault", 512, thin=True),
]
SIZE = 64 << 20
TOO_LATE = {
    "Sanitize.Reset": "wants to be told for seconds that OVERWRITE goes on: it is over by then, 64 MiB do not take so long",
}
"""It passes where they do."""
KNOWN_READ_ONLY = {"Write10.Async": "writes, and does not say what it was told"}
"""Where there is no iSCSI it sends nothing, and passes."""


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_public_suite(kind: Kind, tmp_path: Path) -> None:
    """Those fail that are known to, and no others."""
    if not Path(public_suite.SUITE).exists():
        pytest.skip("NO ISCSI-TEST-CU HERE: apt-get install libiscsi-bin")
    url = f"unix:{tmp_path}/s0"
    with (
        unit(kind, tmp_path, SIZE) as disk,
        bridge(url, LUN, AS_SRP_HAS_IT) as path,
        (tmp_path / "suite.txt").open("w") as log,
    ):
        in_part = kind.thin and disk.physical > 1
        ended = public_suite.results([path, path], lambda: disk.sessions[1].lun_reset(LUN), log.write)
        found = {name: (end, why) for name, end, why in ended}
    known = public_suite.known(
        in_part=in_part,
        untold=kind.thin and not kind.granule,
        removable=kind.removable,
        read_only=kind.read_only,
    )
    known |= TOO_LATE | (KNOWN_READ_ONLY if kind.read_only else {})
    others = public_suite.summary(str(kind), found, known) - TOO_LATE.keys()
    assert not others, f"all that was said: {log.name}"
