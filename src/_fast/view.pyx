"""Wire structures as views over memory, described by one field descriptor per wire field.

A structure is an ordinary class whose body is the standard's table::

    class TskMgmt(IU, size=48):
        __slots__ = ()
        tag = U64(8)
        lun = LunField(20)

The same table decodes, builds, edits in place, prints, validates and mutates.
"""

cimport cython
from cpython.number cimport PyNumber_Index
from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from pysrp._fast.lun cimport lun_load, lun_store

from collections import namedtuple

from pysrp.errors import DecodeError, EncodeError, TruncatedError


cdef extern from *:
    """
    static inline PyObject *view_alloc(PyObject *cls)
    {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    }

    /* Cython hides Py_buffer.obj; released by PyBuffer_Release like any other. */
    static inline void buffer_hold(Py_buffer *buffer, PyObject *owner)
    {
        Py_INCREF(owner);
        buffer->obj = owner;
    }
    """
    object view_alloc(object cls)
    void buffer_hold(Py_buffer *buffer, object owner)

    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc

    # Declared to hand errors back as numbers: the callers look.
    uint64_t long_unsigned "PyLong_AsUnsignedLongLong" (PyObject *o) noexcept
    int64_t long_signed "PyLong_AsLongLong" (PyObject *o) noexcept

    PyObject *PyTuple_GET_ITEM(tuple t, Py_ssize_t i)
    PyObject *PyList_GET_ITEM(list t, Py_ssize_t i)
    PyObject *PyDict_GetItem(dict d, object key)

    enum:
        METH_FASTCALL
        METH_KEYWORDS

    object PyCFunction_New(PyMethodDef *definition, object self)


Problem = namedtuple("Problem", "field offset message")
Problem.__doc__ = "One violation: the field's name, its byte offset, and what the standard says."


class Table(str):
    """Text that a prompt shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


# ---------------------------------------------------------------------------------------------
# Errors, out of line so that the hot code stays small
# ---------------------------------------------------------------------------------------------

cdef int truncated(str what, str field, Py_ssize_t offset, Py_ssize_t need, Py_ssize_t have) except -1:
    raise TruncatedError(
        f"{what}: {need} bytes needed at offset {offset}, {max(have, 0)} there",
        field=field, offset=offset, need=need, have=max(have, 0),
    )


cdef int overrun(str what, str field, Py_ssize_t offset, Py_ssize_t need, Py_ssize_t have) except -1:
    raise DecodeError(
        f"{what}.{field}: claims {need} bytes at offset {offset}, {max(have, 0)} there",
        field=field, offset=offset, need=need, have=max(have, 0),
    )


cdef int readonly_memory(View v, str field) except -1:
    raise TypeError(f"{type(v).__name__}.{field}: the memory is read-only; change a copy()")


cdef int unfit(str field, object value, str width) except -1:
    raise EncodeError(f"{field}: {value!r} does not fit {width}", field=field)


# ---------------------------------------------------------------------------------------------
# Views
# ---------------------------------------------------------------------------------------------

@cython.final
cdef class Span:
    """Exports a stretch of a view's memory and keeps the view alive meanwhile."""
    cdef View owner
    cdef Py_ssize_t offset
    cdef Py_ssize_t length

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(
            buffer, self, self.owner.p + self.offset, self.length, self.owner.buffer.readonly, flags
        )


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
    return <Layout?> cls._layout


