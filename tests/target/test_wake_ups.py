"""Requests that end on threads of a medium's while loops fall asleep: each is answered, though nothing else wakes its loop."""

from __future__ import annotations

import gc
import itertools
import tempfile
import threading
from array import array
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compiled import capsule, compiled
from media_rig import TestLoop
from medium_by_hand import HandMedium
from pysrp.initiator.session import READ, Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.native_medium import NativeMedium
from pysrp.target.serve import Server
from target_rig import MIB
from test_lane_media import Scene
from test_lane_media import close as close_by_hand
from waiting import PATIENCE, until

BLOCKS = 4096
CLIENTS, THREADS = 2, 3
COMMANDS = 1000

CALLS = """
void *make(uint64_t size, int threads, int listens);
void *table(void *medium);
int channels(void *medium);
void end(void *medium);
"""

SOURCE = """
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "channel.h"

struct mine;

struct loop {
	struct channel common;
	struct mine *medium;
};

struct mine {
	struct pysrp_medium table;
	uint64_t size;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pthread_t threads[8];
	struct pysrp_io *first, **last;
	int count, ended, channels;
};

/* Nothing, or a look at who else wants the processor, or up to 4096 turns. */
static void dawdle(unsigned *seed)
{
	unsigned choice = (unsigned)rand_r(seed), turns = choice >> 4 & 4095;

	if (choice & 1)
		return;
	if (choice & 2)
		sched_yield();
	else
		while (turns--)
			__asm__ volatile("" ::: "memory");
}

static void *serve(void *argument)
{
	struct mine *mine = argument;
	unsigned seed = (unsigned)(uintptr_t)&seed;
	struct pysrp_io *io;
	struct loop *loop;
	int rings;

	for (;;) {
		pthread_mutex_lock(&mine->lock);
		while (!mine->first && !mine->ended)
			pthread_cond_wait(&mine->turn, &mine->lock);
		io = mine->first;
		if (io && !(mine->first = io->next))
			mine->last = &mine->first;
		pthread_mutex_unlock(&mine->lock);
		if (!io)
			return NULL;
		dawdle(&seed);
		memset(io->buffers->bytes, 1, io->buffers->length);
		io->done = io->length;
		loop = io->back;
		rings = channel_put_among(&loop->common, io, rand_r(&seed) & 1);
		dawdle(&seed);
		if (rings)
			channel_ring(&loop->common);
	}
}

static uint64_t bytes(void *self) { return ((struct mine *)self)->size; }

static void *open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct loop *loop = malloc(sizeof(*loop));

	channel_begin(&loop->common, ring, bell);
	loop->medium = self;
	__atomic_add_fetch(&loop->medium->channels, 1, __ATOMIC_SEQ_CST);
	return loop;
}

static void close_channel(void *self)
{
	struct loop *loop = self;

	channel_end(&loop->common);
	__atomic_sub_fetch(&loop->medium->channels, 1, __ATOMIC_SEQ_CST);
	free(loop);
}

static enum pysrp_submitted submit(void *self, struct pysrp_io *io)
{
	struct mine *mine = ((struct loop *)self)->medium;

	io->back = self;
	io->next = NULL;
	if (io->operation != PYSRP_READ) {
		io->done = io->length;
		return PYSRP_OVER;
	}
	pthread_mutex_lock(&mine->lock);
	*mine->last = io;
	mine->last = &io->next;
	pthread_cond_signal(&mine->turn);
	pthread_mutex_unlock(&mine->lock);
	return PYSRP_PENDING;
}

static struct pysrp_io *reap(void *self) { return channel_reap(&((struct loop *)self)->common); }
static int withdraw(void *self, struct pysrp_io *io) { return 0; }

static int look(void *self, int sleeps) { return channel_look(&((struct loop *)self)->common, !sleeps); }

static void listen_to(void *self, int epoll)
{
	struct channel *channel = &((struct loop *)self)->common;

	if (channel_look(channel, 0) && channel_owes(channel))
		channel_ring(channel);
}

static void *make(uint64_t size, int threads, int listens)
{
	struct mine *mine = calloc(1, sizeof(*mine));

	mine->size = size;
	mine->last = &mine->first;
	mine->table = (struct pysrp_medium){
		.size = sizeof(struct pysrp_medium), .self = mine, .block = 1, .bytes = bytes, .open = open_channel,
		.close = close_channel, .submit = submit, .reap = reap, .withdraw = withdraw,
		.listen = listens ? listen_to : NULL, .look = listens ? look : NULL,
	};
	pthread_mutex_init(&mine->lock, NULL);
	pthread_cond_init(&mine->turn, NULL);
	for (mine->count = 0; mine->count < threads; mine->count++)
		pthread_create(&mine->threads[mine->count], NULL, serve, mine);
	return mine;
}

static void *table(void *medium) { return &((struct mine *)medium)->table; }
static int channels(void *medium) { return __atomic_load_n(&((struct mine *)medium)->channels, __ATOMIC_SEQ_CST); }

static void end(void *medium)
{
	struct mine *mine = medium;

	pthread_mutex_lock(&mine->lock);
	mine->ended = 1;
	pthread_cond_broadcast(&mine->turn);
	pthread_mutex_unlock(&mine->lock);
	while (mine->count)
		pthread_join(mine->threads[--mine->count], NULL);
	free(mine);
}
"""

