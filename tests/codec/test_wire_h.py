"""The C structs in wire.h against the field tables: two descriptions, tied here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from pysrp import crq, srp

COMPILER = shlex.split(os.environ.get("CC", "gcc"))
STRUCTS = {
    "wire_crq": crq.Element,
    "wire_direct_buf": srp.DirectBuf,
    "wire_indirect_buf": srp.IndirectBuf,
    "wire_cmd": srp.Cmd,
    "wire_rsp": srp.Rsp,
    "wire_tsk_mgmt": srp.TskMgmt,
}


def test_offsets_and_sizes(tmp_path: Path) -> None:
    header = resources.files("pysrp._fast") / "wire.h"
    bodies = dict(re.findall(r"struct (wire_\w+) \{(.*?)\} WIRE_PACKED", header.read_text(), re.S))
    assert set(bodies) == set(STRUCTS), "a struct of wire.h is tied to no table"
    lines = []
    for struct, body in bodies.items():
        for name in re.findall(r"(\w+)(?:\[\d+\])?(?=[,;])", body):
            lines.append(f"P({struct}, {name});")
    program = tmp_path / "offsets.c"
    program.write_text(
        '#include <stdio.h>\n#include "wire.h"\n'
        '#define P(s, m) printf(#s " " #m " %zu %zu\\n", offsetof(struct s, m), sizeof(((struct s *)0)->m))\n'
        "int main(void) {" + "".join(lines) + "return 0; }\n"
    )
    with resources.as_file(header) as path:
        subprocess.run([*COMPILER, "-I", path.parent, "-o", tmp_path / "offsets", program], check=True)
    output = subprocess.run([tmp_path / "offsets"], check=True, capture_output=True, text=True).stdout
    seen = 0
    for struct, name, offset, size in (line.split() for line in output.splitlines()):
        fields = {f.name: f for f in STRUCTS[struct].FIELDS}
        if name == "buf_fmt":  # two nibbles in the table
            assert {fields["data_out_fmt"].offset, fields["data_in_fmt"].offset} == {int(offset)}
        else:
            field = fields[name]
            assert (field.offset, field.size) == (int(offset), int(size)), f"{struct}.{name}"
        seen += 1
    assert seen >= 40


def test_other_compilers_are_refused(tmp_path: Path) -> None:
    header = resources.files("pysrp._fast") / "wire.h"
    with resources.as_file(header) as path:
        result = subprocess.run(
            [*COMPILER, "-U__GNUC__", "-fsyntax-only", "-x", "c", path],
            capture_output=True,
            text=True,
        )
    if result.returncode == 0:
        pytest.fail("wire.h must not compile where its builtins are missing")
    assert "pysrp needs gcc or clang" in result.stderr
