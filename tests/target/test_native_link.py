"""The native lane over a link that somebody else wrote, in C, from native.h alone."""

from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast import gate, lane
from pysrp._fast.gate import Gate

import compiled
from pysrp import srp
from pysrp.lun import scst_pack
from pysrp.target.grant import Grant

SOURCE = r"""
#include <string.h>
#include "native.h"

#define KEY 0xC0FFEEu
#define MEMORY 65536
#define SLOTS 8

static struct {
	uint8_t memory[MEMORY];
	uint8_t requests[SLOTS][PYSRP_IU], answers[SLOTS][PYSRP_RSP];
	size_t lengths[SLOTS], sent, have, at, rings;
	int full, watched;
} mine;

static void watch(int answering);	/* in Python: it takes the interpreter's lock, as a link must not but in a test */

static size_t take(void *self)
{
	mine.at = 0;
	mine.have = mine.sent;
	mine.sent = 0;
	return mine.have;
}

static size_t left(void *self) { return mine.have - mine.at; }

static void peek(void *self, struct pysrp_request *request)
{
	request->length = mine.lengths[mine.at];
	memcpy(request->iu, mine.requests[mine.at], request->length);
	memcpy(&request->tag, request->iu + 8, 8);
	request->tag = __builtin_bswap64(request->tag);
	request->where = mine.at;
	if (mine.watched)
		watch(0);
}

static void pass(void *self) { mine.at++; }

static uint8_t *reach(void *self, uint64_t address, uint64_t length, uint32_t key, int write)
{
	if (key != KEY || length > MEMORY || address > MEMORY - length)
		return NULL;
	return mine.memory + address;
}

static enum pysrp_sent answer(void *self, const struct pysrp_request *request, const uint8_t *iu)
{
	memcpy(mine.answers[request->where], iu, PYSRP_RSP);
	if (mine.watched)
		watch(1);
	return mine.full ? PYSRP_WAITS : PYSRP_SENT;
}

static void ring(void *self) { mine.rings++; }

static struct pysrp_link link_of_mine = {
	.size = sizeof(struct pysrp_link), .self = &mine, .take = take, .left = left, .peek = peek, .pass = pass,
	.reach = reach, .answer = answer, .ring = ring,
};

static void *the_link(void) { return &link_of_mine; }
static void *the_memory(void) { return mine.memory; }
static void *the_answer(int at) { return mine.answers[at]; }
static int rings(void) { return mine.rings; }
static void fill(int full) { mine.full = full; }
static void look(int watched) { mine.watched = watched; }

static void put(const uint8_t *iu, int length)
{
	memcpy(mine.requests[mine.sent], iu, length);
	mine.lengths[mine.sent++] = length;
}
"""

CALLS = """
void *the_link(void);
void *the_memory(void);
void *the_answer(int at);
int rings(void);
void fill(int full);
void look(int watched);
extern "Python" void watch(int answering);
void put(const uint8_t *iu, int length);
"""


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """That link, compiled."""
    return compiled.compiled(tmp_path_factory.mktemp("link"), "a_link_of_somebody_else", CALLS, SOURCE)


def some_memory() -> Grant:
    """What a disk of 64 blocks would grant."""
    return Grant(0, memoryview(bytearray(random.Random(3).randbytes(64 * 512))), 512, 1 << 20, Gate())


def capsule(c: Any, name: bytes = b"pysrp.link.1") -> Any:
    return compiled.capsule(int(c.ffi.cast("uintptr_t", c.lib.the_link())), name)


@pytest.fixture
def made(c: Any) -> Iterator[tuple[Any, Any, Grant]]:
    found, grant = lane.Lane(capsule(c)), some_memory()
    found.bind([grant])
    yield found, c, grant
    c.lib.fill(0)
    c.lib.look(0)


def command(
    opcode: int, lba: int, blocks: int, key: int = 0xC0FFEE, address: int = 4096, tag: int = 77
) -> bytes:
    raw = bytes((opcode, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0))
    where = (address, key, blocks * 512)
    return bytes(
        srp.Cmd.build(
            tag=tag, lun=bytes(scst_pack(0, "LUN")), cdb=raw,
            **({"data_in": where} if opcode == 0x28 else {"data_out": where}),
        )
    )  # fmt: skip


def immediate(lba: int, blocks: int) -> bytes:
    """The beginning of a WRITE whose data is in the IU."""
    raw = bytes((0x2A, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0))
    data = srp.ImmBuf.build(len=blocks * 512)
    cmd = srp.Cmd.build(lun=bytes(scst_pack(0, "LUN")), cdb=raw, data_out=data)
    return bytes(cmd).ljust(512, b"i")


