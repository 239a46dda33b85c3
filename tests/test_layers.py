"""The rooms of ARCHITECTURE.md: each uses only rooms above it, and those above the edges use nothing with effects."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pysrp
from layers import named

ROOT = Path(pysrp.__file__).parent
FAST = Path(__file__).parents[1] / "src/_fast"

ROOMS = [
    (
        0,
        (
            "errors",
            "tables",
            "loglimit",
            "papr",
            "text",
            "_fast",
            "_fast.wire",
            "_fast.view",
            "_fast.lun",
            "_fast.srp",
            "_fast.crq",
            "_fast.native",
            "_fast.capsule",
            "_fast.copy",
            "_fast.told",
            "_fast.stretch",
        ),
    ),
    (1, ("fields", "crq", "srp", "mad", "lun", "scsi")),
    (
        2,
        (
            "initiator",
            "target",
            "_fast.ear",
            "_fast.gate",
            "_fast.lane",
            "_fast.medium",
            "_fast.queue",
            "_fast.plain",
            "_fast.commands",
            "_fast.unshared",
        ),
    ),
    (3, ("vscsi", "_fast.client_queue")),
    (
        4,
        (
            "fabric",
            "backends",
            "media",
            "target.reservation_files",
            "target.kept_files",
            "target.saved_files",
            "target.workers",
            "_fast.clock",
            "_fast.fabric",
            "_fast.bell",
            "_fast.crq_link",
            "_fast.crq_client_link",
            "_fast.ram",
            "_fast.channel",
            "_fast.crew",
            "_fast.process",
            "_fast.file_bytes",
            "_fast.file_medium",
            "_fast.nbd_driver",
            "_fast.nbd_kept",
            "_fast.nbd_library",
            "_fast.nbd_loop",
            "_fast.nbd_medium",
            "_fast.nbd_requests",
            "_fast.rbd_keeper",
            "_fast.rbd_library",
            "_fast.rbd_medium",
            "_fast.rbd_requests",
            "_fast.uring",
        ),
    ),
    (
        5,
        (
            "latch",
            "_fast.aio_promise",
            "_fast.turns",
            "initiator.aio",
            "initiator.changed_units",
            "initiator.driver",
            "initiator.engine",
            "initiator.giving_up",
            "initiator.hosts",
            "initiator.runs",
            "initiator.session",
            "initiator.staging",
            "initiator.turns",
            "initiator.workload",
            "sg",
            "target.engine",
            "target.flushing",
            "target.serve",
        ),
    ),
    (6, ("scst",)),
    (7, ("cli", "fuzz", "wireshark", "__main__")),
]
"""Room, what is in it. A longer name wins over a shorter one. A Cython module is in the room of its idea."""

FRONTS = ("initiator", "target")
"""Packages that give users, when asked, names of rooms below their own. No room uses these names."""

EDGES = 4
"""The first room that has to do with the machine: memory that others map, sockets, files, clocks."""

SEPARATE = {"fabric": {"backends", "media"}, "backends": {"fabric", "media"}, "media": {"fabric"}}

OPEN: dict[tuple[str, str], str] = {}
"""Where the code is not yet as it should be, and why. An entry that nobody needs fails."""

LIBRARY = frozenset(
    """__future__ abc array collections contextlib copy dataclasses enum errno functools hashlib itertools logging math operator re
    struct types typing weakref cython libc.errno libc.limits libc.stddef libc.stdint libc.stdlib libc.string cpython""".split()
) | {"threading.Lock", "uuid.UUID", "warnings.warn"}
"""What the rooms above the edges may use that is not ours: nothing that waits, opens, starts or tells the time."""

MORE = {
    "": {"importlib.import_module"},
    "tables": {"csv", "importlib.resources", "importlib.resources.files"},
}
"""What one of these rooms may use beside it: the package loads its modules when asked, the tables their files."""

HEADERS = {
    "<stdint.h>",
    "<stdlib.h>",
    "<string.h>",
    "<stddef.h>",
    "<limits.h>",
    "<Python.h>",
    "<structmember.h>",
}

PARTS = tuple(sorted(path.name for path in FAST.glob("*.pxi")))
"""What a Cython module includes, and what is therefore in its room: ``view_field.pxi`` is a part of ``view``."""

SOURCES = sorted(
    [*ROOT.rglob("*.py"), *(path for kind in ("pyx", "pxd", "pxi", "h") for path in FAST.glob(f"*.{kind}"))]
)


def module_of(path: Path) -> str:
    """The name below pysrp, empty for the package itself."""
    if path.suffix == ".pxi":
        return f"_fast.{path.stem.rpartition('_')[0]}"
    if FAST in path.parents:
        return f"_fast.{path.stem}"
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def room(module: str) -> tuple[int, str]:
    """Number and name of the room of a module; the bare package counts as room 0."""
    best = (0, "")
    for number, names in ROOMS:
        for name in names:
            if (module == name or module.startswith(name + ".")) and len(name) > len(best[1]):
                best = (number, name)
    return best


def within(name: str, allowed: set[str] | frozenset[str]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in allowed)


def faults(module: str, text: str, suffix: str) -> list[str]:
    """What a module names that its room may not, each with a reason."""
    number, name = (EDGES + 1, module) if module in FRONTS else room(module)
    if module and not name:
        return [f"{module} is in no room: add it to ROOMS"]
    found = []
    for target in named(text, suffix):
        if target.startswith('"'):
            if target[1:-1] not in PARTS or module_of(FAST / target[1:-1]) != module:
                found.append(f"{module} includes {target}, which is no part of it")
        elif target.startswith("."):
            found.append(f"{module}: relative import of {target}")
        elif target.startswith("<") and (FAST / target[1:-1]).exists():
            found += _own(module, number, name, f"_fast.{target[1:-1].removesuffix('.h')}")
        elif target == "pysrp" or target.startswith("pysrp."):
            found += _own(module, number, name, target.removeprefix("pysrp").lstrip("."))
        elif number < EDGES and not (target in HEADERS or within(target, LIBRARY | MORE.get(name, set()))):
            found.append(f"{module} (room {number}) uses {target}")
    return found


def _own(module: str, number: int, name: str, target: str) -> list[str]:
    other, other_name = room(target)
    package, _, each = target.rpartition(".")
    if target in FRONTS or (package in FRONTS and not (ROOT / package / f"{each}.py").exists()):
        return [f"{module} imports {target} from a front: name the module it lives in"]
    if (module, other_name) in OPEN or (target.startswith("__") and target.endswith("__")):
        return []
    if target and not other_name:
        return [f"{module} names {target}, which is in no room"]
    if other > number:
        return [f"{module} (room {number}) imports {target} (room {other})"]
    if other_name in SEPARATE.get(name, set()):
        return [f"{module} imports {target}: neither may know the other"]
    if number == 0 and name.startswith("_fast") and not other_name.startswith(("_fast", "errors")):
        return [f"{module} imports {target}: only errors, and its own kind"]
    return []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path) + path.suffix)
def test_rooms_are_kept(path: Path) -> None:
    assert faults(module_of(path), path.read_text(), path.suffix) == []


def test_all_that_is_compiled_is_read() -> None:
    compiled = {path.name.partition(".")[0] for folder in pysrp_fast() for path in folder.glob("*.so")}
    assert compiled
    assert compiled == {path.stem for path in SOURCES if path.suffix == ".pyx"}


def test_every_part_is_included_by_its_module_once() -> None:
    included = [
        (module_of(path), target.strip('"'))
        for path in SOURCES
        for target in named(path.read_text(), path.suffix)
        if target.startswith('"')
    ]
    assert sorted(included) == sorted((module_of(FAST / part), part) for part in PARTS)
    assert all((FAST / f"{part.rpartition('_')[0]}.pyx").exists() for part in PARTS)


def pysrp_fast() -> list[Path]:
    from pysrp import _fast

    return [Path(each) for each in _fast.__path__]


def test_exceptions_are_needed() -> None:
    needed = set()
    for path in SOURCES:
        for target in named(path.read_text(), path.suffix):
            own = f"pysrp._fast.{target[1:-3]}" if target.startswith("<") else target
            needed.add((module_of(path), room(own.removeprefix("pysrp."))[1]))
    assert OPEN.keys() <= needed


@pytest.mark.parametrize(
    ("module", "suffix", "planted"),
    [
        ("target.srp_session", ".py", "import socket, threading, time, select, os, mmap"),
        ("target.srp_session", ".py", "import threading\n_thread = threading.Thread"),
        ("target.srp_session", ".py", "import threading as t\nt.Thread()"),
        ("target.srp_session", ".py", "from threading import Lock, Thread"),
        ("target.srp_session", ".py", "import threading\nspread(threading)"),
        ("target.srp_session", ".py", "def wait():\n    from time import sleep"),
        ("target.srp_session", ".py", "import concurrent.futures"),
        ("target.srp_session", ".py", "import numpy"),
        ("target.srp_session", ".py", "data = open('/etc/passwd')"),
        ("target.srp_session", ".py", "time = __import__('time')"),
        ("target.srp_session", ".py", "from importlib import import_module"),
        ("target.srp_session", ".py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pysrp.fabric import Port"),
        ("target.srp_session", ".py", "import pysrp\npysrp.fabric.connect"),
        ("target.srp_session", ".py", "from pysrp import fabric"),
        ("target.srp_session", ".py", "from . import serve"),
        ("target.srp_session", ".py", "from pysrp.target import Disk"),
        ("initiator.session", ".py", "from pysrp.initiator import Session"),
        ("initiator.engine", ".py", "import pysrp.initiator\npysrp.initiator.Session"),
        ("initiator", ".py", "from pysrp.cli import main"),
        ("fabric.shm", ".py", "from pysrp.backends import Ram"),
        ("srp", ".py", "from pysrp._fast.lane import Lane"),
        ("novelty", ".py", ""),
        ("_fast.view", ".pyx", "from time import sleep"),
        ("_fast.view", ".pyx", "cdef int f():\n    import os, socket"),
        ("_fast.view", ".pyx", "from pysrp.srp import Cmd"),
        ("_fast.view", ".pyx", "from pysrp._fast.fabric cimport Adapter"),
        ("_fast.view", ".pyx", "from pysrp._fast.fabric cimport (  # two lines\n    Adapter,\n)"),
        ("_fast.view", ".pyx", "from pysrp._fast cimport \\\n    fabric"),
        ("_fast.view", ".pyx", "from libc.time cimport time"),
        ("_fast.view", ".pyx", "from posix.unistd cimport read"),
        ("_fast.view", ".pyx", 'include "other.pxi"'),
        ("_fast.lun", ".pyx", 'include "view_field.pxi"'),
        ("_fast.view", ".pyx", "include \\\n    'view_field.pxi'"),
        ("_fast.view", ".pxi", "from time import sleep"),
        ("_fast.view", ".pxi", "from pysrp._fast.fabric cimport Adapter"),
        ("_fast.view", ".pyx", 'cdef extern from "pthread.h" nogil:\n    pass'),
        ("_fast.view", ".pyx", 'cdef extern from *:\n    """\n    #include <sys/socket.h>\n    """'),
        ("_fast.view", ".pyx", "cdef f():\n    return open('x')"),
        ("_fast.lun", ".pxd", "cimport pysrp._fast.fabric as fabric"),
        ("_fast.lun", ".pxd", 'cdef extern from "fabric.h":\n    pass'),
        ("_fast.wire", ".h", "#include <time.h>"),
        ("_fast.wire", ".h", '#include "fabric.h"'),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(module: str, suffix: str, planted: str) -> None:
    assert faults(module, planted, suffix)


