/*
 * How a medium wakes the loop that submits to it. Each channel has a bell, which the medium rings from any thread,
 * without the interpreter's lock. All bells of a loop set one flag, its ear.
 *
 * The medium sets the bell first and then the ear; the loop clears the ear first and then the bells. So the loop finds
 * each bell that was rung at once, or finds the ear set again. While the ear is set, the loop need not be woken again,
 * as it looks at the ear before it sleeps.
 */
#ifndef PYSRP_EAR_H
#define PYSRP_EAR_H

#include <stddef.h>
#include <stdint.h>
#include "native.h"

struct pysrp_ear {
	uint32_t rung;		/* a bell was rung since the loop cleared this */
	const struct pysrp_link *link;	/* its wake() wakes the loop */
};

struct pysrp_bell {
	uint32_t rung;		/* there is, or was, something to reap */
	uint32_t ringing;	/* threads in pysrp_bell_ring() */
	struct pysrp_ear *ear;	/* NULL: the loop has none, and is told with the interpreter's lock held */
	void *owner;		/* the Python object that this bell is in; used only with the interpreter's lock */
};

/* Ring. Not 0: there is no ear, and the caller has to tell the loop, with the interpreter's lock. */
static inline int pysrp_bell_ring(struct pysrp_bell *bell)
{
	struct pysrp_ear *ear;

	/* Release: a loop that reads it set (acquire) finds the requests that are over. */
	__atomic_store_n(&bell->rung, 1, __ATOMIC_RELEASE);
	/*
	 * Sequentially consistent, as in pysrp_bell_take_down(): that takes the ear away and then reads `ringing`; this
	 * counts itself in `ringing` and then reads the ear. So at least one of the two sees the other.
	 */
	__atomic_add_fetch(&bell->ringing, 1, __ATOMIC_SEQ_CST);
	ear = __atomic_load_n(&bell->ear, __ATOMIC_SEQ_CST);
	/* Release: the bell is set before the ear. No acquire: nothing that the loop has written is read here. */
	if (ear && !__atomic_exchange_n(&ear->rung, 1, __ATOMIC_RELEASE))
		ear->link->wake(ear->link->self);
	/* Release: a thread that reads 0 (acquire) may free the ear. */
	__atomic_sub_fetch(&bell->ringing, 1, __ATOMIC_RELEASE);
	return !ear;
}

/* Whether a thread is in pysrp_bell_ring(), and may use the ear that the bell had. */
static inline int pysrp_bell_rings(const struct pysrp_bell *bell)
{
	return __atomic_load_n(&bell->ringing, __ATOMIC_SEQ_CST) != 0;
}

/*
 * From now on this bell rings `ear`; NULL: none. The caller has the interpreter's lock, and reaps afterwards: requests
 * that were over before rang no ear.
 */
static inline void pysrp_bell_hang(struct pysrp_bell *bell, struct pysrp_ear *ear)
{
	__atomic_store_n(&bell->ear, ear, __ATOMIC_SEQ_CST);
}

/* The bell has no ear any more. Waits for threads that ring, as long as a wake() takes: then the ear may be freed. */
static inline void pysrp_bell_take_down(struct pysrp_bell *bell)
{
	pysrp_bell_hang(bell, NULL);
	while (pysrp_bell_rings(bell))
		;
}

/* Whether a word is set. Relaxed: a loop that sees it too late is woken. */
static inline int pysrp_rung(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) != 0;
}

/* Whether a word is set; clears it. Cheap where it is not set. */
static inline int pysrp_heard(uint32_t *word)
{
	/* Acquire: this sees what was done before the word was set, and reads the next word after this one. */
	return pysrp_rung(word) && __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE);
}

#endif
