/*
 * A file or a block device as a medium (native.h).
 *
 * The loop's own thread reads what is in the page cache (RWF_NOWAIT). A request that would block goes to threads
 * (crew.h), or to an io_uring if the file was opened with one. If a request fails or comes short in the io_uring, a
 * thread does the rest again, and finds out the error. A loop that listens looks at its io_uring itself; for others a
 * thread waits for it.
 *
 * With O_DIRECT a write that is not aligned to the device's units is done by reading, changing and writing whole units.
 * No other write is under way then.
 */
#ifndef PYSRP_FILE_MEDIUM_H
#define PYSRP_FILE_MEDIUM_H

#include <sched.h>
#include <sys/epoll.h>

#include "channel.h"
#include "crew.h"
#include "file_bytes.h"
#include "process.h"
#include "uring.h"

enum {
	FILE_MOVERS = 8,	/* threads for requests that wait for the device */
	/*
	 * Threads for writes to the page cache, which most file systems do one by one. With small writes a second
	 * thread would only wait for the first; with large ones it uses another processor's cache.
	 */
	FILE_WRITERS = 2,
	FILE_SMALL = 1 << 16,	/* bytes from which on a write is large */
	FILE_SWEEPERS = 2,	/* threads for ZERO and DISCARD, which may take minutes */
	FILE_FLYING = 128,	/* requests in one io_uring */
	FILE_BATCH = 8,		/* requests of a loop that listens that the kernel is given in one call */
};

struct file_medium {
	struct pysrp_medium table;
	pid_t process;			/* the process that has the threads */
	struct file_bytes file;
	uint64_t size;			/* atomic */
	uint64_t users;			/* atomic: requests under way, and 1 until the medium is closed */
	/* Atomic, relaxed: a thread that reads an old value tries once more, and gets the same error from the kernel. */
	int tries_reads, tries_writes;	/* whether RWF_NOWAIT is worth a try */
	int rings;			/* READ goes by io_uring, and with O_DIRECT WRITE too */
	uint32_t unit;			/* bytes: ZERO and DISCARD do multiples of this without writing */
	struct crew movers, writers, writer, sweepers, flusher;

	pthread_mutex_t lock;		/* with O_DIRECT; protects all below */
	unsigned writing;		/* writes under way */
	int alone;			/* one of them is unaligned, and the only one */
	struct pysrp_io *held, **held_last;	/* writes that wait for that */
};

struct file_channel {
	struct channel common;
	struct file_medium *medium;
	unsigned pending, flying;	/* requests that are not over; of them, those in the io_uring. Atomic */
	int epoll;			/* of a loop that listens, else -1 */
	int has_uring;			/* 1; 0: not tried yet; -1: the kernel gives none */
	int has_waiter;			/* the thread `waiter` takes results from the io_uring, not the loop */
	struct uring uring;
	pthread_t waiter;
};

