"""Media in C: one that somebody else wrote serves a disk; what its Python face does with it."""

from __future__ import annotations

import ctypes
import errno
import gc
import queue
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pysrp._fast import medium as native

import compiled
from later_rig import LaterRig
from media_in_c import MediumInC, capsule
from media_rig import TestLoop
from medium_by_hand import HandMedium, close
from pysrp.backends import File, Null, Ram
from pysrp.scsi.cdb import GetLbaStatus16
from pysrp.scsi.params import GetLbaStatus
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.link import PENDING
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, MediumRequest, Operation
from pysrp.target.native_medium import NativeMedium
from waiting import PATIENCE, until

MIB = 1 << 20
READ, WRITE, FLUSH, ZERO, DISCARD, *_ = Operation


@pytest.fixture
def medium() -> Iterator[MediumInC]:
    medium = MediumInC(MIB)
    yield medium
    medium.set()
    gc.collect()
    medium.channel(TestLoop()).retire()  # and what could not be closed before
    assert not medium.channels
    medium.close()


def cdb(opcode: int, lba: int, blocks: int) -> bytes:
    return bytes((opcode, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0))


def test_a_channel_that_is_retired_while_somebody_rings_is_closed(medium: MediumInC) -> None:
    """Its loop finds it in use and lets it be, and may never look again."""
    posted: queue.Queue[Callable[[], None]] = queue.Queue()
    retired, over = threading.Event(), []

    class Loop:
        def post(self, call: Callable[[], None]) -> None:
            posted.put(call)
            assert retired.wait(PATIENCE)

    channel = medium.channel(Loop())
    request = MediumRequest(READ, 0, 512, [memoryview(bytearray(512))], over=over.append)
    assert channel.submit(request) is PENDING
    posted.get(timeout=PATIENCE)()
    assert over == [request]
    channel.retire()
    assert medium.channels == 1
    retired.set()
    posted.get(timeout=PATIENCE)()
    assert not medium.channels


def test_who_rings_for_one_medium_and_so_for_another_closes_neither(medium: MediumInC) -> None:
    """A loop that is over has no thread of its own: it is the one that rings who goes on, and closing waits for that one."""
    other = HandMedium(MIB)
    inner = other.channel(SimpleNamespace(post=lambda call: None))
    assert inner.submit(MediumRequest(READ, 0, 1, [memoryview(bytearray(1))])) is PENDING

    def told(_: MediumRequest) -> None:
        other.finish()
        channel.retire()

    channel = medium.channel(SimpleNamespace(post=lambda call: call()))
    assert channel.submit(MediumRequest(READ, 0, 1, [memoryview(bytearray(1))], over=told)) is PENDING

    def closed() -> bool:
        medium.channel(TestLoop()).retire()
        return not medium.channels

    until(closed)
    assert not other.waiting
    inner.reap()
    inner.retire()
    close(other)


