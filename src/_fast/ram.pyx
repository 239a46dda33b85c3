"""Memory as a medium: a ``struct pysrp_medium`` (native.h) whose requests are over at once."""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport EINVAL, EOPNOTSUPP
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.copy cimport copy_bytes
from pysrp._fast.native cimport (
    PYSRP_DISCARD, PYSRP_FLUSH, PYSRP_HAS_FUA, PYSRP_HAS_NOWAIT, PYSRP_HAS_ZERO, PYSRP_MEDIUM, PYSRP_NOWHERE,
    PYSRP_OVER, PYSRP_READ, PYSRP_VOLATILE, PYSRP_WRITE, PYSRP_ZERO, pysrp_io, pysrp_medium, pysrp_submitted,
)


cdef class RamTable:
    """RamTable(memory): the bytes of a writable buffer as a medium, which is :attr:`capsule`. Holds the buffer."""

    cdef Py_buffer view
    cdef pysrp_medium table

    def __cinit__(self, memory not None):
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        self.table.size = sizeof(pysrp_medium)
        self.table.self = <void *>self
        self.table.block = 1
        self.table.features = PYSRP_HAS_FUA | PYSRP_HAS_ZERO | PYSRP_HAS_NOWAIT | PYSRP_VOLATILE
        self.table.memory = <uint8_t *>self.view.buf
        self.table.bytes = <uint64_t (*)(void *) noexcept nogil>length_of
        self.table.opened = <void *(*)(void *, void (*)(void *) noexcept nogil, void *) noexcept nogil>opened
        self.table.close = closed
        self.table.submit = <pysrp_submitted (*)(void *, pysrp_io *) noexcept nogil>submit
        self.table.reap = reap
        self.table.withdraw = withdraw

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    @property
    def capsule(self):
        """``struct pysrp_medium``, in a capsule that keeps this alive."""
        return capsule_of(&self.table, PYSRP_MEDIUM, self)


# The table's functions. A C pointer to an object is the object: `self` is borrowed from the table. A channel is the
# table itself.

cdef uint64_t length_of(RamTable self) noexcept nogil:
    return self.view.len


cdef void *opened(RamTable self, void (*ring)(void *bell) noexcept nogil, void *bell) noexcept nogil:
    return self.table.self


cdef void closed(void *channel) noexcept nogil:
    pass


cdef pysrp_submitted submit(RamTable self, pysrp_io *io) noexcept nogil:
    cdef uint8_t *at
    cdef size_t i
    cdef uint64_t size = self.view.len
    io.done, io.bad, io.error = 0, PYSRP_NOWHERE, 0
    if io.length > size or io.offset > size - io.length:
        io.error = EINVAL
        return PYSRP_OVER
    at = <uint8_t *>self.view.buf + io.offset
    if io.operation == PYSRP_READ:
        for i in range(io.count):
            copy_bytes(io.buffers[i].bytes, at, io.buffers[i].length)
            at += io.buffers[i].length
    elif io.operation == PYSRP_WRITE:
        for i in range(io.count):
            copy_bytes(at, io.buffers[i].bytes, io.buffers[i].length)
            at += io.buffers[i].length
    elif io.operation == PYSRP_ZERO:
        memset(at, 0, io.length)
    elif io.operation != PYSRP_FLUSH and io.operation != PYSRP_DISCARD:
        io.error = EOPNOTSUPP
        return PYSRP_OVER
    io.done = io.length
    return PYSRP_OVER


cdef pysrp_io *reap(void *channel) noexcept nogil:  # pragma: no cover: only what was PYSRP_PENDING is asked for
    return NULL  # pragma: no cover: the same


cdef int withdraw(void *channel, pysrp_io *io) noexcept nogil:  # pragma: no cover: as reap
    return 0  # pragma: no cover: the same
