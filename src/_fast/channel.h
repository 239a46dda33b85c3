/*
 * What every medium in C (native.h) that finishes later has for each of its loops: the requests that are over, until the
 * loop reaps them, and the bell that is rung when there is something to reap where there was nothing.
 */
#ifndef PYSRP_CHANNEL_H
#define PYSRP_CHANNEL_H

#include <pthread.h>

#include "native.h"

struct channel {
	void (*ring)(void *bell);
	void *bell;
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t quiet;		/* nobody rings */
	struct pysrp_io *over, **over_last;
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
 * A request is over. It is the loop's then, and may be no more when this returns. Not 0: channel_ring() has to follow, and
 * the channel stays until it has; it wants no lock held that functions of the table take.
 */
static int channel_put(struct channel *channel, struct pysrp_io *io)
{
	int first;

	io->next = NULL;
	pthread_mutex_lock(&channel->lock);
	/* The loop may reap, and there be nothing again, before who has to ring comes to it. */
	first = !channel->over && !channel->due;
	channel->due |= first;
	channel->ringing += first;
	*channel->over_last = io;
	channel->over_last = &io->next;
	pthread_mutex_unlock(&channel->lock);
	return first;
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
		channel->over = io->next;
		if (!channel->over)
			channel->over_last = &channel->over;
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
