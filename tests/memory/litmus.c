/*
 * What the model itself can do, by the tests that everybody knows (Maranget, Sarkar and Sewell, "A tutorial introduction to
 * the ARM and POWER relaxed memory models", 2012): what POWER allows is seen, and what a fence forbids is not.
 */
#include "model.h"

static uint64_t x, y, seen[4], data;
static int order_of_stores, order_of_loads, fence;

static void store(uint64_t *at, uint64_t value, int order) { __atomic_store_n(at, value, order); }
static uint64_t load(uint64_t *at, int order) { return __atomic_load_n(at, order); }
static void between(void) { if (fence) __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static void clean(void)
{
	x = y = data = 0;
	memset(seen, 9, sizeof(seen));
	model_data(&data, sizeof(data));
}

static int hits;

static void mp_writes(void) { store(&x, 1, __ATOMIC_RELAXED); between(); store(&y, 1, order_of_stores); }
static void mp_reads(void) { seen[0] = load(&y, order_of_loads); between(); seen[1] = load(&x, __ATOMIC_RELAXED); hits += seen[0] && !seen[1]; }
static void data_writes(void) { MODEL_WRITE(data, 1); store(&y, 1, order_of_stores); }
static void data_reads(void) { if (load(&y, order_of_loads)) MODEL_CHECK(MODEL_READ(data) == 1); }
static void lb_reads(void) { if (load(&y, __ATOMIC_ACQUIRE)) MODEL_WRITE(data, 1); }
static void lb_writes(void) { MODEL_READ(data); store(&y, 1, order_of_stores); }
static void sb(uint64_t *mine, uint64_t *other, int which)
{
	store(mine, 1, order_of_stores);
	between();
	seen[which] = load(other, order_of_loads);
	if (seen[1 - which] != 0x0909090909090909)
		hits += !seen[0] && !seen[1];
}
static void sb_0(void) { sb(&x, &y, 0); }
static void sb_1(void) { sb(&y, &x, 1); }
static void iriw_x(void) { store(&x, 1, order_of_stores); }
static void wrc_y(void) { if (load(&x, order_of_loads)) store(&y, 1, order_of_stores); }
static void wrc_z(void) { if (load(&y, order_of_loads)) hits += !load(&x, __ATOMIC_RELAXED); }
static void corr(void) { seen[0] = load(&x, __ATOMIC_RELAXED); seen[1] = load(&x, __ATOMIC_RELAXED); hits += seen[0] && !seen[1]; }
static void w_x(void) { store(&x, 1, __ATOMIC_RELAXED); between(); store(&y, 2, order_of_stores); }
static void w_y(void)
{
	store(&y, 1, __ATOMIC_RELAXED);
	between();
	store(&x, 2, order_of_stores);
}
static void w_ends(void)
{
	/* 2+2W: both first stores are the last ones. */
	struct place *px = model_place(&x, 8), *py = model_place(&y, 8);

	model_assume(px->stores == 3 && py->stores == 3);
	hits += px->store[px->order[2]].value == 1 && py->store[py->order[2]].value == 1;
}
static void sums(void) { __atomic_sub_fetch(&x, -1, __ATOMIC_RELAXED); }
static void sum(void) { model_assume(model_place(&x, 8)->stores == 3); hits += load(&x, __ATOMIC_RELAXED) > 2; }
static void sleeps(void) { model_sleep(&y); }

static int bad;

/* What happens is what is expected: 1: it is seen; 0: never; 2: an error is found. */
static void expect(const char *name, int what, int stores, int loads, int fences, int count, void (*a)(void), void (*b)(void), void (*c)(void))
{
	void (*work[])(void) = { a, b, c };
	int wrong;

	order_of_stores = stores;
	order_of_loads = loads;
	fence = fences;
	hits = 0;
	wrong = model_run(name, clean, count, work);
	if ((wrong ? 2 : hits > 0) != what)
		bad = printf("NOT AS EXPECTED: %s\n", name);
}

int main(void)
{
	const int no = __ATOMIC_RELAXED, rel = __ATOMIC_RELEASE, acq = __ATOMIC_ACQUIRE, seq = __ATOMIC_SEQ_CST;

	expect("MP", 1, no, no, 0, 2, mp_writes, mp_reads, NULL);
	expect("MP, release only", 1, rel, no, 0, 2, mp_writes, mp_reads, NULL);
	expect("MP, acquire only", 1, no, acq, 0, 2, mp_writes, mp_reads, NULL);
	expect("MP, release and acquire", 0, rel, acq, 0, 2, mp_writes, mp_reads, NULL);
	expect("MP, fences", 0, no, no, 1, 2, mp_writes, mp_reads, NULL);
	expect("MP of data, release and acquire", 0, rel, acq, 0, 2, data_writes, data_reads, NULL);
	expect("MP of data, release only", 2, rel, no, 0, 2, data_writes, data_reads, NULL);
	expect("MP of data, acquire only", 2, no, acq, 0, 2, data_writes, data_reads, NULL);
	expect("LB of data, release", 0, rel, acq, 0, 2, lb_reads, lb_writes, NULL);
	expect("LB of data", 2, no, acq, 0, 2, lb_reads, lb_writes, NULL);
	expect("SB", 1, no, no, 0, 2, sb_0, sb_1, NULL);
	expect("SB, release and acquire", 1, rel, acq, 0, 2, sb_0, sb_1, NULL);
	expect("SB, sequentially consistent", 0, seq, seq, 0, 2, sb_0, sb_1, NULL);
	expect("SB, only the loads", 1, rel, seq, 0, 2, sb_0, sb_1, NULL);
	expect("SB, only the stores", 1, seq, acq, 0, 2, sb_0, sb_1, NULL);
	expect("SB, fences", 0, no, no, 1, 2, sb_0, sb_1, NULL);
	expect("WRC", 1, no, no, 0, 3, iriw_x, wrc_y, wrc_z);
	expect("WRC, release and acquire", 0, rel, acq, 0, 3, iriw_x, wrc_y, wrc_z);
	expect("CoRR", 0, no, no, 0, 2, iriw_x, corr, NULL);
	expect("2+2W", 1, no, no, 0, 3, w_x, w_y, w_ends);
	expect("2+2W, releases", 1, rel, no, 0, 3, w_x, w_y, w_ends);
	expect("2+2W, fences", 0, no, no, 1, 3, w_x, w_y, w_ends);
	expect("two that add are never lost", 0, no, no, 0, 3, sums, sums, sum);
	expect("nobody rings", 2, no, no, 0, 2, sleeps, iriw_x, NULL);
	return bad != 0;
}
