/*
 * A channel of a medium in C (native.h) whose requests end later: a queue of the requests that are over, until the loop
 * reaps them, and the bell, which is rung when that queue was empty and is not any more.
 */
#ifndef PYSRP_CHANNEL_H
#define PYSRP_CHANNEL_H

#include <pthread.h>

#include "native.h"

enum { CHANNEL_TOGETHER = 8 };	/* requests over before a loop is woken that looks again soon, if more are to come */

struct channel {
	void (*ring)(void *bell);
	void *bell;
	int looks;			/* the loop looks again soon; only the loop writes it, with the lock */
	pthread_mutex_t lock;		/* protects all below */
	pthread_cond_t quiet;		/* `ringing` is 0 */
	struct pysrp_io *over, **over_last;	/* requests to be reaped */
	unsigned untold;		/* of these, those that the bell was not rung for, while `looks` */
	int due;			/* a thread is about to ring */
	unsigned ringing;		/* threads that are about to ring, or ring */
};

static void channel_begin(struct channel *channel, void (*ring)(void *bell), void *bell)
{
	*channel = (struct channel){ .ring = ring, .bell = bell };
	channel->over_last = &channel->over;
	pthread_mutex_init(&channel->lock, NULL);
	pthread_cond_init(&channel->quiet, NULL);
}

/*
 * Put a request that is over into the queue. The loop may reap it and free it before this returns. `more`: other
 * requests will be over soon. Not 0: the caller has to call channel_ring(), and the channel exists until it has; it
 * must then hold no lock that functions of the medium's table take.
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
	/* Before a thread that has to ring does so, the loop may empty the queue, and another request be put there. */
	rings &= !channel->due;
	channel->due |= rings;
	channel->ringing += rings;
	__atomic_store_n(channel->over_last, io, __ATOMIC_RELAXED);	/* channel_look() has no lock */
	channel->over_last = &io->next;
	pthread_mutex_unlock(&channel->lock);
	return rings;
}

/* The same of a request after which no other is expected. */
static inline int channel_put(struct channel *channel, struct pysrp_io *io)
{
	return channel_put_among(channel, io, 0);
}

/*
 * Called by the loop: whether there is something to reap. `looks`: if not, the loop looks again soon, and the bell is
 * rung for several requests together. Else the bell is rung for the first one.
 */
static inline int channel_look(struct channel *channel, int looks)
{
	if (channel->looks != looks) {
		pthread_mutex_lock(&channel->lock);
		channel->looks = looks;
		pthread_mutex_unlock(&channel->lock);
	}
	/* Relaxed: for a request that is put there later the bell is rung, or the loop finds it the next time. */
	return __atomic_load_n(&channel->over, __ATOMIC_RELAXED) != NULL;
}

/* Called when the loop looks no more. Not 0: requests are over, no thread rings for them: call channel_ring(). */
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

/* Ring the bell. The channel may be gone when this returns. */
static void channel_ring(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	channel->due = 0;	/* before the ring: a request put there from now on may come after the loop has reaped */
	pthread_mutex_unlock(&channel->lock);
	channel->ring(channel->bell);
	pthread_mutex_lock(&channel->lock);
	if (!--channel->ringing)
		pthread_cond_broadcast(&channel->quiet);
	pthread_mutex_unlock(&channel->lock);
}

/* Take a request that is over, NULL when there is none. */
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

/* End a channel without pending requests; waits for threads that ring. Not in a forked child, which has none. */
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
