/*
 * Columns of many structures: how a column is gathered, the memory of columns, and the Arrow C data interface over it.
 *
 * Plans and memory have reference counts of their own, independent of Python: an Arrow consumer may release columns in
 * any thread, with or without the interpreter's lock, and after Python has ended.
 */
#ifndef PYSRP_COLUMNS_H
#define PYSRP_COLUMNS_H

#include <stdlib.h>

#include "wire.h"

enum { COLUMN_ALIGNED = 64, COLUMN_FORMAT = 24, COLUMN_NEAR = 4096, COLUMN_FAR = 1 << 18 };

struct column;

/* One column of ``count`` structures, ``stride`` bytes apart; ``p`` is where the first one has the field. */
typedef void (*column_gather)(const struct column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out);

struct column {
	column_gather gather;
	size_t offset;
	size_t size;		/* bytes of a value in the column */
	unsigned int nbytes;	/* bytes of an integer in the structure */
	unsigned int shift;
	uint64_t mask;
	char code;		/* format of a memoryview's item */
	char format[COLUMN_FORMAT];
	char *name;
};

struct column_plan {
	long refs;
	size_t count;
	size_t extent;		/* bytes of a structure up to the end of its last column's field */
	struct column column[];
};

/* Memory of columns, one behind the other; columns in lent memory are elsewhere. */
struct column_block {
	long refs;
	long exported;		/* exports to Arrow; memory with exports is not written again */
	size_t capacity;	/* structures */
	struct column_plan *plan;
	void *memory;
	uint8_t *at[];
};

#define COLUMN_LOOP(name, type, load) \
	static void column_##name(const struct column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out) \
	{ \
		const unsigned int shift = c->shift, nbytes = c->nbytes; \
		const uint64_t mask = c->mask; \
		(void)shift, (void)nbytes, (void)mask; \
		_Pragma("GCC unroll 4") \
		for (size_t i = 0; i < count; i++, p += stride, out += sizeof(type)) { \
			type value = (type)(load); \
			memcpy(out, &value, sizeof(value)); \
		} \
	}

struct column_16_bytes {
	uint64_t half[2];
};

static inline struct column_16_bytes column_take_16(const uint8_t *p)
{
	struct column_16_bytes value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline uint64_t column_extend(uint64_t value, uint64_t mask)
{
	uint64_t sign = mask ^ mask >> 1;

	return (value ^ sign) - sign;
}

COLUMN_LOOP(byte, uint8_t, p[0])
COLUMN_LOOP(byte_bits, uint8_t, p[0] >> shift & mask)
COLUMN_LOOP(word, uint16_t, wire_get16(p))
COLUMN_LOOP(long, uint32_t, wire_get32(p))
COLUMN_LOOP(quad, uint64_t, wire_get64(p))
COLUMN_LOOP(word_bits, uint16_t, wire_get16(p) >> shift & mask)
COLUMN_LOOP(long_bits, uint32_t, wire_get(p, nbytes) >> shift & mask)
COLUMN_LOOP(quad_bits, uint64_t, wire_get(p, nbytes) >> shift & mask)
/* Signed fields of any width: the highest bit is the sign. */
COLUMN_LOOP(byte_signed, uint8_t, column_extend(p[0] >> shift & mask, mask))
COLUMN_LOOP(word_signed, uint16_t, column_extend(wire_get16(p) >> shift & mask, mask))
COLUMN_LOOP(long_signed, uint32_t, column_extend(wire_get(p, nbytes) >> shift & mask, mask))
COLUMN_LOOP(quad_signed, uint64_t, column_extend(wire_get(p, nbytes) >> shift & mask, mask))

static void column_16(const struct column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out)
{
	(void)c;
	for (size_t i = 0; i < count; i++, p += stride, out += 16) {
		struct column_16_bytes value = column_take_16(p);
		memcpy(out, &value, sizeof(value));
	}
}

static void column_bytes(const struct column *c, const uint8_t *p, ptrdiff_t stride, size_t count, uint8_t *out)
{
	for (size_t i = 0; i < count; i++, p += stride, out += c->size)
		memmove(out, p, c->size);	/* memmove: lent memory may overlap the structures */
}

/* The function that gathers the integers of a column: whole integers, or bits of them. */
static inline column_gather column_for(const struct column *c, int has_sign)
{
	int whole = c->size == c->nbytes && c->mask == UINT64_MAX >> (64 - 8 * c->nbytes) && !c->shift;

	switch (c->size) {
	case 1:
		return whole ? column_byte : has_sign ? column_byte_signed : column_byte_bits;
	case 2:
		return whole ? column_word : has_sign ? column_word_signed : column_word_bits;
	case 4:
		return whole ? column_long : has_sign ? column_long_signed : column_long_bits;
	default:
		return whole ? column_quad : has_sign ? column_quad_signed : column_quad_bits;
	}
}

static inline void column_fetch(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += COLUMN_ALIGNED)
		__builtin_prefetch(p + i);
}

