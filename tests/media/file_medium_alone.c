/*
 * A file as a medium without Python: loops that submit all there is and compare what they read with what they wrote, and
 * faults that no real file has when a test wants them. Built with the sanitizers; test_file_medium.py has the list.
 *
 * PATH SCENARIO ALIGN RINGS SEED; PATH is a file of SIZE bytes, opened with O_DIRECT unless ALIGN is 1. RINGS: 0, threads
 * do it all; 1, io_uring, and loops are rung; 2, they listen; 3, now this, now that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

static int rough, thin, no_flags, no_threads, turns, fails_through, fails_flush, flushes, fails_seek, stands;
static int fails_enter, enter_error, old_kernel;	/* so many calls of io_uring_enter(2) give that errno, 0: take nothing */
static int64_t bad = -1;

static ssize_t rough_move(int write, int fd, const struct iovec *vectors, int count, off_t at, int flags);
static int rough_flush(int fd);
static int rough_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

static off_t rough_seek(int fd, off_t at, int whence);
static long rough_syscall(long number, ...);

#define preadv(fd, vectors, count, at) rough_move(0, fd, vectors, count, at, 0)
#define pwritev(fd, vectors, count, at) rough_move(1, fd, vectors, count, at, 0)
#define fdatasync rough_flush
#define pthread_create rough_create
#define lseek rough_seek
#define syscall rough_syscall
#include "file_medium.h"
#undef syscall
#undef lseek
#undef preadv
#undef pwritev
#undef fdatasync
#undef pthread_create

enum { LOOPS = 3, DEPTH = 16, REGION = 256 << 10, SIZE = 4 * REGION, BLOCK = 512, MOST = 24 * BLOCK, ROUNDS = 1500 };

static uint32_t align;

#define CHECK(what) do if (!(what)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); abort(); } while (0)

static unsigned chance(uint64_t *state, unsigned below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*state >> 33) % below;
}

/* Where the unit begins that cannot be moved. */
static uint64_t sector(int64_t at)
{
	return (uint64_t)at & ~(uint64_t)((align > BLOCK ? align : BLOCK) - 1);
}

/* Signals, ends in the middle, and what is not in the cache; a byte that cannot be moved. */
static ssize_t rough_move(int write, int fd, const struct iovec *vectors, int count, off_t at, int flags)
{
	static __thread uint64_t state = 7;
	struct iovec first = vectors[0];
	uint64_t length = 0, limit;
	int i, hurt;

	for (i = 0; i < count; i++)
		length += vectors[i].iov_len;
	hurt = rough && chance(&state, 4) == 0;
	if (hurt && chance(&state, 2)) {
		errno = flags & RWF_NOWAIT ? EAGAIN : EINTR;
		return -1;
	}
	limit = bad < 0 || bad >= at + (int64_t)length || bad < at ? length : sector(bad) - (uint64_t)at;
	if ((int64_t)limit <= 0 || (limit < length && !thin)) {
		errno = EIO;
		return -1;
	}
	if (write && flags & RWF_DSYNC && __atomic_exchange_n(&fails_through, 0, __ATOMIC_SEQ_CST)) {
		CHECK(pwritev2(fd, vectors, count, at, 0) == (ssize_t)length);
		errno = EIO;
		return -1;
	}
	if (hurt || limit < length) {
		uint64_t part = limit < length ? limit : first.iov_len / 2;

		first.iov_len = part < first.iov_len ? part : first.iov_len;
		first.iov_len &= ~(uint64_t)(align - 1);
		if (first.iov_len)
			return write ? pwritev2(fd, &first, 1, at, flags) : preadv2(fd, &first, 1, at, flags);
	}
	return write ? pwritev2(fd, vectors, count, at, flags) : preadv2(fd, vectors, count, at, flags);
}

static int rough_flush(int fd)
{
	__atomic_add_fetch(&flushes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&fails_flush, 0, __ATOMIC_SEQ_CST)) {
		errno = ENOSPC;
		return -1;
	}
	return fdatasync(fd);
}

