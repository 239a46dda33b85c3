"""A medium that somebody else wrote, in C, from native.h alone: it has a thread, and finishes what came last first."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any

import compiled
from pysrp.target.native_medium import NativeMedium

SOURCE = r"""
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "native.h"

#define HAS(medium, feature) ((medium)->table.features & (feature))

struct channel {
	struct mine *medium;
	void (*ring)(void *bell);
	void *bell;
	struct pysrp_io *over;
	int ringing;		/* close() waits for that */
};

struct mine {
	struct pysrp_medium table;
	uint8_t *bytes;
	uint64_t size, bad;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pthread_t thread;
	struct pysrp_io *waiting;
	int hung, ended, patient, channels;
};

static void perform(struct mine *mine, struct pysrp_io *io)
{
	uint64_t at = io->offset, end = at + io->length, stop = end;
	size_t i;

	io->done = 0;
	io->bad = PYSRP_NOWHERE;
	io->error = 0;
	if (io->operation == PYSRP_FLUSH || io->operation == PYSRP_DISCARD) {
		io->done = io->length;
		return;
	}
	if (mine->bad >= at && mine->bad < end) {
		stop = mine->bad;
		io->bad = stop;
		io->error = EIO;
	}
	if (io->operation == PYSRP_ZERO)
		memset(mine->bytes + at, 0, stop - at);
	for (i = 0; i < io->count && at < stop; i++) {
		size_t part = io->buffers[i].length < stop - at ? io->buffers[i].length : stop - at;

		if (io->operation == PYSRP_READ)
			memcpy(io->buffers[i].bytes, mine->bytes + at, part);
		else
			memcpy(mine->bytes + at, io->buffers[i].bytes, part);
		at += part;
	}
	io->done = stop - io->offset;
}

static void *serve(void *argument)
{
	struct mine *mine = argument;
	struct pysrp_io *io;
	struct channel *channel;
	int first;

	pthread_mutex_lock(&mine->lock);
	for (;;) {
		while (!mine->ended && (mine->hung || !mine->waiting))
			pthread_cond_wait(&mine->turn, &mine->lock);
		if (!mine->waiting)
			break;
		io = mine->waiting;
		mine->waiting = io->next;
		channel = io->back;
		perform(mine, io);
		first = !channel->over;
		io->next = channel->over;
		channel->over = io;
		channel->ringing++;
		pthread_mutex_unlock(&mine->lock);
		if (first)
			channel->ring(channel->bell);
		pthread_mutex_lock(&mine->lock);
		channel->ringing--;
		pthread_cond_broadcast(&mine->turn);
	}
	pthread_mutex_unlock(&mine->lock);
	return NULL;
}

static uint64_t bytes(void *self) { return ((struct mine *)self)->size; }

static void *open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel) {
		*channel = (struct channel){ .medium = self, .ring = ring, .bell = bell };
		__atomic_add_fetch(&channel->medium->channels, 1, __ATOMIC_SEQ_CST);
	}
	return channel;
}

static void close_channel(void *self)
{
	struct channel *channel = self;

	pthread_mutex_lock(&channel->medium->lock);
	while (channel->ringing)
		pthread_cond_wait(&channel->medium->turn, &channel->medium->lock);
	pthread_mutex_unlock(&channel->medium->lock);
	__atomic_sub_fetch(&channel->medium->channels, 1, __ATOMIC_SEQ_CST);
	free(channel);
}

static enum pysrp_submitted submit(void *self, struct pysrp_io *io)
{
	struct channel *channel = self;
	struct mine *mine = channel->medium;

	if (io->flags & PYSRP_NOWAIT) {
		io->error = EAGAIN;
		return PYSRP_OVER;
	}
	io->back = channel;
	pthread_mutex_lock(&mine->lock);
	io->next = mine->waiting;
	mine->waiting = io;
	pthread_cond_broadcast(&mine->turn);
	pthread_mutex_unlock(&mine->lock);
	return PYSRP_PENDING;
}

