/*
 * The requests of an NBD medium (nbd_medium.h): how they are sent, and how they end. All of it with the medium's lock.
 */
#ifndef PYSRP_NBD_REQUESTS_H
#define PYSRP_NBD_REQUESTS_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "nbd_kept.h"
#include "nbd_library.h"
#include "native.h"

enum {
	NBD_LINKS = 8,		/* connections, where there may be several */
	NBD_FLYING = 64,	/* requests under way on one connection */
	NBD_RECORDS = 1 << 16,	/* that are kept before we flush ourselves */
	NBD_AHEAD = 2 << 20,	/* bytes that a Unix socket shall take before the server reads them */
	NBD_TURNS = 128,	/* answers, or pieces of one, that are heard before others have their turn */
};

#define NBD_LARGEST (32ull << 20)	/* bytes of a READ or WRITE, where the server does not say less */
#define NBD_SWEEP (64ull << 20)		/* bytes of a ZERO or DISCARD, or that extents are asked of */
#define NBD_MS 1000000ll		/* nanoseconds */
#define NBD_PATIENCE (10000 * NBD_MS)	/* for a server to say what it has */
#define NBD_RETRY (20 * NBD_MS)		/* before the second attempt to connect; then twice as long each time */
#define NBD_RETRY_MOST (1000 * NBD_MS)	/* until a connection has lasted so long */
#define NBD_TICK (1000 * NBD_MS)	/* how often requests are looked at that wait for long, at least */
#define NBD_ALLOCATION "base:allocation"
#define NBD_SILENT "the server does not answer"

struct nbd_medium;

struct nbd_channel;

struct nbd_link {
	struct nbd_handle *handle;
	unsigned flying, others;	/* requests under way; of them, those that its watcher does not wait for */
	struct nbd_channel *watcher;	/* whose loop looks at its socket, NULL: only the driver does */
	int driven;			/* the driver sleeps on what comes there, too */
	int shared;			/* loops share it, or cannot look at it: it is the driver's */
};

struct nbd_channel {
	struct channel common;
	struct nbd_medium *medium;
	unsigned seat;			/* which connection it uses; of all channels, one each from 0 on */
	struct nbd_channel *next;	/* with the medium's lock, as what follows */
	int epoll;			/* of a loop that listens, else -1 */
	struct nbd_link *watched;	/* the connection that it looks at by itself */
	int hearing;			/* its loop is at that, and looks what is over when it has done */
	int socket;			/* of that connection, else -1; atomic */
	struct nbd_channel *next_to_ring;	/* with the medium's lock */
};

/* A request on its way. All of it is guarded by the medium's lock, but for the inbox. */
struct nbd_request {
	struct nbd_request *next, *previous;
	struct nbd_medium *medium;
	struct nbd_channel *channel;	/* NULL: the medium's own */
	struct pysrp_io *io;
	struct nbd_link *link;		/* it has been sent there */
	uint64_t number;		/* in the order in which they came */
	int64_t since;			/* when it came, or last got on */
	uint32_t operation;		/* of the part that is under way: a READ with FUA begins with a FLUSH */
	uint64_t length;		/* of that part */
	uint64_t mark;			/* of a FLUSH: what was kept when it was sent */
	uint8_t *bounce;		/* memory for a part that is in several buffers */
	int flushed;			/* of a READ with FUA: it goes on with the reading */
	int begun;			/* the server may have seen it */
	int other;			/* who watches its connection does not wait for it */
	int unwanted;			/* nobody waits for it any more */
};

struct nbd_list {
	struct nbd_request *first, *last;
};

/* What a server says of its export. */
struct nbd_export {
	uint64_t size, largest;		/* bytes; of one READ or WRITE */
	uint32_t block, preferred, features;
	int flushes, fua, several, extents;	/* whether it has a flush, FUA, takes several connections, knows extents */
};

enum nbd_state {
	NBD_DOWN,
	NBD_REPLAYING,		/* connected, and what was kept is written */
	NBD_UP,
	NBD_CLOSED,
};

