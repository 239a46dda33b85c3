"""One fuzz target per parser: name, what it feeds, and where its first inputs come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from objects import hostile
from pysrp import crq, fuzz, mad, scsi, srp
from pysrp.fields import View
from pysrp.lun import Lun

CAPTURES = Path(__file__).parents[1] / "tests" / "vectors" / "captures"


def parse_lun(data: bytes | bytearray) -> View:
    """A LUN through its text, its integer and its bytes; as a view, for the common invariant."""
    if len(data) == 8:
        lun = Lun(data)
        assert Lun.from_text(str(lun)) == eval(repr(lun), {"Lun": Lun}) == lun
        # A number whose first level is 0 is not taken for a LUN.
        assert (0 < int(lun) < 1 << 48) or Lun(int(lun)) == lun
    return srp.TskMgmt(bytes(20) + bytes(data[:8]).ljust(8, b"\0") + bytes(20))


def data_in(data: bytes | bytearray) -> View:
    """A CDB of 16 bytes, then what came back for it."""
    view = scsi.parse_data_in(scsi.parse_cdb(bytes(data[:16]).ljust(16, b"\0")), data[16:])
    return view if view is not None else scsi.parse_cdb(bytes(data[:16]).ljust(16, b"\0"))


TARGETS: dict[str, Callable[[Any], View]] = {
    "iu": srp.parse,
    "mad": mad.parse,
    "adapter_info": mad.AdapterInfoData,
    "capabilities": mad.CapabilitiesData,
    "error_log": mad.ErrorLogData,
    "crq": crq.parse,
    "lun": parse_lun,
    "cdb": scsi.parse_cdb,
    "sense": scsi.parse_sense,
    "inquiry": scsi.InquiryData,
    "vpd": scsi.parse_vpd,
    "mode6": scsi.parse_mode6,
    "mode10": scsi.parse_mode10,
    "data_in": data_in,
    "objects": hostile,
}


def corpus(name: str) -> Iterator[bytes]:
    """First inputs: what the captures hold for this parser, and valid structures made at random."""
    if name == "objects":
        yield from (number.to_bytes(4, "big") for number in range(60))
        return
    cdbs: dict[Any, bytes] = {}
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            data = bytes.fromhex(record["hex"])
            if not data or record.get("truncated"):
                continue
            is_mad = record["note"].startswith("MAD")
            if record["what"] == "iu" and not is_mad and data[0] == srp.Opcode.CMD:
                cdbs[record["txn"]] = data[32:48]
            wanted = {
                "iu": record["what"] == "iu" and not is_mad,
                "mad": record["what"] == "iu" and is_mad,
                "crq": record["what"] == "crq",
                "adapter_info": "adapter_info srp" in record["note"],
                "capabilities": record["note"].startswith("capabilities"),
            }
            if wanted.get(name):
                yield data
            elif name == "cdb" and record["what"] == "iu" and data[0] == srp.Opcode.CMD:
                yield data[32:48]
            elif name == "sense" and record["what"] == "iu" and data[0] == srp.Opcode.RSP:
                yield data[36:]
            elif record["what"] == "data" and record["dir"] == "t2i" and record["txn"] in cdbs:
                cdb = cdbs[record["txn"]]
                if name == "data_in":
                    yield cdb + data
                elif (
                    (name == "inquiry" and cdb[:2] == b"\x12\x00")
                    or (name == "vpd" and cdb[:2] == b"\x12\x01")
                    or (name == "mode6" and cdb[0] == 0x1A)
                    or (name == "mode10" and cdb[0] == 0x5A)
                ):
                    yield data
    dispatch = {"iu": srp.iu, "mad": mad.mads}.get(name)
    rng = Random(name)
    for cls in dispatch.classes() if dispatch else []:
        for _ in range(8):
            yield bytes(fuzz.valid(cls, rng))