_names = itertools.count()


@cache
def module() -> Any:
    return compiled(tempfile.mkdtemp(), "a_medium_with_threads", CALLS, SOURCE, ("pthread",))


class Threads(NativeMedium):
    """A medium that reads ones, on threads that end requests at any time, by ``channel.h``."""

    def __init__(self, *, listens: bool) -> None:
        self.c = module()
        self.mine = self.c.lib.make(BLOCKS * 512, THREADS, listens)
        super().__init__(
            capsule(int(self.c.ffi.cast("uintptr_t", self.c.lib.table(self.mine))), b"pysrp.medium.1")
        )

    def close(self) -> None:
        def closed() -> bool:
            self.channel(TestLoop()).retire()  # and what could not be closed before
            gc.collect()
            return not self.c.lib.channels(self.mine)

        until(closed)
        mine, self.mine = self.mine, None
        self.c.lib.end(mine)


@pytest.fixture(params=[False, True], ids=["rings", "listens"])
def medium(request: pytest.FixtureRequest) -> Iterator[Threads]:
    made = Threads(listens=request.param)
    yield made
    made.close()


def client(url: str, depth: int, commands: int, good: list[int]) -> None:
    with Session(url) as session:
        (disk,) = session.scan(channels=[0], ids=[0, 1], luns=1)
        lbas = array("Q", (each * 8 % BLOCKS for each in range(commands)))
        done = session.run(disk, bytes([READ]) * commands, lbas, 8, depth=depth)
        good.append(sum(not each for each in done.status) if not done.errors else -1)


@pytest.mark.parametrize("depth", [1, 3, 32])
@pytest.mark.parametrize("scheme", ["local", "unix"])
def test_clients_side_by_side(medium: Threads, scheme: str, depth: int, tmp_path: Path) -> None:
    """At depth 1 nothing but the end of a request wakes anybody; at a few, some end while others are just reaped."""
    url = f"local:wakes{next(_names)}" if scheme == "local" else f"unix:{tmp_path}/socket"
    good: list[int] = []
    with Server(url, LunMap([(256, Disk(medium, "threads"))])):
        clients = [
            threading.Thread(target=client, args=(url, depth, COMMANDS, good), daemon=True)
            for _ in range(CLIENTS)
        ]
        for each in clients:
            each.start()
        for each in clients:
            each.join(PATIENCE)
            assert not each.is_alive(), "nobody has told of what is over"
    assert good == [COMMANDS] * CLIENTS


@pytest.mark.parametrize("listens", [False, True], ids=["rings", "listens"])
def test_what_is_over_behind_another_gate(listens: bool) -> None:
    """Both are rung for once, and the first one is the last that somebody waits for at its gate, who has nobody to wake."""
    scene = Scene(HandMedium(MIB, listens=listens))
    other = HandMedium(MIB, listens=listens)
    scene.luns.add(1, Disk(other, "other"))
    scene.client.cmd(1, "00")
    scene.client.cmd(256, "00")
    scene.run()
    scene.client.answers.clear()
    tags = [scene.client.read(256, 0, 1), scene.client.read(1, 0, 1)]
    scene.run()
    assert scene.under_way() == (2, 0)
    drained: list[int] = []
    assert not scene.gate().close(1 << 1, lambda: drained.append(1))
    assert scene.medium.finish()
    assert other.finish()
    scene.run()
    assert drained == [1]
    for tag in tags:
        scene.good(tag)
    scene.gate().open(1 << 1)
    scene.check()
    scene.close()
    close_by_hand(scene.medium)
    close_by_hand(other)
