/*
 * What every medium in C (native.h) that finishes later has for each of its loops: the requests that are over, until the
 * loop reaps them, and the bell that is rung when there is something to reap where there was nothing.
 */
#ifndef PYSRP_CHANNEL_H
#define PYSRP_CHANNEL_H

#include <pthread.h>

#include "native.h"

enum { CHANNEL_TOGETHER = 8 };	/* requests that a loop is woken for, if it looks soon anyway and more are coming */

struct channel {
	void (*ring)(void *bell);
	void *bell;
	int looks;			/* the loop looks again soon; the loop's, which changes it with the lock */
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t quiet;		/* nobody rings */
	struct pysrp_io *over, **over_last;
	unsigned untold;		/* requests that nobody has rung for, while the loop looks */
	int due;			/* somebody is about to ring */
	unsigned ringing;		/* those who are, or are at it */
};

static void channel_begin(struct channel *channel, void (*ring)(void *bell), void *bell)
{
	*channel = (struct channel){ .ring = ring, .bell = bell };
	channel->over_last = &channel->over;
	pthread_mutex_init(&channel->lock, NULL);
	pthread_cond_init(&channel->quiet, NULL);
}

/*
 * A request is over. It is the loop's then, and may be no more when this returns. `more`: others will be soon. Not 0:
 * channel_ring() has to follow, and the channel stays until it has; it wants no lock held that functions of the table take.
 */
static inline int channel_put_among(struct channel *channel, struct pysrp_io *io, int more)
{
	int rings;

	io->next = NULL;
	pthread_mutex_lock(&channel->lock);
	if (channel->looks)
		rings = ++channel->untold >= CHANNEL_TOGETHER || !more;
	else
		rings = !channel->over;
	if (rings)
		channel->untold = 0;
	/* The loop may reap, and there be nothing again, before who has to ring comes to it. */
	rings &= !channel->due;
	channel->due |= rings;
	channel->ringing += rings;
	__atomic_store_n(channel->over_last, io, __ATOMIC_RELAXED);	/* channel_look() has no lock */
	channel->over_last = &io->next;
	pthread_mutex_unlock(&channel->lock);
	return rings;
}

/* The same of one by itself. */
static inline int channel_put(struct channel *channel, struct pysrp_io *io)
{
	return channel_put_among(channel, io, 0);
}

/*
 * By the loop: whether there is something to reap. If not, `looks`: it looks again soon, and is woken for several together;
 * else it is rung from now on as soon as there is.
 */
static inline int channel_look(struct channel *channel, int looks)
{
	if (channel->looks != looks) {
		pthread_mutex_lock(&channel->lock);
		channel->looks = looks;
		pthread_mutex_unlock(&channel->lock);
	}
	/* Relaxed: what is put there later is rung for, or found the next time. */
	return __atomic_load_n(&channel->over, __ATOMIC_RELAXED) != NULL;
}

/* By a loop that looks no more: whether there is something to reap that nobody rings for. Not 0: channel_ring() follows. */
static inline int channel_owes(struct channel *channel)
{
	int rings;

	pthread_mutex_lock(&channel->lock);
	rings = channel->over && !channel->due;
	channel->due |= rings;
	channel->ringing += rings;
	pthread_mutex_unlock(&channel->lock);
	return rings;
}

/* Afterwards there may be no channel any more. */
static void channel_ring(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	channel->due = 0;	/* first: what comes from here on may come when the loop has reaped */
	pthread_mutex_unlock(&channel->lock);
	channel->ring(channel->bell);
	pthread_mutex_lock(&channel->lock);
	if (!--channel->ringing)
		pthread_cond_broadcast(&channel->quiet);
	pthread_mutex_unlock(&channel->lock);
}

/* One that is over, NULL when there is none. */
static struct pysrp_io *channel_reap(struct channel *channel)
{
	struct pysrp_io *io;

	pthread_mutex_lock(&channel->lock);
	io = channel->over;
	if (io) {
		__atomic_store_n(&channel->over, io->next, __ATOMIC_RELAXED);
		if (!channel->over) {
			channel->over_last = &channel->over;
			channel->untold = 0;
		}
	}
	pthread_mutex_unlock(&channel->lock);
	return io;
}

/* Nothing is pending: wait for those who ring. Not in a child that was forked, which has none of them. */
static void channel_end(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	while (channel->ringing)
		pthread_cond_wait(&channel->quiet, &channel->lock);
	pthread_mutex_unlock(&channel->lock);
	pthread_cond_destroy(&channel->quiet);
	pthread_mutex_destroy(&channel->lock);
}

#endif
