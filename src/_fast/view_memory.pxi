# The memory under a view, and how it is kept alive. A part of view.pyx.

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.stdint cimport uint8_t


@cython.final
cdef class Span:
    """Exports a part of a view's memory as a buffer, and keeps the view alive."""
    cdef View owner
    cdef Py_ssize_t offset
    cdef Py_ssize_t length

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(
            buffer, self, self.owner.p + self.offset, self.length, self.owner.buffer.readonly, flags
        )

    def __hash__(self):
        # A memoryview that is read-only has a hash if its exporter has one: only over memory that does not change.
        return hash(self.owner)


cdef object span(View v, Py_ssize_t offset, Py_ssize_t length):
    cdef Span s = Span.__new__(Span)
    s.owner, s.offset, s.length = v, offset, length
    return PyMemoryView_FromObject(s)


cdef int grab(View v, object buf) except -1:
    if PyBytes_CheckExact(buf):
        buffer_hold(&v.buffer, buf)
        v.buffer.readonly = 1
        v.p = <uint8_t *> PyBytes_AS_STRING(buf)
        v.n = PyBytes_GET_SIZE(buf)
        return 0
    PyObject_GetBuffer(buf, &v.buffer, PyBUF_SIMPLE)
    v.p = <uint8_t *> v.buffer.buf
    v.n = v.buffer.len
    return 0


cdef View view_over(object cls, Py_ssize_t size, object buf):
    cdef View v = <View> view_alloc(cls)
    grab(v, buf)
    if v.n < size:
        truncated((<type> cls).__name__, "", 0, size, v.n)
    return v


cdef View view_within(object cls, Py_ssize_t size, View parent, Py_ssize_t offset, Py_ssize_t length):
    cdef View v
    if length < size:
        truncated((<type> cls).__name__, "", offset, size, length)
    v = <View> view_alloc(cls)
    buffer_hold(&v.buffer, parent)
    v.buffer.readonly = parent.buffer.readonly
    v.p = parent.p + offset
    v.n = length
    return v


cdef View writable_copy(object cls, const uint8_t *p, Py_ssize_t n):
    cdef View v = <View> view_alloc(cls)
    grab(v, PyByteArray_FromStringAndSize(<char *> p, n))
    return v


cdef Layout layout_of(object cls):
    cdef Layout layout = <Layout?> cls._layout
    if layout.owner is not cls and not (isinstance(cls, type) and issubclass(cls, View)):
        raise TypeError(f"{cls!r} is no class of structures")
    return layout
