/*
 * Threads for requests of a medium that may block. They are started when there is work, up to a number, and end when
 * there has been none for a while. A request may block for ever, so each medium has crews of its own.
 */
#ifndef PYSRP_CREW_H
#define PYSRP_CREW_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

enum { CREW_IDLE = 5 };		/* seconds after which a thread without work ends */

/* One thread of a crew. */
struct crew_hand {
	void *owner;
	int fd;		/* opened by work(), closed when the thread ends; -1: none yet, -2: it cannot be opened */
	int wanted;	/* with the crew's lock: there is work, or the thread has to end */
	pthread_cond_t wake;
	struct crew_hand *next;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t gone;		/* the last thread has ended */
	struct pysrp_io *first, **last;		/* requests that wait for a thread */
	struct crew_hand *idle;		/* idle threads, the one that worked last first, so that the others may end */
	unsigned threads, most;
	int together;		/* one thread takes all requests that wait, as a list */
	int ended;		/* idle threads end at once */
	void *owner;
	void (*work)(struct crew_hand *hand, struct pysrp_io *list);
};

static void crew_begin(struct crew *crew, unsigned most, int together, void *owner,
		       void (*work)(struct crew_hand *hand, struct pysrp_io *list))
{
	*crew = (struct crew){ .most = most, .together = together, .owner = owner, .work = work };
	crew->last = &crew->first;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->gone, NULL);
}

/* With the lock: take the next request, or with `together` all. */
static struct pysrp_io *crew_take(struct crew *crew)
{
	struct pysrp_io *io = crew->first;

	if (crew->together) {
		crew->first = NULL;
	} else if (io) {
		crew->first = io->next;
		io->next = NULL;
	}
	if (!crew->first)
		crew->last = &crew->first;
	return io;
}

/* With the lock: wake the thread that has been idle for the shortest time, if one is idle. */
static void crew_wake(struct crew *crew)
{
	struct crew_hand *hand = crew->idle;

	if (!hand)
		return;
	crew->idle = hand->next;
	hand->wanted = 1;
	pthread_cond_signal(&hand->wake);
}

/* With the lock: sleep until there is work. 0: the thread has to end: no work for a while, or `ended` is set. */
static int crew_rest(struct crew *crew, struct crew_hand *hand)
{
	struct crew_hand **at;
	struct timespec until;
	int error = 0;

	if (crew->ended)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CREW_IDLE;
	hand->wanted = 0;
	hand->next = crew->idle;
	crew->idle = hand;
	while (!hand->wanted && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&hand->wake, &crew->lock, &until);
	if (hand->wanted)
		return 1;
	for (at = &crew->idle; *at != hand; at = &(*at)->next)
		;
	*at = hand->next;
	return 0;
}

static void *crew_serve(void *argument)
{
	struct crew *crew = argument;
	struct crew_hand hand = { .owner = crew->owner, .fd = -1 };
	struct pysrp_io *list;
	pthread_condattr_t clock;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&hand.wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_lock(&crew->lock);
	do {
		while ((list = crew_take(crew))) {
			pthread_mutex_unlock(&crew->lock);
			crew->work(&hand, list);
			pthread_mutex_lock(&crew->lock);
		}
	} while (crew_rest(crew, &hand));
	if (hand.fd >= 0)
		close(hand.fd);
	pthread_cond_destroy(&hand.wake);
	if (!--crew->threads)
		pthread_cond_signal(&crew->gone);	/* crew_end() may free the crew after the unlock */
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* With the lock: start one more thread, if the system has one. It blocks all signals: they are for Python's threads. */
static void crew_grow(struct crew *crew)
{
	pthread_t thread;
	pthread_attr_t detached;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &detached, crew_serve, crew))
		crew->threads++;
	pthread_attr_destroy(&detached);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Have a thread work on a request. EAGAIN: no thread could be started, and nothing was done. */
static int crew_put(struct crew *crew, struct pysrp_io *io)
{
	int error = 0;

	pthread_mutex_lock(&crew->lock);
	if (!crew->idle && crew->threads < crew->most)
		crew_grow(crew);
	if (crew->threads) {
		io->next = NULL;
		*crew->last = io;
		crew->last = &io->next;
		crew_wake(crew);
	} else {
		error = EAGAIN;
	}
	pthread_mutex_unlock(&crew->lock);
	return error;
}

/* Take back a request that waits here and has not been begun; whether that was so. */
static int crew_withdraw(struct crew *crew, struct pysrp_io *io)
{
	struct pysrp_io **at;
	int found = 0;

	pthread_mutex_lock(&crew->lock);
	for (at = &crew->first; *at && *at != io; at = &(*at)->next)
		;
	if (*at && !io->done) {
		if (crew->last == &io->next)
			crew->last = at;
		*at = io->next;
		found = 1;
	}
	pthread_mutex_unlock(&crew->lock);
	return found;
}

/* No more requests come, except from requests that are under way. Idle threads end from now on. */
static void crew_dismiss(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->ended = 1;
	while (crew->idle)
		crew_wake(crew);
	pthread_mutex_unlock(&crew->lock);
}

/* Called when no request waits and none is put any more: wait until the threads have ended. */
static void crew_end(struct crew *crew)
{
	crew_dismiss(crew);
	pthread_mutex_lock(&crew->lock);
	while (crew->threads)
		pthread_cond_wait(&crew->gone, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
	pthread_cond_destroy(&crew->gone);
	pthread_mutex_destroy(&crew->lock);
}

#endif
