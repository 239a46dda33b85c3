/*
 * As much of an io_uring (io_uring_setup(2)) as reads and writes of one file need: one thread puts requests in, and it or
 * another one takes what became of them. The memory between us and the kernel is the kernel's word, and believed.
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

#ifdef IORING_FEAT_RW_CUR_POS	/* Linux 5.6 */

/* Of Linux 5.19. The kernel does its part in the calls of who put requests in, and interrupts nobody for it. */
#ifdef IORING_SETUP_TASKRUN_FLAG
#define URING_COOPERATES (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#else
#define URING_COOPERATES 0
#define IORING_SQ_TASKRUN 0
#endif

enum { URING_TOGETHER = 16 };	/* requests that the kernel is given in one call, a power of two */

struct uring {
	int fd;
	unsigned waiting;	/* requests that it has not been given yet */
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
 * Room for so many results that nobody has taken yet, a power of two. 0, or an errno: ENOSYS and EPERM where there is none
 * for us, EOPNOTSUPP where the kernel has one without what is needed.
 */
static int uring_begin(struct uring *ring, unsigned results)
{
	/* Who has the last one has reads and writes without vectors. */
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

/* Give the kernel what waits, by the one thread that puts requests in; an errno: it does not take all, now. */
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

/* Take back the last one that waits; 0: none does. */
static int uring_take_back(struct uring *ring, void **data)
{
	unsigned tail = __atomic_load_n(ring->sq_tail, __ATOMIC_RELAXED) - 1;

	if (!ring->waiting)
		return 0;
	ring->waiting--;
	*data = (void *)(uintptr_t)ring->sqes[tail & ring->sq_mask].user_data;
	__atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);	/* the kernel looks in that call only */
	return 1;
}

/* Put a request in; 0: there is no room before uring_push(). */
static int uring_put(struct uring *ring, const struct io_uring_sqe *sqe)
{
	unsigned tail = __atomic_load_n(ring->sq_tail, __ATOMIC_RELAXED);	/* nobody else writes it */

	if (ring->waiting > ring->sq_mask)
		return 0;
	ring->sqes[tail & ring->sq_mask] = *sqe;
	/* Release: the kernel finds the request behind the tail. */
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ring->waiting++;
	return 1;
}

/* The same; vectors, if there are more than one, are read when the kernel is given it. */
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

/* Let whoever waits find NULL, and nothing more; an errno: not now. */
static int uring_stop(struct uring *ring)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP, .fd = -1 };
	void *none;
	int error = uring_push(ring);	/* first: what is taken back below is to be this, and there has to be room */

	if (error)
		return error;
	uring_put(ring, &sqe);
	error = uring_push(ring);
	if (error)
		uring_take_back(ring, &none);
	return error;
}

/* Sleep until something is over. */
static void uring_wait(struct uring *ring)
{
	syscall(__NR_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Whether the kernel has something to do in a call of who put requests in. */
static int uring_owes(const struct uring *ring)
{
	return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0;
}

/* Whether uring_take() may find one. Relaxed: who sees too late that it does looks again, or is woken. */
static int uring_ready(const struct uring *ring)
{
	return __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED) != __atomic_load_n(ring->cq_tail, __ATOMIC_RELAXED) ||
	       uring_owes(ring);
}

/* One that is over, and its result; 0: there is none now. By the one thread that waits. */
static int uring_take(struct uring *ring, void **data, int *result)
{
	unsigned head = __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED);	/* nobody else writes it */
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	/* Acquire: what is before the tail has been written. */
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) {
		if (!uring_owes(ring))
			return 0;
		syscall(__NR_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
		if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
			return 0;
	}
	*data = (void *)(uintptr_t)cqe->user_data;
	*result = cqe->res;
	/* Release: it has been read when the kernel may write there again. */
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
