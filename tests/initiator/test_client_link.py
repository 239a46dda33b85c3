"""The initiator's native lane over a link that somebody else wrote, in C, from native.h alone."""

from __future__ import annotations

import ctypes
from array import array
from typing import Any

import pytest
from pysrp._fast import queue
from pysrp._fast.queue import ClientLane

import compiled
from pysrp import srp
from pysrp.scsi.sense import sense

SOURCE = r"""
#include <string.h>
#include "native.h"

#define SLOTS 8

static struct {
	uint64_t addresses[SLOTS];
	struct pysrp_arrival arrivals[SLOTS];
	size_t sent, have, at;
	int64_t now, slept;
	int code, seen, rings, timeout, watched;
} mine;

static void watch(void);	/* in Python: it takes the interpreter's lock, as a link must not but in a test */

static enum pysrp_put put(void *self, uint64_t address, uint32_t length, uint16_t timeout)
{
	if (mine.code != PYSRP_PUT)
		return mine.code;
	mine.addresses[mine.sent++ % SLOTS] = address;
	mine.timeout = timeout;
	return PYSRP_PUT;
}

static void ring(void *self) { mine.rings++; }
static size_t take(void *self) { return mine.have - mine.at; }
static size_t left(void *self) { return mine.have - mine.at; }
static void next(void *self, struct pysrp_arrival *arrival) { *arrival = mine.arrivals[mine.at++ % SLOTS]; }
static int64_t clock_of_mine(void *self) { return ++mine.now; }

static int pause_of_mine(void *self, int64_t nanoseconds)
{
	if (mine.watched)
		watch();
	mine.slept = nanoseconds;
	mine.now += nanoseconds;
	return mine.seen;
}

static struct pysrp_client_link link_of_mine = {
	.size = sizeof(struct pysrp_client_link), .self = &mine, .put = put, .ring = ring, .take = take,
	.left = left, .next = next, .pause = pause_of_mine, .clock = clock_of_mine,
};

static void *the_link(void) { return &link_of_mine; }
static void begin(void) { memset(&mine, 0, sizeof(mine)); mine.now = 1000; }
static int sent(void) { return mine.sent; }
static uint64_t address(int at) { return mine.addresses[at % SLOTS]; }
static int rings(void) { return mine.rings; }
static int timeout(void) { return mine.timeout; }
static long slept(void) { return mine.slept; }
static void look(void) { mine.watched = 1; }
static void answers(int code, int seen) { mine.code = code; mine.seen = seen; }

static void arrive(uint64_t tag, int length, int answer, int good, int status)
{
	struct pysrp_arrival *arrival = &mine.arrivals[mine.have++ % SLOTS];

	*arrival = (struct pysrp_arrival){
		.tag = tag, .length = length, .answer = answer, .good = good, .status = status, .raw = "what has come",
	};
}
"""

CALLS = """
void *the_link(void);
void begin(void);
int sent(void);
uint64_t address(int at);
int rings(void);
int timeout(void);
long slept(void);
void look(void);
extern "Python" void watch(void);
void answers(int code, int seen);
void arrive(uint64_t tag, int length, int answer, int good, int status);
"""

PUT, FULL, SHUT = range(3)
ATTEND, INTERRUPTED = 1, 2


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """That link, compiled."""
    folder = tmp_path_factory.mktemp("link")
    return compiled.compiled(folder, "a_client_link_of_somebody_else", CALLS, SOURCE)


@pytest.fixture
def c(module: Any) -> Any:
    module.lib.begin()
    return module


def capsule(c: Any, name: bytes = b"pysrp.client_link.1") -> Any:
    return compiled.capsule(int(c.ffi.cast("uintptr_t", c.lib.the_link())), name)


class Run:
    """Reads and writes of one block each, two at a time; IUs at 0x1000, data at 0x8000."""

    def __init__(
        self, c: Any, ops: bytes | bytearray, credits: int = 10, buffer: Any = None, **options: Any
    ) -> None:
        count = len(ops)
        self.c = c
        self.iu, self.data = bytearray(512), bytearray(1024)
        self.status, self.buffer = bytearray(count), bytearray(512 * count) if buffer is None else buffer
        self.blocks, self.latency = array("I", [1] * count), bytearray(8 * count + 1)
        self.lane = ClientLane(
            capsule(c), memoryview(self.iu), 0x1000, [0, 1], memoryview(self.data), 0x8000, 512, 0x8100 << 48, ops,
            array("Q", range(count)), self.blocks, self.status, memoryview(self.latency)[1:], self.buffer, 512,
            serial=7, credits=credits, **options,
        )  # fmt: skip

    def sent(self, at: int) -> Any:
        start = self.c.lib.address(at) - 0x1000
        return srp.Cmd(bytes(self.iu[start : start + 256]))

    def answer(self, at: int, good: bool = True, **fields: Any) -> None:
        """Write an answer over a request, and announce it."""
        tag, start = self.sent(at).tag, self.c.lib.address(at) - 0x1000
        raw = bytes(srp.Rsp.build(tag=tag, req_lim_delta=1, **fields))
        self.iu[start : start + len(raw)] = raw
        self.c.lib.arrive(tag, len(raw), 1, good, 0 if good else 3)


