/* The queue and the doorbell (fabric.h): elements, the data that they lead to, and who sleeps. */
#include "model.h"
#include "fabric.h"

enum { SLOTS = 2 };

static struct crq_slot queue[SLOTS];
static struct crq_ctl ctl;
static uint64_t iu[SLOTS], bell;
static uint32_t put_at, take_at;

static void clean(void)
{
	int i;

	memset(queue, 0, sizeof(queue));
	memset(&ctl, 0, sizeof(ctl));
	bell = put_at = take_at = 0;
	for (i = 0; i < SLOTS; i++) {
		iu[i] = 0;
		model_data(&iu[i], sizeof(iu[i]));
		model_data(&queue[i].lo, sizeof(queue[i].lo));
	}
}

static void put(unsigned int number)
{
	MODEL_WRITE(iu[number % SLOTS], number);
	/* A full queue is tried again. */
	model_assume(crq_put(queue, SLOTS, &put_at, (uint64_t)CRQ_VALID << 56 | number, number) == H_SUCCESS);
}

static void take(unsigned int number)
{
	struct crq_elem found = { 0 };

	model_assume(crq_take(queue, SLOTS, &take_at, &found));
	MODEL_CHECK((uint8_t)found.hi == number && found.lo == number);
	MODEL_CHECK(MODEL_READ(iu[number % SLOTS]) == number);
}

static void puts_two(void) { put(1); put(2); }
static void takes_two(void) { take(1); take(2); }

/* A slot is used again. Its data is free when the element has been answered; here, when the slot is. */
static void puts_again(void)
{
	unsigned int number;

	for (number = 1; number < 4; number++)
		model_assume(crq_put(queue, SLOTS, &put_at, (uint64_t)CRQ_VALID << 56 | number, number) == H_SUCCESS);
}

static void takes_three(void)
{
	struct crq_elem found = { 0 };
	unsigned int number;

	for (number = 1; number < 4; number++) {
		model_assume(crq_take(queue, SLOTS, &take_at, &found));
		MODEL_CHECK((uint8_t)found.hi == number && found.lo == number);
	}
}

/* A transport event, in a queue that is full. */
static void full(void)
{
	unsigned int number;

	clean();
	for (number = 0; number < SLOTS; number++) {
		queue[number].hi = WIRE_BE64((uint64_t)CRQ_VALID << 56 | number);
		model_place(&queue[number].lo, sizeof(queue[number].lo))->store[0].value = WIRE_BE64(number);
	}
}

static void posts(void) { crq_post(queue, SLOTS, &put_at, 2); }

static void takes_all(void)
{
	struct crq_elem found = { 0 };
	int number = 0, event = 0, tries;

	for (tries = 0; tries < 3 && !event; tries++) {
		if (!crq_take(queue, SLOTS, &take_at, &found))
			continue;
		event = found.hi >> 56 == CRQ_EVENT;
		if (event)
			MODEL_CHECK(number == ((found.hi >> 32 & CRQ_OVERWRITTEN) ? SLOTS - 1 : SLOTS));
		else
			MODEL_CHECK((uint8_t)found.hi == number && found.lo == (uint64_t)number++);
	}
}

/* The doorbell: who puts something there, and who is about to sleep. */
static void sends(void)
{
	put(1);
	if (shared_wakes(&ctl.armed))
		model_ring(&bell);
}

static void hears(void)
{
	struct crq_elem found = { 0 };

	shared_arm(&ctl.armed);
	if (!crq_header(&queue[take_at]))
		model_sleep(&bell);
	MODEL_CHECK(crq_take(queue, SLOTS, &take_at, &found));
	MODEL_CHECK(MODEL_READ(iu[1]) == 1);
}

int main(void)
{
	void (*pairs[][2])(void) = { { puts_two, takes_two }, { puts_again, takes_three }, { sends, hears }, { posts, takes_all } };
	int bad = 0;

	bad |= model_run("queue, two elements", clean, 2, pairs[0]);
	bad |= model_run("queue, slots used again", clean, 2, pairs[1]);
	bad |= model_run("doorbell", clean, 2, pairs[2]);
	bad |= model_run("event in a full queue", full, 2, pairs[3]);
	return bad;
}
