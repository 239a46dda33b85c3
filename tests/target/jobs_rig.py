"""Two clients of one unit in which something goes on, over a medium that takes a step when it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pysrp.scsi.sense import parse_sense
from pysrp.target.lunmap import LunMap
from pysrp.target.workers import Pool
from target_rig import MIB, Rig
from turns import Stepped, Turns
from waiting import until

TUR, SENSE = "000000000000", "03000000fc00"


class Pair:
    """Two clients of one unit."""

    def __init__(self, kind: Callable[[Stepped], Any], size: int = MIB) -> None:
        self.turns = Turns()
        self.medium = Stepped(size, self.turns)
        self.medium.memory()[:] = b"\xff" * size
        self.unit = kind(self.medium)
        self.luns = LunMap([(0, self.unit)])
        self.pool = Pool()
        self.first, self.other = (Rig(self.luns, workers=self.pool) for _ in range(2))
        for rig in self.first, self.other:
            rig.login()
            rig.attended()

    def close(self) -> None:
        self.turns.open()
        assert self.pool.drain(timeout=60)
        self.first.close()
        self.other.close()

    def command(self, rig: Rig, raw: bytes | str, data: bytes = b"", room: int = 0) -> int:
        client = rig.client
        client.poke(data)
        fields: dict[str, Any] = {}
        if data:
            fields["data_out"] = client.data(), len(data)
        if room:
            fields["data_in"] = client.data(MIB), room
        tag = client.cmd(0, raw, **fields)
        rig.run()
        return tag

    def answered(self, rig: Rig, raw: bytes | str, data: bytes = b"", room: int = 0) -> Any:
        """The answer to a command that ends at once."""
        return rig.client.answer(self.command(rig, raw, data, room))

    def bad(self, rig: Rig, raw: bytes | str, data: bytes = b"", room: int = 0) -> Any:
        answer = self.answered(rig, raw, data, room)
        assert answer.status == 2, answer
        return parse_sense(bytes(answer.sense))

    def reported(self, rig: Rig) -> Any:
        """What REQUEST SENSE says."""
        assert self.answered(rig, SENSE, room=252).status == 0
        return parse_sense(rig.client.peek(252, MIB))

    def over(self) -> None:
        """Let the job come to its end."""
        self.turns.open()
        until(lambda: self.unit.job is None)

    def good(self, rig: Rig) -> None:
        assert self.answered(rig, TUR).status == 0

    def ended(self, tag: int) -> Any:
        """The answer of the first one's command that waits for the job."""
        client = self.first.client
        self.first.settle(lambda: any(raw[8:16] == tag.to_bytes(8, "big") for raw in client.answers))
        return client.answer(tag)


def code(sense: Any) -> tuple[int, int, int]:
    """Sense key, ASC, ASCQ."""
    return sense.sense_key, sense.asc, sense.ascq