static struct pysrp_io *reap(void *self)
{
	struct channel *channel = self;
	struct pysrp_io *io;

	pthread_mutex_lock(&channel->medium->lock);
	io = channel->over;
	if (io)
		channel->over = io->next;
	pthread_mutex_unlock(&channel->medium->lock);
	return io;
}

static int withdraw(void *self, struct pysrp_io *io)
{
	struct mine *mine = ((struct channel *)self)->medium;
	struct pysrp_io **at;
	int found = 0;

	pthread_mutex_lock(&mine->lock);
	for (at = &mine->waiting; mine->patient && *at && !found; )
		if (*at == io) {
			*at = io->next;
			found = 1;
		} else
			at = &(*at)->next;
	pthread_mutex_unlock(&mine->lock);
	return found;
}

static void *make(uint64_t size)
{
	struct mine *mine = calloc(1, sizeof(*mine));

	mine->bytes = calloc(1, size);
	mine->size = size;
	mine->bad = PYSRP_NOWHERE;
	mine->table = (struct pysrp_medium){
		.size = sizeof(struct pysrp_medium), .self = mine, .block = 1, .bytes = bytes, .open = open_channel,
		.close = close_channel, .submit = submit, .reap = reap, .withdraw = withdraw,
	};
	pthread_mutex_init(&mine->lock, NULL);
	pthread_cond_init(&mine->turn, NULL);
	pthread_create(&mine->thread, NULL, serve, mine);
	return mine;
}

static void *table(void *self) { return &((struct mine *)self)->table; }
static void *content(void *self) { return ((struct mine *)self)->bytes; }
static int channels(void *self) { return ((struct mine *)self)->channels; }

static void set(void *self, int hung, int patient, uint64_t bad)
{
	struct mine *mine = self;

	pthread_mutex_lock(&mine->lock);
	mine->hung = hung;
	mine->patient = patient;
	mine->bad = bad;
	pthread_cond_broadcast(&mine->turn);
	pthread_mutex_unlock(&mine->lock);
}

static void end(void *self)
{
	struct mine *mine = self;

	pthread_mutex_lock(&mine->lock);
	mine->ended = 1;
	pthread_cond_broadcast(&mine->turn);
	pthread_mutex_unlock(&mine->lock);
	pthread_join(mine->thread, NULL);
	free(mine->bytes);
	free(mine);
}
"""

CALLS = """
void *make(uint64_t size);
void *table(void *self);
void *content(void *self);
int channels(void *self);
void set(void *self, int hung, int patient, uint64_t bad);
void end(void *self);
"""


@cache
def module() -> Any:
    """That source, as a module."""
    return compiled.compiled(tempfile.mkdtemp(), "a_medium_of_somebody_else", CALLS, SOURCE, ("pthread",))


def capsule(address: int, name: bytes = b"pysrp.medium.1") -> Any:
    """A capsule around that struct pysrp_medium."""
    return compiled.capsule(address, name)


class MediumInC(NativeMedium):
    """It, and what a test does to it."""

    def __init__(self, size: int) -> None:
        self.c = module()
        self.mine = self.c.lib.make(size)
        self.address = int(self.c.ffi.cast("uintptr_t", self.c.lib.table(self.mine)))
        super().__init__(capsule(self.address))

    @property
    def content(self) -> Any:
        """All its bytes."""
        return self.c.ffi.buffer(self.c.lib.content(self.mine), self.size)

    @property
    def channels(self) -> int:
        """How many are open."""
        found: int = self.c.lib.channels(self.mine)
        return found

    def set(self, *, hung: bool = False, patient: bool = False, bad: int = (1 << 64) - 1) -> None:
        self.c.lib.set(self.mine, hung, patient, bad)

    def close(self) -> None:
        """When no channel is open any more."""
        mine, self.mine = self.mine, None
        self.c.lib.end(mine)
