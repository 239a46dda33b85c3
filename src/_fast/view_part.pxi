# Variable parts: bytes and lists whose length is in another field. A part of view.pyx.

from cpython.buffer cimport PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t

from pysrp._fast.wire cimport wire_get

from pysrp.errors import DecodeError, EncodeError, TruncatedError


cdef class Part(Field):
    """A variable part: bytes at ``at``, as many as ``length`` says.

    ``at`` is an offset or the part in front of this one. ``length`` is a number of bytes, the integer field
    that counts it (``unit`` bytes each, plus ``bias`` bytes), a function of the view that returns the number
    of bytes, or None: all the rest. ``when`` = (field, bits): the part is empty unless one of those bits is
    set. build() sets the counting field and the bits from the value given. ``least`` bytes belong to the
    fixed part and are always there; a shorter value is padded with zeros. ``clamp``: if there are fewer bytes
    than claimed, as after a short allocation length, the part is those bytes, and problems() says so.
    """

    def __cinit__(self, *args, **options):
        self.unit = 1

    def __init__(self, at, length=None, *, when=None, Py_ssize_t unit=1, Py_ssize_t bias=0,
                 Py_ssize_t least=0, bint clamp=False, str doc=""):
        cdef Part after = at if isinstance(at, Part) else None
        if after is not None and not after.made:
            raise TypeError("the part in front was never made")
        if not (1 <= unit <= MOST and -MOST <= bias <= MOST):
            raise ValueError(f"unit {unit}, bias {bias}: a unit is at least one byte, neither is above {MOST}")
        Field.__init__(self, 0 if after is not None else at, least, doc=doc)
        self.after = after
        self.variable = True
        self.length = length
        self.unit = unit
        self.bias = bias
        self.clamp = clamp
        self.fixed = length if isinstance(length, int) else -1
        self.count = length if isinstance(length, Int) else None
        if length is not None and self.count is None and self.fixed < 0 and not callable(length):
            raise TypeError("length is a field, a number, a function of the view, or None")
        if self.count is not None:
            self.heads = self.count.end
        if when is not None:
            self.when, self.flag = when
            self.flag_bits = int(self.flag)
            self.heads = max(self.heads, self.when.end)

    def __get__(self, obj, owner):
        if obj is None:
            return self
        return self.get(<View?> obj)

    def __set__(self, obj, value):
        cdef View v = <View?> obj
        cdef Py_ssize_t offset, length, need
        self.locate(v, &offset, &length)
        if self.heads > v.n:
            overrun(type(v).__name__, self.name, 0, self.heads, v.n)
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
        """Bytes that this part has according to the structure's fields; -1: all the rest."""
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
    cdef uint64_t count
    if part.count is not None:
        if length < part.bias:
            unfit(part.name, length, f"a part that has at least {part.bias} bytes")
        count = <uint64_t> ((length - part.bias) // part.unit)
        if count > part.count.mask:
            # The error names the part, not the counting field, which the caller has not given.
            unfit(part.name, length, f"a part that has at most {part.count.mask * part.unit + part.bias} bytes")
        part.count.store(base, count)
    if part.when is not None and length > 0:
        part.when.store(
            base,
            wire_get(base + part.when.offset, part.when.nbytes) >> part.when.shift & part.when.mask | part.flag_bits,
        )
    return 0


cdef class List(Part):
    """A variable part made of structures one behind the other, as a list of views.

    ``item`` is a View class or a Dispatch. Items of a class without variable parts have its SIZE,
    others end at their own extent. With ``clamp`` a last item that is not whole is left out.
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