struct nbd_counts {
	uint64_t connected, sent_again, written_again, given_up, flushes;
};

struct nbd_medium {
	struct pysrp_medium table;
	pid_t process;
	unsigned users;			/* atomic: the owner and the driver; the last one frees it */
	char *uri;
	int64_t limit;			/* atomic: nanoseconds */
	int kick;			/* an eventfd: wakes the driver */
	void (*told)(void **owner, int up);	/* the driver calls it, without locks */
	void *owner;			/* whoever knows what that means, NULL: nobody any more */

	pthread_mutex_t door;		/* of the inbox */
	struct nbd_list inbox;
	int shut;

	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t changed;
	enum nbd_state state;
	int opening, ended;		/* the first connection is awaited; the driver is no more */
	int broken, breaking, dozing, active;
	struct nbd_export export;	/* as it was found first, but for its size */
	uint64_t size_now;
	struct nbd_link links[NBD_LINKS];
	unsigned linked, wanted, channels;
	struct nbd_channel *first;	/* of those */
	struct nbd_list waiting, sent;
	uint64_t numbers;
	struct nbd_channel *to_ring;
	struct nbd_ring ring;
	int failed;			/* an errno: something is lost, and the next flush says so */
	struct nbd_request own;
	struct pysrp_io own_io;
	int own_busy;
	struct nbd_kept *replaying;
	uint64_t replayed;		/* bytes of that one */
	struct nbd_counts counts;
	int trouble;			/* an errno: why there was no connection, and in words */
	char words[256];

	int64_t up_since, down_since, retry_at, retry_after, look_at;
	/* The driver's: */
	struct nbd_handle *joining;
	int64_t joining_since;
};

static int64_t nbd_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int64_t nbd_limit(const struct nbd_medium *medium)
{
	return __atomic_load_n(&medium->limit, __ATOMIC_RELAXED);
}

static void nbd_kick(struct nbd_medium *medium)
{
	uint64_t one = 1;

	if (write(medium->kick, &one, sizeof(one)) < 0)
		return;		/* it is kicked already, so often that it does not count on */
}

/* Lists of requests */

static void nbd_append(struct nbd_list *list, struct nbd_request *request)
{
	request->next = NULL;
	request->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = request;
	list->last = request;
}

static void nbd_remove(struct nbd_list *list, struct nbd_request *request)
{
	*(request->previous ? &request->previous->next : &list->first) = request->next;
	*(request->next ? &request->next->previous : &list->last) = request->previous;
}

/* Where its number says. */
static void nbd_insert(struct nbd_list *list, struct nbd_request *request)
{
	struct nbd_request *after = list->last;

	while (after && after->number > request->number)
		after = after->previous;
	request->previous = after;
	request->next = after ? after->next : list->first;
	*(after ? &after->next : &list->first) = request;
	*(request->next ? &request->next->previous : &list->last) = request;
}

/* How a request ends */

/* It is over: its loop reaps it. */
static void nbd_finish(struct nbd_request *request, int error)
{
	struct nbd_medium *medium = request->medium;
	struct nbd_channel *channel = request->channel;
	struct pysrp_io *io = request->io;

	io->error = error;
	io->back = NULL;
	free(request->bounce);
	free(request);
	if (channel_put_among(&channel->common, io, channel->hearing)) {
		channel->next_to_ring = medium->to_ring;
		medium->to_ring = channel;
	}
}

/* Let go of the lock, and ring where there is something to reap. Who finishes more meanwhile lists channels anew. */
static void nbd_leave(struct nbd_medium *medium)
{
	struct nbd_channel *channel;
	int more;

	do {
		channel = medium->to_ring;
		if (channel)
			medium->to_ring = channel->next_to_ring;
		more = medium->to_ring != NULL;
		pthread_mutex_unlock(&medium->lock);
		if (channel)
			channel_ring(&channel->common);
		if (more)
			pthread_mutex_lock(&medium->lock);
	} while (more);
}

