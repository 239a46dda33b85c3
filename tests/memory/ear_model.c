/* The bells of media and the ear of a loop (ear.h): what is over and who finds it, and an ear that goes. */
#include "model.h"
#include "ear.h"

enum { BELLS = 2 };

/* Bells that hang at the ear: who looks, looks at these. */
static int hung = 1;
static struct pysrp_ear ear;
static struct pysrp_bell bells[BELLS];
static struct pysrp_link loop;
static uint64_t over[BELLS], alive, woken;

static void wake(void *self)
{
	MODEL_CHECK(MODEL_READ(alive) == 1);
	model_ring(&woken);
}

static void clean(void)
{
	int i;

	memset(bells, 0, sizeof(bells));
	memset(over, 0, sizeof(over));
	loop = (struct pysrp_link){ .wake = wake };
	ear = (struct pysrp_ear){ .link = &loop };
	woken = 0;
	alive = 1;
	for (i = 0; i < BELLS; i++) {
		bells[i].ear = &ear;
		model_data(&over[i], sizeof(over[i]));
	}
	model_data(&alive, sizeof(alive));
}

/* A medium: something is over. Who finds no ear asks with the interpreter's lock, which is left out. */
static void ends(int number)
{
	MODEL_WRITE(over[number], 1);
	pysrp_bell_ring(&bells[number]);
}

static void first_ends(void) { ends(0); }
static void second_ends(void) { ends(1); }

/* The loop, until it has found so many; it sleeps only where it has not been rung for. */
static void finds(int count)
{
	int found[BELLS] = { 0 }, all = 0, i;

	while (all < count) {
		if (!pysrp_rung(&ear.rung))
			model_sleep(&woken);
		pysrp_heard(&ear.rung);
		for (i = 0; i < hung; i++)
			if (!found[i] && pysrp_heard(&bells[i].rung)) {
				MODEL_CHECK(MODEL_READ(over[i]) == 1);
				found[i] = 1;
				all++;
			}
	}
}

static void finds_one(void) { finds(1); }
static void finds_two(void) { finds(2); }

/* The loop has been rung for before, and has not looked yet. */
static void rung(void)
{
	clean();
	ear.rung = 1;
}

/* Of two media the first one has rung, and the loop is about to look: it must not take what the second one does for that. */
static void first_rung(void)
{
	rung();
	bells[0].rung = 1;
	model_place(&over[0], sizeof(over[0]))->store[0].value = 1;
}

/* The ear goes, as pysrp_bell_take_down() says: who has found it is waited for. */
static void goes(void)
{
	pysrp_bell_hang(&bells[0], NULL);
	model_assume(!pysrp_bell_rings(&bells[0]));
	MODEL_WRITE(alive, 0);
}

int main(void)
{
	void (*one[])(void) = { first_ends, finds_one };
	void (*gone[])(void) = { first_ends, goes };
	void (*other[])(void) = { second_ends, finds_two };
	int bad = 0;

	bad |= model_run("ear, one bell", clean, 2, one);
	bad |= model_run("ear, rung before", rung, 2, one);
	bad |= model_run("ear that goes", clean, 2, gone);
	hung = 2;
	bad |= model_run("ear, two bells, one rung before", first_rung, 2, other);
	return bad;
}
