#ifndef PYSRP_CLOCK_H
#define PYSRP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of the clock that Python's time.monotonic() tells. */
static inline int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

#endif
