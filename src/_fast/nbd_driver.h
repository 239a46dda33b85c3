/*
 * The driver, the thread of an NBD medium (nbd_medium.h): it waits for the server, connects and reconnects, and ends
 * requests that have waited too long.
 */
#ifndef PYSRP_NBD_DRIVER_H
#define PYSRP_NBD_DRIVER_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd_requests.h"
#include "process.h"

/* A forked child has no driver, and must not use its parent's connections. */
static int nbd_forked(const struct nbd_medium *medium)
{
	return medium->process != process_id();
}

/* The poll(2) events that libnbd waits for. */
static short nbd_events(struct nbd_handle *handle)
{
	unsigned wants = nbd.aio_get_direction(handle);

	return (wants & NBD_WANTS_READ ? POLLIN : 0) | (wants & NBD_WANTS_WRITE ? POLLOUT : 0);
}

/* With the lock: the events that the driver waits for. If a loop watches the connection, only the server's end. */
static short nbd_link_events(const struct nbd_link *link)
{
	short events = nbd_events(link->handle);

	return POLLRDHUP | (link->watcher && !link->others && !(events & POLLOUT) ? 0 : events);
}

/* With the lock, when something has been sent: wake the driver if it has to wait for more events than it does. */
static void nbd_rouse(struct nbd_medium *medium)
{
	int more = medium->dozing || medium->broken;
	unsigned i;

	medium->active = 1;
	medium->dozing = 0;
	for (i = 0; i < medium->linked && !more; i++) {
		short events = nbd_link_events(&medium->links[i]);

		more = events & POLLOUT || (events & POLLIN && !medium->links[i].driven);
	}
	if (more)
		nbd_kick(medium);
}

/* With the lock: the loop that watches a connection does so no more; the driver does. */
static void nbd_unwatch(struct nbd_medium *medium, struct nbd_link *link)
{
	struct nbd_channel *watcher = link->watcher;
	struct nbd_request *request;

	if (!watcher)
		return;
	epoll_ctl(watcher->epoll, EPOLL_CTL_DEL, nbd.aio_get_fd(link->handle), NULL);
	__atomic_store_n(&watcher->socket, -1, __ATOMIC_RELAXED);
	watcher->watched = NULL;
	link->watcher = NULL;
	for (request = medium->sent.first; request; request = request->next)
		if (request->link == link)
			request->other = 1;
	link->others = link->flying;
	nbd_kick(medium);
}

/* Connecting */

/* With the lock: delay the next attempt to connect, and double the delay for the one after it. */
static void nbd_retry_later(struct nbd_medium *medium, int64_t now)
{
	medium->retry_at = now + medium->retry_after;
	medium->retry_after *= 2;
	if (medium->retry_after > NBD_RETRY_MOST)
		medium->retry_after = NBD_RETRY_MOST;
}

/* An attempt to connect has failed, with this errno and these words. */
static void nbd_join_fails(struct nbd_medium *medium, int error, const char *words)
{
	if (medium->joining)
		nbd.close(medium->joining);
	medium->joining = NULL;
	pthread_mutex_lock(&medium->lock);
	nbd_say(medium, error, words);
	if (medium->opening)
		medium->state = NBD_CLOSED;
	if (medium->linked)
		medium->wanted = medium->linked;	/* the server gives no more connections than that */
	nbd_retry_later(medium, nbd_now());
	nbd_leave(medium);
}

static void nbd_join_begin(struct nbd_medium *medium)
{
	struct nbd_handle *handle = medium->joining = nbd.create();

	medium->joining_since = nbd_now();
	/* The URI is from an administrator: it may name files with keys. Resolving a host's name may take a while. */
	if (!handle || nbd.set_uri_allow_local_file(handle, true) || nbd.add_meta_context(handle, NBD_ALLOCATION) ||
	    nbd.aio_connect_uri(handle, medium->uri))
		nbd_join_fails(medium, nbd.get_errno(), nbd.get_error());
}

