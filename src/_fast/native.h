/*
 * The tables of functions by which the native lanes use a link, and the target uses a medium.
 *
 * A link carries the requests of the native lane (lane.pyx). Cython fills in such a table for the simulated
 * queues (crq_link.pyx), cffi's C can fill in one for a real queue, and any other C can too.
 *
 * A provider puts a struct pysrp_link into a capsule named PYSRP_LINK. The struct, and the object at `self`, stay as
 * they are until the capsule is destroyed. Only the thread that owns the link calls the functions, but for wake(). It
 * may hold the interpreter's lock or not; the functions must not take that lock, and must not block, but for linger().
 *
 * The initiator is hostile: every address, length and key that is handed in comes from an IU, and may be
 * anything. The lane reads an IU only in the copy that peek() made.
 */
#ifndef PYSRP_NATIVE_H
#define PYSRP_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#define PYSRP_LINK "pysrp.link.1"

/* Bytes of the longest IU that the lane takes. Longer ones are the engine's. */
#define PYSRP_IU 512

/* Bytes of each answer that the lane writes: an SRP_RSP without sense data. */
#define PYSRP_RSP 36

struct pysrp_request {
	uint64_t where;		/* for the link's own use; answer() and again() get it back */
	uint64_t tag;		/* the IU's */
	void *back;		/* for the link's own use, for instance where the answer goes */
	size_t length;		/* bytes in iu; 0: the engine has to take this request, whatever it is */
	uint8_t iu[PYSRP_IU];
};

enum pysrp_sent {
	PYSRP_SENT,		/* the answer is on its way */
	PYSRP_WAITS,		/* the answer is written, but the engine has to tell the initiator */
};

struct pysrp_link {
	size_t size;		/* sizeof(struct pysrp_link), as the provider knows it */
	void *self;

	/* Take the requests that have arrived, and return how many. Called only when left() is 0. */
	size_t (*take)(void *self);

	/* How many of the requests that were taken are left. */
	size_t (*left)(void *self);

	/* Copy the next request, once; it stays the next until pass(). `length` 0: no room for an answer there. */
	void (*peek)(void *self, struct pysrp_request *request);

	/* The next request has been dealt with. */
	void (*pass)(void *self);

	/*
	 * The initiator's memory at `address`, to read, or to write if `write`. NULL unless all `length` bytes are
	 * shared, in one piece and allowed. A link may return a copy that stands for it until answer(), or the next
	 * peek().
	 */
	uint8_t *(*reach)(void *self, uint64_t address, uint64_t length, uint32_t key, int write);

	/* Answer a request with PYSRP_RSP bytes. */
	enum pysrp_sent (*answer)(void *self, const struct pysrp_request *request, const uint8_t *iu);

	/* Wake the initiator up for the answers since the last call, if it sleeps. */
	void (*ring)(void *self);

	/*
	 * again() and wake() are for requests that are answered later, after pass(). Both NULL: the lane begins no such
	 * request, and the engine takes every command that takes time.
	 *
	 * Called before such a request is answered: find out again where its answer goes. The lane then calls reach()
	 * again for its memory. 0: the answer cannot be written, or not now, and the engine has to see to the request.
	 */
	int (*again)(void *self, struct pysrp_request *request);

	/*
	 * Make the loop that owns the link look soon for requests of its media that are over. Called from any thread,
	 * until the loop has retired the last channel of a medium.
	 */
	void (*wake)(void *self);

	/*
	 * The lane has nothing to do: wait until requests come, or wanted(of) is not 0, but no longer than the lane's
	 * owner would have slept. Call wanted(of) before a sleep, and again after each wake(). Return not 0 if the lane
	 * has work, 0 if the time is over or the owner itself is wanted. `busy`: threads of media or of the kernel are
	 * at work, may need this processor, and will call wake(). Then sleep rather than spin, for a millisecond or two
	 * at most: a medium's look() has been told that the loop looks again by then. NULL: the owner sleeps at once.
	 */
	int (*linger)(void *self, int (*wanted)(void *of), void *of, int busy);

	/*
	 * The epoll(7) instance that the loop sleeps on; media may have descriptors of theirs watched there. NULL:
	 * there is none, and all media ring.
	 */
	int (*epoll)(void *self);
};

/*
 * What the initiator's lane (queue.pyx) needs of a link, in a capsule named PYSRP_CLIENT_LINK. The rules are those
 * above, but that pause() sleeps, and that put() and next() may take the interpreter's lock to call a recorder in
 * Python. Requests lie in memory that the target reaches too, and the target writes each answer over its request.
 */
