/*
 * The parts of a hypervisor that must be C: queues and translation tables in memory that another
 * process may write at any moment. A value that was read there is copied, as the next read may give
 * another one; none is an index or a length. Each end keeps its place in a queue in private memory, and
 * a slot itself says whether it is free (LoPAR, "Command/Response Queue"), so a partner that scribbles
 * harms its own messages only.
 *
 * One producer, one consumer. When a queue is registered again, the places of both ends stay where they are and do not
 * return to slot 0: a send that overlaps the registration then lands where the consumer looks next. tests/memory/ tries
 * every execution of put, take, post, sleeping and waking.
 */
#ifndef PYSRP_FABRIC_H
#define PYSRP_FABRIC_H

#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "copy.h"
#include "wire.h"

/* Compared with pysrp.papr when pysrp._fast.fabric is loaded. */
enum {
	H_SUCCESS = 0,
	H_CLOSED = 2,
	H_PARAMETER = -4,
	H_NO_MEM = -9,
	H_PERMISSION = -11,
	H_DROPPED = -12,
	H_SOURCE_PARM = -13,
	H_DEST_PARM = -14,
	H_RESOURCE = -16,
};

enum { CRQ_FREE, CRQ_OPEN, CRQ_SUSPENDED };

enum {
	CRQ_VALID = 0x80,
	CRQ_EVENT = 0xff,
	CRQ_OVERWRITTEN = 0x20,	/* status of an event that replaced an element (SLES libsrp.h) */
};

/* What the owner of a queue tells its partner: a cache line of shared memory. */
struct crq_ctl {
	uint32_t state;	/* CRQ_...; the owner writes it, and never reads it back */
	uint32_t armed;	/* the owner sleeps, or is about to: the partner rings once and clears this */
	uint32_t unused[14];
};

/* A slot in memory, big-endian. `hi` is written last: it has the header, which makes the slot valid. */
struct crq_slot {
	uint64_t hi, lo;
};

/* The same in registers, as H_SEND_CRQ takes an element: the header is hi >> 56. */
struct crq_elem {
	uint64_t hi, lo;
};

_Static_assert(sizeof(struct crq_ctl) == 64, "a cache line");
_Static_assert(sizeof(struct crq_slot) == 16, "PAPR");