/* A request begins. Not 0: the file is open, and stays open until file_leave(). */
static int file_enter(struct file_medium *medium)
{
	uint64_t users = __atomic_load_n(&medium->users, __ATOMIC_RELAXED);

	do
		if (!users)
			return 0;
	/* Acquire: the descriptor is not used before the request is counted. */
	while (!__atomic_compare_exchange_n(&medium->users, &users, users + 1, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 1;
}

/* A forked child has none of its parent's threads, but the locks that they may have held, and shares the io_uring. */
static int file_forked(const struct file_medium *medium)
{
	return medium->process != process_id();
}

static void file_leave(struct file_medium *medium)
{
	/* Release and acquire: the last user closes the file after all that others have done with it. */
	if (__atomic_sub_fetch(&medium->users, 1, __ATOMIC_ACQ_REL))
		return;
	close(medium->file.fd);
	if (file_forked(medium))
		return;
	crew_dismiss(&medium->movers);
	crew_dismiss(&medium->writers);
	crew_dismiss(&medium->writer);
	crew_dismiss(&medium->sweepers);
	crew_dismiss(&medium->flusher);
}

/* How a request ends */

static void file_dispatch(struct pysrp_io *io);

static int file_alone(const struct file_medium *medium, const struct pysrp_io *io)
{
	return ((io->offset | io->length) & (medium->file.align - 1)) != 0;
}

/* With O_DIRECT: whether this write may begin. If not, it is put into `held` until it may. */
static int file_begins(struct file_medium *medium, struct pysrp_io *io)
{
	int begins;

	if (medium->file.align == 1 || !file_writes(io) || io->operation == PYSRP_FLUSH)
		return 1;
	pthread_mutex_lock(&medium->lock);
	begins = !medium->held && !medium->alone && !(medium->writing && file_alone(medium, io));
	if (begins) {
		medium->writing++;
		medium->alone = file_alone(medium, io);
	} else {
		io->next = NULL;
		*medium->held_last = io;
		medium->held_last = &io->next;
	}
	pthread_mutex_unlock(&medium->lock);
	return begins;
}

/* With the lock: take the first held write if it may begin now, else NULL. */
static struct pysrp_io *file_next(struct file_medium *medium)
{
	struct pysrp_io *io = medium->held;

	if (!io || medium->alone || (medium->writing && file_alone(medium, io)))
		return NULL;
	medium->held = io->next;
	if (!medium->held)
		medium->held_last = &medium->held;
	medium->writing++;
	medium->alone = file_alone(medium, io);
	return io;
}

static void file_ends(struct file_medium *medium, const struct pysrp_io *io)
{
	struct pysrp_io *next;

	if (medium->file.align == 1 || !file_writes(io) || io->operation == PYSRP_FLUSH)
		return;
	pthread_mutex_lock(&medium->lock);
	medium->writing--;
	medium->alone = 0;
	while ((next = file_next(medium))) {
		pthread_mutex_unlock(&medium->lock);
		file_dispatch(next);
		pthread_mutex_lock(&medium->lock);
	}
	pthread_mutex_unlock(&medium->lock);
}

/* A pending request is over: let the loop reap it. After this the request and the channel may be gone. */
static void file_finish(struct pysrp_io *io, int error)
{
	struct file_channel *channel = io->back;
	unsigned left;

	io->error = error;
	file_ends(channel->medium, io);
	file_leave(channel->medium);
	/* Relaxed: with an old count the loop may not be woken for the last request, but it looks again soon. */
	left = __atomic_sub_fetch(&channel->pending, 1, __ATOMIC_RELAXED);
	if (channel_put_among(&channel->common, io, left > __atomic_load_n(&channel->flying, __ATOMIC_RELAXED)))
		channel_ring(&channel->common);
}

/* The work of the threads */

static void file_flush_later(struct file_medium *medium, struct pysrp_io *io)
{
	int error = crew_put(&medium->flusher, io);

	if (error)
		file_finish(io, error);
}

static void file_do_move(struct crew_hand *hand, struct pysrp_io *io)
{
	struct file_medium *medium = hand->owner;
	struct file_bytes *file = &medium->file;
	int error;

	if (io->operation == PYSRP_EXTENTS) {
		file_finish(io, file_extents(file->fd, io));
		return;
	}
	if (io->operation != PYSRP_WRITE || !(io->flags & PYSRP_FUA)) {
		file_finish(io, file_move(file, file->fd, io));
		return;
	}
	if (hand->fd == -1 && (hand->fd = file_reopen(file->fd)) < 0)
		hand->fd = -2;
	error = hand->fd < 0 ? EOPNOTSUPP : file_move_through(file, hand->fd, io);
	if (error == EOPNOTSUPP && !(error = file_move(file, file->fd, io))) {
		file_flush_later(medium, io);
		return;
	}
	/* A failure of writing back that another flush was told meanwhile may be about these bytes. */
	file_finish(io, error ? error : file_failed(file));
}

static void file_do_sweep(struct crew_hand *hand, struct pysrp_io *io)
{
	struct file_medium *medium = hand->owner;
	int error = file_zero(&medium->file, medium->file.fd, io, medium->unit);

	if (error) {
		file_finish(io, error);
		return;
	}
	io->done = io->length;
	if (io->flags & PYSRP_FUA)
		file_flush_later(medium, io);
	else
		file_finish(io, 0);
}

/*
 * One fdatasync(2) for all flushes that wait. No two run at a time: Linux reports an error of writing back to one
 * caller only. A READ with FUA waits for a flush too, and reads after it.
 */
static void file_do_flush(struct crew_hand *hand, struct pysrp_io *list)
{
	struct file_medium *medium = hand->owner;
	int error = file_failed(&medium->file);

	while (!error && !(medium->table.features & PYSRP_READ_ONLY) && fdatasync(medium->file.fd))
		if (errno != EINTR)
			file_fail(&medium->file, error = errno);
	if (!error)
		error = file_failed(&medium->file);
	while (list) {
		struct pysrp_io *next = list->next;
		int reads = list->operation == PYSRP_READ, failed = error;

		if (reads && !error)
			failed = crew_put(&medium->movers, list);	/* it may be over, and freed, at once */
		if (!reads || failed) {
			list->done = failed ? 0 : list->length;
			file_finish(list, failed);
		}
		list = next;
	}
}

/* Give a request to the crew for it. */
static void file_dispatch(struct pysrp_io *io)
{
	struct file_medium *medium = ((struct file_channel *)io->back)->medium;
	struct crew *crew = &medium->movers;
	int error;

	if (io->operation == PYSRP_FLUSH || (io->operation == PYSRP_READ && io->flags & PYSRP_FUA))
		crew = &medium->flusher;
	else if (io->operation == PYSRP_ZERO || io->operation == PYSRP_DISCARD)
		crew = &medium->sweepers;
	else if (io->operation == PYSRP_WRITE && medium->file.align == 1 && !(io->flags & PYSRP_FUA))
		crew = io->length < FILE_SMALL ? &medium->writer : &medium->writers;
	error = crew_put(crew, io);
	if (error)
		file_finish(io, error);
}

/* The io_uring of a channel */

/* The io_uring has a result of a request. Not 0: the request is done; 0: a thread does the rest. */
static int file_landed(struct file_channel *channel, struct pysrp_io *io, int result)
{
	/* Acquire, with the release in file_flies(): C knows no order through the kernel. */
	__atomic_sub_fetch(&channel->flying, 1, __ATOMIC_ACQUIRE);
	if (result > 0)
		io->done += (uint64_t)result;
	if (result == -EINVAL || result == -EOPNOTSUPP)
		__atomic_store_n(&channel->medium->rings, 0, __ATOMIC_RELAXED);
	if (io->done == io->length)
		return 1;
	file_dispatch(io);
	return 0;
}

static void *file_wait(void *argument)
{
	struct file_channel *channel = argument;
	void *data;
	int result;

	for (;;) {
		while (uring_take(&channel->uring, &data, &result)) {
			if (!data)	/* uring_stop(): the thread ends */
				return NULL;
			if (file_landed(channel, data, result))
				file_finish(data, 0);
		}
		uring_wait(&channel->uring);
	}
}

/* Start a thread that waits for results in the io_uring; whether there is one. */
static int file_hire(struct file_channel *channel)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	channel->has_waiter = !pthread_create(&channel->waiter, NULL, file_wait, channel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return channel->has_waiter;
}

static void file_dismiss(struct file_channel *channel)
{
	if (!channel->has_waiter)
		return;
	/* The kernel does not refuse this for ever: there is room for all requests in the io_uring, and for this. */
	while (uring_stop(&channel->uring))
		sched_yield();
	pthread_join(channel->waiter, NULL);
	channel->has_waiter = 0;
}

/* Have the loop's epoll instance watch the io_uring: edge-triggered, as the loop takes all results each time. */
static int file_watch(struct file_channel *channel)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = { .u64 = PYSRP_LISTENS } };

	return !epoll_ctl(channel->epoll, EPOLL_CTL_ADD, channel->uring.fd, &event);
}

