/*
 * The keeper, the thread of an RBD medium (rbd_medium.h): it opens the image, holds its lock, reads its size, and opens
 * it again when it was lost. Nearly all calls of librbd that block are made here.
 */
#ifndef PYSRP_RBD_KEEPER_H
#define PYSRP_RBD_KEEPER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rbd_requests.h"

enum {
	RBD_OWNERS = 8,
	RBD_TEXT = 4096,	/* bytes of the first buffer for the text in the metadata; most texts fit */
};

#define RBD_SECOND 1000000000ll		/* nanoseconds */
#define RBD_TICK (5 * RBD_SECOND)	/* how often the keeper checks that the lock is still ours */
#define RBD_RETRY RBD_SECOND		/* before the lock, or the image, is tried again */
/* For how long the lock has to be missing to be lost: librbd gets it again by itself when only its watch was lost. */
#define RBD_DOUBT (2 * RBD_SECOND)
#define RBD_RESERVATIONS "pysrp.reservations"	/* the key of the reservations in the image's metadata */
#define RBD_PATIENCE (10 * RBD_SECOND)	/* timeout of the first connection to a cluster */

/* Note why there is no image: `result` is an errno, or a negative one. Returns the errno. */
static int rbd_say(struct rbd_medium *medium, int result, const char *what)
{
	int error = result < 0 ? -result : result;

	pthread_mutex_lock(&medium->lock);
	medium->trouble = error;
	errno = error; /* what %m says; strerror_r is two functions, by C library */
	snprintf(medium->words, sizeof(medium->words), "%s: %m", what);
	pthread_mutex_unlock(&medium->lock);
	return error;
}

/* Opening */

static int rbd_set_seconds(struct rbd_medium *medium, const char *option, int64_t nanoseconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)((nanoseconds + RBD_SECOND - 1) / RBD_SECOND));
	return rados.conf_set(medium->cluster, option, text);
}

/* A number of Ceph's configuration, 0 if there is no such option. */
static uint64_t rbd_number(struct rbd_medium *medium, const char *option)
{
	char text[32];

	return rados.conf_get(medium->cluster, option, text, sizeof(text)) < 0 ? 0 : strtoull(text, NULL, 10);
}

/* Connect to the cluster and open the pool. 0, or an errno. */
static int rbd_reach(struct rbd_medium *medium)
{
	const struct rbd_place *place = &medium->place;
	int64_t limit = medium->limit;
	int result = rados.create(&medium->cluster, place->id);

	if (result < 0) {
		medium->cluster = NULL;
		return rbd_say(medium, result, "a client of Ceph");
	}
	if ((result = rados.conf_read_file(medium->cluster, place->conf)) < 0)
		return rbd_say(medium, result, place->conf ? place->conf : "Ceph's configuration");
	/*
	 * No cache: acknowledged writes are in the cluster. Requests that the cluster does not do in time fail. An
	 * option that Ceph has renamed is an error here: without the last one a request could wait for ever.
	 */
	if ((result = rados.conf_set(medium->cluster, "rbd_cache", "false")) < 0 ||
	    (result = rbd_set_seconds(medium, "client_mount_timeout", limit < RBD_PATIENCE ? limit : RBD_PATIENCE)) < 0 ||
	    (result = rbd_set_seconds(medium, "rados_mon_op_timeout", limit)) < 0 ||
	    (result = rbd_set_seconds(medium, "rados_osd_op_timeout", limit)) < 0)
		return rbd_say(medium, result, "Ceph's options");
	if ((result = rados.connect(medium->cluster)) < 0)
		return rbd_say(medium, result, "the cluster");
	if ((result = rados.ioctx_create(medium->cluster, place->pool, &medium->pool)) < 0) {
		medium->pool = NULL;
		return rbd_say(medium, result, "the pool");
	}
	if (place->space)
		rados.ioctx_set_namespace(medium->pool, place->space);
	/* Otherwise a write to a full pool waits until there is room. */
	rados.set_pool_full_try(medium->pool);
	return 0;
}

