/*
 * An image of a Ceph cluster as a medium (native.h), by librbd.
 *
 * All loops share one handle. Their threads give requests to librbd, whose threads report when these are over. A thread
 * of the medium, the keeper, makes the calls that block: it opens the image and holds its lock, and gets both again
 * when they are lost. Until then requests are refused with ESHUTDOWN.
 */
#ifndef PYSRP_RBD_MEDIUM_H
#define PYSRP_RBD_MEDIUM_H

#include <signal.h>

#include "process.h"
#include "rbd_keeper.h"

/* A forked child has neither the keeper nor librbd's threads. */
static int rbd_forked(const struct rbd_medium *medium)
{
	return medium->process != process_id();
}

/* Take the lock. 0, without the lock, in a forked child: the thread that holds it there may not exist. */
static int rbd_hold(struct rbd_medium *medium)
{
	if (rbd_forked(medium))
		return 0;
	pthread_mutex_lock(&medium->lock);
	return 1;
}

static void rbd_release(struct rbd_medium *medium)
{
	pthread_mutex_unlock(&medium->lock);
}

/* The table's functions */

static uint64_t rbd_size(void *self)
{
	return __atomic_load_n(&((struct rbd_medium *)self)->size, __ATOMIC_RELAXED);
}

static void *rbd_open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct rbd_channel *channel = malloc(sizeof(*channel));

	if (!channel)
		return NULL;
	channel->medium = self;
	channel_begin(&channel->common, ring, bell);
	return channel;
}

static void rbd_close_channel(void *self)
{
	struct rbd_channel *channel = self;

	if (!rbd_forked(channel->medium))
		channel_end(&channel->common);
	free(channel);
}

/* Why a request cannot begin: an errno, or 0. */
static int rbd_refuses(struct rbd_medium *medium, const struct pysrp_io *io)
{
	uint64_t size = rbd_size(medium);

	if (io->length > size || io->offset > size - io->length)
		return EINVAL;
	if (io->operation < PYSRP_READ || io->operation > PYSRP_COMPARE)
		return EOPNOTSUPP;
	if (io->operation != PYSRP_READ && io->operation != PYSRP_FLUSH && io->operation != PYSRP_EXTENTS &&
	    medium->table.features & PYSRP_READ_ONLY)
		return EROFS;
	if (io->operation == PYSRP_COMPARE) {
		if (io->count != 2 || io->buffers[0].length != io->length || io->buffers[1].length != io->length)
			return EINVAL;
		/* An OSD does it, so all the bytes have to be in one object. */
		if (!medium->unit || io->length > medium->unit - io->offset % medium->unit)
			return rbd_cannot_compare(medium);
	}
	return io->flags & PYSRP_NOWAIT ? EAGAIN : 0;
}

static uint64_t rbd_most(uint32_t operation)
{
	return operation == PYSRP_ZERO || operation == PYSRP_DISCARD ? RBD_SWEEP :
	       operation == PYSRP_EXTENTS ? RBD_SEARCH : UINT64_MAX;
}

static enum pysrp_submitted rbd_submit(void *self, struct pysrp_io *io)
{
	struct rbd_channel *channel = self;
	struct rbd_medium *medium = channel->medium;
	struct rbd_request *request;
	uint64_t most = rbd_most(io->operation);

	io->done = 0;
	io->bad = PYSRP_NOWHERE;
	io->error = rbd_forked(medium) ? EBADF : rbd_refuses(medium, io);
	if (io->error || (!io->length && io->operation != PYSRP_FLUSH))
		return PYSRP_OVER;
	if (!(request = malloc(sizeof(*request)))) {
		io->error = EAGAIN;
		return PYSRP_OVER;
	}
	*request = (struct rbd_request){
		.medium = medium, .channel = channel, .io = io, .operation = io->operation,
		.length = io->length < most ? io->length : most,
	};
	if ((io->error = rbd_enter(medium, &request->image))) {
		free(request);
		return PYSRP_OVER;
	}
	io->back = request;
	if (io->operation == PYSRP_EXTENTS) {
		int error = crew_put(&medium->askers, io);

		if (error)
			rbd_finish(request, error);
		return PYSRP_PENDING;
	}
	if (io->operation == PYSRP_READ && io->flags & PYSRP_FUA) {
		request->operation = PYSRP_FLUSH;
		request->flushed = 1;
	}
	rbd_send(request);
	return PYSRP_PENDING;
}

static struct pysrp_io *rbd_reap(void *self)
{
	return channel_reap(&((struct rbd_channel *)self)->common);
}

/* A request that librbd has runs on; EXTENTS that wait for a thread can be withdrawn. */
static int rbd_withdraw(void *self, struct pysrp_io *io)
{
	struct rbd_medium *medium = ((struct rbd_channel *)self)->medium;

	if (io->operation != PYSRP_EXTENTS || rbd_forked(medium) || !crew_withdraw(&medium->askers, io))
		return 0;
	free(io->back);
	rbd_leave(medium);
	return 1;
}

/* Opening and closing */

static char *rbd_copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* Make the medium, without keeper and image (rbd_open). NULL: no memory. */
static struct rbd_medium *rbd_begin(const struct rbd_place *place, enum rbd_policy policy, int read_only, int64_t limit)
{
	struct rbd_medium *medium = calloc(1, sizeof(*medium));
	pthread_condattr_t clock;

