"""Loops that listen (native.h), and hear the answers of an NBD server themselves: what of them comes by whom, and that all of it comes."""

from __future__ import annotations

import errno
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compiled import compiled
from nbd_servers import NbdServer, needed
from pysrp.target.medium import Operation
from waiting import until

READ, WRITE, FLUSH, *_ = Operation
MIB = 1 << 20
SIZE = 16 * MIB
LIMIT = 300 * 10**9

CALLS = """
struct pysrp_io { uint64_t done; int error; ...; };
void *begin(const char *uri, int64_t limit);
void set_limit(void *medium, int64_t limit);
void end(void *medium);
void *join(void *medium, int listens);
void leave(void *loop);
struct pysrp_io *submit(void *loop, int operation, uint64_t offset, uint64_t length, uint8_t *bytes);
struct pysrp_io *next(void *loop);
int look(void *loop, int sleeps);
void listen_to(void *loop, int listens);
int watches(void *loop);
int driven(void *loop);
int unsent(void *loop);
uint64_t kept_at(void *medium);
int up(void *medium);
int rings(void *loop);
int linked(void *medium);
void widen(int fd);
"""

SOURCE = """
#include <sys/epoll.h>
#include "nbd_medium.h"

struct loop {
	struct nbd_medium *medium;
	struct nbd_channel *channel;
	int epoll, bell, rings;
};

static void told(void **owner, int up) { }

static void ring(void *bell)
{
	struct loop *loop = bell;
	uint64_t one = 1;

	__atomic_add_fetch(&loop->rings, 1, __ATOMIC_SEQ_CST);
	if (write(loop->bell, &one, sizeof(one)) < 0)
		abort();
}

static void *begin(const char *uri, int64_t limit)
{
	struct nbd_medium *medium;

	if (nbd_load(NBD_LIBRARY))
		return NULL;
	medium = nbd_begin(uri, limit, 4 << 20);
	medium->told = told;
	return nbd_open(medium) ? NULL : medium;
}

static void set_limit(void *medium, int64_t limit) { nbd_set_limit(medium, limit); }

static void end(void *medium)
{
	nbd_shut(medium);
	nbd_unuse(medium);
}

static void *join(void *medium, int listens)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	loop->medium = medium;
	loop->epoll = epoll_create1(0);
	loop->bell = eventfd(0, 0);
	epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->bell, &event);
	loop->channel = nbd_open_channel(medium, ring, loop);
	if (listens)
		nbd_listen(loop->channel, loop->epoll);
	return loop;
}

static void leave(void *given)
{
	struct loop *loop = given;

	nbd_close_channel(loop->channel);
	close(loop->epoll);
	close(loop->bell);
	free(loop);
}

static struct pysrp_io *submit(void *given, int operation, uint64_t offset, uint64_t length, uint8_t *bytes)
{
	struct loop *loop = given;
	struct { struct pysrp_io io; struct pysrp_buffer buffers[2]; } *made = calloc(1, sizeof(*made));

	/* In two buffers, where it can be. */
	made->buffers[0] = (struct pysrp_buffer){ bytes, length - length / 4096 % 2 * 512 };
	made->buffers[1] = (struct pysrp_buffer){ bytes + made->buffers[0].length, length - made->buffers[0].length };
	made->io = (struct pysrp_io){
		.operation = operation, .offset = offset, .length = length, .buffers = made->buffers, .count = 2,
	};
	return nbd_submit(loop->channel, &made->io) == PYSRP_PENDING ? &made->io : NULL;
}

/* The next one that is over, as a loop waits for it; NULL: none has been for a long time. */
static struct pysrp_io *next(void *given)
{
	struct loop *loop = given;
	struct epoll_event event;
	struct pysrp_io *io;

	for (;;) {
		if ((io = nbd_reap(loop->channel)))
			return io;
		if (nbd_look_in(loop->channel, 0) || nbd_look_in(loop->channel, 1))
			continue;
		if (epoll_wait(loop->epoll, &event, 1, 300000) <= 0)
			return NULL;
	}
}

static int look(void *given, int sleeps) { return nbd_look_in(((struct loop *)given)->channel, sleeps); }
static void listen_to(void *given, int listens)
{
	struct loop *loop = given;

	nbd_listen(loop->channel, listens ? loop->epoll : -1);
}
static int watches(void *given) { return ((struct loop *)given)->channel->watched != NULL; }
static int rings(void *given) { return __atomic_load_n(&((struct loop *)given)->rings, __ATOMIC_SEQ_CST); }

/* Whether the driver sleeps on what comes for this loop, too. */
static int driven(void *given)
{
	struct loop *loop = given;
	int found;

	nbd_hold(loop->medium);
	found = loop->channel->watched && loop->channel->watched->driven;
	nbd_leave(loop->medium);
	return found;
}

/* Whether a part of what was submitted is still to be given to its socket. */
static int unsent(void *given)
{
	struct loop *loop = given;
	int found;

	nbd_hold(loop->medium);
	found = (nbd_events(loop->channel->watched->handle) & POLLOUT) != 0;
	nbd_leave(loop->medium);
	return found;
}

static uint64_t kept_at(void *medium) { return (uintptr_t)((struct nbd_medium *)medium)->ring.bytes; }

static int up(void *medium)
{
	int found;

	nbd_hold(medium);
	found = ((struct nbd_medium *)medium)->state == NBD_UP;
	nbd_leave(medium);
	return found;
}

static int linked(void *medium)
{
	int found;

	nbd_hold(medium);
	found = (int)((struct nbd_medium *)medium)->linked;
	nbd_leave(medium);
	return found;
}

static void widen(int fd) { nbd_widen(fd); }
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compiled(tmp_path_factory.mktemp("nbd_loops"), "nbd_loops", CALLS, SOURCE)


SO_SNDBUFFORCE = 32


def room(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def test_the_room_of_a_socket_only_grows(module: Any) -> None:
    """Where net.core.wmem_default is large, it has more from the beginning than net.core.wmem_max lets anybody ask for."""
    first, second = socket.socketpair()
    with first, second, socket.socket() as tcp:
        before, other = room(first), room(tcp)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MIB)
        for each in first, tcp:
            module.lib.widen(each.fileno())
        assert room(first) == max(before, room(second))
        assert room(tcp) == other
        try:
            first.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 16 * MIB)
        except PermissionError:
            pytest.skip("only root gives a socket more than net.core.wmem_max")
        module.lib.widen(first.fileno())
        assert room(first) == 32 * MIB


class Loop:
    """One, and what it has submitted."""

    def __init__(self, module: Any, medium: Any, listens: bool) -> None:
        self.ffi, self.lib = module.ffi, module.lib
        self.loop = self.lib.join(medium, listens)
        self.memory: dict[Any, Any] = {}

    def begin(self, operation: Operation, offset: int, data: int | bytes) -> Any:
        """Submit: so many bytes to be read, or these to be written."""
        size = data if isinstance(data, int) else len(data)
        memory = self.ffi.new("uint8_t[]", max(size, 1))
        if isinstance(data, bytes):
            self.ffi.memmove(memory, data, size)
        io = self.lib.submit(self.loop, operation, offset, size, memory)
        assert io != self.ffi.NULL
        self.memory[io] = memory, size
        return io

    def next(self) -> tuple[Any, int, bytes]:
        """The next one that is over, its errno, and its memory."""
        io = self.lib.next(self.loop)
        assert io != self.ffi.NULL, "nobody has told of it"
        memory, size = self.memory.pop(io)
        return io, io.error, bytes(self.ffi.buffer(memory, size))

    def do(self, operation: Operation, offset: int = 0, data: int | bytes = 0) -> bytes:
        io = self.begin(operation, offset, data)
        over, error, found = self.next()
        assert (over, error) == (io, 0)
        return found

    def alone(self) -> None:
        """From here on it hears by itself what is its own."""
        # The driver sleeps on the socket still, if it did before; an answer wakes it.
        until(
            lambda: self.do(READ, 0, 512) and self.lib.watches(self.loop) and not self.lib.driven(self.loop)
        )

    @property
    def rings(self) -> int:
        return int(self.lib.rings(self.loop))


class Scene:
    def __init__(self, module: Any, server: NbdServer, uri: str) -> None:
        self.module, self.server = module, server
        self.medium = module.lib.begin(uri.encode(), LIMIT)
        assert self.medium != module.ffi.NULL
        self.loops: list[Loop] = []

    def loop(self, listens: bool = True) -> Loop:
        self.loops.append(Loop(self.module, self.medium, listens))
        return self.loops[-1]

    def leave(self, loop: Loop) -> None:
        self.loops.remove(loop)
        self.module.lib.leave(loop.loop)

    @property
    def linked(self) -> int:
        return int(self.module.lib.linked(self.medium))

    def apart(self) -> bool:
        """Whether each of the loops that listen has a connection for itself."""
        return [each.do(READ, 0, 512) for each in self.loops] and all(
            self.module.lib.watches(each.loop) for each in self.loops
        )

    def close(self) -> None:
        for each in self.loops:
            self.module.lib.leave(each.loop)
        self.module.lib.end(self.medium)
        self.server.kill()


Make = Callable[..., Scene]


@pytest.fixture
def make(module: Any, tmp_path: Path) -> Iterator[Make]:
    scenes: list[Scene] = []

    def made(*words: object, uri: str = "") -> Scene:
        server = NbdServer(tmp_path, *(words or ("memory", SIZE)))
        scenes.append(Scene(module, server, uri or server.uri))
        return scenes[-1]

    yield made
    for each in scenes:
        each.close()


ONE_FOR_ALL = "--filter=multi-conn", "memory", SIZE, "multi-conn-mode=disable"


def test_a_loop_hears_what_is_its_own(make: Make) -> None:
    """No bell is rung for it."""
    loop = make().loop()
    loop.alone()
    before = loop.rings
    for at in range(100):
        loop.do(WRITE, at * 4096, bytes([at]) * 4096)
    for at in range(100):
        assert loop.do(READ, at * 4096, 4096) == bytes([at]) * 4096
    loop.do(FLUSH)
    assert loop.rings == before


def test_many_at_a_time(make: Make) -> None:
    """Reads and writes of more than a socket holds, each way: parts of them wait until there is room."""
    loop = make().loop()
    loop.alone()
    parts = [random.Random(at).randbytes(256 << 10) for at in range(64)]
    for turn in range(3):
        ios = [loop.begin(WRITE, at << 18, parts[at - turn]) for at in range(64)]
        reads = [loop.begin(READ, (at << 18) + 512, 4096) for at in range(8)]
        over = [loop.next()[:2] for _ in (*ios, *reads)]
        assert dict(over) == dict.fromkeys((*ios, *reads), 0)
        ios = [loop.begin(READ, at << 18, 256 << 10) for at in range(64)]
        found = {io: data for io, _, data in (loop.next() for _ in ios)}
        assert [found[io] for io in ios] == [parts[at - turn] for at in range(64)]


def test_a_large_write_is_sent_as_a_whole(make: Make) -> None:
    """The socket takes it while the server does nothing: there is no part of it that the driver would have to send."""
    scene = make()
    loop = scene.loop()
    loop.alone()
    scene.server.stop()
    io = loop.begin(WRITE, 0, bytes(256 << 10))
    unsent = scene.module.lib.unsent(loop.loop)
    scene.server.go_on()
    assert loop.next()[:2] == (io, 0)
    assert not unsent


def test_what_is_kept_begins_with_a_page(make: Make) -> None:
    """As the memory does that it is copied from: up to 31 bytes behind one it takes ten times as long (copy.h)."""
    scene = make()
    assert scene.module.lib.kept_at(scene.medium) % 4096 == 0


def test_one_connection_for_two(make: Make) -> None:
    """Neither of two loops looks at it: what comes is either's."""
    scene = make(*ONE_FOR_ALL)
    one, two = scene.loop(), scene.loop()
    one.alone()
    two.do(WRITE, 0, b"2" * 512)
    for _ in range(20):
        assert one.do(READ, 0, 512) == b"2" * 512
        two.do(WRITE, 0, b"2" * 512)
    assert (scene.module.lib.watches(one.loop), scene.module.lib.watches(two.loop)) == (0, 0)
    assert one.rings >= 20
    scene.module.lib.listen_to(two.loop, 0)
    one.alone()


