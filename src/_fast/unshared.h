/* Bytes that are filled again when nobody has them any more. */
#ifndef PYSRP_UNSHARED_H
#define PYSRP_UNSHARED_H

#include <Python.h>

/* Whether there are such bytes at all: without the GIL another thread may just be taking them. */
#ifdef Py_GIL_DISABLED
#define FILLED_AGAIN 0
#else
#define FILLED_AGAIN 1
#endif

/*
 * Whether a list's bytes are in nobody's hands but the list's, and so can be written: as new ones then, without
 * the hash of what they were. Views and other objects over them count as hands.
 */
static inline int unshared(PyObject *bytes)
{
	if (!FILLED_AGAIN || Py_REFCNT(bytes) != 1)
		return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	((PyBytesObject *)bytes)->ob_shash = -1;
#pragma GCC diagnostic pop
	return 1;
}

#endif /* PYSRP_UNSHARED_H */
