/*
 * Copying data. memcpy() uses the processor's instruction for it (rep movsb). AMD's Zen 3 does that at a tenth of the
 * rate if the target begins up to 31 bytes behind the source, counted within a page (glibc's bug 30994). That is not
 * rare: a session's memory begins at a page, and a bytearray of 128 KiB or more begins 16 bytes behind one.
 */
#ifndef PYSRP_COPY_H
#define PYSRP_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { COPY_PAGE = 4096, COPY_BEHIND = 31, COPY_LEAST = 2048 };

/* n bytes; the two do not overlap. */
static inline void copy_bytes(void *to, const void *from, size_t n)
{
	uint64_t line[8];

	/* Copy from the end: so no load seems to depend on a recent store, by the low bits of the addresses. */
	if (n >= COPY_LEAST && ((uintptr_t)to - (uintptr_t)from - 1) % COPY_PAGE < COPY_BEHIND)
		while (n >= sizeof(line)) {
			n -= sizeof(line);
			memcpy(line, (const uint8_t *)from + n, sizeof(line));
			memcpy((uint8_t *)to + n, line, sizeof(line));
		}
	memcpy(to, from, n);
}

/* The same for buffers of a caller's, which may overlap. */
static inline void move_bytes(void *to, const void *from, size_t n)
{
	uintptr_t behind = (uintptr_t)to - (uintptr_t)from;

	if (behind < n || -behind < n)
		memmove(to, from, n);
	else
		copy_bytes(to, from, n);
}

#endif /* PYSRP_COPY_H */
