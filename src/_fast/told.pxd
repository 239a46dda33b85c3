"""How the thread of a medium tells its table in Python of what has happened, by ``told(up, status())`` of the table."""

from cpython.ref cimport Py_INCREF
from cpython.weakref cimport PyWeakref_NewRef


cdef extern from "Python.h" nogil:
    int Py_IsInitialized()


cdef inline void *owner_of(object table):
    """What a medium has of its table: a weak reference, for good, as its thread may tell when the table has gone."""
    found = PyWeakref_NewRef(table, None)
    Py_INCREF(found)
    return <void *>found


cdef inline void tell(void **owner, int up) noexcept nogil:
    if Py_IsInitialized():      # else the process ends, and there is no lock to take any more
        tell_owner(owner, up)


cdef inline void tell_owner(void **owner, int up) noexcept with gil:
    table = (<object>owner[0])() if owner[0] is not NULL else None
    if table is not None:
        table.told(bool(up), table.status())