cdef class View:
    """View(buf): a wire structure in memory that belongs to somebody else (the base of every codec).

    ``buf`` is any object with the buffer protocol; the view keeps it alive and reads and writes its
    memory in place. The view covers all of ``buf``: bytes past what the structure itself claims are
    ``trailing``. Not locked: share between threads only for reading, as with a bytearray.

    Raises TruncatedError if ``buf`` is shorter than ``SIZE``, the fixed part.
    """

    SIZE = 0
    FIELDS = ()

    def __cinit__(self, buf=None):
        cdef Layout layout
        if buf is None:
            raise TypeError(f"{type(self).__name__}(buf): memory is needed; build() makes a new one")
        layout = layout_of(type(self))
        grab(self, buf)
        if self.n < layout.size:
            truncated(type(self).__name__, "", 0, layout.size, self.n)

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.p, self.n, self.buffer.readonly, flags)

    def __len__(self):
        return self.n

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<char *> self.p, self.n)

    def tobytes(self):
        """All bytes of the view, detached."""
        return PyBytes_FromStringAndSize(<char *> self.p, self.n)

    def copy(self):
        """The same structure over private, writable memory."""
        return writable_copy(type(self), self.p, self.n)

    @property
    def readonly(self):
        """True if the memory cannot be written."""
        return bool(self.buffer.readonly)

    def extent(self):
        """Bytes that the structure itself claims: fixed part plus variable parts.

        Raises DecodeError if a part claims more than there is.
        """
        return extent(self, layout_of(type(self)))

    @property
    def trailing(self):
        """memoryview of the bytes past :meth:`extent`; raises DecodeError as that does."""
        cdef Py_ssize_t end = min(extent(self, layout_of(type(self))), self.n)
        return span(self, end, self.n - end)

    def trim(self):
        """The same view without the trailing bytes."""
        cdef Layout layout = layout_of(type(self))
        return view_within(type(self), layout.size, self, 0, min(extent(self, layout), self.n))

    def raw(self, name):
        """memoryview of the bytes of field ``name`` (for a bit field, of the bytes that hold it).

        Raises KeyError for an unknown name, DecodeError if the field lies outside the view.
        """
        cdef Field f = layout_of(type(self)).index[name]
        cdef Py_ssize_t offset, length
        place(f, self, &offset, &length)
        return span(self, offset, length)

    def locate(self, name):
        """(offset, length) in bytes of field ``name``, fixed or variable; raises as :meth:`raw` does."""
        cdef Py_ssize_t offset, length
        place(layout_of(type(self)).index[name], self, &offset, &length)
        return offset, length

    def __richcmp__(self, other, int op):
        if op != 2 and op != 3 or type(self) is not type(other):
            return NotImplemented
        cdef View a = self, b = <View> other
        cdef bint same = a.n == b.n and memcmp(a.p, b.p, a.n) == 0
        return same == (op == 2)

    __hash__ = None

    def __reduce__(self):
        return type(self), (bytes(self),)

    def __repr__(self):
        # What build() would have to be told: a field that has its default is left out.
        cdef Layout layout = layout_of(type(self))
        cdef Py_ssize_t offset, length
        cdef Field f
        parts = []
        for f in layout.declared:
            try:
                place(f, self, &offset, &length)
                value = f.get(self)
            except DecodeError:
                if f.variable or f.end <= layout.size:
                    parts.append(f"{f.name}=<truncated>")
                continue
            if isinstance(f, Int):
                if value == ((<Int> f).default or 0):
                    continue
            elif not any(PyBytes_FromStringAndSize(<char *> self.p + offset, length)):
                continue
            parts.append(f"{f.name}={brief(f, value)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def to_dict(self):
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        Reserved fields and trailing bytes appear only where they are not zero, text that its field
        would not encode alike as bytes, and nested structures as dictionaries. Parts that claim more
        bytes than there are, are left out, and what is there goes to ``trailing``.
        """
        cdef Field f
        cdef Py_ssize_t offset, length, end = reach(self, layout_of(type(self)))
        result = {}
        for f in layout_of(type(self)).fields:
            try:
                place(f, self, &offset, &length)
                value = f.exact(self)
            except DecodeError:
                if f.variable and f.size and f.end <= self.n:
                    result[f.name] = PyBytes_FromStringAndSize(<char *> self.p + f.offset, f.size)
                continue
            if f.reserved and not any(value if isinstance(value, bytes) else (value,)):
                continue
            if f.variable:
                if length == 0:
                    continue
                end = max(end, offset + length)
            result[f.name] = value
        if end < self.n:
            result["trailing"] = PyBytes_FromStringAndSize(<char *> self.p + end, self.n - end)
        return result

    def show(self):
        """The standard's table as text: offset, field, raw bytes, meaning."""
        return Table("\n".join(rows(self, 0, 0)))

    def problems(self):
        """Every violation as a list of (field, offset, message); empty for a clean structure."""
        cdef Layout layout = layout_of(type(self))
        cdef Field f
        cdef Int i
        cdef Py_ssize_t offset, length
        found = []
        for f in layout.fields:
            try:
                place(f, self, &offset, &length)
                value = f.get(self)
            except DecodeError as error:
                if f.variable or f.end <= layout.size:
                    found.append(Problem(f.name, error.offset, str(error)))
                continue
            if f.reserved:
                if any(value if isinstance(value, memoryview) else (value,)):
                    found.append(Problem(f.name, offset, "reserved, and not zero"))
            elif isinstance(f, Int):
                i = <Int> f
                if i.must is not None and value != i.must:
                    found.append(Problem(f.name, offset, f"{int(value):#x} where the standard has {int(i.must):#x}"))
                elif i.enum is not None and (type(value) is int or value & ~i.known):
                    found.append(Problem(f.name, offset, f"{int(value):#x} is not assigned in {i.enum.__name__}"))
            elif isinstance(f, Part):
                if (<Part> f).clamp and length < (<Part> f).claimed(self):
                    found.append(Problem(f.name, offset, f"claims {(<Part> f).claimed(self)} bytes, {length} there"))
                if isinstance(f, List):
                    for item in value:
                        found.extend(
                            Problem(f"{f.name}.{p.field}", p.offset + ((<View> item).p - self.p), p.message)
                            for p in item.problems()
                        )
            elif isinstance(f, Struct):
                found.extend(Problem(f"{f.name}.{p.field}", p.offset + offset, p.message) for p in value.problems())
        try:
            found.extend(Problem(*p) for p in self._check())
        except DecodeError as error:
            if not any(p.field == error.field for p in found):
                found.append(Problem(error.field, error.offset, str(error)))
        return found

    def _check(self):
        """Rules of this structure beyond its table: (field, offset, message) for each one broken."""
        return ()

    @classmethod
    def columns(cls, buf, Py_ssize_t stride, fields=None, *, Py_ssize_t offset=0, out=None):
        """Decode an array of structures into one column per field, without an object per structure.

        ``buf`` holds a structure every ``stride`` bytes from ``offset`` on, as many as fit whole.
        ``fields`` are names of fixed fields (default: all declared). Returns a dictionary of name to a
        memoryview of integers in the narrowest type (a LUN as its 64-bit integer), or of bytes, the fields
        one behind the other, for raw and text fields. ``out``, a dictionary such as an earlier call
        returned, lends memory for the columns that it has. The GIL is released meanwhile.

        Raises KeyError for an unknown name, ValueError for a stride smaller than the structure or for
        memory in ``out`` that is too short or read-only.
        """
        cdef Layout layout = layout_of(cls)
        cdef Py_buffer view
        cdef Py_ssize_t count
        cdef Field f
        if stride < max(layout.size, 1):
            raise ValueError(f"stride {stride} is smaller than {cls.__name__}, {layout.size} bytes")
        names = [f.name for f in layout.fixed if f.end <= layout.size] if fields is None else list(fields)
        wanted = [layout.index[name] for name in names]
        for f in wanted:
            if f.size == 0 or f.end > layout.size:
                raise KeyError(f"{f.name} is not in the fixed part of {cls.__name__}")
        PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
        try:
            if offset < 0 or offset > view.len:
                raise ValueError(f"offset {offset} is outside the buffer, {view.len} bytes")
            count = (view.len - offset + stride - layout.size) // stride
            return columns_of(wanted, <const uint8_t *> view.buf + offset, stride, count, out or {})
        finally:
            PyBuffer_Release(&view)


cdef int place(Field f, View v, Py_ssize_t *offset, Py_ssize_t *length) except -1:
    if f.variable:
        return (<Part> f).locate(v, offset, length)
    if f.end > v.n:
        overrun(type(v).__name__, f.name, f.offset, f.size, v.n - f.offset)
    offset[0] = f.offset
    length[0] = f.size
    return 0


cdef Py_ssize_t reach(View v, Layout layout):
    """End of the last field outside the parts that is there: behind SIZE they are optional."""
    cdef Py_ssize_t end = layout.size
    cdef Field f
    if layout.full > end:
        for f in layout.fixed:
            if end < f.end <= v.n:
                end = f.end
    return end


cdef Py_ssize_t extent(View v, Layout layout) except -1:
    cdef Py_ssize_t offset, length, end = reach(v, layout)
    cdef Part part
    for part in layout.parts:
        part.locate(v, &offset, &length)
        if length > 0:
            end = max(end, offset + length)
    return end


cdef str brief(Field f, object value):
    if isinstance(value, memoryview):
        return f"<{value.hex(' ') if len(value) <= 32 else value[:32].hex(' ') + ' ...'}>"
    if isinstance(value, View):
        return repr(value)
    if isinstance(value, int):
        name = getattr(value, "name", None)
        if name:
            return name
        if isinstance(f, Int) and (<Int> f).hex and not isinstance(value, bool):
            return f"{int(value):#x}"
        return f"{value!r}" if isinstance(value, bool) else f"{int(value)}"
    if isinstance(value, list):
        return "[" + ", ".join([brief(f, x) for x in value]) + "]"
    return repr(value)


cdef list rows(View v, Py_ssize_t base, int depth):
    cdef Field f
    cdef Py_ssize_t offset, length, end = reach(v, layout_of(type(v)))
    indent = "  " * depth
    lines = [f"{indent}{type(v).__name__}, {v.n} bytes"] if depth == 0 else []
    for f in layout_of(type(v)).fields:
        try:
            place(f, v, &offset, &length)
            value = f.get(v)
        except DecodeError as error:
            if f.variable or f.end <= layout_of(type(v)).size:
                lines.append(f"{base + error.offset:5}  {indent}{f.name:<24}  ! {error}")
            continue
        raw = PyBytes_FromStringAndSize(<char *> v.p + offset, length)
        if f.reserved and not any(raw if isinstance(value, memoryview) else (value,)):
            continue
        if f.variable:
            if length == 0:
                continue
            end = max(end, offset + length)
        nested = value if isinstance(value, list) else [value]
        if nested and all([isinstance(x, View) for x in nested]):
            for x in nested:
                if (<View> x).n <= 16 and all([not isinstance(g, (Struct, Part)) for g in type(x).FIELDS]):
                    raw = bytes(x)
                    meaning = brief(f, x)
                    at = base + ((<View> x).p - v.p)
                    lines.append(f"{at:5}  {indent}{f.name:<24}  {raw.hex(' '):<47}  {meaning}")
                    continue
                lines.append(f"{base + ((<View> x).p - v.p):5}  {indent}{f.name:<24}  {type(x).__name__}")
                lines.extend(rows(<View> x, base + ((<View> x).p - v.p), depth + 1))
            continue
        meaning = "" if isinstance(value, memoryview) else brief(f, value)
        if type(value) is not int and isinstance(value, int) and not isinstance(value, bool):
            meaning = f"{int(value):#x} {meaning}" if value else meaning
        shown = max(len(raw.rstrip(b"\0")), 16)
        for at in range(0, max(len(raw), 1), 16):
            label = f.name if at == 0 else ""
            if at >= shown:
                lines.append(f"{base + offset + at:5}  {indent}{'':<24}  {len(raw) - at} more, zeros")
                break
            line = f"{base + offset + at:5}  {indent}{label:<24}  {raw[at:at + 16].hex(' '):<47}  {meaning}"
            lines.append(line.rstrip())
            meaning = ""
    if end < v.n:
        raw = PyBytes_FromStringAndSize(<char *> v.p + end, v.n - end)
        kind = "zeros" if not any(raw) else "not part of the structure"
        lines.append(f"{base + end:5}  {indent}{'(trailing)':<24}  {len(raw)} bytes, {kind}")
    return lines


# ---------------------------------------------------------------------------------------------
# Fields
# ---------------------------------------------------------------------------------------------

cdef class Field:
    """One wire field: ``offset`` and ``size`` in bytes from the start of its structure."""

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, *, str doc=""):
        if offset < 0 or size < 0:
            raise ValueError(f"offset {offset}, size {size}: neither may be negative")
        self.offset = offset
        self.size = size
        self.end = offset + size
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner, str name):
        if not self.name:
            self.name = name

    def __get__(self, obj, owner):
        if obj is None:
            return self
        return checked(self, <View?> obj)

    def __set__(self, obj, value):
        cdef View v = <View?> obj
        if self.end > v.n:
            overrun(type(v).__name__, self.name, self.offset, self.size, v.n - self.offset)
        if v.buffer.readonly:
            readonly_memory(v, self.name)
        self.put(v.p, value)

    def __repr__(self):
        return f"<{type(self).__name__} {self.name} at {self.offset}, {self.size} bytes>"

    cdef object get(self, View v):
        raise NotImplementedError

    cdef int put(self, uint8_t *base, object value) except -1:
        raise NotImplementedError

    cdef object exact(self, View v):
        return self.get(v)

    cdef int bits(self, Py_ssize_t i):
        """Mask of the bits of byte ``i`` of the structure that belong to this field."""
        return 0xFF if self.offset <= i < self.end else 0


