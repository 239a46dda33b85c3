/*
 * Writes that an NBD server has acknowledged and that no flush has covered since: they may be lost with the server.
 * They are kept until a flush is over, and written again, in order, when the server has been restarted or replaced.
 *
 * The bytes are in a ring, oldest first. All functions are called with the medium's lock.
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
	uint64_t number;	/* in order; a flush covers those up to the latest number when it was sent */
	uint64_t at;		/* where its bytes are in the ring */
	int zeros;		/* a ZERO: no bytes in the ring */
};

struct nbd_ring {
	uint8_t *bytes;		/* NULL: nothing is kept */
	uint64_t room, begin, used;	/* bytes: size of the ring, place of the oldest, number in use */
	uint64_t promised;		/* bytes reserved for writes that are under way */
	uint64_t number;		/* of the latest write */
	uint64_t records;
	struct nbd_kept *first, **last;
};

/* Allocate a ring of `room` bytes; 0: nothing is kept. 0, or an errno. */
static int nbd_ring_begin(struct nbd_ring *ring, uint64_t room)
{
	void *bytes = NULL;
	int error;

	/* The kernel allocates pages as they are written. Aligned like the bytes that are copied there (copy.h). */
	error = room ? posix_memalign(&bytes, COPY_PAGE, room) : 0;
	*ring = (struct nbd_ring){ .room = room, .bytes = error ? NULL : bytes };
	ring->last = &ring->first;
	return error;
}

/* Drop the writes up to `number`. */
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

/* Before a write is sent: reserve room for its bytes. 0: there is not enough. */
static int nbd_ring_promise(struct nbd_ring *ring, uint64_t length)
{
	if (ring->used + ring->promised + length > ring->room)
		return 0;
	ring->promised += length;
	return 1;
}

/* Copy `length` bytes from the request's buffers, byte `from` on, to `memory`; with `out` from `memory` to them. */
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
 * The server has acknowledged `length` bytes of a request, from its byte `from` on: keep them. For a WRITE room was
 * promised. 0: no memory, they are not kept.
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
