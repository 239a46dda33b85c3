/*
 * How a loop that listens (native.h) gets the answers of its NBD server itself, without a thread or a bell in between.
 *
 * If only one loop uses a connection, that loop watches it: the socket is in the loop's epoll instance, and the loop
 * asks, without the lock, whether bytes have come. If so it takes the lock and has libnbd read them. The driver polls
 * such a socket only for the server's going away. It reads answers, too, as long as requests of others are under way
 * there, or libnbd has something to write.
 */
#ifndef PYSRP_NBD_LOOP_H
#define PYSRP_NBD_LOOP_H

#include "nbd_driver.h"

/* Take the lock. 0, without the lock, in a forked child: the thread that holds it there may not exist. */
static int nbd_hold(struct nbd_medium *medium)
{
	if (nbd_forked(medium))
		return 0;
	pthread_mutex_lock(&medium->lock);
	return 1;
}

/* With the lock, by a loop that is about to send: let it watch its connection itself, if it is the only loop there. */
static void nbd_watch(struct nbd_channel *channel)
{
	struct nbd_medium *medium = channel->medium;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = { .u64 = PYSRP_LISTENS } };
	struct nbd_link *link;
	int socket;

	if (channel->epoll < 0 || !medium->linked)
		return;
	link = &medium->links[channel->seat % medium->linked];
	if (channel->watched == link || link->shared)
		return;
	if (channel->watched)
		nbd_unwatch(medium, channel->watched);
	if (link->watcher) {
		/* Another loop watches it. That uses it as well, or did so when there were fewer connections. */
		link->shared = &medium->links[link->watcher->seat % medium->linked] == link;
		nbd_unwatch(medium, link);
	}
	socket = nbd.aio_get_fd(link->handle);
	link->shared |= nbd_come(socket) < 0;
	if (link->shared || (link->shared = epoll_ctl(channel->epoll, EPOLL_CTL_ADD, socket, &event) != 0))
		return;
	link->watcher = channel;
	channel->watched = link;
	__atomic_store_n(&channel->socket, socket, __ATOMIC_RELAXED);
}

/* See native.h. */
static void nbd_listen(void *self, int epoll)
{
	struct nbd_channel *channel = self;
	struct nbd_medium *medium = channel->medium;

	if (!nbd_hold(medium))
		return;
	if (channel->watched)
		nbd_unwatch(medium, channel->watched);
	channel->epoll = epoll;
	nbd_share_anew(medium);
	nbd_leave(medium);
	/* The loop looks no more: ring for requests that are over and that the bell was not rung for. */
	if (channel_look(&channel->common, 0) && channel_owes(&channel->common))
		channel_ring(&channel->common);
}

/* See native.h. Later answers wake the loop by the edge-triggered socket, or another thread reads them and rings. */
static int nbd_look_in(void *self, int sleeps)
{
	struct nbd_channel *channel = self;
	struct nbd_medium *medium = channel->medium;
	int socket = __atomic_load_n(&channel->socket, __ATOMIC_RELAXED), more = 0;
	int found = channel_look(&channel->common, !sleeps);

	/* The loop reaps what is over already first, and then looks again. */
	if (found || socket < 0 || nbd_come(socket) <= 0 || nbd_forked(medium))
		return found;
	/* The lock is held for short times only; but a loop that does not sleep looks again anyway. */
	if (!sleeps && pthread_mutex_trylock(&medium->lock))
		return channel_look(&channel->common, 1);
	if (sleeps)
		pthread_mutex_lock(&medium->lock);
	channel->hearing = 1;
	channel_look(&channel->common, 1);
	if (channel->watched && !medium->broken)
		more = nbd_hear(medium, channel->watched, POLLIN);
	nbd_take(medium);
	nbd_replay(medium);
	nbd_send(medium);
	nbd_rouse(medium);
	channel->hearing = 0;
	nbd_leave(medium);
	return channel_look(&channel->common, !sleeps) | more;
}

#endif
