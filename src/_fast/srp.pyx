"""Memory descriptors of SRP_CMD, whose offsets follow from two format nibbles and two counts; segments of memory."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from pysrp._fast.view cimport Int, Part, View, layout_of, view_within
from pysrp._fast.wire cimport wire_get, wire_get32, wire_get64, wire_put32, wire_put64

from pysrp.errors import DecodeError, EncodeError, TransportError


cdef enum:
    NONE = 0
    DIRECT = 1
    INDIRECT = 2
    IMMEDIATE = 3


cdef class Descriptor(Part):
    """The data-out or data-in memory descriptor of SRP_CMD, or None (SRP r16a, 5.6.2 and 6.5).

    ``format`` is the nibble of BUF_FMT with its format, ``count`` the field with the number of entries of
    its partial list, ``kinds`` the classes for formats 1, 2 and 3 (None: the format is not allowed).
    build() takes ``(va, length)`` or ``(va, key, length)`` for a direct descriptor, a list of those for
    an indirect one whose entries are all in the IU, or a descriptor made by its class.
    """
    cdef readonly Int format
    cdef readonly Int entries
    cdef readonly tuple kinds

    def __init__(self, at, Int format not None, Int count not None, tuple kinds not None, *, str doc=""):
        if len(kinds) != IMMEDIATE or format.size != 1 or count.size != 1:
            raise ValueError("a class or None for each of three formats, and two fields of one byte are needed")
        Part.__init__(self, at, 0, doc=doc)
        self.format = format
        self.entries = count
        self.heads = max(format.end, count.end)
        self.kinds = kinds

    cdef unsigned int fmt(self, View v):
        return <unsigned int> (wire_get(v.p + self.format.offset, 1) >> self.format.shift & 15)

    cdef Py_ssize_t claimed(self, View v) except -2:
        cdef unsigned int kind
        if self.kinds is None:
            raise TypeError("a field that was never made")
        if self.heads > v.n:
            return 0
        kind = self.fmt(v)
        if kind == NONE or kind > IMMEDIATE or self.kinds[kind - 1] is None:
            return 0
        if kind == INDIRECT:
            return 20 + 16 * <Py_ssize_t> v.p[self.entries.offset]
        return 16 if kind == DIRECT else 4

    cdef object get(self, View v):
        cdef Py_ssize_t offset = 0, length = 0
        cdef unsigned int kind
        self.locate(v, &offset, &length)
        if length == 0:
            return None
        # In shared memory the partner may have changed the format since locate() read it: read it once more, and let
        # view_within() refuse a length that is too small for it.
        kind = self.fmt(v)
        if kind == NONE or kind > IMMEDIATE:
            return None
        cls = self.kinds[kind - 1]
        if cls is None:
            return None
        return view_within(cls, layout_of(cls).size, v, offset, length)

    def segments(self, View v not None, uint64_t limit):
        """The segments of an IU's descriptor, the bytes that it allows in all, and None.

        A segment is address, length in bytes and memory key. If a part of an indirect table is not in the IU: no
        segments, 0, and a tuple of the rest of the table (a segment), the segments that are in the IU, and the total
        length that the descriptor has.

        Raises DecodeError for other formats than direct and indirect, and for a table of more than ``limit`` bytes that
        is not all in the IU.
        """
        cdef Py_ssize_t offset = 0, length = 0, i, size, have
        cdef uint64_t total = 0
        cdef unsigned int kind
        cdef list found
        cdef uint8_t *p
        self.locate(v, &offset, &length)
        # The kind follows from the length: in shared memory the format may have changed since locate() read it.
        p = v.p + offset
        if length == 16:
            return [segment(p)], wire_get32(p + 12), None
        if length < 20:
            if self.heads > v.n:
                return [], 0, None
            kind = self.fmt(v)
            if kind == NONE:
                return [], 0, None
            raise DecodeError(
                f"buffer format {kind} was not agreed on at login", field="buf_fmt", offset=self.format.offset
            )
        size, have = wire_get32(p + 12), length - 20
        if size % 16:
            raise DecodeError(f"indirect table of {size} bytes is not whole descriptors", field="table_desc")
        if size != have and <uint64_t> size > limit:
            raise DecodeError(f"indirect table of {size} bytes, {limit} allowed", field="table_desc")
        if have > size:     # more entries in the IU than the table has: use the table only
            have = 0
        found = []
        for i in range(20, 20 + have, 16):
            found.append(segment(p + i))
            total += wire_get32(p + i + 12)
        if have == size:
            return found, min(total, wire_get32(p + 16)), None
        # An address that overflows 64 bits is refused when the table is fetched.
        return [], 0, ((<object> wire_get64(p) + have, size - have, wire_get32(p + 8)), found, wire_get32(p + 16))

    cdef object exact(self, View v):
        found = self.get(v)
        return None if found is None else {"class": type(found).__name__, **found.to_dict()}

    def plain(self, value):
        """The structure that a dictionary of to_dict() describes."""
        cls = {kind.__name__: kind for kind in self.kinds if kind is not None}[value["class"]]
        return cls.build(**{k: x for k, x in value.items() if k != "class"})

    cdef Py_ssize_t measure(self, object value) except -1:
        if type(value) is tuple:
            return 16
        if type(value) is list:
            return 20 + 16 * len(value)
        if isinstance(value, dict):
            value = self.plain(value)
        return Part.measure(self, value)

    cdef int emit(self, uint8_t *base, Py_ssize_t at, Py_ssize_t room, object value) except -1:
        cdef uint8_t *p = base + at
        cdef unsigned int kind = INDIRECT
        cdef uint64_t total = 0
        cdef Py_ssize_t i
        cdef tuple entries
        if type(value) is tuple:
            direct(p, self.name, value)
            kind = DIRECT
        elif type(value) is list:
            # A copy: converting an entry's numbers may run code that changes the list, which has been measured.
            entries = tuple(value)
            if room != 20 + 16 * len(entries):
                raise EncodeError(f"{self.name}: the list changed while it was written", field=self.name)
            memset(p, 0, 20)
            wire_put32(p + 12, <unsigned int> (16 * len(entries)))
            for i in range(len(entries)):
                total += direct(p + 20 + 16 * i, self.name, entries[i])
            if total >> 32:
                raise EncodeError(f"{self.name}: {total} bytes in all do not fit 32 bits", field=self.name)
            wire_put32(p + 16, <unsigned int> total)
        else:
            if isinstance(value, dict):
                value = self.plain(value)
            Part.emit(self, base, at, room, value)
            if isinstance(value, View):
                if type(value) not in self.kinds:
                    raise EncodeError(f"{self.name}: {type(value).__name__} is not allowed here", field=self.name)
                kind = self.kinds.index(type(value)) + 1
            elif room in (4, 16):
                kind = DIRECT if room == 16 else IMMEDIATE
        if kind == INDIRECT:
            if room < 20 or (room - 20) % 16:
                raise EncodeError(f"{self.name}: {room} bytes are no indirect descriptor", field=self.name)
            self.entries.store(base, <uint64_t> (room - 20) // 16)
        self.format.store(base, kind)
        return 0


cdef inline tuple segment(const uint8_t *p):
    """Address, length and memory key of a direct descriptor."""
    return wire_get64(p), wire_get32(p + 12), wire_get32(p + 8)


_ADDRESSES = 1 << 64


def clip(segments, Py_ssize_t skip, Py_ssize_t length):
    """Bytes ``skip`` to ``skip + length`` of the segments, as a list of segments.

    Raises TransportError for a segment whose end overflows 64 bits.
    """
    cdef Py_ssize_t size
    cdef list found = []
    for address, all_of_it, key in segments:
        size = all_of_it
        if skip >= size:
            skip -= size
            continue
        size = min(size - skip, length)
        if size <= 0:
            break
        address += skip
        if address + size > _ADDRESSES:
            raise TransportError(f"{size} bytes at {address:#x} wrap")
        found.append((address, size, key))
        skip = 0
        length -= size
    return found


cdef uint64_t direct(uint8_t *p, str name, tuple entry) except? 0xFFFFFFFFFFFFFFFF:
    """One direct descriptor from (va, length) or (va, key, length); returns its length."""
    cdef uint64_t va = 0, key = 0, length = 0
    cdef Py_ssize_t n = len(entry)
    try:
        if n == 2:
            va, length = entry[0], entry[1]
        elif n == 3:
            va, key, length = entry[0], entry[1], entry[2]
        else:
            raise TypeError(f"{name}: (va, length) or (va, key, length) is needed, not {entry!r}")
    except OverflowError:
        key = 1 << 32
    if (key | length) >> 32:
        raise EncodeError(f"{name}: {entry!r} does not fit 64 bits of address, 32 of length", field=name)
    wire_put64(p, va)
    wire_put32(p + 8, <unsigned int> key)
    wire_put32(p + 12, <unsigned int> length)
    return length
