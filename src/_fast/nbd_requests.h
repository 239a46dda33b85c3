/*
 * The requests of an NBD medium (nbd_medium.h): how they are sent, and how they end. Called with the medium's lock.
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
	NBD_LINKS = 8,		/* connections at most, if the server allows several */
	NBD_FLYING = 64,	/* requests under way on one connection at most */
	NBD_RECORDS = 1 << 16,	/* writes that are kept before the medium flushes by itself */
	NBD_AHEAD = 2 << 20,	/* bytes that a Unix socket should take before the server reads them */
	NBD_TURNS = 128,	/* answers, or pieces of one, that are read before other connections have their turn */
};

#define NBD_LARGEST (32ull << 20)	/* bytes of a READ or WRITE at most, unless the server's limit is smaller */
#define NBD_SWEEP (64ull << 20)		/* bytes of one ZERO, DISCARD or EXTENTS command at most */
#define NBD_MS 1000000ll		/* nanoseconds */
#define NBD_PATIENCE (10000 * NBD_MS)	/* timeout of connecting and of the handshake */
#define NBD_RETRY (20 * NBD_MS)		/* before the second attempt to connect; then twice as long each time, */
#define NBD_RETRY_MOST (1000 * NBD_MS)	/* up to this; a connection that has lasted so long resets it */
#define NBD_TICK (1000 * NBD_MS)	/* how often the driver looks for requests that have waited too long, at least */
#define NBD_ALLOCATION "base:allocation"
#define NBD_SILENT "the server does not answer"

struct nbd_medium;

struct nbd_channel;

struct nbd_link {
	struct nbd_handle *handle;
	unsigned flying, others;	/* requests under way; of them, those that are not the watcher's */
	struct nbd_channel *watcher;	/* the channel whose loop watches the socket, NULL: only the driver does */
	int driven;			/* the driver polls the socket for answers, too */
	int shared;			/* several loops use it, or it cannot be watched: the driver reads answers */
};

struct nbd_channel {
	struct channel common;
	struct nbd_medium *medium;
	unsigned seat;			/* number of the channel, from 0 on; modulo `linked` it is its connection */
	struct nbd_channel *next;	/* with the medium's lock, as all that follows */
	int epoll;			/* of a loop that listens, else -1 */
	struct nbd_link *watched;	/* the connection that its loop watches, else NULL */
	int hearing;			/* its loop reads answers, and afterwards looks for what is over */
	int socket;			/* of the watched connection, else -1; atomic */
	struct nbd_channel *next_to_ring;	/* with the medium's lock */
};

/* A request under way. Protected by the medium's lock, or in the inbox by that of the inbox. */
struct nbd_request {
	struct nbd_request *next, *previous;
	struct nbd_medium *medium;
	struct nbd_channel *channel;	/* NULL: the medium's own request */
	struct pysrp_io *io;
	struct nbd_link *link;		/* the connection that it was sent on; NULL: it waits */
	uint64_t number;		/* in order of arrival */
	int64_t since;			/* when it came, or when its last part was over */
	uint32_t operation;		/* of the part that is under way: a READ with FUA begins with a FLUSH */
	uint64_t length;		/* bytes of that part */
	uint64_t mark;			/* of a FLUSH: the latest number in the ring when it was sent */
	uint8_t *bounce;		/* memory for a part that is in several buffers */
	int flushed;			/* the FLUSH of a READ with FUA is over: read now */
	int begun;			/* the server may have seen it */
	int other;			/* it is not the request of the connection's watcher */
	int unwanted;			/* it was withdrawn */
};

struct nbd_list {
	struct nbd_request *first, *last;
};

/* What a server says of its export. */
struct nbd_export {
	uint64_t size, largest;		/* bytes of the export, and of one READ or WRITE at most */
	uint32_t block, preferred, features;
	int flushes, fua, several, extents;	/* it has flush, FUA, several connections (multi-conn), extents */
};

enum nbd_state {
	NBD_DOWN,
	NBD_REPLAYING,		/* connected; kept writes are written again */
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
	int64_t limit;			/* atomic: nanoseconds that a request may wait */
	int kick;			/* an eventfd that wakes the driver */
	void (*told)(void **owner, int up);	/* called by the driver, without locks */
	void *owner;			/* argument of told(); NULL: there is none to tell */

	pthread_mutex_t door;		/* protects the inbox and `shut` */
	struct nbd_list inbox;
	int shut;