cdef inline object checked(Field f, View v):
    if f.end > v.n:
        overrun(type(v).__name__, f.name, f.offset, f.size, v.n - f.offset)
    return f.get(v)


cdef dict _MEMBERS = {}


cdef list members_of(object codes, unsigned int width):
    """The enum's member, or the plain integer, for each value of up to eight bits."""
    key = (codes, width)
    table = _MEMBERS.get(key)
    if table is None:
        table = [member_of(codes, value) for value in range(1 << width)]
        _MEMBERS[key] = table
    return table


cdef object member_of(object codes, object value):
    try:
        return codes(value)
    except ValueError:
        return value


cdef class Int(Field):
    """An unsigned big-endian integer of 1 to 8 bytes, or ``width`` bits of it from bit ``shift`` up.

    ``enum`` gives values their names (unknown ones stay integers), ``must`` is the only right value,
    ``default`` what build() fills in, ``signed`` two's complement, ``hex`` how people read it.
    """

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, unsigned int shift=0, unsigned int width=0, *,
                 enum=None, must=None, default=None, bint signed=False, bint boolean=False, hex=None,
                 bint reserved=False, str doc=""):
        Field.__init__(self, offset, size, doc=doc)
        if not 1 <= size <= 8:
            raise ValueError(f"{size} bytes: an integer field has 1 to 8")
        self.nbytes = <unsigned int> size
        self.shift = shift
        self.width = width or <unsigned int> (8 * size) - shift
        if self.shift + self.width > 8 * size:
            raise ValueError(f"bits {shift} to {shift + self.width - 1} are outside {size} bytes")
        self.mask = <uint64_t> 0xFFFFFFFFFFFFFFFF >> (64 - self.width)
        self.whole = self.width == 8 * size
        self.enum = enum
        self.must = must
        self.default = must if default is None else default
        self.signed = signed
        self.boolean = boolean
        self.hex = size == 8 if hex is None else hex
        self.reserved = reserved
        self.plain = not (signed or boolean or enum is not None)
        self.kind = KIND_INT
        self.known = 0
        for member in enum or ():
            self.known |= <uint64_t> member
        self.members = None

    def __get__(self, obj, owner):
        cdef View v
        if obj is None:
            return self
        v = <View?> obj
        if self.end > v.n:
            overrun(type(v).__name__, self.name, self.offset, self.size, v.n - self.offset)
        return self.value(v.p)

    cdef object value(self, const uint8_t *base):
        cdef uint64_t raw = wire_get(base + self.offset, self.nbytes) >> self.shift & self.mask
        if self.plain:
            return raw
        if self.enum is not None:
            if self.members is None:
                if self.width > 8:
                    return member_of(self.enum, raw)
                self.members = members_of(self.enum, self.width)
            return <object> PyList_GET_ITEM(self.members, <Py_ssize_t> raw)
        if self.signed:
            if raw >> (self.width - 1):
                return <int64_t> (raw | ~self.mask)
            return <int64_t> raw
        return raw != 0

    cdef object get(self, View v):
        return self.value(v.p)

    cdef int put(self, uint8_t *base, object value) except -1:
        cdef int64_t number
        cdef uint64_t raw
        if self.signed:
            number = long_signed(<PyObject *> value)
            if number == -1 and PyErr_Occurred() is not NULL:
                return self.refuse(base, value)
            if number < -<int64_t> (self.mask >> 1) - 1 or number > <int64_t> (self.mask >> 1):
                return self.refuse(base, value)
            raw = <uint64_t> number & self.mask
        else:
            raw = long_unsigned(<PyObject *> value)
            if raw > self.mask or raw == <uint64_t> -1 and PyErr_Occurred() is not NULL:
                return self.refuse(base, value)
        return self.store(base, raw)

    cdef int refuse(self, uint8_t *base, object value) except -1:
        PyErr_Clear()
        if isinstance(value, int):
            unfit(self.name, value, f"{'signed ' if self.signed else ''}{self.width} bits")
        if hasattr(value, "__index__"):
            return self.put(base, PyNumber_Index(value))  # an int, so this comes here once
        raise TypeError(f"{self.name}: an integer is needed, not {type(value).__name__}")

    cdef int store(self, uint8_t *base, uint64_t raw) except -1:
        cdef uint8_t *p = base + self.offset
        if raw > self.mask:
            unfit(self.name, raw, f"{self.width} bits")
        if not self.whole:
            raw = wire_get(p, self.nbytes) & ~(self.mask << self.shift) | raw << self.shift
        wire_put(p, self.nbytes, raw)
        return 0

    cdef int bits(self, Py_ssize_t i):
        if not self.offset <= i < self.end:
            return 0
        return <int> (self.mask << self.shift >> 8 * (self.end - 1 - i) & 0xFF)


