/*
 * Every behaviour that a processor may show, one after the other: a header of src/_fast/ is compiled as it stands, but its
 * atomic operations are those below, and its threads are coroutines of one. What a load may see, and which thread goes on,
 * is a choice; all choices are tried.
 *
 * The memory is that of C11, as RC11 has it (Lahav et al., "Repairing sequential consistency in C/C++11", 2017), worked by
 * views (Kang et al., "A promising semantics", 2017, without the promises). Each location keeps all that was stored
 * there, in order. A thread knows of each location how far it has seen, and sees that or anything later: stores of one
 * thread reach others in any order, and each at another time, as on POWER. A release gives what is known along, an
 * acquire takes it; a fence that is sequentially consistent does both with one view that all such fences share. A compiler
 * makes of these orders what the processor needs for them: lwsync, sync, isync on POWER.
 *
 * Without promises no load sees a store that its own thread's later stores lead to. What that could spoil is data, and data
 * (model_data) is not believed to be in any order: two accesses, one of them a store, of which neither happens before the
 * other are an error, whatever they would see here. Accesses with __ATOMIC_SEQ_CST are release and acquire, and what one of
 * them has seen or stored at a place no later one misses there; what C11 says of them and fences together is left out.
 */
#ifndef MODEL_H
#define MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { THREADS = 3, PLACES = 24, STORES = 24, CHOICES = 512, STACK = 1 << 16 };

/* What is known: of each place the store that was seen last, of each thread how far it had come. */
struct knowledge {
	uint8_t seen[PLACES];
	uint16_t clock[THREADS];
};

struct store {
	uint64_t value;
	struct knowledge gives;
	int of_swap;		/* it took the place of the one before it, and nothing comes between */
};

struct place {
	const volatile void *address;
	struct store store[STORES];
	uint8_t order[STORES];	/* the stores as they follow each other; a view names a store by its number */
	int stores;
	/* Data: when each thread read and wrote it last. */
	int data;
	uint16_t read[THREADS], wrote[THREADS];
};

struct thread {
	struct knowledge now, by_acquire, by_release;
	ucontext_t context;
	int over, waits;
	const volatile void *for_place;
};

static struct place model_places[PLACES];
static struct thread model_threads[THREADS];
static struct knowledge model_fences, model_sequence;
static int model_used, model_self, model_count;
static ucontext_t model_main;
static int model_chosen[CHOICES], model_of[CHOICES], model_at, model_known;
static enum { GOES_ON, PRUNED, WRONG } model_state;
static char model_text[256];
static void (*model_work[THREADS])(void);
static char model_stack[THREADS][STACK];

static void model_leave(void)
{
	swapcontext(&model_threads[model_self].context, &model_main);
}

static void model_wrong(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(model_text, sizeof(model_text), format, list);
	va_end(list);
	model_state = WRONG;
	model_leave();
}

#define MODEL_CHECK(condition) do { if (!(condition)) model_wrong("%s: not so: %s", __func__, #condition); } while (0)

/* Only executions where this is so are of interest: others are those where it takes longer. */
static void model_assume(int condition)
{
	if (condition)
		return;
	model_state = PRUNED;
	model_leave();
}

static int model_choose(int count)
{
	if (count == 1)
		return 0;
	if (model_at == CHOICES)
		exit((fprintf(stderr, "too many choices\n"), 3));
	if (model_at == model_known) {
		model_chosen[model_at] = 0;
		model_of[model_at] = count;
		model_known++;
	}
	return model_chosen[model_at++];
}

static struct place *model_place(const volatile void *address, size_t size)
{
	struct place *place;
	int i;

	for (i = 0; i < model_used; i++)
		if (model_places[i].address == address)
			return &model_places[i];
	if (model_used == PLACES)
		exit((fprintf(stderr, "too many places\n"), 3));
	place = &model_places[model_used++];
	memset(place, 0, sizeof(*place));
	place->address = address;
	place->stores = 1;
	memcpy(&place->store[0].value, (const void *)address, size);
	return place;
}

