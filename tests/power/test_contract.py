"""The contract suite of pysrp.fabric over vio:, both sides in one guest: see guest/scenario_contract.py."""

import pytest

from lab import REPO, cross

pytestmark = pytest.mark.power

UNIT = 0x30000028


@pytest.mark.parametrize("kernel", ["trixie"], indirect=True)
def test_contract(lab, kernel):
    result = lab.run(
        "scenario_contract.py",
        adapters={UNIT: []},
        path=[REPO / "tests/fabric", cross.wheels(lab.cache, "pytest>=8")],
        pysrp=True,
        cpus=2,
        kernel=kernel,
    )
    result.check()
    # Nothing is left out but the window into the partner's memory, which a platform does not have.
    left_out = {r["name"]: r["skipped"] for r in result.records if "skipped" in r}
    assert set(left_out.values()) <= {"Skipped: no window, as it should be"}, left_out
    assert all("TestWindow" in name for name in left_out)
    assert len(result.records) > 85
