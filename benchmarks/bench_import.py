"""What does an import cost? Compares an interpreter that imports with one that does nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

CASES = {
    "an empty interpreter": "pass",
    "pysrp": "import pysrp",
    "pysrp.srp": "import pysrp.srp",
    "pysrp.scsi": "import pysrp.scsi",
    "the initiator": "import pysrp.initiator.session",
}


@pytest.mark.parametrize("who", CASES)
def bench_import(benchmark: Any, who: str) -> None:
    benchmark.group = "start an interpreter and import"
    command = [sys.executable, "-I", "-c", CASES[who]]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=12, iterations=1, warmup_rounds=2)
