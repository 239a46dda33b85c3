"""A medium over the C API, in Cython: each 8 bytes hold their own offset. It cannot be written."""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.errno cimport EROFS
from libc.stdint cimport uint8_t, uint64_t

from native cimport (PYSRP_HAS_NOWAIT, PYSRP_MEDIUM, PYSRP_NOWHERE, PYSRP_OVER, PYSRP_READ, PYSRP_READ_ONLY,
                     pysrp_io, pysrp_medium, pysrp_submitted)



cdef uint64_t size_of(void *self) noexcept nogil:
    return (<pysrp_medium *> self).block * <uint64_t> 2048


cdef void *open_channel(void *self, void (*ring)(void *bell) noexcept nogil, void *bell) noexcept nogil:
    return self


cdef void close_channel(void *channel) noexcept nogil:
    pass


cdef pysrp_submitted submit(void *channel, pysrp_io *io) noexcept nogil:
    cdef uint64_t at = io.offset
    cdef size_t i, j
    io.error, io.bad, io.done = 0, PYSRP_NOWHERE, io.length
    if io.operation != PYSRP_READ:
        io.error, io.done = EROFS, 0
        return PYSRP_OVER
    for i in range(io.count):
        for j in range(io.buffers[i].length):
            io.buffers[i].bytes[j] = <uint8_t> ((at & ~<uint64_t> 7) >> (56 - 8 * (at & 7)))
            at += 1
    return PYSRP_OVER


cdef pysrp_io *reap(void *channel) noexcept nogil:
    return NULL


cdef int withdraw(void *channel, pysrp_io *io) noexcept nogil:
    return 0


cdef void gone(object capsule) noexcept:
    PyMem_Free(PyCapsule_GetPointer(capsule, PYSRP_MEDIUM))


def medium():
    """The capsule, 1 MiB, for pysrp.target.native_medium.NativeMedium."""
    cdef pysrp_medium *table = <pysrp_medium *> PyMem_Calloc(1, sizeof(pysrp_medium))
    if table is NULL:
        raise MemoryError
    table.size, table.self, table.block, table.features = sizeof(table[0]), table, 512, PYSRP_HAS_NOWAIT | PYSRP_READ_ONLY
    table.bytes, table.opened, table.close = size_of, open_channel, close_channel
    table.submit, table.reap, table.withdraw = submit, reap, withdraw
    return PyCapsule_New(table, PYSRP_MEDIUM, gone)
