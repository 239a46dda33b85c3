/*
 * The thread of an RBD medium (rbd_medium.h), its keeper: it opens the image, has its lock, looks at its size, and when the image
 * is lost gets it again. All calls of librbd that wait are made here.
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
	RBD_TEXT = 4096,	/* bytes that most texts in its metadata have room in */
};

#define RBD_SECOND 1000000000ll		/* nanoseconds */
#define RBD_TICK (5 * RBD_SECOND)	/* how often it is seen to that the lock is ours still */
#define RBD_RETRY RBD_SECOND		/* before the lock, or the image, is tried again */
#define RBD_DOUBT (2 * RBD_SECOND)	/* how long the lock has to be missing: librbd gets it again itself when only its watch was lost */
#define RBD_RESERVATIONS "pysrp.reservations"	/* what they are called in its metadata */
#define RBD_PATIENCE (10 * RBD_SECOND)	/* for a cluster to answer at first */

/* Why there is no image. Returns the errno. */
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

/* A number of the configuration, 0 if it has no such. */
static uint64_t rbd_number(struct rbd_medium *medium, const char *option)
{
	char text[32];

	return rados.conf_get(medium->cluster, option, text, sizeof(text)) < 0 ? 0 : strtoull(text, NULL, 10);
}

/* The cluster and the pool. 0, or an errno. */
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
	 * What is acknowledged is in the cluster: no cache here. What the cluster does not do in time fails. A change of the
	 * options' names is theirs; without the last one a request may wait for ever.
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
	/* Else a write to a full pool waits until there is room. */
	rados.set_pool_full_try(medium->pool);
	return 0;
}

/* librbd says that something about the image has changed. */
static void rbd_told_changed(void *argument)
{
	struct rbd_medium *medium = argument;

	pthread_mutex_lock(&medium->lock);
	medium->events |= RBD_RESIZED;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* Look how large it is now. 0, or an errno. */
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

/* Look which image it is, and what it can do. 0, or an errno. */
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
		medium->found &= ~RBD_LOCKS;	/* it needs none */
	if (*medium->key && strcmp(medium->key, key))
		return rbd_say(medium, ESTALE, "another image has its name");
	strcpy(medium->key, key);
	medium->granularity = rbd_number(medium, "rbd_discard_granularity_bytes");
	return rbd_measure(medium, image);
}

/* No request of it is under way: let go of the image, and the cluster. */
static void rbd_detach(struct rbd_medium *medium)
{
	rbd_image image = medium->image;

	pthread_mutex_lock(&medium->lock);
	medium->image = NULL;
	rbd_settle(medium);	/* who only looks at it may do so while it is not ours */
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
	/* Now that it is known which image it is: from here on others may look at it (rbd_visit). */
	pthread_mutex_lock(&medium->lock);
	medium->image = image;
	pthread_mutex_unlock(&medium->lock);
	return 0;
}

/* The lock */

/* How many others have it: none, or one. `cut` them off, and take it from them. */
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

/* Get the lock, if the image has one. 0, or an errno: EROFS, if another one has it. Of one that is dead it waits for the end. */
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

/* Whether it is ours still, as far as we can tell. */
static int rbd_locked(struct rbd_medium *medium)
{
	int ours = 1, result;

	if (!(medium->found & RBD_LOCKS))
		return 1;
	result = rbd.is_exclusive_lock_owner(medium->image, &ours);
	return result >= 0 ? ours : result != -ESHUTDOWN;
}

/* What the image keeps for us */

/* The text in its metadata: memory for free(), NULL: there is none. 0, or an errno. */
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
	} while (result == -ERANGE && room > asked);	/* somebody has written more meanwhile */
	return result == -ENOENT ? 0 : -result;
}

/* It is about to be ours again: give what it keeps to who needs it first. 0, or an errno. */
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

/* With the lock: sleep so long, or until something has happened, or it is to be closed. */
static void rbd_sleep(struct rbd_medium *medium, int64_t nanoseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += nanoseconds / RBD_SECOND;
	until.tv_nsec += nanoseconds % RBD_SECOND;
	until.tv_sec += until.tv_nsec / RBD_SECOND;
	until.tv_nsec %= RBD_SECOND;
	/* Others are woken for other reasons: doubts are counted by time. */
	while (!medium->events && !medium->closing)
		if (pthread_cond_timedwait(&medium->changed, &medium->lock, &until))
			return;
}

/* What has happened, when something has, or so much time has passed; 0: it is to be closed. */
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

/* Refuse all requests from now on, and wait until none is under way any more. */
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

/* It is another one's still: whoever opens it need not wait any more. */
static void rbd_stand_by(struct rbd_medium *medium)
{
	pthread_mutex_lock(&medium->lock);
	medium->opening = 0;
	pthread_cond_broadcast(&medium->changed);
	pthread_mutex_unlock(&medium->lock);
}

/* Open it for the first time: 0, or an errno, and it is no medium. */
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

/* It is not ours: try to get it. Whether it is now. */
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

/* It was ours, and is not any more. */
static void rbd_lost(struct rbd_medium *medium)
{
	rbd_say(medium, ESHUTDOWN, "the image's lock");
	rbd_quiesce(medium, ESHUTDOWN);
	medium->counts.lost++;
	medium->told(&medium->owner, 0);
	rbd_detach(medium);
}

/* Who is last frees it. */
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
		/* By time: events come of the very notice with which librbd gets its watch again, or as often as others please. */
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
