"""A loop that lingers: it looks for more before the engine is asked, and whoever wants it gets it."""

from __future__ import annotations

import gc
import io
import os
import select
import threading

import pytest

from lane_rig import lane
from media_in_c import MediumInC
from pysrp.backends import Ram
from pysrp.fabric.recorder import Recorder
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from target_rig import MIB, PATIENCE, Rig

FOR_EVER = 10**15
"""Nanoseconds."""


class Turn:
    """One call of the engine, in a thread."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.thread = threading.Thread(target=rig.target.process, args=(rig.now,), daemon=True)
        self.thread.start()

    def answered(self, tag: int) -> bool:
        """Whether the answer comes, and the call goes on."""
        client = self.rig.client
        while all(raw[8:16] != tag.to_bytes(8, "big") for raw in client.answers):
            assert client.port.wait(PATIENCE), "no answer"
            client.answers.extend(client.port.poll())
        return client.answer(tag).status == 0 and self.thread.is_alive()

    def over(self) -> bool:
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()


def ready(luns: LunMap, *, crowded: bool) -> Rig:
    """Logged in, the lane laid, and an owner that has slept."""
    rig = Rig(luns)
    rig.login()
    rig.run()
    while rig.server.wait(1e-9):  # it may have been woken by what the login has led to
        rig.run()
    rig.server.spin, rig.server.crowded = FOR_EVER, crowded
    return rig


def test_commands_that_come_while_it_lingers() -> None:
    with Ram(MIB) as ram:
        rig = ready(LunMap([(256, Disk(ram))]), crowded=True)
        before = lane(rig).total
        first = rig.client.read(256, 0, 8)
        turn = Turn(rig)
        assert turn.answered(first)
        assert turn.answered(rig.client.write(256, 0, b"x" * 512))
        assert turn.answered(rig.client.read(256, 8, 8))
        rig.server.wake()
        assert turn.over(), "somebody wants it"
        last = rig.client.read(256, 16, 8)
        rig.server.wake()
        turn = Turn(rig)
        assert turn.over(), "somebody has wanted it before"
        assert rig.server.wait(PATIENCE)
        rig.run()
        assert rig.client.answer(last).status == 0
        assert lane(rig).total == before + 4
        rig.close()


def test_commands_that_come_while_it_sleeps() -> None:
    """The engine is not asked, nor the interpreter's lock: it goes on as long as its owner would have slept."""
    with Ram(MIB) as ram:
        rig = ready(LunMap([(256, Disk(ram))]), crowded=True)
        rig.server.spin, rig.server.patience = 0, FOR_EVER
        first = rig.client.read(256, 0, 8)
        turn = Turn(rig)
        assert turn.answered(first)
        turn.thread.join(0.05)  # time to come back, if it did
        assert turn.answered(rig.client.read(256, 8, 8))
        rig.server.wake()
        assert turn.over(), "somebody wants it"
        rig.server.patience = 1
        rig.client.read(256, 16, 8)
        assert Turn(rig).over(), "its owner would not have slept for long"
        rig.close()


def test_an_owner_is_back_when_it_would_have_been_though_commands_come() -> None:
    """It has clocks of its own."""
    with Ram(MIB) as ram:
        rig = ready(LunMap([(256, Disk(ram))]), crowded=True)
        rig.server.spin, rig.server.patience = 0, 40 * 10**6
        rig.client.read(256, 0, 8)
        turn = Turn(rig)
        commands = 0
        while turn.thread.is_alive():
            turn.thread.join(0.01)
            rig.client.read(256, 0, 8)
            rig.client.answers.extend(rig.client.port.poll())
            commands += 1
        assert commands <= 8, "as many as a nap each allowed"
        rig.close()


@pytest.mark.parametrize("crowded", [False, True])
def test_requests_that_are_over_while_it_lingers(crowded: bool) -> None:
    """Where who is busy with them may need its processor it sleeps meanwhile, and not for long, however patient its owner
    is: a medium that has been looked at may leave it to the next look to find what is over.
    """
    medium = MediumInC(MIB)
    medium.set(hung=crowded)
    rig = ready(LunMap([(256, Disk(medium))]), crowded=crowded)
    rig.server.patience = FOR_EVER
    tag = rig.client.write(256, 0, b"x" * 4096)
    turn = Turn(rig)
    if crowded:
        assert turn.over()
        medium.set()
        assert rig.server.wait(PATIENCE)
        turn = Turn(rig)
    assert turn.answered(tag)
    rig.server.wake()
    assert turn.over()
    rig.close()
    del rig, turn
    gc.collect()
    medium.close()


def test_an_owner_that_does_not_sleep_is_not_kept() -> None:
    with Ram(MIB) as ram:
        rig = Rig(LunMap([(256, Disk(ram))]))
        rig.login()
        rig.run()
        rig.server.spin = FOR_EVER
        rig.client.read(256, 0, 8)
        assert Turn(rig).over()
        rig.close()


def test_an_owner_that_is_signalled_is_not_kept() -> None:
    """It sleeps on the port's descriptor, perhaps on others too."""
    with Ram(MIB) as ram:
        rig = ready(LunMap([(256, Disk(ram))]), crowded=True)
        rig.server.spin, rig.server.patience = 0, FOR_EVER
        rig.server.signal(True)
        rig.client.read(256, 0, 8)
        with select.epoll.fromfd(os.dup(rig.server.fileno())) as bells:
            assert bells.poll(0), "heard, and not heard again"
        assert Turn(rig).over()
        rig.close()


def test_what_is_on_record_is_told_before_it_sleeps() -> None:
    """Who follows the recording sees what has passed while nothing does, and when that was."""
    with Ram(MIB) as ram:
        rig = Rig(LunMap([(256, Disk(ram))]), wrap=lambda port: Recorder(port, io.StringIO()))
        rig.login()
        rig.run()
        rig.far.spin, rig.far.patience = 0, FOR_EVER
        before = lane(rig).total
        rig.client.read(256, 0, 8)
        assert Turn(rig).over()
        assert lane(rig).total == before + 1
        rig.close()