/*
 * Gather all columns of a few structures at a time, which stay in the first-level cache. If there are more structures
 * than caches hold, the next few are prefetched meanwhile, and the lines that their values go to: so a million
 * structures take little more time than copying their bytes.
 */
static void columns_gather(const struct column_plan *plan, const uint8_t *p, ptrdiff_t stride, size_t count,
			   uint8_t *const *at)
{
	const size_t columns = plan->count, all = (size_t)stride < COLUMN_NEAR / 16 ? COLUMN_NEAR / (size_t)stride : 16;
	const int far = count > COLUMN_FAR / (size_t)stride;
	size_t here = count < all ? count : all, next;

	for (size_t start = 0; start < count; start += here, here = next) {
		const uint8_t *ahead = p + (ptrdiff_t)here * stride;

		next = count - start - here < all ? count - start - here : all;
		for (size_t i = 0; i < columns; i++) {
			const struct column *c = &plan->column[i];
			uint8_t *out = at[i] + start * c->size;

			if (far) {
				for (size_t j = next * i / columns; j < next * (i + 1) / columns; j++)
					column_fetch(ahead + (ptrdiff_t)j * stride, plan->extent);
				column_fetch(out + here * c->size, next * c->size);
			}
			c->gather(c, p + c->offset, stride, here, out);
		}
		p = ahead;
	}
}

static struct column_plan *column_plan_new(size_t count)
{
	struct column_plan *plan = calloc(1, sizeof(*plan) + count * sizeof(struct column));

	if (plan) {
		plan->refs = 1;
		plan->count = count;
	}
	return plan;
}

