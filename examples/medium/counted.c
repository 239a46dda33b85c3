/*
 * A medium in C, as somebody writes it who has pysrp's native.h and nothing else: memory that counts what is asked of it.
 *
 * All of it is over when submit() returns. One that takes its time returns PYSRP_PENDING, and puts the request on the list
 * of its channel when it is over, from whatever thread: reap() gives it then, and ring() is called where the list was empty.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define PAGE 4096u

struct counted {
	struct pysrp_medium table;
	uint64_t size;
	atomic_ullong asked[PYSRP_EXTENTS + 1];	/* by operation */
	uint8_t bytes[];
};

static uint64_t bytes(void *self)
{
	return ((struct counted *)self)->size;
}

/* Nothing is a loop's own: the channel is the medium. */
static void *open_channel(void *self, void (*ring)(void *bell), void *bell)
{
	(void)ring, (void)bell;
	return self;
}

static void close_channel(void *channel)
{
	(void)channel;
}

/* Pages that hold anything, and pages of zeros, which need no memory: what GET LBA STATUS of a thin disk tells. */
static void extents(const struct counted *medium, struct pysrp_io *io)
{
	struct pysrp_extent *found = (struct pysrp_extent *)io->buffers[0].bytes;
	size_t room = io->buffers[0].length / sizeof(*found), count = 0;
	uint64_t done, length, mapped, i;

	for (done = 0; done < io->length; done += length) {
		uint64_t at = io->offset + done, left = io->length - done;

		length = PAGE - at % PAGE < left ? PAGE - at % PAGE : left;
		for (i = mapped = 0; i < length; i++)
			mapped |= medium->bytes[at + i] != 0;
		if (!count || found[count - 1].mapped != mapped) {
			if (count == room)
				break;
			found[count++] = (struct pysrp_extent){ 0, mapped };
		}
		found[count - 1].length += length;
	}
	io->done = done;
}

static enum pysrp_submitted submit(void *channel, struct pysrp_io *io)
{
	struct counted *medium = channel;
	uint8_t *at = medium->bytes + io->offset;
	size_t i;

	io->error = 0;
	io->bad = PYSRP_NOWHERE;
	io->done = io->length;
	if (io->operation < PYSRP_READ || io->operation > PYSRP_EXTENTS) {
		io->error = EOPNOTSUPP;
		io->done = 0;
		return PYSRP_OVER;
	}
	atomic_fetch_add(&medium->asked[io->operation], 1);
	if (io->operation == PYSRP_EXTENTS) {
		extents(medium, io);
		return PYSRP_OVER;
	}
	if (io->operation == PYSRP_ZERO)
		memset(at, 0, io->length);
	for (i = 0; i < io->count; at += io->buffers[i++].length) {
		if (io->operation == PYSRP_READ)
			memcpy(io->buffers[i].bytes, at, io->buffers[i].length);
		else
			memcpy(at, io->buffers[i].bytes, io->buffers[i].length);
	}
	return PYSRP_OVER;
}

static struct pysrp_io *reap(void *channel)
{
	(void)channel;
	return NULL;
}

static int withdraw(void *channel, struct pysrp_io *io)
{
	(void)channel, (void)io;
	return 0;
}

static void gone(PyObject *capsule)
{
	free(((struct pysrp_medium *)PyCapsule_GetPointer(capsule, PYSRP_MEDIUM))->self);
}

/* counted.medium(size): the capsule. What is in it lives as long. */
static PyObject *medium(PyObject *module, PyObject *argument)
{
	size_t size = PyLong_AsSize_t(argument);
	struct counted *made;
	PyObject *capsule;

	(void)module;
	if (PyErr_Occurred())
		return NULL;
	made = size < SIZE_MAX - sizeof(*made) ? calloc(1, sizeof(*made) + size) : NULL;
	if (!made)
		return PyErr_NoMemory();
	made->size = size;
	made->table = (struct pysrp_medium){
		.size = sizeof(made->table),
		.self = made,
		.block = 1,
		.features = PYSRP_HAS_NOWAIT | PYSRP_HAS_ZERO | PYSRP_HAS_EXTENTS | PYSRP_VOLATILE,
		.bytes = bytes,
		.open = open_channel,
		.close = close_channel,
		.submit = submit,
		.reap = reap,
		.withdraw = withdraw,
	};
	capsule = PyCapsule_New(&made->table, PYSRP_MEDIUM, gone);
	if (!capsule)
		free(made);
	return capsule;
}

/* counted.asked(capsule): reads, writes, flushes, zeros, discards, extents. */
static PyObject *asked(PyObject *module, PyObject *capsule)
{
	struct pysrp_medium *table = PyCapsule_GetPointer(capsule, PYSRP_MEDIUM);
	unsigned long long counts[PYSRP_EXTENTS + 1];
	size_t i;

	(void)module;
	if (!table)
		return NULL;
	for (i = PYSRP_READ; i <= PYSRP_EXTENTS; i++)
		counts[i] = atomic_load(&((struct counted *)table->self)->asked[i]);
	return Py_BuildValue("KKKKKK", counts[PYSRP_READ], counts[PYSRP_WRITE], counts[PYSRP_FLUSH],
			     counts[PYSRP_ZERO], counts[PYSRP_DISCARD], counts[PYSRP_EXTENTS]);
}

static PyMethodDef methods[] = {
	{ "medium", medium, METH_O, "medium(size): a capsule for pysrp.target.native_medium.NativeMedium." },
	{ "asked", asked, METH_O, "asked(capsule): reads, writes, flushes, zeros, discards, extents until now." },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "counted", NULL, -1, methods, NULL, NULL, NULL, NULL };

PyMODINIT_FUNC PyInit_counted(void)
{
	return PyModule_Create(&definition);
}