static off_t rough_seek(int fd, off_t at, int whence)
{
	if (__atomic_load_n(&fails_seek, __ATOMIC_SEQ_CST)) {
		errno = __atomic_load_n(&fails_seek, __ATOMIC_SEQ_CST);
		return -1;
	}
	return whence == SEEK_HOLE && __atomic_load_n(&stands, __ATOMIC_SEQ_CST) ? at : lseek(fd, at, whence);
}

static long rough_syscall(long number, ...)
{
	va_list given;
	long got = -1;

	va_start(given, number);
	if (number == SYS_preadv2 || number == SYS_pwritev2) {
		int fd = (int)va_arg(given, long);
		const struct iovec *vectors = va_arg(given, const struct iovec *);
		long count = va_arg(given, long), low = va_arg(given, long), high = va_arg(given, long);

		CHECK(high == 0);
		if (no_flags)
			errno = ENOSYS;
		else
			got = rough_move(number == SYS_pwritev2, fd, vectors, (int)count, low, (int)va_arg(given, long));
	} else if (number == SYS_statx) {
		int fd = va_arg(given, int);
		const char *path = va_arg(given, const char *);
		int flags = va_arg(given, int);
		unsigned mask = va_arg(given, unsigned);

		got = statx(fd, path, flags, mask, va_arg(given, struct statx *));
	}
#ifdef IORING_FEAT_RW_CUR_POS
	else if (number == __NR_io_uring_setup) {
		unsigned entries = va_arg(given, unsigned);
		struct io_uring_params *params = va_arg(given, struct io_uring_params *);

		if (old_kernel && params->flags & URING_COOPERATES) {
			errno = EINVAL;
			got = -1;
		} else {
			got = syscall(number, entries, params);
		}
	} else {
		int fd = va_arg(given, int);
		unsigned submit = va_arg(given, unsigned), wanted = va_arg(given, unsigned), flags = va_arg(given, unsigned);

		if (submit && fails_enter > 0) {
			fails_enter--;
			errno = enter_error;
			got = enter_error ? -1 : 0;
		} else {
			got = syscall(number, fd, submit, wanted, flags, NULL, 0);
		}
	}
#endif
	va_end(given);
	return got;
}

static int rough_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	return no_threads ? EAGAIN : pthread_create(thread, attributes, start, argument);
}

/* A loop, its channel, and its requests */

struct slot {
	struct pysrp_io io;
	struct pysrp_buffer buffers[3];
	int busy;
	_Alignas(4096) uint8_t bytes[MOST + 64];
};

struct loop {
	struct file_medium *medium;
	void *channel;
	int bell, pending, closing;
	int epoll, listens;	/* a loop that can; whether it does now */
	uint64_t state, base;
	uint8_t model[REGION];
	uint8_t busy[REGION / BLOCK];
	struct slot slots[DEPTH];
};

static void ring(void *bell)
{
	uint64_t one = 1;

	CHECK(write(((struct loop *)bell)->bell, &one, sizeof(one)) == sizeof(one));
}

static void begin(struct loop *loop, struct file_medium *medium, uint64_t base, uint64_t seed)
{
	struct epoll_event heard = { .events = EPOLLIN };

	memset(loop, 0, sizeof(*loop));
	loop->medium = medium;
	loop->base = base;
	loop->state = seed;
	loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(!epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->bell, &heard));
	loop->channel = medium->table.open(medium, ring, loop);
	CHECK(loop->channel);
}

static void over(struct loop *loop, struct slot *slot, int happened)
{
	uint64_t at = slot->io.offset - loop->base;
	struct pysrp_io *io = &slot->io;
	unsigned i;

	slot->busy = 0;
	for (i = (unsigned)(at / BLOCK); io->length && i < (at + io->length + BLOCK - 1) / BLOCK; i++)
		loop->busy[i] = 0;
	if (!happened || io->error == EAGAIN || (loop->closing && io->error == EBADF))
		return;
	CHECK(!io->error);
	CHECK(io->done == io->length);
	CHECK(io->bad == PYSRP_NOWHERE);
	if (io->operation == PYSRP_ZERO || io->operation == PYSRP_DISCARD)
		memset(loop->model + at, 0, io->length);
	for (i = 0; i < io->count; at += io->buffers[i++].length)
		if (io->operation == PYSRP_WRITE)
			memcpy(loop->model + at, io->buffers[i].bytes, io->buffers[i].length);
		else
			CHECK(!memcmp(loop->model + at, io->buffers[i].bytes, io->buffers[i].length));
}

