"""How the thread of a medium tells its table in Python what has happened, by the table's ``told(up, status())``."""

from cpython.ref cimport Py_INCREF
from cpython.weakref cimport PyWeakref_NewRef


cdef extern from "Python.h" nogil:
    int Py_IsInitialized()


cdef inline void *owner_of(object table):
    """A weak reference to ``table`` for the medium. Never released: the medium's thread may outlive the table."""
    found = PyWeakref_NewRef(table, None)
    Py_INCREF(found)
    return <void *>found


cdef inline void tell(void **owner, int up) noexcept nogil:
    if Py_IsInitialized():      # else Python finalizes, and the interpreter's lock cannot be taken any more
        tell_owner(owner, up)


cdef inline void tell_owner(void **owner, int up) noexcept with gil:
    table = (<object>owner[0])() if owner[0] is not NULL else None
    if table is not None:
        table.told(bool(up), table.status())