cdef class U8(Int):
    """An 8-bit unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 1, **options)


cdef class U16(Int):
    """A 16-bit big-endian unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 2, **options)


cdef class U24(Int):
    """A 24-bit big-endian unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 3, **options)


cdef class U32(Int):
    """A 32-bit big-endian unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 4, **options)


cdef class U48(Int):
    """A 48-bit big-endian unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 6, **options)


cdef class U64(Int):
    """A 64-bit big-endian unsigned integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 8, **options)


cdef class I32(Int):
    """A 32-bit big-endian two's complement integer."""
    def __init__(self, Py_ssize_t offset, **options):
        Int.__init__(self, offset, 4, signed=True, **options)


cdef class Bits(Int):
    """``width`` bits from bit ``low`` up (bit 0 is the least significant) of the ``size`` bytes at ``offset``."""
    def __init__(self, Py_ssize_t offset, unsigned int low, unsigned int width, Py_ssize_t size=1, **options):
        if width < 1:
            raise ValueError("a bit field has at least one bit")
        Int.__init__(self, offset, size, low, width, **options)


cdef class Flag(Int):
    """One bit of one byte, as a bool."""
    def __init__(self, Py_ssize_t offset, unsigned int bit, **options):
        Int.__init__(self, offset, 1, bit, 1, boolean=True, **options)


