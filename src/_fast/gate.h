/*
 * A gate between one nexus and one LUN: whether the native lane may do the commands of that nexus for that unit by
 * itself, and how many of them are under way. Whoever has a reason closes the gate, from any thread, and opens it again;
 * one loop goes through it, without the interpreter's lock.
 *
 * Reasons and count are in one word, and each change of it is one atomic operation. All threads see the changes of one
 * word in one order, on every processor; so of a command that goes in and a reason that closes, one is first, and the
 * other sees it: no fence is needed between a store here and a load there, as it would be with two words. What remains
 * is the order of the word and of the memory behind the gate, and that is named at each operation; tests/memory/ tries what
 * each of them is for.
 */
#ifndef PYSRP_GATE_H
#define PYSRP_GATE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Reasons, one bit each. Who sets one clears it. */
enum pysrp_reason {
	/* ... against every command: */
	PYSRP_ATTENTION = 1 << 0,	/* the nexus has something to be told: a unit attention, a deferred error */
	PYSRP_RESERVED = 1 << 1,	/* another nexus holds the unit */
	PYSRP_NOT_READY = 1 << 2,	/* it is stopped, or there is no medium */
	PYSRP_JOB = 1 << 3,		/* something goes on in it that refuses commands */
	PYSRP_TASKS = 1 << 4,		/* the engine has tasks of this nexus for it, whose order is the engine's business */
	PYSRP_REVOKED = 1 << 5,		/* what was granted is not so any more. It is never cleared: ask for another grant */
	PYSRP_STRAGGLERS = 1 << 6,	/* what nobody waits for any more runs on in the medium, and must not be overtaken */
	PYSRP_ALONE = 1 << 7,		/* a command wants to be alone with some bytes or in its unit, or is */
	PYSRP_UNCACHED = 1 << 8,	/* every read has to come from the medium (RCD 1) */
	/* ... against what writes: */
	PYSRP_PROTECTED = 1 << 16,	/* this LUN is read-only, or the unit is */
	PYSRP_SWP = 1 << 17,		/* software write protection */
	PYSRP_NO_CACHE = 1 << 18,	/* every write has to be flushed (WCE 0) */
	PYSRP_WATCHED = 1 << 19,	/* what every write leaves of the room has to be looked at (LBPERE 1) */
};

#define PYSRP_STOPS_READS 0x0000FFFFu
#define PYSRP_STOPS_WRITES 0xFFFFFFFFu

/* The rest of the word: somebody waits until nothing is under way; how many commands are. */
#define PYSRP_AWAITED (UINT64_C(1) << 32)
#define PYSRP_ONE (UINT64_C(1) << 33)

/* No two gates share a cache line (POWER's has 128 bytes): a loop does not notice what is done at another one's. */
#define PYSRP_GATE_LINE 128

struct pysrp_gate {
	_Alignas(PYSRP_GATE_LINE) uint64_t word;
	uint64_t commands[2], blocks[2];	/* READs and WRITEs that the loop has let through, and their blocks */
};

static inline struct pysrp_gate *pysrp_gate_new(void)
{
	struct pysrp_gate *gate = aligned_alloc(PYSRP_GATE_LINE, sizeof(struct pysrp_gate));

	if (gate)
		memset(gate, 0, sizeof(*gate));		/* whoever is given the gate is given it in an ordered way */
	return gate;
}

/* The word as it is now. Relaxed: whoever draws a conclusion does so with one of the operations below. */
static inline uint64_t pysrp_gate_word(const struct pysrp_gate *gate)
{
	return __atomic_load_n(&gate->word, __ATOMIC_RELAXED);
}

/* A command of the loop wants to go in: whether it may, and is under way now. Otherwise nothing is written. */
static inline int pysrp_gate_enter(struct pysrp_gate *gate, uint32_t reasons)
{
	uint64_t word = pysrp_gate_word(gate);

	do {
		if (word & reasons)
			return 0;
		/*
		 * Acquire: what was done behind the gate before it was opened (release) is seen by the command, and the
		 * command touches nothing before it is counted.
		 */
	} while (!__atomic_compare_exchange_n(&gate->word, &word, word + PYSRP_ONE, 1, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return 1;
}

/* Count one that went in. Only the loop counts; who looks meanwhile sees each number as it was or is, so: relaxed. */
static inline void pysrp_gate_count(struct pysrp_gate *gate, int write, uint64_t blocks)
{
	__atomic_store_n(&gate->commands[write], gate->commands[write] + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&gate->blocks[write], gate->blocks[write] + blocks, __ATOMIC_RELAXED);
}

static inline uint64_t pysrp_gate_counted(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* A command is over; whether it was the last one, and somebody waits for that. */
static inline int pysrp_gate_leave(struct pysrp_gate *gate)
{
	/* Release: whoever finds the count at 0 (acquire) sees all that the command has done, and nothing comes later. */
	uint64_t word = __atomic_sub_fetch(&gate->word, PYSRP_ONE, __ATOMIC_RELEASE);

	return word & PYSRP_AWAITED && word < PYSRP_AWAITED + PYSRP_ONE;
}

/* Close it; whether commands are under way still. */
static inline int pysrp_gate_close(struct pysrp_gate *gate, uint32_t reasons)
{
	/* Acquire: if none is under way, all that they have done is seen. */
	return __atomic_fetch_or(&gate->word, (uint64_t)reasons, __ATOMIC_ACQUIRE) >= PYSRP_ONE;
}

/* These reasons are no more. */
static inline void pysrp_gate_open(struct pysrp_gate *gate, uint32_t reasons)
{
	/* Release: see pysrp_gate_enter(). Of several who open it, the last one opens it for what all of them have done. */
	__atomic_fetch_and(&gate->word, ~(uint64_t)reasons, __ATOMIC_RELEASE);
}

/* Have the last command that leaves say so: whether one will. If not, nothing is under way. */
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

/* The loop has told them, after pysrp_gate_leave() said so. Relaxed: it has seen its own commands. */
static inline void pysrp_gate_told(struct pysrp_gate *gate)
{
	__atomic_fetch_and(&gate->word, ~PYSRP_AWAITED, __ATOMIC_RELAXED);
}

#endif
