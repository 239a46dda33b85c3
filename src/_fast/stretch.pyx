"""A part of a buffer that several threads use, each by views of its own."""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport uint8_t, uint64_t

from pysrp._fast.copy cimport move_bytes


@cython.final
cdef class Stretch:
    """Stretch(memory, offset=0, size=None): ``size`` bytes of a writable buffer from ``offset`` on; None: all the rest.

    The buffer is acquired once, and released with the stretch. A memoryview counts the views that are made of it; in a
    free-threaded CPython before 3.14 two threads may change that count at a time. A stretch has no such count. So a
    view for another thread has to be made of the stretch: ``memoryview(stretch)``, or :meth:`part`.

    Raises ValueError for bytes that are not inside the buffer.
    """

    cdef Py_buffer memory
    cdef uint8_t *base
    cdef Py_ssize_t size

    def __cinit__(self, memory not None, Py_ssize_t offset=0, size=None):
        PyObject_GetBuffer(memory, &self.memory, PyBUF_WRITABLE)
        self.size = self.memory.len - offset if size is None else size
        if offset < 0 or self.size < 0 or self.size > self.memory.len - offset:
            raise ValueError(f"{self.size} bytes from {offset} on in memory of {self.memory.len} bytes")
        self.base = <uint8_t *>self.memory.buf + offset

    def __dealloc__(self):
        PyBuffer_Release(&self.memory)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)

    @property
    def address(self):
        """The address of the first byte in this process."""
        return <size_t>self.base

    def part(self, Py_ssize_t offset, Py_ssize_t size):
        """A memoryview of ``size`` bytes from ``offset`` on that shares no count with other views.

        ValueError for bytes that are not inside.
        """
        if offset < 0 or size < 0:
            raise ValueError(f"{size} bytes from {offset} on")
        self.at(offset, size)
        return memoryview(self)[offset : offset + size]

    def read_into(self, uint64_t offset, view not None):
        """Fill ``view`` with the bytes from ``offset`` on. ValueError if there are fewer."""
        cdef Py_buffer into
        PyObject_GetBuffer(view, &into, PyBUF_WRITABLE)
        try:
            move_bytes(into.buf, self.at(offset, into.len), into.len)
        finally:
            PyBuffer_Release(&into)

    def write_from(self, uint64_t offset, view not None):
        """Copy the bytes of ``view`` to ``offset``. ValueError if they do not fit."""
        cdef Py_buffer given
        PyObject_GetBuffer(view, &given, PyBUF_SIMPLE)
        try:
            move_bytes(self.at(offset, given.len), given.buf, given.len)
        finally:
            PyBuffer_Release(&given)

    cdef uint8_t *at(self, uint64_t offset, Py_ssize_t length) except NULL:
        if offset > <uint64_t>self.size or length > self.size - <Py_ssize_t>offset:
            raise ValueError(f"{length} bytes from {offset} on in memory of {self.size} bytes")
        return self.base + offset