	if (!medium)
		return NULL;
	process_begin();
	*medium = (struct rbd_medium){
		.table = {
			.size = sizeof(struct pysrp_medium), .self = medium, .block = 1, .bytes = rbd_size,
			.open = rbd_open_channel, .close = rbd_close_channel, .submit = rbd_submit,
			.reap = rbd_reap, .withdraw = rbd_withdraw,
			.features = PYSRP_HAS_FUA | PYSRP_HAS_DISCARD | PYSRP_HAS_ZERO | PYSRP_HAS_EXTENTS | PYSRP_HAS_COMPARE |
				    (read_only ? PYSRP_READ_ONLY : 0),
		},
		.place = {
			rbd_copy(place->conf), rbd_copy(place->id), rbd_copy(place->pool), rbd_copy(place->space),
			rbd_copy(place->image), rbd_copy(place->snap),
		},
		.process = process_id(), .users = 1, .policy = policy, .read_only = read_only, .limit = limit,
		.refuses = ESHUTDOWN, .opening = 1,
	};
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&medium->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&medium->lock, NULL);
	crew_begin(&medium->askers, RBD_ASKERS, 0, medium, rbd_ask);
	if (medium->place.pool && medium->place.image)
		return medium;
	rbd_unuse(medium);
	return NULL;
}

/* Close: requests under way end, later ones fail. Waits, but not for long, until the image's lock is released. */
static void rbd_shut(struct rbd_medium *medium)
{
	struct timespec until;

	if (!rbd_hold(medium))
		return;
	medium->closing = 1;
	medium->refuses = EBADF;
	pthread_cond_broadcast(&medium->changed);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RBD_PATIENCE / RBD_SECOND;
	/* The keeper itself may drop the last reference to the medium, and so call this. */
	while (!medium->ended && !pthread_equal(medium->keeper, pthread_self()))
		if (pthread_cond_timedwait(&medium->changed, &medium->lock, &until))
			break;
	rbd_release(medium);
}

/* Start the keeper, and wait until it has the image or stands by for its lock. 0, or an errno: then it has ended. */
static int rbd_open(struct rbd_medium *medium)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	medium->users++;
	error = pthread_create(&medium->keeper, NULL, rbd_keep, medium);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		medium->users--;
		medium->ended = 1;
		return error;
	}
	pthread_detach(medium->keeper);
	pthread_mutex_lock(&medium->lock);
	while (medium->opening)
		pthread_cond_wait(&medium->changed, &medium->lock);
	error = medium->ended ? medium->trouble : 0;
	pthread_mutex_unlock(&medium->lock);
	return error;
}

/* Read the text that the image's metadata keep for us; as rbd_recall(). ESHUTDOWN: the image is not ours. */
static int rbd_read_text(struct rbd_medium *medium, char **text)
{
	rbd_image image;
	int error = rbd_forked(medium) ? EBADF : rbd_enter(medium, &image);

	*text = NULL;
	if (error)
		return error;
	error = rbd_recall(image, text);
	rbd_leave(medium);
	return error;
}

/*
 * Write the text into the image's metadata, NULL: remove it. librbd changes them only with the image's lock, and the
 * cluster takes nothing from a client whose lock has been broken. 0, or an errno.
 */
static int rbd_write_text(struct rbd_medium *medium, const char *text)
{
	rbd_image image;
	int result, error = rbd_forked(medium) ? EBADF : rbd_enter(medium, &image);

	if (error)
		return error;
	result = text ? rbd.metadata_set(image, RBD_RESERVATIONS, text) : rbd.metadata_remove(image, RBD_RESERVATIONS);
	rbd_leave(medium);
	return !text && result == -ENOENT ? 0 : -result;
}

/* Room */

#define RBD_DF "{\"prefix\": \"df\", \"detail\": \"detail\", \"format\": \"json\"}"

struct rbd_room {
	int64_t used;			/* bytes of the image's objects, -1: not known */
	int64_t pool;			/* number of the pool that has the objects */
	char *text;			/* the monitors' JSON on all pools, for rados.buffer_free(); NULL: no right */
	size_t length;
};

static int rbd_count(uint64_t offset, size_t length, int exists, void *argument)
{
	(void)offset;
	*(int64_t *)argument += exists ? (int64_t)length : 0;
	return 0;
}

/* How many bytes the objects have, by the object map only: asking each object takes long. 0, or a negative errno. */
static int rbd_used(struct rbd_medium *medium, rbd_image image, int64_t *used)
{
	uint64_t flags = RBD_NO_MAP, size;
	int result = medium->found & RBD_FAST_DIFF ? rbd.get_flags(image, &flags) : 0;

	if (result < 0 || flags & RBD_NO_MAP || (result = rbd.get_size(image, &size)) < 0)
		return result;
	*used = 0;
	return rbd.diff_iterate2(image, NULL, 0, size, 0, 1, rbd_count, used);
}

/* Ask what room the image takes and the pools have, also while the image is not ours. 0, or an errno. */
static int rbd_ask_room(struct rbd_medium *medium, struct rbd_room *room)
{
	const char *command = RBD_DF;
	rbd_image image;
	int result, error = rbd_forked(medium) ? EBADF : rbd_visit(medium, &image);

	*room = (struct rbd_room){ .used = -1 };
	if (error)
		return error;
	room->pool = rbd.get_data_pool_id(image);
	result = room->pool < 0 ? (int)room->pool : rbd_used(medium, image, &room->used);
	if (result >= 0)
		result = rados.mon_command(medium->cluster, &command, 1, "", 0, &room->text, &room->length, NULL, NULL);
	rbd_leave(medium);
	/* A client without the right to ask the monitors still learns what the image takes. */
	return result < 0 && result != -EACCES ? -result : 0;
}

/* From now on the size is the one that was found last; with `grown` only if that is larger. */
static void rbd_resize(struct rbd_medium *medium, int grown)
{
	if (!rbd_hold(medium))
		return;
	if (!grown || medium->size_now > medium->size)
		__atomic_store_n(&medium->size, medium->size_now, __ATOMIC_RELAXED);
	rbd_release(medium);
}

#endif
