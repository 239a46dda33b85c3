"""Persistent reservations over several adapters, targets and servers of one process: real sessions, threads, tasks under way."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from persistent_rig import (
    CLEAR,
    CONFLICT,
    EA,
    IGNORE,
    MOVE,
    PREEMPT,
    PREEMPT_AND_ABORT,
    READ_FULL_STATUS,
    READ_KEYS,
    REGISTER,
    RELEASE,
    RESERVE,
    WE,
    WE_RO,
    in_cdb,
    move_list,
    out_cdb,
    out_list,
)  # fmt: skip
from pysrp.backends import Ram
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.scsi import params
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.reservation_files import ReservationFile
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from target_rig import SlowRam
from waiting import PATIENCE, until

LUN = scst_pack(256, "LUN")
SIZE = 1 << 20
WRITE = bytes.fromhex("2a000000000000000100")
READ = bytes.fromhex("28000000000000000100")
TUR = bytes(6)
TASK_ABORTED = 0x40
_names = itertools.count()


class Node:
    """One initiator port at one target."""

    def __init__(self, url: str, unit_address: int) -> None:
        self.session = Session(url, identity=Identity(unit_address=unit_address))
        self.session.connect(PATIENCE)
        while self.run(TUR).status == 2:
            pass

    def run(self, cdb: bytes, data: bytes | None = None, room: int = 0) -> Any:
        return self.session.execute(LUN, cdb, data_out=data, data_in_length=room, check=False)

    def out(self, action: int, key: int = 0, new: int = 0, kind: int = 0, **fields: Any) -> int:
        data = fields.pop("data", None) or out_list(key, new, **fields)
        return int(self.run(out_cdb(action, kind, length=len(data)), data).status)

    def told(self) -> list[tuple[int, int]]:
        """The unit attentions that are pending, taken."""
        found = []
        while (result := self.run(TUR)).status == 2:
            sense = parse_sense(result.sense)
            assert sense.sense_key == 6
            found.append((sense.asc, sense.ascq))
        return found

    def write(self) -> int:
        return int(self.run(WRITE, bytes(512)).status)

    def read(self) -> int:
        return int(self.run(READ, room=512).status)

    def close(self) -> None:
        self.session.close()


Enter = Callable[[int, int], Node]


@pytest.fixture(params=[Ram, SlowRam], ids=["native", "engine"])
def medium(request: pytest.FixtureRequest) -> Iterator[Ram]:
    with request.param(SIZE) as medium:
        if isinstance(medium, SlowRam):
            medium.gate.set()
        yield medium


@pytest.fixture
def enter(medium: Ram) -> Iterator[Enter]:
    """Two servers with one disk; gives nodes, by server (0, 1) and unit address."""
    disk = Disk(medium, "shared")
    number = next(_names)
    nodes: list[Node] = []
    urls = [f"local:persistent{number}-{n}" for n in range(2)]
    with Server(urls[0], LunMap([(256, disk)]), Settings(relative_port=1)) as one:
        with Server(urls[1], LunMap([(256, disk)]), Settings(relative_port=2)):

            def node(server: int, unit_address: int) -> Node:
                nodes.append(Node(urls[server], unit_address))
                return nodes[-1]

            yield node
            if isinstance(medium, SlowRam):
                medium.gate.set()
            for each in nodes:
                each.close()
        assert one.settings.relative_port == 1


def test_two_servers_have_one_state(enter: Enter) -> None:
    one, two, third = enter(0, 0x11), enter(1, 0x12), enter(1, 0x13)
    assert one.out(REGISTER, 0, 1) == two.out(REGISTER, 0, 2) == 0
    assert params.PrKeys(third.run(in_cdb(READ_KEYS), room=4096).data).keys == [1, 2]
    assert one.out(RESERVE, 1, kind=WE) == 0
    assert (one.write(), two.write(), third.write()) == (0, CONFLICT, CONFLICT)
    assert (one.read(), two.read(), third.read()) == (0, 0, 0)
    assert two.out(PREEMPT, 2, 1, WE_RO) == 0
    assert one.told() == [(0x2A, 5)]
    assert (one.write(), two.write(), third.write()) == (CONFLICT, 0, CONFLICT)
    assert two.out(RELEASE, 2, kind=WE_RO) == 0
    assert (one.told(), two.told(), third.told()) == ([], [], [])
    assert (one.write(), two.write(), third.write()) == (0, 0, 0)
    assert third.out(REGISTER, 0, 3) == two.out(CLEAR, 2) == 0
    assert (one.told(), two.told(), third.told()) == ([], [], [(0x2A, 3)])


def test_the_same_initiator_port_at_two_targets_is_two_nexuses(enter: Enter) -> None:
    here, there = enter(0, 0x11), enter(1, 0x11)
    assert here.out(REGISTER, 0, 1) == here.out(RESERVE, 1, kind=EA) == 0
    assert (here.write(), there.write(), there.read()) == (0, CONFLICT, CONFLICT)
    port = (0x11).to_bytes(16, "big")
    assert here.out(MOVE, data=move_list(1, 5, port, relative=2, unreg=True)) == 0
    assert (here.write(), there.write()) == (CONFLICT, 0)
    found = params.PrFullStatus(there.run(in_cdb(READ_FULL_STATUS), room=4096).data).descriptors
    assert [(one.reservation_key, one.relative_target_port_identifier, one.r_holder) for one in found] == [
        (5, 2, True)
    ]
    assert bytes(found[0].transport_id.initiator_port_identifier) == port


def test_a_registration_outlasts_what_ends_a_session(enter: Enter) -> None:
    holder, other = enter(0, 0x11), enter(1, 0x12)
    assert holder.out(REGISTER, 0, 1) == holder.out(RESERVE, 1, kind=WE) == 0
    other.session.lun_reset(LUN)
    assert holder.told() == [(0x29, 0)]
    other.told()
    assert (holder.write(), other.write()) == (0, CONFLICT)
    holder.close()
    assert other.write() == CONFLICT
    back = enter(0, 0x11)
    assert (back.write(), other.write()) == (0, CONFLICT)
    assert back.out(RELEASE, 1, kind=WE) == 0
    assert other.write() == 0


@pytest.mark.parametrize("medium", [SlowRam], ids=["engine"], indirect=True)
def test_preempt_and_abort(enter: Enter, medium: SlowRam) -> None:
    """The tasks of who is preempted end TASK ABORTED, and those alone; then comes GOOD."""
    fencer, victim, bystander = enter(0, 0x11), enter(1, 0x12), enter(1, 0x13)
    for key, node in enumerate((fencer, victim, bystander), 1):
        assert node.out(REGISTER, 0, key) == 0
    assert victim.out(RESERVE, 2, kind=WE_RO) == 0
    medium.gate.clear()
    while medium.started.acquire(blocking=False):
        pass
    lost = victim.session.submit(LUN, WRITE, data_out=b"\1" * 512)
    spared = bystander.session.submit(
        LUN, WRITE.replace(b"\0\0\0\0\0\0\0\1", b"\0\0\0\0\1\0\0\1"), data_out=b"\2" * 512
    )
    for _ in range(2):
        assert medium.started.acquire(timeout=PATIENCE)
    assert fencer.out(PREEMPT_AND_ABORT, 1, 2, WE_RO) == 0
    assert victim.session.gather([lost], check=False)[0].status == TASK_ABORTED
    assert not spared.done
    medium.gate.set()
    assert bystander.session.gather([spared], check=False)[0].status == 0
    assert victim.told() == [(0x2A, 5)]
    assert victim.write() == CONFLICT


@pytest.mark.parametrize("medium", [SlowRam], ids=["engine"], indirect=True)
def test_who_preempts_itself_has_its_other_tasks_ended(enter: Enter, medium: SlowRam) -> None:
    node = enter(0, 0x11)
    assert node.out(REGISTER, 0, 1) == 0
    medium.gate.clear()
    while medium.started.acquire(blocking=False):
        pass
    lost = node.session.submit(LUN, WRITE, data_out=b"\1" * 512)
    node.session.flush()
    assert medium.started.acquire(timeout=PATIENCE)
    assert node.out(PREEMPT_AND_ABORT, 1, 1) == 0
    assert node.session.gather([lost], check=False)[0].status == TASK_ABORTED
    medium.gate.set()
    assert node.out(REGISTER, 0, 2) == 0, "its registration has gone, too"


class Writer(threading.Thread):
    """Writes the numbers from 1 on, one after the other, until that conflicts."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        self.sent = 0
        """The last number that has been sent."""
        self.status = 0

    def run(self) -> None:
        while self.status != CONFLICT:
            self.sent += 1
            self.status = int(self.node.run(WRITE, self.sent.to_bytes(8, "big") * 64).status)