static int model_position(const struct place *place, int number)
{
	int i = 0;

	while (place->order[i] != number)
		i++;
	return i;
}

static void model_join(struct knowledge *mine, const struct knowledge *other, int clocks)
{
	int i;

	for (i = 0; i < model_used; i++)
		if (model_position(&model_places[i], other->seen[i]) > model_position(&model_places[i], mine->seen[i]))
			mine->seen[i] = other->seen[i];
	for (i = 0; clocks && i < THREADS; i++)
		if (other->clock[i] > mine->clock[i])
			mine->clock[i] = other->clock[i];
}

#define MODEL_ACQUIRES(order) ((order) == __ATOMIC_ACQUIRE || (order) == __ATOMIC_ACQ_REL || (order) == __ATOMIC_SEQ_CST)
#define MODEL_RELEASES(order) ((order) == __ATOMIC_RELEASE || (order) == __ATOMIC_ACQ_REL || (order) == __ATOMIC_SEQ_CST)

/* Another thread may go on before each step, but for data, about which nobody relies on what he sees. */
static struct thread *model_step(const struct place *place)
{
	if (!place || !place->data)
		model_leave();
	model_threads[model_self].now.clock[model_self]++;
	return &model_threads[model_self];
}

static void model_race(struct place *place, int writes)
{
	struct thread *self = &model_threads[model_self];
	int i;

	for (i = 0; i < THREADS; i++)
		if (place->wrote[i] > self->now.clock[i] || (writes && place->read[i] > self->now.clock[i]))
			model_wrong("data that thread %d %s is not in any order with what thread %d does", i,
				    place->wrote[i] > self->now.clock[i] ? "writes" : "reads", model_self);
	(writes ? place->wrote : place->read)[model_self] = self->now.clock[model_self];
}

/* How far this place is known of by who asks for it in this order. */
static int model_from(const struct thread *self, const struct place *place, int order)
{
	int which = place - model_places, from = model_position(place, self->now.seen[which]), there;

	there = order == __ATOMIC_SEQ_CST ? model_position(place, model_sequence.seen[which]) : 0;
	return there > from ? there : from;
}

/* All of those in that order see this store, or a later one. */
static void model_in_sequence(const struct place *place, int number, int order)
{
	if (order == __ATOMIC_SEQ_CST)
		model_sequence.seen[place - model_places] = number;
}

static struct store *model_see(struct thread *self, struct place *place, int position, int order)
{
	struct store *store = &place->store[place->order[position]];

	self->now.seen[place - model_places] = place->order[position];
	model_in_sequence(place, place->order[position], order);
	model_join(&self->by_acquire, &store->gives, 1);
	if (MODEL_ACQUIRES(order))
		model_join(&self->now, &store->gives, 1);
	return store;
}

static uint64_t model_load(const volatile void *address, size_t size, int order)
{
	struct place *place = model_place(address, size);
	struct thread *self = model_step(place);
	int from = model_from(self, place, order);

	if (place->data) {
		model_race(place, 0);
		from = place->stores - 1;
	}
	/* The newest first. */
	return model_see(self, place, place->stores - 1 - model_choose(place->stores - from), order)->value;
}

static void model_put(struct thread *self, struct place *place, int position, uint64_t value, int order,
		      const struct store *swapped)
{
	int number = place->stores++, which = place - model_places;
	struct store *store = &place->store[number];

	if (place->stores == STORES)
		exit((fprintf(stderr, "too many stores\n"), 3));
	memmove(&place->order[position + 1], &place->order[position], number - position);
	place->order[position] = number;
	self->now.seen[which] = number;
	model_in_sequence(place, number, order);
	store->value = value;
	store->of_swap = swapped != NULL;
	store->gives = MODEL_RELEASES(order) ? self->now : self->by_release;
	store->gives.seen[which] = number;
	if (swapped)
		model_join(&store->gives, &swapped->gives, 1);
	model_join(&self->by_acquire, &self->now, 1);
}

