"""Media and handlers that do what they must not: no answer is wrong, early, or missing, and the engine goes on."""

from __future__ import annotations

import contextlib
import errno
import re
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread, get_ident
from typing import Any
from uuid import uuid4

import pytest

from later_rig import LaterRig
from pysrp.backends import Ram
from pysrp.errors import CheckCondition, ConfigError
from pysrp.initiator import Session
from pysrp.target.disk import Disk
from pysrp.target.effects import Effect, Work
from pysrp.target.flushing import StillUnderWay, WaitingLoop, flush
from pysrp.target.guarded import Guarded, excused
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import NOWAIT, Feature, Loop, Medium, MediumChannel, MediumRequest, Operation
from pysrp.target.serve import Server
from pysrp.target.workers import Pool
from target_rig import MIB, Rig, SlowRam
from waiting import PATIENCE

CHUNK = 256 << 10
ABORT = 1


class Strange(Medium, MediumChannel):
    """A medium that does what it is told by hand, as often as it is told, and may raise when it should withdraw."""

    def __init__(self, raises: bool = False) -> None:
        super().__init__()
        self.size = 4 * MIB
        self.raises = raises
        self.bytes = memoryview(bytearray(b"\x5a" * CHUNK + b"\xa5" * (self.size - CHUNK)))
        self.requests: list[MediumRequest] = []
        self.loop: Loop | None = None

    def channel(self, loop: Loop) -> Strange:
        self.loop = loop
        return self

    def submit(self, request: MediumRequest) -> Later | None:
        self.requests.append(request)
        return PENDING

    def withdraw(self, request: MediumRequest) -> bool:
        if self.raises:
            raise OSError(5, "Input/output error")
        return False

    def does(self, times: int = 1) -> None:
        """The oldest request is done, and told so many times."""
        request = self.requests.pop(0)
        at = request.offset
        for view in request.buffers:
            if request.operation is Operation.READ:
                view[:] = self.bytes[at : at + len(view)]
            else:
                self.bytes[at : at + len(view)] = view
            at += len(view)
        request.ends(0, request.length)
        assert self.loop is not None
        for _ in range(times):
            self.loop.post(lambda: request.over(request))


