"""Whatever a server writes and sends: the engine raises nothing, ends every request once, loses no slot."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from initiator_bench import DISK, INIT, INIT_COMPLETE, OTHER, Bench, event
from pysrp import crq, mad, srp
from pysrp.initiator.requests import Command, Request, TaskManagement
from pysrp.srp import TskMgmtFunc

SLOTS = 16


def tags(bench: Bench) -> list[int]:
    """Tags of what the server has to answer."""
    return [request.tag for request in bench.engine.srp._requests if request is not None]


def hostile(bench: Bench, rng: random.Random) -> bytes:
    """An element, and what it points at in the engine's memory."""
    kind = rng.randrange(8)
    if kind == 0:
        return bytes((rng.randrange(0x80, 0x100), *rng.randbytes(15)))
    if kind == 1:
        return rng.choice((INIT, INIT_COMPLETE, event(rng.randrange(12), rng.randrange(256))))
    known = tags(bench)
    tag = rng.choice(known) if known and rng.random() < 0.9 else rng.getrandbits(rng.choice((8, 16, 32, 64)))
    slot = tag & 0xFFFF
    if slot < SLOTS:
        at = slot * 256
        good = srp.Rsp.build(tag=tag, req_lim_delta=1)
        iu = bytearray(
            rng.choice(
                (
                    bytes(good),
                    bytes(srp.LoginRsp.build(tag=tag, req_lim_delta=10, max_it_iu_len=256)),
                    bytes(srp.LoginRej.build(tag=tag, reason=0x10001)),
                    bytes(mad.AdapterInfo.build(tag=tag)),
                    bytes(srp.Rsp.build(tag=tag, status=2, sense=bytes(18))),
                    bytes(srp.Rsp.build(tag=tag, resp_data=bytes(4))),
                    rng.randbytes(256),
                )
            )
        )
        for _ in range(rng.choice((0, 0, 1, 3))):
            iu[rng.randrange(len(iu))] = rng.randrange(256)
        bench.memory[at : at + len(iu)] = iu
        length = rng.choice((len(iu), len(iu), len(iu), rng.randrange(65536)))
    else:
        length = rng.randrange(65536)
    info = bench.engine._info
    if rng.random() < 0.2:
        bench.memory[info : info + 256] = rng.randbytes(256)
    form = rng.choice((1, 1, 1, 2, 2, rng.randrange(256)))
    status = rng.choice((0, 0, 0, 0x99, rng.randrange(256)))
    return bytes(crq.Element.build(valid=0x80, format=form, status=status, IU_length=length, IU_data_ptr=tag))


@given(st.integers(0, 1 << 64))
@settings(max_examples=300)
def test_anything_may_come(seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(slots=SLOTS)
    engine = bench.engine
    engine.opened(bench.now)
    waiting: set[int] = set()
    over: set[int] = set()
    everything: list[Request] = []  # keeps the ids apart

    def note(ended: list[Request]) -> None:
        for request in ended:
            assert id(request) not in over, "ended twice"
            everything.append(request)
            over.add(id(request))
            waiting.discard(id(request))

    if rng.random() < 0.8:
        bench.sent()
        engine.closed()
        bench.login(rng.randrange(1, 30))
    for _ in range(60):
        step = rng.randrange(10)
        if step < 4:
            note(bench.take(*(hostile(bench, rng) for _ in range(rng.randrange(1, 4)))))
        elif step < 7:
            lun = rng.choice((DISK, OTHER))
            request: Command | TaskManagement
            if rng.random() < 0.8:
                segments = [(0x40000 + 4096 * i, 4096) for i in range(rng.choice((0, 1, 3, 12)))]
                request = Command(lun, rng.randbytes(6), data_in=segments, timeout=rng.choice((0, 5)))
                request.replay = rng.random() < 0.5
            else:
                request = TaskManagement(rng.choice(list(TskMgmtFunc)), lun)
            everything.append(request)
            waiting.add(id(request))
            engine.srp.submit(request, bench.now)
        elif step == 7:
            note(bench.pass_time(rng.choice((0.05, 3, 100, 1000))))
        elif step == 8:
            if rng.random() < 0.5:
                engine.output.clear()
            else:
                engine.undelivered(bench.now)
        elif rng.random() < 0.2:
            engine.host_reset()
        note(bench.ended())
        if engine.queue_work is not None and rng.random() < 0.7:
            engine.opened(bench.now)
        taken = [request for request in engine.srp._requests if request is not None]
        assert len(taken) + len(engine.srp._free) == SLOTS
        assert len(set(engine.srp._free)) == len(engine.srp._free)
        assert all(engine.srp._requests[slot] is None for slot in engine.srp._free)
    engine.closed()
    note(bench.ended())
    assert not waiting
    assert len(engine.srp._free) == SLOTS
