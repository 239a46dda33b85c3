"""What does one CRQ element cost between two processes over ``unix:``, compared with a bare floor?

Each case is compared with a floor of its own kind, a C loop in two processes that does nothing else: a case that
sleeps with an eventfd each way, a case that spins with a bare ring in shared memory. (Compared with a loop that
sleeps, a loop that spins would look a hundred times better.) A socketpair is there for orientation. The C loops
are compiled here, with Cython, against the installed ``pysrp._fast.fabric``, as an engine would use it, and check
every message. Both processes are pinned to two processors (where spinning pays) or to one (where it cannot), since
the scheduler's choice between the two would have more effect than anything else here. All cases run in the same
minutes. The ratio, our time / the floor's, is in ``extra_info`` and printed at the end, from the quickest rounds
and from the medians: where these two differ much, the machine was busy, and neither is reliable.

    pytest benchmarks/bench_fabric.py
"""

import importlib.util
import mmap
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager

import pytest

from clock import each, record, stopwatch
from pysrp import _fast, fabric

LOOPS = r"""
# cython: language_level=3
from libc.stdint cimport uint64_t
from posix.unistd cimport read, write
from pysrp._fast.fabric cimport Adapter, H_DROPPED, crq_elem

cdef extern from "sched.h" nogil:
    int sched_yield()

cdef enum:
    BATCH = 64

cdef extern from *:
    '''
    /* The least that can be shared: a ring of 16-byte messages whose first word says "full". */
    #include <stdint.h>
    typedef struct { uint64_t full, value; } slot;
    enum { SLOTS = 256 };
    static inline void bare_relax(void) {
    #if defined(__x86_64__)
        __builtin_ia32_pause();
    #endif
    }
    static inline int bare_put(slot *ring, unsigned *place, uint64_t value)
    {
        slot *s = &ring[*place % SLOTS];
        if (__atomic_load_n(&s->full, __ATOMIC_ACQUIRE))
            return 0;
        s->value = value;
        __atomic_store_n(&s->full, 1, __ATOMIC_RELEASE);
        ++*place;
        return 1;
    }
    static inline int bare_take(slot *ring, unsigned *place, uint64_t *value)
    {
        slot *s = &ring[*place % SLOTS];
        if (!__atomic_load_n(&s->full, __ATOMIC_ACQUIRE))
            return 0;
        *value = s->value;
        __atomic_store_n(&s->full, 0, __ATOMIC_RELEASE);
        ++*place;
        return 1;
    }
    '''
    ctypedef struct slot:
        pass
    int bare_put(slot *ring, unsigned *place, uint64_t value) nogil
    int bare_take(slot *ring, unsigned *place, uint64_t *value) nogil
    void bare_relax() nogil


class Wrong(Exception):
    pass


def bare_echo(unsigned char[::1] memory, Py_ssize_t count):
    cdef slot *come = <slot *>&memory[0]
    cdef slot *go = <slot *>&memory[8192]
    cdef unsigned a = 0, b = 0
    cdef uint64_t value
    with nogil:
        while count > 0:
            while not bare_take(come, &a, &value):
                bare_relax()
            bare_put(go, &b, value)
            count -= 1


def bare_ping(unsigned char[::1] memory, list places, Py_ssize_t count):
    cdef slot *go = <slot *>&memory[0]
    cdef slot *come = <slot *>&memory[8192]
    cdef unsigned a = places[0], b = places[0]
    cdef uint64_t value
    cdef Py_ssize_t wrong = 0
    with nogil:
        while count > 0:
            bare_put(go, &a, count)
            while not bare_take(come, &b, &value):
                bare_relax()
            wrong += value != <uint64_t>count
            count -= 1
    places[0] = a
    if wrong:
        raise Wrong


def bare_produce(unsigned char[::1] memory, Py_ssize_t count):
    cdef slot *ring = <slot *>&memory[0]
    cdef unsigned a = 0
    cdef uint64_t value = 0
    with nogil:
        while count > 0:
            while not bare_put(ring, &a, value):
                sched_yield()
            value += 1
            count -= 1


def bare_consume(unsigned char[::1] memory, list places, Py_ssize_t count):
    cdef slot *ring = <slot *>&memory[0]
    cdef unsigned a = places[0]
    cdef uint64_t value
    cdef Py_ssize_t wrong = 0
    with nogil:
        while count > 0:
            while not bare_take(ring, &a, &value):
                bare_relax()
            wrong += value != <uint64_t>(a - 1)
            count -= 1
    places[0] = a
    if wrong:
        raise Wrong


def echo(Adapter port, Py_ssize_t count):
    cdef crq_elem batch[BATCH]
    cdef Py_ssize_t got, i
    with nogil:
        while count > 0:
            got = port.drain(batch, BATCH)
            if not got:
                port.pause(-1)
            for i in range(got):
                port.put16(batch[i].hi, batch[i].lo)
            if got:
                port.ring()
            count -= got


def ping(Adapter port, Py_ssize_t count):
    cdef crq_elem one
    cdef Py_ssize_t wrong = 0
    with nogil:
        while count > 0:
            wrong += port.send16(<uint64_t>0x80 << 56, count) != 0
            while not port.drain(&one, 1):
                port.pause(-1)
            wrong += one.lo != <uint64_t>count
            count -= 1
    if wrong:
        raise Wrong


def produce(Adapter port, Py_ssize_t count):
    cdef Py_ssize_t i
    cdef uint64_t value = 0
    with nogil:
        while count > 0:
            i = 0
            while i < 32 and i < count and port.put16(<uint64_t>0x80 << 56, value) == 0:
                i += 1
                value += 1
            count -= i
            port.ring()
            if not i:
                sched_yield()


def consume(Adapter port, list places, Py_ssize_t count):
    cdef crq_elem batch[BATCH]
    cdef Py_ssize_t got, i, wrong = 0
    cdef uint64_t value = places[0]
    with nogil:
        while count > 0:
            got = port.drain(batch, min(count, BATCH))
            if not got:
                port.pause(-1)
            for i in range(got):
                wrong += batch[i].lo != value
                value += 1
            count -= got
    places[0] = value
    if wrong:
        raise Wrong


def floor_echo(int come, int go, Py_ssize_t size, Py_ssize_t count):
    cdef char message[16]
    with nogil:
        while count > 0:
            if read(come, message, size) != size or write(go, message, size) != size:
                break
            count -= 1


def floor_ping(int come, int go, Py_ssize_t size, Py_ssize_t count):
    cdef char message[16]
    message[0] = 1
    message[1] = message[2] = message[3] = message[4] = message[5] = message[6] = message[7] = 0
    with nogil:
        while count > 0:
            if write(go, message, size) != size or read(come, message, size) != size:
                break
            count -= 1


def floor_produce(int go, Py_ssize_t count):
    cdef char message[16]
    with nogil:
        while count > 0 and write(go, message, 16) == 16:
            count -= 1


def floor_consume(int come, Py_ssize_t count):
    cdef char message[16]
    with nogil:
        while count > 0 and read(come, message, 16) == 16:
            count -= 1
"""

