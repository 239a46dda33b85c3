"""A table of functions (native.h) in a capsule, which keeps the object that owns the table alive."""

from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext
from cpython.ref cimport Py_DECREF, Py_INCREF


cdef inline void capsule_ends(object capsule) noexcept:
    cdef object owner = <object>PyCapsule_GetContext(capsule)
    Py_DECREF(owner)


cdef inline object capsule_of(const void *table, const char *name, object owner):
    cdef object made = PyCapsule_New(<void *>table, name, capsule_ends)
    Py_INCREF(owner)
    PyCapsule_SetContext(made, <void *>owner)
    return made
