"""Elements of a client's queue; see client_queue.pyx."""

from libc.stdint cimport uint64_t

from pysrp._fast.commands cimport Link, RequestSlots

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX


cdef class Elements(Link):
    cdef readonly list elements
    cdef readonly uint64_t address
    cdef int announce(self, Py_ssize_t slot, double seconds, int kind) except -1


cdef class Connection:
    cdef public bint unanswered
    cdef public object queue_work, exchange
    cdef public Py_ssize_t logins
    cdef object _host
    cdef Py_ssize_t most        # bytes that one command may move, according to the server


cdef bint take_element(RequestSlots table, element) except -1
