/*
 * What an NBD server has acknowledged, and what may be lost with it as nothing has flushed it since: kept until a flush is
 * over, and written once more, in order, when another server comes in its place.
 *
 * The bytes are in a ring, oldest first. With the medium's lock.
 */
#ifndef PYSRP_NBD_KEPT_H
#define PYSRP_NBD_KEPT_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "native.h"

struct nbd_kept {
	struct nbd_kept *next;
	uint64_t offset, length;
	uint64_t number;	/* counted up; a flush is about those up to the last one when it was sent */
	uint64_t at;		/* where its bytes are in the ring */
	int zeros;		/* it has none there, but is zeros */
};

struct nbd_ring {
	uint8_t *bytes;		/* NULL: nothing is kept */
	uint64_t room, begin, used;	/* bytes: of the ring, where the oldest is, how many there are */
	uint64_t promised;		/* of writes that are under way */
	uint64_t number;		/* of the latest */
	uint64_t records;
	struct nbd_kept *first, **last;
};

/* 0, or an errno. */
static int nbd_ring_begin(struct nbd_ring *ring, uint64_t room)
{
	void *bytes = NULL;
	int error;

	/* The kernel gives pages as they are written. With a page begins what is copied there, too (copy.h). */
	error = room ? posix_memalign(&bytes, COPY_PAGE, room) : 0;
	*ring = (struct nbd_ring){ .room = room, .bytes = error ? NULL : bytes };
	ring->last = &ring->first;
	return error;
}

/* Forget those up to a number. */
static void nbd_ring_forget(struct nbd_ring *ring, uint64_t number)
{
	struct nbd_kept *kept;

	while ((kept = ring->first) && kept->number <= number) {
		if (!(ring->first = kept->next))
			ring->last = &ring->first;
		if (!kept->zeros) {
			ring->begin = (ring->begin + kept->length) % ring->room;
			ring->used -= kept->length;
		}
		ring->records--;
		free(kept);
	}
}

static void nbd_ring_end(struct nbd_ring *ring)
{
	nbd_ring_forget(ring, UINT64_MAX);
	free(ring->bytes);
}

/* Before a write is sent: whether there will be room. */
static int nbd_ring_promise(struct nbd_ring *ring, uint64_t length)
{
	if (ring->used + ring->promised + length > ring->room)
		return 0;
	ring->promised += length;
	return 1;
}

/* Copy `length` bytes between the request's buffers, from its byte `from` on, and memory: to that, or out of it. */
static void nbd_copy(const struct pysrp_io *io, uint64_t from, uint8_t *memory, uint64_t length, int out)
{
	const struct pysrp_buffer *buffer;
	uint64_t here;

	for (buffer = io->buffers; length; buffer++) {
		if (from >= buffer->length) {
			from -= buffer->length;
			continue;
		}
		here = buffer->length - from < length ? buffer->length - from : length;
		if (out)
			copy_bytes(buffer->bytes + from, memory, here);
		else
			copy_bytes(memory, buffer->bytes + from, here);
		memory += here;
		length -= here;
		from = 0;
	}
}

/*
 * What was promised is acknowledged: `length` bytes from `from` of the request's buffers on, at `offset` of the medium.
 * Whether it is kept.
 */
static int nbd_ring_keep(struct nbd_ring *ring, const struct pysrp_io *io, uint64_t from, uint64_t length)
{
	struct nbd_kept *kept = malloc(sizeof(*kept));
	uint64_t end = ring->begin + ring->used, first;

	if (!kept)
		return 0;
	*kept = (struct nbd_kept){
		.offset = io->offset + from, .length = length, .number = ++ring->number,
		.zeros = io->operation == PYSRP_ZERO,
	};
	if (!kept->zeros) {
		kept->at = end % ring->room;
		first = ring->room - kept->at < length ? ring->room - kept->at : length;
		nbd_copy(io, from, ring->bytes + kept->at, first, 0);
		nbd_copy(io, from + first, ring->bytes, length - first, 0);
		ring->used += length;
	}
	*ring->last = kept;
	ring->last = &kept->next;
	ring->records++;
	return 1;
}

#endif