def test_it_serves_a_disk(medium: MediumInC) -> None:
    """Data in chunks, an error at a byte, an abort while it hangs, and what is abandoned is not overtaken."""
    rig = LaterRig(LunMap([(0, Disk(medium, "in C"))]))
    rig.memory.now = lambda: True

    def ended(tag: int) -> Any:
        rig.settle(lambda: tag in rig.link.answers)
        return rig.link.answers[tag]

    data = bytes(range(256)) * 2400
    rig.memory.bytes[: len(data)] = data
    assert ended(rig.cmd(0, cdb(0x2A, 1, len(data) // 512), out=(0, len(data)))).status == 0
    assert medium.content[512 : 512 + len(data)] == data
    assert ended(rig.cmd(0, cdb(0x28, 1, len(data) // 512), room=(2 * MIB, len(data)))).moved_in == len(data)
    assert rig.memory.bytes[2 * MIB : 2 * MIB + len(data)] == data
    assert ended(rig.cmd(0, "35000000000000000000")).status == 0

    medium.set(bad=600 * 512 + 7)
    answer = ended(rig.cmd(0, cdb(0x28, 1, 700), room=(2 * MIB, 700 * 512)))
    assert answer.moved_in == 599 * 512
    assert parse_sense(answer.sense).information == 600

    medium.set(hung=True)
    rig.memory.bytes[:512] = b"a" * 512
    gone = rig.cmd(0, cdb(0x2A, 9, 1), out=(0, 512))
    function = rig.manage(0, TskMgmtFunc.ABORT_TASK, gone)
    assert rig.link.answers[function].status == 0
    rig.memory.bytes[:512] = b"b" * 512
    tag = rig.cmd(0, cdb(0x2A, 9, 1), out=(0, 512))
    medium.set()
    assert ended(tag).status == 0
    assert medium.content[9 * 512 : 10 * 512] == b"b" * 512
    assert gone not in rig.link.answers
    rig.check()
    rig.mover.retire()


@pytest.mark.parametrize("patient", [False, True])
def test_withdrawn(medium: MediumInC, patient: bool) -> None:
    medium.set(hung=True, patient=patient)
    loop, over = TestLoop(), []
    channel = medium.channel(loop)
    request = MediumRequest(WRITE, 0, 3, (memoryview(b"abc"),), over=over.append)
    assert channel.submit(request) is PENDING
    assert channel.withdraw(request) is patient
    medium.set()
    if not patient:
        loop.until(lambda: over)
    assert over == ([] if patient else [request])
    assert medium.content[:3] == (bytes(3) if patient else b"abc")
    assert not channel.withdraw(request), "it is over"
    channel.retire()


def test_what_one_raises_drops_no_other() -> None:
    medium, loop, told = HandMedium(MIB), TestLoop(), []
    channel = medium.channel(loop)

    def fail(request: MediumRequest) -> None:
        told.append(request)
        raise ValueError(request.offset)

    for at in range(3):
        channel.submit(MediumRequest(READ, at * 512, 512, (memoryview(bytearray(512)),), over=fail))
    medium.finish_all()
    for at in range(3):
        with pytest.raises(ValueError, match=str(at * 512)):
            loop.turn()
        assert len(told) == at + 1
    loop.turn()
    assert len(told) == 3
    channel.retire()
    medium.close()


def in_its_thread(call: Callable[[], None]) -> None:
    """The loop of a session that is over has nobody else who would."""
    call()


@pytest.mark.parametrize("retired", [False, True], ids=["let go", "retired"])
@pytest.mark.parametrize("inline", [False, True], ids=["a loop", "no loop any more"])
def test_a_channel_stays_until_its_last_request_is_over(
    medium: MediumInC, retired: bool, inline: bool
) -> None:
    medium.set(hung=True)
    loop: Any = TestLoop()
    if inline:
        loop.post = in_its_thread
    over: list[MediumRequest] = []
    channel = medium.channel(loop)
    for at in range(3):
        assert channel.submit(MediumRequest(WRITE, at, 1, (memoryview(b"x"),), over=over.append)) is PENDING
    if retired:
        channel.retire()
        assert channel.submit(refused := MediumRequest(FLUSH)) is None
        assert refused.errno == errno.EINVAL
    del channel
    gc.collect()
    assert medium.channels == 1
    medium.set()
    loop.until(lambda: len(over) == 3)
    assert medium.content[:3] == b"xxx"

    def closed() -> bool:
        other = medium.channel(TestLoop())
        other.retire()
        return medium.channels == 0

    until(closed)


def test_garbage_that_is_a_channel_and_its_medium(medium: MediumInC) -> None:
    """A channel is closed before the capsule goes, whichever of them the collector finds first."""
    channels_at_the_end: list[int] = []
    destructor = compiled.DESTRUCTOR(lambda _: channels_at_the_end.append(medium.channels))
    table = native.MediumTable(compiled.capsule(medium.address, b"pysrp.medium.1", destructor))
    garbage: list[Any] = [table, table.channel(TestLoop().post)]
    garbage.append(garbage)
    assert medium.channels == 1
    del table, garbage
    gc.collect()
    assert channels_at_the_end == [0]


@pytest.mark.parametrize(
    "request_",
    [
        MediumRequest(READ, 0, 4, (memoryview(b"read only"),)),
        MediumRequest(READ, 0, 4, (memoryview(bytearray(3)),)),
        MediumRequest(WRITE, 0, 4, ()),
        MediumRequest(WRITE, -1, 1, (memoryview(b"x"),)),
        MediumRequest(WRITE, 1 << 64, 1, (memoryview(b"x"),)),
        MediumRequest(READ, 0, 4, (memoryview(bytearray(8))[::2],)),
        MediumRequest(ZERO, 0, -1),
        MediumRequest(ZERO, 1, MIB),
    ],
    ids=repr,
)
def test_requests_that_cannot_be(medium: MediumInC, request_: MediumRequest) -> None:
    channel = medium.channel(TestLoop())
    assert channel.submit(request_) is None
    assert request_.failure() is not None
    assert medium.content[:] == bytes(MIB)
    channel.retire()


def test_the_memory_of_a_ram_disk_is_that_of_its_medium() -> None:
    ram = Ram(8192)
    medium = NativeMedium(ram.native())
    memory = medium.memory()
    assert memory is not None
    memory[5:8] = b"abc"
    assert ram.memory()[4:9] == b"\0abc\0"
    del medium
    ram.close()
    gc.collect()
    assert memory[5:8] == b"abc", "it stays as long as somebody refers to it"


def test_backends_without(tmp_path: Path) -> None:
    assert Null(4096).native() is None
    with File(tmp_path / "disk", 4096) as file:
        assert file.native() is None


def test_capsules_that_are_none() -> None:
    with pytest.raises(ValueError, match="PyCapsule"):
        NativeMedium(capsule(1, OTHER))
    with pytest.raises(ValueError):
        NativeMedium(object())
    for words in [7, 0, 0], [ctypes.sizeof(ctypes.c_void_p) * 12, 0, 0]:
        struct = (ctypes.c_uint64 * 16)(*words)
        with pytest.raises(ValueError, match="a medium"):
            NativeMedium(capsule(ctypes.addressof(struct)))


OTHER = b"pysrp.link.1"


Submit, Reap = Callable[[int], int], Callable[[], int]
Pointer, Function = ctypes.c_void_p, ctypes.CFUNCTYPE
FUNCTIONS = (
    Function(ctypes.c_uint64, Pointer),
    Function(Pointer, Pointer, Pointer, Pointer),
    Function(None, Pointer),
    Function(ctypes.c_int, Pointer, Pointer),
    Function(Pointer, Pointer),
    Function(ctypes.c_int, Pointer, Pointer),
    Function(None, Pointer, ctypes.c_int),
    Function(ctypes.c_int, Pointer),
)
NAMES = "bytes", "open", "close", "submit", "reap", "withdraw", "listen", "look"


class Scripted(NativeMedium):
    """A medium of one block whose functions a test has written. They take the interpreter's lock, as none may."""

    class Table(ctypes.Structure):
        _fields_ = (
            ("size", ctypes.c_size_t),
            ("self", Pointer),
            ("block", ctypes.c_uint32),
            ("features", ctypes.c_uint32),
            ("memory", Pointer),
            *zip(NAMES, FUNCTIONS, strict=True),
        )  # fmt: skip

    def __init__(self, submit: Submit, reap: Reap) -> None:
        self.closed = 0

        def close(channel: int) -> None:
            self.closed += 1

        self.functions = [
            kind(call)
            for kind, call in zip(
                FUNCTIONS[:6],
                (
                    lambda me: 512, lambda me, ring, bell: 1, close, lambda channel, io: submit(io),
                    lambda channel: reap() or None, lambda channel, io: 0,
                ),
                strict=True,
            )
        ]  # fmt: skip
        self.struct = self.Table(ctypes.sizeof(self.Table), 1, 1, 0, None, *self.functions)
        super().__init__(capsule(ctypes.addressof(self.struct)))


@pytest.mark.parametrize("pending", [True, False])
def test_a_medium_that_gives_a_request_back_again(pending: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Or one that was over at once, or that nobody has given it: whoever looks for it finds none."""
    given: list[int] = []
    back: list[int] = []

    def submit(io: int) -> int:
        given.append(io)
        return int(pending)

    medium = Scripted(submit, lambda: back.pop() if back else 0)
    channel = medium.channel(TestLoop())
    over: list[MediumRequest] = []
    assert channel.submit(request := MediumRequest(FLUSH, over=over.append)) is (PENDING if pending else None)
    back += [4096, *given * 3]
    channel.reap()  # type: ignore[attr-defined]
    back += given
    channel.reap()  # type: ignore[attr-defined]
    assert over == ([request] if pending else [])
    assert [record.getMessage() for record in caplog.records] == [
        "a medium gives a request back that it does not have"
    ] * (4 if pending else 5)
    channel.retire()
    assert medium.closed == 1


def test_nobody_closes_a_channel_that_is_being_reaped() -> None:
    """Its last request has been given back; another loop looks meanwhile what can be closed."""
    given: list[int] = []

    def submit(io: int) -> int:
        given.append(io)
        return 1

    def reap() -> int:
        if given:
            return given.pop()
        medium.channel(TestLoop()).retire()
        closed.append(medium.closed)
        return 0

    medium = Scripted(submit, reap)
    closed: list[int] = []
    channel = medium.channel(TestLoop())
    assert channel.submit(MediumRequest(FLUSH)) is PENDING
    channel.retire()
    channel.reap()  # type: ignore[attr-defined]
    assert closed == [1], "the other loop's"
    assert medium.closed == 2


class Nosy(MediumRequest):
    """Runs something when it is told what became of it."""

    look: Callable[[], object] = staticmethod(lambda: None)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "done":
            self.look()


def test_what_is_over_while_another_one_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Who rings then leaves it to who reaps already."""
    given: list[int] = []
    back: list[int] = []

    def submit(io: int) -> int:
        given.append(io)
        return 1

    medium = Scripted(submit, lambda: back.pop() if back else 0)
    channel: Any = medium.channel(TestLoop())
    over: list[MediumRequest] = []
    first, second = Nosy(FLUSH, over=over.append), MediumRequest(FLUSH, over=over.append)
    for each in first, second:
        assert channel.submit(each) is PENDING

    def look() -> None:
        first.look = lambda: None
        back.append(given[1])
        channel.reap()

    first.look = look
    channel.retire()
    back.append(given[0])
    channel.reap()
    assert over == [first, second]
    assert medium.closed == 1
    assert not caplog.records


def test_numbers_that_differ_do_not_load() -> None:
    class Other(IntEnum):
        READ, WRITE, FLUSH, DISCARD, ZERO, EXTENTS, COMPARE = range(1, 8)

    native.check_numbers()
    with pytest.raises(ImportError, match="ZERO is 5"):
        native.check_numbers(operation=Other)


def test_a_process_that_ends_with_requests_under_way() -> None:
    program = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from media_in_c import MediumInC
        from pysrp.target.medium import Operation, MediumRequest
        medium = MediumInC(4096)
        medium.set(hung=True)
        class Loop:
            def post(self, call): pass
        channel = medium.channel(Loop())
        channel.submit(MediumRequest(Operation.WRITE, 0, 1, (memoryview(b"x"),)))
        print("ends")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")


RINGING = """
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "channel.h"

static struct channel channel;
static struct pysrp_io *submitted;
static pthread_t thread;
static int put, ringer, go;

static void *serve(void *argument)
{
	submitted->done = submitted->length;
	channel_put(&channel, submitted);
	__atomic_store_n(&ringer, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	__atomic_store_n(&put, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		sched_yield();
	channel_ring(&channel);
	return NULL;
}

static uint64_t bytes(void *self) { return 512; }
static struct pysrp_io *reap(void *self) { return channel_reap(&channel); }
static void end(void *self) { channel_end(&channel); }

static void *begin(void *self, void (*ring)(void *bell), void *bell)
{
	channel_begin(&channel, ring, bell);
	return &channel;
}

static enum pysrp_submitted submit(void *self, struct pysrp_io *io)
{
	submitted = io;
	pthread_create(&thread, NULL, serve, NULL);
	while (!__atomic_load_n(&put, __ATOMIC_SEQ_CST))
		sched_yield();
	return PYSRP_PENDING;
}

static struct pysrp_medium table = {
	.size = sizeof(table), .block = 1, .bytes = bytes, .open = begin, .close = end, .submit = submit, .reap = reap,
};

void *address(void) { return &table; }

/*
 * With the interpreter's lock, which is not let go of before Python ends: the thread rings, and asks for that lock.
 * Where Python has none, it may get through with it and end.
 */
void let_ring(void)
{
	char path[64], state = 0;
	FILE *file;
	int there = 1;

	__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
	sprintf(path, "/proc/self/task/%d/stat", ringer);
	while (there && state != 'S') {
		file = fopen(path, "r");
		there = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
		if (file)
			fclose(file);
	}
}
"""

ENDING = """
import atexit, ctypes, sys
library = ctypes.PyDLL(PATH)
atexit.register(library.let_ring)  # the first, and so the last to be called
sys.path[:0] = PATHS
from test_native_medium import *
from media_rig import User
library.address.restype = ctypes.c_void_p
user = User(NativeMedium(capsule(library.address())))
user.begin(READ, 0, bytearray(512))
user.channel.reap()
assert len(user.over) == 1
user.loop.turn()
"""


def test_python_ends_while_a_medium_rings(tmp_path: Path) -> None:
    """Who asks for the interpreter's lock then never gets it: nobody waits until it has rung."""
    library = compiled.compiled(tmp_path, "ringing", "void *address(void); void let_ring(void);", RINGING)
    values = f"PATH, PATHS = {library.__file__!r}, {sys.path!r}"
    words = [sys.executable, "-c", values + ENDING]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_tells_its_extents() -> None:
    """To a thin disk's GET LBA STATUS: as many as there is room for, and no others than can be."""
    features = Feature.EXTENTS | Feature.ZERO
    medium = HandMedium(MIB, features)
    assert medium.features == features
    medium.content[512:1536] = b"x" * 1024
    rig = LaterRig(LunMap([(0, ThinDisk(medium, "thin"))]))
    rig.memory.now = lambda: True

    def status(lba: int) -> Any:
        tag = rig.cmd(0, bytes(GetLbaStatus16.build(lba=lba, allocation_length=4096)), room=(0, 4096))
        rig.settle(lambda: bool(medium.waiting))
        medium.finish()
        rig.settle(lambda: tag in rig.link.answers)
        answer = rig.link.answers[tag]
        told = GetLbaStatus(bytes(rig.memory.bytes[: answer.moved_in])) if answer.moved_in else None
        return answer, [
            (one.number_of_logical_blocks, one.provisioning_status) for one in told.descriptors
        ] if told else []

    assert status(0)[1] == [(1, 1), (2, 0), (253, 1)]  # 256 extents are told
    assert status(2)[1] == [(1, 0), (255, 1)]
    medium.set(most=512)
    assert status(0)[1] == [(1, 1)]
    for how in {"liar": 3}, {"liar": 4}, {"most": 0}, {"error": errno.EIO}:
        medium.set(**how)
        assert status(0)[0].status == 2, how
    medium.set()
    assert status(1)[1][0] == (2, 0)
    rig.check()
    rig.mover.retire()
    medium.close()


def test_memory_that_is_asked_for_what_it_cannot() -> None:
    """Without a guard before it: what is outside, and what it has no way of doing."""
    medium = NativeMedium(Ram(MIB).native())
    assert repr(medium) == "NativeMedium(1048576)"
    channel = medium.channel(TestLoop())
    data = bytearray(512)
    for operation, offset, length, error in (
        (READ, MIB - 511, 512, errno.EINVAL),
        (WRITE, MIB, 1, errno.EINVAL),
        (ZERO, 1, MIB, errno.EINVAL),
        (DISCARD, 1 << 63, 1 << 63, errno.EINVAL),
        (Operation.EXTENTS, 0, 512, errno.EOPNOTSUPP),
    ):
        views = (memoryview(data)[:length],) if operation in (READ, WRITE) else ()
        request = MediumRequest(operation, offset, length, views)
        assert channel.submit(request) is not PENDING
        assert (request.errno, request.done) == (error, 0), operation
    assert data == bytes(512)
    channel.retire()