/* Sleep until there is something to reap. */
static void rests(struct loop *loop)
{
	struct epoll_event event;
	uint64_t rung;
	int heard, sleeps = !loop->listens || chance(&loop->state, 2);

	if (loop->listens && loop->medium->table.look(loop->channel, sleeps))
		return;
	do
		heard = epoll_wait(loop->epoll, &event, 1, sleeps ? -1 : 1);
	while (heard < 0 && errno == EINTR);
	if (!sleeps && !heard)
		return;
	CHECK(heard == 1);
	if (event.data.u64 != PYSRP_LISTENS)
		CHECK(read(loop->bell, &rung, sizeof(rung)) == sizeof(rung));
	else
		CHECK(loop->epoll >= 0);
}

/* Look by itself from now on, or be rung again. */
static void listens(struct loop *loop, int yes)
{
	loop->listens = yes;
	loop->medium->table.listen(loop->channel, yes ? loop->epoll : -1);
}

static void ends(struct loop *loop)
{
	loop->medium->table.close(loop->channel);
	close(loop->epoll);
	close(loop->bell);
}

static void reap(struct loop *loop, int wait)
{
	struct pysrp_io *io;

	if (wait)
		rests(loop);
	while ((io = loop->medium->table.reap(loop->channel))) {
		loop->pending--;
		over(loop, (struct slot *)io, 1);
	}
}

/* Choose something to do where nothing is under way: whole blocks, or a part of them, in up to three buffers. */
static int choose(struct loop *loop, struct slot *slot)
{
	static const uint32_t operations[] = { PYSRP_READ, PYSRP_READ, PYSRP_WRITE, PYSRP_WRITE, PYSRP_WRITE, PYSRP_ZERO,
					       PYSRP_DISCARD, PYSRP_FLUSH };
	struct pysrp_io *io = &slot->io;
	unsigned first = chance(&loop->state, REGION / BLOCK), blocks = 1 + chance(&loop->state, MOST / BLOCK), i;
	unsigned odd = chance(&loop->state, 2) ? chance(&loop->state, BLOCK) : 0, cut, other;
	uint8_t *bytes = slot->bytes + chance(&loop->state, 2) * chance(&loop->state, 64);

	if (first + blocks > REGION / BLOCK)
		return 0;
	for (i = first; i < first + blocks; i++)
		if (loop->busy[i])
			return 0;
	memset(io, 0, sizeof(*io));
	io->operation = operations[chance(&loop->state, 8)];
	if (io->operation == PYSRP_READ && chance(&loop->state, 8) == 0)
		io->flags = PYSRP_NOWAIT;
	if (io->operation <= PYSRP_WRITE && !io->flags && chance(&loop->state, 8) == 0)
		io->flags = PYSRP_FUA;
	io->offset = loop->base + first * BLOCK + odd;
	io->length = io->operation == PYSRP_FLUSH ? 0 : blocks * BLOCK - odd;
	for (i = first; i < first + blocks && io->length; i++)
		loop->busy[i] = 1;
	slot->busy = 1;
	if (io->operation > PYSRP_WRITE)
		return 1;
	cut = chance(&loop->state, 2) ? chance(&loop->state, (unsigned)io->length + 1) : 0;
	other = cut ? chance(&loop->state, cut + 1) : 0;
	slot->buffers[0] = (struct pysrp_buffer){ bytes, other };
	slot->buffers[1] = (struct pysrp_buffer){ bytes + other, cut - other };
	slot->buffers[2] = (struct pysrp_buffer){ bytes + cut, io->length - cut };
	io->buffers = cut ? slot->buffers : slot->buffers + 2;
	io->count = cut ? 3 : 1;
	for (i = 0; i < io->length; i++)
		bytes[i] = (uint8_t)(io->operation == PYSRP_WRITE ? chance(&loop->state, 256) : 0xEE);
	return 1;
}