PINGS = 5_000
STREAM = 200_000
ROUNDS = 5
BARE_TRIP, BARE_STREAM = "floor: bare ring, round trip", "floor: bare ring, stream"
EVENTFD_TRIP = "floor: eventfd, round trip"
INIT = bytes([0xC0, 1]) + bytes(14)

results = {}
"""Seconds per element of each contestant: of its quickest round, of its median round, and its floor."""


@pytest.fixture(scope="session")
def loops(tmp_path_factory):
    cython = pytest.importorskip("Cython.Build.Dependencies", reason="the C loops need Cython")
    (fast,) = _fast.__path__
    where = tmp_path_factory.mktemp("loops")
    # Where the package is installed editable, its .pxd files are not below a folder of its name.
    (where / "pysrp").mkdir()
    (where / "pysrp/__init__.py").touch()
    (where / "pysrp/_fast").symlink_to(fast)
    (where / "loops.pyx").write_text(LOOPS)
    cython.cythonize(str(where / "loops.pyx"), include_path=[str(where)], quiet=True)
    library = where / f"loops{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run(
        [
            "cc",
            "-O2",
            "-shared",
            "-fPIC",
            f"-I{sysconfig.get_path('include')}",
            f"-I{fast}",
            str(where / "loops.c"),
            "-o",
            str(library),
        ],
        check=True,
    )
    spec = importlib.util.spec_from_file_location("loops", library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CPUS = sorted(os.sched_getaffinity(0))
TWO, ONE = "two CPUs", "one CPU"
two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="needs two processors")