/* Called by librbd: something about the image has changed. */
static void rbd_told_changed(void *argument)
{
	struct rbd_medium *medium = argument;

	pthread_mutex_lock(&medium->lock);
	medium->events |= RBD_RESIZED;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* Read the image's size. 0, or an errno. */
static int rbd_measure(struct rbd_medium *medium, rbd_image image)
{
	uint64_t size;
	int result = rbd.get_size(image, &size);

	if (result < 0)
		return rbd_say(medium, result, "the image's size");
	pthread_mutex_lock(&medium->lock);
	medium->size_now = size;
	pthread_mutex_unlock(&medium->lock);
	return 0;
}

/* Read the image's identity and features. 0, or an errno. */
static int rbd_recognize(struct rbd_medium *medium, rbd_image image)
{
	const struct rbd_place *place = &medium->place;
	char cluster[64], id[128], key[sizeof(medium->key)];
	int result;

	if ((result = rados.cluster_fsid(medium->cluster, cluster, sizeof(cluster))) < 0 ||
	    (result = rbd.get_id(image, id, sizeof(id))) < 0 ||
	    (result = rbd.get_features(image, &medium->found)) < 0 ||
	    (result = rbd.get_stripe_unit(image, &medium->unit)) < 0)
		return rbd_say(medium, result, "what the image is");
	snprintf(key, sizeof(key), "%s/%lld/%s/%s@%s", cluster, (long long)rados.ioctx_get_id(medium->pool),
		 place->space ? place->space : "", id, place->snap ? place->snap : "");
	if (medium->read_only)
		medium->found &= ~RBD_LOCKS;	/* reading needs no lock */
	if (*medium->key && strcmp(medium->key, key))
		return rbd_say(medium, ESTALE, "another image has its name");
	strcpy(medium->key, key);
	medium->granularity = rbd_number(medium, "rbd_discard_granularity_bytes");
	return rbd_measure(medium, image);
}

/* Close the image, and the connection to the cluster. No request is under way. */
static void rbd_detach(struct rbd_medium *medium)
{
	rbd_image image = medium->image;

	pthread_mutex_lock(&medium->lock);
	medium->image = NULL;
	rbd_settle(medium);	/* rbd_visit() may be used while the image is not ours */
	pthread_mutex_unlock(&medium->lock);
	if (image) {
		if (medium->watches)
			rbd.update_unwatch(image, medium->watch);
		rbd.close(image);
	}
	medium->watches = 0;
	if (medium->pool)
		rados.ioctx_destroy(medium->pool);
	medium->pool = NULL;
	if (medium->cluster)
		rados.shutdown(medium->cluster);
	medium->cluster = NULL;
}

/* Open the image. 0, or an errno. */
static int rbd_attach(struct rbd_medium *medium)
{
	const struct rbd_place *place = &medium->place;
	rbd_image image = NULL;
	int result, error = rbd_reach(medium);

	if (!error) {
		result = (medium->read_only ? rbd.open_read_only : rbd.open)(medium->pool, place->image, &image, place->snap);
		if (result < 0)
			error = rbd_say(medium, result, "the image");
	}
	if (!error)
		error = rbd_recognize(medium, image);
	if (!error && !medium->read_only) {
		result = rbd.update_watch(image, &medium->watch, rbd_told_changed, medium);
		if (result < 0)
			error = rbd_say(medium, result, "a watch of the image");
		else
			medium->watches = 1;
	}
	if (error) {
		if (image)
			rbd.close(image);
		rbd_detach(medium);
		return error;
	}
	/* The image's identity has been checked: from here on rbd_visit() may use it. */
	pthread_mutex_lock(&medium->lock);
	medium->image = image;
	pthread_mutex_unlock(&medium->lock);
	return 0;
}

/* The lock */

/* How many other clients have the lock: none, or one. With `cut` their locks are broken, which shuts them out. */
static int rbd_owners(struct rbd_medium *medium, int cut)
{
	char *owners[RBD_OWNERS];
	size_t i, count = RBD_OWNERS;
	int mode, result = rbd.lock_get_owners(medium->image, &mode, owners, &count);

	if (result < 0)
		return 0;
	for (i = 0; i < count && cut; i++)
		rbd.lock_break(medium->image, RBD_EXCLUSIVE, owners[i]);
	rbd.lock_get_owners_cleanup(owners, count);
	return (int)count;
}

/* Acquire the lock, if the image has one; waits until a dead client's expires. 0, or an errno: EBUSY if it is taken. */
static int rbd_lock(struct rbd_medium *medium, int take)
{
	int result;

	if (!(medium->found & RBD_LOCKS))
		return 0;
	if (take)
		rbd_owners(medium, 1);
	result = rbd.lock_acquire(medium->image, RBD_EXCLUSIVE);
	return result < 0 ? rbd_say(medium, result == -EROFS ? EBUSY : result, "the image's lock") : 0;
}

/* Whether the lock is still ours, as far as we can tell: an error other than ESHUTDOWN is no proof that it is lost. */
static int rbd_locked(struct rbd_medium *medium)
{
	int ours = 1, result;

	if (!(medium->found & RBD_LOCKS))
		return 1;
	result = rbd.is_exclusive_lock_owner(medium->image, &ours);
	return result >= 0 ? ours : result != -ESHUTDOWN;
}

/* The reservations in the image's metadata */

/* Read the text in the image's metadata: memory for free(), NULL: there is none. 0, or an errno. */
static int rbd_recall(rbd_image image, char **text)
{
	size_t room = RBD_TEXT, asked;
	int result;

	do {
		asked = room;
		if (!(*text = malloc(asked)))
			return ENOMEM;
		result = rbd.metadata_get(image, RBD_RESERVATIONS, *text, &room);
		if (!result)
			return 0;
		free(*text);
		*text = NULL;
	} while (result == -ERANGE && room > asked);	/* longer than the buffer, perhaps written meanwhile */
	return result == -ENOENT ? 0 : -result;
}

/* The image is about to be ours again: first pass the text in its metadata to takes(). 0, or an errno. */
static int rbd_take(struct rbd_medium *medium)
{
	char *text;
	int error = rbd_recall(medium->image, &text);

	if (!error) {
		error = medium->takes(&medium->owner, text);
		free(text);
	}
	return error ? rbd_say(medium, error, "the reservations that the image keeps") : 0;
}

/* The thread */

static int64_t rbd_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * RBD_SECOND + now.tv_nsec;
}