static void file_open_uring(struct file_channel *channel)
{
	channel->has_uring = -1;
	if (uring_begin(&channel->uring, 2 * FILE_FLYING))
		return;
	if (channel->epoll >= 0 ? file_watch(channel) : file_hire(channel))
		channel->has_uring = 1;
	else
		uring_end(&channel->uring);
}

/* Give the kernel the requests that wait for that; those that it does not take go to threads. */
static void file_push(struct file_channel *channel)
{
	void *io;

	if (channel->uring.waiting && uring_push(&channel->uring))
		while (uring_take_back(&channel->uring, &io)) {
			__atomic_sub_fetch(&channel->flying, 1, __ATOMIC_RELAXED);
			file_dispatch(io);
		}
}

/* Called by the loop: begin a request by io_uring. 0: it cannot be, and nothing was done. */
static int file_flies(struct file_channel *channel, struct pysrp_io *io)
{
	struct file_medium *medium = channel->medium;
	struct iovec vectors[FILE_VECTORS];
	uint64_t length, at = io->offset + io->done;
	unsigned count;

	if (!__atomic_load_n(&medium->rings, __ATOMIC_RELAXED))
		return 0;
	if (io->flags & PYSRP_FUA || io->operation > PYSRP_WRITE || (file_writes(io) && medium->file.align == 1))
		return 0;
	count = file_window(io, FILE_LARGEST, vectors, &length);
	if (!file_fits(&medium->file, vectors, count, at))
		return 0;
	if (!channel->has_uring)
		file_open_uring(channel);
	if (channel->has_uring < 0 || __atomic_load_n(&channel->flying, __ATOMIC_RELAXED) >= FILE_FLYING)
		return 0;
	/* Release: the thread that gets the result (acquire) sees all that was done before. */
	__atomic_add_fetch(&channel->flying, 1, __ATOMIC_RELEASE);
	if (!uring_move(&channel->uring, file_writes(io), medium->file.fd, vectors, count, at, io)) {
		__atomic_sub_fetch(&channel->flying, 1, __ATOMIC_RELAXED);
		return 0;
	}
	/* With several vectors: these are on the stack, and the kernel has to read them before this returns. */
	if (channel->epoll < 0 || count > 1 || channel->uring.waiting >= FILE_BATCH)
		file_push(channel);
	return 1;	/* the request may be over, and freed */
}

