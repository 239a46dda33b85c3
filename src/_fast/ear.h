/*
 * How a medium wakes the loop that submits to it: it rings the bell of its channel, from any thread and without the
 * interpreter's lock, and the loop hears all its bells with one ear.
 *
 * A bell is rung first and the ear after it, and the loop clears the ear first and the bells after it: so what has been
 * rung is found now, or the ear is set still. While it is set nobody need wake the loop again, as it looks before it sleeps.
 */
#ifndef PYSRP_EAR_H
#define PYSRP_EAR_H

#include <stddef.h>
#include <stdint.h>
#include "native.h"

struct pysrp_ear {
	uint32_t rung;		/* one of the bells has been, since the loop looked */
	const struct pysrp_link *link;	/* what wakes it */
};

struct pysrp_bell {
	uint32_t rung;		/* there is something to reap, or was */
	uint32_t ringing;	/* threads that are at it */
	struct pysrp_ear *ear;	/* NULL: the loop has none, and is told with the interpreter's lock */
	void *owner;		/* for who has that lock: the object that this bell is in */
};

/* Ring; whether somebody has to be told with the interpreter's lock. */
static inline int pysrp_bell_ring(struct pysrp_bell *bell)
{
	struct pysrp_ear *ear;

	/* Release: whoever finds it rung (acquire) finds what is over. */
	__atomic_store_n(&bell->rung, 1, __ATOMIC_RELEASE);
	/*
	 * Sequentially consistent, as what pysrp_bell_hang() does: it takes the ear away and then looks who rings, here
	 * somebody says so and then looks for the ear. One of the two sees the other.
	 */
	__atomic_add_fetch(&bell->ringing, 1, __ATOMIC_SEQ_CST);
	ear = __atomic_load_n(&bell->ear, __ATOMIC_SEQ_CST);
	/* Release: the bell is rung before the ear is. What the loop has done since the last time is not looked at. */
	if (ear && !__atomic_exchange_n(&ear->rung, 1, __ATOMIC_RELEASE))
		ear->link->wake(ear->link->self);
	/* Release: whoever finds nobody ringing (acquire) may let go of the ear. */
	__atomic_sub_fetch(&bell->ringing, 1, __ATOMIC_RELEASE);
	return !ear;
}

/* Whether somebody is at it, who may have found the ear that it had. */
static inline int pysrp_bell_rings(const struct pysrp_bell *bell)
{
	return __atomic_load_n(&bell->ringing, __ATOMIC_SEQ_CST) != 0;
}

/*
 * From now on this ear hears it, NULL: none. By who has the interpreter's lock, and reaps afterwards: what the medium had
 * put where reap() finds it before it rang the ear.
 */
static inline void pysrp_bell_hang(struct pysrp_bell *bell, struct pysrp_ear *ear)
{
	__atomic_store_n(&bell->ear, ear, __ATOMIC_SEQ_CST);
}

/* None does any more, and the one that did may go: those who ring it are waited for, as long as a wake() takes. */
static inline void pysrp_bell_take_down(struct pysrp_bell *bell)
{
	pysrp_bell_hang(bell, NULL);
	while (pysrp_bell_rings(bell))
		;
}

/* Whether a word is set. Relaxed: who sees it too late is woken. */
static inline int pysrp_rung(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) != 0;
}

/* Whether it is; it is not afterwards. Looking costs little where it is not. */
static inline int pysrp_heard(uint32_t *word)
{
	/* Acquire: what was done before it was set is seen, and the next one is not looked at before. */
	return pysrp_rung(word) && __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE);
}

#endif
