"""APTPL through kill -9: a real server process is killed at random moments, and the next one knows what was answered."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from persistent_rig import (
    CLEAR,
    EA,
    IGNORE,
    PREEMPT,
    READ_FULL_STATUS,
    REGISTER,
    RELEASE,
    RESERVE,
    TYPES,
    WE,
    in_cdb,
    out_cdb,
    out_list,
)  # fmt: skip
from pysrp.errors import PartnerGone
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.scsi import params
from waiting import PATIENCE, until

ROUNDS = 10
LUN = scst_pack(256, "LUN")
NODES = 3

Seen = tuple[dict[int, int], int | None, int | None]
"""Keys by node, the type, and who holds it."""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    url = f"unix:{folder}/vscsi"
    words = ["serve", url, "--file", f"data={folder}/data,1M", "--lun", "data=256", "-q", "--json"]
    command = [sys.executable, "-m", "pysrp", *words, "--reservations", str(folder / "pr")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["url"] == url
            yield url, process
        finally:
            process.kill()


def enter(url: str, node: int) -> Session:
    session = Session(url, identity=Identity(unit_address=0x50 + node))
    session.connect(PATIENCE)
    return session


def run(session: Session, cdb: bytes, data: bytes | None = None, room: int = 0) -> tuple[int, bytes]:
    """A command, after the unit attentions that come first."""
    while True:
        found = session.execute(LUN, cdb, data_out=data, data_in_length=room, check=False)
        if found.status != 2 or bytes(found.sense)[2] & 0xF != 6:
            return found.status, bytes(found.data or b"")


def seen(session: Session) -> Seen:
    keys: dict[int, int] = {}
    kind = holder = None
    for one in params.PrFullStatus(run(session, in_cdb(READ_FULL_STATUS), room=4096)[1]).descriptors:
        node = one.transport_id.initiator_port_identifier[15] - 0x50
        keys[node] = one.reservation_key
        if one.r_holder:
            kind = int(one.type)
            holder = None if kind in (7, 8) else node
    return keys, kind, holder


class Work:
    """Asks at random, and knows what must have become of what was answered GOOD."""

    def __init__(self, seed: int, state: Seen) -> None:
        self.rng = random.Random(seed)
        self.states = [state]
        self.done = 0
        """How many of the states have been answered; the one after that may be so or not."""

    def step(self, sessions: list[Session]) -> None:
        keys, kind, holder = self.states[-1]
        node = self.rng.randrange(NODES)
        key, new = keys.get(node, 0), self.rng.randrange(1, 1 << 64)
        if not key:
            action, asked, after = IGNORE, 0, ({**keys, node: new}, kind, holder)
        else:
            action, asked, after = self.choose(node, new)
            new = 0 if action in (RESERVE, RELEASE, CLEAR) else new
        if action == PREEMPT:
            new = 0 if kind in (7, 8) else keys[holder]  # type: ignore[index]
        self.states.append(after)
        data = out_list(key, new, aptpl=True)
        status, _ = run(sessions[node], out_cdb(action, asked), data)
        assert status == 0, f"{action} {asked} of {node} in {keys, kind, holder}"
        self.done += 1

    def choose(self, node: int, new: int) -> tuple[int, int, Seen]:
        """What a registered node may do now: service action, type, and what comes of it."""
        keys, kind, holder = self.states[-1]
        asked = self.rng.choice(TYPES)
        mine = None if asked in (7, 8) else node
        choices: list[tuple[int, int, Seen]] = [(REGISTER, 0, ({**keys, node: new}, kind, holder))]
        if kind is None:
            choices.append((RESERVE, asked, (keys, asked, mine)))
        else:
            if kind in (7, 8) or holder == node:
                choices.append((RELEASE, kind, (keys, None, None)))
            gone = {one for one in keys if one != node and (kind in (7, 8) or one == holder)}
            choices.append((PREEMPT, asked, ({n: k for n, k in keys.items() if n not in gone}, asked, mine)))
        if self.rng.random() < 0.1:
            return CLEAR, 0, ({}, None, None)
        return self.rng.choice(choices)


def work_until_killed(folder: Path, work: Work, rng: random.Random) -> None:
    """Ask until the server is killed, which happens somewhere behind a random number of answers."""
    with serving(folder) as (url, process):
        sessions = [enter(url, node) for node in range(NODES)]
        assert seen(sessions[0]) == work.states[0]

        def ask() -> None:
            with contextlib.suppress(PartnerGone):
                while True:
                    work.step(sessions)

        thread = threading.Thread(target=ask)
        thread.start()
        enough = rng.randrange(1, 40)
        until(lambda: work.done >= enough or not thread.is_alive())
        for _ in range(rng.randrange(100_000)):
            pass
        process.send_signal(signal.SIGKILL)
        thread.join(PATIENCE)
        assert work.done >= enough, "it worked until it was killed"
        for session in sessions:
            session.close()


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """What comes back is what was answered last or, if it was under way, what came next."""
    rng = random.Random(15)
    state: Seen = ({}, None, None)
    for number in range(ROUNDS):
        work = Work(number, state)
        work_until_killed(tmp_path, work, rng)
        with serving(tmp_path) as (url, process):
            session = enter(url, 0)
            state = seen(session)
            session.close()
            assert state in work.states[work.done : work.done + 2], f"round {number}"
            process.terminate()
            process.wait(PATIENCE)


def test_a_corrupt_file_is_told_and_the_disk_is_not_served(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        session = enter(url, 0)
        assert run(session, out_cdb(REGISTER), out_list(0, 1, aptpl=True))[0] == 0
        assert run(session, out_cdb(RESERVE, EA), out_list(1))[0] == 0
        session.close()
    (file,) = tmp_path.glob("pr/*.pr")
    raw = bytearray(file.read_bytes())
    raw[60] ^= 1
    file.write_bytes(raw)
    words = ["serve", f"unix:{tmp_path}/vscsi", "--file", f"data={tmp_path}/data", "--lun", "data=256"]
    command = [sys.executable, "-m", "pysrp", *words, "--reservations", str(tmp_path / "pr")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert found.returncode != 0
    assert str(file) in found.stderr
    assert "checksum" in found.stderr


def test_without_aptpl_nothing_is_left(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        session = enter(url, 0)
        assert run(session, out_cdb(REGISTER), out_list(0, 1))[0] == 0
        assert run(session, out_cdb(RESERVE, WE), out_list(1))[0] == 0
        session.close()
    with serving(tmp_path) as (url, _):
        session = enter(url, 1)
        assert seen(session) == ({}, None, None)
        session.close()
    assert list(tmp_path.glob("pr/*.pr")) == []
