/*
 * The floor: the messages of Virtual SCSI between two processes, and nothing else. Per command the client
 * writes a 64-byte command IU and a 16-byte queue element, the server fetches the IU, copies the data between
 * its disk (memory) and the client's, writes a 36-byte response and an element. Both look for elements for a
 * while (SPIN microseconds) and then sleep on an eventfd. Where the scheduler has put both on one processor,
 * which it does whenever others want the rest, nothing can come while one of them looks: then they do not.
 *
 *     floor read|write random|sequential BYTES DEPTH SECONDS SPIN
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

enum { SLOTS = 512, DISK = 64 << 20, COMMAND = 0x02, RESPONSE = 0xc1, READ_10 = 0x28, WRITE_10 = 0x2a, SRP = 0x80 };

struct element {
	_Atomic uint64_t hi;	/* written last, 0 where free */
	uint64_t lo;
};

struct queue {
	_Alignas(64) _Atomic uint32_t asleep;
	_Atomic int cpu;	/* where its consumer was last seen */
	_Alignas(64) struct element slot[SLOTS];
};

struct command {		/* SRP_CMD with one direct descriptor */
	uint8_t opcode, sol_not, reserved[3], formats, out_count, in_count;
	uint64_t tag;
	uint32_t reserved16;
	uint8_t lun[8], reserved28, attribute, reserved30, add_cdb_len;
	uint8_t cdb[16];
	uint64_t address;
	uint32_t key, length;
};

struct response {		/* SRP_RSP without sense */
	uint8_t opcode, sol_not, reserved[2];
	uint32_t delta;
	uint64_t tag;
	uint8_t reserved16[2], flags, status;
	uint32_t out_residual, in_residual, sense_length, data_length;
};

_Static_assert(sizeof(struct command) == 64 && sizeof(struct response) == 36 + 4 /* the compiler's */, "SRP");

struct shared {
	struct queue to_server, to_client;
	_Alignas(256) uint8_t iu[MAX_DEPTH][256];
	_Alignas(4096) uint8_t data[];
};

static struct shared *shared;
static size_t window;
static int server_bell, client_bell;
static int64_t spin;

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

static int ready(const struct queue *q, uint32_t at)
{
	return atomic_load_explicit(&q->slot[at % SLOTS].hi, memory_order_acquire) != 0;
}

static void put(struct queue *q, uint32_t at, uint64_t hi, uint64_t lo)
{
	struct element *e = &q->slot[at % SLOTS];

	e->lo = lo;	/* never full: SLOTS > MAX_DEPTH */
	atomic_store_explicit(&e->hi, hi, memory_order_release);
}

static uint64_t take(struct queue *q, uint32_t at)
{
	struct element *e = &q->slot[at % SLOTS];
	uint64_t lo = e->lo;

	atomic_store_explicit(&e->hi, 0, memory_order_release);
	return lo;
}

