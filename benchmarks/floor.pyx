# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=False
"""The floor of the codec benchmarks: a class written by hand for one IU, and plain C loops."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from "wire.h" nogil:
    uint32_t wire_get32(const uint8_t *p)
    uint64_t wire_get64(const uint8_t *p)


@cython.final
cdef class HandWritten:
    """SRP_CMD alone, final, over any buffer, with three properties and the checks that safety needs."""
    cdef Py_buffer view
    cdef const uint8_t *p

    def __cinit__(self, buf):
        PyObject_GetBuffer(buf, &self.view, PyBUF_SIMPLE)
        self.p = <const uint8_t *> self.view.buf
        if self.view.len < 48:
            raise ValueError("short")

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    @property
    def tag(self):
        return wire_get64(self.p + 8)

    @property
    def add_cdb_len(self):
        return self.p[31]

    @property
    def data_in_desc_cnt(self):
        return self.p[7]


def parse_hand_written(buf):
    """Dispatch on the opcode, as the library's parse does."""
    cdef Py_buffer view
    cdef int opcode
    if PyBytes_CheckExact(buf):
        opcode = PyBytes_AS_STRING(buf)[0] if PyBytes_GET_SIZE(buf) else -1
    else:
        PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
        opcode = (<const uint8_t *> view.buf)[0] if view.len else -1
        PyBuffer_Release(&view)
    if opcode == 2:
        return HandWritten(buf)
    raise ValueError("opcode")


def columns(buf, Py_ssize_t stride, tags, luns, counts):
    """Three columns out of an array of SRP_CMDs: the least work there is."""
    cdef Py_buffer view, a, b, c
    cdef Py_ssize_t i, n
    cdef const uint8_t *p
    PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
    PyObject_GetBuffer(tags, &a, PyBUF_WRITABLE)
    PyObject_GetBuffer(luns, &b, PyBUF_WRITABLE)
    PyObject_GetBuffer(counts, &c, PyBUF_WRITABLE)
    n = view.len // stride
    with nogil:
        for i in range(n):
            p = <const uint8_t *> view.buf + i * stride
            (<uint64_t *> a.buf)[i] = wire_get64(p + 8)
            (<uint64_t *> b.buf)[i] = wire_get64(p + 20)
            (<uint8_t *> c.buf)[i] = p[7]
    PyBuffer_Release(&view)
    PyBuffer_Release(&a)
    PyBuffer_Release(&b)
    PyBuffer_Release(&c)


def copies(buf, Py_ssize_t stride, Py_ssize_t size, out):
    """The first ``size`` bytes of each structure, one behind the other: what all columns of it cannot be cheaper than."""
    cdef Py_buffer view, o
    cdef Py_ssize_t i
    PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
    PyObject_GetBuffer(out, &o, PyBUF_WRITABLE)
    with nogil:
        if size == 48:      # as a compiler that knows the size does it
            for i in range(view.len // stride):
                memcpy(<uint8_t *> o.buf + 48 * i, <const uint8_t *> view.buf + i * stride, 48)
        else:
            for i in range(view.len // stride):
                memcpy(<uint8_t *> o.buf + 16 * i, <const uint8_t *> view.buf + i * stride, 16)
    PyBuffer_Release(&view)
    PyBuffer_Release(&o)


def scan_ring(ring, out):
    """Copy every valid element out of a ring and free its slot."""
    cdef Py_buffer view, o
    cdef Py_ssize_t i, n = 0
    cdef uint8_t *p
    PyObject_GetBuffer(ring, &view, PyBUF_WRITABLE)
    PyObject_GetBuffer(out, &o, PyBUF_WRITABLE)
    for i in range(view.len // 16):
        p = <uint8_t *> view.buf + 16 * i
        if p[0] == 0:
            break
        memcpy(<uint8_t *> o.buf + 16 * n, p, 16)
        p[0] = 0
        n += 1
    PyBuffer_Release(&view)
    PyBuffer_Release(&o)
    return n