def test_reads_and_writes(c: Any) -> None:
    run = Run(c, b"\0\1\0", timeout=30)
    run.buffer[512:1024] = b"w" * 512
    assert run.lane.run(5000) == queue.PAUSED
    assert (c.lib.sent(), c.lib.rings(), c.lib.timeout()) == (2, 1, 30)
    assert 0 < c.lib.slept() <= 5000
    read, write = run.sent(0), run.sent(1)
    assert (bytes(read.lun)[:2], read.cdb[0], bytes(read.cdb[2:9])) == (b"\x81\0", 0x28, bytes(6) + b"\1")
    assert (read.data_in.va, read.data_in.len) == (0x8000, 512)
    assert (write.cdb[0], write.data_out.len) == (0x2A, 512)
    assert run.data[512:] == b"w" * 512
    run.data[:512] = b"r" * 512
    run.answer(1)
    run.answer(0)
    assert run.lane.run(5000) == queue.PAUSED
    assert run.buffer[:512] == b"r" * 512
    assert c.lib.sent() == 3
    run.answer(2)
    assert run.lane.run(5000) == queue.FINISHED
    assert bytes(run.status) == bytes(3)
    assert run.lane.credits == 10


@pytest.mark.parametrize("response", [b"", bytes(4), bytes(20)])
def test_a_unit_attention_halts_whatever_stands_before_the_sense_data(c: Any, response: bytes) -> None:
    run = Run(c, b"\0\0\0")
    run.lane.run(0)
    more = {"resp_data": response} if response else {}
    run.answer(0, status=2, sense=bytes(sense(6, 0x2A, 9)), **more)
    run.lane.run(0)
    assert run.lane.halted
    assert c.lib.sent() == 2, "the third may be meant otherwise"
    ((_, answer, status),) = run.lane.trouble.values()
    assert (srp.Rsp(answer).status, status) == (2, 0)


def test_what_the_transport_says_went_wrong(c: Any) -> None:
    run = Run(c, b"\0")
    run.lane.run(0)
    run.answer(0, good=False)
    assert run.lane.run(0) == queue.FINISHED
    assert run.status[0] == queue.NO_ANSWER
    ((_, _, status),) = run.lane.trouble.values()
    assert status == 3


def test_what_is_no_answer_is_handed_over_as_it_came(c: Any) -> None:
    run = Run(c, b"\0")
    run.lane.run(0)
    c.lib.arrive(run.sent(0).tag, 36, 0, 1, 0)  # no answer
    c.lib.arrive(run.sent(0).tag + 1, 36, 1, 1, 0)  # to another request
    assert run.lane.run(0) & queue.ODD
    assert run.lane.odd == [b"what has come".ljust(16, b"\0")] * 2
    assert run.lane.in_flight == 1


def test_a_link_that_takes_nothing(c: Any) -> None:
    run = Run(c, b"\0")
    c.lib.answers(FULL, 0)
    assert run.lane.run(10**9) == queue.PAUSED
    assert c.lib.slept() == 10**6, "it is tried again soon"
    assert (c.lib.sent(), run.lane.in_flight, c.lib.rings()) == (0, 0, 0)
    c.lib.answers(SHUT, 0)
    assert run.lane.run(10**9) == queue.CLOSED
    for seen, why in (ATTEND, queue.LOOK), (INTERRUPTED, queue.PAUSED):
        c.lib.answers(PUT, seen)
        assert run.lane.run(10**9) == why
    assert c.lib.sent() == 1


def test_memory_stays_while_the_lane_runs(c: Any) -> None:
    run = Run(c, b"\0")
    refused: list[ValueError] = []

    def watch() -> None:
        for call in run.lane.release, lambda: run.lane.run(0):
            with pytest.raises(ValueError, match="another thread is in this lane") as error:
                call()
            refused.append(error.value)

    c.ffi.def_extern("watch")(watch)
    c.lib.look()
    assert run.lane.run((1 << 63) - 1) == queue.PAUSED
    assert len(refused) == 2
    run.lane.release()
    with pytest.raises(ValueError, match="released"):
        run.lane.run(0)


def test_columns_that_change_once_they_have_been_looked_at(c: Any) -> None:
    """Sizes were held against the memory: a larger one would not fit."""
    ops = bytearray(b"\0\0\1")
    run = Run(c, ops)
    for column in run.blocks, ops:
        column[:] = type(column)(column.typecode, [9] * 3) if isinstance(column, array) else bytes(3)
    run.buffer[1024:] = b"w" * 512
    run.lane.run(0)
    assert [run.sent(at).data_in.len for at in range(2)] == [512, 512]
    run.data[:] = b"r" * 1024
    for at in range(2):
        run.answer(at)
    run.lane.run(5000)
    assert run.buffer[:1024] == b"r" * 1024
    assert run.sent(2).data_out.len == 512
    assert bytes(run.latency[1:17]) != bytes(16)


def test_reads_into_memory_that_cannot_be_written(c: Any) -> None:
    class Writes(bytearray):
        def __iter__(self) -> Any:
            return iter([1] * len(self))

    with pytest.raises(BufferError):
        Run(c, Writes(b"\0\0"), buffer=bytes(1024))
    assert Run(c, b"\1\1", buffer=bytes(1024)).lane.count == 2


def test_capsules_that_are_no_link(c: Any) -> None:
    for wrong in 1, object(), capsule(c, b"pysrp.link.1"):
        with pytest.raises((ValueError, TypeError)):
            ClientLane(wrong, *[None] * 14, serial=0, credits=0)  # type: ignore[call-arg, arg-type]
    functions = ctypes.cast(int(c.ffi.cast("uintptr_t", c.lib.the_link())), ctypes.POINTER(ctypes.c_size_t))
    size, functions[0] = functions[0], 8
    try:
        with pytest.raises(ValueError, match="a link of 8 bytes"):
            Run(c, b"\0")
    finally:
        functions[0] = size


def test_a_layout_that_differs_does_not_load() -> None:
    class Other:
        SIZE = 36

        def __getattr__(self, name: str) -> Any:
            return getattr(srp.Rsp, name)

    other = Other()
    queue.check_layout(rsp=other)
    other.status = srp.Rsp.tag  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match=r"SRP_RSP\.status is at 8 in the field tables, at 19"):
        queue.check_layout(rsp=other)
