"""The capture files, for every test that replays them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "vectors"
CAPTURES = sorted((VECTORS / "captures").glob("*.jsonl"))
LAB = sorted((VECTORS / "captures/lab").glob("*.jsonl"))
"""Of pysrp itself, against real peers."""


def capture_records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of one capture file whose bytes are all there."""
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["hex"] and not record.get("truncated"):
            record["data"] = bytes.fromhex(record["hex"])
            yield record