cdef class LunField(Field):
    """The eight bytes of a LUN, as a :class:`pysrp.lun.Lun`; takes what ``Lun(...)`` takes."""

    def __init__(self, Py_ssize_t offset, *, str doc=""):
        Field.__init__(self, offset, 8, doc=doc)
        self.kind = KIND_LUN

    def __get__(self, obj, owner):
        cdef View v
        if obj is None:
            return self
        v = <View?> obj
        if self.end > v.n:
            overrun(type(v).__name__, self.name, self.offset, self.size, v.n - self.offset)
        return lun_load(v.p + self.offset)

    cdef object get(self, View v):
        return lun_load(v.p + self.offset)

    cdef int put(self, uint8_t *base, object value) except -1:
        return lun_store(base + self.offset, value)


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
        memcpy(p, view.buf, view.len)
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
    """``size`` bytes as they are; reads as a memoryview of them, shorter values are padded with zeros."""

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

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, *, bytes pad=b" ", str default=None, str doc=""):
        Field.__init__(self, offset, size, doc=doc)
        if len(pad) != 1:
            raise ValueError("pad is one byte")
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
        return view_within(self.cls, self.size, v, self.offset, self.size)

    cdef object exact(self, View v):
        return self.get(v).to_dict()

    cdef int put(self, uint8_t *base, object value) except -1:
        return fill(self.name, base + self.offset, self.size, as_buffer(self.cls, value), 0)


cdef object as_buffer(object kind, object value):
    """Bytes of a nested value: bytes-like as it is, a dictionary through build()."""
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
        Field.__init__(self, offset, size * count, doc=doc)
        self.count = count
        self.nbytes = <unsigned int> size

    cdef object get(self, View v):
        cdef Py_ssize_t i
        return tuple([wire_get(v.p + self.offset + i * self.nbytes, self.nbytes) for i in range(self.count)])

    cdef int put(self, uint8_t *base, object value) except -1:
        cdef Py_ssize_t i = 0
        # A copy: a sequence may lie about its length, or change while its numbers are asked for.
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


cdef class Part(Field):
    """A variable part: bytes at ``at``, as many as ``length`` says.

    ``at`` is an offset or the part in front of this one. ``length`` is the integer field that counts
    it (``unit`` bytes each, plus ``bias`` bytes), a function of the view that returns bytes, or None:
    all the rest. ``when`` = (field, bits) makes it empty unless one of those bits is set. build() sets
    the counting field and the bits from the value given. ``least`` bytes belong to the fixed part and
    are always there; a shorter value is padded with zeros. ``clamp``: where fewer bytes are there than
    claimed, as after a short allocation length, the part is what is there, and problems() says so.
    """

    def __init__(self, at, length=None, *, when=None, Py_ssize_t unit=1, Py_ssize_t bias=0,
                 Py_ssize_t least=0, bint clamp=False, str doc=""):
        self.after = at if isinstance(at, Part) else None
        Field.__init__(self, 0 if self.after is not None else at, least, doc=doc)
        self.variable = True
        self.length = length
        self.unit = unit
        self.bias = bias
        self.clamp = clamp
        self.fixed = length if isinstance(length, int) else -1
        self.count = length if isinstance(length, Int) else None
        if length is not None and self.count is None and self.fixed < 0 and not callable(length):
            raise TypeError("length is a field, a number, a function of the view, or None")
        if unit < 1:
            raise ValueError("unit is at least one byte")
        if when is not None:
            self.when, self.flag = when
            self.flag_bits = int(self.flag)

    def __get__(self, obj, owner):
        if obj is None:
            return self
        return self.get(<View?> obj)

    def __set__(self, obj, value):
        cdef View v = <View?> obj
        cdef Py_ssize_t offset, length, need
        self.locate(v, &offset, &length)
        if v.buffer.readonly:
            readonly_memory(v, self.name)
        need = self.measure(value)
        if need != length:
            raise EncodeError(
                f"{self.name}: {need} bytes where {length} stand; build() makes one of another size",
                field=self.name,
            )
        self.emit(v.p, offset, length, value)

    cdef Py_ssize_t start(self, View v) except -1:
        cdef Py_ssize_t offset, length
        if self.after is None:
            return self.offset
        self.after.locate(v, &offset, &length)
        return offset + length

    cdef Py_ssize_t claimed(self, View v) except -2:
        """Bytes that the structure says this part has; -1: all the rest."""
        cdef uint64_t raw
        if self.when is not None:
            if self.when.end > v.n:
                return 0
            raw = wire_get(v.p + self.when.offset, self.when.nbytes) >> self.when.shift & self.when.mask
            if not raw & self.flag_bits:
                return 0
        if self.count is not None:
            if self.count.end > v.n:
                return 0
            raw = wire_get(v.p + self.count.offset, self.count.nbytes) >> self.count.shift & self.count.mask
            if raw > <uint64_t> 0x7FFFFFFFFFFF // <uint64_t> self.unit:
                return 0x7FFFFFFFFFFF
            return max(<Py_ssize_t> raw * self.unit + self.bias, 0)
        if self.length is None:
            return -1
        if self.fixed >= 0:
            return self.fixed
        return max(<Py_ssize_t> self.length(v), 0)

    cdef int locate(self, View v, Py_ssize_t *offset, Py_ssize_t *length) except -1:
        cdef Py_ssize_t at = self.start(v), need = self.claimed(v), have = v.n - at
        if need < 0:
            need = max(have, 0)
        if need > have and need > 0:
            if not self.clamp:
                overrun(type(v).__name__, self.name, at, need, have)
            need = max(have, 0)
        offset[0] = min(at, v.n)
        length[0] = need
        return 0

    cdef object get(self, View v):
        cdef Py_ssize_t offset, length
        self.locate(v, &offset, &length)
        return span(v, offset, length)

    cdef object exact(self, View v):
        cdef Py_ssize_t offset, length
        self.locate(v, &offset, &length)
        return PyBytes_FromStringAndSize(<char *> v.p + offset, length)

    cdef Py_ssize_t measure(self, object value) except -1:
        cdef Py_ssize_t n = max(byte_length(value), self.size)
        # A count in units larger than a byte: the part ends on a whole unit.
        return n if self.unit == 1 else n + (self.unit - (n - self.bias) % self.unit) % self.unit

    cdef int emit(self, uint8_t *base, Py_ssize_t at, Py_ssize_t room, object value) except -1:
        fill(self.name, base + at, room, value, 0)
        return imply(self, base, room)


