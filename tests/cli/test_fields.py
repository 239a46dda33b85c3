"""`pysrp fields`: every structure can be shown, by every name that is printed, with all that its table says."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Any

import pytest

pytest.importorskip("click")


from command_runner import CommandRunner
from pysrp import crq, scsi, srp
from pysrp.cli.fields import everything, fields, full
from pysrp.fields import Structure


def shown(*arguments: str) -> str:
    done = CommandRunner().invoke(fields, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def table(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown(*arguments, "--json"))
    return found


def test_every_name_that_is_listed_is_understood() -> None:
    listed = [line.split()[0] for line in shown().splitlines()]
    assert len(listed) == len(set(listed)) > 200
    assert listed == json.loads(shown("--json"))
    classes = {full(cls): cls for cls in everything()}
    assert set(listed) == set(classes)
    for name, cls in classes.items():
        for way in name, name.removeprefix("pysrp."), name.upper():
            assert table(way)["class"] == name
        # The table is the class's: nothing is left out.
        rows = table(name)["fields"]
        assert [row["field"] for row in rows] == [f.name for f in cls.FIELDS]
        assert shown(name).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("srp.Cmd", srp.Cmd), ("crq.Element", crq.Element), ("scsi.Read10", scsi.Read10), ("cdb.read10", scsi.Read10),
        ("InquiryData", scsi.InquiryData), ("scsi.InquiryData", scsi.InquiryData),
        *((name, getattr(scsi, name)) for name in (
            "Inquiry", "ReadCapacity10", "ReadCapacity16", "ReportLuns", "Unmap", "ReportTargetPortGroups",
            "SetTargetPortGroups", "SetTimestamp",
        )),
    ],
)  # fmt: skip
def test_names_as_in_python(name: str, cls: type[Structure]) -> None:
    """A plain name is the command's, as in pysrp.scsi; what else bears it is said."""
    for way in name, name.lower():
        assert table(way)["class"] == full(cls)
    others = [full(one) for one in everything() if one.__name__ == cls.__name__ and one is not cls]
    for other in others if "Data" not in name else []:
        assert f"pysrp fields {other.removeprefix('pysrp.')}" in shown(name)


def test_every_command_can_be_shown() -> None:
    commands = list(everything(scsi.Cdb))
    assert len(commands) > 100
    for cls in commands:
        assert table(f"scsi.{cls.__name__}")["class"] == full(cls)


def test_meanings() -> None:
    text = shown("TskMgmt")
    assert re.search(r"^ +0 +1  opcode +always 0x01 TSK_MGMT; Which IU", text, re.MULTILINE)
    assert re.search(r"^ +20 +8  lun +LUN; The logical unit", text, re.MULTILINE)
    assert re.search(r"^ +30 +1  tsk_mgmt_func +TskMgmtFunc; Which tasks", text, re.MULTILINE)
    assert re.search(r"^ +31 +1  rsvd31 +reserved$", text, re.MULTILINE)
    for one in srp.TskMgmtFunc:
        assert re.search(rf"^  {int(one):#04x}  {one.name}$", text, re.MULTILINE)
    assert "``" not in text
    text = shown("srp.Cmd")
    assert re.search(r"^ +5  7\.\.4 +1  data_out_fmt +BufferFormat; How", text, re.MULTILINE)
    assert re.search(
        r"^ +32 +var  cdb +bytes; bits 7\.\.2 of byte 31 \* 4 \+16 bytes; What", text, re.MULTILINE
    )
    assert re.search(
        r"^ +then +var  data_in +DirectBuf or IndirectBuf; as data_in_fmt says; Where", text, re.MULTILINE
    )
    assert re.search(r"^ +1  0 +1  evpd +flag; Set: a page", shown("scsi.Inquiry"), re.MULTILINE)


def test_enumerations_are_complete() -> None:
    for cls in everything():
        enums = table(full(cls))["enums"]
        for f in cls.FIELDS:
            enum: Any = getattr(f, "enum", None)
            if (
                enum is not None
                and getattr(f, "must", None) is None
                and isinstance(enum, type)
                and issubclass(enum, Enum)
            ):
                assert enums[enum.__name__] == {x.name: int(x) for x in sorted(enum.__members__.values())}


def test_names_of_a_module_and_of_nothing() -> None:
    lines = shown("crq").splitlines()
    assert [line.split()[0] for line in lines] == [
        full(cls) for cls in everything() if cls.__module__ == "pysrp.crq"
    ]
    for name, hint in (
        ("Reed10", "perhaps Read10"),
        ("Cmdd", "perhaps Cmd;"),
        ("", ""),
        ("..", ""),
        ("pysrp.nothing", "'pysrp fields' lists them"),
    ):
        done = CommandRunner().invoke(fields, [name])
        assert done.exit_code == (2 if name.strip(".") else 0), done.output
        assert hint in done.output


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("READ(10)", "READ(10), 10 bytes"), ("READ_10", "READ(10), 10 bytes"), ("read 10", "READ(10), 10 bytes"),
        ("SRP_CMD", "SRP_CMD, initiator to target"), ("srp_cmd", "SRP_CMD, initiator to target"),
        ("TEST UNIT READY", "TEST UNIT READY"), ("ADAPTER_INFO", "ADAPTER_INFO, 24 bytes"),
    ],
)  # fmt: skip
def test_the_standards_own_names(name: str, first: str) -> None:
    assert first in shown(name).splitlines()[0] + shown(name).splitlines()[1]
