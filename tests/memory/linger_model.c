/* A loop that lingers before it sleeps (Waiter in fabric_wait.pxi), with the bell of a medium (ear.h): it misses no ring. */
#include "model.h"
#include "ear.h"
#include "fabric.h"

static struct pysrp_ear ear;
static struct pysrp_bell bell;
static struct pysrp_link loop;
static uint64_t over, woken;
static uint32_t stirred, asleep;

/* Waiter.stir() */
static void stir(void *self)
{
	shared_set(&stirred, 1);
	if (shared_wakes(&asleep))
		model_ring(&woken);
}

static void clean(void)
{
	loop = (struct pysrp_link){ .wake = stir };
	ear = (struct pysrp_ear){ .link = &loop };
	bell = (struct pysrp_bell){ .ear = &ear };
	woken = stirred = asleep = 0;
	model_data(&over, sizeof(over));
}

static void ends(void)
{
	MODEL_WRITE(over, 1);
	pysrp_bell_ring(&bell);
}

/* Waiter.linger(), and Waiter.pause() if that has found nothing. */
static void lingers(void)
{
	if (shared_get(&stirred))
		shared_swap(&stirred, 0);
	if (!shared_get(&ear.rung)) {
		shared_arm(&asleep);
		if (!shared_get(&stirred))
			model_sleep(&woken);
	}
	MODEL_CHECK(pysrp_heard(&ear.rung) && pysrp_heard(&bell.rung));
	MODEL_CHECK(MODEL_READ(over) == 1);
}

int main(void)
{
	void (*threads[])(void) = { ends, lingers };

	return model_run("a loop that lingers", clean, 2, threads);
}
