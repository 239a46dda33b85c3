# Fields at a fixed offset that are bytes, text, other structures, or arrays. A part of view.pyx.

from cpython.number cimport PyNumber_Index
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memmove, memset

from pysrp._fast.wire cimport wire_get, wire_put

from pysrp.errors import EncodeError


cdef int fill(str name, uint8_t *p, Py_ssize_t size, object value, uint8_t pad) except -1:
    """Copy a bytes-like value to ``p``, padded to ``size``."""
    cdef Py_buffer view
    if PyBytes_CheckExact(value) and PyBytes_GET_SIZE(value) == size:
        memcpy(p, PyBytes_AS_STRING(value), size)
        return 0
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        if view.len > size:
            unfit(name, bytes(value)[:64], f"{size} bytes")
        memmove(p, view.buf, view.len)      # memmove, as the value may overlap the structure's memory
        memset(p + view.len, pad, size - view.len)
    finally:
        PyBuffer_Release(&view)
    return 0


cdef Py_ssize_t byte_length(object value) except -1:
    cdef Py_buffer view
    if PyBytes_CheckExact(value):
        return PyBytes_GET_SIZE(value)
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return view.len


cdef class Raw(Field):
    """``size`` bytes, which read as a memoryview; a shorter value that is set is padded with zeros."""

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, *, bint reserved=False, str doc=""):
        Field.__init__(self, offset, size, doc=doc)
        self.reserved = reserved

    cdef object get(self, View v):
        return span(v, self.offset, self.size)

    cdef object exact(self, View v):
        return PyBytes_FromStringAndSize(<char *> v.p + self.offset, self.size)

    cdef int put(self, uint8_t *base, object value) except -1:
        return fill(self.name, base + self.offset, self.size, value, 0)


cdef class Text(Field):
    """``size`` bytes of ASCII text padded with ``pad``, as a str without the padding.

    A NUL pad also ends the text early. Bytes that are not ASCII read as U+FFFD; ``raw()`` has them.
    """
    cdef readonly bytes pad
    cdef readonly str default

    def __cinit__(self, *args, **options):
        self.pad = b" "

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, *, bytes pad not None=b" ", str default=None, str doc=""):
        if len(pad) != 1:
            raise ValueError("pad is one byte")
        Field.__init__(self, offset, size, doc=doc)
        self.pad = pad
        self.default = default

    cdef object get(self, View v):
        cdef bytes raw = PyBytes_FromStringAndSize(<char *> v.p + self.offset, self.size)
        raw = raw.partition(b"\0")[0] if self.pad == b"\0" else raw.rstrip(self.pad)
        return raw.decode("ascii", "replace")

    cdef object exact(self, View v):
        cdef bytes raw = PyBytes_FromStringAndSize(<char *> v.p + self.offset, self.size)
        text = self.get(v)
        if text.encode("ascii", "replace").ljust(self.size, self.pad) == raw and text.isascii():
            return text
        return raw

    cdef int put(self, uint8_t *base, object value) except -1:
        if isinstance(value, str):
            if not value.isascii():
                raise EncodeError(f"{self.name}: {value!r} is not ASCII", field=self.name)
            value = value.encode("ascii")
        return fill(self.name, base + self.offset, self.size, value, self.pad[0])


cdef class Struct(Field):
    """A structure of class ``cls`` inside another, at its fixed size."""
    cdef readonly type cls

    def __init__(self, Py_ssize_t offset, type cls, *, str doc=""):
        Field.__init__(self, offset, layout_of(cls).size, doc=doc)
        self.cls = cls

    cdef object get(self, View v):
        if self.cls is None:
            raise TypeError("a field that was never made")
        return view_within(self.cls, self.size, v, self.offset, self.size)

    cdef object exact(self, View v):
        return self.get(v).to_dict()

    cdef int put(self, uint8_t *base, object value) except -1:
        return fill(self.name, base + self.offset, self.size, as_buffer(self.cls, value), 0)


cdef object as_buffer(object kind, object value):
    """A nested value as a buffer: bytes-like objects as they are, a dictionary by build()."""
    if isinstance(value, dict):
        name = value.get("class") if isinstance(kind, Dispatch) else None
        if name is not None:
            value = {k: x for k, x in value.items() if k != "class"}
            kind = (<Dispatch> kind).by_name(name)
        if isinstance(kind, Dispatch):
            raise TypeError("a dictionary needs 'class', the name of its class, here")
        return kind.build(**value)
    return value


cdef class Array(Field):
    """``count`` integers of ``size`` bytes each, as a tuple; a shorter sequence is filled up with zeros."""
    cdef readonly Py_ssize_t count
    cdef unsigned int nbytes

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, Py_ssize_t count, *, str doc=""):
        if not 1 <= size <= 8:
            raise ValueError(f"{size} bytes: an integer has 1 to 8")
        if not 0 <= count <= MOST:
            raise ValueError(f"{count} integers: from 0 to {MOST}")
        Field.__init__(self, offset, size * count, doc=doc)
        self.count = count
        self.nbytes = <unsigned int> size

    cdef object get(self, View v):
        cdef Py_ssize_t i
        return tuple([wire_get(v.p + self.offset + i * self.nbytes, self.nbytes) for i in range(self.count)])

    cdef int put(self, uint8_t *base, object value) except -1:
        cdef Py_ssize_t i = 0
        # A copy: a sequence may lie about its length, or change while its numbers are converted.
        cdef tuple numbers = tuple(value)
        if len(numbers) > self.count:
            raise EncodeError(f"{self.name}: {len(numbers)} integers do not fit {self.count}", field=self.name)
        for x in numbers:
            x = PyNumber_Index(x)
            if x < 0 or x >> 8 * self.nbytes:
                unfit(self.name, x, f"{8 * self.nbytes} bits")
            wire_put(base + self.offset + i * self.nbytes, self.nbytes, x)
            i += 1
        memset(base + self.offset + i * self.nbytes, 0, (self.count - i) * self.nbytes)
        return 0
