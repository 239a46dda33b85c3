"""The rate of a fuzzer's inputs: bent IUs that are parsed, and commands to a target in this process."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from clock import each, record, stopwatch
from pysrp import fuzz, scsi, srp
from pysrp.backends import Ram
from pysrp.errors import DecodeError
from pysrp.fuzz.inprocess import InProcess
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap

COUNT = 2000


@each("bend an SRP_CMD and parse it")
def bench_mutate_and_parse(benchmark: Any) -> None:
    mutator, cmd = fuzz.Mutator(1), fuzz.valid(srp.Cmd, Random(3))

    def once() -> None:
        for _ in range(COUNT):
            try:
                srp.parse(mutator.mutate(cmd))
            except DecodeError:
                continue

    record(benchmark, stopwatch(once, COUNT), lambda seconds: seconds, 20)


@pytest.mark.parametrize("what", ["TEST UNIT READY", "READ(10) of a block", "bent commands"])
@each()
def bench_commands_in_process(benchmark: Any, what: str) -> None:
    benchmark.group = f"in process: {what}"
    target = InProcess(LunMap([(0, Disk(Ram(1 << 20)))]))
    mutator, rng, data = fuzz.Mutator(1), Random(1), bytes(512)
    kinds = [cls for cls in scsi.commands.classes() if 6 <= cls.SIZE <= 16]
    valid = [fuzz.valid(cls, rng) for cls in kinds for _ in range(4)]
    bent = [mutator.mutate(rng.choice(valid))[:16] or b"\0" for _ in range(COUNT)]
    read = bytes.fromhex("28000000000800000100")
    case: Callable[[], Any] = {
        "TEST UNIT READY": lambda: [target.run(bytes(6)) for _ in range(COUNT)],
        "READ(10) of a block": lambda: [target.run(read, room=512) for _ in range(COUNT)],
        "bent commands": lambda: [target.run(cdb, room=512, data=data) for cdb in bent],
    }[what]
    target.run(bytes(6))
    record(benchmark, stopwatch(case, COUNT), lambda seconds: seconds, 20)