/* A part of it is over, or will be sent again. */
static void nbd_let_go(struct nbd_request *request)
{
	struct nbd_medium *medium = request->medium;

	nbd_remove(&medium->sent, request);
	request->link->flying--;
	request->link->others -= request->other;
	request->link = NULL;
	if (request->operation == PYSRP_WRITE && request->channel && medium->ring.bytes)
		medium->ring.promised -= request->length;
}

/* An acknowledged part of a request is kept until it is flushed. */
static void nbd_keep(struct nbd_medium *medium, const struct nbd_request *request)
{
	const struct pysrp_io *io = request->io;

	if (!medium->ring.bytes || (io->operation != PYSRP_WRITE && io->operation != PYSRP_ZERO))
		return;
	if (!nbd_ring_keep(&medium->ring, io, io->done, request->length))
		medium->failed = ENOMEM;
}

static void nbd_part_over(struct nbd_request *request, int error)
{
	struct nbd_medium *medium = request->medium;
	struct pysrp_io *io = request->io;

	if (!error && io->operation == PYSRP_EXTENTS && !request->length)
		error = EPROTO;
	if (error) {
		nbd_finish(request, error);
		return;
	}
	if (request->operation == PYSRP_READ && request->bounce)
		nbd_copy(io, io->done, request->bounce, request->length, 1);
	free(request->bounce);
	request->bounce = NULL;
	nbd_keep(medium, request);
	if (request->operation == PYSRP_FLUSH) {
		nbd_ring_forget(&medium->ring, request->mark);
		request->flushed = 1;
	}
	io->done += request->length;
	if (io->done == io->length || io->operation == PYSRP_EXTENTS) {
		nbd_finish(request, 0);
	} else if (request->unwanted) {
		nbd_finish(request, ECANCELED);
	} else {
		request->since = nbd_now();
		nbd_insert(&medium->waiting, request);
	}
}

/* A flush of our own is over, or a part of what is written again. */
static void nbd_own_over(struct nbd_medium *medium, int error)
{
	medium->own_busy = 0;
	if (error)
		medium->failed = error;
	if (medium->own.operation == PYSRP_FLUSH) {
		nbd_ring_forget(&medium->ring, medium->own.mark);
		return;
	}
	medium->replayed += medium->own.length;
	if (medium->replayed == medium->replaying->length) {
		medium->replaying = medium->replaying->next;
		medium->replayed = 0;
		medium->counts.written_again++;
	}
}

/* With the lock: why there is no connection. */
static void nbd_say(struct nbd_medium *medium, int error, const char *words)
{
	medium->trouble = error ? error : ENOTCONN;
	snprintf(medium->words, sizeof(medium->words), "%s", words && *words ? words : "the server has closed the connection");
}

/* libnbd says that a command is over, or that there is no server any more: then it stays among those that were sent. */
static int nbd_answered(void *data, int *error)
{
	struct nbd_request *request = data;
	struct nbd_medium *medium = request->medium;

	if (medium->breaking)
		return 1;
	if (*error == ENOTCONN || *error == ESHUTDOWN) {
		if (!medium->broken)
			nbd_say(medium, *error, NULL);
		medium->broken = 1;
		return 1;
	}
	nbd_let_go(request);
	if (request == &medium->own)
		nbd_own_over(medium, *error);
	else
		nbd_part_over(request, *error);
	return 1;
}

/*
 * Some extents, in pairs of a length and flags (bit 0: a hole, bit 1: zeros): they go behind those that the request has
 * already; its buffer was zeros. The server may say more than it was asked, or less.
 */
static int nbd_found_some(void *data, const char *context, uint64_t offset, uint32_t *entries, size_t count, int *error)
{
	struct nbd_request *request = data;
	struct pysrp_io *io = request->io;
	struct pysrp_extent *extents = (struct pysrp_extent *)io->buffers->bytes;
	size_t room = io->buffers->length / sizeof(*extents), used, i;
	uint64_t left;

	if (request->medium->breaking || *error || strcmp(context, NBD_ALLOCATION))
		return 0;
	for (used = 0; used < room && extents[used].length; used++)
		;
	if (offset != io->offset + request->length)
		return 0;
	for (i = 0; i + 1 < count && used < room; i += 2, used++) {
		left = io->length - request->length;
		if (!entries[i] || !left)
			break;
		extents[used].length = entries[i] < left ? entries[i] : left;
		extents[used].mapped = (entries[i + 1] & 3) != 3;
		request->length += extents[used].length;
	}
	return 0;
}