/* Read the export's properties from a connection that is ready. */
static struct nbd_export nbd_look(struct nbd_handle *handle)
{
	int64_t size = nbd.get_size(handle), block = nbd.get_block_size(handle, NBD_SIZE_MINIMUM);
	int64_t preferred = nbd.get_block_size(handle, NBD_SIZE_PREFERRED);
	int64_t largest = nbd.get_block_size(handle, NBD_SIZE_MAXIMUM);
	struct nbd_export found = {
		.block = block > 0 && block <= 65536 ? (uint32_t)block : 1,
		.preferred = preferred > 0 && preferred <= 1 << 30 ? (uint32_t)preferred : 0,
		.largest = largest > 0 && (uint64_t)largest < NBD_LARGEST ? (uint64_t)largest : NBD_LARGEST,
		.flushes = nbd.can_flush(handle) > 0,
		.fua = nbd.can_fua(handle) > 0,
		.several = nbd.can_multi_conn(handle) > 0,
		.extents = nbd.can_meta_context(handle, NBD_ALLOCATION) > 0,
	};

	found.size = size > 0 ? (uint64_t)size / found.block * found.block : 0;
	found.largest -= found.largest % found.block;
	found.largest = found.largest ? found.largest : found.block;
	/* A server without flush has no volatile cache: every write is like one with FUA. */
	found.features = (found.fua || !found.flushes ? PYSRP_HAS_FUA : 0) |
			 (nbd.can_trim(handle) > 0 ? PYSRP_HAS_DISCARD : 0) |
			 (nbd.can_zero(handle) > 0 ? PYSRP_HAS_ZERO : 0) |
			 (nbd.is_rotational(handle) > 0 ? PYSRP_ROTATING : 0) |
			 (nbd.is_read_only(handle) > 0 ? PYSRP_READ_ONLY : 0);
	return found;
}

/* Why an export cannot replace the one before, in words; NULL: it can. */
static const char *nbd_unlike(const struct nbd_export *before, const struct nbd_export *now)
{
	uint32_t can = PYSRP_HAS_FUA | PYSRP_HAS_DISCARD | PYSRP_HAS_ZERO;

	if (now->features & ~before->features & PYSRP_READ_ONLY)
		return "the export has become read-only";
	if (now->size < before->size)
		return "the export has become smaller";
	if (now->block > before->block || before->block % now->block)
		return "the export has larger blocks";
	if (before->features & can & ~now->features || before->fua > now->fua || before->flushes > now->flushes ||
	    before->extents > now->extents)
		return "the server can do less than before";
	return NULL;
}

/* With the lock: connections or loops have changed, so find out again which connections are shared. */
static void nbd_share_anew(struct nbd_medium *medium)
{
	unsigned i;

	for (i = 0; i < medium->linked; i++)
		medium->links[i].shared = 0;
}

/* A SOL_SOCKET option of a socket; 0: the kernel does not tell. */
static int nbd_option(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? 0 : value;
}

/*
 * Let a Unix socket take large writes as a whole, as far as net.core.wmem_max allows. Otherwise it takes 208 KiB, and
 * the driver would have to send the rest of a write piece by piece, while the loop wants the lock. TCP does that by
 * itself. If net.core.wmem_default is larger, it stays: a trial socket shows which size the kernel would give.
 */
