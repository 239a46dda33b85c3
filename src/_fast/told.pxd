"""How the thread of a medium tells its table in Python of what has happened, by ``told(up, status())`` of the table."""

cdef extern from "Python.h" nogil:
    int Py_IsInitialized()


cdef inline void tell(void **owner, int up) noexcept nogil:
    if Py_IsInitialized():      # else the process ends, and there is no lock to take any more
        tell_owner(owner, up)


cdef inline void tell_owner(void **owner, int up) noexcept with gil:
    if owner[0] is not NULL:    # it goes with the interpreter's lock, too
        table = <object>owner[0]
        table.told(bool(up), table.status())
