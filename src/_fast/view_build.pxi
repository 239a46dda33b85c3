# build, pack_into, unpack: vectorcall functions bound to the layout of their class. A part of view.pyx.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy, memset

from pysrp._fast.wire cimport wire_get

from pysrp.errors import EncodeError


cdef enum:
    MAX_FIELDS = 96

_BUILD = """build($module, /, **fields)
--

A new structure over private, writable memory.

Each keyword is a field; those not given are zero, or what the standard fixes. Lengths, counts and
formats follow from the variable parts given; naming them as well overrides them, right or wrong.
``trailing`` adds bytes behind the structure. Raises EncodeError for a value that does not fit its
field, TypeError for an unknown keyword.
"""
_PACK_INTO = """pack_into($module, buf, offset=0, /, **fields)
--

Write a structure into ``buf`` (writable, bytes-like) at ``offset``; return its length in bytes.

Keywords as for build(). Raises EncodeError also if the structure does not fit the buffer; what the
buffer holds then is unchanged unless a value was wrong. BufferError for one that is read-only or in pieces.
"""
_UNPACK = """unpack($module, buf, offset=0, /)
--

All fixed fields that the standard names, in wire order, as a tuple; raw fields as bytes.

Raises TruncatedError if the fixed part is not all there.
"""

cdef list _kept = []


cdef object bound_function(str name, str doc, void *entry, object self):
    """A builtin function that calls ``entry`` (METH_FASTCALL | METH_KEYWORDS), bound to ``self``. Never freed."""
    cdef PyMethodDef *definition = <PyMethodDef *> malloc(sizeof(PyMethodDef))
    cdef bytes c_name = name.encode(), c_doc = doc.encode()
    if definition is NULL:
        raise MemoryError
    _kept.append((c_name, c_doc))
    definition.ml_name = c_name
    definition.ml_meth = entry
    definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
    definition.ml_doc = c_doc
    return PyCFunction_New(definition, self)


cdef struct Plan:
    Py_ssize_t total
    Py_ssize_t parts
    Py_ssize_t tail
    PyObject *trailing
    PyObject *field[MAX_FIELDS]
    Py_ssize_t length[MAX_FIELDS]


cdef int plan(Layout layout, PyObject **values, tuple names, Plan *p) except -1:
    """Find the field of each keyword, and the length of the structure with all its parts."""
    cdef Py_ssize_t i, n = 0 if names is None else PyTuple_GET_SIZE(names)
    cdef Py_ssize_t total = layout.size, parts = layout.body, trailing = 0
    cdef Py_ssize_t j, next_up = 0, last = PyTuple_GET_SIZE(layout.names)
    cdef PyObject *found
    cdef PyObject *name
    p.parts = 0
    p.trailing = NULL
    if n > MAX_FIELDS:
        raise TypeError(f"{layout.owner.__name__}: {n} keywords, more than any structure has fields")
    for i in range(n):
        # Keywords mostly come in wire order and are interned: compare with the next names first.
        name = PyTuple_GET_ITEM(names, i)
        for j in range(next_up, last):
            if PyTuple_GET_ITEM(layout.names, j) == name:
                found = PyTuple_GET_ITEM(layout.fields, j)
                next_up = j + 1
                break
        else:
            found = PyDict_GetItem(layout.index, <object> name)
        p.field[i] = found
        if found is NULL:
            if <object> PyTuple_GET_ITEM(names, i) == "trailing":
                p.trailing = values[i]
                trailing = byte_length(<object> values[i])
                continue
            no_field(layout, <object> PyTuple_GET_ITEM(names, i))
        if (<Field> found).variable:
            if values[i] is <PyObject *> None:
                p.field[i] = NULL
                continue
            p.parts += 1
            p.length[i] = (<Part> found).measure(<object> values[i])
            parts += p.length[i] - (<Part> found).size
        elif (<Field> found).end > total:
            total = (<Field> found).end
    p.tail = trailing
    p.total = (max(total, parts) if p.parts else total) + trailing
    return 0


cdef int no_field(Layout layout, object name) except -1:
    raise TypeError(
        f"{layout.owner.__name__} has no field {name!r}; it has {', '.join([f.name for f in layout.declared])}"
    )


