/*
 * How a loop that listens (native.h) hears its NBD server itself: no thread and no bell is between the two.
 *
 * A connection that no other loop uses is watched by the one that does: its socket is in what the loop sleeps on, and the
 * loop looks at it, without the lock, whether something has come. Then it takes the lock and has libnbd read that. The driver
 * sleeps on that socket only until the server goes away; but it hears answers, too, as long as somebody else has
 * requests under way there, or libnbd has something to write.
 */
#ifndef PYSRP_NBD_LOOP_H
#define PYSRP_NBD_LOOP_H

#include "nbd_driver.h"

/* Take the lock. Not in a child that was forked, where nobody may be left to let go of it: 0. */
static int nbd_hold(struct nbd_medium *medium)
{
	if (nbd_forked(medium))
		return 0;
	pthread_mutex_lock(&medium->lock);
	return 1;
}

/* With the lock, by a loop that is about to send: let it look at its connection by itself, if that can be. */
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
		/* Another loop: it uses this one as well, or has used it when there were fewer. */
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
	/* What waits there until the loop looks has to be rung for, if it does no more. */
	if (channel_look(&channel->common, 0) && channel_owes(&channel->common))
		channel_ring(&channel->common);
}

/* See native.h. What comes after the look is told by the socket, which is edge-triggered, and by whoever else hears it. */
static int nbd_look_in(void *self, int sleeps)
{
	struct nbd_channel *channel = self;
	struct nbd_medium *medium = channel->medium;
	int socket = __atomic_load_n(&channel->socket, __ATOMIC_RELAXED), more = 0;
	int found = channel_look(&channel->common, !sleeps);

	/* What there is already is reaped first: then it looks again. */
	if (found || socket < 0 || nbd_come(socket) <= 0 || nbd_forked(medium))
		return found;
	/* Who has the lock is soon done; but who only looks may do so again. */
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
