"""The lab itself: it boots, reports failures as failures, and has pysrp in it."""

import pytest

from lab.machine import cpio

pytestmark = pytest.mark.power


def test_boots(lab, tmp_path):
    result = lab.run("hello.py", "a b", 7, shares=[tmp_path], pysrp=True, cpus=2).check()
    machine = result.record("uname")
    assert (machine["machine"], machine["cpus"]) == ("ppc64le", 2)
    assert machine["release"] == lab.kernel().version
    assert (tmp_path / "answer").read_text() == "a b 7"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("from labguest import *\nmain(lambda: check('sum', 1 + 1 == 3, got=2))\n", "sum: got=2"),
        ("raise SystemExit(3)\n", "the script exited with 3"),
        ("open('/proc/sysrq-trigger', 'w').write('c')\n", "the machine stopped before the script had ended"),
        ("while True: pass\n", "did not end within"),
    ],
    ids=["check", "exit", "panic", "hang"],
)
def test_failures_are_seen(lab, tmp_path, script, problem):
    path = tmp_path / "failing.py"
    path.write_text(script)
    result = lab.run(path, **({"timeout": 10} if "while" in script else {}))
    with pytest.raises(AssertionError, match=problem):
        result.check()


def test_cpio_is_what_cpio_reads(tmp_path):
    """A known file by hand: header of 110 bytes, name and data padded to 4."""
    archive = cpio([("a/b", b"hello")])
    assert archive[:6] == b"070701"
    assert archive[110:112] == b"a\0"
    at = 112 + 110
    assert archive[at : at + 4] == b"a/b\0"
    assert archive[at + 6 : at + 11] == b"hello"
    assert b"TRAILER!!!\0" in archive
    assert len(archive) % 4 == 0
