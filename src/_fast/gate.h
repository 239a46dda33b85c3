/*
 * A gate between one nexus and one LUN: whether the native lane may do the commands of that nexus for that unit by
 * itself, and how many of them are under way. Any thread closes the gate, for a reason, and opens it again. The
 * commands of one loop enter and leave it, without the interpreter's lock.
 *
 * The reasons and the count are in one word, and each change of that word is one atomic operation. All threads see the
 * changes of one word in one order, on every processor. So either the command enters first, and the thread that closes
 * sees it in the count, or the gate is closed first, and the command sees the reason. With two words a fence would be
 * needed between the store and the load. What remains is the order between the word and the memory behind the gate:
 * each operation below names it, and tests/memory/ tries what it is for.
 */
#ifndef PYSRP_GATE_H
#define PYSRP_GATE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Reasons, one bit each. The code that sets a bit also clears it. */
enum pysrp_reason {
	/* These stop every command: */
	PYSRP_ATTENTION = 1 << 0,	/* a unit attention or deferred error is pending for the nexus */
	PYSRP_RESERVED = 1 << 1,	/* another nexus holds the unit */
	PYSRP_NOT_READY = 1 << 2,	/* the unit is stopped, or has no medium */
	PYSRP_JOB = 1 << 3,		/* a job of the unit refuses commands */
	PYSRP_TASKS = 1 << 4,		/* the engine has tasks of this nexus for the unit, and keeps their order */
	PYSRP_REVOKED = 1 << 5,		/* the grant does not hold any more. Never cleared: ask for another grant */
	PYSRP_STRAGGLERS = 1 << 6,	/* a withdrawn request still runs in the medium; later ones must not overtake it */
	PYSRP_ALONE = 1 << 7,		/* a command has, or waits for, some bytes or the unit for itself alone */
	PYSRP_UNCACHED = 1 << 8,	/* every read has to come from the medium (RCD 1) */
	/* These stop commands that write: */
	PYSRP_PROTECTED = 1 << 16,	/* this LUN or its unit is read-only */
	PYSRP_SWP = 1 << 17,		/* software write protection */
	PYSRP_NO_CACHE = 1 << 18,	/* every write has to be flushed (WCE 0) */
	PYSRP_WATCHED = 1 << 19,	/* the room left has to be checked after every write (LBPERE 1) */
};

#define PYSRP_STOPS_READS 0x0000FFFFu
#define PYSRP_STOPS_WRITES 0xFFFFFFFFu

/* The rest of the word: a flag, that a caller waits until no command is under way; the number of commands under way. */
#define PYSRP_AWAITED (UINT64_C(1) << 32)
#define PYSRP_ONE (UINT64_C(1) << 33)

/* No two gates share a cache line (POWER's has 128 bytes): so loops do not slow each other down. */
#define PYSRP_GATE_LINE 128

struct pysrp_gate {
	_Alignas(PYSRP_GATE_LINE) uint64_t word;
	uint64_t commands[2], blocks[2];	/* READs and WRITEs that the loop has let through, and their blocks */
};

static inline struct pysrp_gate *pysrp_gate_new(void)
{
	struct pysrp_gate *gate = aligned_alloc(PYSRP_GATE_LINE, sizeof(struct pysrp_gate));

	if (gate)
		memset(gate, 0, sizeof(*gate));		/* no order: whatever publishes the gate orders this */
	return gate;
}

/* The word as it is now. Relaxed: decisions are made with the operations below. */
static inline uint64_t pysrp_gate_word(const struct pysrp_gate *gate)
{
	return __atomic_load_n(&gate->word, __ATOMIC_RELAXED);
}

/* Let a command of the loop enter: whether it may. If so it is under way now, else nothing is written. */
static inline int pysrp_gate_enter(struct pysrp_gate *gate, uint32_t reasons)
{
	uint64_t word = pysrp_gate_word(gate);

	do {
		if (word & reasons)
			return 0;
		/*
		 * Acquire: the command sees what was done behind the gate before it was opened (release), and accesses
		 * nothing there before it is counted.
		 */
	} while (!__atomic_compare_exchange_n(&gate->word, &word, word + PYSRP_ONE, 1, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return 1;
}

/* Count a command that entered. Relaxed: only the loop writes, and a reader gets each number as it was or is. */
static inline void pysrp_gate_count(struct pysrp_gate *gate, int write, uint64_t blocks)
{
	__atomic_store_n(&gate->commands[write], gate->commands[write] + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&gate->blocks[write], gate->blocks[write] + blocks, __ATOMIC_RELAXED);
}

static inline uint64_t pysrp_gate_counted(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* A command is over; whether it was the last one, and a caller waits for that. */
static inline int pysrp_gate_leave(struct pysrp_gate *gate)
{
	/* Release: a thread that reads a count of 0 (acquire) sees all accesses of the command; none comes later. */
	uint64_t word = __atomic_sub_fetch(&gate->word, PYSRP_ONE, __ATOMIC_RELEASE);

	return word & PYSRP_AWAITED && word < PYSRP_AWAITED + PYSRP_ONE;
}

/* Close the gate; whether commands are still under way. */
static inline int pysrp_gate_close(struct pysrp_gate *gate, uint32_t reasons)
{
	/* Acquire: if none is under way, this thread sees all that the commands have done. */
	return __atomic_fetch_or(&gate->word, (uint64_t)reasons, __ATOMIC_ACQUIRE) >= PYSRP_ONE;
}

/* Clear these reasons. */
static inline void pysrp_gate_open(struct pysrp_gate *gate, uint32_t reasons)
{
	/* Release: see pysrp_gate_enter(). A command sees what all threads have done that cleared a reason. */
	__atomic_fetch_and(&gate->word, ~(uint64_t)reasons, __ATOMIC_RELEASE);
}

/* Have pysrp_gate_leave() tell when the last command leaves: whether it will. 0: no command is under way. */
static inline int pysrp_gate_await(struct pysrp_gate *gate)
{
	uint64_t word = __atomic_load_n(&gate->word, __ATOMIC_ACQUIRE);		/* as in pysrp_gate_close() */

	do {
		if (word < PYSRP_ONE)
			return 0;
	} while (!__atomic_compare_exchange_n(&gate->word, &word, word | PYSRP_AWAITED, 1, __ATOMIC_ACQUIRE,
					      __ATOMIC_ACQUIRE));
	return 1;
}

/* The loop is about to call those who wait: pysrp_gate_leave() said so. Relaxed: the commands were its own. */
static inline void pysrp_gate_told(struct pysrp_gate *gate)
{
	__atomic_fetch_and(&gate->word, ~PYSRP_AWAITED, __ATOMIC_RELAXED);
}

#endif
