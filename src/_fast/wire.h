/*
 * Big-endian loads and stores, and slots of a command/response queue.
 *
 * memcpy plus a byte swap needs no alignment and compiles to one instruction (on a big-endian POWER
 * to a plain load).
 */
#ifndef PYSRP_WIRE_H
#define PYSRP_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef __GNUC__
#error "pysrp needs gcc or clang"
#endif

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WIRE_BE16(v) (v)
#define WIRE_BE32(v) (v)
#define WIRE_BE64(v) (v)
#else
#define WIRE_BE16(v) __builtin_bswap16(v)
#define WIRE_BE32(v) __builtin_bswap32(v)
#define WIRE_BE64(v) __builtin_bswap64(v)
#endif

static inline uint16_t wire_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE16(v);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE32(v);
}

static inline uint64_t wire_get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return WIRE_BE64(v);
}

static inline void wire_put16(uint8_t *p, uint16_t v)
{
	v = WIRE_BE16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
	v = WIRE_BE32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void wire_put64(uint8_t *p, uint64_t v)
{
	v = WIRE_BE64(v);
	memcpy(p, &v, sizeof(v));
}

/* An unsigned big-endian integer of 1 to 8 bytes. */
static inline uint64_t wire_get(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	switch (size) {
	case 1:
		return p[0];
	case 2:
		return wire_get16(p);
	case 4:
		return wire_get32(p);
	case 8:
		return wire_get64(p);
	default:
		for (unsigned int i = 0; i < size; i++)
			v = v << 8 | p[i];
		return v;
	}
}

static inline void wire_put(uint8_t *p, unsigned int size, uint64_t v)
{
	switch (size) {
	case 1:
		p[0] = (uint8_t)v;
		break;
	case 2:
		wire_put16(p, (uint16_t)v);
		break;
	case 4:
		wire_put32(p, (uint32_t)v);
		break;
	case 8:
		wire_put64(p, v);
		break;
	default:
		for (unsigned int i = size; i-- > 0; v >>= 8)
			p[i] = (uint8_t)v;
	}
}

/*
 * Slots of a command/response queue. The producer stores the header, byte 0, last; the consumer reads it
 * first. The queue need not be aligned.
 */
static inline int wire_slot_valid(const uint8_t *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE) != 0;
}

static inline void wire_slot_take(uint8_t *slot, uint8_t *out)
{
	memcpy(out, slot, 16);
}

static inline void wire_slot_free(uint8_t *slot)
{
	__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
}

static inline void wire_slot_put(uint8_t *slot, const uint8_t *element)
{
	memcpy(slot + 1, element + 1, 15);
	__atomic_store_n(slot, element[0], __ATOMIC_RELEASE);
}

#endif