#define PYSRP_CLIENT_LINK "pysrp.client_link.1"

struct pysrp_arrival {
	uint64_t tag;		/* of the request that is answered, as the target says */
	uint32_t length;	/* bytes of the answer, as the target says */
	uint8_t answer;		/* whether this is an answer to an SRP request; if not, it is the engine's */
	uint8_t good;		/* whether the transport says that the answer was written whole */
	uint8_t status;		/* the transport's status, from which `good` follows */
	uint8_t raw[16];	/* all of the arrival, for the engine */
};

enum pysrp_put {
	PYSRP_PUT,
	PYSRP_FULL,		/* the queue has no room now */
	PYSRP_SHUT,		/* there is no target at the other end */
};

/* What pause() returns: a sum of these. */
#define PYSRP_ATTEND 1		/* the link's owner has to be called, with the interpreter's lock */
#define PYSRP_INTERRUPTED 2	/* a signal came */

struct pysrp_client_link {
	size_t size;		/* sizeof(struct pysrp_client_link), as the provider knows it */
	void *self;

	/* Send the request at a bus address. `timeout` is what the target is told, in seconds; 0: none. */
	enum pysrp_put (*put)(void *self, uint64_t address, uint32_t length, uint16_t timeout);

	/* Wake the target up for the requests since the last call, if it sleeps. */
	void (*ring)(void *self);

	/* Take what has arrived, and return how many arrivals there are. Called only when left() is 0. */
	size_t (*take)(void *self);

	/* How many of the arrivals that were taken are left. */
	size_t (*left)(void *self);

	/* Copy the next arrival, and pass on to the one after it. */
	void (*next)(void *self, struct pysrp_arrival *arrival);

	/* Sleep until something arrives, for at most `nanoseconds`. Returns the sum of what it has seen, see above. */
	int (*pause)(void *self, int64_t nanoseconds);

	/* Nanoseconds of a monotonic clock. */
	int64_t (*clock)(void *self);
};

/*
 * A medium: bytes at any offset, read and written by requests that are over at once or later, in any order. Cython
 * fills in such a table for memory (ram.pyx), and any other C can too; pysrp.target.native_medium.NativeMedium makes a
 * disk's medium of it.
 *
 * A provider puts a struct pysrp_medium into a capsule named PYSRP_MEDIUM. The struct, the object at `self`, and
 * `memory` stay as they are until the capsule is destroyed. Several loops use a medium at once. Each has a channel of
 * its own, and only that loop's thread calls the channel's functions, but for close(). All functions but bytes() are
 * called without the interpreter's lock; none must take it, or block.
 *
 * A request lay inside the medium when it was submitted. A medium whose size changes has to check it again.
 */
#define PYSRP_MEDIUM "pysrp.medium.1"

enum pysrp_operation {
	PYSRP_READ = 1,
	PYSRP_WRITE,
	PYSRP_FLUSH,		/* all that was written before is on stable storage when the flush is over */
	PYSRP_ZERO,		/* `length` bytes read as zeros from then on */
	PYSRP_DISCARD,		/* the contents of `length` bytes are of no use any more */
	/*
	 * Which of `length` bytes, 1 or more, take room; only with PYSRP_HAS_EXTENTS. The one buffer is an array of
	 * struct pysrp_extent, all zeros. The medium fills in the first entries, from `offset` on: at least one, at
	 * most as many as fit. `done` is the number of bytes that these cover together, which may be less than
	 * `length`.
	 */
	PYSRP_EXTENTS,
	/*
	 * Only with PYSRP_HAS_COMPARE. There are two buffers of `length` bytes each. If the bytes on the medium equal
	 * the first one, the second one is written there, as one atomic step for everybody who has access to the
	 * medium. EILSEQ: they are not equal. EOPNOTSUPP: the medium cannot do that with these bytes, but nobody else
	 * changes the medium. EXDEV: it cannot, and others may change the medium.
	 */
	PYSRP_COMPARE,
};

struct pysrp_extent {
	uint64_t length;	/* bytes, 1 or more */
	uint64_t mapped;	/* whether they take room; bytes that take none read as zeros */
};

/* Flags of a request. */
/*
 * Only with PYSRP_HAS_FUA. WRITE, ZERO, COMPARE: the bytes are on stable storage when the request is over. READ: of
 * these bytes, those that are only in a volatile cache are put on stable storage before they are read.
 */
#define PYSRP_FUA 1u
/* Over at once, or EAGAIN: then it is submitted again. More bytes than `done` may have been moved, of a WRITE too. */
#define PYSRP_NOWAIT 2u

