"""The native lane over media that take their time: requests under way, and what becomes of them."""

from __future__ import annotations

import errno
import gc
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pysrp._fast.gate import STRAGGLERS
from pysrp._fast.lane import NativeRequest

from lane_rig import lane
from medium_by_hand import HandMedium, close
from pysrp import crq, srp
from pysrp.backends import Ram
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, Operation
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_queue import LANE_MEMORY
from target_rig import MIB, Rig

FUA, NOWAIT = int(Feature.FUA), int(Feature.NOWAIT)
READ, FLUSH = int(Operation.READ), int(Operation.FLUSH)
SLOTS = 1024
"""Requests that a lane may have under way (lane_requests.pxi)."""
FUNCTIONS = [
    TskMgmtFunc.ABORT_TASK,
    TskMgmtFunc.ABORT_TASK_SET,
    TskMgmtFunc.CLEAR_TASK_SET,
    TskMgmtFunc.LUN_RESET,
]


class Scene(Rig):
    """A disk over a medium by hand at LUN 256, and a client that is logged in."""

    def __init__(
        self, medium: HandMedium, luns: LunMap | None = None, *, fast: bool = True, **settings: Any
    ) -> None:
        self.medium = medium
        self.disk = next(iter(luns)).unit if luns is not None else Disk(medium, "by hand")  # type: ignore[assignment]
        super().__init__(
            luns or LunMap([(256, self.disk)]), Settings(max_transfer=4 * MIB, **settings), fast=fast
        )
        self.login()
        self.client.read(256, 0, 1)
        self.run()  # the lane is laid
        medium.finish_all()
        self.run()
        self.client.answers.clear()

    @property
    def session(self) -> Any:
        return self.target.session

    def good(self, tag: int) -> Any:
        answer = self.client.answer(tag)
        assert answer.status == 0, bytes(answer).hex()
        return answer

    def silent(self, tag: int) -> bool:
        return all(raw[8:16] != tag.to_bytes(8, "big") for raw in self.client.answers)

    def under_way(self) -> tuple[int, int]:
        """Of the lane, of the engine."""
        return lane(self).under_way, len(self.session.tasks)

    def finish(self, number: int = 0) -> None:
        assert self.medium.finish(number)
        self.run()

    def gate(self) -> Any:
        return self.session._granted[256][1].gate

    def check(self) -> None:
        """Nothing is left."""
        assert self.under_way() == (0, 0)
        assert not len(self.medium.stragglers)
        assert not self.gate().under_way
        assert not self.gate().reasons
        assert self.session.outstanding == 0


Make = Callable[..., Scene]


