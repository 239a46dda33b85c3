/*
 * As much of an io_uring (io_uring_setup(2)) as reads and writes of one file need: one thread puts requests in, another
 * one waits for what became of them. The memory between us and the kernel is the kernel's word, and believed.
 */
#ifndef PYSRP_URING_H
#define PYSRP_URING_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The headers of an older Linux have none; then nor have we. */
#if !defined(PYSRP_NO_URING) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#endif

#ifdef IORING_FEAT_SUBMIT_STABLE	/* Linux 5.5 */

struct uring {
	int fd;
	unsigned *sq_tail, sq_mask;
	unsigned *cq_head, *cq_tail, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	void *rings;
	size_t rings_size, sqes_size;
};

static void uring_end(struct uring *ring)
{
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->rings)
		munmap(ring->rings, ring->rings_size);
	close(ring->fd);
}

static void *uring_map(struct uring *ring, size_t size, off_t what)
{
	void *found = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, what);

	return found == MAP_FAILED ? NULL : found;
}

/*
 * Room for so many results that nobody has taken yet, a power of two. 0, or an errno: ENOSYS and EPERM where there is none
 * for us, EOPNOTSUPP where the kernel has one without what is needed.
 */
static int uring_begin(struct uring *ring, unsigned results)
{
	/* Requests are taken one by one. */
	struct io_uring_params given = { .flags = IORING_SETUP_CQSIZE, .cq_entries = results };
	unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE, *array, i;
	size_t submissions, completions;
	uint8_t *base;

	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(__NR_io_uring_setup, 1, &given);
	if (ring->fd < 0)
		return errno;
	submissions = given.sq_off.array + given.sq_entries * sizeof(unsigned);
	completions = given.cq_off.cqes + given.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_size = submissions > completions ? submissions : completions;
	ring->sqes_size = given.sq_entries * sizeof(struct io_uring_sqe);
	if ((given.features & needed) == needed) {
		ring->rings = uring_map(ring, ring->rings_size, IORING_OFF_SQ_RING);
		ring->sqes = uring_map(ring, ring->sqes_size, IORING_OFF_SQES);
	}
	if (!ring->rings || !ring->sqes) {
		uring_end(ring);
		return EOPNOTSUPP;
	}
	base = ring->rings;
	ring->sq_tail = (unsigned *)(base + given.sq_off.tail);
	ring->sq_mask = *(unsigned *)(base + given.sq_off.ring_mask);
	ring->cq_head = (unsigned *)(base + given.cq_off.head);
	ring->cq_tail = (unsigned *)(base + given.cq_off.tail);
	ring->cq_mask = *(unsigned *)(base + given.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(base + given.cq_off.cqes);
	array = (unsigned *)(base + given.sq_off.array);
	for (i = 0; i < given.sq_entries; i++)
		array[i] = i;
	return 0;
}

/*
 * Have the kernel begin one request, by the one thread that submits. Not 0: it does not take it, and nothing has
 * happened. It has read the vectors when this returns (IORING_FEAT_SUBMIT_STABLE), and each request is taken before
 * the next one is put in, so there is always room for one.
 */
static int uring_put(struct uring *ring, const struct io_uring_sqe *sqe)
{
	unsigned tail = __atomic_load_n(ring->sq_tail, __ATOMIC_RELAXED);	/* nobody else writes it */
	long taken;

	ring->sqes[tail & ring->sq_mask] = *sqe;
	/* Release: the kernel finds the request behind the tail. */
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	do
		taken = syscall(__NR_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
	while (taken < 0 && errno == EINTR);
	if (taken == 1)
		return 0;
	__atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);	/* the kernel looks in that call only */
	return taken < 0 ? errno : EAGAIN;
}

static int uring_move(struct uring *ring, int write, int fd, const struct iovec *vectors, unsigned count, uint64_t at,
		      void *data)
{
	struct io_uring_sqe sqe = {
		.opcode = write ? IORING_OP_WRITEV : IORING_OP_READV, .fd = fd, .addr = (uint64_t)(uintptr_t)vectors,
		.len = count, .off = at, .user_data = (uint64_t)(uintptr_t)data,
	};

	return uring_put(ring, &sqe);
}

/* Let whoever waits find NULL, and nothing more. */
static int uring_stop(struct uring *ring)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP, .fd = -1 };

	return uring_put(ring, &sqe);
}

/* Sleep until something is over. */
static void uring_wait(struct uring *ring)
{
	syscall(__NR_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* One that is over, and its result; 0: there is none now. By the one thread that waits. */
static int uring_take(struct uring *ring, void **data, int *result)
{
	unsigned head = __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED);	/* nobody else writes it */
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	/* Acquire: what is before the tail has been written. */
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return 0;
	*data = (void *)(uintptr_t)cqe->user_data;
	*result = cqe->res;
	/* Release: it has been read when the kernel may write there again. */
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return 1;
}

#else

struct uring {
	int fd;
};

static int uring_begin(struct uring *ring, unsigned results)
{
	return ENOSYS;
}

static void uring_end(struct uring *ring) { }
static void uring_wait(struct uring *ring) { }
static int uring_stop(struct uring *ring) { return 0; }
static int uring_take(struct uring *ring, void **data, int *result) { return 0; }

static int uring_move(struct uring *ring, int write, int fd, const struct iovec *vectors, unsigned count, uint64_t at,
		      void *data)
{
	return ENOSYS;
}

#endif
#endif
