/*
 * As much of an io_uring (io_uring_setup(2)) as reads and writes of one file need: one thread puts requests in, and the
 * same or another thread takes the results. The memory shared with the kernel is trusted.
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

/* With the headers of an older Linux there is no io_uring. */
#if !defined(PYSRP_NO_URING) && defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif
#endif

#ifdef IORING_FEAT_RW_CUR_POS	/* Linux 5.6 */

/* Linux 5.19. The kernel completes requests in system calls of the thread that put them in, without interrupting it. */
#ifdef IORING_SETUP_TASKRUN_FLAG
#define URING_COOPERATES (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#else
#define URING_COOPERATES 0
#define IORING_SQ_TASKRUN 0
#endif

enum { URING_TOGETHER = 16 };	/* requests that the kernel is given in one call at most, a power of two */

struct uring {
	int fd;
	unsigned waiting;	/* requests that the kernel has not been given yet */
	unsigned *sq_tail, *sq_flags, sq_mask;
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
 * Make an io_uring with room for `results` results that have not been taken yet, a power of two. 0, or an errno: ENOSYS
 * and EPERM if this process cannot have one, EOPNOTSUPP if the kernel's lacks a feature that is needed.
 */
static int uring_begin(struct uring *ring, unsigned results)
{
	/* A kernel with the last feature also has reads and writes without vectors. */
	unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
			  IORING_FEAT_RW_CUR_POS, *array, i;
	struct io_uring_params given;
	size_t submissions, completions;
	uint8_t *base;

	memset(ring, 0, sizeof(*ring));
	given = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE | URING_COOPERATES, .cq_entries = results };
	ring->fd = (int)syscall(__NR_io_uring_setup, URING_TOGETHER, &given);
	if (ring->fd < 0 && errno == EINVAL && URING_COOPERATES) {
		given = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = results };
		ring->fd = (int)syscall(__NR_io_uring_setup, URING_TOGETHER, &given);
	}
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
	ring->sq_flags = (unsigned *)(base + given.sq_off.flags);
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

/* Give the kernel the waiting requests; called by the thread that puts them in. An errno: it does not take all now. */
static int uring_push(struct uring *ring)
{
	while (ring->waiting) {
		long taken = syscall(__NR_io_uring_enter, ring->fd, ring->waiting, 0, 0, NULL, 0);

		if (taken > 0)
			ring->waiting -= (unsigned)taken;
		else if (taken == 0 || errno != EINTR)
			return taken ? errno : EAGAIN;
	}
	return 0;
}

/* Take back the last waiting request; 0: there is none. */
static int uring_take_back(struct uring *ring, void **data)
{
	unsigned tail = __atomic_load_n(ring->sq_tail, __ATOMIC_RELAXED) - 1;

	if (!ring->waiting)
		return 0;
	ring->waiting--;
	*data = (void *)(uintptr_t)ring->sqes[tail & ring->sq_mask].user_data;
	__atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);	/* the kernel reads it in io_uring_enter() only */
	return 1;
}

/* Put a request in; 0: there is no room before uring_push(). */
static int uring_put(struct uring *ring, const struct io_uring_sqe *sqe)
{
	unsigned tail = __atomic_load_n(ring->sq_tail, __ATOMIC_RELAXED);	/* only this thread writes it */

	if (ring->waiting > ring->sq_mask)
		return 0;
	ring->sqes[tail & ring->sq_mask] = *sqe;
	/* Release: the kernel finds the request behind the tail. */
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ring->waiting++;
	return 1;
}

/* Put a read or write in. If there are several vectors they have to stay until uring_push(). */
static int uring_move(struct uring *ring, int write, int fd, const struct iovec *vectors, unsigned count, uint64_t at,
		      void *data)
{
	struct io_uring_sqe sqe = { .fd = fd, .off = at, .user_data = (uint64_t)(uintptr_t)data };

	if (count == 1) {
		sqe.opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
		sqe.addr = (uint64_t)(uintptr_t)vectors->iov_base;
		sqe.len = (uint32_t)vectors->iov_len;
	} else {
		sqe.opcode = write ? IORING_OP_WRITEV : IORING_OP_READV;
		sqe.addr = (uint64_t)(uintptr_t)vectors;
		sqe.len = count;
	}
	return uring_put(ring, &sqe);
}

/* Make the waiting thread get a result with `data` NULL. An errno: not now. */
static int uring_stop(struct uring *ring)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP, .fd = -1 };
	void *none;
	int error = uring_push(ring);	/* first, for room, and so that what is taken back below is this request */

	if (error)
		return error;
	uring_put(ring, &sqe);
	error = uring_push(ring);
	if (error)
		uring_take_back(ring, &none);
	return error;
}

/* Sleep until there is a result. */
static void uring_wait(struct uring *ring)
{
	syscall(__NR_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Whether the kernel waits for a system call of the thread that put requests in, to complete some. */
static int uring_owes(const struct uring *ring)
{
	return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0;
}

/* Whether uring_take() may find a result. Relaxed: a loop that reads old values looks again, or is woken. */
static int uring_ready(const struct uring *ring)
{
	return __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED) != __atomic_load_n(ring->cq_tail, __ATOMIC_RELAXED) ||
	       uring_owes(ring);
}

/* Take one result and the `data` of its request; 0: there is none now. Called by one thread only. */
static int uring_take(struct uring *ring, void **data, int *result)
{
	unsigned head = __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED);	/* only this thread writes it */
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	/* Acquire: the results before the tail have been written. */
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) {
		if (!uring_owes(ring))
			return 0;
		syscall(__NR_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
			return 0;
	}
	*data = (void *)(uintptr_t)cqe->user_data;
	*result = cqe->res;
	/* Release: the result has been read before the kernel may write there again. */
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return 1;
}

#else

struct uring {
	int fd;
	unsigned waiting;
};

static int uring_begin(struct uring *ring, unsigned results)
{
	return ENOSYS;
}

static void uring_end(struct uring *ring) { }
static void uring_wait(struct uring *ring) { }
static int uring_push(struct uring *ring) { return 0; }
static int uring_stop(struct uring *ring) { return 0; }
static int uring_ready(const struct uring *ring) { return 0; }
static int uring_take(struct uring *ring, void **data, int *result) { return 0; }
static int uring_take_back(struct uring *ring, void **data) { return 0; }

static int uring_move(struct uring *ring, int write, int fd, const struct iovec *vectors, unsigned count, uint64_t at,
		      void *data)
{
	return 0;
}

#endif
#endif