/* The table's functions */

static uint64_t file_size(void *self)
{
	return __atomic_load_n(&((struct file_medium *)self)->size, __ATOMIC_RELAXED);
}

/* Relaxed: the caller orders this with what it tells others of the new size. */
static void file_resize(struct file_medium *medium, uint64_t size)
{
	__atomic_store_n(&medium->size, size, __ATOMIC_RELAXED);
}

static void *file_open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	struct file_channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return NULL;
	channel_begin(&channel->common, ring, bell);
	channel->medium = self;
	channel->epoll = -1;
	return channel;
}

static void file_close_channel(void *self)
{
	struct file_channel *channel = self;

	if (file_forked(channel->medium))
		return;
	if (channel->has_uring > 0) {
		file_dismiss(channel);
		uring_end(&channel->uring);
	}
	channel_end(&channel->common);
	free(channel);
}

static enum pysrp_submitted file_now(struct file_medium *medium, struct pysrp_io *io, int error)
{
	io->error = error;
	file_leave(medium);
	return PYSRP_OVER;
}

/* Do as much of a request as needs no waiting; whether that is all. Clears `tries` if the file has no RWF_NOWAIT. */
static int file_try(struct file_medium *medium, struct pysrp_io *io, int *tries)
{
	struct iovec vectors[FILE_VECTORS];
	uint64_t length;
	ssize_t moved;

	if (!__atomic_load_n(tries, __ATOMIC_RELAXED))
		return 0;
	do {
		unsigned count = file_window(io, FILE_LARGEST, vectors, &length);

		moved = file_call(medium->file.fd, file_writes(io), vectors, count, io->offset + io->done, RWF_NOWAIT);
		if (moved == -EOPNOTSUPP)
			__atomic_store_n(tries, 0, __ATOMIC_RELAXED);
		if (moved > 0)
			io->done += (uint64_t)moved;
	} while (moved > 0 && (uint64_t)moved == length && io->done < io->length);
	return io->done == io->length;
}