@pytest.mark.parametrize(
    ("module", "suffix", "text"),
    [
        (
            "target.srp_session",
            ".py",
            "import threading\nlock = threading.Lock()\nfrom pysrp import crq, __version__",
        ),
        ("target.srp_session", ".py", '"""import socket"""'),
        ("target.serve", ".py", "import socket, time\nfrom pysrp.fabric import listen"),
        ("_fast.view", ".pyx", "# import time\ndef f():\n    '''from time import sleep'''\n    x.open(1)"),
        ("_fast.view", ".pyx", "from libc.string cimport memcpy\nfrom pysrp._fast.lun cimport lun_load"),
        ("_fast.fabric", ".pyx", "import os\nfrom posix.unistd cimport read"),
        ("_fast.view", ".pyx", 'include "view_field.pxi"  # not: include "other.pxi"'),
        ("_fast.view", ".pyx", "cdef class Valve:\n    def open(self):\n        pass"),
    ],
)
def test_what_is_allowed_is_let_be(module: str, suffix: str, text: str) -> None:
    assert faults(module, text, suffix) == []


def test_no_module_is_heavy_at_import() -> None:
    """Optional dependencies are imported where they are used."""
    allowed = {"cli": {"click", "rich"}, "scst.cli": {"click"}, "fuzz": {"hypothesis"}}
    for path in ROOT.rglob("*.py"):
        module = module_of(path)
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                heavy = name.split(".")[0] in {"click", "rich", "numpy", "hypothesis", "mfusepy", "construct"}
                permitted = any(
                    (module == room or module.startswith(room + ".")) and name.split(".")[0] in extras
                    for room, extras in allowed.items()
                )
                assert not heavy or permitted, f"{module} imports {name} at once"
