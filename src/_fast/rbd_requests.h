/*
 * The requests of an RBD medium (rbd_medium.h): how they are given to librbd, and how they end. librbd calls back in
 * threads of its own, in several at a time.
 */
#ifndef PYSRP_RBD_REQUESTS_H
#define PYSRP_RBD_REQUESTS_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel.h"
#include "crew.h"
#include "native.h"
#include "rbd_library.h"

enum { RBD_ASKERS = 2 };	/* threads that ask for extents, for which librbd has blocking calls only */

#define RBD_SWEEP (256ull << 20)	/* bytes of a ZERO or DISCARD: each object of them is an operation of its own */
#define RBD_SEARCH (1ull << 30)		/* bytes of one EXTENTS at most */

/* Events for the keeper, bits. */
enum { RBD_LOST = 1, RBD_RESIZED = 2 };

/* What to do if another client has the image's lock. */
enum rbd_policy {
	RBD_WAIT,	/* wait until it is free */
	RBD_TAKE,	/* break it, which shuts the other client out */
	RBD_REFUSE,	/* fail to open */
};

/* Where an image is. NULL: Ceph's default, or none. */
struct rbd_place {
	const char *conf, *id, *pool, *space, *image, *snap;
};

struct rbd_counts {
	uint64_t opened, lost;
};

struct rbd_medium {
	struct pysrp_medium table;
	struct rbd_place place;
	pid_t process;
	unsigned users;			/* atomic: the owner and the keeper; the last one frees it */
	pthread_t keeper;
	enum rbd_policy policy;
	int read_only;
	int64_t limit;			/* nanoseconds */
	/*
	 * The keeper calls these, without locks. takes(): the image is about to be ours again, and its metadata have
	 * this text, NULL: none. It returns 0, or an errno: then the image is not used.
	 */
	void (*told)(void **owner, int up);
	int (*takes)(void **owner, const char *text);
	void *owner;			/* argument of both; NULL: there is none to tell */
	struct crew askers;

	/* Written by the keeper, before the image is used. */
	rados_cluster cluster;
	rados_pool pool;
	uint64_t watch;			/* a handle */
	int watches;
	uint64_t found;			/* the image's features */
	uint64_t unit;			/* consecutive bytes in one object (stripe unit) */
	uint64_t granularity;		/* bytes of the smallest useful discard by Ceph's configuration; 0: not set */
	char key[512];			/* a name of the image that is unique among all clusters */

	uint64_t size;			/* atomic */
	pthread_mutex_t lock;		/* protects all below */
	pthread_cond_t changed;
	rbd_image image;		/* not closed while requests are under way */
	int refuses;			/* the errno of all requests; 0: the image is open and ours */
	unsigned flying;		/* requests under way */
	unsigned settling;		/* threads that wait until `flying` is 0 */
	unsigned events;
	int opening, closing, ended;
	uint64_t size_now;
	struct rbd_counts counts;
	int trouble;			/* why requests are refused: an errno, */
	char words[256];		/* and in words */
};

struct rbd_channel {
	struct channel common;
	struct rbd_medium *medium;
};

struct rbd_request {
	struct rbd_medium *medium;
	struct rbd_channel *channel;
	struct pysrp_io *io;
	rbd_image image;
	uint32_t operation;		/* of the part that is under way: with FUA one part is a FLUSH */
	uint64_t length;		/* bytes of the parts that are no FLUSH */
	uint64_t differs;		/* where a COMPARE differs; not used, as librbd's versions and the data change it */
	int flushed;			/* the FLUSH for FUA is over, or under way */
};

/* A pysrp_buffer is an iovec by another name. */
_Static_assert(sizeof(struct pysrp_buffer) == sizeof(struct iovec) &&
	       offsetof(struct pysrp_buffer, bytes) == offsetof(struct iovec, iov_base) &&
	       offsetof(struct pysrp_buffer, length) == offsetof(struct iovec, iov_len), "struct iovec");

/* A request begins. 0: the image stays open until rbd_leave(); else an errno. */
static int rbd_enter(struct rbd_medium *medium, rbd_image *image)
{
	int error;

	pthread_mutex_lock(&medium->lock);
	error = medium->refuses;
	*image = medium->image;
	if (!error)
		medium->flying++;
	pthread_mutex_unlock(&medium->lock);
	return error;
}

/* The same for calls that only read the image's properties, also while another client has the image's lock. */
static int rbd_visit(struct rbd_medium *medium, rbd_image *image)
{
	int error;

	pthread_mutex_lock(&medium->lock);
	*image = medium->image;
	error = medium->closing ? EBADF : *image ? 0 : medium->refuses;
	if (!error)
		medium->flying++;
	pthread_mutex_unlock(&medium->lock);
	return error;
}

