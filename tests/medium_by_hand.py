"""A medium in C, from native.h alone, that does what a test tells it to: which request is over when, and how."""

from __future__ import annotations

import gc
import tempfile
from functools import cache
from types import SimpleNamespace
from typing import Any

import compiled
from pysrp.target.native_medium import NativeMedium

SOURCE = r"""
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "native.h"

struct channel {
	struct mine *medium;
	void (*ring)(void *bell);
	void *bell;
	struct pysrp_io *over;
	int listens;		/* the loop looks by itself */
};

struct mine {
	struct pysrp_medium table;
	uint8_t *bytes;
	uint64_t size, room, bad, most;
	struct pysrp_io *waiting;	/* what came first is first */
	unsigned int depth, count, begun, channels, asked, modulus;
	struct pysrp_io last;
	int patient, error, liar;
};

/* By block of 512 bytes, whether there is anything. */
static void tell_extents(struct mine *mine, struct pysrp_io *io)
{
	struct pysrp_extent *extents = (struct pysrp_extent *)io->buffers[0].bytes;
	size_t room = io->buffers[0].length / sizeof(*extents), i;

	for (i = 0; i < room && io->done < io->length && io->done < mine->most; i++) {
		uint64_t left = io->length - io->done;

		extents[i].length = mine->liar == 3 ? 0 : left < 512 ? left : 512;
		extents[i].mapped = mine->bytes[io->offset + io->done] != 0;
		io->done += left < 512 ? left : 512;
	}
	io->done += mine->liar == 4;
}

static void perform(struct mine *mine, struct pysrp_io *io)
{
	uint64_t at = io->offset, stop;
	size_t i;

	io->done = 0;
	io->bad = PYSRP_NOWHERE;
	io->error = mine->error;
	if (io->error)
		return;
	if (io->operation == PYSRP_FLUSH || io->operation == PYSRP_DISCARD) {
		io->done = io->length;
		return;
	}
	if (io->operation == PYSRP_EXTENTS) {
		tell_extents(mine, io);
		return;
	}
	stop = at + (io->length < mine->most ? io->length : mine->most);
	if (mine->bad >= at && mine->bad < stop) {
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

static uint64_t bytes(void *self) { return ((struct mine *)self)->size; }

static void *open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	*channel = (struct channel){ .medium = self, .ring = ring, .bell = bell };
	channel->medium->channels++;
	return channel;
}

static void close_channel(void *self)
{
	((struct channel *)self)->medium->channels--;
	free(self);
}

static int finish(void *self, int number);

static enum pysrp_submitted submit(void *self, struct pysrp_io *io)
{
	struct channel *channel = self;
	struct mine *mine = channel->medium;
	struct pysrp_io **end = &mine->waiting;

	mine->asked++;
	mine->last = *io;
	if (mine->modulus && io->offset / 512 % mine->modulus == 0) {
		perform(mine, io);
		return PYSRP_OVER;
	}
	if (mine->count >= mine->depth || (io->flags & PYSRP_NOWAIT && !mine->liar)) {
		io->error = EAGAIN;
		io->done = 0;
		io->bad = PYSRP_NOWHERE;
		return PYSRP_OVER;
	}
	io->back = channel;
	io->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = io;
	mine->count++;
	if (!channel->listens || mine->liar == 2)
		mine->begun = mine->count;
	if (mine->liar == 2)
		finish(mine, (int)mine->count - 1);
	return PYSRP_PENDING;
}

static struct pysrp_io *reap(void *self)
{
	struct channel *channel = self;
	struct pysrp_io *io = channel->over;

	if (io)
		channel->over = io->next;
	return io;
}

static struct pysrp_io *take(struct mine *mine, struct pysrp_io *wanted, int number)
{
	struct pysrp_io **at = &mine->waiting, *io;

	while (*at && (wanted ? *at != wanted : number-- > 0))
		at = &(*at)->next;
	io = *at;
	if (io) {
		*at = io->next;
		mine->count--;
		mine->begun -= mine->begun > 0;
	}
	return io;
}

static int withdraw(void *self, struct pysrp_io *io)
{
	struct mine *mine = ((struct channel *)self)->medium;

	return mine->patient && take(mine, io, 0);
}

static int finish(void *self, int number)
{
	unsigned int begun = ((struct mine *)self)->begun;
	struct pysrp_io *io = (unsigned int)number < begun ? take(self, NULL, number) : NULL;
	struct channel *channel;
	struct pysrp_io **end;
	int first;

	if (!io)
		return 0;
	perform(self, io);
	channel = io->back;
	first = !channel->over && !channel->listens;
	for (end = &channel->over; *end; end = &(*end)->next)
		;
	io->next = NULL;
	*end = io;
	if (first)
		channel->ring(channel->bell);
	return 1;
}

static void listens(void *self, int epoll)
{
	((struct channel *)self)->listens = epoll >= 0;
}

static int look(void *self, int sleeps)
{
	struct channel *channel = self;

	(void)sleeps;
	channel->medium->begun = channel->medium->count;
	return channel->over != NULL;
}

static void *make(uint64_t size, uint32_t features, uint32_t block)
{
	struct mine *mine = calloc(1, sizeof(*mine));

	mine->bytes = calloc(1, size);
	mine->size = mine->room = size;
	mine->bad = PYSRP_NOWHERE;
	mine->most = UINT64_MAX;
	mine->depth = UINT32_MAX;
	mine->table = (struct pysrp_medium){
		.size = sizeof(struct pysrp_medium), .self = mine, .block = block, .features = features, .bytes = bytes,
		.open = open_channel, .close = close_channel, .submit = submit, .reap = reap, .withdraw = withdraw,
	};
	return mine;
}

static void leave_to_the_loop(void *self)
{
	((struct mine *)self)->table.listen = listens;
	((struct mine *)self)->table.look = look;
}

static void expose(void *self) { ((struct mine *)self)->table.memory = ((struct mine *)self)->bytes; }
static void *table(void *self) { return &((struct mine *)self)->table; }
static void *content(void *self) { return ((struct mine *)self)->bytes; }
static unsigned int channels(void *self) { return ((struct mine *)self)->channels; }
static unsigned int waiting(void *self) { return ((struct mine *)self)->count; }
static struct pysrp_io *last(void *self) { return &((struct mine *)self)->last; }
static uint32_t flags(void *self) { return last(self)->flags; }
static uint32_t operation(void *self) { return last(self)->operation; }
static uint64_t offset(void *self) { return last(self)->offset; }
static uint64_t length(void *self) { return last(self)->length; }
static unsigned int asked(void *self) { return ((struct mine *)self)->asked; }

static void set(void *self, uint64_t bad, uint64_t most, unsigned int depth, unsigned int modulus, int patient, int error,
		int liar, uint64_t size)
{
	struct mine *mine = self;

	mine->bad = bad;
	mine->most = most;
	mine->depth = depth;
	mine->modulus = modulus;
	mine->patient = patient;
	mine->error = error;
	mine->liar = liar;
	if (size > mine->room) {	/* it grows: nothing is under way, and it is not lent as memory */
		mine->bytes = realloc(mine->bytes, size);
		memset(mine->bytes + mine->room, 0, size - mine->room);
		mine->room = size;
	}
	mine->size = size;
}

static void end(void *self)
{
	free(((struct mine *)self)->bytes);
	free(self);
}
"""