/* With the lock: sleep so long, or until there are events, or the medium is to be closed. */
static void rbd_sleep(struct rbd_medium *medium, int64_t nanoseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += nanoseconds / RBD_SECOND;
	until.tv_nsec += nanoseconds % RBD_SECOND;
	until.tv_sec += until.tv_nsec / RBD_SECOND;
	until.tv_nsec %= RBD_SECOND;
	/* `changed` is signalled for other reasons, too: sleep on, with the same end. */
	while (!medium->events && !medium->closing)
		if (pthread_cond_timedwait(&medium->changed, &medium->lock, &until))
			return;
}

/* Wait for events, at most so long, and take them. 0: the medium is to be closed. */
static int rbd_hear(struct rbd_medium *medium, int64_t nanoseconds, unsigned *events)
{
	int goes_on;

	pthread_mutex_lock(&medium->lock);
	rbd_sleep(medium, nanoseconds);
	*events = medium->events;
	medium->events = 0;
	goes_on = !medium->closing;
	pthread_mutex_unlock(&medium->lock);
	return goes_on;
}

/* From now on refuse all requests with `error`, and wait until none is under way. */
static void rbd_quiesce(struct rbd_medium *medium, int error)
{
	pthread_mutex_lock(&medium->lock);
	medium->refuses = error;
	rbd_settle(medium);
	pthread_mutex_unlock(&medium->lock);
}