/* How it is sent */

/* With the lock: a connection has broken just now, as libnbd may say. */
static void nbd_breaks(struct nbd_medium *medium)
{
	nbd_say(medium, nbd.get_errno(), nbd.get_error());
	medium->broken = 1;
}

/* Where the next `length` bytes of a request are: in one buffer, or in memory for them. NULL: there is none. */
static uint8_t *nbd_memory(struct nbd_request *request)
{
	const struct pysrp_io *io = request->io;
	const struct pysrp_buffer *buffer = io->buffers;
	uint64_t from = io->done;

	for (; from >= buffer->length; buffer++)
		from -= buffer->length;
	if (request->length <= buffer->length - from)
		return buffer->bytes + from;
	request->bounce = malloc(request->length);
	if (request->bounce && io->operation == PYSRP_WRITE)
		nbd_copy(io, io->done, request->bounce, request->length, 0);
	return request->bounce;
}

/* Give one command to libnbd: -1 if it does not take it. */
static int64_t nbd_call(struct nbd_request *request, uint8_t *memory)
{
	struct nbd_handle *handle = request->link->handle;
	struct pysrp_io *io = request->io;
	uint64_t at = io->offset + io->done, length = request->length;
	nbd_over over = { .callback = nbd_answered, .user_data = request };
	nbd_found found = { .callback = nbd_found_some, .user_data = request };
	uint32_t flags = io->flags & PYSRP_FUA && request->medium->export.fua ? NBD_WITH_FUA : 0;

	switch (request->operation) {
	case PYSRP_READ:
		return nbd.aio_pread(handle, memory, length, at, over, 0);
	case PYSRP_WRITE:
		return nbd.aio_pwrite(handle, memory, length, at, over, flags);
	case PYSRP_ZERO:	/* without NO_HOLE: it may be a hole */
		return nbd.aio_zero(handle, length, at, over, flags);
	case PYSRP_DISCARD:
		return nbd.aio_trim(handle, length, at, over, 0);
	case PYSRP_EXTENTS:
		memset(io->buffers->bytes, 0, io->buffers->length);
		request->length = 0;
		return nbd.aio_block_status(handle, length, at, found, over, 0);
	default:
		return nbd.aio_flush(handle, over, 0);
	}
}

/* Send it, or the part of it that `length` says. It may be over when this returns. */
static void nbd_send_part(struct nbd_request *request, struct nbd_link *link, uint8_t *memory)
{
	struct nbd_medium *medium = request->medium;

	request->link = link;
	request->begun = 1;
	request->mark = medium->ring.number;
	request->other = !request->channel || request->channel != link->watcher;
	link->flying++;
	link->others += request->other;
	nbd_append(&medium->sent, request);
	if (nbd_call(request, memory) != -1 || medium->broken)
		return;
	if (nbd.aio_is_dead(link->handle) || nbd.aio_is_closed(link->handle)) {
		nbd_breaks(medium);
	} else {
		int error = nbd.get_errno();

		nbd_answered(request, &error);
	}
}

static uint64_t nbd_most(const struct nbd_medium *medium, uint32_t operation)
{
	return operation == PYSRP_READ || operation == PYSRP_WRITE ? medium->export.largest : NBD_SWEEP;
}

/* What is the next part of it. */
static void nbd_choose(struct nbd_request *request)
{
	const struct nbd_medium *medium = request->medium;
	const struct pysrp_io *io = request->io;
	uint64_t left = io->length - io->done, most = nbd_most(medium, io->operation);

	request->operation = io->operation;
	request->length = left < most ? left : most;
	/* NBD has FUA for what changes bytes only. */
	if (io->operation == PYSRP_READ && io->flags & PYSRP_FUA && medium->export.flushes && !request->flushed) {
		request->operation = PYSRP_FLUSH;
		request->length = 0;
	}
}