static void rbd_leave(struct rbd_medium *medium)
{
	pthread_mutex_lock(&medium->lock);
	/* Only for threads that wait for this: the keeper, too, sleeps on `changed`, and is not to wake each time. */
	if (!--medium->flying && medium->settling)
		pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* With the lock: wait until no request is under way, which takes no longer than the limit. */
static void rbd_settle(struct rbd_medium *medium)
{
	medium->settling++;
	while (medium->flying)
		pthread_cond_wait(&medium->changed, &medium->lock);
	medium->settling--;
}

/* The image is not ours any more: refuse all requests until the keeper has got it again. */
static void rbd_lose(struct rbd_medium *medium)
{
	pthread_mutex_lock(&medium->lock);
	if (!medium->refuses)
		medium->refuses = ESHUTDOWN;
	medium->events |= RBD_LOST;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* A request is over: its loop reaps it. */
static void rbd_finish(struct rbd_request *request, int error)
{
	struct rbd_medium *medium = request->medium;
	struct rbd_channel *channel = request->channel;
	struct pysrp_io *io = request->io;

	/* ESHUTDOWN: the cluster has blocklisted this client. EROFS: the image's lock is not ours. */
	if (error == ESHUTDOWN || (error == EROFS && medium->found & RBD_LOCKS)) {
		rbd_lose(medium);
		error = ESHUTDOWN;
	}
	io->error = error;
	free(request);
	if (channel_put(&channel->common, io))
		channel_ring(&channel->common);
	rbd_leave(medium);
}

/* The errno for bytes that cannot be compared and written in one step (native.h). Without a lock others may write. */
static int rbd_cannot_compare(const struct rbd_medium *medium)
{
	return medium->found & RBD_LOCKS ? EOPNOTSUPP : EXDEV;
}

static void rbd_send(struct rbd_request *request);

/* A part of a request is over: `result` is from librbd, bytes or a negative errno. */
static void rbd_part_over(struct rbd_request *request, ssize_t result)
{
	struct pysrp_io *io = request->io;

	if (result < 0) {
		/* Ceph 16 compares no more than 512 bytes. */
		if (result == -EINVAL && request->operation == PYSRP_COMPARE)
			result = -rbd_cannot_compare(request->medium);
		rbd_finish(request, (int)-result);
		return;
	}
	if (request->operation == PYSRP_READ && (uint64_t)result != request->length) {
		rbd_finish(request, EIO);	/* the image has become smaller */
		return;
	}
	if (request->operation != PYSRP_FLUSH)
		io->done = request->length;
	if (request->operation == PYSRP_FLUSH && io->operation == PYSRP_READ) {
		request->operation = PYSRP_READ;
		rbd_send(request);
	} else if (io->flags & PYSRP_FUA && !request->flushed) {
		request->operation = PYSRP_FLUSH;
		request->flushed = 1;
		rbd_send(request);
	} else {
		rbd_finish(request, 0);
	}
}

static void rbd_part_told(rbd_promise promise, void *argument)
{
	ssize_t result = rbd.aio_get_return_value(promise);

	rbd.aio_release(promise);
	rbd_part_over(argument, result);
}

/* Give a part of a request to librbd. A negative errno: it does not take it. */
static ssize_t rbd_call(struct rbd_request *request, rbd_promise promise)
{
	struct pysrp_io *io = request->io;
	const struct iovec *vectors = (const struct iovec *)io->buffers;
	rbd_image image = request->image;
	uint64_t at = io->offset, length = request->length;

	switch (request->operation) {
	case PYSRP_READ:
		return rbd.aio_readv(image, vectors, (int)io->count, at, promise);
	case PYSRP_WRITE:
		return rbd.aio_writev(image, vectors, (int)io->count, at, promise);
	case PYSRP_ZERO:	/* without THICK_PROVISION: librbd may make a hole */
		return rbd.aio_write_zeroes(image, at, length, promise, 0, 0);
	case PYSRP_DISCARD:
		return rbd.aio_discard(image, at, length, promise);
	case PYSRP_COMPARE:
		return rbd.aio_compare_and_write(image, at, length, (const char *)io->buffers[0].bytes,
						 (const char *)io->buffers[1].bytes, promise, &request->differs, 0);
	default:
		return rbd.aio_flush(image, promise);
	}
}

/* Give a part of a request to librbd. The request may be over, and freed, when this returns. */
static void rbd_send(struct rbd_request *request)
{
	rbd_promise promise;
	ssize_t result = rbd.aio_create_completion(request, rbd_part_told, &promise);

	if (result >= 0) {
		result = rbd_call(request, promise);
		if (result >= 0)
			return;
		rbd.aio_release(promise);
	}
	rbd_finish(request, (int)-result);
}

/* Extents */

struct rbd_search {
	struct pysrp_extent *extents;
	size_t room, used;
	uint64_t at, end;		/* offset up to which extents are known, and up to which they are asked for */
};

/* The bytes up to offset `to` are `mapped` or not. 0: no room for another extent. */
static int rbd_add(struct rbd_search *search, uint64_t to, int mapped)
{
	struct pysrp_extent *last = search->used ? &search->extents[search->used - 1] : NULL;

	if (to > search->end)
		to = search->end;
	if (to <= search->at)
		return 1;
	if (!last || last->mapped != (uint64_t)mapped) {
		if (search->used == search->room)
			return 0;
		last = &search->extents[search->used++];
		*last = (struct pysrp_extent){ .mapped = (uint64_t)mapped };
	}
	last->length += to - search->at;
	search->at = to;
	return 1;
}

static int rbd_found_one(uint64_t offset, size_t length, int exists, void *argument)
{
	struct rbd_search *search = argument;

	return rbd_add(search, offset, 0) && rbd_add(search, offset + length, exists != 0) ? 0 : -ENOBUFS;
}

/* EXTENTS, in a thread of `askers`. */
static void rbd_ask(struct crew_hand *hand, struct pysrp_io *io)
{
	struct rbd_medium *medium = hand->owner;
	struct rbd_request *request = io->back;
	struct rbd_search search = {
		.extents = (struct pysrp_extent *)io->buffers->bytes,
		.room = io->buffers->length / sizeof(struct pysrp_extent),
		.at = io->offset, .end = io->offset + request->length,
	};
	/* With the object map (fast-diff) this is quick, and as exact as the map: whole objects. */
	int error = rbd.diff_iterate2(request->image, NULL, io->offset, request->length, 1,
				      (medium->found & RBD_FAST_DIFF) != 0, rbd_found_one, &search);

	if (!error)
		rbd_add(&search, search.end, 0);
	if (error == -ENOBUFS)
		error = 0;
	io->done = error ? 0 : search.at - io->offset;
	rbd_finish(request, -error);
}

#endif
