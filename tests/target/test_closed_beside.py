"""A server's port that another thread closes while its owner's looks for what comes, without the interpreter's lock."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from target_rig import MIB, Rig
from waiting import PATIENCE

FOR_EVER = 1 << 60
"""Nanoseconds."""


def owned(rig: Rig, told: list[Exception]) -> threading.Thread:
    """A thread with the target's loop."""

    def loop() -> None:
        try:
            for now in itertools.count(1):
                rig.target.process(float(now))
                rig.server.wait()
        except Exception as error:
            told.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    return thread


def after_a_command(rig: Rig) -> None:
    """The lane has done one, and looks for the next one."""
    tag = rig.client.read(256, 0, 1)
    while not rig.client.answers:
        assert rig.client.port.wait(PATIENCE)
        rig.client.answers.extend(rig.client.port.poll())
    assert rig.client.answer(tag).status == 0


@pytest.mark.parametrize("before", [lambda rig: None, after_a_command], ids=["waits", "lingers"])
@pytest.mark.parametrize("spin", [0, FOR_EVER], ids=["sleeps", "spins"])
def test_closed_by_another_thread(before: Callable[[Rig], Any], spin: int) -> None:
    """It leaves, and is told; only then anything of the port goes."""
    rig = Rig(LunMap([(256, Disk(Ram(MIB), "disk"))]))
    rig.login()
    rig.server.spin = spin
    told: list[Exception] = []
    thread = owned(rig, told)
    before(rig)
    thread.join(0.05)  # time to come there
    rig.server.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [str(error) for error in told] == ["the port is closed"]
    rig.close()


FORKING = """
import os, signal, threading
from pysrp.fabric.local import pair

near, far = pair()
thread = threading.Thread(target=near.wait)
thread.start()
for _ in range(30):  # the thread waits before all of them are over
    child = os.fork()
    if not child:
        signal.alarm(60)
        near.close()
        far.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
near.wake()
thread.join()
near.close()
far.close()
"""


def test_closed_in_a_child_that_was_forked() -> None:
    """There nobody waits any more, so nobody is waited for; the parent goes on."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], check=True, timeout=PATIENCE)
