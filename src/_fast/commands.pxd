"""Commands of an initiator, their slots, the memory of their data, and units that take them; see commands.pyx."""

from cpython.buffer cimport Py_buffer
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t


cdef class Request:
    cdef public double timeout, deadline
    cdef public uint64_t tag, serial
    cdef public Py_ssize_t slot
    cdef public bint ended
    cdef public object error, owner
    cdef Py_ssize_t place           # index in Live.items


cdef class Command(Request):
    cdef public object lun, cdb, attribute, aborting, why, status, sense
    cdef public Py_ssize_t block_size, residual, overflow
    cdef object outward, inward     # data_out and data_in; None: one segment, `size` bytes at `address`
    cdef uint64_t address
    cdef Py_ssize_t size
    cdef public bint replay


cdef class Pending(Command):
    cdef public object session, out, into, data, abandoned, waiter
    cdef object pieces              # numbers of several chunks; of a single one it is in `chunk`
    cdef Py_ssize_t chunk
    cdef public Py_ssize_t length, retries, epoch
    cdef public double began
    cdef public bint done
    cdef object ending(self, bint check)


cdef class Live:
    cdef list items
    cdef Py_ssize_t count
    cdef int begin(self, Request request) except -1
    cdef bint end(self, Request request) except -1


cdef class Ius:
    cdef public object view
    cdef public uint64_t address
    cdef public Py_ssize_t slots, segments, iu_size, largest, inline, immediate
    cdef public object key


cdef class Link:
    cdef int put(self, Py_ssize_t slot, Py_ssize_t length, double seconds) except -1


cdef class Slots:
    cdef uint16_t *numbers
    cdef Py_ssize_t most, head, count
    cdef Py_ssize_t next(self) except -1
    cdef Py_ssize_t take(self) except -1
    cdef int rest(self, Py_ssize_t slot) except -1


cdef class RequestSlots:
    cdef public object log, stage, refusal, hopeless, largest, memory, _link, _waiting, _urgent
    cdef public Slots _free
    cdef public list ended, _requests
    cdef public int64_t credits, debits, _owed, _owed_since
    cdef public uint64_t serial
    cdef public double next_deadline
    cdef public bint paused
    cdef public Py_ssize_t max_segments
    cdef bint is_clear(self, Command command) except -1
    cdef int send_plain(self, Command command, uint64_t address, Py_ssize_t size, bint outward, double now) except -1
    cdef bint take(self, uint64_t tag, Py_ssize_t length) except -1


cpdef object own_view(object into, Py_ssize_t size)


cdef class DataMemory:
    cdef public list chunks, spares
    cdef public object data, iu_view
    cdef public uint64_t data_address
    cdef public Py_ssize_t all_chunks, chunk
    cdef public list kept
    cdef Py_ssize_t kept_length, turn, others     # `others`: results in a row that had another length
    cdef bytes room(self, Py_ssize_t length)
    cdef uint64_t place_plain(self, Pending pending, Py_ssize_t outward) except? 0
    cdef const uint8_t *lies(self, Py_buffer *lent, uint64_t address, Py_ssize_t size) except NULL
    cdef int collect(self, Pending pending) except -1
    cdef int regain(self, Pending pending) except -1


cdef object members(it)


cdef class Starter:
    cdef public Live _live
    cdef Pending begin(
        self, lun, cdb, data_out, Py_ssize_t inward, into, double timeout, Py_ssize_t retries, Py_ssize_t block_size,
        bint replay, attribute)
    cdef int wait_for(self, Pending pending) except -1
    cdef Py_ssize_t most(self) except -1
    cdef public Py_ssize_t _epoch
    cdef public bint replay
    cdef bint direct


cdef class CalledUnit:
    cdef public object lun
    cdef public Py_ssize_t _asked
    cdef object whose
    cdef Starter direct             # the session, if its `submit` is not overridden and need not be called; else None
    cdef object told                # the last answer to READ CAPACITY
    cdef Py_ssize_t block, meant    # block size in bytes, by READ CAPACITY and as calls take it; 0: not known yet
    cdef bint own_reads, own_writes     # a subclass overrides `start_read`, `start_write`
    cdef Py_ssize_t known(self) except -1
    cdef Pending reading(self, lba, blocks, Py_ssize_t block_size, into, Py_ssize_t retries)
    cdef Pending writing(self, lba, data, Py_ssize_t block_size, bint fua, Py_ssize_t retries)
    cdef Pending one_read(self, lba, blocks, Py_ssize_t block_size, into)
    cdef Pending one_write(self, lba, data, Py_ssize_t block_size, bint fua)
    cdef bint one_will_do(self, blocks, Py_ssize_t size) except -1


cdef class BlockingUnit(CalledUnit):
    pass