CALLS = """
void *make(uint64_t size, uint32_t features, uint32_t block);
void expose(void *self);
void leave_to_the_loop(void *self);
void *table(void *self);
void *content(void *self);
unsigned int channels(void *self);
unsigned int waiting(void *self);
unsigned int asked(void *self);
uint32_t flags(void *self);
uint32_t operation(void *self);
uint64_t offset(void *self);
uint64_t length(void *self);
int finish(void *self, int number);
void set(void *self, uint64_t bad, uint64_t most, unsigned int depth, unsigned int modulus, int patient, int error,
         int liar, uint64_t size);
void end(void *self);
"""

EVER = (1 << 64) - 1


@cache
def module() -> Any:
    """That source, as a module."""
    return compiled.compiled(tempfile.mkdtemp(), "a_medium_by_hand", CALLS, SOURCE)


class HandMedium(NativeMedium):
    """What is submitted waits for :meth:`finish`; what :meth:`set` says of it is true until it is called again.

    ``listens``: it rings no loop that can look by itself, and begins nothing before that looks.
    """

    def __init__(
        self, size: int, features: int = 0, *, block: int = 1, memory: bool = False, listens: bool = False
    ) -> None:
        self.c = module().lib
        self.mine = self.c.make(size, features, block)
        if memory:
            self.c.expose(self.mine)
        if listens:
            self.c.leave_to_the_loop(self.mine)
        address = int(module().ffi.cast("uintptr_t", self.c.table(self.mine)))
        super().__init__(compiled.capsule(address, b"pysrp.medium.1"))

    def set(
        self,
        *,
        bad: int = EVER,
        most: int = EVER,
        depth: int = (1 << 32) - 1,
        modulus: int = 0,
        patient: bool = False,
        error: int = 0,
        liar: int = 0,
        size: int | None = None,
    ) -> None:
        """``bad``: a byte that cannot be moved. ``most``: bytes that it moves with one request. ``depth``: how many wait at
        most. ``modulus``: every so manieth block is moved at once. ``patient``: what waits can be withdrawn. ``error``: of
        everything. ``liar``: 1: NOWAIT waits too; 2: and is over before that is said; 3: extents have no bytes; 4: or one
        more than they are said to.
        """
        self.c.set(
            self.mine, bad, most, depth, modulus, patient, error, liar, self.size if size is None else size
        )

    def finish(self, number: int = 0) -> bool:
        """One of those that wait, in order of arrival, is over; whether there is such a one."""
        return bool(self.c.finish(self.mine, number))

    def finish_all(self) -> None:
        while self.finish():
            pass

    @property
    def waiting(self) -> int:
        """How many wait."""
        found: int = self.c.waiting(self.mine)
        return found

    @property
    def asked(self) -> int:
        """Requests in all."""
        found: int = self.c.asked(self.mine)
        return found

    @property
    def flags(self) -> int:
        """Of the last one."""
        found: int = self.c.flags(self.mine)
        return found

    @property
    def last(self) -> tuple[int, int, int]:
        """The last one: operation, offset, length."""
        return self.c.operation(self.mine), self.c.offset(self.mine), self.c.length(self.mine)

    @property
    def channels(self) -> int:
        """How many are open."""
        found: int = self.c.channels(self.mine)
        return found

    @property
    def content(self) -> Any:
        """All its bytes."""
        return module().ffi.buffer(self.c.content(self.mine), self.size)

    def close(self) -> None:
        """When no channel is open any more: one that is would be closed in memory that is gone."""
        assert not self.channels
        mine, self.mine = self.mine, None
        self.c.end(mine)


def close(medium: HandMedium) -> None:
    """With what it has."""
    medium.finish_all()
    medium.channel(SimpleNamespace(post=lambda call: None)).retire()  # and what could not be closed before
    if medium.channels:
        gc.collect()
    assert medium.channels == 0
    medium.close()