def test_a_part_that_is_told_twice_is_one_part() -> None:
    medium = Strange()
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    client.poke(b"\x11" * (2 * CHUNK))
    tag = client.read(256, 0, 2 * CHUNK // 512)
    rig.run()
    medium.does(times=2)
    rig.run()
    assert len(medium.requests) == 1, "the second part is still to be done"
    assert not client.answers
    medium.does(times=3)
    rig.run()
    assert client.answer(tag).status == 0
    assert client.peek(2 * CHUNK) == b"\x5a" * CHUNK + b"\xa5" * CHUNK


@pytest.mark.parametrize("raises", [False, True])
def test_what_was_aborted_may_be_told_twice_and_withdraw_may_raise(raises: bool) -> None:
    medium = Strange(raises)
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    first = client.write(256, 0, bytes(512))
    rig.run()
    aborted = client.manage(256, ABORT, first)
    rig.run()
    client.answer(aborted)
    later = client.write(256, 0, b"\x77" * 512)
    rig.run()
    assert len(medium.requests) == 1, "it waits for the straggler"
    medium.does(times=2)
    rig.run()
    medium.does()
    rig.run()
    assert client.answer(later).status == 0
    assert bytes(medium.bytes[:512]) == b"\x77" * 512
    assert not medium.stragglers.running
    assert not rig.target.session.tasks


def test_extents_that_come_in_parts_are_put_together() -> None:
    class Brief(Medium, MediumChannel):
        features = Feature.EXTENTS
        size = 4 * CHUNK

        def channel(self, loop: Loop) -> Brief:
            return self

        def submit(self, request: MediumRequest) -> None:
            request.done = min(request.length, CHUNK)
            request.value = [(request.done, request.offset != 0)]

    medium = Brief()
    request = MediumRequest(Operation.EXTENTS, 0, 3 * CHUNK)
    assert Guarded(medium, lambda call: call()).submit(request) is None
    assert (request.errno, request.done) == (0, 3 * CHUNK)
    assert request.value == [(CHUNK, False), (CHUNK, True), (CHUNK, True)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fails", [True, False])
def test_an_answer_waits_for_what_the_link_copies(fails: bool) -> None:
    """A handler of version 0.1 that begins a transfer, and ends its task at once."""

    class Hasty(Disk):
        def execute(self, task: Any) -> Any:
            if task.cdb[0] != 0xC1:
                return super().execute(task)
            task.read(self.backend, 0, 512)
            if fails:
                raise CheckCondition("no", status=2, sense=bytes(18))
            task.good()
            return None

    rig = LaterRig(LunMap([(0, Hasty(Ram(MIB)))]))
    tag = rig.cmd(0, "c1", room=(4096, 512))
    assert rig.memory.under_way
    assert tag not in rig.link.answers
    rig.memory.end_all()
    rig.turn()
    assert rig.link.answers[tag].status == (2 if fails else 0)
    assert not rig.memory.under_way


def test_a_handler_that_ends_its_task_while_it_is_aborted() -> None:
    class Late(Disk):
        def execute(self, task: Any) -> Any:
            return self.slow(task) if task.cdb[0] == 0xC1 else super().execute(task)

        def slow(self, task: Any) -> Iterator[Effect]:
            try:
                yield Work(self.backend, self.backend._pass)  # type: ignore[attr-defined]
            finally:
                task.check(bytes(18))

    medium = SlowRam(MIB)
    disk = Late(medium)
    rig = Rig(LunMap([(256, disk)]), workers=Pool())
    client = rig.login()
    with contextlib.ExitStack() as stack:
        stack.callback(medium.gate.set)
        tag = client.cmd(256, "c1")
        rig.run()
        aborted = client.manage(256, ABORT, tag)
        rig.run()
        client.answer(aborted)
        assert not client.answers, "what was aborted is not answered"
        assert not rig.target.session.tasks
        client.cmd(256, "c1")
        rig.run()
        rig.target.disable()
        assert not disk.nexuses()


# A medium that somebody else wrote, with his mistakes.


class Mistaken(Medium, MediumChannel):
    """Memory, whose ``mistake`` is called with each request, and says what ``submit`` returns."""

    features = Feature.NOWAIT

    def __init__(self, mistake: Callable[[Mistaken, MediumRequest], Later | None]) -> None:
        super().__init__()
        self.size = MIB
        self.mistake = mistake
        self.loop: Loop | None = None
        self.retired = 0

    def channel(self, loop: Loop) -> Mistaken:
        self.loop = loop
        return self

    def submit(self, request: MediumRequest) -> Later | None:
        return self.mistake(self, request)

    def retire(self) -> None:
        self.retired += 1
        raise ValueError("retired")


def ended(**told: Any) -> Callable[[Mistaken, MediumRequest], None]:
    """It says that of each request."""

    def mistake(medium: Mistaken, request: MediumRequest) -> None:
        for name, value in told.items():
            setattr(request, name, value)

    return mistake


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "<READ 512 at 0> has ended without an error, and nothing of it is done"),
        ({"done": 513}, "<READ 512 at 0> cannot have ended so: done 513, bad None"),
        ({"done": -1}, "done -1"),
        ({"done": None}, "done None"),
        ({"done": 512.0}, "done 512.0"),
        ({"errno": "EIO"}, "cannot have ended so"),
        ({"errno": None}, "cannot have ended so"),
        ({"errno": 5, "bad": 512}, "bad 512"),
        ({"errno": 5, "bad": "0"}, "bad '0'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_an_error_and_the_log_says_which(
    told: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(LunMap([(256, Disk(Mistaken(ended(**told)), "mine")), (512, Disk(Ram(MIB)))]))
    client = rig.login()
    tag = client.read(256, 0, 1)
    rig.run()
    assert client.answer(tag).status == 2
    assert said in caplog.text
    tag = client.read(512, 0, 1)
    rig.run()
    assert client.answer(tag).status == 0


def test_extents_that_are_none() -> None:
    medium = Mistaken(ended(done=512, value=None))
    request = MediumRequest(Operation.EXTENTS, 0, 512)
    assert Guarded(medium, lambda call: call()).submit(request) is None
    assert request.errno == errno.EPROTO


def test_what_it_posts_may_raise_and_ends_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    """As if it hung: who waits can abort it."""

    def mistake(medium: Mistaken, request: MediumRequest) -> Later:
        assert medium.loop is not None
        medium.loop.post(partial(int, "not a number"))
        return PENDING

    medium = Mistaken(mistake)
    medium.features = Feature(0)
    rig = Rig(LunMap([(256, Disk(medium, "mine")), (512, Disk(Ram(MIB)))]))
    client = rig.login()
    tag = client.read(256, 0, 1)
    rig.run()
    assert "not a number" in caplog.text
    assert not client.answers
    other = client.read(512, 0, 1)
    rig.run()
    assert client.answer(other).status == 0
    aborted = client.manage(256, ABORT, tag)
    rig.run()
    assert bytes(client.answer(aborted).resp_data) == bytes(4)


def test_what_is_told_may_raise_and_that_is_not_the_mediums() -> None:
    """An error of the engine ends its connection: nobody takes it for the medium's."""
    calls: list[Callable[[], None]] = []
    medium = Strange()
    guarded = Guarded(medium, calls.append)
    request = MediumRequest(Operation.FLUSH, over=lambda request: 1 // 0)  # type: ignore[arg-type,return-value]
    assert guarded.submit(request) is PENDING
    medium.does()
    call = calls.pop()
    with pytest.raises(ZeroDivisionError):
        call()
    assert not excused(call)
    # What the medium posts next is its own again.
    guarded.post(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    call = calls.pop()
    with pytest.raises(ZeroDivisionError):
        call()
    assert excused(call)


@pytest.mark.parametrize("name", ["channel", "size"])
def test_what_a_medium_is_asked_may_raise(name: str, caplog: pytest.LogCaptureFixture) -> None:
    medium = Mistaken(ended(done=512))
    disk = Disk(medium, "mine")
    kind = type("Raising", (Mistaken,), {name: property(lambda self: 1 // 0)})
    object.__setattr__(medium, "__class__", kind)
    rig = Rig(LunMap([(256, disk), (512, Disk(Ram(MIB)))]))
    client = rig.login()
    tag = client.read(256, 0, 1)
    rig.run()
    assert client.answer(tag).status == 2
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text, "which says where"
    tag = client.read(512, 0, 1)
    rig.run()
    assert client.answer(tag).status == 0


def test_looking_for_its_size_may_raise(caplog: pytest.LogCaptureFixture) -> None:
    """It is as large as it was."""
    medium = Mistaken(ended(done=512))
    rig = Rig(LunMap([(256, Disk(medium, "mine"))]))
    client = rig.login()
    object.__setattr__(medium, "look", lambda: 1 // 0)
    capacity = client.cmd(256, "25", data_in=(client.data(), 8))
    behind = client.read(256, medium.size // 512, 1)
    rig.run()
    assert client.answer(capacity).status == 0
    assert int.from_bytes(client.peek(4), "big") == medium.size // 512 - 1
    assert client.answer(behind).sense[12] == 0x21
    assert caplog.text.count("ZeroDivisionError") == 2


def test_a_server_stops_whatever_its_media_raise(caplog: pytest.LogCaptureFixture) -> None:
    """And the others are flushed."""

    def mistake(medium: Mistaken, request: MediumRequest) -> None:
        raise ValueError("no flush")

    flushed: list[MediumRequest] = []

    def good(medium: Mistaken, request: MediumRequest) -> None:
        flushed.append(request)
        request.done = request.length

    def no_channel(loop: Loop) -> Mistaken:
        raise ValueError("no channel")

    bad, worse, fine = Mistaken(mistake), Mistaken(mistake), Mistaken(good)
    worse.channel = no_channel  # type: ignore[method-assign]
    url = f"local:{uuid4()}"
    luns = LunMap((n, Disk(each, str(n))) for n, each in enumerate((bad, worse, fine)))
    with Server(url, luns), Session(url) as session:
        assert len(session.scan()) == 3
    assert "no flush" in caplog.text
    assert "no channel" in caplog.text
    assert [each.operation for each in flushed] == [Operation.FLUSH]
    assert fine.retired == 1


class Wicked:
    """Whatever is asked of it raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def raises(self, *arguments: object) -> Any:
        raise self.error

    __index__ = __bool__ = __lt__ = __gt__ = raises


class NoErrno(OSError):
    @property
    def errno(self) -> int:  # type: ignore[override]
        raise RuntimeError("which one?")


LATE_LIES: dict[str, Callable[[MediumRequest], None]] = {
    "done": lambda request: request.ends(0, Wicked(RuntimeError("done"))),  # type: ignore[arg-type]
    "errno": lambda request: request.ends(Wicked(RuntimeError("errno"))),  # type: ignore[arg-type]
    "bad": lambda request: request.ends(5, 0, Wicked(RuntimeError("bad"))),  # type: ignore[arg-type]
    "length": lambda request: setattr(request, "length", None),
    "shrinks": lambda request: setattr(request, "length", 0),
    "cancelled": lambda request: request.fails(CancelledError()),
    "exit": lambda request: request.fails(SystemExit(3)),
    "stop": lambda request: request.fails(StopIteration(3)),
    "no errno": lambda request: request.fails(NoErrno(5, "no")),
    "text": lambda request: request.fails(OSError("text", "for errno")),
    "nothing": lambda request: request.fails("nothing"),  # type: ignore[arg-type]
    "no cause": lambda request: (request.ends(5), setattr(request, "cause", "none"))[0],
}


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "cdb", ["28 00 00000000 00 0001 00", "35 00 00000000 00 0000 00", "2f 00 00000000 00 0001 00"]
)
@pytest.mark.parametrize("lie", LATE_LIES.values(), ids=LATE_LIES)
def test_whatever_it_says_the_command_ends(
    lie: Callable[[MediumRequest], None], cdb: str, later: bool
) -> None:
    """And nothing is left of it, and the other disk goes on."""

    def mistake(medium: Mistaken, request: MediumRequest) -> Later | None:
        lie(request)
        if not later:
            return None
        assert medium.loop is not None
        medium.loop.post(lambda: request.over(request))
        return PENDING

    medium = Mistaken(mistake)
    medium.features = Feature(0)
    rig = Rig(LunMap([(256, Disk(medium, "mine")), (512, Disk(Ram(MIB)))]))
    client = rig.login()
    tag = client.cmd(256, cdb, data_in=(client.data(), 512))
    rig.run()
    rig.run()
    status = client.answer(tag).status
    if cdb[:2] != "35" or lie not in (LATE_LIES["length"], LATE_LIES["shrinks"]):  # a FLUSH has no length
        assert status == 2
    assert not rig.target.session.tasks
    assert not rig.target.mover.staging.busy
    assert not any(channel.busy for channel in rig.target.mover.media._channels.values())
    tag = client.read(512, 0, 1)
    rig.run()
    assert client.answer(tag).status == 0
    rig.close()


class Early(Medium, MediumChannel):
    """It tells from within the call that a request is over, on this thread or another one."""

    size = MIB

    def __init__(self, apart: bool, later: Later | None) -> None:
        super().__init__()
        self.apart, self.later = apart, later
        self.keeps = False

    def channel(self, loop: Loop) -> Early:
        return self

    def tells(self, request: MediumRequest) -> None:
        request.ends(0, request.length)
        if self.apart:
            thread = Thread(target=request.over, args=[request])
            thread.start()
            thread.join()
        else:
            request.over(request)

    def submit(self, request: MediumRequest) -> Later | None:
        if self.keeps:
            return PENDING
        self.tells(request)
        return self.later

    def withdraw(self, request: MediumRequest) -> bool:
        self.tells(request)
        return False


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("later", [None, PENDING])
def test_what_is_told_from_within_submit_is_told_once(apart: bool, later: Later | None) -> None:
    rig = Rig(LunMap([(256, Disk(Early(apart, later)))]))
    client = rig.login()
    tags = [client.write(256, 0, bytes(512)), client.cmd(256, "35"), client.read(256, 0, 1)]
    rig.run()
    rig.run()
    assert [client.answer(tag).status for tag in tags] == [0, 0, 0]
    assert not client.answers
    (channel,) = rig.target.mover.media._channels.values()
    assert not channel.busy
    assert not rig.target.mover.staging.busy
    rig.close()


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_told_from_within_withdraw_is_no_straggler_for_ever(apart: bool) -> None:
    medium = Early(apart, PENDING)
    medium.keeps = True
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    tag = client.write(256, 0, bytes(512))
    rig.run()
    aborted = client.manage(256, ABORT, tag)
    rig.run()
    client.answer(aborted)
    rig.run()
    assert not medium.stragglers
    medium.keeps = False
    tag = client.write(256, 0, bytes(512))
    rig.run()
    rig.run()
    assert client.answer(tag).status == 0
    rig.close()


def test_whether_it_was_withdrawn_may_raise(caplog: pytest.LogCaptureFixture) -> None:
    medium = Strange()
    object.__setattr__(medium, "withdraw", lambda request: Wicked(ValueError("who knows?")))
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    tag = client.write(256, 0, bytes(512))
    rig.run()
    aborted = client.manage(256, ABORT, tag)
    rig.run()
    client.answer(aborted)
    assert "who knows?" in caplog.text
    assert len(medium.stragglers) == 1, "it may run on"
    medium.does()
    rig.run()
    assert not medium.stragglers
    rig.close()


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("name", ["block", "features"])
def test_what_it_is_asked_in_the_middle_may_raise(name: str, after: int) -> None:
    """Whichever time: of a request that comes short, and with FUA."""
    asked: list[bool] = []

    def half(medium: Mistaken, request: MediumRequest) -> None:
        request.ends(0, min(request.length, 512))

    medium = Mistaken(half)
    medium.features = Feature(0)
    disk = Disk(medium, "mine")
    rig = Rig(LunMap([(256, disk)]))
    client = rig.login()
    client.poke(bytes(1024))
    plain = getattr(medium, name)

    def told(self: Medium) -> Any:
        asked.append(True)
        return plain if len(asked) <= after else 1 // 0

    kind = type("Raising", (Mistaken,), {name: property(told)})
    object.__setattr__(medium, "__class__", kind)
    tag = client.cmd(256, "2a 08 00000000 00 0002 00", data_out=(client.data(), 1024))
    rig.run()
    rig.run()
    assert client.answer(tag).status == (2 if len(asked) > after else 0)
    assert len(asked) > min(after, 3), "it is asked so often"
    assert not rig.target.session.tasks
    rig.close()


def test_a_medium_that_is_like_another_is_none() -> None:
    @dataclass
    class Valued(Ram):
        number: int = 0

        def __post_init__(self) -> None:
            super().__init__(MIB)

    with pytest.raises(ConfigError, match="eq=False"):
        Disk(Valued())


class NoInit(Medium):
    size = MIB

    def __init__(self) -> None:
        """It calls nobody."""


class NoSize(Medium):
    pass


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "/srv/data.img",
            "'/srv/data.img' is no Medium, nor a backend, which has size: pysrp.media.open_medium",
        ),
        (object(), "pysrp.target.native_medium.NativeMedium of a capsule"),
        (NoInit(), "NoInit.__init__ has to call Medium.__init__"),
        (NoSize(), "has no size"),
    ],
    ids=["path", "object", "no-init", "no-size"],
)
def test_a_disk_says_what_it_takes(what: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Disk(what)


def test_a_flush_whose_medium_posts_what_raises(caplog: pytest.LogCaptureFixture) -> None:
    """The time that there is for it passes, and the other medium is flushed."""

    def mistake(medium: Mistaken, request: MediumRequest) -> Later:
        assert medium.loop is not None
        medium.loop.post(partial(int, "not a number"))
        medium.loop.post(partial(late.append, request))
        return PENDING

    late: list[MediumRequest] = []
    bad, good = Mistaken(mistake), Strange()
    good.submit = lambda request: request.ends()  # type: ignore[method-assign]
    told = flush([bad, good], None, 0.05)
    assert isinstance(told[bad], StillUnderWay)
    assert told[good] is None
    assert "not a number" in caplog.text
    assert len(late) == 1, "what it posted then is called"


# Work of a handler, for a medium that has no threads.


class Working(Disk):
    """C1h is work that blocks, for its medium."""

    def __init__(self, backend: Medium) -> None:
        super().__init__(backend, "working")
        self.begun, self.go = Event(), Event()
        self.thread: int | None = None

    def execute(self, task: Any) -> Any:
        return self.steps() if task.cdb[0] == 0xC1 else super().execute(task)

    def steps(self) -> Iterator[Any]:
        assert (yield Work(self.backend, self.work)) == 7

    def work(self) -> int:
        self.thread = get_ident()
        self.begun.set()
        assert self.go.wait(PATIENCE)
        return 7


def test_work_for_a_medium_holds_up_nobody() -> None:
    disk = Working(Strange())
    rig = Rig(LunMap([(256, disk), (512, Disk(Ram(MIB)))]), workers=Pool())
    client = rig.login()
    tag = client.cmd(256, "c1")
    rig.run()
    assert disk.begun.wait(PATIENCE)
    assert disk.thread != get_ident()
    other = client.read(512, 0, 1)
    rig.run()
    assert client.answer(other).status == 0
    assert not client.answers
    disk.go.set()
    rig.settle(lambda: bool(client.answers))
    assert client.answer(tag).status == 0


def test_work_that_is_aborted_runs_on_and_is_not_overtaken() -> None:
    medium = Strange()
    disk = Working(medium)
    rig = Rig(LunMap([(256, disk)]), workers=Pool())
    client = rig.login()
    tag = client.cmd(256, "c1")
    rig.run()
    assert disk.begun.wait(PATIENCE)
    aborted = client.manage(256, ABORT, tag)
    rig.run()
    assert bytes(client.answer(aborted).resp_data) == bytes(4)
    later = client.write(256, 5, b"\x77" * 512)
    rig.run()
    assert not medium.requests, "it waits for the work, whatever that is about"
    disk.go.set()
    rig.settle(lambda: bool(medium.requests))
    medium.does()
    rig.run()
    assert client.answer(later).status == 0
    assert not medium.stragglers.running


def test_work_waits_for_what_runs_on() -> None:
    medium = Strange()
    disk = Working(medium)
    disk.go.set()
    rig = Rig(LunMap([(256, disk)]), workers=Pool())
    client = rig.login()
    first = client.write(256, 0, bytes(512))
    rig.run()
    aborted = client.manage(256, ABORT, first)
    rig.run()
    client.answer(aborted)
    tag = client.cmd(256, "c1")
    rig.run()
    assert not disk.begun.is_set()
    medium.does()
    rig.run()
    rig.settle(lambda: bool(client.answers))
    assert client.answer(tag).status == 0


def test_work_that_has_not_begun_is_taken_back() -> None:
    """The threads are all busy with others."""
    medium = Strange()
    disk = Working(medium)
    rig = Rig(LunMap([(256, disk)]), workers=Pool())
    client = rig.login()
    tags = [client.cmd(256, "c1") for _ in range(5)]
    rig.run()
    aborted = client.manage(256, ABORT, tags.pop())
    rig.run()
    assert bytes(client.answer(aborted).resp_data) == bytes(4)
    assert not medium.stragglers.running
    disk.go.set()
    rig.settle(lambda: len(client.answers) == 4)
    assert [client.answer(tag).status for tag in tags] == [0] * 4


def test_errors_of_who_waits_are_not_excused() -> None:
    loop = WaitingLoop()
    loop.leave()
    with pytest.raises(ZeroDivisionError):
        loop.post(lambda: 1 // 0)  # type: ignore[arg-type,return-value]


def test_what_takes_time_and_was_not_to_is_lent_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """Its first time is an error, as nobody knows what is done in the initiator's memory; there is no second one."""
    medium = Strange()
    calls: list[Callable[[], None]] = []
    guarded = Guarded(medium, calls.append)

    def read(flags: int) -> MediumRequest:
        return MediumRequest(Operation.READ, 0, 512, [memoryview(bytearray(512))], flags)

    first, second, third = read(NOWAIT), read(NOWAIT), read(0)
    assert guarded.submit(first) is None
    assert first.errno == errno.EPROTO
    assert "takes time, though it was not to" in caplog.text
    medium.does()
    calls.pop()()
    assert not medium.stragglers
    assert guarded.submit(second) is None
    assert second.errno == errno.EAGAIN
    assert not medium.requests
    assert guarded.submit(third) is PENDING


@pytest.mark.parametrize("operation", [Operation.WRITE, Operation.ZERO, Operation.DISCARD])
def test_half_a_block_is_read_and_never_written(operation: Operation) -> None:
    medium = Strange()
    medium.block = 4096
    guarded = Guarded(medium, lambda call: call())
    for at, length in (0, 512), (512, 4096), (0, 4608):
        request = MediumRequest(operation, at, length, [memoryview(bytearray(length))])
        assert guarded.submit(request) is None
        assert request.errno == errno.EINVAL
    assert not medium.requests
    request = MediumRequest(Operation.READ, 4096, 512, [memoryview(bytearray(512))])
    assert guarded.submit(request) is PENDING
    assert medium.requests[0].length == 4096
    medium.does()
    assert (request.errno, request.done) == (0, 512)