static void model_store(volatile void *address, size_t size, uint64_t value, int order)
{
	struct place *place = model_place(address, size);
	struct thread *self = model_step(place);
	int from = model_from(self, place, order) + 1, i, free = 0;
	int at[STORES];

	if (place->data) {
		model_race(place, 1);
		from = place->stores;
	}
	/* Behind what it knows of, in any place; the last first. */
	for (i = place->stores; i >= from; i--)
		if (i == place->stores || !place->store[place->order[i]].of_swap)
			at[free++] = i;
	model_put(self, place, at[model_choose(free)], value, order, NULL);
}

/* One step that reads, and writes if change() says so. It reads what no other such step has replaced. */
static uint64_t model_swap(volatile void *address, size_t size, int order, int failed, int (*change)(uint64_t *value, uint64_t by, uint64_t with),
			   uint64_t by, uint64_t with, int *done)
{
	struct place *place = model_place(address, size);
	struct thread *self = model_step(place);
	int from = model_from(self, place, order), i, free = 0, at[STORES];
	uint64_t value, old;
	struct store *store;

	for (i = place->stores - 1; i >= from; i--) {
		value = place->store[place->order[i]].value;
		/* One that changes nothing is a load. */
		if (i == place->stores - 1 || !place->store[place->order[i + 1]].of_swap || !change(&value, by, with))
			at[free++] = i;
	}
	i = at[model_choose(free)];
	old = value = place->store[place->order[i]].value;
	*done = change(&value, by, with);
	store = model_see(self, place, i, *done ? order : failed);
	if (*done)
		model_put(self, place, i + 1, value, order, store);
	return old;
}

static int model_change(uint64_t *value, uint64_t by, uint64_t with)
{
	if (*value != by)
		return 0;
	*value = with;
	return 1;
}

static int model_exchange(uint64_t *value, uint64_t by, uint64_t with) { return *value = by, (void)with, 1; }
static int model_or(uint64_t *value, uint64_t by, uint64_t with) { return *value |= by, (void)with, 1; }
static int model_and(uint64_t *value, uint64_t by, uint64_t with) { return *value &= by, (void)with, 1; }
static int model_sub(uint64_t *value, uint64_t by, uint64_t with) { return *value -= by, (void)with, 1; }

static uint64_t model_always(volatile void *address, size_t size, int order, int (*change)(uint64_t *, uint64_t, uint64_t), uint64_t by)
{
	int done;

	return model_swap(address, size, order, order, change, by, 0, &done);
}

static int model_compare(volatile void *address, size_t size, void *expected, uint64_t with, int order, int failed)
{
	uint64_t by = 0, old;
	int done;

	memcpy(&by, expected, size);
	old = model_swap(address, size, order, failed, model_change, by, with, &done);
	if (!done)
		memcpy(expected, &old, size);
	return done;
}

static void model_fence(int order)
{
	struct thread *self = model_step(NULL);

	if (MODEL_ACQUIRES(order))
		model_join(&self->now, &self->by_acquire, 1);
	if (order == __ATOMIC_SEQ_CST) {
		model_join(&self->now, &model_fences, 0);
		model_join(&model_fences, &self->now, 0);
	}
	if (MODEL_RELEASES(order))
		self->by_release = self->now;
}

/* These bytes are data: who uses them relies on an order. */
static void model_data(const volatile void *address, size_t size)
{
	model_place(address, size)->data = 1;
}

/* Until somebody has stored something else than 0 there, and takes it: a descriptor of the kernel's that somebody sleeps on. */
static void model_sleep(uint64_t *bell)
{
	struct thread *self = &model_threads[model_self];

	self->waits = 1;
	self->for_place = bell;
	model_leave();
	self->waits = 0;
	model_always(bell, sizeof(*bell), __ATOMIC_ACQ_REL, model_exchange, 0);
}

static void model_ring(uint64_t *bell)
{
	model_always(bell, sizeof(*bell), __ATOMIC_ACQ_REL, model_exchange, 1);
}

