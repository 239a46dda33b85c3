# Fields of a fixed place: integers, bits, LUNs. A part of view.pyx.

from cpython.number cimport PyNumber_Index
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t

from pysrp._fast.lun cimport lun_load, lun_store
from pysrp._fast.wire cimport wire_get, wire_put


cdef enum:
    MOST = 1 << 20      # bytes of a structure's fixed part at most: sums and products of offsets do not overflow


cdef class Field:
    """One wire field: ``offset`` and ``size`` in bytes from the start of its structure.

    ``doc`` says what its value decides. If fields of one name mean the same in many structures, a base class has these
    texts in ``TEXTS``, by name.
    """

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, *, str doc=""):
        if self.made:
            raise TypeError("a field stays where it is: tables have been made of it")
        if not (0 <= offset <= MOST and 0 <= size <= MOST):
            raise ValueError(f"offset {offset}, size {size}: from 0 to {MOST}")
        self.made = True
        self.offset = offset
        self.size = size
        self.end = offset + size
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner, str name):
        if not self.name:
            self.name = name
        if not self.doc:
            texts = getattr(owner, "TEXTS", None)
            if texts is not None:
                self.doc = texts.get(name, "")

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
        # One list for all fields, never removed: threads that make it at the same time need no lock.
        table = _MEMBERS.setdefault(key, [member_of(codes, value) for value in range(1 << width)])
    return table


cdef object member_of(object codes, object value):
    try:
        return codes(value)
    except ValueError:
        return value


cdef class Int(Field):
    """An unsigned big-endian integer of 1 to 8 bytes, or ``width`` bits of it from bit ``shift`` up.

    ``enum`` names the values (values without a name stay integers), ``must`` is the only valid value,
    ``default`` is what build() fills in. ``signed``: two's complement. ``hex``: show it in hexadecimal. ``valid`` is a
    flag: while it is not set the field is reserved, and show() leaves it out if it is 0.
    """

    def __init__(self, Py_ssize_t offset, Py_ssize_t size, unsigned int shift=0, unsigned int width=0, *,
                 enum=None, must=None, default=None, bint signed=False, bint boolean=False, hex=None,
                 bint reserved=False, Int valid=None, str doc=""):
        Field.__init__(self, offset, size, doc=doc)
        if not 1 <= size <= 8:
            raise ValueError(f"{size} bytes: an integer field has 1 to 8")
        self.nbytes = <unsigned int> size
        self.shift = shift
        if shift >= 8 * size or width > 8 * size - shift:
            raise ValueError(f"{width} bits from bit {shift} are outside {size} bytes")
        self.width = width or <unsigned int> (8 * size) - shift
        self.mask = <uint64_t> 0xFFFFFFFFFFFFFFFF >> (64 - self.width)
        self.whole = self.width == 8 * size
        self.enum = enum
        self.must = must
        self.default = must if default is None else default
        self.signed = signed
        self.boolean = boolean
        self.hex = size == 8 if hex is None else hex
        self.reserved = reserved
        self.valid = valid
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
            return self.put(base, PyNumber_Index(value))  # with an int, so this is not repeated
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
