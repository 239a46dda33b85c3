/*
 * What the load generators written in C share: the description of a row of the table, addresses, latencies,
 * and the one line of JSON that bench_system.py reads.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 512, MAX_DEPTH = 256, MAX_BYTES = 1 << 20 };

struct load {
	int write, sequential;
	uint32_t bytes;		/* of a command */
	uint32_t depth;
	int64_t nanoseconds;	/* how long to go on */
	uint64_t blocks;	/* of the disk */
	uint64_t next;		/* sequential: the next address; random: the generator's state */
};

static inline int64_t clock_value(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int64_t now_ns(void)
{
	return clock_value(CLOCK_MONOTONIC);
}

/* read|write random|sequential BYTES DEPTH SECONDS; 0, or -1 with a message */
static inline int load_parse(struct load *l, char **argv)
{
	memset(l, 0, sizeof(*l));
	l->write = !strcmp(argv[0], "write");
	l->sequential = !strcmp(argv[1], "sequential");
	l->bytes = strtoul(argv[2], NULL, 10);
	l->depth = strtoul(argv[3], NULL, 10);
	l->nanoseconds = strtod(argv[4], NULL) * 1e9;
	l->next = l->sequential ? 0 : 0x9e3779b97f4a7c15;
	if (!l->bytes || l->bytes % BLOCK || l->bytes > MAX_BYTES || !l->depth || l->depth > MAX_DEPTH ||
	    l->nanoseconds < 1 || l->nanoseconds > 3600e9) {
		fprintf(stderr, "read|write random|sequential BYTES DEPTH SECONDS\n");
		return -1;
	}
	return 0;
}

/* The address of the next command, in blocks; commands do not straddle multiples of their length. */
static inline uint64_t load_lba(struct load *l)
{
	uint32_t each = l->bytes / BLOCK;
	uint64_t places = l->blocks / each;

	if (l->sequential)
		return l->next++ % places * each;
	l->next ^= l->next << 13;
	l->next ^= l->next >> 7;
	l->next ^= l->next << 17;
	return l->next % places * each;
}

/* Latencies in classes of 1/64 of their magnitude: percentiles to 1.6 %. */
enum { FINE = 64, CLASSES = 48 * FINE };

struct latencies {
	uint64_t count[CLASSES];
	uint64_t total;
};

static inline void latency_add(struct latencies *h, int64_t ns)
{
	uint64_t v = ns > 0 ? ns : 0;
	int shift = v < FINE ? 0 : 58 - __builtin_clzll(v);
	uint64_t class = shift * FINE + (v >> shift);

	h->count[class < CLASSES ? class : CLASSES - 1]++;
	h->total++;
}

static inline double latency_us(const struct latencies *h, double percent)
{
	uint64_t seen = 0, i;

	for (i = 0; i < CLASSES; i++) {
		seen += h->count[i];
		if (seen && seen >= h->total * percent / 100) {
			if (i < 2 * FINE)
				return i / 1e3;
			return (double)((i % FINE + FINE) << (i / FINE - 1)) / 1e3;
		}
	}
	return 0;
}

static inline void load_report(const struct latencies *h, int64_t ns, int64_t cpu)
{
	printf("{\"commands\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, ", (unsigned long long)h->total, ns / 1e9,
	       cpu / 1e9);
	printf("\"us\": {\"50\": %.3f, \"99\": %.3f, \"99.9\": %.3f}}\n", latency_us(h, 50), latency_us(h, 99),
	       latency_us(h, 99.9));
}

#endif /* LOAD_H */
