"""libiscsi's conformance suite, iscsi-test-cu (Debian's 1.19), test by test: for this host and for the lab's guests alike."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator

SUITE = "/usr/bin/iscsi-test-cu"

KNOWN = {
    "ReportSupportedOpcodes.OneCommand": "keeps the usage of 16 bytes of a CDB, and misses the operation code in that of one "
    "of 32",
}
"""Tests that fail whatever the unit and the transport are, and why it is not our disk that is wrong."""

KNOWN_IN_PART = {
    "GetLBAStatus.UnmapSingle": "asks for the status one block behind what it unmapped, and wants to be told of one physical "
    "block behind it: the same only where these have one block",
}
"""Those that fail besides on thin units whose physical blocks have more than one block."""

KNOWN_REMOVABLE = {
    "PreventAllow.Eject": "wants the loading of a medium refused too while its removal is prevented",
    "StartStopUnit.NoLoej": "wants a unit that was stopped to be ready",
    "StartStopUnit.PwrCnd": "wants reserved POWER CONDITIONs to be carried out",
}
"""Those that fail besides on removable units."""

KNOWN_UNTOLD = {
    "Sanitize.BlockErase": "wants no block to be mapped afterwards: 0h, which is also for what is not known (SBC-4, 5.7.2)",
}
"""Those that fail besides on thin units whose medium does not tell what is mapped."""

COPIES = "copies to a disk that cannot be written: COPY ABORTED, as the target device has refused it"
KNOWN_READ_ONLY = {
    "ExtendedCopy.ValidTgtDescr": COPIES,
    "ReceiveCopyResults.CopyStatus": COPIES,
}
"""Those that fail besides on units that cannot be written."""


def known(*, in_part: bool, removable: bool, read_only: bool, untold: bool = False) -> dict[str, str]:
    """Those that fail on such a unit; ``in_part``: it is thin, and its physical blocks have more than one block; ``untold``: it
    is thin, and its medium does not tell what is mapped.
    """
    kinds = (
        (in_part, KNOWN_IN_PART),
        (untold, KNOWN_UNTOLD),
        (removable, KNOWN_REMOVABLE),
        (read_only, KNOWN_READ_ONLY),
    )
    return KNOWN | {name: why for is_one, tests in kinds if is_one for name, why in tests.items()}


def run(*words: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SUITE, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=seconds
    )  # fmt: skip


def names() -> list[str]:
    """Of its tests, in its order, those of its family iSCSI left out, which are about that transport."""
    found = re.findall(r"^SCSI\.(\w+\.[\w-]+)$", run("--list").stdout, re.M)
    assert len(found) > 200, found
    return found


def results(
    devices: list[str], before: Callable[[], object], log: Callable[[str], object]
) -> Iterator[tuple[str, str, str]]:
    """Each test by itself, as they take for granted what one before may have changed, and some end the program.

    ``devices``: the unit, by one path or two; ``before`` is called before each, ``log`` with what it has said. Gives names,
    how they end (passed, skipped, failed) and why.
    """
    for name in names():
        before()
        done = run("--dataloss", "--allow-sanitize", "--Verbose-scsi", f"--test=SCSI.{name}", *devices)
        log(f"\n$ {name}\n{done.stdout}exit {done.returncode}\n")
        yield name, *judged(done.returncode, done.stdout)


def judged(status: int, said: str) -> tuple[str, str]:
    """How a test has ended, and why. One that was told that it cannot write wants another unit: it counts as skipped."""
    if status < 0:
        return "failed", signal.Signals(-status).name
    if found := re.search(r"^(?:  Test: .*)?FAILED\n((?:    .*\n)+)", said, re.M):
        if re.search(r"\[FAILED\].*(WRITE_PROTECTED|\(0x07\)/\(0x2700\))", said):
            return "skipped", "Logical unit is write-protected."
        return "failed", "; ".join(found[1].split("\n")[:3])
    if found := re.search(r"\[SKIPPED\] *(.*)", said):
        return "skipped", found[1]
    return ("passed", "") if re.search(r"passed(?: |$)", said, re.M) else ("failed", said[-500:])


def summary(kind: str, found: dict[str, tuple[str, str]], known: dict[str, str]) -> set[str]:
    """Print how many ended how, and why what did not pass did not; the names of those that failed and are not known to, or are
    and passed.
    """
    ends = [end for end, _ in found.values()]
    print(
        f"\n{kind}: {ends.count('passed')} passed, {ends.count('failed')} failed, {ends.count('skipped')} skipped"
    )
    for end in ("failed", "skipped"):
        for name, (ended, why) in found.items():
            if ended == end:
                print(
                    f"{kind}: {end}: {name}: {known.get(name, why.strip()) if end == 'failed' else why.strip()}"
                )
    stale = {name for name, (end, _) in found.items() if end == "passed"} & known.keys()
    for name in stale:
        print(f"{kind}: passed, though known to fail: {name}")
    return {name for name, (end, _) in found.items() if end == "failed"} - known.keys() | stale
