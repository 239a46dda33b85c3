"""What every test may use: the capture files, and the marks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

VECTORS = Path(__file__).parent / "vectors"
CAPTURES = sorted((VECTORS / "captures").glob("*.jsonl"))

settings.register_profile("pysrp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pysrp")


def capture_records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of one capture file whose bytes are all there."""
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["hex"] and not record.get("truncated"):
            record["data"] = bytes.fromhex(record["hex"])
            yield record


@pytest.fixture(params=CAPTURES, ids=lambda path: path.stem)
def capture(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Each capture file in turn, as its records."""
    return list(capture_records(request.param))