/* The image is ours. */
static void rbd_begin_use(struct rbd_medium *medium)
{
	pthread_mutex_lock(&medium->lock);
	medium->refuses = medium->closing ? EBADF : 0;
	medium->events &= ~RBD_LOST;
	medium->counts.opened++;
	medium->opening = 0;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* Another client has the image's lock: rbd_open() need not wait any longer. */
static void rbd_stand_by(struct rbd_medium *medium)
{
	pthread_mutex_lock(&medium->lock);
	medium->opening = 0;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* Open the image for the first time. 0: it is ours, or the keeper waits for its lock; else an errno. */
static int rbd_first(struct rbd_medium *medium)
{
	int error = rbd_attach(medium);

	if (error)
		return error;
	medium->size = medium->size_now;
	if (medium->policy == RBD_WAIT && medium->found & RBD_LOCKS && rbd_owners(medium, 0)) {
		rbd_say(medium, EBUSY, "the image's lock");
		rbd_stand_by(medium);
		return 0;
	}
	error = rbd_lock(medium, medium->policy == RBD_TAKE);
	if (!error)
		rbd_begin_use(medium);
	else if (medium->policy == RBD_WAIT)
		rbd_stand_by(medium);
	return medium->policy == RBD_WAIT ? 0 : error;
}

/* The image is not ours: try to get it. Whether it is ours now. */
static int rbd_again(struct rbd_medium *medium)
{
	int error = medium->image ? 0 : rbd_attach(medium);

	if (!error) {
		error = rbd_lock(medium, 0);
		if (!error)
			error = rbd_take(medium);
		if (!error)
			rbd_begin_use(medium);
		else if (error != EBUSY)
			rbd_detach(medium);
	}
	return !error;
}

/* The image was ours, and is not any more. */
static void rbd_lost(struct rbd_medium *medium)
{
	rbd_say(medium, ESHUTDOWN, "the image's lock");
	rbd_quiesce(medium, ESHUTDOWN);
	medium->counts.lost++;
	medium->told(&medium->owner, 0);
	rbd_detach(medium);
}

/* Drop a reference: of the owner, or of the keeper. The last one frees the medium. */
static void rbd_unuse(struct rbd_medium *medium)
{
	if (__atomic_sub_fetch(&medium->users, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_cond_destroy(&medium->changed);
	pthread_mutex_destroy(&medium->lock);
	free((char *)medium->place.conf);
	free((char *)medium->place.id);
	free((char *)medium->place.pool);
	free((char *)medium->place.space);
	free((char *)medium->place.image);
	free((char *)medium->place.snap);
	free(medium);
}

static void *rbd_keep(void *argument)
{
	struct rbd_medium *medium = argument;
	int error, ours;
	int64_t doubted = 0; /* since when the lock has been missing */
	unsigned events;

	pthread_setname_np(pthread_self(), "rbd-keeper");
	error = rbd_first(medium);
	ours = !medium->refuses;
	while (!error && rbd_hear(medium, ours && !doubted ? RBD_TICK : RBD_RETRY, &events)) {
		if (!ours || rbd_locked(medium))
			doubted = 0;
		else if (!doubted)
			doubted = rbd_now();
		/*
		 * By time, not by the number of looks: an event also comes when librbd gets its watch again, and as
		 * often as other clients change the image.
		 */
		if (ours && (events & RBD_LOST || (doubted && rbd_now() - doubted >= RBD_DOUBT))) {
			rbd_lost(medium);
			ours = 0;
			doubted = 0;
		}
		if (ours && events & RBD_RESIZED)
			rbd_measure(medium, medium->image);
		if (!ours && (ours = rbd_again(medium)))
			medium->told(&medium->owner, 1);
	}
	rbd_quiesce(medium, EBADF);
	crew_end(&medium->askers);
	rbd_detach(medium);
	pthread_mutex_lock(&medium->lock);
	medium->opening = 0;
	medium->ended = 1;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
	rbd_unuse(medium);
	return NULL;
}

#endif
