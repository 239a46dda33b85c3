"""Commands of an initiator, their slots, the memory of their data, and units that take them; see commands.pyx."""

from cpython.buffer cimport Py_buffer
from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef class Request:
    cdef public double timeout, deadline
    cdef public uint64_t tag, serial
    cdef public Py_ssize_t slot
    cdef public bint ended
    cdef public object error, owner


cdef class Command(Request):
    cdef public object lun, cdb, data_out, data_in, attribute, aborting, why, status, sense
    cdef public Py_ssize_t block_size, residual, overflow
    cdef public bint replay


cdef class Pending(Command):
    cdef public object session, out, into, chunks, data, abandoned, waiter
    cdef public Py_ssize_t length, retries, epoch
    cdef public double began
    cdef public bint done


cdef class Ius:
    cdef public object view
    cdef public uint64_t address
    cdef public Py_ssize_t slots, segments, iu_size, largest, inline, immediate
    cdef public object key


cdef class RequestSlots:
    cdef public object log, stage, refusal, hopeless, largest, memory, _link, _free, _waiting, _urgent
    cdef public list ended, _requests
    cdef public int64_t credits, debits, _owed, _owed_since
    cdef public uint64_t serial
    cdef public double next_deadline
    cdef public bint paused
    cdef public Py_ssize_t max_segments
    cdef bint is_clear(self, Command command) except -1
    cdef int send_plain(self, Command command, uint64_t address, Py_ssize_t size, bint outward, double now) except -1
    cpdef bint take_plain(self, uint64_t tag, Py_ssize_t length) except -1


cpdef object own_view(object into, Py_ssize_t size)


cdef class DataMemory:
    cdef public list chunks, spares
    cdef public object data, iu_view
    cdef public uint64_t data_address
    cdef public Py_ssize_t all_chunks, chunk
    cdef public list kept
    cdef Py_ssize_t kept_length, turn
    cdef bytes room(self, Py_ssize_t length)
    cdef int64_t place_plain(self, Pending pending, Py_ssize_t outward) except -1
    cdef int collect(self, Pending pending) except -1
    cpdef int give_back(self, Pending pending) except -1


cdef class Starter:
    cdef Pending begin(
        self, lun, cdb, data_out, Py_ssize_t inward, into, double timeout, Py_ssize_t retries, Py_ssize_t block_size,
        bint replay, attribute)
    cdef int wait_for(self, Pending pending) except -1
    cdef Py_ssize_t most(self) except -1
    cdef public Py_ssize_t _epoch
    cdef public bint replay
    cdef bint direct


cdef class CalledUnit:
    cdef public object session, lun, _capacity, _meant
    cdef public Py_ssize_t _asked
    cdef Starter caller(self)