static void model_begin(int number)
{
	model_work[number]();
	model_threads[number].over = 1;
	model_leave();
}

static int model_can_run(int number)
{
	struct thread *thread = &model_threads[number];
	struct place *place;

	if (thread->over || !thread->waits)
		return !thread->over;
	place = model_place(thread->for_place, 8);
	return place->store[place->order[place->stores - 1]].value != 0;
}

/* One execution, as the choices say. */
static void model_once(void (*setup)(void))
{
	int i, ready[THREADS], count;

	model_state = GOES_ON;
	model_at = model_used = 0;
	memset(model_threads, 0, sizeof(model_threads));
	memset(&model_fences, 0, sizeof(model_fences));
	memset(&model_sequence, 0, sizeof(model_sequence));
	setup();
	for (i = 0; i < model_count; i++) {
		getcontext(&model_threads[i].context);
		model_threads[i].context.uc_stack.ss_sp = model_stack[i];
		model_threads[i].context.uc_stack.ss_size = STACK;
		makecontext(&model_threads[i].context, (void (*)(void))model_begin, 1, i);
	}
	for (;;) {
		for (i = count = 0; i < model_count; i++)
			if (model_can_run(i))
				ready[count++] = i;
		if (!count)
			break;
		model_self = ready[model_choose(count)];
		swapcontext(&model_main, &model_threads[model_self].context);
		if (model_state != GOES_ON)
			return;
	}
	for (i = 0; i < model_count; i++)
		if (!model_threads[i].over) {
			snprintf(model_text, sizeof(model_text), "thread %d sleeps, and nobody will wake it", i);
			model_state = WRONG;
			return;
		}
}

/* All executions of these threads; 1 and what is wrong, if one is. */
static int model_run(const char *name, void (*setup)(void), int count, void (**work)(void))
{
	long executions = 0, whole = 0;

	model_count = count;
	memcpy(model_work, work, count * sizeof(*work));
	model_known = 0;
	do {
		model_once(setup);
		executions++;
		whole += model_state == GOES_ON;
		if (model_state == WRONG) {
			printf("%s: %s (execution %ld)\n", name, model_text, executions);
			return 1;
		}
		model_known = model_at;
		while (model_known && model_chosen[model_known - 1] + 1 == model_of[model_known - 1])
			model_known--;
		if (model_known)
			model_chosen[model_known - 1]++;
	} while (model_known);
	printf("%s: %ld executions, %ld to their end\n", name, executions, whole);
	return !whole;
}

#define MODEL_READ(data) model_load(&(data), sizeof(data), __ATOMIC_RELAXED)
#define MODEL_WRITE(data, value) model_store(&(data), sizeof(data), value, __ATOMIC_RELAXED)
#define MODEL_TYPE(p) __typeof__(*(p))
#define __atomic_load_n(p, order) ((MODEL_TYPE(p))model_load(p, sizeof(*(p)), order))
#define __atomic_store_n(p, value, order) model_store(p, sizeof(*(p)), value, order)
#define __atomic_exchange_n(p, value, order) ((MODEL_TYPE(p))model_always(p, sizeof(*(p)), order, model_exchange, value))
#define __atomic_fetch_or(p, value, order) ((MODEL_TYPE(p))model_always(p, sizeof(*(p)), order, model_or, value))
#define __atomic_fetch_and(p, value, order) ((MODEL_TYPE(p))model_always(p, sizeof(*(p)), order, model_and, value))
#define __atomic_add_fetch(p, value, order) __atomic_sub_fetch(p, -(value), order)
#define __atomic_sub_fetch(p, value, order) ((MODEL_TYPE(p))(model_always(p, sizeof(*(p)), order, model_sub, value) - (value)))
#define __atomic_compare_exchange_n(p, expected, value, weak, order, failed) \
	model_compare(p, sizeof(*(p)), expected, value, order, failed)
#define __atomic_thread_fence(order) model_fence(order)

#endif
