/*
 * Two threads at one gate: a loop whose commands change plain memory, and somebody who closes the gate, waits until it is
 * drained, changes the same memory, and opens it again. ThreadSanitizer reports an order that is missing (it knows the
 * orders that are written, not those that this processor adds); a count that is wrong shows in the memory.
 *
 * ROUNDS, HOW: 0: told by the last command; 1: asks until nothing is under way.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate.h"

static struct pysrp_gate *gate;
static long behind[2], rounds, how;
static int told, over, passed;

static void *loop(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		if (!pysrp_gate_enter(gate, PYSRP_STOPS_READS)) {
			sched_yield();
			continue;
		}
		behind[0]++;
		behind[1]++;
		__atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED);
		if (pysrp_gate_leave(gate)) {
			pysrp_gate_told(gate);
			__atomic_store_n(&told, 1, __ATOMIC_RELEASE);	/* in the lane: under the interpreter's lock */
		}
	}
	return unused;
}

static void drain(void)
{
	if (how) {
		while (pysrp_gate_await(gate))
			sched_yield();
	} else if (pysrp_gate_await(gate)) {
		while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
			sched_yield();
		__atomic_store_n(&told, 0, __ATOMIC_RELAXED);
	}
}

int main(int count, char **given)
{
	pthread_t thread;
	long before = 0;

	rounds = atol(given[1]);
	how = atol(given[2]);
	gate = pysrp_gate_new();
	pthread_create(&thread, NULL, loop, NULL);
	for (long i = 0; i < rounds; i++) {
		if (pysrp_gate_close(gate, PYSRP_RESERVED))
			drain();
		if (behind[0] != behind[1] || behind[0] < before)
			return printf("a command is under way: %ld, %ld\n", behind[0], behind[1]), 1;
		before = ++behind[0];
		behind[1]++;
		int then = __atomic_load_n(&passed, __ATOMIC_RELAXED);

		pysrp_gate_open(gate, PYSRP_RESERVED);
		while (__atomic_load_n(&passed, __ATOMIC_RELAXED) == then)
			sched_yield();
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	free(gate);
	return count != 3;
}
