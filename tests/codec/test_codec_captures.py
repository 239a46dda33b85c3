"""What a real Linux driver, SLOF and QEMU's target said to each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from captures import CAPTURES, LAB, capture_records
from pysrp import crq, mad, srp

NAMES = {"SRP_" + re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).upper(): cls for cls in srp.iu.classes()}


def views(capture: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Any]]:
    """Every element, IU and datagram with its record; kinds follow from the queue element's format."""
    formats = {
        r["txn"]: r["data"][1]
        for r in capture
        if r["what"] == "crq" and r["dir"] == "i2t" and r["data"][0] == 0x80
    }
    found = []
    for record in capture:
        if record["what"] == "crq":
            found.append((record, crq.parse(record["data"])))
        elif record["what"] == "iu":
            parse = mad.parse if formats[record["txn"]] == crq.Format.MAD else srp.parse
            found.append((record, parse(record["data"])))
        elif "adapter_info srp_version" in record["note"]:
            found.append((record, mad.AdapterInfoData(record["data"])))
        elif record["note"].startswith("capabilities"):
            found.append((record, mad.CapabilitiesData(record["data"])))
    return found


@pytest.fixture(params=[*CAPTURES, *LAB], ids=lambda path: path.stem)
def any_capture(request: pytest.FixtureRequest) -> tuple[Path, list[dict[str, Any]]]:
    """Those that pysrp took part in too."""
    return request.param, list(capture_records(request.param))


def test_nothing_is_wrong_with_them(any_capture: tuple[Path, list[dict[str, Any]]]) -> None:
    path, capture = any_capture
    found = views(capture)
    assert found
    for record, view in found:
        wrong = view.problems()
        if path in LAB and record["dir"] == "t2i":
            # What ibmvscsi wants of a short transfer: pysrp.target.answers.
            wrong = [problem for problem in wrong if "at once" not in problem.message]
        assert wrong == [], record["note"]


def test_fields_rebuild_the_bytes(any_capture: tuple[Path, list[dict[str, Any]]]) -> None:
    for record, view in views(any_capture[1]):
        assert bytes(type(view).build(**view.to_dict())) == record["data"], record["note"]
        for field in view.FIELDS:
            if not field.variable:
                bytes(view.raw(field.name))


HEX = {
    "tag": "tag", "sol_not": "sol_not", "buf_fmt": "buf_fmt", "flags": "flags", "status": "status",
    "req_flags": "req_flags", "rsp_flags": "rsp_flags", "req_buf_fmt": "req_buf_fmt", "task_tag": "task_tag",
    "func": "tsk_mgmt_func", "reason": "reason", "LUN": "lun",
}  # fmt: skip
DECIMAL = {
    "req_lim_delta": "req_lim_delta", "req_it_iu_len": "req_it_iu_len", "max_it_iu_len": "max_it_iu_len",
    "max_ti_iu_len": "max_ti_iu_len", "out_cnt": "data_out_desc_cnt", "in_cnt": "data_in_desc_cnt",
    "task_attr": "task_attr", "add_cdb_len": "add_cdb_len", "data_out_res": "data_out_res_cnt",
    "data_in_res": "data_in_res_cnt", "sense_len": "sense_data_len", "resp_len": "resp_data_len",
}  # fmt: skip


def number(text: str) -> int:
    """The hexadecimal number that a note begins with."""
    return int(re.match("[0-9a-f]+", text)[0], 16)  # type: ignore[index]


def test_fields_equal_the_notes(capture: list[dict[str, Any]]) -> None:
    checked = 0
    for record, view in views(capture):
        note = dict(re.findall(r"(\w+)(?:\(=tag\))?=([^\s,\]\)]+)", record["note"]))
        if isinstance(view, crq.Element) and view.valid == crq.Valid.CMD_RESP:
            assert view.valid == number(note["valid"])
            assert view.format == number(note["format"].split("(")[0])
            assert view.status == number(note["status"])
            assert view.timeout == int(note["timeout"])
            assert view.IU_length == int(note["IU_length"])
            assert view.IU_data_ptr == number(note["IU_data_ptr"])
        elif isinstance(view, srp.IU):
            assert type(view) is NAMES[record["note"].split()[0]]
            told = {name: number(note[key]) for key, name in HEX.items() if key in note}
            told |= {name: int(note[key]) for key, name in DECIMAL.items() if key in note}
            assert "tag" in told
            for name, value in told.items():
                assert int(getattr(view, name)) == value, name
            if "CDB" in note:
                assert bytes(view.cdb).startswith(bytes.fromhex(note["CDB"]))
        elif isinstance(view, mad.Mad):
            assert view.type == number(note["type"])
            assert view.status == number(note["status"])
            assert view.length == int(note["length"])
            assert view.tag == number(note["tag"])
        else:
            continue
        checked += 1
    assert checked
