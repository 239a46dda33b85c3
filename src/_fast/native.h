/*
 * What the native lanes need of a link, and the target of a medium, as tables of functions.
 *
 * A link is what carries the requests of the native lane (lane.pyx): Cython fills one for the simulated
 * queues (crq_link.pyx), cffi's C can fill one for a real one, and so can anybody else.
 *
 * A provider puts a struct pysrp_link into a capsule named PYSRP_LINK. The struct, and what `self` is, stay as they are
 * until the capsule is destroyed. All functions are called by the one thread that owns the link, with the interpreter's
 * lock or without, which they must not take. They do not block.
 *
 * The other side of a link is hostile: every address, length and key that is handed in comes from an IU, and may be
 * anything. What an IU says is believed as peek() copied it.
 */
#ifndef PYSRP_NATIVE_H
#define PYSRP_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#define PYSRP_LINK "pysrp.link.1"

/* Bytes of an IU that the lane looks at. A longer one is not for it. */
#define PYSRP_IU 512

/* Bytes of the answers that it writes: an SRP_RSP without sense data. */
#define PYSRP_RSP 36

struct pysrp_request {
	uint64_t where;		/* the link's own, given back with the answer */
	uint64_t tag;		/* the IU's */
	void *back;		/* the link's own: where the answer goes, perhaps */
	size_t length;		/* bytes in iu; 0: this one is for the engine, whatever it is */
	uint8_t iu[PYSRP_IU];
};

enum pysrp_sent {
	PYSRP_SENT,		/* the answer is on its way */
	PYSRP_WAITS,		/* it is written, and the engine has to tell the initiator */
};

struct pysrp_link {
	size_t size;		/* sizeof(struct pysrp_link), as the provider knows it */
	void *self;

	/* Take what has arrived, when nothing is left of what was taken before; how many requests there are. */
	size_t (*take)(void *self);

	/* How many are left. */
	size_t (*left)(void *self);

	/* Copy the next one, once. It stays the next one until pass(). An answer of PYSRP_RSP bytes can be written. */
	void (*peek)(void *self, struct pysrp_request *request);

	/* The next one has been dealt with. */
	void (*pass)(void *self);

	/*
	 * The initiator's memory, NULL unless all of it is shared, in one piece and allowed; to write to it, or read.
	 * It may be a copy that stands for it until the request is answered, or the next one is looked at.
	 */
	uint8_t *(*reach)(void *self, uint64_t address, uint64_t length, uint32_t key, int write);

	/* Answer a request with PYSRP_RSP bytes. */
	enum pysrp_sent (*answer)(void *self, const struct pysrp_request *request, const uint8_t *iu);

	/* Wake the initiator up for the answers since the last call, if it sleeps. */
	void (*ring)(void *self);

	/*
	 * What follows is for requests that are answered later, after pass(); NULL for both: there are none, and the
	 * engine has what takes time.
	 *
	 * Such a request is to be answered: look anew where its answer goes, and for its memory with reach(). 0: it cannot
	 * be written, or not now, and the engine has to see to it.
	 */
	int (*again)(void *self, struct pysrp_request *request);

	/*
	 * Make the loop that owns the link look soon for what is over on its media. From any thread, until the loop has
	 * retired the last channel of one.
	 */
	void (*wake)(void *self);

	/*
	 * The lane has nothing to do: wait until requests come, or wanted(of) is not 0, or becomes so by who calls wake() next,
	 * for no longer than the lane's owner would have slept. Not 0: so it is; 0 as soon as somebody wants that owner. `busy`:
	 * threads of media, or the kernel's, are at work and will call wake(), and may need this processor: sleep, rather than
	 * look, but for a millisecond or two alone, as a medium's look() has been told. NULL: the lane's owner sleeps at once.
	 */
	int (*linger)(void *self, int (*wanted)(void *of), void *of, int busy);

	/*
	 * The epoll(7) instance that the loop sleeps on, for media that have something to be watched there. NULL: there is
	 * none, and all of them ring.
	 */
	int (*epoll)(void *self);
};

/*
 * What the initiator's lane (queue.pyx) needs of a link, in a capsule of that name. The rules are those above, but that
 * pause() sleeps, and that put() and next() may take the interpreter's lock where somebody in Python watches. Requests lie
 * in memory that the target reaches too, and their answers are written over them.
 */
