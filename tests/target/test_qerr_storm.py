"""QERR 01b and 11b, and three nexuses that err all the time: whose command gets no answer has been told (SAM-6, 5.6 and 5.14)."""

from __future__ import annotations

import random

import pytest

from media_rig import LateMedium
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from target_rig import BLOCK, MIB, Rig
from test_modes import control, select

TUR, BAD = "000000000000", "ff"
CLEARED = 6, 0x2F, 0
TASK_ABORTED = 0x40
Told = list[tuple[str, int, object]]
"""What a nexus has sent, and what it was answered, in order: "sent" or "got", tag, and how."""


class Storm:
    """Three nexuses of a unit with one task set, over a medium that is done with what a test says."""

    def __init__(self, seed: int, errs: tuple[int, ...], **fields: int) -> None:
        self.random, self.errs = random.Random(seed), errs
        self.medium = LateMedium(MIB)
        self.medium.go.clear()
        self.luns = LunMap([(0, Disk(self.medium, "d"))])
        self.rigs = [Rig(self.luns) for _ in range(3)]
        self.told: list[Told] = [[] for _ in self.rigs]
        for rig in self.rigs:
            rig.login()
        for rig in self.rigs:
            rig.attended()
        raw, data = select(control(tst=0, **fields))
        client = self.rigs[0].client
        client.poke(data)
        tag = client.cmd(0, raw, data_out=(client.data(), len(data)))
        self.rigs[0].run()
        assert client.answer(tag).status == 0
        for who in 1, 2:
            assert self.how(who, self.send(who, TUR)) == (6, 0x2A, 1)

    def send(self, who: int, raw: str) -> int:
        client = self.rigs[who].client
        room = {"data_in": (client.data(), BLOCK)} if raw[:2] == "28" else {}
        tag = client.cmd(0, raw, **room)
        self.told[who].append(("sent", tag, raw))
        self.run(who)
        return tag

    def run(self, who: int) -> None:
        rig = self.rigs[who]
        rig.run()
        for raw in [raw for raw in rig.client.answers if raw[0] == 0x80]:
            tag = int.from_bytes(raw[8:16], "big")
            answer = rig.client.answer(tag)
            found: object = answer.status
            if answer.status == 2:
                sense = parse_sense(bytes(answer.sense))
                found = sense.sense_key, sense.asc, sense.ascq
            self.told[who].append(("got", tag, found))

    def how(self, who: int, tag: int) -> object:
        """How that command was answered."""
        (found,) = [found for word, of, found in self.told[who] if (word, of) == ("got", tag)]
        return found

    def step(self) -> None:
        who, what = self.random.randrange(3), self.random.randrange(8)
        if what < 4:
            self.send(who, f"28000000{self.random.randrange(64):04x}00000100")
        elif what == 4:
            self.send(who, BAD if who in self.errs else TUR)
        elif what == 5:
            self.send(who, TUR)
        elif what == 6:
            self.run(who)
        elif self.medium.got:
            self.medium.finish(self.random.randrange(len(self.medium.got)))

    def rest(self) -> None:
        """Nothing is under way, and nothing is left to tell anybody."""
        for _ in range(16):
            while self.medium.got:
                self.medium.finish()
            for who in range(3):
                self.run(who)
        for who in range(3):
            while self.how(who, self.send(who, TUR)):
                assert len(self.told[who]) < 5000
        for rig in self.rigs:
            assert rig.target.session
            assert not rig.target.session.tasks
            assert rig.target.session.outstanding == 0

    def close(self) -> None:
        for rig in self.rigs:
            rig.close()
        self.medium.close()

    def unanswered(self, who: int) -> list[tuple[int, list[object]]]:
        """Commands without an answer, and what was told to their nexus after each was sent."""
        told = self.told[who]
        answered = {tag for word, tag, _ in told if word == "got"}
        return [
            (tag, [how for after, _, how in told[at:] if after == "got"])
            for at, (word, tag, _) in enumerate(told)
            if word == "sent" and tag not in answered
        ]


@pytest.mark.parametrize(("qerr", "tas"), [(1, 0), (1, 1), (3, 0), (0, 0)])
def test_who_gets_no_answer_has_been_told(qerr: int, tas: int) -> None:
    """By CHECK CONDITION of a command of its own or, where that of another nexus ended its command, by 06/2F/00 without TAS, and
    TASK ABORTED with it. Of who never errs itself, such an attention is all that there is to be told.
    """
    silent = cleared = aborted = 0
    for seed in range(8):
        errs = (0, 1, 2) if seed % 2 else (0,)
        storm = Storm(seed, errs, qerr=qerr, tas=tas)
        try:
            for _ in range(150):
                storm.step()
            storm.rest()
            for who in range(3):
                for tag, after in storm.unanswered(who):
                    silent += 1
                    own = who in errs and any(how not in (CLEARED, 0, TASK_ABORTED) for how in after)
                    assert own or CLEARED in after, (seed, who, hex(tag))
                got = [how for word, _, how in storm.told[who] if word == "got"]
                cleared += got.count(CLEARED)
                aborted += got.count(TASK_ABORTED)
        finally:
            storm.close()
    assert bool(silent) == (qerr != 0)
    assert bool(cleared) == (qerr == 1 and not tas)
    assert bool(aborted) == (qerr == 1 and tas == 1)
