/*
 * Copying data. memcpy() has the processor do it by an instruction of its own (rep movsb), which AMD's Zen 3 does at a tenth
 * of the rate where the target begins up to 31 bytes behind the source, counted within a page (glibc's bug 30994). It is no
 * rare case: a session's memory begins with a page, and a bytearray of 128 KiB or more 16 bytes behind one.
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

	/* From the end on nothing is read that is just being written, as far as the last bits of addresses tell. */
	if (n >= COPY_LEAST && ((uintptr_t)to - (uintptr_t)from - 1) % COPY_PAGE < COPY_BEHIND)
		while (n >= sizeof(line)) {
			n -= sizeof(line);
			memcpy(line, (const uint8_t *)from + n, sizeof(line));
			memcpy((uint8_t *)to + n, line, sizeof(line));
		}
	memcpy(to, from, n);
}

/* The same where the two may overlap, since both are a caller's. */
static inline void move_bytes(void *to, const void *from, size_t n)
{
	uintptr_t behind = (uintptr_t)to - (uintptr_t)from;

	if (behind < n || -behind < n)
		memmove(to, from, n);
	else
		copy_bytes(to, from, n);
}

#endif /* PYSRP_COPY_H */
