/* The gate (gate.h): what is behind it, between a loop's commands and whoever closes it. */
#include "model.h"
#include "gate.h"

static struct pysrp_gate gate;
static uint64_t behind, told;
static int how;

static void clean(void)
{
	gate.word = 0;
	behind = told = 0;
	model_data(&behind, sizeof(behind));
}

static void change(void) { MODEL_WRITE(behind, MODEL_READ(behind) + 1); }

static void commands(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!pysrp_gate_enter(&gate, PYSRP_STOPS_READS))
			continue;
		change();
		if (pysrp_gate_leave(&gate)) {
			pysrp_gate_told(&gate);
			model_ring(&told);	/* in the lane: under the interpreter's lock */
		}
	}
}

/* 0: is told by the last command; 1: asks until nothing is under way; 2: closes it once more to ask. */
static void closes(void)
{
	if (pysrp_gate_close(&gate, PYSRP_RESERVED)) {
		if (how == 0 && pysrp_gate_await(&gate))
			model_sleep(&told);
		if (how == 1)
			model_assume(!pysrp_gate_await(&gate));
		if (how == 2)
			model_assume(!pysrp_gate_close(&gate, PYSRP_RESERVED));
	}
	change();
	pysrp_gate_open(&gate, PYSRP_RESERVED);
}

/* Another one, for another reason: what one opens, the other has closed still. */
static void closes_too(void)
{
	model_assume(!pysrp_gate_close(&gate, PYSRP_JOB));
	pysrp_gate_open(&gate, PYSRP_JOB);
}

static void one(void)
{
	if (pysrp_gate_enter(&gate, PYSRP_STOPS_READS)) {
		change();
		pysrp_gate_leave(&gate);
	}
}

static void opens_first(void) { change(); pysrp_gate_open(&gate, PYSRP_RESERVED); }
static void opens_last(void) { pysrp_gate_open(&gate, PYSRP_JOB); }
static void shut(void) { clean(); gate.word = PYSRP_RESERVED | PYSRP_JOB; }

int main(void)
{
	void (*two[])(void) = { commands, closes };
	void (*three[])(void) = { one, closes, closes_too };
	void (*opened[])(void) = { one, opens_first, opens_last };
	int bad = 0;

	for (how = 0; how < 3; how++)
		bad |= model_run("gate, drained", clean, 2, two);
	how = 1;
	bad |= model_run("gate, closed for two reasons", clean, 3, three);
	bad |= model_run("gate, opened by two", shut, 3, opened);
	return bad;
}
