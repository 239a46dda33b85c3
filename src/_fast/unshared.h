/* Bytes that are filled again when nobody has them any more. */
#ifndef PYSRP_UNSHARED_H
#define PYSRP_UNSHARED_H

#include <Python.h>

/*
 * Whether a list's bytes are in nobody's hands but the list's, and so can be written: as new ones then, without
 * the hash of what they were. Views and other objects over them count as hands.
 */
static inline int unshared(PyObject *bytes)
{
#ifdef Py_GIL_DISABLED
	(void)bytes;	/* another thread may just be taking them */
	return 0;
#else
	if (Py_REFCNT(bytes) != 1)
		return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	((PyBytesObject *)bytes)->ob_shash = -1;
#pragma GCC diagnostic pop
	return 1;
#endif
}

#endif /* PYSRP_UNSHARED_H */