#define PYSRP_CLIENT_LINK "pysrp.client_link.1"

struct pysrp_arrival {
	uint64_t tag;		/* of the request that is answered, as the target says */
	uint32_t length;	/* bytes of the answer, likewise */
	uint8_t answer;		/* whether it is one: if not, it is the engine's */
	uint8_t good;		/* whether the transport says that the answer was written whole */
	uint8_t status;		/* the word for that */
	uint8_t raw[16];	/* all of it, for the engine */
};

enum pysrp_put {
	PYSRP_PUT,
	PYSRP_FULL,		/* not now */
	PYSRP_SHUT,		/* there is nobody at the other end */
};

/* What pause() has seen; several may hold. */
#define PYSRP_ATTEND 1		/* the link's owner is wanted, with the interpreter's lock */
#define PYSRP_INTERRUPTED 2	/* a signal came */

struct pysrp_client_link {
	size_t size;		/* sizeof(struct pysrp_client_link), as the provider knows it */
	void *self;

	/* Send the request at a bus address; `timeout` in seconds, 0 for none, is for the target. */
	enum pysrp_put (*put)(void *self, uint64_t address, uint32_t length, uint16_t timeout);

	/* Wake the target up for the requests since the last call, if it sleeps. */
	void (*ring)(void *self);

	/* Take what has arrived, when nothing is left of what was taken before; how many arrivals there are. */
	size_t (*take)(void *self);

	/* How many are left. */
	size_t (*left)(void *self);

	/* The next one. */
	void (*next)(void *self, struct pysrp_arrival *arrival);

	/* Sleep until something arrives, at most so long; bits, see above. */
	int (*pause)(void *self, int64_t nanoseconds);

	/* Nanoseconds of a monotonic clock. */
	int64_t (*clock)(void *self);
};

/*
 * A medium: bytes at any offset, read and written by requests that are over now or later, in any order. Cython fills one
 * in for memory (ram.pyx), and so can anybody else; pysrp.target.native_medium.NativeMedium makes a disk's medium of it.
 *
 * A provider puts a struct pysrp_medium into a capsule named PYSRP_MEDIUM. The struct, what `self` is, and `memory`
 * stay as they are until the capsule is destroyed. Several loops use it at once, each by a channel of its own, which only
 * that loop's thread calls, but for close(). All functions but bytes() are called without the interpreter's lock; none
 * must take it, or block.
 *
 * What a request asks for was inside the medium when it was submitted: sizes that change are the medium's to mind.
 */
#define PYSRP_MEDIUM "pysrp.medium.1"

enum pysrp_operation {
	PYSRP_READ = 1,
	PYSRP_WRITE,
	PYSRP_FLUSH,		/* all that was written before is on the medium when it is over */
	PYSRP_ZERO,		/* `length` bytes read as zeros from then on */
	PYSRP_DISCARD,		/* `length` bytes are of no use any more */
	/*
	 * Which of `length` bytes, 1 or more, take room; only with PYSRP_HAS_EXTENTS. The buffer is an array of struct
	 * pysrp_extent, all zeros: the first ones are filled in, from `offset` on, one at least, and as many as there is room for.
	 * `done` is how many bytes they are about. It may be fewer than `length`.
	 */
	PYSRP_EXTENTS,
	/*
	 * Only with PYSRP_HAS_COMPARE. There are two buffers of `length` bytes each: if what is on the medium is the first one,
	 * the second one takes its place, and nobody who reaches the medium by whatever way comes in between. EILSEQ: it is
	 * not. EOPNOTSUPP: it cannot do that with these bytes, and nobody else changes
	 * the medium; EXDEV: it cannot, and somebody else may.
	 */
	PYSRP_COMPARE,
};

struct pysrp_extent {
	uint64_t length;	/* bytes, 1 or more */
	uint64_t mapped;	/* whether they take room. What does not reads as zeros */
};

/* Flags of a request. */
/*
 * Only with PYSRP_HAS_FUA. Of a WRITE, ZERO or COMPARE: on the medium when it is over. Of a READ: what of these bytes is only in a
 * volatile cache has been put on the medium before they are read.
 */
#define PYSRP_FUA 1u
/* Over at once, or EAGAIN: then it is submitted again. More than `done` may have been moved by then, also of a WRITE. */
#define PYSRP_NOWAIT 2u

