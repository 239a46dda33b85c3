"""Mutating bytes for fuzzers: the part of :class:`pysrp.fuzz.Mutator` that runs for each input.

No Python object is used between the view's bytes and the result. Random numbers are SplitMix64's, 64-bit numbers
from a 64-bit seed, so that a seed gives the same results on each platform.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove

from pysrp._fast.view cimport Int, View
from pysrp._fast.wire cimport wire_get, wire_put

cdef enum:
    MOST_GROWTH = 32        # bytes that one change adds at most
    MOST_COPIED = 16        # bytes that "repeat" copies at most
    NEAR = 4096             # bytes; for smaller results memory on the stack is used
    MOST_CHANGES = 1 << 20


cdef struct Aim:         # an integer field, and the values that are tried in it
    Py_ssize_t offset
    unsigned int size
    unsigned int shift
    uint64_t mask           # as wide as the field, at bit 0
    bint anything           # random values are tried, too
    Py_ssize_t first        # index of its first value in the table's ``values``
    Py_ssize_t count


@cython.final
@cython.internal
cdef class Aims:
    """The integer fields of a class, with the values that are tried in each."""

    cdef Aim *targets
    cdef uint64_t *values
    cdef Py_ssize_t count

    def __cinit__(self, given):
        # Copies as lists: other objects may return a wrong length.
        cdef list fields = [(field, list(values)) for field, values in given]
        cdef Py_ssize_t i = 0, at = 0, total = sum([len(values) for _, values in fields])
        cdef Int field
        self.targets = <Aim *> calloc(len(fields) + 1, sizeof(Aim))
        self.values = <uint64_t *> calloc(total + 1, sizeof(uint64_t))
        if self.targets is NULL or self.values is NULL:
            raise MemoryError  # pragma: no cover: no test has that little memory
        for field, values in fields:
            if field is None:
                raise TypeError("None is no integer field")
            self.targets[i] = Aim(
                field.offset, <unsigned int> field.size, field.shift, field.mask, not field.signed, at, len(values)
            )
            for value in values:
                self.values[at] = <uint64_t> (value & 0xFFFFFFFFFFFFFFFF) & field.mask
                at += 1
            i += 1
        self.count = i

    def __dealloc__(self):
        free(self.targets)
        free(self.values)


cdef inline uint64_t chance(uint64_t *state) noexcept nogil:
    """The next random number, 64 bits (SplitMix64: Steele, Lea and Flood 2014)."""
    cdef uint64_t z
    state[0] += <uint64_t> 0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ z >> 30) * <uint64_t> 0xBF58476D1CE4E5B9
    z = (z ^ z >> 27) * <uint64_t> 0x94D049BB133111EB
    return z ^ z >> 31


cdef inline Py_ssize_t below(uint64_t *state, Py_ssize_t bound) noexcept nogil:
    """A random number from 0 to ``bound`` - 1; ``bound`` is at most 2**31."""
    return <Py_ssize_t> ((chance(state) >> 32) * <uint64_t> bound >> 32)


cdef void aim(uint64_t *state, const Aim *targets, Py_ssize_t count, const uint64_t *values,
              uint8_t *p, Py_ssize_t n) noexcept nogil:
    """Give one random integer field another value. Nothing changes if that field is not inside the ``n`` bytes."""
    cdef const Aim *target = &targets[below(state, count)]
    cdef uint64_t value = values[target.first + below(state, target.count)]
    if target.anything and below(state, 4) == 0:
        value = chance(state)
    if target.offset + <Py_ssize_t> target.size > n:
        return
    p += target.offset
    value = (value & target.mask) << target.shift
    wire_put(p, target.size, wire_get(p, target.size) & ~(target.mask << target.shift) | value)


cdef Py_ssize_t rough(uint64_t *state, uint8_t *p, Py_ssize_t n,
                      const uint8_t *other, Py_ssize_t length) noexcept nogil:
    """Change bytes without regard to fields; returns the new length."""
    cdef Py_ssize_t kind = below(state, 6), at, size, i
    cdef uint8_t copied[MOST_COPIED]
    if kind == 0 or n == 0:                         # grow
        size = 1 + below(state, MOST_GROWTH)
        for i in range(size):
            p[n + i] = <uint8_t> chance(state)
        return n + size
    at = below(state, n)
    if kind == 1:                                   # cut
        return at
    if kind == 2:                                   # flip
        p[at] ^= <uint8_t> (1 << below(state, 8))
    elif kind == 3:                                 # overwrite
        for i in range(at, min(at + 4, n)):
            p[i] = <uint8_t> chance(state)
    elif kind == 4:                                 # splice
        if at >= length:
            return at
        memcpy(p + at, other + at, length - at)
        return length
    else:                                           # repeat
        size = min(below(state, MOST_COPIED), n - at)
        memcpy(copied, p + at, size)
        memmove(p + at + size, p + at, n - at)
        memcpy(p + at, copied, size)
        return n + size
    return n


cdef class Bender:
    """Bender(seed): base of :class:`pysrp.fuzz.Mutator`. A subclass has ``_integers(cls)``, which returns pairs of an
    integer field of ``cls`` and the values that are tried in it."""

    cdef uint64_t state
    cdef dict tables

    def __cinit__(self, *arguments, **keywords):
        self.tables = {}

    def __init__(self, seed=0):
        self.state = seed & 0xFFFFFFFFFFFFFFFF

    def mutate(self, View view not None, other=None, *, Py_ssize_t changes=3):
        """``view``'s bytes after 1 to ``changes`` random changes. Splices take their tail from ``other``.

        Raises ValueError for less than one change, or more than 1048576.
        """
        cdef Py_buffer held
        cdef Aims table
        if not 1 <= changes <= MOST_CHANGES:
            raise ValueError(f"{changes} changes: 1 to {MOST_CHANGES} are possible")
        table = self.tables.get(type(view))
        if table is None:
            table = self.tables[type(view)] = Aims(self._integers(type(view)))
        if other is None:
            return self.bent(table, view.p, view.n, view.p, view.n, changes)
        PyObject_GetBuffer(other, &held, PyBUF_SIMPLE)
        try:
            return self.bent(table, view.p, view.n, <const uint8_t *> held.buf, held.len, changes)
        finally:
            PyBuffer_Release(&held)

    cdef bytes bent(self, Aims table, const uint8_t *view, Py_ssize_t n, const uint8_t *other, Py_ssize_t length,
                    Py_ssize_t changes):
        cdef uint8_t near[NEAR]
        cdef uint8_t *p = near
        cdef uint64_t state = self.state
        cdef Py_ssize_t rounds = 1 + below(&state, changes), aimed = 0, _
        cdef Py_ssize_t room = max(n, length) + rounds * MOST_GROWTH
        if room > NEAR:
            p = <uint8_t *> malloc(room)
            if p is NULL:
                raise MemoryError  # pragma: no cover: no test has that little memory
        memcpy(p, view, n)
        if table.count:
            for _ in range(rounds):
                aimed += <Py_ssize_t> (chance(&state) & 1)
        for _ in range(aimed):
            aim(&state, table.targets, table.count, table.values, p, n)
        for _ in range(rounds - aimed):
            n = rough(&state, p, n, other, length)
        self.state = state
        try:
            return PyBytes_FromStringAndSize(<char *> p, n)
        finally:
            if p is not near:
                free(p)