/* Of those that wait, the next one; whether that has been done. */
static int nbd_send_one(struct nbd_request *request)
{
	struct nbd_medium *medium = request->medium;
	struct nbd_link *link = &medium->links[request->channel->seat % medium->linked];
	uint8_t *memory = NULL;

	if (link->flying >= NBD_FLYING)
		return 0;
	nbd_choose(request);
	if (request->operation == PYSRP_WRITE && medium->ring.bytes && !nbd_ring_promise(&medium->ring, request->length))
		return 0;
	nbd_remove(&medium->waiting, request);
	if (request->operation == PYSRP_FLUSH && (medium->failed || !medium->export.flushes)) {
		int error = medium->failed;

		/* Who reads is not who waits for what was written: that is told by the next flush all the same. */
		if (request->io->operation == PYSRP_FLUSH)
			medium->failed = 0;
		request->io->done = error ? 0 : request->io->length;
		nbd_finish(request, error);
		return 1;
	}
	if ((request->operation == PYSRP_READ || request->operation == PYSRP_WRITE) && !(memory = nbd_memory(request))) {
		if (request->operation == PYSRP_WRITE && medium->ring.bytes)
			medium->ring.promised -= request->length;
		nbd_finish(request, ENOMEM);
		return 1;
	}
	nbd_send_part(request, link, memory);
	return 1;
}

/* An own request, on the first connection. */
static void nbd_send_own(struct nbd_medium *medium, uint32_t operation, uint64_t offset, uint64_t length, uint8_t *memory)
{
	medium->own_io = (struct pysrp_io){ .operation = operation, .offset = offset, .length = length };
	medium->own.operation = operation;
	medium->own.length = length;
	medium->own.since = nbd_now();
	medium->own_busy = 1;
	nbd_send_part(&medium->own, &medium->links[0], memory);
}

/* Write again what was kept, one after the other: a later one may be about the same bytes. */
static void nbd_replay(struct nbd_medium *medium)
{
	struct nbd_ring *ring = &medium->ring;
	struct nbd_kept *kept;
	uint64_t at, length;

	while (medium->state == NBD_REPLAYING && !medium->own_busy && !medium->broken) {
		if (!(kept = medium->replaying)) {
			medium->state = NBD_UP;
			return;
		}
		length = kept->length - medium->replayed;
		at = kept->zeros ? 0 : (kept->at + medium->replayed) % ring->room;
		if (!kept->zeros) {
			length = length < ring->room - at ? length : ring->room - at;
			length = length < medium->export.largest ? length : medium->export.largest;
		}
		nbd_send_own(medium, kept->zeros ? PYSRP_ZERO : PYSRP_WRITE, kept->offset + medium->replayed, length,
			     ring->bytes + at);
	}
}

/* Send what can be sent now. */
static void nbd_send(struct nbd_medium *medium)
{
	struct nbd_ring *ring = &medium->ring;

	while (medium->state == NBD_UP && !medium->broken && medium->waiting.first)
		if (!nbd_send_one(medium->waiting.first))
			break;
	if (medium->state == NBD_UP && !medium->broken && ring->bytes && !medium->own_busy &&
	    (ring->used > ring->room / 2 || ring->records > NBD_RECORDS)) {
		medium->counts.flushes++;
		nbd_send_own(medium, PYSRP_FLUSH, 0, 0, NULL);
	}
}

/* With the lock: take what is in the inbox. */
static void nbd_take(struct nbd_medium *medium)
{
	struct nbd_request *request;

	pthread_mutex_lock(&medium->door);
	while ((request = medium->inbox.first)) {
		nbd_remove(&medium->inbox, request);
		request->number = ++medium->numbers;
		nbd_append(&medium->waiting, request);
	}
	pthread_mutex_unlock(&medium->door);
}

#endif