def test_a_read_and_a_write(made: tuple[Any, Any, Grant]) -> None:
    found, c, grant = made
    memory = c.ffi.buffer(c.lib.the_memory(), 65536)
    memory[8192 : 8192 + 1024] = b"w" * 1024
    rings, total = c.lib.rings(), found.total
    for iu in command(0x28, 2, 4, tag=5), command(0x2A, 10, 2, address=8192, tag=6):
        c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    assert found.total == total + 2
    assert memory[4096 : 4096 + 2048] == bytes(grant.memory[1024:3072])
    assert bytes(grant.memory[5120:6144]) == b"w" * 1024
    for at, tag in (0, 5), (1, 6):
        rsp = srp.Rsp(bytes(c.ffi.buffer(c.lib.the_answer(at), 36)))
        assert (rsp.tag, rsp.status, rsp.req_lim_delta, int(rsp.flags)) == (tag, 0, 1, 0)
    assert c.lib.rings() == rings + 1


@pytest.mark.parametrize(
    "iu",
    [
        command(0x28, 0, 1, key=1),
        command(0x28, 0, 1, address=65535),
        command(0x28, 0, 1, address=(1 << 64) - 1),
        command(0x28, 64, 1),
        command(0x28, 0, 1)[:63],
        command(0x28, 0, 1)[:16],
        b"",
        immediate(0, 1),
    ],
    ids=["key", "end", "wrap", "block", "short", "head", "nothing", "immediate data"],
)
def test_what_is_left_to_the_engine(c: Any, iu: bytes) -> None:
    found, grant = lane.Lane(capsule(c)), some_memory()
    found.bind([grant])
    before = bytes(grant.memory)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.OTHER
    assert found.total == 0
    assert bytes(grant.memory) == before
    pass_one(c)
    assert found.next(True, 0, 8) == lane.EMPTY


def pass_one(c: Any) -> None:
    """The engine takes the request that was left to it."""
    functions = ctypes.cast(
        int(c.ffi.cast("uintptr_t", c.lib.the_link())), ctypes.POINTER(ctypes.c_void_p * 9)
    )
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(functions.contents[5])(functions.contents[1])


def test_an_answer_that_the_engine_has_to_tell(made: tuple[Any, Any, Grant]) -> None:
    found, c, _ = made
    c.lib.fill(1)
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.UNTOLD
    assert found.next(True, 0, 8) == lane.EMPTY


def test_credits_and_a_gate_that_is_closed(c: Any) -> None:
    found, grant = lane.Lane(capsule(c)), some_memory()
    found.bind([grant])
    iu = command(0x28, 0, 1)
    for _ in range(3):
        c.lib.put(iu, len(iu))
    assert found.next(True, 0, 2) == lane.OTHER
    assert found.total == 2
    pass_one(c)
    grant.gate.close(gate.ATTENTION)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.OTHER
    pass_one(c)
    assert found.next(True, 0, 8) == lane.EMPTY


def watched(c: Any, call: Callable[[bool], object]) -> None:
    """From now on ``call`` is made before each request is looked at, and when its answer is written."""

    def watch(answering: int) -> None:
        call(bool(answering))

    c.ffi.def_extern("watch")(watch)
    c.lib.look(1)


REASONS = [reason for reason in gate.NAMES if reason != gate.REVOKED]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x28, 0x2A]), st.booleans(), st.lists(st.sampled_from(REASONS), max_size=2)
        ),
        min_size=1,
        max_size=7,
    )
)
def test_gates_that_close_and_open_between_any_two_commands(c: Any, steps: list[Any]) -> None:
    """All have arrived together; who changes the gate is another thread, as far as the lane can tell."""
    found, grant = lane.Lane(capsule(c)), some_memory()
    found.bind([grant])
    changes = iter(steps)

    def change(answering: bool) -> None:
        if answering:
            assert grant.gate.under_way == 1
            return
        assert grant.gate.under_way == 0
        _, closes, reasons = next(changes)
        for reason in reasons:
            if closes:
                grant.gate.close(reason)
            else:
                grant.gate.open(reason)

    reasons, expected = 0, []
    for opcode, closes, changed in steps:
        iu = command(opcode, 0, 1)
        c.lib.put(iu, len(iu))
        for reason in changed:
            reasons = reasons | reason if closes else reasons & ~reason
        expected.append(not reasons & (gate.STOPS_WRITES if opcode == 0x2A else gate.STOPS_READS))
    watched(c, change)
    short = []
    try:
        while (said := found.next(True, 0, 8)) != lane.EMPTY:
            assert said == lane.OTHER
            short += [True] * (found.total - sum(short)) + [False]
            pass_one(c)
        short += [True] * (found.total - sum(short))
    finally:
        c.lib.look(0)
    assert short == expected
    assert grant.gate.under_way == 0


def test_what_is_bound_while_commands_are_under_way_is_refused(made: tuple[Any, Any, Grant]) -> None:
    """They are, in another thread: the memory that they copy from and to has to stay."""
    found, c, grant = made
    said: list[str] = []

    def meddle(answering: bool) -> None:
        for call in partial(found.bind, []), partial(found.next, True, 0, 8):
            with pytest.raises(ValueError, match="another thread is in this lane") as refused:
                call()
            said.append(str(refused.value))

    watched(c, meddle)
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    assert len(said) == 4
    assert c.ffi.buffer(c.lib.the_memory(), 65536)[4096:4608] == bytes(grant.memory[:512])
    found.bind([])


