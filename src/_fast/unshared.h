/* Bytes objects that are filled again when nothing else refers to them. */
#ifndef PYSRP_UNSHARED_H
#define PYSRP_UNSHARED_H

#include <Python.h>

/* Not without the GIL: another thread may take a reference after the count was read. */
#ifdef Py_GIL_DISABLED
#define FILLED_AGAIN 0
#else
#define FILLED_AGAIN 1
#endif

/*
 * Whether the list has the only reference to its bytes object, so that it may be written like a new one; then its
 * cached hash is cleared. Views of it and other objects over it count as references.
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