static void column_plan_drop(struct column_plan *plan)
{
	if (plan && __atomic_sub_fetch(&plan->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		for (size_t i = 0; i < plan->count; i++)
			free(plan->column[i].name);
		free(plan);
	}
}

static struct column_plan *column_plan_hold(struct column_plan *plan)
{
	__atomic_add_fetch(&plan->refs, 1, __ATOMIC_RELAXED);
	return plan;
}

/* Memory for ``capacity`` structures; columns whose entry of ``lent`` is not NULL are there. NULL: no memory. */
static struct column_block *column_block_new(struct column_plan *plan, size_t capacity, uint8_t *const *lent)
{
	struct column_block *block = calloc(1, sizeof(*block) + plan->count * sizeof(uint8_t *));
	size_t total = 0, size;

	if (!block)
		return NULL;
	for (size_t i = 0; i < plan->count; i++) {
		if (lent && lent[i])
			continue;
		if (__builtin_mul_overflow(plan->column[i].size, capacity, &size) || size > SIZE_MAX / 4 ||
		    __builtin_add_overflow(total, (size + COLUMN_ALIGNED - 1) / COLUMN_ALIGNED * COLUMN_ALIGNED, &total))
			goto none;
	}
	block->memory = aligned_alloc(COLUMN_ALIGNED, total ? total : COLUMN_ALIGNED);
	if (!block->memory)
		goto none;
	total = 0;
	for (size_t i = 0; i < plan->count; i++) {
		if (lent && lent[i]) {
			block->at[i] = lent[i];
			continue;
		}
		block->at[i] = (uint8_t *)block->memory + total;
		total += (plan->column[i].size * capacity + COLUMN_ALIGNED - 1) / COLUMN_ALIGNED * COLUMN_ALIGNED;
	}
	block->refs = 1;
	block->capacity = capacity;
	block->plan = column_plan_hold(plan);
	return block;
none:
	free(block);
	return NULL;
}

static void column_block_drop(struct column_block *block)
{
	if (block && __atomic_sub_fetch(&block->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		column_plan_drop(block->plan);
		free(block->memory);
		free(block);
	}
}

static struct column_block *column_block_hold(struct column_block *block)
{
	__atomic_add_fetch(&block->refs, 1, __ATOMIC_RELAXED);
	return block;
}

static int column_block_exported(struct column_block *block)
{
	return __atomic_load_n(&block->exported, __ATOMIC_ACQUIRE) != 0;
}

/*
 * The Arrow C data and stream interfaces (arrow.apache.org, "The Arrow C data interface"): a struct array with a child
 * for each column. The three structures are as that specification has them.
 */
struct ArrowSchema {
	const char *format, *name, *metadata;
	int64_t flags, n_children;
	struct ArrowSchema **children, *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};

struct ArrowArray {
	int64_t length, null_count, offset, n_buffers, n_children;
	const void **buffers;
	struct ArrowArray **children, *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};

struct ArrowArrayStream {
	int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
	int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
	const char *(*get_last_error)(struct ArrowArrayStream *);
	void (*release)(struct ArrowArrayStream *);
	void *private_data;
};

/* Shared by parent and children of one export, as a child can be moved out and outlive its parent. */
struct arrow_schemas {
	long refs;
	struct column_plan *plan;
	struct ArrowSchema **pointers;
	struct ArrowSchema child[];
};

struct arrow_arrays {
	long refs;
	struct column_block *block;
	struct ArrowArray **pointers;
	const void **buffers;	/* two for each child; the first one, the validity bitmap, is NULL */
	struct ArrowArray child[];
};

static void arrow_schema_release(struct ArrowSchema *schema)
{
	struct arrow_schemas *all = schema->private_data;

	for (int64_t i = 0; i < schema->n_children; i++)
		if (schema->children[i]->release)
			schema->children[i]->release(schema->children[i]);
	schema->release = NULL;
	if (__atomic_sub_fetch(&all->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		column_plan_drop(all->plan);
		free(all->pointers);
		free(all);
	}
}

static void arrow_array_release(struct ArrowArray *array)
{
	struct arrow_arrays *all = array->private_data;

	for (int64_t i = 0; i < array->n_children; i++)
		if (array->children[i]->release)
			array->children[i]->release(array->children[i]);
	array->release = NULL;
	if (__atomic_sub_fetch(&all->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		__atomic_sub_fetch(&all->block->exported, 1, __ATOMIC_ACQ_REL);
		column_block_drop(all->block);
		free(all->buffers);
		free(all->pointers);
		free(all);
	}
}

/* 0, or -1: no memory. */
static int arrow_schema_make(struct column_plan *plan, struct ArrowSchema *out)
{
	struct arrow_schemas *all = calloc(1, sizeof(*all) + plan->count * sizeof(all->child[0]));
	struct ArrowSchema **pointers = calloc(plan->count + 1, sizeof(*pointers));

	if (!all || !pointers) {
		free(all);
		free(pointers);
		return -1;
	}
	all->refs = 1 + (long)plan->count;
	all->plan = column_plan_hold(plan);
	all->pointers = pointers;
	for (size_t i = 0; i < plan->count; i++) {
		all->child[i] = (struct ArrowSchema){.format = plan->column[i].format, .name = plan->column[i].name,
						     .release = arrow_schema_release, .private_data = all};
		pointers[i] = &all->child[i];
	}
	*out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = (int64_t)plan->count, .children = pointers,
				    .release = arrow_schema_release, .private_data = all};
	return 0;
}

static int arrow_array_make(struct column_block *block, size_t rows, struct ArrowArray *out)
{
	size_t count = block->plan->count;
	struct arrow_arrays *all = calloc(1, sizeof(*all) + count * sizeof(all->child[0]));
	struct ArrowArray **pointers = calloc(count + 1, sizeof(*pointers));
	const void **buffers = calloc(2 * count + 1, sizeof(*buffers));

	if (!all || !pointers || !buffers) {
		free(all);
		free(pointers);
		free(buffers);
		return -1;
	}
	all->refs = 1 + (long)count;
	all->block = column_block_hold(block);
	all->pointers = pointers;
	all->buffers = buffers;
	__atomic_add_fetch(&block->exported, 1, __ATOMIC_ACQ_REL);
	for (size_t i = 0; i < count; i++) {
		buffers[2 * i + 1] = block->at[i];
		all->child[i] = (struct ArrowArray){.length = (int64_t)rows, .n_buffers = 2, .buffers = &buffers[2 * i],
						    .release = arrow_array_release, .private_data = all};
		pointers[i] = &all->child[i];
	}
	*out = (struct ArrowArray){.length = (int64_t)rows, .n_buffers = 1, .buffers = &buffers[2 * count],
				   .n_children = (int64_t)count, .children = pointers,
				   .release = arrow_array_release, .private_data = all};
	return 0;
}

/* A stream of one array, which is kept until the consumer takes it. */
struct arrow_one {
	struct column_plan *plan;
	struct ArrowArray array;
};

static int arrow_stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
	struct arrow_one *one = stream->private_data;

	return arrow_schema_make(one->plan, out) ? 12 : 0;	/* ENOMEM */
}

static int arrow_stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
	struct arrow_one *one = stream->private_data;

	*out = one->array;	/* the second time its release is NULL, which ends the stream */
	one->array.release = NULL;
	return 0;
}

static const char *arrow_stream_error(struct ArrowArrayStream *stream)
{
	(void)stream;
	return NULL;
}

static void arrow_stream_release(struct ArrowArrayStream *stream)
{
	struct arrow_one *one = stream->private_data;

	if (one->array.release)
		one->array.release(&one->array);
	column_plan_drop(one->plan);
	free(one);
	stream->release = NULL;
}

static int arrow_stream_make(struct column_block *block, size_t rows, struct ArrowArrayStream *out)
{
	struct arrow_one *one = calloc(1, sizeof(*one));

	if (!one || arrow_array_make(block, rows, &one->array)) {
		free(one);
		return -1;
	}
	one->plan = column_plan_hold(block->plan);
	*out = (struct ArrowArrayStream){arrow_stream_schema, arrow_stream_next, arrow_stream_error, arrow_stream_release, one};
	return 0;
}

#endif