static void ring(struct queue *q, int bell)
{
	uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&q->asleep, memory_order_relaxed) && atomic_exchange(&q->asleep, 0) &&
	    write(bell, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* Until there is an element. */
static void pause_for(struct queue *q, uint32_t at, int bell)
{
	struct queue *other = q == &shared->to_server ? &shared->to_client : &shared->to_server;
	int64_t end = spin ? now_ns() + spin : 0;
	int i, cpu = spin ? sched_getcpu() : 0;
	uint64_t count;

	if (spin)
		atomic_store_explicit(&q->cpu, cpu, memory_order_relaxed);
	while (spin && atomic_load_explicit(&other->cpu, memory_order_relaxed) != cpu) {
		for (i = 0; i < 32; i++) {
			if (ready(q, at))
				return;
#if defined(__x86_64__)
			__builtin_ia32_pause();
#endif
		}
		if (now_ns() > end)
			break;
	}
	while (!ready(q, at)) {
		atomic_store(&q->asleep, 1);
		if (ready(q, at)) {
			atomic_store(&q->asleep, 0);
			return;
		}
		if (read(bell, &count, sizeof(count)) != sizeof(count))
			abort();
	}
}

static void serve(void)
{
	uint8_t *disk = malloc(DISK);
	uint64_t iu, lba, bytes, address;
	struct response rsp;
	struct command cmd;
	uint32_t at = 0;

	if (!disk)
		abort();
	memset(disk, 0x5a, DISK);
	for (lba = 0; lba < DISK / BLOCK; lba++)
		memcpy(disk + lba * BLOCK, &lba, sizeof(lba));
	for (;;) {
		if (!ready(&shared->to_server, at)) {
			ring(&shared->to_client, client_bell);
			pause_for(&shared->to_server, at, server_bell);
		}
		iu = take(&shared->to_server, at);
		if (iu >= MAX_DEPTH)
			_exit(0);
		memcpy(&cmd, shared->iu[iu], sizeof(cmd));
		lba = be32(cmd.cdb + 2);
		bytes = (uint64_t)(cmd.cdb[7] << 8 | cmd.cdb[8]) * BLOCK;
		address = __builtin_bswap64(cmd.address);
		memset(&rsp, 0, sizeof(rsp));
		rsp.opcode = RESPONSE;
		rsp.tag = cmd.tag;
		rsp.delta = __builtin_bswap32(1);
		if (cmd.opcode != COMMAND || lba * BLOCK + bytes > DISK || address > window ||
		    bytes > window - address || __builtin_bswap32(cmd.length) != bytes)
			rsp.status = 2;
		else if (cmd.cdb[0] == READ_10)
			memcpy(shared->data + address, disk + lba * BLOCK, bytes);
		else if (cmd.cdb[0] == WRITE_10)
			memcpy(disk + lba * BLOCK, shared->data + address, bytes);
		else
			rsp.status = 2;
		memcpy(shared->iu[iu], &rsp, 36);
		put(&shared->to_client, at++, (uint64_t)SRP << 56 | 36, iu);
	}
}

static void submit(struct load *l, uint32_t iu, uint32_t at)
{
	uint64_t lba = load_lba(l), address = (uint64_t)iu * l->bytes;
	uint32_t wire = __builtin_bswap32(lba), blocks = l->bytes / BLOCK;
	struct command cmd = {
		.opcode = COMMAND, .formats = l->write ? 0x10 : 0x01, .lun = {0x81}, .tag = lba,
		.cdb = {l->write ? WRITE_10 : READ_10, [7] = blocks >> 8, blocks},
		.address = __builtin_bswap64(address), .length = __builtin_bswap32(l->bytes),
	};

	memcpy(cmd.cdb + 2, &wire, 4);
	if (l->write)
		memcpy(shared->data + address, &lba, sizeof(lba));
	memcpy(shared->iu[iu], &cmd, sizeof(cmd));
	put(&shared->to_server, at, (uint64_t)SRP << 56 | 64, iu);
}

int main(int argc, char **argv)
{
	static struct latencies latencies;
	static int64_t started[MAX_DEPTH];
	struct response rsp;
	struct load load;
	uint32_t sent = 0, taken = 0, iu;
	uint64_t first;
	int64_t start, now, end, cpu;
	clockid_t server_cpu;
	int status;
	pid_t server;

	if (argc != 7) {
		fprintf(stderr, "usage: floor read|write random|sequential BYTES DEPTH SECONDS SPIN\n");
		return 2;
	}
	if (load_parse(&load, argv + 1))
		return 2;
	spin = strtoul(argv[6], NULL, 10) * 1000;
	load.blocks = DISK / BLOCK;
	window = (size_t)load.depth * load.bytes;
	shared = mmap(NULL, sizeof(*shared) + window, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	server_bell = eventfd(0, 0);
	client_bell = eventfd(0, 0);
	if (shared == MAP_FAILED || server_bell < 0 || client_bell < 0) {
		perror("floor");
		return 1;
	}
	server = fork();
	if (server < 0) {
		perror("floor");
		return 1;
	}
	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve();
	}
	if (clock_getcpuclockid(server, &server_cpu))
		return 1;
	alarm(load.nanoseconds / 1000000000 + 20);	/* whatever happens, this ends, and the server with it */

	/* One command first, so that the server has made its disk. */
	submit(&load, 0, sent++);
	ring(&shared->to_server, server_bell);
	pause_for(&shared->to_client, 0, client_bell);
	take(&shared->to_client, taken++);

	cpu = clock_value(CLOCK_PROCESS_CPUTIME_ID) + clock_value(server_cpu);
	start = now = now_ns();
	end = start + load.nanoseconds;
	for (iu = 0; iu < load.depth; iu++) {
		started[iu] = now;
		submit(&load, iu, sent++);
	}
	ring(&shared->to_server, server_bell);
	while (taken != sent) {
		if (!ready(&shared->to_client, taken)) {
			ring(&shared->to_server, server_bell);
			pause_for(&shared->to_client, taken, client_bell);
		}
		iu = take(&shared->to_client, taken++);
		memcpy(&rsp, shared->iu[iu], 36);
		memcpy(&first, shared->data + (uint64_t)iu * load.bytes, sizeof(first));
		if (rsp.opcode != RESPONSE || rsp.status || rsp.tag != first) {
			fprintf(stderr, "floor: wrong answer\n");
			return 1;
		}
		now = now_ns();
		latency_add(&latencies, now - started[iu]);
		if (now < end) {
			started[iu] = now;
			submit(&load, iu, sent++);
		}
	}
	cpu = clock_value(CLOCK_PROCESS_CPUTIME_ID) + clock_value(server_cpu) - cpu;
	put(&shared->to_server, sent, (uint64_t)SRP << 56, MAX_DEPTH);
	ring(&shared->to_server, server_bell);
	waitpid(server, &status, 0);
	load_report(&latencies, now - start, cpu);
	return 0;
}