cdef int write(Layout layout, uint8_t *base, PyObject **values, tuple names, Plan *p) except -1:
    cdef Py_ssize_t i, j, at = 0, length, n = 0 if names is None else PyTuple_GET_SIZE(names)
    cdef Py_ssize_t head = min(PyBytes_GET_SIZE(layout.template), p.total)
    cdef Part part
    memcpy(base, PyBytes_AS_STRING(layout.template), head)
    memset(base + head, 0, p.total - head)
    if p.parts:
        for j in range(PyTuple_GET_SIZE(layout.parts)):
            part = <Part> PyTuple_GET_ITEM(layout.parts, j)
            at = part.offset if part.after is None else at
            for i in range(n):
                if p.field[i] is <PyObject *> part:
                    length = p.length[i]
                    if length > p.total - at:
                        raise EncodeError(f"{part.name}: two parts at one offset", field=part.name)
                    part.emit(base, at, length, <object> values[i])
                    at += length
                    break
            else:
                at += part.size
    for i in range(n):
        if p.field[i] is not NULL and not (<Field> p.field[i]).variable:
            if (<Field> p.field[i]).kind == KIND_INT:
                (<Int> p.field[i]).put(base, <object> values[i])
            else:
                (<Field> p.field[i]).put(base, <object> values[i])
    if p.trailing is not NULL:
        # With the length that was measured before: converting the other values may have run code that changes it.
        fill("trailing", base + p.total - p.tail, p.tail, <object> p.trailing, 0)
    return 0


cdef object build_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef Layout layout = <Layout> self
    cdef tuple keywords = None if names is NULL else <tuple> names
    cdef Plan p
    cdef View v
    if nargs:
        raise TypeError(f"{layout.owner.__name__}.build() takes keywords only")
    plan(layout, args, keywords, &p)
    memory = PyByteArray_FromStringAndSize(NULL, p.total)
    write(layout, <uint8_t *> PyByteArray_AS_STRING(memory), args, keywords, &p)
    v = <View> view_alloc(layout.owner)
    grab(v, memory)
    return v


cdef object pack_into_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef Layout layout = <Layout> self
    cdef tuple keywords = None if names is NULL else <tuple> names
    cdef Py_ssize_t offset = 0
    cdef Plan p
    cdef Py_buffer view
    if not 1 <= nargs <= 2:
        raise TypeError(f"{layout.owner.__name__}.pack_into(buf, offset=0, /, **fields)")
    if nargs == 2:
        offset = <object> args[1]
    plan(layout, args + nargs, keywords, &p)
    PyObject_GetBuffer(<object> args[0], &view, PyBUF_WRITABLE)
    try:
        if offset < 0 or offset > view.len or p.total > view.len - offset:
            does_not_fit(layout.owner, p.total, offset, view.len)
        write(layout, <uint8_t *> view.buf + offset, args + nargs, keywords, &p)
    finally:
        PyBuffer_Release(&view)
    return p.total


def _pack_built(cls, buf, offset=0, /, **fields):
    """Write what the class's own build() makes into ``buf`` (writable, bytes-like) at ``offset``; return its length.

    Keywords as for build(). Raises EncodeError also if the structure does not fit the buffer, which then is unchanged.
    BufferError for a buffer that is read-only or not contiguous.
    """
    cdef Py_ssize_t at = offset, length
    cdef Py_buffer view
    made = bytes(cls.build(**fields))
    length = PyBytes_GET_SIZE(made)
    PyObject_GetBuffer(buf, &view, PyBUF_WRITABLE)
    try:
        if at < 0 or at > view.len or length > view.len - at:
            does_not_fit(cls, length, at, view.len)
        memcpy(<uint8_t *> view.buf + at, PyBytes_AS_STRING(made), length)
    finally:
        PyBuffer_Release(&view)
    return length


cdef int does_not_fit(object cls, Py_ssize_t length, Py_ssize_t offset, Py_ssize_t have) except -1:
    raise EncodeError(f"{cls.__name__}: {length} bytes do not fit at offset {offset} of {have}")


cdef object unpack_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef Layout layout = <Layout> self
    cdef Py_ssize_t offset = 0, i, n = PyTuple_GET_SIZE(layout.fixed)
    cdef Py_buffer view
    cdef const uint8_t *p
    if not 1 <= nargs <= 2 or names is not NULL:
        raise TypeError(f"{layout.owner.__name__}.unpack(buf, offset=0, /)")
    if nargs == 2:
        offset = <object> args[1]
    if step_list(&layout.unpacked) is NULL:
        with cython.critical_section(layout):
            if layout.unpacked is NULL:
                step_publish(&layout.unpacked, steps_of(list(layout.fixed), True))
    PyObject_GetBuffer(<object> args[0], &view, PyBUF_SIMPLE)
    try:
        if offset < 0 or offset > view.len or PyBytes_GET_SIZE(layout.template) > view.len - offset:
            truncated(layout.owner.__name__, "", offset, PyBytes_GET_SIZE(layout.template), view.len - offset)
        p = <const uint8_t *> view.buf + offset
        result = PyTuple_New(n)
        for i in range(n):
            tuple_put(result, i, step_value(layout.unpacked + i, p, None))
        return result
    finally:
        PyBuffer_Release(&view)
