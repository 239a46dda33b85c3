"""The contract suite of pysrp.fabric over vio:, both sides in one guest: see guest/scenario_contract.py."""

import re
import shutil

import pytest

from lab import REPO, cross

pytestmark = pytest.mark.power

UNIT = 0x30000028


def test_contract(lab, tmp_path):
    folder = tmp_path / "fabric"
    folder.mkdir()
    for file in (REPO / "tests/fabric").glob("*.py"):
        shutil.copyfile(file, folder / file.name)
    # The factory of guest/scenario_vio.py in the place of the simulated transports'.
    rig = folder / "fabric_rig.py"
    text, count = re.subn(
        "^FACTORIES = .*$", "from scenario_vio import FACTORIES", rig.read_text(), flags=re.M
    )
    assert count == 1
    rig.write_text(text)
    packages = cross.wheels(lab.cache, "pytest>=8", "hypothesis>=6.100")
    result = lab.run(
        "scenario_contract.py", "/shares/0", adapters={UNIT: []}, shares=[folder], pysrp=True,
        path=[packages], cpus=2,
    )  # fmt: skip
    result.check()
    assert len(result.records) > 50
