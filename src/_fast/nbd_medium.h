/*
 * An export of an NBD server as a medium (native.h), by libnbd.
 *
 * The loops' own threads send what they submit. A loop that listens and has a connection for itself reads its server's
 * answers itself (nbd_loop.h). For other loops a thread of the medium, the driver, does; it also connects, and sends
 * what could not be sent at once. All calls of libnbd about a connection in use are made with the medium's lock. A loop
 * that finds the lock taken leaves its request in the inbox, and does not wait.
 *
 * When a connection breaks, all of them are closed and new ones are made. Writes that were acknowledged and not flushed
 * are written again (nbd_kept.h), then unanswered requests are sent again, in the order in which they came.
 */
#ifndef PYSRP_NBD_MEDIUM_H
#define PYSRP_NBD_MEDIUM_H

#include <signal.h>

#include "nbd_loop.h"

/* The table's functions */

static uint64_t nbd_size(void *self)
{
	return __atomic_load_n(&((struct nbd_medium *)self)->export.size, __ATOMIC_RELAXED);
}

static void *nbd_open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct nbd_medium *medium = self;
	struct nbd_channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return NULL;
	channel_begin(&channel->common, ring, bell);
	channel->medium = medium;
	channel->epoll = channel->socket = -1;
	if (!nbd_hold(medium))
		return channel;
	channel->seat = medium->channels++;
	channel->next = medium->first;
	medium->first = channel;
	medium->wanted = nbd_wanted(medium);
	nbd_kick(medium);
	nbd_leave(medium);
	return channel;
}

/* A channel is closed. The channel with the last seat gets its seat: so the others still have a connection each. */
static void nbd_rise(struct nbd_channel *channel)
{
	struct nbd_medium *medium = channel->medium;
	struct nbd_channel **at, *each;

	if (!nbd_hold(medium))
		return;
	for (at = &medium->first; *at != channel; at = &(*at)->next)
		;
	*at = channel->next;
	medium->channels--;
	for (each = medium->first; each; each = each->next)
		if (each->seat == medium->channels)
			each->seat = channel->seat;
	if (medium->wanted > nbd_wanted(medium))
		medium->wanted = nbd_wanted(medium);
	nbd_share_anew(medium);
	nbd_kick(medium);
	nbd_leave(medium);
}

static void nbd_close_channel(void *self)
{
	struct nbd_channel *channel = self;

	nbd_listen(channel, -1);
	nbd_rise(channel);
	if (!nbd_forked(channel->medium))
		channel_end(&channel->common);
	free(channel);
}

/* How many requests are with the server. */
static unsigned nbd_under_way(const struct nbd_medium *medium)
{
	unsigned i, count = 0;

	for (i = 0; i < medium->linked; i++)
		count += medium->links[i].flying;
	return count;
}

/* Why a request cannot begin: an errno, or 0. */
static int nbd_refuses(const struct nbd_medium *medium, const struct pysrp_io *io)
{
	uint64_t size = nbd_size((void *)medium);
	uint32_t features = medium->table.features;

	if (io->length > size || io->offset > size - io->length)
		return EINVAL;
	if (io->operation < PYSRP_READ || io->operation > PYSRP_EXTENTS)
		return EOPNOTSUPP;
	if (io->operation != PYSRP_READ && io->operation != PYSRP_FLUSH && io->operation != PYSRP_EXTENTS &&
	    features & PYSRP_READ_ONLY)
		return EROFS;
	if ((io->operation == PYSRP_ZERO && !(features & PYSRP_HAS_ZERO)) ||
	    (io->operation == PYSRP_EXTENTS && !medium->export.extents))
		return EOPNOTSUPP;
	return io->flags & PYSRP_NOWAIT ? EAGAIN : 0;
}

static enum pysrp_submitted nbd_ends(struct pysrp_io *io, int error)
{
	io->error = error;
	io->done = error ? 0 : io->length;
	return PYSRP_OVER;
}

/* The lock is taken: leave the request to the driver. 0: there is no driver any more. */
static int nbd_post(struct nbd_medium *medium, struct nbd_request *request)
{
	int shut;

	pthread_mutex_lock(&medium->door);
	shut = medium->shut;
	if (!shut)
		nbd_append(&medium->inbox, request);
	pthread_mutex_unlock(&medium->door);
	if (!shut)
		nbd_kick(medium);
	return !shut;
}

static enum pysrp_submitted nbd_submit(void *self, struct pysrp_io *io)
{
	struct nbd_channel *channel = self;
	struct nbd_medium *medium = channel->medium;
	struct nbd_request *request;
	int error = nbd_refuses(medium, io);