/* Why a request cannot begin: an errno, or 0. */
static int file_refuses(struct file_medium *medium, const struct pysrp_io *io)
{
	uint64_t size = file_size(medium);

	if (io->length > size || io->offset > size - io->length)
		return EINVAL;
	if (io->operation < PYSRP_READ || io->operation > PYSRP_EXTENTS)
		return EOPNOTSUPP;
	if (io->operation == PYSRP_EXTENTS)
		return io->buffers->length < sizeof(struct pysrp_extent) ? EINVAL : 0;
	if (io->operation != PYSRP_READ && io->operation != PYSRP_FLUSH && medium->table.features & PYSRP_READ_ONLY)
		return EROFS;
	return io->flags & PYSRP_FUA ? file_failed(&medium->file) : 0;
}

static enum pysrp_submitted file_submit(void *self, struct pysrp_io *io)
{
	struct file_channel *channel = self;
	struct file_medium *medium = channel->medium;
	int error;

	io->done = 0;
	io->bad = PYSRP_NOWHERE;
	io->error = 0;
	io->back = channel;
	if (!file_enter(medium)) {
		io->error = EBADF;
		return PYSRP_OVER;
	}
	error = file_refuses(medium, io);
	if (error || (!io->length && io->operation != PYSRP_FLUSH))
		return file_now(medium, io, error);
	if (!(io->flags & PYSRP_FUA)) {
		if (io->operation == PYSRP_READ && file_try(medium, io, &medium->tries_reads))
			return file_now(medium, io, 0);
		if (io->operation == PYSRP_WRITE && file_try(medium, io, &medium->tries_writes))
			return file_now(medium, io, 0);
	}
	if (io->flags & PYSRP_NOWAIT) {
		io->done = 0;
		return file_now(medium, io, EAGAIN);
	}
	__atomic_add_fetch(&channel->pending, 1, __ATOMIC_RELAXED);
	if (file_begins(medium, io) && !file_flies(channel, io))
		file_dispatch(io);
	return PYSRP_PENDING;
}

/* A request that is over by a result in the io_uring, for a loop that looks there itself; NULL: none. */
static struct pysrp_io *file_found(struct file_channel *channel)
{
	struct pysrp_io *io;
	void *data;
	int result;

	if (channel->has_uring <= 0 || channel->has_waiter)
		return NULL;
	while (uring_take(&channel->uring, &data, &result)) {
		io = data;
		if (!file_landed(channel, io, result))
			continue;
		__atomic_sub_fetch(&channel->pending, 1, __ATOMIC_RELAXED);
		file_ends(channel->medium, io);
		file_leave(channel->medium);
		return io;
	}
	return NULL;
}

static struct pysrp_io *file_reap(void *self)
{
	struct file_channel *channel = self;
	struct pysrp_io *io = file_found(channel);

	return io ? io : channel_reap(&channel->common);
}

static int file_look(void *self, int sleeps)
{
	struct file_channel *channel = self;
	int found = channel_look(&channel->common, !sleeps);

	if (channel->has_uring > 0 && !channel->has_waiter) {
		file_push(channel);
		found |= uring_ready(&channel->uring);
	}
	return found;
}