@contextmanager
def child(work, place=TWO):
    """Another process that runs ``work``, pinned as this one is, and killed when the block ends."""
    pid = os.fork()
    if not pid:
        try:
            os.sched_setaffinity(0, {CPUS[0] if place == ONE else CPUS[-1]})
            work()
        finally:
            os._exit(0)
    os.sched_setaffinity(0, {CPUS[0]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CPUS)
        os.kill(pid, signal.SIGKILL)  # after an error it would wait for this process for ever
        os.waitpid(pid, 0)


def connected(port):
    """Wait until both queues are registered."""
    while not port.connected:
        if port.poll():  # a transport event: the partner is gone
            raise RuntimeError("the partner went before both queues were registered")
        time.sleep(0.001)


@contextmanager
def port_and_partner(tmp_path, work, place=TWO):
    """This process's server port, while another process runs ``work`` with its client port."""
    url = f"unix:{tmp_path}/bench"

    def client():
        with fabric.connect(url) as port:
            port.register()
            connected(port)  # else its first element may find no queue: H_CLOSED
            work(port)
            port.wait(None)  # until the server hangs up

    with fabric.listen(url) as listener, child(client, place), listener.accept(30) as port:
        port.register()
        connected(port)
        yield port


def measure(benchmark, name, call, count, floor=None):
    record(benchmark, stopwatch(call, count), float, ROUNDS)
    if benchmark.stats is None:  # --benchmark-disable
        return
    stats = benchmark.stats.stats
    results[name] = stats.min, stats.median, floor
    benchmark.extra_info["nanoseconds_per_element"] = round(stats.min * 1e9, 1)
    if floor in results:
        benchmark.extra_info["floor"] = floor
        benchmark.extra_info["ratio_min"] = round(stats.min / results[floor][0], 2)
        benchmark.extra_info["ratio_median"] = round(stats.median / results[floor][1], 2)


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    print(f"\n{'ns per element':40} {'min':>8} {'median':>8}   x floor (min, median)", file=sys.stderr)
    for name, (least, median, floor) in results.items():
        line = f"{name:40} {least * 1e9:8.0f} {median * 1e9:8.0f}"
        if floor in results:
            line += f"   {least / results[floor][0]:.2f}, {median / results[floor][1]:.2f} of {floor}"
        print(line, file=sys.stderr)


@each("round trip")
@two_cpus
def test_floor_bare_ring_round_trip(benchmark, loops):
    memory, places = mmap.mmap(-1, 16384), [0]
    with child(lambda: loops.bare_echo(memory, PINGS * ROUNDS)):
        measure(benchmark, BARE_TRIP, lambda: loops.bare_ping(memory, places, PINGS), PINGS)


@each("stream")
@two_cpus
def test_floor_bare_ring_stream(benchmark, loops):
    memory, places = mmap.mmap(-1, 16384), [0]
    with child(lambda: loops.bare_produce(memory, STREAM * ROUNDS)):
        measure(benchmark, BARE_STREAM, lambda: loops.bare_consume(memory, places, STREAM), STREAM)


@each("round trip")
@two_cpus
def test_floor_socketpair_round_trip(benchmark, loops):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    a, b = ours.fileno(), theirs.fileno()
    with ours, theirs, child(lambda: loops.floor_echo(b, b, 16, PINGS * ROUNDS)):
        measure(benchmark, "floor: socketpair, round trip", lambda: loops.floor_ping(a, a, 16, PINGS), PINGS)


@each("round trip")
@pytest.mark.parametrize("place", [pytest.param(TWO, marks=two_cpus), ONE])
def test_floor_eventfd_round_trip(benchmark, loops, place):
    a, b = os.eventfd(0), os.eventfd(0)
    with child(lambda: loops.floor_echo(a, b, 8, PINGS * ROUNDS), place):
        measure(benchmark, f"{EVENTFD_TRIP}, {place}", lambda: loops.floor_ping(b, a, 8, PINGS), PINGS)
    os.close(a)
    os.close(b)


@each("round trip")
@pytest.mark.parametrize("place", [pytest.param(TWO, marks=two_cpus), ONE])
@pytest.mark.parametrize("spin", [20_000, 0], ids=["spin 20 us", "no spin"])
def test_port_round_trip(benchmark, loops, tmp_path, spin, place):
    def work(port):
        port.spin = spin
        loops.echo(port, PINGS * ROUNDS)

    with port_and_partner(tmp_path, work, place) as port:
        port.spin = spin
        name = f"unix: from C, {'spin' if spin else 'no spin'}, {place}"
        floor = BARE_TRIP if spin and place == TWO else f"{EVENTFD_TRIP}, {place}"
        measure(benchmark, name, lambda: loops.ping(port, PINGS), PINGS, floor)


@each("round trip")
@two_cpus
def test_port_round_trip_from_python(benchmark, loops, tmp_path):
    count = PINGS // 2

    def call():
        for _ in range(count):
            port.send(INIT)
            while not port.poll():
                port.wait()

    with port_and_partner(tmp_path, lambda port: loops.echo(port, count * ROUNDS)) as port:
        measure(benchmark, "unix: from Python, round trip", call, count, BARE_TRIP)


@each("stream")
@two_cpus
def test_floor_socketpair_stream(benchmark, loops):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    a, b = ours.fileno(), theirs.fileno()
    count = STREAM // 4
    with ours, theirs, child(lambda: loops.floor_produce(b, count * ROUNDS)):
        measure(benchmark, "floor: socketpair, stream", lambda: loops.floor_consume(a, count), count)


@each("stream")
@two_cpus
def test_port_stream(benchmark, loops, tmp_path):
    with port_and_partner(tmp_path, lambda port: loops.produce(port, STREAM * ROUNDS)) as port:
        places = [0]
        call = lambda: loops.consume(port, places, STREAM)
        measure(benchmark, "unix: from C, stream", call, STREAM, BARE_STREAM)


@each("stream")
@two_cpus
def test_port_stream_from_python(benchmark, tmp_path):
    count = STREAM // 4

    def work(port):
        left = count * ROUNDS
        batch = [INIT] * 128
        while left:
            left -= port.send_many(batch[: min(left, 128)])

    def call():
        left = count
        while left:
            left -= len(port.poll(min(left, 256))) or (port.wait() and 0)

    with port_and_partner(tmp_path, work) as port:
        measure(benchmark, "unix: from Python, stream", call, count, BARE_STREAM)
