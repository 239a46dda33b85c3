"""How long each kind of command took, from a recording: python analyse.py session.jsonl (needs polars)."""

import sys
from collections.abc import Iterable
from typing import Any

import polars

from pysrp import scsi, srp
from pysrp.fabric import recording

ROOM = 256
"""Bytes for each IU: an SRP_CMD with a CDB of 16 bytes and three descriptors needs less."""


def table(records: Iterable[recording.Record], cls: Any, opcode: int, fields: list[str]) -> polars.DataFrame:
    """A row for each IU of a class: its transaction, its time, and these fields, decoded as columns."""
    found = [
        (each.transaction, each.time, each.data[:ROOM])
        for each in records
        if each.what == "iu" and each.data[:1] == bytes([opcode])
    ]
    together = b"".join(iu.ljust(ROOM, b"\0") for *_, iu in found)
    columns = polars.DataFrame(cls.columns(together, ROOM, fields))
    return columns.with_columns(
        polars.Series("txn", [number for number, *_ in found], polars.Int64),
        polars.Series("time", [time for _, time, _ in found], polars.Float64),
    )


def analyse(path: str) -> polars.DataFrame:
    """For each command by name: how often, the median and the longest time in microseconds, how many not GOOD."""
    records = list(recording.read(path))
    asked = table(records, srp.Cmd, srp.Opcode.CMD, ["tag", "cdb"])
    answered = table(records, srp.Rsp, srp.Opcode.RSP, ["tag", "status"])
    names = [getattr(scsi.parse_cdb(cdb), "name", f"{cdb[0]:02x}h") for cdb in asked["cdb"]]
    return (
        asked.with_columns(polars.Series("command", names, polars.String))
        .join(answered, on=["txn", "tag"], suffix="_end")
        .with_columns(us=(polars.col("time_end") - polars.col("time")) * 1e6)
        .group_by("command")
        .agg(
            polars.len().alias("count"),
            polars.col("us").median().alias("median"),
            polars.col("us").max().alias("longest"),
            (polars.col("status") != 0).sum().alias("not_good"),
        )
        .sort("count", "command", descending=[True, False])
    )


if __name__ == "__main__":
    print(analyse(sys.argv[1]))