static void file_listen(void *self, int epoll)
{
	struct file_channel *channel = self;
	void *data;
	int result;

	if (file_forked(channel->medium))
		return;
	/* The loop looks no more: ring for requests that are over and that the bell was not rung for. */
	if (channel_look(&channel->common, 0) && channel_owes(&channel->common))
		channel_ring(&channel->common);
	if (channel->has_uring <= 0) {
		channel->epoll = epoll;
		return;
	}
	file_dismiss(channel);
	if (channel->epoll >= 0)
		epoll_ctl(channel->epoll, EPOLL_CTL_DEL, channel->uring.fd, NULL);
	channel->epoll = epoll;
	file_push(channel);
	if (epoll >= 0 && file_watch(channel))
		return;
	channel->epoll = -1;
	if (file_hire(channel))
		return;
	/* No thread could be started: wait here for the requests in the io_uring, and use it no more. */
	while (__atomic_load_n(&channel->flying, __ATOMIC_RELAXED)) {
		if (!uring_take(&channel->uring, &data, &result))
			uring_wait(&channel->uring);
		else if (file_landed(channel, data, result))
			file_finish(data, 0);
	}
	uring_end(&channel->uring);
	channel->has_uring = -1;
}

static int file_withdraw_held(struct file_medium *medium, struct pysrp_io *io)
{
	struct pysrp_io **at;
	int found = 0;

	pthread_mutex_lock(&medium->lock);
	for (at = &medium->held; *at && *at != io; at = &(*at)->next)
		;
	if (*at) {
		if (medium->held_last == &io->next)
			medium->held_last = at;
		*at = io->next;
		found = 1;
	}
	pthread_mutex_unlock(&medium->lock);
	return found;
}

static int file_withdraw(void *self, struct pysrp_io *io)
{
	struct file_medium *medium = ((struct file_channel *)self)->medium;

	if (!file_withdraw_held(medium, io)) {
		if (!crew_withdraw(&medium->movers, io) && !crew_withdraw(&medium->writers, io) &&
		    !crew_withdraw(&medium->writer, io) && !crew_withdraw(&medium->sweepers, io) &&
		    !crew_withdraw(&medium->flusher, io))
			return 0;
		file_ends(medium, io);
	}
	__atomic_sub_fetch(&((struct file_channel *)self)->pending, 1, __ATOMIC_RELAXED);
	file_leave(medium);
	return 1;
}

/* From here on the medium owns the descriptor `fd`. */
static void file_begin(struct file_medium *medium, int fd, uint64_t size, uint32_t features, uint32_t align,
		       uint32_t unit, int rings)
{
	process_begin();
	*medium = (struct file_medium){
		.table = {
			.size = sizeof(struct pysrp_medium), .self = medium, .block = 1, .features = features,
			.bytes = file_size, .open = file_open_channel, .close = file_close_channel,
			.submit = file_submit, .reap = file_reap, .withdraw = file_withdraw, .listen = file_listen,
			.look = file_look,
		},
		.file = { .fd = fd, .align = align, .grain = align > 512 ? align : 512 },
		.process = process_id(), .size = size, .users = 1, .unit = unit, .rings = rings,
		.tries_reads = features & PYSRP_HAS_NOWAIT, .tries_writes = features & PYSRP_HAS_NOWAIT,
	};
	medium->held_last = &medium->held;
	pthread_mutex_init(&medium->lock, NULL);
	crew_begin(&medium->movers, FILE_MOVERS, 0, medium, file_do_move);
	crew_begin(&medium->writers, FILE_WRITERS, 0, medium, file_do_move);
	crew_begin(&medium->writer, 1, 0, medium, file_do_move);
	crew_begin(&medium->sweepers, FILE_SWEEPERS, 0, medium, file_do_sweep);
	crew_begin(&medium->flusher, 1, 1, medium, file_do_flush);
}

/* Called when every channel is closed: wait until the threads, which are idle, have ended. */
static void file_end(struct file_medium *medium)
{
	if (file_forked(medium))
		return;
	crew_end(&medium->movers);
	crew_end(&medium->writers);
	crew_end(&medium->writer);
	crew_end(&medium->sweepers);
	crew_end(&medium->flusher);
	pthread_mutex_destroy(&medium->lock);
}

#endif