static void *storm(void *argument)
{
	struct loop *loop = argument;
	unsigned round, i;

	for (round = 0; round < ROUNDS; round++) {
		struct slot *slot = NULL;

		for (i = 0; i < DEPTH; i++)
			if (!loop->slots[i].busy)
				slot = &loop->slots[i];
		if (!slot) {
			reap(loop, 1);
			continue;
		}
		if (!choose(loop, slot)) {
			reap(loop, 0);
			continue;
		}
		if (turns && chance(&loop->state, 50) == 0)
			listens(loop, !loop->listens);
		if (loop->medium->table.submit(loop->channel, &slot->io) == PYSRP_OVER) {
			over(loop, slot, 1);
			continue;
		}
		loop->pending++;
		if (chance(&loop->state, 10) == 0 && loop->medium->table.withdraw(loop->channel, &slot->io)) {
			loop->pending--;
			over(loop, slot, 0);
		}
	}
	while (loop->pending)
		reap(loop, 1);
	ends(loop);
	return NULL;
}

static void storms(struct file_medium *medium, const char *path, uint64_t seed, int closing, int listening)
{
	static struct loop loops[LOOPS];
	static uint8_t found[REGION];
	pthread_t threads[LOOPS];
	int i, fd;

	for (i = 0; i < LOOPS; i++) {
		begin(&loops[i], medium, (uint64_t)i * REGION, seed + (uint64_t)i);
		if (listening)
			listens(&loops[i], 1);
		loops[i].closing = closing;
		CHECK(!pthread_create(&threads[i], NULL, storm, &loops[i]));
	}
	if (closing)
		file_leave(medium);	/* what is under way goes on, and then nothing does any more */
	for (i = 0; i < LOOPS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	if (!closing)
		file_leave(medium);
	fd = open(path, O_RDONLY);
	for (i = 0; i < LOOPS; i++) {
		CHECK(pread(fd, found, REGION, (off_t)i * REGION) == REGION);
		CHECK(!memcmp(found, loops[i].model, REGION));
	}
	close(fd);
}

/* Faults, one request after the other */

static struct pysrp_io *done(struct loop *loop, uint32_t operation, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct slot *slot = &loop->slots[0];
	struct pysrp_io *io;

	slot->buffers[0] = (struct pysrp_buffer){ slot->bytes, length };
	slot->io = (struct pysrp_io){ .offset = offset, .length = length, .operation = operation, .flags = flags };
	if (operation <= PYSRP_WRITE) {
		slot->io.buffers = slot->buffers;
		slot->io.count = 1;
	}
	if (loop->medium->table.submit(loop->channel, &slot->io) == PYSRP_OVER)
		return &slot->io;
	do
		rests(loop);
	while (!(io = loop->medium->table.reap(loop->channel)));	/* a thread may go on with what has been found */
	CHECK(io == &slot->io);
	CHECK(!loop->medium->table.reap(loop->channel));
	return io;
}

static void bad_bytes(struct loop *loop)
{
	uint64_t seed = 5;
	int i;

	for (i = 0; i < 400; i++) {
		uint64_t offset = chance(&seed, SIZE - MOST), length = 1 + chance(&seed, MOST - 1), stop;
		struct pysrp_io *io;

		if (align > 1) {
			offset &= ~(uint64_t)(align - 1);
			length = (length + align - 1) & ~(uint64_t)(align - 1);
		}
		thin = i & 1;
		bad = (int64_t)(offset + chance(&seed, (unsigned)length));
		stop = sector(bad);
		if (stop < offset)
			stop = offset;
		io = done(loop, i & 2 ? PYSRP_READ : PYSRP_WRITE, offset, length, i & 6 ? 0 : PYSRP_FUA);
		CHECK(io->error == EIO);
		CHECK(io->bad == stop);
		CHECK(io->done == stop - offset);
	}
	bad = -1;
	CHECK(!done(loop, PYSRP_FLUSH, 0, 0, 0)->error);	/* a block that cannot be written is no flush that failed */
}

static void lost_through(struct loop *loop)
{
	struct pysrp_io *io;

	CHECK(!done(loop, PYSRP_WRITE, 4096, 4096, PYSRP_FUA)->error);
	fails_through = 1;
	io = done(loop, PYSRP_WRITE, 0, 8192, PYSRP_FUA);
	CHECK(io->error == EIO && !io->done && io->bad == PYSRP_NOWHERE);
	CHECK(done(loop, PYSRP_FLUSH, 0, 0, 0)->error == EIO);
	CHECK(done(loop, PYSRP_WRITE, 0, 4096, PYSRP_FUA)->error == EIO);
	CHECK(!done(loop, PYSRP_WRITE, 0, 4096, 0)->error);
	CHECK(!done(loop, PYSRP_READ, 0, 4096, 0)->error);
	CHECK(!flushes);
}

/* There are only the calls without flags, as under qemu-user: a flush stands for FUA. */
static void without_flags(struct loop *loop)
{
	no_flags = 1;
	CHECK(!done(loop, PYSRP_WRITE, 0, 4096, PYSRP_FUA)->error && flushes == 1);
	CHECK(!done(loop, PYSRP_WRITE, 4096, 4096, 0)->error);
	CHECK(!done(loop, PYSRP_READ, 0, 8192, 0)->error && flushes == 1);
}

static void lost_flush(struct loop *loop)
{
	CHECK(!done(loop, PYSRP_FLUSH, 0, 0, 0)->error && flushes == 1);
	CHECK(!done(loop, PYSRP_READ, 0, 4096, PYSRP_FUA)->error && flushes == 2);
	CHECK(loop->slots[0].io.done == 4096);
	flushes = 1;
	fails_flush = 1;
	CHECK(done(loop, PYSRP_FLUSH, 0, 0, 0)->error == ENOSPC && flushes == 2);
	CHECK(done(loop, PYSRP_FLUSH, 0, 0, 0)->error == ENOSPC && flushes == 2);
	CHECK(done(loop, PYSRP_WRITE, 0, 4096, PYSRP_FUA)->error == ENOSPC);
	CHECK(done(loop, PYSRP_READ, 0, 4096, PYSRP_FUA)->error == ENOSPC && flushes == 2);
	CHECK(!done(loop, PYSRP_WRITE, 0, 4096, 0)->error);
	CHECK(!done(loop, PYSRP_READ, 0, 4096, 0)->error);
}

/* What is to be there before it is read: the flush that fails is the READ's failure. */
static void lost_before(struct loop *loop)
{
	fails_flush = 1;
	CHECK(done(loop, PYSRP_READ, 0, 4096, PYSRP_FUA)->error == ENOSPC && flushes == 1);
	CHECK(!loop->slots[0].io.done && loop->slots[0].io.bad == PYSRP_NOWHERE);
	CHECK(done(loop, PYSRP_FLUSH, 0, 0, 0)->error == ENOSPC && flushes == 1);
}

static void refused(struct loop *loop)
{
	static const uint64_t where[][2] = { { SIZE, 1 }, { 0, SIZE + 1 }, { UINT64_MAX, 2 }, { 1, UINT64_MAX }, { SIZE - 1, 2 } };
	unsigned i;
	uint32_t operation;

	for (i = 0; i < sizeof(where) / sizeof(*where); i++)
		for (operation = PYSRP_READ; operation <= PYSRP_DISCARD; operation++)
			CHECK(done(loop, operation, where[i][0], where[i][1], 0)->error == EINVAL);
	CHECK(done(loop, 0, 0, 512, 0)->error == EOPNOTSUPP);
	CHECK(done(loop, PYSRP_COMPARE, 0, 512, 0)->error == EOPNOTSUPP);
	for (operation = PYSRP_READ; operation <= PYSRP_DISCARD; operation++)
		CHECK(!done(loop, operation, SIZE, 0, 0)->error);
	for (operation = PYSRP_READ; operation <= PYSRP_WRITE; operation++)
		CHECK(done(loop, operation, 0, 512, PYSRP_FUA | PYSRP_NOWAIT)->error == EAGAIN);
	loop->medium->table.features |= PYSRP_READ_ONLY;
	for (operation = PYSRP_WRITE; operation <= PYSRP_DISCARD; operation++)
		CHECK(done(loop, operation, 0, 512, 0)->error == (operation == PYSRP_FLUSH ? 0 : EROFS));
	CHECK(!ftruncate(loop->medium->file.fd, SIZE / 2));
	CHECK(done(loop, PYSRP_READ, SIZE / 2 - 4096, 8192, 0)->error == EIO);
	CHECK(loop->slots[0].io.done == 4096 && loop->slots[0].io.bad == SIZE / 2);
	file_leave(loop->medium);
	CHECK(done(loop, PYSRP_READ, 0, 512, 0)->error == EBADF);
}

static void without_threads(struct loop *loop)
{
	no_threads = 1;
	CHECK(done(loop, PYSRP_FLUSH, 0, 0, 0)->error == EAGAIN);
	CHECK(done(loop, PYSRP_READ, 0, 4096, PYSRP_FUA)->error == EAGAIN);
	no_threads = 0;
	CHECK(!done(loop, PYSRP_FLUSH, 0, 0, 0)->error);
	no_threads = 1;
	CHECK(done(loop, PYSRP_READ, 0, 4096, PYSRP_FUA)->error == EAGAIN);	/* flushed, and nobody reads */
	CHECK(done(loop, PYSRP_WRITE, 0, 4096, 0)->error == EAGAIN);
	CHECK(done(loop, PYSRP_WRITE, 7, 4096, 0)->error == EAGAIN);
	CHECK(done(loop, PYSRP_ZERO, 0, 4096, 0)->error == EAGAIN);
	no_threads = 0;
	CHECK(!done(loop, PYSRP_WRITE, 0, 4096, 0)->error);
	CHECK(!done(loop, PYSRP_WRITE, 7, 4096, 0)->error);
	no_threads = 1;
	CHECK(!done(loop, PYSRP_WRITE, 0, 4096, 0)->error);	/* those that there are do */
}

/* Where there is no io_uring for a channel, though the process may have one, threads do it all. */
static void without_rings(struct loop *loop)
{
	struct rlimit before, none;
	int i;

	CHECK(!getrlimit(RLIMIT_NOFILE, &before));
	none = before;
	none.rlim_cur = 3;
	CHECK(!setrlimit(RLIMIT_NOFILE, &none));
	for (i = 0; i < 2; i++) {
		CHECK(!posix_fadvise(loop->medium->file.fd, 0, 0, POSIX_FADV_DONTNEED));
		CHECK(!done(loop, PYSRP_READ, 0, 4096, 0)->error);
		CHECK(loop->slots[0].io.done == 4096);
	}
	/* Nor is there a descriptor for writes with RWF_DSYNC: they are flushed. */
	CHECK(!flushes && !done(loop, PYSRP_WRITE, 0, 4096, PYSRP_FUA)->error && flushes == 1);
	CHECK(!done(loop, PYSRP_ZERO, 0, 4096, PYSRP_FUA)->error && flushes == 2);
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
	if (loop->medium->rings && align > 1)
		CHECK(((struct file_channel *)loop->channel)->has_uring < 0);
}

/* What flies when a loop listens no more, and no thread can wait for it. */
static void without_waiter(struct loop *loop)
{
	struct slot *slot;
	unsigned i;

	listens(loop, 1);
	for (i = 0; i < DEPTH; i++) {
		slot = &loop->slots[i];
		slot->buffers[0] = (struct pysrp_buffer){ slot->bytes, 4096 };
		slot->io = (struct pysrp_io){
			.offset = 4096 * i, .length = 4096, .operation = PYSRP_READ, .buffers = slot->buffers, .count = 1,
		};
		CHECK(loop->medium->table.submit(loop->channel, &slot->io) == PYSRP_PENDING);
	}
	no_threads = 1;
	listens(loop, 0);
	for (i = 0; i < DEPTH; i++) {
		struct pysrp_io *io = loop->medium->table.reap(loop->channel);

		CHECK(io && !io->error && io->done == 4096);
	}
	CHECK(((struct file_channel *)loop->channel)->has_uring < 0);
	no_threads = 0;
	CHECK(!done(loop, PYSRP_READ, 0, 4096, 0)->error);
	listens(loop, 1);
	CHECK(!done(loop, PYSRP_READ, 0, 4096, 0)->error);
}

/* EXTENTS of so many bytes from `offset` on, with room for so many; their lengths, of holes below 0. */
static struct pysrp_io *asked(struct loop *loop, uint64_t offset, uint64_t length, size_t room, int64_t *lengths)
{
	static struct pysrp_extent found[16];
	struct slot *slot = &loop->slots[0];
	struct pysrp_io *io = &slot->io;
	size_t i;

	memset(found, 0, sizeof(found));
	slot->buffers[0] = (struct pysrp_buffer){ (uint8_t *)found, room * sizeof(*found) };
	*io = (struct pysrp_io){
		.offset = offset, .length = length, .operation = PYSRP_EXTENTS, .buffers = slot->buffers, .count = 1,
	};
	if (loop->medium->table.submit(loop->channel, io) == PYSRP_PENDING)
		do
			rests(loop);
		while (!loop->medium->table.reap(loop->channel));
	for (i = 0; i < 16; i++)
		lengths[i] = found[i].mapped ? (int64_t)found[i].length : -(int64_t)found[i].length;
	return io;
}

static void extents(struct loop *loop)
{
	const int64_t page = 4096;
	int64_t seen[16];
	struct pysrp_io *io;

	CHECK(!done(loop, PYSRP_DISCARD, 16 * page, 16 * page, 0)->error);
	CHECK(!done(loop, PYSRP_DISCARD, SIZE - 16 * page, 16 * page, 0)->error);
	io = asked(loop, page, SIZE - page, 16, seen);
	CHECK(!io->error && io->done == (uint64_t)(SIZE - page));
	CHECK(seen[0] == 15 * page && seen[1] == -16 * page && seen[2] == SIZE - 48 * page && seen[3] == -16 * page && !seen[4]);
	io = asked(loop, 0, SIZE, 2, seen);	/* there is no room for more */
	CHECK(!io->error && io->done == (uint64_t)(32 * page) && seen[1] == -16 * page && !seen[2]);
	CHECK(!asked(loop, 20 * page, page, 16, seen)->error && seen[0] == -page && !seen[1]);
	CHECK(asked(loop, 0, SIZE, 0, seen)->error == EINVAL);
	CHECK(!asked(loop, SIZE, 0, 1, seen)->done);
	stands = 1;	/* it changes while we look */
	CHECK(!asked(loop, 0, SIZE, 16, seen)->error && seen[0] == SIZE && !seen[1]);
	stands = 0;
	fails_seek = EINVAL;	/* it does not know: all is data */
	CHECK(!asked(loop, page, SIZE - page, 16, seen)->error && seen[0] == SIZE - page && !seen[1]);
	fails_seek = EIO;
	io = asked(loop, 0, SIZE, 16, seen);
	CHECK(io->error == EIO && !io->done);
	fails_seek = 0;
	loop->medium->table.features |= PYSRP_READ_ONLY;
	CHECK(!asked(loop, 0, SIZE, 16, seen)->error && seen[0] == 16 * page);
	CHECK(!ftruncate(loop->medium->file.fd, SIZE / 2));
	CHECK(!asked(loop, SIZE / 2, SIZE / 2, 16, seen)->error && seen[0] == -SIZE / 2);
}

/* DEPTH reads at once; those that the kernel does not take are done by threads. */
static void crowd(struct loop *loop)
{
	unsigned i, left = DEPTH;

	CHECK(!posix_fadvise(loop->medium->file.fd, 0, 0, POSIX_FADV_DONTNEED));
	for (i = 0; i < DEPTH; i++) {
		struct slot *slot = &loop->slots[i];

		slot->buffers[0] = (struct pysrp_buffer){ slot->bytes, 4096 };
		slot->io = (struct pysrp_io){
			.offset = 4096 * i, .length = 4096, .operation = PYSRP_READ, .buffers = slot->buffers, .count = 1,
		};
		if (loop->medium->table.submit(loop->channel, &slot->io) == PYSRP_OVER)
			left--;
	}
	while (left) {
		struct pysrp_io *io;

		rests(loop);
		while ((io = loop->medium->table.reap(loop->channel))) {
			CHECK(!io->error && io->done == 4096);
			left--;
		}
	}
}

static void the_kernel_takes_none(struct loop *loop)
{
	static const int errors[] = { EAGAIN, EBUSY, 0 };
	unsigned i;

	for (i = 0; i < 3; i++) {
		fails_enter = 4;
		enter_error = errors[i];
		crowd(loop);
		fails_enter = 0;
	}
	fails_enter = 1;
	enter_error = EINTR;	/* a signal: the call is made again */
	crowd(loop);
	CHECK(!fails_enter || align == 1);
	fails_enter = 1;	/* who closes the channel of a loop that is rung asks again */
	enter_error = EAGAIN;
}

/* A kernel that knows none of the newer flags. */
static void old(struct loop *loop)
{
	old_kernel = 1;
	crowd(loop);
	if (align > 1)
		CHECK(((struct file_channel *)loop->channel)->has_uring > 0);
}

#ifdef IORING_FEAT_RW_CUR_POS

/* Nobody is to wait any more, and what waits to be given to the kernel is still there if it takes nothing. */
static void stop(struct loop *loop)
{
	struct uring ring;
	struct io_uring_sqe nothing = { .opcode = IORING_OP_NOP, .fd = -1 };
	unsigned i, found = 0, none = 0;
	void *data;
	int result;

	CHECK(!uring_begin(&ring, 64));
	CHECK(!uring_take(&ring, &data, &result) && !uring_ready(&ring));
	fails_enter = 1;
	enter_error = EBUSY;
	CHECK(uring_stop(&ring) == EBUSY && !ring.waiting);
	for (i = 1; i <= URING_TOGETHER; i++) {
		nothing.user_data = i;
		CHECK(uring_put(&ring, &nothing));
	}
	CHECK(!uring_put(&ring, &nothing));	/* there is no room */
	fails_enter = 1;
	CHECK(uring_stop(&ring) == EBUSY);
	CHECK(ring.waiting == URING_TOGETHER);
	CHECK(!uring_push(&ring));
	nothing.user_data = ++i;
	CHECK(uring_put(&ring, &nothing));
	CHECK(!uring_stop(&ring));
	for (i = 0; i < URING_TOGETHER + 2; i++) {
		while (!uring_take(&ring, &data, &result))
			uring_wait(&ring);
		CHECK(!result);
		found += data != NULL;
		none += !data;
	}
	CHECK(found == URING_TOGETHER + 1 && none == 1);
	CHECK(!uring_take_back(&ring, &data));
	uring_end(&ring);
	(void)loop;
}

#endif

int main(int count, char **words)
{
	static const struct { const char *name; void (*run)(struct loop *loop); } scenarios[] = {
		{ "bad", bad_bytes }, { "lost-through", lost_through }, { "lost-flush", lost_flush },
		{ "lost-before", lost_before }, { "no-flags", without_flags },
		{ "refused", refused }, { "no-threads", without_threads },
		{ "no-rings", without_rings }, { "no-waiter", without_waiter }, { "extents", extents },
#ifdef IORING_FEAT_RW_CUR_POS
		{ "stop", stop },
#endif
		{ "takes-none", the_kernel_takes_none }, { "old", old },
	};
	static struct file_medium medium;
	static struct loop loop;
	int fd, rings, ended = 0;
	unsigned i;

	CHECK(count == 6);
	rings = atoi(words[4]);
	turns = rings == 3;
	align = (uint32_t)atoi(words[3]);
	fd = open(words[1], O_RDWR | O_CLOEXEC | (align > 1 ? O_DIRECT : 0));
	CHECK(fd >= 0);
	file_begin(&medium, fd, SIZE, PYSRP_HAS_FUA | (align > 1 ? 0 : PYSRP_HAS_NOWAIT), align, align, rings > 0);
	rough = !strcmp(words[2], "rough");
	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (!strcmp(words[2], scenarios[i].name)) {
			begin(&loop, &medium, 0, 1);
			if (rings > 1)
				listens(&loop, 1);
			scenarios[i].run(&loop);
			ends(&loop);
			if (strcmp(words[2], "refused"))
				file_leave(&medium);
			ended = 1;
		}
	if (!ended)
		storms(&medium, words[1], strtoull(words[5], NULL, 0), !strcmp(words[2], "closing"), rings > 1);
	file_end(&medium);
	return 0;
}