	pthread_mutex_t lock;		/* protects all below */
	pthread_cond_t changed;
	enum nbd_state state;
	int opening, ended;		/* the first connection is awaited; the driver has ended */
	int broken, breaking, dozing, active;
	struct nbd_export export;	/* as the first connection said; the size may be set anew */
	uint64_t size_now;
	struct nbd_link links[NBD_LINKS];
	unsigned linked, wanted, channels;
	struct nbd_channel *first;	/* list of all channels */
	struct nbd_list waiting, sent;
	uint64_t numbers;
	struct nbd_channel *to_ring;
	struct nbd_ring ring;
	int failed;			/* an errno: a write is lost, which the next flush reports; 0: none */
	struct nbd_request own;
	struct pysrp_io own_io;
	int own_busy;
	struct nbd_kept *replaying;
	uint64_t replayed;		/* bytes of `replaying` that are written */
	struct nbd_counts counts;
	int trouble;			/* why there was no connection: an errno, */
	char words[256];		/* and in words */

	int64_t up_since, down_since, retry_at, retry_after, look_at;
	/* Used by the driver only: */
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
		return;		/* the eventfd's count is full: the driver is woken anyway */
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

/* Insert a request by its number. */
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

/* A request is over: its loop reaps it. */
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

/* Release the lock and ring the channels in `to_ring`. Meanwhile others may finish requests and put channels there. */
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

/* A part of a request is over, or will be sent again: take the request off its connection. */
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

/* Keep an acknowledged part of a WRITE or ZERO until it is flushed. */
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

/* The medium's own request is over: a flush, or a part of a kept write. */
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

/* With the lock: note why there is no connection. */
static void nbd_say(struct nbd_medium *medium, int error, const char *words)
{
	medium->trouble = error ? error : ENOTCONN;
	snprintf(medium->words, sizeof(medium->words), "%s", words && *words ? words : "the server has closed the connection");
}

/* Called by libnbd: a command is over, or the server is gone; then the request stays in `sent`, to be sent again. */
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
 * Called by libnbd with extents, pairs of a length and flags (bit 0: a hole, bit 1: zeros). They are added behind those
 * that the request's buffer has already; it was zeroed before. The server may tell more than it was asked, or less.
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

/* How a request is sent */

/* With the lock: a connection has just broken, for the reason that libnbd gives. */
static void nbd_breaks(struct nbd_medium *medium)
{
	nbd_say(medium, nbd.get_errno(), nbd.get_error());
	medium->broken = 1;
}

/* Where the next `length` bytes of a request are: in one of its buffers, or in a bounce buffer. NULL: no memory. */
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

/* Give one command to libnbd. -1: it does not take the command. */
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
	case PYSRP_ZERO:	/* without NO_HOLE: the server may make a hole */
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

/* Send the chosen part of a request. The request may be over, and freed, when this returns. */
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

/* Choose the next part of a request: operation and length. */
static void nbd_choose(struct nbd_request *request)
{
	const struct nbd_medium *medium = request->medium;
	const struct pysrp_io *io = request->io;
	uint64_t left = io->length - io->done, most = nbd_most(medium, io->operation);

	request->operation = io->operation;
	request->length = left < most ? left : most;
	/* NBD has FUA for commands that write only. */
	if (io->operation == PYSRP_READ && io->flags & PYSRP_FUA && medium->export.flushes && !request->flushed) {
		request->operation = PYSRP_FLUSH;
		request->length = 0;
	}
}

/* Send the first waiting request. 0: it cannot be sent now. */
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

		/* A READ with FUA does not clear the error: the next FLUSH has to report the lost write. */
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

/* Send the medium's own request, on the first connection. */
static void nbd_send_own(struct nbd_medium *medium, uint32_t operation, uint64_t offset, uint64_t length, uint8_t *memory)
{
	medium->own_io = (struct pysrp_io){ .operation = operation, .offset = offset, .length = length };
	medium->own.operation = operation;
	medium->own.length = length;
	medium->own.since = nbd_now();
	medium->own_busy = 1;
	nbd_send_part(&medium->own, &medium->links[0], memory);
}

/* Write the kept writes again, one after the other, as a later one may be about the same bytes. */
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

/* Send the waiting requests that can be sent now, and a flush of our own if the ring is half full. */
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

/* With the lock: move the requests in the inbox to `waiting`. */
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