/* Features of a medium. */
#define PYSRP_HAS_FUA 1u
#define PYSRP_HAS_DISCARD 2u	/* makes use of PYSRP_DISCARD */
#define PYSRP_HAS_ZERO 4u	/* does PYSRP_ZERO without writing zeros */
#define PYSRP_HAS_NOWAIT 8u	/* does some PYSRP_NOWAIT requests at once */
#define PYSRP_VOLATILE 16u	/* even flushed data are lost with the power */
#define PYSRP_ROTATING 32u
#define PYSRP_READ_ONLY 64u
#define PYSRP_DISCARD_ZEROS 128u	/* discarded bytes read as zeros */
#define PYSRP_HAS_EXTENTS 256u	/* does PYSRP_EXTENTS */
#define PYSRP_ATOMIC 512u	/* one WRITE is on the medium whole or not at all, also after a loss of power */
#define PYSRP_HAS_COMPARE 1024u	/* compares and writes in one atomic step, whoever else has the medium open */

#define PYSRP_NOWHERE UINT64_MAX

/* The epoll_data.u64 of a descriptor that a medium puts into a loop's epoll instance. */
#define PYSRP_LISTENS UINT64_MAX

struct pysrp_buffer {
	uint8_t *bytes;
	size_t length;
};

/* One request. It and its buffers belong to the submitter, and stay where they are until the request is over. */
struct pysrp_io {
	uint64_t offset, length;	/* bytes */
	const struct pysrp_buffer *buffers;	/* of a READ or WRITE: `length` bytes together; of EXTENTS: one; of COMPARE: two */
	size_t count;
	uint32_t operation, flags;

	/* The result, set by the medium when the request is over. */
	uint64_t done;		/* bytes moved, from the first on; fewer without an error: the rest was not tried */
	uint64_t bad;		/* the first byte of the medium that the error is about, or PYSRP_NOWHERE */
	int error;		/* an errno, 0: none. EAGAIN: too many requests are pending; EOPNOTSUPP: unsupported */

	/* For the medium's use until the request is over. */
	struct pysrp_io *next;
	void *back;
};

enum pysrp_submitted {
	PYSRP_OVER,		/* the request is over, and reap() does not return it */
	PYSRP_PENDING,		/* reap() returns the request when it is over */
};

struct pysrp_medium {
	size_t size;		/* sizeof(struct pysrp_medium), as the provider knows it */
	void *self;
	uint32_t block;		/* offsets and lengths are multiples of this */
	uint32_t features;
	uint8_t *memory;	/* the whole medium, where it is memory of this process; else NULL */

	/* The medium's size in bytes, now. */
	uint64_t (*bytes)(void *self);

	/*
	 * A new channel for one loop; NULL: there is none. When a request is over and there was none to reap before,
	 * the medium calls ring(bell), from any thread, holding no lock that a function of this table takes.
	 */
	void *(*open)(void *self, void (*ring)(void *bell), void *bell);

	/*
	 * Called by any thread, when no request is pending, none will be submitted, and no thread is in another
	 * function of the channel. Wait until a ring() that runs has returned; after close() ring() is not called any
	 * more.
	 */
	void (*close)(void *channel);

	enum pysrp_submitted (*submit)(void *channel, struct pysrp_io *io);

	/* A request that is over, NULL when there is none. */
	struct pysrp_io *(*reap)(void *channel);

	/* Not 0: the request never begins, and reap() does not return it. 0: it runs on, and reap() returns it. */
	int (*withdraw)(void *channel, struct pysrp_io *io);

	/*
	 * listen() and look() save threads, bells and system calls where the loop itself can look for requests that are
	 * over. Both NULL: the medium always rings.
	 *
	 * listen(): from now on the loop sleeps on this epoll(7) instance, and calls look(). The medium may add a
	 * descriptor to it, with PYSRP_LISTENS and EPOLLET, that is readable when a request is over. -1: the loop
	 * listens no more, and the medium rings for all requests that are over and not reaped by then.
	 */
	void (*listen)(void *channel, int epoll);

	/*
	 * Called by a loop that listens, while requests are pending. Begin the submitted requests: a medium may leave
	 * them until then, to begin several together. Not 0: there is something to reap. 0: the medium rings, or makes
	 * its descriptor readable, when there is. If the loop `sleeps`, the medium has to do so at once. If not, the
	 * loop looks again in a millisecond or two, and the medium may wait until several requests are over or no more
	 * are to come. look() is called often, and has to be cheap.
	 */
	int (*look)(void *channel, int sleeps);
};

#endif