def test_each_has_one(make: Make) -> None:
    """The second connection comes later: until then both use the first."""
    scene = make()
    loops = [scene.loop() for _ in range(3)]
    until(scene.apart)
    for number, each in enumerate(loops):
        each.alone()
        each.do(WRITE, number << 12, bytes([number]) * 512)
    assert [loops[0].do(READ, number << 12, 512)[0] for number in range(3)] == [0, 1, 2]


def test_loops_that_come_and_go(make: Make) -> None:
    """There are as many connections as loops, and each loop that stays keeps one for itself, whichever have gone."""
    scene = make()
    for turn in range(4):
        while len(scene.loops) < 4:
            scene.loop()
        until(lambda: scene.apart() and scene.linked == 4)
        scene.leave(scene.loops[turn])
        scene.leave(scene.loops[0])
        until(lambda: scene.apart() and scene.linked == 2)


def test_a_connection_that_is_of_no_use_any_more_stays_until_its_requests_are_over(make: Make) -> None:
    scene = make()
    stays, goes = scene.loop(), scene.loop()
    until(lambda: scene.apart() and scene.linked == 2)
    scene.server.stop()
    io = goes.begin(WRITE, 0, b"w" * 512)
    scene.leave(stays)
    last = goes.begin(READ, 0, 512)
    assert scene.linked == 2
    scene.server.go_on()
    assert {goes.next()[:2] for _ in range(2)} == {(io, 0), (last, 0)}
    until(lambda: scene.apart() and scene.linked == 1)