@pytest.mark.parametrize("action", [PREEMPT, PREEMPT_AND_ABORT])
def test_who_is_preempted_writes_no_more(enter: Enter, medium: Ram, action: int) -> None:
    """However fast it writes: after PREEMPT no command that it sends then, after PREEMPT AND ABORT no byte at all."""
    fencer, victim = enter(0, 0x11), enter(1, 0x12)
    assert fencer.out(REGISTER, 0, 1) == 0
    memory = memoryview(medium.memory())[:512]
    for _ in range(5):
        assert victim.out(IGNORE, 0, 2) == 0
        assert fencer.out(RESERVE, 1, kind=WE_RO) == 0
        writer = Writer(victim)
        writer.start()
        until(lambda writer=writer: writer.sent > 20)  # type: ignore[misc]
        assert fencer.out(action, 1, 2) == 0
        before, sent = bytes(memory), writer.sent
        writer.join(PATIENCE)
        assert writer.status == CONFLICT
        assert int.from_bytes(memory[:8], "big") <= sent
        assert action == PREEMPT or bytes(memory) == before
        victim.told()
    memory.release()


def test_eight_threads_and_one_lock(tmp_path: Path) -> None:
    """A reservation is a lock: never two hold it; PRGENERATION counts what was GOOD, and no more."""
    rounds, threads = 12, 8
    number = next(_names)
    urls = [f"local:persistent{number}-{n}" for n in range(2)]
    inside: list[int] = []
    counted = [0] * threads
    errors: list[BaseException] = []
    with ReservationFile(tmp_path / "pr") as store, Ram(SIZE) as ram:
        disk = Disk(ram, "shared", reservations=store)
        with Server(urls[0], LunMap([(256, disk)])), Server(urls[1], LunMap([(256, disk)])):
            start = threading.Barrier(threads)

            def work(me: int) -> None:
                node = Node(urls[me % 2], 0x100 + me)
                try:
                    start.wait(PATIENCE)
                    contend(node, me)
                except BaseException as error:
                    errors.append(error)
                finally:
                    node.close()

            def contend(node: Node, me: int) -> None:
                key = me + 1
                rng = random.Random(me)
                for _ in range(rounds):
                    counted[me] += node.out(IGNORE, 0, key, aptpl=rng.random() < 0.2) == 0
                    kind = rng.choice((WE, EA))
                    if node.out(RESERVE, key, kind=kind) == 0:
                        inside.append(me)
                        assert inside == [me], "two hold it"
                        assert node.write() == 0
                        inside.remove(me)
                        assert node.out(RELEASE, key, kind=kind) == 0
                    counted[me] += node.out(REGISTER, key, 0) == 0

            crowd = [threading.Thread(target=work, args=(me,)) for me in range(threads)]
            for thread in crowd:
                thread.start()
            for thread in crowd:
                thread.join()
            assert errors == []
            assert counted == [2 * rounds] * threads
            assert disk.persistent.generation == sum(counted)
            assert (disk.persistent.keys, disk.persistent.type) == ({}, None)
            until(lambda: not disk.nexuses())