/* Features of a medium. */
#define PYSRP_HAS_FUA 1u
#define PYSRP_HAS_DISCARD 2u	/* makes use of it */
#define PYSRP_HAS_ZERO 4u	/* writes no zeros for it */
#define PYSRP_HAS_NOWAIT 8u	/* does some things at once */
#define PYSRP_VOLATILE 16u	/* what is flushed is gone with the power all the same */
#define PYSRP_ROTATING 32u
#define PYSRP_READ_ONLY 64u
#define PYSRP_DISCARD_ZEROS 128u	/* what is discarded reads as zeros */
#define PYSRP_HAS_EXTENTS 256u	/* knows them */
#define PYSRP_ATOMIC 512u	/* what one WRITE brings is there whole or not at all, also after a loss of power */
#define PYSRP_HAS_COMPARE 1024u	/* compares and writes as one, whoever else has it open */

#define PYSRP_NOWHERE UINT64_MAX

/* The epoll_data.u64 of what a medium puts into a loop's epoll instance. */
#define PYSRP_LISTENS UINT64_MAX

struct pysrp_buffer {
	uint8_t *bytes;
	size_t length;
};

/* One request. It and its buffers are the submitter's, and stay where they are until it is over. */
struct pysrp_io {
	uint64_t offset, length;	/* bytes */
	const struct pysrp_buffer *buffers;	/* of a READ or WRITE: `length` bytes together; of EXTENTS: one; of COMPARE: two */
	size_t count;
	uint32_t operation, flags;

	/* What became of it, when it is over. */
	uint64_t done;		/* bytes moved, from the first on; fewer without an error: the rest was not tried */
	uint64_t bad;		/* the first byte of the medium that the error is about, or PYSRP_NOWHERE */
	int error;		/* an errno, 0 for none. EAGAIN: there are too many; EOPNOTSUPP: it cannot do that */

	/* The medium's own while it has it. */
	struct pysrp_io *next;
	void *back;
};

enum pysrp_submitted {
	PYSRP_OVER,		/* it is over, and reap() does not give it */
	PYSRP_PENDING,		/* reap() gives it when it is */
};

struct pysrp_medium {
	size_t size;		/* sizeof(struct pysrp_medium), as the provider knows it */
	void *self;
	uint32_t block;		/* offsets and lengths are multiples of this */
	uint32_t features;
	uint8_t *memory;	/* all of it, where it is memory of this process; else NULL */

	/* Its size in bytes, now. */
	uint64_t (*bytes)(void *self);

	/*
	 * A channel for one loop, NULL where there is none. The medium calls ring(bell) when there is something to reap
	 * where there was nothing, from any thread, with no lock held that one of these functions takes.
	 */
	void *(*open)(void *self, void (*ring)(void *bell), void *bell);

	/*
	 * No request is pending, nothing more is submitted, and nobody is in another function of the channel: by any
	 * thread. After this the bell is not rung; a call of ring() that goes on is waited for.
	 */
	void (*close)(void *channel);

	enum pysrp_submitted (*submit)(void *channel, struct pysrp_io *io);

	/* One that is over, NULL when there is none. */
	struct pysrp_io *(*reap)(void *channel);

	/* Not 0: it never began, and never will; reap() does not give it. 0: it runs on, and reap() gives it. */
	int (*withdraw)(void *channel, struct pysrp_io *io);

	/*
	 * What follows spares threads, bells and system calls where the loop can look by itself; NULL for both: the medium
	 * rings, always.
	 *
	 * From now on the loop sleeps on this epoll(7) instance, and looks as said below. The medium may put a descriptor there
	 * that is readable when something is over, with PYSRP_LISTENS and EPOLLET. -1: the loop listens no more, and is rung
	 * for all that nobody has reaped by then.
	 */
	void (*listen)(void *channel, int epoll);

	/*
	 * Of a loop that listens, with something pending: begin what has been submitted, which may wait until then, so that
	 * several go together. Not 0: there is something to reap. 0: from now on the medium rings, or its descriptor is
	 * readable, when there is, at once if the loop `sleeps`; else it looks again in a millisecond or two, and need be woken
	 * for what is worth it, or when nothing more is coming. Looking often costs little.
	 */
	int (*look)(void *channel, int sleeps);
};

#endif