static void nbd_widen(int fd)
{
	int bytes = NBD_AHEAD, trial;

	if (nbd_option(fd, SO_DOMAIN) != AF_UNIX || (trial = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return;
	setsockopt(trial, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (nbd_option(trial, SO_SNDBUF) > nbd_option(fd, SO_SNDBUF))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	close(trial);
}

/* A connection is made: use it, if its export fits. */
static void nbd_join_done(struct nbd_medium *medium)
{
	struct nbd_export found = nbd_look(medium->joining), *known = &medium->export;
	const char *unlike = medium->opening ? NULL : nbd_unlike(known, &found);

	if (unlike || !found.size) {
		nbd_join_fails(medium, ENODEV, unlike ? unlike : "the export has 0 bytes");
		return;
	}
	pthread_mutex_lock(&medium->lock);
	medium->size_now = found.size;
	if (medium->opening) {
		*known = found;
		if (medium->ring.room && known->flushes && !(known->features & PYSRP_READ_ONLY)) {
			uint64_t room = medium->ring.room - medium->ring.room % known->block;

			if (known->largest > room / 4)
				known->largest = room / 4 < known->block ? known->block : room / 4 / known->block * known->block;
			medium->failed = nbd_ring_begin(&medium->ring, room);
		}
	} else {
		known->largest = known->largest < found.largest ? known->largest : found.largest;
		known->several &= found.several;
	}
	nbd_widen(nbd.aio_get_fd(medium->joining));
	medium->links[medium->linked++] = (struct nbd_link){ .handle = medium->joining };
	nbd_share_anew(medium);
	medium->joining = NULL;
	if (medium->state == NBD_DOWN) {
		medium->up_since = nbd_now();
		medium->counts.connected++;
		medium->state = NBD_REPLAYING;
		medium->replaying = medium->ring.first;
		medium->replayed = 0;
		nbd_replay(medium);
	}
	if (medium->opening) {
		medium->opening = 0;
		pthread_cond_broadcast(&medium->changed);
	}
	nbd_leave(medium);
}

/* Pass poll(2)'s events on to libnbd. */
static void nbd_notify(struct nbd_handle *handle, int events)
{
	if (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR) && nbd.aio_get_direction(handle) & NBD_WANTS_READ)
		nbd.aio_notify_read(handle);
	if (events & (POLLOUT | POLLHUP | POLLERR) && nbd.aio_get_direction(handle) & NBD_WANTS_WRITE)
		nbd.aio_notify_write(handle);
}

/* After poll(2): go on with connecting. No lock: only the driver uses that handle yet. */
static void nbd_join_goes_on(struct nbd_medium *medium, int events, int64_t now)
{
	struct nbd_handle *handle = medium->joining;
	int64_t limit = nbd_limit(medium);

	nbd_notify(handle, events);
	if (nbd.aio_is_ready(handle))
		nbd_join_done(medium);
	else if (nbd.aio_is_dead(handle) || nbd.aio_is_closed(handle))
		nbd_join_fails(medium, nbd.get_errno(), nbd.get_error());
	else if (now - medium->joining_since > (limit < NBD_PATIENCE ? limit : NBD_PATIENCE))
		nbd_join_fails(medium, ETIMEDOUT, NBD_SILENT);
}

/* With the lock: disconnect connections that no loop needs any more, from the last one on, if they have no requests. */
static void nbd_part(struct nbd_medium *medium)
{
	while (medium->linked > medium->wanted && !medium->links[medium->linked - 1].flying) {
		struct nbd_link *link = &medium->links[medium->linked - 1];

		nbd_unwatch(medium, link);
		nbd.aio_disconnect(link->handle, 0);
		nbd.close(link->handle);
		medium->linked--;
		nbd_share_anew(medium);
	}
}

/* When a connection breaks */

/* With the lock: how many connections are useful: one for each channel, if the server allows several. */
static unsigned nbd_wanted(const struct nbd_medium *medium)
{
	if (!medium->export.several || medium->channels < 2)
		return 1;
	return medium->channels < NBD_LINKS ? medium->channels : NBD_LINKS;
}

/* With the lock: close all connections. Unanswered requests wait again, in order; withdrawn ones end. */
static void nbd_break(struct nbd_medium *medium, int64_t now)
{
	struct nbd_request *request;

	medium->breaking = 1;
	while (medium->linked) {
		nbd_unwatch(medium, &medium->links[medium->linked - 1]);
		nbd.close(medium->links[--medium->linked].handle);
	}
	medium->breaking = medium->broken = 0;
	while ((request = medium->sent.first)) {
		nbd_let_go(request);
		free(request->bounce);
		request->bounce = NULL;
		if (request == &medium->own) {
			medium->own_busy = 0;
		} else if (request->unwanted) {
			nbd_finish(request, ECANCELED);
		} else {
			medium->counts.sent_again++;
			nbd_insert(&medium->waiting, request);
		}
	}
	if (medium->state != NBD_CLOSED)
		medium->state = NBD_DOWN;
	medium->wanted = nbd_wanted(medium);
	medium->down_since = medium->retry_at = now;
	/* At once, unless the last connection was short: a request may crash its server, each time it is sent again. */
	if (now - medium->up_since >= NBD_RETRY_MOST)
		medium->retry_after = NBD_RETRY;
	else
		nbd_retry_later(medium, now);
}

/* With the lock: end requests that have waited longer than the limit, since they came or since the server is gone. */
static void nbd_expire(struct nbd_medium *medium, int64_t now)
{
	int64_t limit = nbd_limit(medium);
	int gone = medium->state == NBD_DOWN && now - medium->down_since >= limit;
	struct nbd_request *request, *next;

	for (request = medium->sent.first; request && now - request->since < limit; request = request->next)
		;
	if (request) {	/* libnbd may use its memory as long as the connection exists, so close that */
		nbd_say(medium, ETIMEDOUT, NBD_SILENT);
		nbd_break(medium, now);
	}
	for (request = medium->waiting.first; request; request = next) {
		next = request->next;
		if (gone || now - request->since >= limit) {
			nbd_remove(&medium->waiting, request);
			medium->counts.given_up++;
			nbd_finish(request, ETIMEDOUT);
		}
	}
}

/* The thread */

struct nbd_polled {
	struct pollfd fds[NBD_LINKS + 2];	/* `kick`, a connection that is being made, those in use */
	unsigned count;
	int timeout;
};

/* With the lock: what to wait for, and how long. */
static void nbd_prepare(struct nbd_medium *medium, struct nbd_polled *polled, int64_t now)
{
	int busy = medium->waiting.first || medium->sent.first || medium->active;
	int64_t until = INT64_MAX;
	unsigned i;

	polled->count = 2;
	polled->fds[0] = (struct pollfd){ .fd = medium->kick, .events = POLLIN };
	polled->fds[1] = (struct pollfd){ .fd = -1 };
	if (medium->joining) {
		polled->fds[1] = (struct pollfd){ .fd = nbd.aio_get_fd(medium->joining), .events = nbd_events(medium->joining) };
		until = now + NBD_TICK / 10;
	} else if (medium->linked < medium->wanted) {
		until = medium->retry_at;
	}
	for (i = 0; i < medium->linked; i++) {
		struct nbd_link *link = &medium->links[i];
		short events = nbd_link_events(link);

		link->driven = (events & POLLIN) != 0;
		polled->fds[polled->count++] = (struct pollfd){ .fd = nbd.aio_get_fd(link->handle), .events = events };
	}
	if (now >= medium->look_at) {
		int64_t limit = nbd_limit(medium) / 4;

		medium->active = 0;
		medium->look_at = now + (limit < NBD_TICK ? limit : NBD_TICK);
	}
	medium->dozing = !busy;
	if (busy && medium->look_at < until)
		until = medium->look_at;
	polled->timeout = until == INT64_MAX ? -1 : until <= now ? 0 : (int)((until - now) / NBD_MS + 1);
}

/* How many bytes have come; -1: not known. If the descriptor has been closed and reused, the answer means nothing. */
static int nbd_come(int socket)
{
	int bytes;

	return ioctl(socket, FIONREAD, &bytes) ? -1 : bytes;
}

/*
 * With the lock: have libnbd read the answers that have come; whether there are more. libnbd reads one answer, or a
 * piece of one, at a time. It is told to read only if there are bytes: another thread may have read them since poll(2),
 * and then libnbd would wait for an answer, and send nothing.
 */
static int nbd_hear(struct nbd_medium *medium, struct nbd_link *link, int events)
{
	int socket = nbd.aio_get_fd(link->handle), turns;

	if (!(events & (POLLRDHUP | POLLHUP | POLLERR)) && !nbd_come(socket))
		events &= ~POLLIN;
	for (turns = 0; turns < NBD_TURNS; turns++) {
		nbd_notify(link->handle, events);
		if (nbd.aio_is_dead(link->handle) || nbd.aio_is_closed(link->handle))
			nbd_breaks(medium);
		if (medium->broken || nbd.aio_get_direction(link->handle) != NBD_WANTS_READ || nbd_come(socket) <= 0)
			return 0;
		events = POLLIN;
	}
	return 1;
}

/* With the lock: read the answers, and do what follows from them. */
static void nbd_attend(struct nbd_medium *medium, const struct nbd_polled *polled, int64_t now)
{
	unsigned i;

	for (i = 0; i + 2 < polled->count && i < medium->linked; i++)
		if (polled->fds[i + 2].revents)
			nbd_hear(medium, &medium->links[i], polled->fds[i + 2].revents);
	nbd_take(medium);
	if (medium->broken)
		nbd_break(medium, now);
	if (now >= medium->look_at || medium->state == NBD_DOWN)
		nbd_expire(medium, now);
	nbd_replay(medium);
	nbd_send(medium);
	nbd_part(medium);
}

/* One turn of the driver; 0: the medium is closed. */
static int nbd_turn(struct nbd_medium *medium)
{
	struct nbd_polled polled;
	enum nbd_state before;
	uint64_t kicks;
	int64_t now = nbd_now();
	int up, told, join;

	pthread_mutex_lock(&medium->lock);
	join = !medium->joining && medium->linked < medium->wanted && now >= medium->retry_at;
	nbd_leave(medium);
	if (join)
		nbd_join_begin(medium);
	pthread_mutex_lock(&medium->lock);
	nbd_prepare(medium, &polled, now);
	before = medium->state;
	nbd_leave(medium);
	if (before == NBD_CLOSED)
		return 0;
	poll(polled.fds, polled.count, polled.timeout);
	now = nbd_now();
	if (polled.fds[0].revents && read(medium->kick, &kicks, sizeof(kicks)) < 0)
		return 1;
	if (medium->joining)
		nbd_join_goes_on(medium, polled.fds[1].revents, now);
	pthread_mutex_lock(&medium->lock);
	nbd_attend(medium, &polled, now);
	up = medium->state == NBD_UP;
	told = (up && before != NBD_UP && medium->counts.connected > 1) || (before == NBD_UP && medium->state == NBD_DOWN);
	nbd_leave(medium);
	if (told)
		medium->told(&medium->owner, up);
	return 1;
}

/* Drop a reference: of the owner, or of the driver. The last one frees the medium. */
static void nbd_unuse(struct nbd_medium *medium)
{
	if (__atomic_sub_fetch(&medium->users, 1, __ATOMIC_ACQ_REL))
		return;
	nbd_ring_end(&medium->ring);
	close(medium->kick);
	pthread_cond_destroy(&medium->changed);
	pthread_mutex_destroy(&medium->lock);
	pthread_mutex_destroy(&medium->door);
	free(medium->uri);
	free(medium);
}

/* The medium is closed: disconnect, and end the requests under way. */
static void nbd_drive_home(struct nbd_medium *medium)
{
	struct nbd_request *request;
	unsigned i;

	if (medium->joining)
		nbd.close(medium->joining);
	pthread_mutex_lock(&medium->lock);
	for (i = 0; i < medium->linked; i++)
		nbd.aio_disconnect(medium->links[i].handle, 0);
	nbd_break(medium, nbd_now());
	pthread_mutex_lock(&medium->door);
	medium->shut = 1;
	pthread_mutex_unlock(&medium->door);
	nbd_take(medium);
	while ((request = medium->waiting.first)) {
		nbd_remove(&medium->waiting, request);
		nbd_finish(request, EBADF);
	}
	medium->opening = 0;
	medium->ended = 1;
	pthread_cond_broadcast(&medium->changed);
	nbd_leave(medium);
}

static void *nbd_drive(void *argument)
{
	struct nbd_medium *medium = argument;

	while (nbd_turn(medium))
		;
	nbd_drive_home(medium);
	nbd_unuse(medium);
	return NULL;
}

#endif