	io->bad = PYSRP_NOWHERE;
	io->done = 0;
	io->error = 0;
	io->back = NULL;
	/* DISCARD is a hint: if the server has no TRIM, nothing is done. */
	if (!error && io->operation == PYSRP_DISCARD && !(medium->table.features & PYSRP_HAS_DISCARD))
		return nbd_ends(io, 0);
	if (error || (!io->length && io->operation != PYSRP_FLUSH))
		return nbd_ends(io, error);
	if (nbd_forked(medium))
		return nbd_ends(io, EBADF);
	if (!(request = calloc(1, sizeof(*request))))
		return nbd_ends(io, EAGAIN);
	*request = (struct nbd_request){ .medium = medium, .channel = channel, .io = io, .since = nbd_now() };
	io->back = request;
	if (pthread_mutex_trylock(&medium->lock)) {
		if (nbd_post(medium, request))
			return PYSRP_PENDING;
		free(request);
		return nbd_ends(io, EBADF);
	}
	if (medium->state == NBD_CLOSED) {
		nbd_leave(medium);
		free(request);
		return nbd_ends(io, EBADF);
	}
	request->number = ++medium->numbers;
	nbd_append(&medium->waiting, request);
	nbd_watch(channel);
	nbd_send(medium);
	nbd_rouse(medium);
	nbd_leave(medium);
	return PYSRP_PENDING;
}

static struct pysrp_io *nbd_reap(void *self)
{
	return channel_reap(&((struct nbd_channel *)self)->common);
}

/* A request that the server may have seen runs on. Without a connection it ends, and is not sent again. */
static int nbd_withdraw(void *self, struct pysrp_io *io)
{
	struct nbd_medium *medium = ((struct nbd_channel *)self)->medium;
	struct nbd_request *request;
	int never = 0;

	if (!nbd_hold(medium))
		return 0;
	nbd_take(medium);
	request = io->back;
	if (request) {
		request->unwanted = 1;
		if (!request->link) {
			nbd_remove(&medium->waiting, request);
			never = !request->begun;
			if (never)
				free(request);
			else
				nbd_finish(request, ECANCELED);
		}
	}
	nbd_leave(medium);
	return never;
}

/* Opening and closing */

/* Make the medium, without driver and connections (nbd_open). NULL: no memory, or no eventfd. */
static struct nbd_medium *nbd_begin(const char *uri, int64_t limit, uint64_t keep)
{
	struct nbd_medium *medium = calloc(1, sizeof(*medium));

	if (!medium)
		return NULL;
	process_begin();
	*medium = (struct nbd_medium){
		.table = {
			.size = sizeof(struct pysrp_medium), .self = medium, .block = 1, .bytes = nbd_size,
			.open = nbd_open_channel, .close = nbd_close_channel, .submit = nbd_submit,
			.reap = nbd_reap, .withdraw = nbd_withdraw, .listen = nbd_listen, .look = nbd_look_in,
		},
		.process = process_id(), .users = 1, .uri = strdup(uri), .limit = limit, .kick = eventfd(0, EFD_CLOEXEC),
		.opening = 1, .wanted = 1, .ring = { .room = keep }, .retry_after = NBD_RETRY,
		.own = { .medium = medium, .io = &medium->own_io },
	};
	medium->down_since = nbd_now();
	pthread_mutex_init(&medium->door, NULL);
	pthread_mutex_init(&medium->lock, NULL);
	pthread_cond_init(&medium->changed, NULL);
	if (medium->uri && medium->kick >= 0)
		return medium;
	nbd_unuse(medium);
	return NULL;
}

/* With the lock: wait until `*word` is `value`, at most so long. Whether it is. */
static int nbd_await(struct nbd_medium *medium, const int *word, int value, int64_t nanoseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += nanoseconds / 1000000000;
	until.tv_nsec += nanoseconds % 1000000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (*word != value)
		if (pthread_cond_timedwait(&medium->changed, &medium->lock, &until))
			break;
	return *word == value;
}

/* Close: requests under way end soon, later ones fail. May be repeated. */
static void nbd_shut(struct nbd_medium *medium)
{
	if (!nbd_hold(medium))
		return;
	medium->state = NBD_CLOSED;
	nbd_kick(medium);
	/* Wait for the driver, but not for long: it may be resolving the name of a host. */
	nbd_await(medium, &medium->ended, 1, NBD_TICK);
	nbd_leave(medium);
}

/* Start the driver, and wait for the first connection. 0, or an errno: then the medium is closed. */
static int nbd_open(struct nbd_medium *medium)
{
	sigset_t all, before;
	pthread_t driver;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	medium->users++;
	error = pthread_create(&driver, NULL, nbd_drive, medium);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		medium->users--;
		medium->ended = 1;
		return error;
	}
	pthread_detach(driver);
	pthread_mutex_lock(&medium->lock);
	if (!nbd_await(medium, &medium->opening, 0, NBD_PATIENCE + NBD_TICK))
		nbd_say(medium, error = ETIMEDOUT, NBD_SILENT);
	else if (medium->ended)
		error = medium->trouble;
	medium->table.block = medium->export.block;
	medium->table.features = medium->export.features;
	nbd_leave(medium);
	if (error)
		nbd_shut(medium);
	return error;
}

/* Set the limit in nanoseconds, for requests that wait already, too. */
static void nbd_set_limit(struct nbd_medium *medium, int64_t limit)
{
	__atomic_store_n(&medium->limit, limit, __ATOMIC_RELAXED);
	if (!nbd_hold(medium))
		return;
	medium->look_at = 0;
	nbd_kick(medium);
	nbd_leave(medium);
}

/* From now on the size is the one that the server told last. */
static void nbd_resize(struct nbd_medium *medium)
{
	if (!nbd_hold(medium))
		return;
	__atomic_store_n(&medium->export.size, medium->size_now, __ATOMIC_RELAXED);
	nbd_leave(medium);
}

#endif
