# The table of one class, and the lists that are made from it. A part of view.pyx.

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport uint8_t


cdef class Layout:
    """The fields of one View class in wire order, gaps filled with reserved fields."""

    def __init__(self, type owner, size=None):
        cdef Field f
        if self.owner is not None:
            raise TypeError("a layout is made once")
        if not issubclass(owner, View):
            raise TypeError(f"{owner.__name__} is no class of structures")
        if size is not None and not 0 <= size <= MOST:
            raise ValueError(f"{owner.__name__}: {size} bytes, from 0 to {MOST} are possible")
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
        self.plans = {}
        self.parts = tuple([f for f in table.values() if f.variable])
        plain = sorted([f for f in table.values() if not f.variable], key=_wire_order)
        self.fixed = tuple(sorted([f for f in table.values() if f.size or not f.variable], key=_wire_order))
        self.full = max([f.end for f in self.fixed], default=0)
        self.size = self.full if size is None else size
        for f in self.parts:
            if (<Part> f).heads > self.size:
                raise TypeError(f"{owner.__name__}: what counts {f.name} is not in the fixed part")
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
        # Bytes in front of the parts, plus the bytes that parts always have.
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