@pytest.fixture(params=[False, True], ids=["rings", "listens"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """The medium rings, or leaves it to the loop to look."""
    scenes: list[Scene] = []

    def made(features: int = 0, size: int = 8 * MIB, **options: Any) -> Scene:
        medium = options.pop("medium", None) or HandMedium(size, features, listens=request.param)
        scenes.append(Scene(medium, **options))
        return scenes[-1]

    yield made
    media = {each.medium for each in scenes}
    for each in scenes:
        each.close()
    scenes.clear()
    for medium in media:
        close(medium)


@pytest.fixture
def scene(make: Make) -> Scene:
    return make()


def test_a_medium_that_the_lane_leaves_and_takes_up_again(scene: Scene) -> None:
    """What it has meanwhile is told to the engine, whoever looks."""
    client, disk = scene.client, scene.disk
    tags = [client.read(256, 0, 1)]
    scene.run()
    disk.execute = disk.execute  # type: ignore[method-assign]
    tags.append(client.read(256, 1, 1))
    scene.run()
    assert scene.under_way() == (0, 2)
    del disk.execute
    scene.luns.add(512, Disk(Ram(MIB)))  # so that all are asked again what they grant
    client.cmd(256, "00")  # it is told
    scene.run()
    tags.append(client.read(256, 2, 1))
    scene.run()
    assert scene.medium.waiting == 3
    for tag in tags:
        assert scene.silent(tag)
        scene.finish()
        scene.good(tag)
    scene.check()


# What is plain


def test_a_write_and_a_read_that_wait(scene: Scene) -> None:
    client, data = scene.client, random.Random(1).randbytes(4096)
    before = lane(scene).total
    write = client.write(256, 8, data)
    scene.run()
    assert scene.under_way() == (1, 0)
    client.poke(bytes(4096))  # it was copied once
    assert scene.silent(write)
    scene.finish()
    assert scene.good(write).req_lim_delta == 1
    assert scene.medium.content[4096:8192] == data
    read = client.read(256, 8, 8, offset=8192)
    scene.run()
    assert client.peek(4096, 8192) == bytes(4096)
    scene.finish()
    answer = scene.good(read)
    assert (answer.flags, len(bytes(answer))) == (0, 36)
    assert client.peek(4096, 8192) == data
    assert lane(scene).total == before + 2
    scene.check()


def test_many_in_any_order(scene: Scene) -> None:
    client, choose = scene.client, random.Random(2)
    scene.medium.content[:] = data = choose.randbytes(8 * MIB)
    before = lane(scene).total
    tags = [client.read(256, at * 8, 8, offset=at * 4096) for at in range(100)]
    scene.run()
    assert scene.under_way() == (100, 0)
    while scene.medium.waiting:
        scene.finish(choose.randrange(scene.medium.waiting))
    for tag in tags:
        scene.good(tag)
    assert client.peek(100 * 4096) == data[: 100 * 4096]
    assert lane(scene).total == before + 100
    scene.check()


def test_scattered_memory(scene: Scene) -> None:
    client, data = scene.client, random.Random(3).randbytes(4096)
    client.poke(data)
    places = [(client.data(3000), 1096), (client.data(), 0), (client.data(), 3000)]
    write = client.cmd(256, "2a 00 00000003 00 0008 00", data_out=places)
    scene.run()
    scene.finish()
    scene.good(write)
    assert scene.medium.content[1536 : 1536 + 4096] == data[3000:] + data[:3000]
    read = client.cmd(256, "28 00 00000003 00 0008 00", data_in=places)
    client.poke(bytes(4096))
    scene.run()
    scene.finish()
    scene.good(read)
    assert client.peek(4096) == data
    scene.check()


def test_what_a_medium_does_at_once(make: Make) -> None:
    """Straight between it and the initiator's memory; the rest waits."""
    scene = make(NOWAIT)
    client = scene.client
    scene.medium.set(modulus=2)
    before, asked = lane(scene).total, scene.medium.asked
    now, later = client.write(256, 0, b"n" * 512), client.write(256, 1, b"l" * 512, offset=512)
    scene.run()
    scene.good(now)
    assert scene.silent(later)
    assert scene.medium.asked == asked + 3
    assert scene.medium.content[:512] == b"n" * 512
    scene.finish()
    scene.good(later)
    assert scene.medium.content[512:1024] == b"l" * 512
    assert lane(scene).total == before + 2
    scene.check()


def test_a_medium_that_does_everything_at_once_without_being_asked_to(scene: Scene) -> None:
    scene.medium.set(modulus=1)
    before = lane(scene).total
    write, read = scene.client.write(256, 5, b"x" * 512), scene.client.read(256, 5, 1, offset=4096)
    scene.run()
    scene.good(write)
    scene.good(read)
    assert scene.client.peek(512, 4096) == b"x" * 512
    assert lane(scene).total == before + 2
    scene.check()


def test_a_medium_with_memory_is_not_submitted_to(make: Make) -> None:
    scene = make(medium=HandMedium(MIB, memory=True))
    asked, before = scene.medium.asked, lane(scene).total
    tag = scene.client.write(256, 5, b"m" * 512)
    scene.run()
    scene.good(tag)
    assert scene.medium.content[5 * 512 : 6 * 512] == b"m" * 512
    assert (scene.medium.asked, lane(scene).total) == (asked, before + 1)


@pytest.mark.parametrize("knows", [False, True])
def test_what_has_to_be_on_the_medium(make: Make, knows: bool) -> None:
    """FUA, or no write cache: natively where the medium knows of that."""
    scene = make(FUA if knows else 0)
    client, before = scene.client, lane(scene).total

    def write(flags: str) -> bool:
        total = lane(scene).total
        tag = client.cmd(256, f"2a {flags} 00000001 00 0001 00", data_out=(client.data(), 512))
        scene.run()
        assert scene.medium.flags == (1 if knows and (flags == "08" or not scene.disk.write_cache) else 0)
        while scene.medium.finish():
            scene.run()
        scene.good(tag)
        return lane(scene).total > total

    assert write("00")
    assert write("08") is knows
    read = client.cmd(256, "28 08 00000001 00 0001 00", data_in=(client.data(), 512))
    scene.run()
    # What is read has to be there first.
    assert (scene.medium.flags, scene.medium.last[0]) == ((1, READ) if knows else (0, FLUSH))
    while scene.medium.finish():
        scene.run()
    scene.good(read)
    assert scene.medium.last == (READ, 512, 512)
    client.poke(bytes(4) + bytes(MODES_WITHOUT_WCE), 4096)
    tag = client.cmd(256, f"15100000{4 + len(MODES_WITHOUT_WCE):02x}00", data_out=(client.data(4096), 24))
    scene.run()
    while scene.medium.finish():
        scene.run()
    scene.good(tag)
    assert not scene.disk.write_cache
    assert write("00") is knows
    assert lane(scene).total == before + (4 if knows else 1)


MODES_WITHOUT_WCE = bytes((8, 18)) + bytes(18)

VERIFIED, FLUSHED = (READ, 5 * 512, 3 * 512), (FLUSH, 0, 0)
UNMOVED = [
    ("2f 00 00000005 00 0003 00", VERIFIED),
    ("2f 10 00000005 00 0003 00", VERIFIED),  # DPO
    ("8f 00 0000000000000005 00000003 00 00", VERIFIED),
    ("35 00 00000005 00 0003 00", FLUSHED),
    ("35 06 00000000 00 0000 00", FLUSHED),  # SYNC_NV, IMMED; up to the end
    ("91 02 0000000000000005 00000003 00 00", FLUSHED),
]
"""Commands that move no data, and what of the medium they are: operation, offset, bytes."""


@pytest.mark.parametrize(("cdb", "asked"), UNMOVED)
def test_commands_without_data(make: Make, cdb: str, asked: tuple[int, int, int]) -> None:
    """What is verified is on the medium first; SYNCHRONIZE CACHE is about all of it."""
    scene = make(FUA)
    client, before = scene.client, lane(scene).total
    tag = client.cmd(256, cdb)
    scene.run()
    assert scene.under_way() == (1, 0)
    assert scene.medium.last == asked
    assert scene.medium.flags == (1 if asked[0] == READ else 0)
    memory = client.peek(2 * MIB)
    scene.finish()
    assert len(bytes(scene.good(tag))) == 36
    assert client.peek(2 * MIB) == memory
    assert lane(scene).total == before + 1
    scene.check()
    scene.disk.attention(0x2A, 9)
    tag = client.cmd(256, cdb)
    scene.run()
    assert client.answer(tag).sense[12:14] == b"\x2a\x09"


@pytest.mark.parametrize(
    "cdb",
    [
        "2f 20 00000005 00 0003 00",  # VRPROTECT
        "2f 02 00000005 00 0003 00",  # BYTCHK
        "2f 00 00000005 01 0003 00",  # a group
        "2f 00 00000005 00 0003 04",  # NACA
        "2f 00 00000005 00 0000 00",  # no blocks
        "2f 00 00003fff 00 0002 00",  # past the end
        "2f 00 00000000 00 2001 00",  # more than one command may
        "8f 00 0000000000000005 00000003 01 00",
        "8f 00 0000000000000005 00000003 00 04",
        "8f 00 ffffffffffffffff 00000003 00 00",
        "35 01 00000005 00 0003 00",  # RELADR
        "35 00 00000005 01 0003 00",
        "35 00 00000005 00 0003 04",
        "35 00 00004000 00 0000 00",  # past the end
        "35 00 00000005 00 ffff 00",
        "91 00 0000000000000005 00000003 00 04",
        "34 00 00000005 00 0003 00",  # PRE-FETCH
    ],
)
def test_commands_without_data_that_are_the_engine_s(make: Make, cdb: str) -> None:
    scene = make(FUA)
    before = lane(scene).total
    tag = scene.client.cmd(256, cdb)
    scene.run()
    while scene.medium.finish():
        scene.run()
    scene.client.answer(tag)
    assert lane(scene).total == before


def test_data_with_a_command_that_has_none(make: Make) -> None:
    """Its residual says so, and the engine does."""
    scene = make(FUA)
    client, before = scene.client, lane(scene).total
    for cdb, _ in UNMOVED:
        tag = client.cmd(256, cdb, data_in=(client.data(), 512))
        scene.run()
        scene.finish()
        assert scene.good(tag).data_in_res_cnt == 512
    assert lane(scene).total == before


def test_commands_without_data_that_the_engine_goes_on_with(make: Make) -> None:
    """An ORDERED command waits for them, so they are tasks; one is aborted, one fails, one is short, and the others end."""
    scene = make(FUA)
    client, before = scene.client, lane(scene).total
    tags = [client.cmd(256, cdb) for cdb, _ in UNMOVED]
    ordered = client.cmd(256, "00", task_attr=srp.TaskAttribute.ORDERED)
    scene.run()
    assert scene.under_way() == (0, 7)
    abort = client.manage(256, TskMgmtFunc.ABORT_TASK, tags[0])
    scene.run()
    assert client.answer(abort)
    scene.finish()
    assert scene.silent(tags[0])
    scene.medium.set(bad=6 * 512)
    scene.finish()
    sense = parse_sense(bytes(client.answer(tags[1]).sense))
    assert (sense.sense_key, sense.asc, sense.information) == (3, 0x11, 6)
    scene.medium.set(most=700)
    scene.finish()
    assert scene.medium.last == (READ, 5 * 512 + 700, 3 * 512 - 700)  # the rest
    scene.medium.set(error=errno.EIO)
    scene.finish()
    sense = parse_sense(bytes(client.answer(tags[3]).sense))
    assert (sense.sense_key, sense.asc) == (3, 0x0C)
    scene.medium.set()
    assert scene.silent(ordered)
    while scene.medium.finish():
        scene.run()
    for tag in (tags[2], *tags[4:], ordered):
        assert len(bytes(scene.good(tag))) == 36
    assert lane(scene).total == before
    scene.check()


def test_verify_where_the_medium_cannot_put_just_that_there(scene: Scene) -> None:
    """Without FUA it is flushed first, by the engine; a flush needs no FUA."""
    before = lane(scene).total
    verify = scene.client.cmd(256, UNMOVED[0][0])
    scene.run()
    assert scene.medium.last == FLUSHED
    scene.finish()
    assert scene.medium.last == VERIFIED
    scene.finish()
    scene.good(verify)
    assert lane(scene).total == before
    flush = scene.client.cmd(256, UNMOVED[3][0])
    scene.run()
    scene.finish()
    scene.good(flush)
    assert lane(scene).total == before + 1
    scene.check()


# What is not


def answers(scene: Scene, tags: list[int]) -> list[Any]:
    found = [scene.client.answer(tag) for tag in tags]
    return [(each.status, bytes(each)[16:].hex()) for each in found]


@pytest.mark.parametrize("features", [0, NOWAIT, FUA])
@pytest.mark.parametrize(
    "how",
    [
        {"bad": 4096 + 777},
        {"bad": 4096},
        {"most": 700},
        {"most": 0},
        {"most": 700, "bad": 4096 + 1024},
        {"error": errno.EIO},
        {"error": errno.ENOSPC},
        {"error": errno.EROFS},
        {"error": errno.EAGAIN},
        {"error": 12345},
        {"size": 5000},
    ],
    ids=repr,
)
def test_failures_are_told_as_the_engine_does(make: Make, how: dict[str, Any], features: int) -> None:
    found = []
    for fast in True, False:
        scene = make(features, fast=fast)
        client = scene.client
        scene.medium.set(**how)
        client.poke(b"w" * 4096)
        tags = [client.write(256, 8, b"w" * 4096), client.read(256, 8, 8, offset=8192)]
        tags += [client.write(256, 100, b"w" * 512, offset=512)]
        tags += [client.cmd(256, "2f 00 00000008 00 0008 00"), client.cmd(256, "35")]
        scene.run()
        while scene.medium.finish():
            scene.run()
        scene.medium.set(size=8 * MIB)
        found.append((answers(scene, tags), client.peek(4096, 8192), bytes(scene.medium.content)))
        assert scene.under_way()[1] == 0 if fast else not scene.session.tasks
    assert found[0] == found[1]


under_fast = pytest.mark.parametrize("fast", [True, False], ids=["lane", "engine"])


@under_fast
def test_memory_that_is_gone_when_the_data_comes(make: Make, fast: bool) -> None:
    scene = make(fast=fast)
    client = scene.client
    memory = client.port.allocate(4096)
    tag = client.cmd(256, "28 00 00000000 00 0008 00", data_in=(memory.address, 4096))
    scene.run()
    memory.free() if hasattr(memory, "free") else client.port.free_memory(memory)
    scene.finish()
    assert parse_sense(client.answer(tag).sense).asc == 0x4B


@under_fast
def test_a_request_that_cannot_be_answered_now(make: Make, fast: bool) -> None:
    """The client's queue is full when it is over."""
    scene = make(fast=fast)
    client = scene.client
    tags = [client.read(256, at, 1) for at in range(100)]
    scene.run()
    fill: list[int] = []
    for _ in range(9):
        fill += [client.cmd(256, "00") for _ in range(28)]
        scene.target.process(scene.now)
    for _ in range(30):
        scene.medium.finish_all()
        scene.run(2)
    for tag in tags + fill:
        scene.good(tag)
    assert scene.session.outstanding == 0


def test_more_than_waits_in_one_request(make: Make) -> None:
    """It is the engine's, in chunks."""
    scene = make()
    before = lane(scene).total
    tag = scene.client.read(256, 0, 2 * MIB // 512)
    scene.run()
    assert scene.under_way() == (0, 1)
    while scene.medium.finish():
        scene.run()
    scene.good(tag)
    assert lane(scene).total == before


def test_a_unit_has_no_more_memory_than_is_left(make: Make) -> None:
    slow, other = HandMedium(8 * MIB), HandMedium(8 * MIB)
    luns = LunMap([(256, Disk(slow, "slow")), (512, Disk(other, "other"))])
    scene = make(medium=slow, luns=luns)
    client = scene.client
    tags = [client.read(256, 0, MIB // 512) for _ in range(30)]
    scene.run()
    native, engines = scene.under_way()
    assert native == 16
    assert engines == 14
    another = client.read(512, 0, MIB // 512)
    scene.run()
    assert scene.under_way() == (17, 14)
    assert other.finish()
    scene.run()
    scene.good(another)
    while slow.finish():
        scene.run()
    for tag in tags:
        scene.good(tag)
    scene.check()
    assert lane(scene).kept == 16 * MIB  # of more it lets go at once
    scene.close()
    close(other)


def test_memory_of_requests_is_kept_for_the_next_ones_and_given_back(scene: Scene) -> None:
    client, size = scene.client, 256 << 10
    scene.run(LANE_MEMORY)
    assert lane(scene).kept == 0
    for _ in range(2):
        first, second = (client.write(256, at, bytes(size)) for at in (0, 512))
        scene.run()
        scene.medium.finish_all()
        due = scene.run()
        scene.good(first)
        scene.good(second)
        assert lane(scene).kept == 2 * size
        assert due == scene.now + LANE_MEMORY
    hung = client.read(256, 0, 8)
    scene.run(LANE_MEMORY / 2)
    assert scene.run(LANE_MEMORY) is None, "it would look again and again"
    assert lane(scene).kept == size
    scene.finish()
    scene.good(hung)
    assert scene.run(LANE_MEMORY) is None
    assert lane(scene).kept == 0
    scene.check()


def test_a_medium_that_takes_no_more(scene: Scene) -> None:
    """What it has tells when it may be asked again; where it has nothing, the initiator has to come again."""
    scene.medium.set(depth=2)
    before = lane(scene).total
    tags = [scene.client.read(256, at, 1) for at in range(6)]
    scene.run()
    assert (scene.medium.waiting, scene.under_way()) == (2, (6, 0))
    for left in 2, 2, 2, 2, 1, 0:
        scene.finish(scene.medium.waiting - 1)
        assert scene.medium.waiting == left
    for tag in tags:
        scene.good(tag)
    assert lane(scene).total == before + 6
    scene.medium.set(depth=0)
    tag = scene.client.read(256, 0, 1)
    scene.run()
    assert scene.client.answer(tag).status == 8
    scene.check()


def test_a_medium_that_takes_no_more_and_fails(scene: Scene) -> None:
    scene.medium.set(depth=1)
    tags = [scene.client.read(256, at, 1) for at in range(3)]
    scene.run()
    scene.medium.set(depth=0)
    scene.finish()
    scene.good(tags[0])
    assert [scene.client.answer(tag).status for tag in tags[1:]] == [8, 8]
    scene.check()


@pytest.mark.parametrize("patient", [False, True])
def test_a_medium_of_two_units_takes_no_more_and_what_it_has_is_aborted(make: Make, patient: bool) -> None:
    """What waited for that to be over comes to an end all the same, and so does what comes later."""
    medium = HandMedium(8 * MIB)
    scene = make(medium=medium, luns=LunMap([(256, Disk(medium, "one")), (257, Disk(medium, "two"))]))
    scene.client.read(257, 0, 1)
    scene.run()
    scene.finish()
    medium.set(depth=1, patient=patient)
    first = scene.client.write(256, 0, b"x" * 512)
    scene.run()
    second = scene.client.write(257, 8, b"y" * 512)
    scene.run()
    assert (medium.waiting, scene.under_way()) == (1, (2, 0))
    scene.client.manage(256, TskMgmtFunc.ABORT_TASK, first)
    scene.run()
    medium.finish_all()
    scene.run()
    assert scene.client.answer(second).status == (0 if patient else 8)
    third = scene.client.write(257, 8, b"z" * 512)
    scene.run()
    medium.finish_all()
    scene.run()
    scene.good(third)
    assert bytes(medium.content[8 * 512 : 9 * 512]) == b"z" * 512
    scene.check()


def test_a_medium_that_breaks_its_word_and_is_faster_than_who_looks(make: Make) -> None:
    """It is over before anybody was told that it waits: that is no answer with whatever lay in memory of ours."""
    scene = make(NOWAIT)
    scene.client.write(256, 0, b"secret" * 256)
    scene.run()
    scene.finish()
    scene.medium.set(liar=2)
    tag = scene.client.read(256, 8, 1)
    scene.run()
    assert scene.client.answer(tag).sense[2] == 4
    scene.medium.set()
    tag = scene.client.read(256, 8, 1)
    scene.run()
    scene.finish()
    scene.good(tag)
    scene.check()


def test_a_medium_that_breaks_its_word(make: Make) -> None:
    """It has the initiator's memory, and has not done it at once: it has failed, and runs on."""
    scene = make(NOWAIT)
    scene.medium.set(liar=True)
    tag = scene.client.read(256, 0, 1)
    scene.run()
    assert scene.client.answer(tag).sense[2] == 4
    assert len(scene.medium.stragglers) == 1
    scene.finish()
    tag = scene.client.read(256, 0, 1)
    scene.run()
    assert scene.medium.flags == 0, "it is not asked to any more"
    scene.finish()
    scene.good(tag)
    scene.check()


# Order


@under_fast
def test_an_ordered_command_waits_for_what_is_under_way(make: Make, fast: bool) -> None:
    scene = make(fast=fast)
    client = scene.client
    first = client.write(256, 0, b"1" * 512)
    scene.run()
    ordered = client.read(256, 0, 1, offset=512, task_attr=2)
    behind = client.write(256, 0, b"2" * 512, offset=1024)
    scene.run()
    assert scene.medium.waiting == 1
    scene.finish()
    scene.good(first)
    scene.run()
    assert scene.medium.waiting == 1
    scene.finish()
    scene.good(ordered)
    scene.run()
    scene.finish()
    scene.good(behind)
    assert client.peek(512, 512) == b"1" * 512
    assert scene.medium.content[:512] == b"2" * 512


@under_fast
def test_a_head_of_queue_command_does_not(make: Make, fast: bool) -> None:
    scene = make(fast=fast)
    first = scene.client.read(256, 0, 1)
    scene.run()
    head = scene.client.read(256, 0, 1, task_attr=1)
    scene.run()
    assert scene.medium.waiting == 2
    scene.finish(1)
    scene.good(head)
    scene.finish()
    scene.good(first)


def test_too_many_at_once(make: Make) -> None:
    """What is under way in the lane counts."""
    scene = make(request_limit=20)
    for at in range(20):
        scene.client.read(256, at, 1)
    scene.run()
    assert scene.under_way() == (20, 0)
    scene.client.read(256, 0, 1)
    scene.run()
    assert scene.reconnected()


@under_fast
def test_a_second_login_takes_off_what_is_under_way(make: Make, fast: bool) -> None:
    scene = make(fast=fast, request_limit=20)
    tags = [scene.client.read(256, at, 1) for at in range(5)]
    scene.run()
    login = scene.client.login()
    scene.run()
    assert scene.client.answer(login).req_lim_delta == 15
    while scene.medium.finish():
        scene.run()
    for tag in tags:
        scene.good(tag)


# Aborts


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS)
@under_fast
def test_a_function_is_answered_and_nothing_follows(
    make: Make, function: int, patient: bool, fast: bool
) -> None:
    scene = make(fast=fast)
    client = scene.client
    scene.medium.content[:512] = b"m" * 512
    scene.medium.set(patient=patient)
    client.poke(b"i" * 512, 4096)
    read, write = client.read(256, 0, 1, offset=4096), client.write(256, 1, b"w" * 512)
    scene.run()
    aborted = [read, write] if function != TskMgmtFunc.ABORT_TASK else [write]
    tag = client.manage(256, function, write)
    scene.run()
    answer = client.answer(tag)
    assert (bytes(answer)[-1], answer.req_lim_delta) == (0, 1 + len(aborted))
    if fast:
        assert bool(scene.gate().reasons & STRAGGLERS) is not patient
    if function == TskMgmtFunc.LUN_RESET:
        scene.attended()
    again = client.write(256, 1, b"a" * 512, offset=512)
    scene.run()
    for _ in range(4):
        scene.medium.finish_all()
        scene.run()
    scene.good(again)
    assert scene.medium.content[512:1024] == b"a" * 512, "what was aborted must not come after it"
    assert all(map(scene.silent, aborted))
    assert client.peek(512, 4096) == (b"m" if read not in aborted else b"i") * 512
    assert scene.session.outstanding == 0
    if fast:
        scene.check()
        before = lane(scene).total
        last = client.read(256, 0, 1)
        scene.run()
        scene.finish()
        scene.good(last)
        assert lane(scene).total == before + 1


@under_fast
def test_stalled_requests_can_be_aborted(make: Make, fast: bool) -> None:
    scene = make(fast=fast)
    scene.medium.set(depth=1 if fast else 9)
    tags = [scene.client.write(256, at, b"x" * 512) for at in range(3)]
    scene.run()
    scene.medium.set()
    tag = scene.client.manage(256, TskMgmtFunc.ABORT_TASK, tags[1])
    scene.run()
    assert bytes(scene.client.answer(tag))[-1] == 0
    for _ in range(4):
        scene.medium.finish_all()
        scene.run()
    scene.good(tags[0])
    scene.good(tags[2])
    assert scene.silent(tags[1])


def test_requests_that_were_handed_over_and_are_garbage_are_used_again(scene: Scene) -> None:
    """The collector may come to one of them before it comes to who held on to it."""
    before = lane(scene).total
    for _ in range(SLOTS // 64 + 1):
        tags = [scene.client.write(256, at, b"x" * 512) for at in range(64)]
        scene.run()
        assert scene.under_way() == (len(tags), 0), "the lane has requests left"
        for late in lane(scene).hand_over():
            late.adopt(None)
            garbage = Garbage()
            garbage.holds = garbage, late
            del late, garbage
        scene.medium.finish_all()
        scene.run()
        gc.collect()
    assert lane(scene).total == before
    scene.medium.finish_all()


class Garbage:
    holds: Any


def test_an_aborted_request_that_never_began_is_no_garbage(make: Make) -> None:
    """What it had staged is free at once."""
    scene = make()
    scene.medium.set(patient=True)
    tag = scene.client.write(256, 0, b"x" * 512)
    scene.run()
    gc.collect()
    gc.disable()
    try:
        scene.client.manage(256, TskMgmtFunc.ABORT_TASK, tag)
        scene.run()
        assert not [each for each in gc.get_objects() if isinstance(each, NativeRequest)]
    finally:
        gc.enable()
    scene.check()


@under_fast
def test_a_reset_by_another_client_ends_them_task_aborted(make: Make, fast: bool) -> None:
    scene = make(fast=fast)
    other = make(medium=scene.medium, luns=scene.luns, fast=fast)
    scene.run()
    tags = [scene.client.write(256, at, b"x" * 512) for at in range(3)]
    scene.run()
    function = other.client.manage(256, TskMgmtFunc.LUN_RESET)
    other.run()
    assert other.silent(function)
    scene.run()
    other.run()
    assert bytes(other.client.answer(function))[-1] == 0
    assert [scene.client.answer(tag).status for tag in tags] == [0x40] * 3
    other.attended()
    later = other.client.write(256, 0, b"y" * 512)
    other.run()
    for _ in range(4):
        scene.medium.finish_all()
        scene.run()
        other.run()
    other.good(later)
    assert scene.medium.content[:1024] == b"y" * 512 + b"x" * 512


LOSSES: dict[str, Callable[[Scene], object]] = {
    "logout": lambda scene: scene.client.iu(bytes(srp.ILogout.build(tag=5))),
    "violation": lambda scene: scene.client.iu(b"\x04" + bytes(63)),
    "lost": lambda scene: scene.client.port.free(),
    "disabled": lambda scene: scene.target.disable(),
    "removed": lambda scene: scene.target.remove(),
    "retired": lambda scene: scene.target.retire(),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("patient", [False, True])
def test_a_session_that_ends(make: Make, loss: str, patient: bool) -> None:
    """Nothing reaches the client any more; what the medium goes on with is waited for by others."""
    scene = make()
    scene.medium.set(patient=patient)
    scene.client.poke(b"i" * 512, 4096)
    scene.client.read(256, 0, 1, offset=4096)
    scene.client.write(256, 1, b"w" * 512)
    scene.run()
    assert lane(scene).under_way == 2
    LOSSES[loss](scene)
    scene.target.process(scene.now)
    assert lane(scene).under_way == 0
    assert len(scene.medium.stragglers) == (0 if patient else 2)
    scene.medium.finish_all()
    scene.target.process(scene.now)
    assert not len(scene.medium.stragglers)
    assert scene.client.peek(512, 4096) == b"i" * 512
    assert scene.medium.content[512:1024] == (bytes(512) if patient else b"w" * 512)


def test_a_new_connection_while_the_old_one_s_requests_run_on(make: Make) -> None:
    scene = make()
    client = scene.client
    client.write(256, 1, b"o" * 512)
    scene.run()
    client.port.free()
    scene.run()
    client.answers.clear()
    client.port.register()
    client.element(crq.Element.init())
    scene.run()
    client.answers.clear()
    client.login()
    scene.run()
    scene.attended()
    tag = client.write(256, 1, b"n" * 512)
    scene.run()
    for _ in range(4):
        scene.medium.finish_all()
        scene.run()
    scene.good(tag)
    assert scene.medium.content[512:1024] == b"n" * 512
    scene.check()


# What changes meanwhile


def test_a_map_that_changes(scene: Scene) -> None:
    """What is under way is the old unit's, and answered."""
    scene.medium.content[:512] = b"o" * 512
    tag = scene.client.read(256, 0, 1)
    scene.run()
    other = HandMedium(MIB)
    scene.luns.replace(256, Disk(other, "other"), attention=False)
    scene.run()
    idle: list[int] = []
    scene.target.when_idle(scene.disk, lambda: idle.append(1))
    assert not idle
    scene.finish()
    scene.good(tag)
    assert idle
    assert scene.client.peek(512) == b"o" * 512
    tag = scene.client.read(256, 0, 1)
    scene.run()
    assert other.finish()
    scene.run()
    scene.client.answer(tag)
    scene.close()
    close(other)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("removed", [False, True])
def test_a_map_that_changes_just_before_a_function(
    scene: Scene, function: TskMgmtFunc, removed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing follows it of what the lane had begun for the unit that was there."""
    tag = scene.client.read(256, 0, 1)
    scene.run()
    scene.medium.content[:512] = b"o" * 512
    before = scene.client.peek(512)
    other, received = HandMedium(MIB), scene.target._receive

    def receive(raw: bytes) -> None:
        """Another thread is faster."""
        monkeypatch.undo()
        if removed:
            scene.luns.remove(256)
        else:
            scene.luns.replace(256, Disk(other, "other"), attention=False)
        received(raw)

    monkeypatch.setattr(scene.target, "_receive", receive)
    asked = scene.client.manage(256, function, tag)
    scene.run()
    assert bytes(scene.client.answer(asked))[-1] == 0
    scene.finish()
    assert scene.silent(tag)
    assert scene.client.peek(512) == before
    scene.close()
    close(other)


def test_a_unit_that_is_waited_for(scene: Scene) -> None:
    tag = scene.client.read(256, 0, 1)
    scene.run()
    idle: list[int] = []
    scene.target.when_idle(scene.disk, lambda: idle.append(1))
    assert not idle
    scene.finish()
    assert idle
    scene.good(tag)


def test_a_gate_that_closes_and_is_drained(scene: Scene) -> None:
    tags = [scene.client.read(256, at, 1) for at in range(3)]
    scene.run()
    drained: list[int] = []
    gate = scene.gate()
    assert not gate.close(1 << 1, lambda: drained.append(1))
    assert gate.under_way == 3
    scene.medium.finish_all()
    assert not drained
    scene.run()
    assert drained == [1]
    gate.open(1 << 1)
    for tag in tags:
        scene.good(tag)
    scene.check()


def test_grants_that_are_bound_while_requests_are_under_way(scene: Scene) -> None:
    scene.client.read(256, 0, 1)
    scene.run()
    with pytest.raises(ValueError, match="under way"):
        lane(scene).bind(())
    (late,) = lane(scene).hand_over({256})
    assert not lane(scene).hand_over()
    assert (late.lun, late.operation, late.moves, late.offset, late.size, late.block, late.begun) == (
        256,
        READ,
        True,
        0,
        512,
        512,
        True,
    )
    assert len(memoryview(late)) == 512
    scene.medium.finish_all()


class Watched(HandMedium):
    """Whose channel somebody has changed."""

    def channel(self, loop: Any) -> Any:
        return super().channel(loop)


class Python(Watched):
    """Whose words are all of one class, which says that none is in C."""

    def native(self) -> None:
        return None

    def memory(self) -> None:
        return None


@pytest.mark.parametrize("kind", [Watched, Python])
def test_media_that_somebody_has_changed_are_asked(make: Make, kind: type[HandMedium]) -> None:
    scene = make(medium=kind(MIB))
    before = lane(scene).total
    tag = scene.client.read(256, 0, 1)
    scene.run()
    assert scene.under_way() == (0, 1)
    scene.finish()
    scene.good(tag)
    assert lane(scene).total == before


def test_a_medium_that_grows_and_shrinks_is_asked_for_what_there_is(scene: Scene) -> None:
    scene.medium.set(size=4096)
    tag = scene.client.read(256, 8, 1)
    scene.run()
    assert scene.client.answer(tag).status == 2
    scene.medium.set(size=8 * MIB)
    tag = scene.client.read(256, 8, 1)
    scene.run()
    scene.finish()
    scene.good(tag)
    scene.check()


def test_a_medium_that_has_grown(scene: Scene) -> None:
    """Seen by who asks for what was not there; the lane has what there is now."""
    scene.medium.set(size=9 * MIB)
    tags = [scene.client.read(256, 8 * MIB // 512, 1) for _ in range(2)]
    scene.run()
    scene.finish()
    scene.good(tags[0])
    assert scene.client.answer(tags[1]).sense[12:14] == b"\x2a\x09"
    before = lane(scene).total
    tag = scene.client.read(256, 8 * MIB // 512, 1)
    scene.run()
    scene.finish()
    scene.good(tag)
    assert lane(scene).total == before + 1
    scene.check()