def test_memory_that_binds_the_lane_when_it_is_let_go(c: Any) -> None:
    found, last = lane.Lane(capsule(c)), some_memory()

    class Bytes(bytearray):
        def __del__(self) -> None:
            found.bind([last])

    found.bind([Grant(lun, memoryview(Bytes(512)), 512, 512, Gate()) for lun in (1, 2)])
    found.bind([])
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    assert found.total == 1, "what was bound last holds"


@pytest.mark.parametrize(
    ("lun", "block_size", "limit", "gate"),
    [
        (16384, 512, 1, Gate()), (-1, 512, 1, Gate()), (0, 0, 1, Gate()), (0, -512, 1, Gate()),
        (0, 1 << 32, 1, Gate()), (0, 512, -1, Gate()), (0, 512, 1, None), (0, 512, 1, object()), (None, 512, 1, Gate()),
    ],
)  # fmt: skip
def test_grants_that_are_none_change_nothing(
    made: tuple[Any, Any, Grant], lun: Any, block_size: int, limit: int, gate: Any
) -> None:
    found, c, grant = made
    total = found.total
    for memory in memoryview(bytearray(512)), memoryview(bytes(512)), memoryview(bytearray(512))[::2]:
        with pytest.raises((ValueError, TypeError, OverflowError, BufferError)):
            found.bind([grant, Grant(lun, memory, block_size, limit, gate)])
    with pytest.raises(ValueError, match="16385 grants"):
        found.bind([grant] * 16385)
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    assert found.total == total + 1


def test_who_closes_a_gate_is_told_when_it_is_drained(
    made: tuple[Any, Any, Grant], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, c, grant = made
    said: list[Any] = []

    def close(answering: bool) -> None:
        if answering and not said:
            for name in "one", "two":
                assert not grant.gate.close(gate.RESERVED, partial(drained, name))
            assert not grant.gate.close(gate.JOB)
            said.append("closed")
            assert grant.gate.under_way == 1

    def drained(name: str) -> None:
        assert grant.gate.under_way == 0
        said.append((name, found.total))
        if name == "one":
            raise KeyError("what this raises is its own")

    watched(c, close)
    for _ in range(3):
        iu = command(0x28, 0, 1)
        c.lib.put(iu, len(iu))
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: reported.append(each.exc_type))
    assert found.next(True, 0, 8) == lane.OTHER
    assert reported == [KeyError]
    assert said == ["closed", ("one", 1), ("two", 1)]
    assert grant.gate.close(gate.RESERVED, partial(drained, "three")), "now nothing is under way"
    for _ in range(2):
        pass_one(c)
    grant.gate.open(gate.RESERVED | gate.JOB)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    assert found.total == 2
    assert len(said) == 3


def test_an_answer_that_waits_and_a_drain(made: tuple[Any, Any, Grant]) -> None:
    """Both are told: the engine of the answer, and who waits."""
    found, c, grant = made
    told: list[int] = []
    watched(c, lambda answering: answering and grant.gate.close(gate.RESERVED, lambda: told.append(1)))
    c.lib.fill(1)
    iu = command(0x2A, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.UNTOLD
    assert told == [1]
    assert found.next(True, 0, 8) == lane.EMPTY


def test_who_is_told_may_bind(made: tuple[Any, Any, Grant]) -> None:
    found, c, grant = made
    watched(c, lambda answering: answering and grant.gate.close(gate.JOB, lambda: found.bind([])))
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.EMPTY
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.OTHER
    pass_one(c)
    assert found.next(True, 0, 8) == lane.EMPTY


def test_a_grant_that_is_revoked_is_noticed_by_the_next_command(made: tuple[Any, Any, Grant]) -> None:
    found, c, grant = made
    grant.gate.close(gate.REVOKED)
    assert not found.revoked
    iu = command(0x28, 0, 1)
    c.lib.put(iu, len(iu))
    assert found.next(True, 0, 8) == lane.OTHER
    assert found.revoked
    found.bind([grant._replace(gate=Gate())])
    assert not found.revoked
    assert found.next(True, 0, 8) == lane.EMPTY
    assert found.total == 1


def test_capsules_that_are_no_link(c: Any) -> None:
    for wrong in None, 1, object(), capsule(c, b"pysrp.link.2"):
        with pytest.raises((ValueError, TypeError)):
            lane.Lane(wrong)
    functions = ctypes.cast(int(c.ffi.cast("uintptr_t", c.lib.the_link())), ctypes.POINTER(ctypes.c_size_t))
    size, functions[0] = functions[0], 8
    try:
        with pytest.raises(ValueError, match="a link of 8 bytes"):
            lane.Lane(capsule(c))
    finally:
        functions[0] = size


def test_a_layout_that_differs_does_not_load() -> None:
    class Other:
        SIZE = 48

        def __getattr__(self, name: str) -> Any:
            return getattr(srp.Cmd, name)

    other = Other()
    lane.check_layout(other)
    other.lun = srp.Cmd.tag  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match=r"SRP_CMD\.lun is at 8 in the field tables, at 20"):
        lane.check_layout(other)