def test_somebody_who_does_not_look(make: Make) -> None:
    """On the same connection: the driver hears it, though the one who looks has nothing to wait for."""
    scene = make(*ONE_FOR_ALL)
    looks, other = scene.loop(), scene.loop(listens=False)
    looks.alone()
    for _ in range(5):
        other.do(WRITE, 0, b"o" * 512)
    assert other.rings == 5
    assert scene.module.lib.watches(looks.loop)
    looks.alone()


def test_a_server_that_is_killed_and_replaced(make: Make) -> None:
    """While something of its loop's is under way, and while nothing is."""
    scene = make()
    loop = scene.loop()
    for _ in range(3):
        loop.alone()
        scene.server.stop()
        ios = {loop.begin(WRITE, at << 12, b"w" * 4096) for at in range(5)}
        scene.server.replace("memory", SIZE)
        assert {loop.next()[:2] for _ in range(5)} == {(io, 0) for io in ios}
        loop.alone()
        scene.server.kill()
        until(lambda: not scene.module.lib.up(scene.medium))
        scene.server.begin("memory", SIZE)
        assert loop.do(READ, 0, 512) == b"w" * 512  # it was kept


def test_a_server_that_is_silent(make: Make) -> None:
    scene = make()
    loop = scene.loop()
    loop.alone()
    scene.server.stop()
    io = loop.begin(READ, 0, 512)
    scene.module.lib.set_limit(scene.medium, 100_000_000)
    assert loop.next()[:2] == (io, errno.ETIMEDOUT)
    scene.module.lib.set_limit(scene.medium, LIMIT)
    scene.server.go_on()
    loop.alone()


