"""A name means one thing: no two classes have the same one. Those that have stand here, with the reason."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCES = TESTS.parent / "src"

CDB_AND_DATA = "a command and its data have the standard's one name; pysrp.scsi calls the data ...Data"
TWO_TABLES = "each end of a queue has its table of transitions, in the same words"
BOTH_ENDS = "each half of room 2 has its own, and does not know the other"
ASYNC = "the same in asyncio"
NEEDED = "what a room needs of something in a later one that has this name"

SAME = {
    "Action": TWO_TABLES,
    "Event": TWO_TABLES,
    "State": TWO_TABLES,
    "Step": TWO_TABLES,
    "Limits": BOTH_ENDS,
    "Link": BOTH_ENDS,
    "Device": ASYNC,
    "Session": ASYNC,
    "SgUnit": ASYNC,
    "Backend": NEEDED,
    "Memory": NEEDED,
    "File": "a file of a management tree; a medium that is one",
    "LogPage": "the page's code; the page",
    "Opcode": "SRP's and SCSI's",
    "Status": "LoPAR's of an element and SAM's of a command",
    "Inquiry": CDB_AND_DATA,
    "ReadCapacity10": CDB_AND_DATA,
    "ReadCapacity16": CDB_AND_DATA,
    "ReportLuns": CDB_AND_DATA,
    "ReportTargetPortGroups": CDB_AND_DATA,
    "SetTargetPortGroups": CDB_AND_DATA,
    "SetTimestamp": CDB_AND_DATA,
    "Unmap": CDB_AND_DATA,
}
"""Names that several classes have, and why. An entry that nobody needs fails."""

CYTHON = re.compile(r"^(?:cdef )?class (\w+)", re.MULTILINE)


def classes(path: Path, text: str) -> Iterator[str]:
    """Those of a module, not of a function or a docstring."""
    if path.suffix == ".py":
        found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
        yield from (node.name for node in found if not node.name.startswith("_"))
    else:
        yield from CYTHON.findall(re.sub(r'""".*?"""', "", text, flags=re.DOTALL))


def places() -> dict[str, list[str]]:
    """Where each class is that has not a name for itself."""
    found = defaultdict(list)
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".py", ".pyx", ".pxi"):
            for name in classes(path, path.read_text()):
                found[name].append(str(path.relative_to(SOURCES)))
    assert len(found) > 400
    return {name: where for name, where in found.items() if len(where) > 1}


def test_a_name_means_one_thing() -> None:
    assert {name: where for name, where in places().items() if name not in SAME} == {}


def test_exceptions_are_needed() -> None:
    assert SAME.keys() - places().keys() == set()


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports them by that name alone, and has no place for the second."""
    found = Counter(path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py")
    assert len(found) > 100
    assert [name for name, count in found.items() if count > 1] == []


@pytest.mark.parametrize(
    ("suffix", "text", "found"),
    [
        (".py", "class A:\n    class B: pass\nclass _C: pass", ["A", "B"]),
        (".py", '"""\nclass A:\n"""', []),
        (".pyx", '"""\nclass A:\n"""\ncdef class B(A):\nclass C:\n    x = 1', ["B", "C"]),
    ],
)
def test_what_is_found(suffix: str, text: str, found: list[str]) -> None:
    assert list(classes(Path(f"m{suffix}"), text)) == found


def test_no_command_is_begun_by_a_fork_of_python() -> None:
    """As that may hang beside threads of media: tests/nbd_servers.py. In the POWER lab's guest there are none."""
    found = [path for path in TESTS.rglob("*.py") if re.search(r"preexec_fn\s*=", path.read_text())]
    assert [path.name for path in found if path.parent != TESTS / "power/guest"] == []
