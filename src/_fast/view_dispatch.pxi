# From bytes to the class that their code selects. A part of view.pyx.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint64_t

from pysrp._fast.wire cimport wire_get

from pysrp.errors import DecodeError


cdef enum:
    DEEPEST = 16    # levels of nested dispatches at most


cdef class Dispatch:
    """Chooses the class of a structure by an integer in it (opcode, type, service action).

    ``size`` bytes at ``offset``, shifted right by ``shift`` and cut to ``width`` bits, select the target
    of :meth:`add` for that value: a View class, or a Dispatch that looks further. ``default`` is the class
    for other values (None: DecodeError). With ``trim`` the views end at their own extent.
    """
    def __cinit__(self, *args, **options):
        self.size, self.what = 1, ""
        self.table, self.direct = {}, [None] * 256

    def __init__(self, str what not None, Py_ssize_t offset, unsigned int size=1, unsigned int shift=0,
                 unsigned int width=64, *, default=None, bint trim=False):
        if self.parse is not None:
            raise TypeError("a dispatch is made once")
        if not (0 <= offset <= MOST and 1 <= size <= 8 and shift < 8 * size and 1 <= width <= 64):
            raise ValueError(f"{width} bits from bit {shift} of {size} bytes at {offset}: no place for an integer")
        self.what = what
        self.offset = offset
        self.size = size
        self.shift = shift
        self.mask = <uint64_t> 0xFFFFFFFFFFFFFFFF >> (64 - width)
        self.default = default
        self.trim = trim
        self.parse = bound_function("parse", _PARSE, <void *> parse_entry, self)
        self.record = bound_function("record", _RECORD_OF, <void *> dispatch_record_entry, self)

    def add(self, value, target):
        """Select ``target`` for ``value``; raises ValueError if the value is taken by another."""
        taken = self.table.get(value)
        if taken is not None and taken is not target:
            raise ValueError(f"{self.what} {value:#x} is {taken!r} already")
        self.table[value] = target
        if 0 <= value < 256:
            self.direct[value] = target

    def classes(self):
        """Every class that this can select, without duplicates."""
        found, seen, ahead = {}, set(), [self]
        while ahead:
            each = ahead.pop(0)
            if not isinstance(each, Dispatch):
                found[each] = None
            elif id(each) not in seen:
                seen.add(id(each))
                below = [*(<Dispatch> each).table.values(), (<Dispatch> each).default]
                ahead[:0] = [x for x in below if x is not None]
        return list(found)

    def by_name(self, str name):
        """The class of that name; raises KeyError."""
        for cls in self.classes():
            if cls.__name__ == name:
                return cls
        raise KeyError(f"no {self.what} class is named {name!r}")

    cdef object select(self, const uint8_t *p, Py_ssize_t n):
        cdef Dispatch at = self
        cdef uint64_t value
        cdef object target
        cdef int _level
        for _level in range(DEEPEST):
            if at.offset > n or <Py_ssize_t> at.size > n - at.offset:
                if at.default is not None:
                    return at.default
                truncated(at.what, at.what, at.offset, at.size, n - at.offset)
            value = wire_get(p + at.offset, at.size) >> at.shift & at.mask
            if value < 256:
                target = <object> PyList_GET_ITEM(at.direct, <Py_ssize_t> value)
            else:
                target = at.table.get(value)
            if target is None:
                target = at.default
                if target is None:
                    raise DecodeError(f"{at.what} {value:#x} is not assigned", field=at.what, offset=at.offset)
            if type(target) is not Dispatch:
                return target
            at = <Dispatch> target
        raise TypeError(f"{self.what}: a dispatch that leads to itself")

    cdef View within(self, View parent, Py_ssize_t offset, Py_ssize_t length):
        cls = self.select(parent.p + offset, length)
        return view_within(cls, layout_of(cls).size, parent, offset, length)


_PARSE = """parse($module, buf, /, *, strict=False)
--

A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned.
"""


cdef object parse_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef Dispatch dispatch = <Dispatch> self
    cdef View v
    cdef Layout layout
    cdef Py_buffer view
    cdef bint strict = False
    if nargs != 1:
        raise TypeError(f"parse() takes one buffer, {nargs} given")
    if names is not NULL:
        if <tuple> names != ("strict",):
            raise TypeError(f"parse() has one keyword, strict, not {', '.join(<tuple> names)}")
        strict = <object> args[1]
    if PyBytes_CheckExact(<object> args[0]):
        cls = dispatch.select(<const uint8_t *> PyBytes_AS_STRING(<object> args[0]), PyBytes_GET_SIZE(<object> args[0]))
        layout = layout_of(cls)
        v = view_over(cls, layout.size, <object> args[0])
    else:
        PyObject_GetBuffer(<object> args[0], &view, PyBUF_SIMPLE)
        try:
            cls = dispatch.select(<const uint8_t *> view.buf, view.len)
            layout = layout_of(cls)
            v = <View> view_alloc(cls)
        except BaseException:
            PyBuffer_Release(&view)
            raise
        # A Py_buffer of PyBUF_SIMPLE has no pointers into itself, so it may be moved.
        v.buffer = view
        v.p = <uint8_t *> view.buf
        v.n = view.len
        if v.n < layout.size:
            truncated((<type> cls).__name__, "", 0, layout.size, v.n)
    if dispatch.trim:
        v.n = min(extent(v, layout), v.n)
    if strict:
        for field, offset, message in v.problems():
            raise DecodeError(f"{type(v).__name__}.{field} at offset {offset}: {message}", field=field, offset=offset)
    return v