def test_a_loop_that_listens_no_more(make: Make) -> None:
    """What is under way is rung for, and so is what it has heard and not reaped."""
    scene = make()
    loop = scene.loop()
    loop.alone()
    scene.server.stop()
    io, before = loop.begin(READ, 0, 512), loop.rings
    scene.module.lib.listen_to(loop.loop, 0)
    scene.server.go_on()
    until(lambda: loop.rings > before)
    assert loop.next()[:2] == (io, 0)
    scene.module.lib.listen_to(loop.loop, 1)
    loop.alone()
    io, before = loop.begin(READ, 0, 512), loop.rings
    until(lambda: scene.module.lib.look(loop.loop, 0))
    assert loop.rings == before
    scene.module.lib.listen_to(loop.loop, 0)
    assert loop.rings == before + 1
    assert loop.next()[:2] == (io, 0)


def test_more_than_are_heard_at_a_stroke(make: Make) -> None:
    """Others have their turn, and nothing of the rest is forgotten; all that is asked is answered before it is looked at."""
    scene = make()
    loop = scene.loop()
    for _ in range(5):
        loop.alone()
        ios = {loop.begin(READ, at * 512, 512) for at in range(300)}
        assert {loop.next()[:2] for _ in range(300)} == {(io, 0) for io in ios}


def test_with_tls(make: Make, tmp_path: Path) -> None:
    """What has come and is not deciphered yet is not what the socket tells of."""
    psk = tmp_path / "psk"
    if subprocess.run(
        [needed("nbdkit"), "--dump-config"], capture_output=True, text=True, check=True
    ).stdout.count("tls=no"):
        pytest.skip("THIS NBDKIT HAS NO TLS")
    psk.write_text(f"alice:{bytes(range(32)).hex()}\n")
    psk.chmod(0o600)
    uri = f"nbds+unix://alice@/?socket={tmp_path}/nbd.sock&tls-psk-file={psk}"
    loop = make("--tls=require", f"--tls-psk={psk}", "memory", SIZE, uri=uri).loop()
    loop.alone()
    data = random.Random(1).randbytes(MIB)
    ios = [loop.begin(WRITE, at << 16, data[at << 16 : (at + 1) << 16]) for at in range(16)]
    assert {loop.next()[:2] for _ in ios} == {(io, 0) for io in ios}
    ios = [loop.begin(READ, at << 16, 1 << 16) for at in range(16)]
    found = {io: part for io, _, part in (loop.next() for _ in ios)}
    assert b"".join(found[io] for io in ios) == data