cdef int imply(Part part, uint8_t *base, Py_ssize_t length) except -1:
    """Set the field that counts the part, and the bits that announce it."""
    if part.count is not None:
        if length < part.bias:
            unfit(part.name, length, f"a part that has at least {part.bias} bytes")
        part.count.store(base, <uint64_t> ((length - part.bias) // part.unit))
    if part.when is not None and length > 0:
        part.when.store(
            base,
            wire_get(base + part.when.offset, part.when.nbytes) >> part.when.shift & part.when.mask | part.flag_bits,
        )
    return 0


cdef class List(Part):
    """A variable part made of structures one behind the other, as a list of views.

    ``item`` is a View class or a Dispatch. Items of a class without variable parts have its SIZE,
    others end where their own extent ends. With ``clamp`` a last item cut short is left out.
    """
    cdef readonly object item

    def __init__(self, at, length=None, *, item, **options):
        Part.__init__(self, at, length, **options)
        if not isinstance(item, Dispatch):
            layout_of(item)
        self.item = item

    cdef object get(self, View v):
        cdef Py_ssize_t offset, length, step
        cdef View item
        items = []
        self.locate(v, &offset, &length)
        while length > 0:
            try:
                if isinstance(self.item, Dispatch):
                    item = (<Dispatch> self.item).within(v, offset, length)
                else:
                    item = view_within(self.item, layout_of(self.item).size, v, offset, length)
                step = extent(item, layout_of(type(item)))
                if step < 1 or step > length:
                    overrun(type(v).__name__, self.name, offset, max(step, 1), length)
            except DecodeError as error:
                if self.clamp:
                    break
                if type(error) is TruncatedError:
                    overrun(type(v).__name__, self.name, offset, error.need, length)
                raise
            item.n = step
            items.append(item)
            offset += step
            length -= step
        return items

    cdef object exact(self, View v):
        cdef Py_ssize_t offset, length
        self.locate(v, &offset, &length)
        items = self.get(v)
        if sum([len(x) for x in items]) != length:
            return PyBytes_FromStringAndSize(<char *> v.p + offset, length)
        if isinstance(self.item, Dispatch):
            return [{"class": type(x).__name__, **x.to_dict()} for x in items]
        return [x.to_dict() for x in items]

    def joined(self, value):
        if PyObject_CheckBuffer(value):
            return value
        return b"".join([as_buffer(self.item, x) for x in value])

    cdef Py_ssize_t measure(self, object value) except -1:
        return Part.measure(self, self.joined(value))

    cdef int emit(self, uint8_t *base, Py_ssize_t at, Py_ssize_t room, object value) except -1:
        return Part.emit(self, base, at, room, self.joined(value))


# ---------------------------------------------------------------------------------------------
# Layout: the table of one class, and what is made from it
# ---------------------------------------------------------------------------------------------

cdef class Layout:
    """The fields of one View class in wire order, gaps filled with reserved fields."""

    def __init__(self, type owner, size=None):
        cdef Field f
        table = {}
        for base in reversed(owner.__mro__):
            for name, value in list(base.__dict__.items()):
                if isinstance(value, Field) and not (<Field> value).reserved:
                    table[name] = value
                elif name in table and not isinstance(value, Field):
                    del table[name]
        for name in table:
            if hasattr(View, name):
                raise TypeError(f"{owner.__name__}.{name}: every view has a method of that name; rename the field")
        self.owner = owner
        self.parts = tuple([f for f in table.values() if f.variable])
        plain = sorted([f for f in table.values() if not f.variable], key=_wire_order)
        self.fixed = tuple(sorted([f for f in table.values() if f.size or not f.variable], key=_wire_order))
        self.full = max([f.end for f in self.fixed], default=0)
        self.size = self.full if size is None else size
        self.check_overlap()
        gaps = self.gaps()
        for f in gaps:
            setattr(owner, f.name, f)
        self.declared = (*plain, *self.parts)
        self.fields = (*sorted([*plain, *gaps], key=_wire_order), *self.parts)
        self.index = {f.name: f for f in self.fields}
        self.names = tuple(self.index)
        template = bytearray(max(self.full, self.size))
        for f in self.fixed:
            default = (<Int> f).default if isinstance(f, Int) else getattr(f, "default", None)
            if default is not None or isinstance(f, Text):
                f.put(<uint8_t *> PyByteArray_AS_STRING(template), default or ("" if isinstance(f, Text) else 0))
        self.template = bytes(template)
        # Bytes in front of the parts, plus those that parts always have.
        self.body = self.size if not self.parts else (
            min([f.offset for f in self.parts if (<Part> f).after is None]) + sum([f.size for f in self.parts])
        )

    def check_overlap(self):
        """Raise TypeError if two fields of the fixed part have a bit in common."""
        cdef Py_ssize_t i
        cdef Field f, g
        for n, f in enumerate(self.fixed):
            if f.variable:
                continue
            for g in self.fixed[n + 1:]:
                if g.offset >= f.end:
                    break
                if g.variable:
                    continue
                for i in range(max(f.offset, g.offset), min(f.end, g.end)):
                    if f.bits(i) & g.bits(i):
                        raise TypeError(f"{self.owner.__name__}: {f.name} and {g.name} overlap in byte {i}")

    def gaps(self):
        """A field for each stretch of the fixed part that no declared field covers."""
        cdef Py_ssize_t i, start = -1
        cdef Field f
        cdef int used, bit, low
        found = []
        for i in range(self.size + 1):
            used = 0xFF
            if i < self.size:
                used = 0
                for f in self.fixed:
                    used |= f.bits(i)
            if used == 0:
                start = i if start < 0 else start
                continue
            if start >= 0:
                f = Raw(start, i - start, reserved=True, doc="reserved")
                f.name = f"rsvd{start}"
                found.append(f)
                start = -1
            low = -1
            for bit in range(9):
                if bit < 8 and not used >> bit & 1:
                    low = bit if low < 0 else low
                elif low >= 0:
                    f = Int(i, 1, low, bit - low, reserved=True, doc="reserved")
                    f.name = f"rsvd{i}_{low}"
                    found.append(f)
                    low = -1
        return found


def _wire_order(Field f):
    # Within a byte the standards' tables print bit 7 first.
    return f.offset, -<int> (<Int> f).shift if isinstance(f, Int) else 0


cdef enum:
    # Structures decoded at a time, all columns of them: few enough to stay in the first-level cache.
    BLOCK = 128


cdef struct Column:
    uint8_t *out
    Py_ssize_t offset
    unsigned int size      # bytes of one value in the column
    unsigned int nbytes    # bytes of the field
    unsigned int shift
    uint64_t mask
    bint copied            # bytes as they are
    bint whole


cdef object columns_of(list fields, const uint8_t *p, Py_ssize_t stride, Py_ssize_t count, dict out):
    cdef Py_ssize_t n = len(fields), i, start
    cdef Column *plan
    cdef Column *c
    cdef Field f
    cdef Py_buffer view
    result, held = {}, []
    plan = <Column *> malloc(max(n, 1) * sizeof(Column))
    if plan is NULL:
        raise MemoryError
    try:
        for i in range(n):
            f, c = fields[i], plan + i
            c.offset, c.nbytes = f.offset, <unsigned int> f.size
            c.copied, c.whole, c.shift, c.mask = f.kind == KIND_OTHER, True, 0, 0
            code = "B"
            if c.copied:
                c.size = c.nbytes
            else:
                c.size = 1 if f.size == 1 else 2 if f.size == 2 else 4 if f.size <= 4 else 8
                c.whole = c.size == c.nbytes
                code = {1: "B", 2: "H", 4: "I", 8: "Q"}[c.size]
                if f.kind == KIND_INT:
                    c.shift, c.mask = (<Int> f).shift, (<Int> f).mask
                    c.whole = c.whole and (<Int> f).whole
                    code = code.lower() if (<Int> f).signed else code
            memory = out.get(f.name)
            if memory is None:
                memory = PyByteArray_FromStringAndSize(NULL, c.size * count)
            column = memoryview(memory).cast("B")[:c.size * count]
            if column.readonly or column.nbytes < c.size * count:
                raise ValueError(f"out[{f.name!r}] has no {c.size * count} writable bytes")
            # Held by ``column`` until we return: nobody can resize it meanwhile.
            PyObject_GetBuffer(column, &view, PyBUF_WRITABLE)
            c.out = <uint8_t *> view.buf
            PyBuffer_Release(&view)
            held.append(column)
            result[f.name] = column.cast(code)
        with nogil:
            start = 0
            while start < count:
                for i in range(n):
                    gather(plan + i, p, stride, start, min(start + BLOCK, count))
                start += BLOCK
    finally:
        free(plan)
    return result


cdef void gather(const Column *c, const uint8_t *p, Py_ssize_t stride, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """One column of one block: a tight loop per width."""
    cdef uint8_t *out = c.out
    cdef uint64_t value
    p += c.offset
    if c.copied:
        for i in range(i, end):
            memcpy(out + i * c.size, p + i * stride, c.size)
    elif not c.whole:
        for i in range(i, end):
            value = wire_get(p + i * stride, c.nbytes) >> c.shift & c.mask
            if c.size == 1:
                out[i] = <uint8_t> value
            elif c.size == 2:
                (<uint16_t *> out)[i] = <uint16_t> value
            elif c.size == 4:
                (<uint32_t *> out)[i] = <uint32_t> value
            else:
                (<uint64_t *> out)[i] = value
    elif c.size == 1:
        for i in range(i, end):
            out[i] = p[i * stride]
    elif c.size == 2:
        for i in range(i, end):
            (<uint16_t *> out)[i] = <uint16_t> wire_get16(p + i * stride)
    elif c.size == 4:
        for i in range(i, end):
            (<uint32_t *> out)[i] = <uint32_t> wire_get32(p + i * stride)
    else:
        for i in range(i, end):
            (<uint64_t *> out)[i] = wire_get64(p + i * stride)


# ---------------------------------------------------------------------------------------------
# build, pack_into, unpack: vectorcall functions bound to the layout of their class
# ---------------------------------------------------------------------------------------------

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
buffer holds then is unchanged unless a value was wrong.
"""
_UNPACK = """unpack($module, buf, offset=0, /)
--

All fixed fields that the standard names, in wire order, as a tuple; raw fields as bytes.

Raises TruncatedError if the fixed part is not all there.
"""

cdef list _kept = []


cdef object bound_function(str name, str doc, void *entry, object self):
    """A builtin function with ``entry`` (METH_FASTCALL | METH_KEYWORDS) behind it and ``self`` bound."""
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
    """Find the field of each keyword and the length of the whole."""
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
        # Keywords mostly come in wire order and are interned: look at the next names first.
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
        # As long as it was when it was measured: the values before it can have run code that changed it.
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
            raise EncodeError(
                f"{layout.owner.__name__}: {p.total} bytes do not fit at offset {offset} of {view.len}"
            )
        write(layout, <uint8_t *> view.buf + offset, args + nargs, keywords, &p)
    finally:
        PyBuffer_Release(&view)
    return p.total


cdef object unpack_entry(object self, PyObject **args, Py_ssize_t nargs, PyObject *names):
    cdef Layout layout = <Layout> self
    cdef Py_ssize_t offset = 0, i, n = PyTuple_GET_SIZE(layout.fixed)
    cdef Py_buffer view
    cdef const uint8_t *p
    cdef Field f
    cdef Int field
    cdef uint64_t raw
    cdef object value
    if not 1 <= nargs <= 2 or names is not NULL:
        raise TypeError(f"{layout.owner.__name__}.unpack(buf, offset=0, /)")
    if nargs == 2:
        offset = <object> args[1]
    PyObject_GetBuffer(<object> args[0], &view, PyBUF_SIMPLE)
    try:
        if offset < 0 or offset > view.len or PyBytes_GET_SIZE(layout.template) > view.len - offset:
            truncated(layout.owner.__name__, "", offset, layout.size, view.len - offset)
        p = <const uint8_t *> view.buf + offset
        result = PyTuple_New(n)
        for i in range(n):
            f = <Field> PyTuple_GET_ITEM(layout.fixed, i)
            if f.kind == KIND_INT:
                field = <Int> f
                raw = wire_get(p + field.offset, field.nbytes) >> field.shift & field.mask
                if field.plain:
                    value = raw
                elif field.members is not None:
                    value = <object> PyList_GET_ITEM(field.members, <Py_ssize_t> raw)
                else:
                    value = field.value(p)
            elif f.kind == KIND_LUN:
                value = lun_load(p + f.offset)
            else:
                value = PyBytes_FromStringAndSize(<char *> p + f.offset, f.size)
            Py_INCREF(value)
            PyTuple_SET_ITEM(result, i, value)
        return result
    finally:
        PyBuffer_Release(&view)


# ---------------------------------------------------------------------------------------------
# Dispatch: from bytes to the class that their code selects
# ---------------------------------------------------------------------------------------------

cdef class Dispatch:
    """Chooses the class of a structure by an integer in it (opcode, type, service action).

    ``size`` bytes at ``offset``, shifted right by ``shift`` and cut to ``width`` bits, select what was
    added for that value: a View class, or a Dispatch that looks further. ``default`` is the class for
    values nobody added (None: DecodeError). With ``trim`` the views end at their own extent.
    """
    def __init__(self, str what, Py_ssize_t offset, unsigned int size=1, unsigned int shift=0,
                 unsigned int width=64, *, default=None, bint trim=False):
        self.what = what
        self.offset = offset
        self.size = size
        self.shift = shift
        self.mask = <uint64_t> 0xFFFFFFFFFFFFFFFF >> (64 - width)
        self.default = default
        self.trim = trim
        self.table = {}
        self.direct = [None] * 256
        self.parse = bound_function("parse", _PARSE, <void *> parse_entry, self)

    def add(self, value, target):
        """Select ``target`` for ``value``; raises ValueError if the value is taken by another."""
        taken = self.table.get(value)
        if taken is not None and taken is not target:
            raise ValueError(f"{self.what} {value:#x} is {taken!r} already")
        self.table[value] = target
        if 0 <= value < 256:
            self.direct[value] = target

    def classes(self):
        """Every class that can come out, without duplicates."""
        found = {}
        for target in [*self.table.values(), self.default]:
            if isinstance(target, Dispatch):
                found.update(dict.fromkeys((<Dispatch> target).classes()))
            elif target is not None:
                found[target] = None
        return list(found)

    def by_name(self, str name):
        """The class of that name; raises KeyError."""
        for cls in self.classes():
            if cls.__name__ == name:
                return cls
        raise KeyError(f"no {self.what} class is named {name!r}")

    cdef object select(self, const uint8_t *p, Py_ssize_t n):
        cdef uint64_t value
        cdef object target
        if self.offset > n or <Py_ssize_t> self.size > n - self.offset:
            if self.default is not None:
                return self.default
            truncated(self.what, self.what, self.offset, self.size, n - self.offset)
        value = wire_get(p + self.offset, self.size) >> self.shift & self.mask
        if value < 256:
            target = <object> PyList_GET_ITEM(self.direct, <Py_ssize_t> value)
        else:
            target = self.table.get(value)
        if target is None:
            target = self.default
            if target is None:
                raise DecodeError(
                    f"{self.what} {value:#x} is not assigned", field=self.what, offset=self.offset
                )
        if type(target) is Dispatch:
            return (<Dispatch> target).select(p, n)
        return target

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
        # A simple buffer has no pointers into itself: it may move.
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


class Structure(View):
    """The base of every structure that a table of fields describes: ``class Name(Structure): field = U8(0)``.

    Give ``__slots__ = ()`` (an instance needs no dictionary) and, where the fixed part ends behind the last
    field, ``size=`` in bytes. Sets ``SIZE``, ``FIELDS`` and the functions build, pack_into and unpack.
    """

    __slots__ = ()

    def __init_subclass__(cls, size=None, **options):
        super().__init_subclass__(**options)
        cdef Layout layout = Layout(cls, size)
        cls._layout = layout
        cls.SIZE = layout.size
        cls.FIELDS = layout.fields
        if "build" not in cls.__dict__:
            cls.build = bound_function("build", _BUILD, <void *> build_entry, layout)
        if "pack_into" not in cls.__dict__:
            cls.pack_into = bound_function("pack_into", _PACK_INTO, <void *> pack_into_entry, layout)
        if "unpack" not in cls.__dict__:
            cls.unpack = bound_function("unpack", _UNPACK, <void *> unpack_entry, layout)


Structure._layout = Layout(Structure)