static inline uint32_t shared_get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void shared_set(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static inline uint32_t shared_swap(uint32_t *word, uint32_t value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

/*
 * Sleeping. The sleeper sets a flag and then looks for work; the waker leaves work and then reads
 * the flag. With a full fence between the two steps on both sides, at least one sees what the other has done.
 */
static inline void shared_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The owner of this flag is about to sleep. It has to look for work once more after this. */
static inline void shared_arm(uint32_t *armed)
{
	shared_set(armed, 1);
	shared_fence();
}

/* Work has been left for the owner of this flag: whether the caller has to ring the owner's doorbell. */
static inline int shared_wakes(uint32_t *armed)
{
	shared_fence();
	return shared_get(armed) && shared_swap(armed, 0);
}

static inline unsigned int crq_header(const struct crq_slot *slot)
{
	return WIRE_BE64(__atomic_load_n(&slot->hi, __ATOMIC_ACQUIRE)) >> 56;
}

static inline void crq_advance(uint32_t *place, uint32_t slots)
{
	*place = *place + 1 == slots ? 0 : *place + 1;
}

/* Producer: put an element. H_SUCCESS, or H_DROPPED if the queue is full. */
static inline int crq_put(struct crq_slot *queue, uint32_t slots, uint32_t *place, uint64_t hi, uint64_t lo)
{
	struct crq_slot *slot = &queue[*place];

	if (crq_header(slot))
		return H_DROPPED;
	__atomic_store_n(&slot->lo, WIRE_BE64(lo), __ATOMIC_RELAXED);
	__atomic_store_n(&slot->hi, WIRE_BE64(hi), __ATOMIC_RELEASE);
	crq_advance(place, slots);
	return H_SUCCESS;
}

/*
 * Producer: put a transport event; if the queue is full, in the last element's place (H_FREE_CRQ). The
 * consumer may be taking that very element: the first of the two to change `hi` wins. If the consumer was
 * faster it has emptied the whole queue, as it takes in order, so the second round finds a free slot.
 * A consumer that does not keep the order gets no event.
 */
static inline void crq_post(struct crq_slot *queue, uint32_t slots, uint32_t *place, unsigned int code)
{
	uint64_t event = (uint64_t)CRQ_EVENT << 56 | (uint64_t)code << 48;
	struct crq_slot *last = &queue[*place ? *place - 1 : slots - 1];
	uint64_t old;
	int round;

	for (round = 0; round < 2; round++) {
		if (crq_put(queue, slots, place, event, 0) == H_SUCCESS)
			return;
		old = __atomic_load_n(&last->hi, __ATOMIC_RELAXED);
		if (WIRE_BE64(old) >> 56 &&
		    __atomic_compare_exchange_n(&last->hi, &old,
						WIRE_BE64(event | (uint64_t)CRQ_OVERWRITTEN << 32), 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return;
	}
}

/* Consumer: 1 and the element, copied once, or 0. The exchange gets an event that just replaced the element, too. */
static inline int crq_take(struct crq_slot *queue, uint32_t slots, uint32_t *place, struct crq_elem *out)
{
	struct crq_slot *slot = &queue[*place];

	if (!crq_header(slot))
		return 0;
	out->lo = WIRE_BE64(__atomic_load_n(&slot->lo, __ATOMIC_RELAXED));
	out->hi = WIRE_BE64(__atomic_exchange_n(&slot->hi, 0, __ATOMIC_ACQ_REL));
	if (out->hi >> 56 == CRQ_EVENT)
		out->lo = 0;
	crq_advance(place, slots);
	return 1;
}

/* Consumer, when no producer is left: if the queue is full, drop the last element, as an event does. Whether it was. */
static inline int crq_drop_last(struct crq_slot *queue, uint32_t slots, uint32_t place)
{
	struct crq_slot *last = &queue[place ? place - 1 : slots - 1];
	uint32_t i;

	for (i = 0; i < slots; i++)
		if (!crq_header(&queue[i]))
			return 0;
	__atomic_store_n(&last->hi, 0, __ATOMIC_RELAXED);
	return 1;
}

/*
 * A DMA window: one TCE for every 4 KiB of bus addresses, which says which page of the partition's memory
 * is mapped there and what the partner may do with it (LoPAR, "Translation Control Entries").
 */
struct tce_window {
	uint8_t *memory;
	uint64_t pages;		/* of memory */
	uint64_t *tce;
	uint64_t entries;	/* of the table */
};

enum { TCE_PAGE = 4096, TCE_SHIFT = 12, TCE_READ = 1, TCE_WRITE = 2 };

static inline uint64_t tce_get(const struct tce_window *w, uint64_t entry)
{
	return __atomic_load_n(&w->tce[entry], __ATOMIC_RELAXED);
}

static inline void tce_set(struct tce_window *w, uint64_t entry, uint64_t tce)
{
	__atomic_store_n(&w->tce[entry], tce, __ATOMIC_RELAXED);
}

static inline int tce_inside(const struct tce_window *w, uint64_t ioba, uint64_t length)
{
	uint64_t size = w->entries << TCE_SHIFT;

	return ioba <= size && length <= size - ioba;
}

/* Whether an entry is valid and allows `access`; 0: any access. */
static inline int tce_allows(const struct tce_window *w, uint64_t tce, unsigned int access)
{
	return tce & 3 && (tce & access) == access && tce >> TCE_SHIFT < w->pages;
}

/* How many of `length` bytes from `ioba` on are in one piece of memory, and allowed; 0 if the first is not allowed. */
static inline uint64_t tce_run(const struct tce_window *w, uint64_t ioba, uint64_t length,
			       unsigned int access, uint8_t **at)
{
	uint64_t entry = ioba >> TCE_SHIFT, offset = ioba & (TCE_PAGE - 1);
	uint64_t run = TCE_PAGE - offset, tce = tce_get(w, entry), page = tce >> TCE_SHIFT;

	if (!tce_allows(w, tce, access))
		return 0;
	*at = w->memory + (page << TCE_SHIFT) + offset;
	while (run < length) {
		tce = tce_get(w, ++entry);
		if (!tce_allows(w, tce, access) || tce >> TCE_SHIFT != ++page)
			break;
		run += TCE_PAGE;
	}
	return run < length ? run : length;
}

/* The memory at `ioba`. NULL if not all bytes are allowed and in one piece, and for length 0. */
static inline uint8_t *tce_reach(const struct tce_window *w, uint64_t ioba, uint64_t length, unsigned int access)
{
	uint8_t *at = NULL;

	if (!length || !tce_inside(w, ioba, length) || tce_run(w, ioba, length, access, &at) != length)
		return NULL;
	return at;
}

/*
 * One H_COPY_RDMA between the window and `local`, to the window if `store`. H_SUCCESS, H_PERMISSION, or H_PARAMETER for
 * bytes outside the window. All entries are checked before the first byte moves, and each again when it is used: the
 * table may change in between.
 */
static inline int tce_copy(const struct tce_window *w, uint64_t ioba, uint8_t *local, uint64_t length, int store)
{
	unsigned int access = store ? TCE_WRITE : TCE_READ;
	uint64_t done, run;
	uint8_t *at = NULL;
	int move;

	if (!tce_inside(w, ioba, length))
		return H_PARAMETER;
	for (move = 0; move < 2; move++)
		for (done = 0; done < length; done += run) {
			run = tce_run(w, ioba + done, length - done, access, &at);
			if (!run)
				return H_PERMISSION;
			if (run == length)
				move = 1;
			if (move && store)
				copy_bytes(at, local + done, run);
			else if (move)
				copy_bytes(local + done, at, run);
		}
	return H_SUCCESS;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__powerpc64__)
	__asm__ volatile("or 27,27,27" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* Whether fd is an ordinary memfd (tmpfs). A page from a pool of huge pages can be missing at the first access. */
static inline int is_tmpfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == 0x01021994;
}

#endif /* PYSRP_FABRIC_H */
