# The fixed fields of a structure as a list of steps in C, and each one's value. A part of view.pyx.

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc

from pysrp._fast.lun cimport lun_load
from pysrp._fast.wire cimport wire_get


cdef enum StepKind:
    STEP_BYTE       # a byte or bits of one, as an int
    STEP_NUMBER
    STEP_SIGNED
    STEP_MEMBER     # an enum of at most eight bits
    STEP_LUN
    STEP_BYTES
    STEP_FIELD      # the field's own get() or value() is called


cdef struct Step:
    uint64_t mask
    Py_ssize_t offset
    Py_ssize_t size
    unsigned int shift
    StepKind kind
    PyObject *field     # borrowed from the layout


# A list of steps is made by the first thread that needs it, and read by all threads without a lock.

cdef extern from * nogil:
    """
    #define step_list(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
    #define step_publish(at, list) __atomic_store_n(at, list, __ATOMIC_RELEASE)
    """
    Step *step_list(Step **at)
    void step_publish(Step **at, Step *list)


cdef PyObject *_BYTES[256]

for _number in range(256):
    Py_INCREF(_number)
    _BYTES[_number] = <PyObject *> _number


cdef Step *steps_of(list fields, bint plain) except NULL:
    """A step for each field; never freed. ``plain``: fields other than integers and LUNs are decoded as bytes."""
    cdef Step *steps = <Step *> calloc(len(fields) + 1, sizeof(Step))
    cdef Step *s = steps
    cdef Field f
    cdef Int i
    if steps is NULL:
        raise MemoryError  # pragma: no cover: no test has that little memory
    for f in fields:
        s.offset, s.size, s.field = f.offset, f.size, <PyObject *> f
        if f.kind == KIND_LUN:
            s.kind = STEP_LUN
        elif f.kind != KIND_INT:
            s.kind = STEP_BYTES if plain else STEP_FIELD
        else:
            i = <Int> f
            s.shift, s.mask = i.shift, i.mask
            s.kind = STEP_FIELD
            if i.plain:
                s.kind = STEP_BYTE if i.nbytes == 1 else STEP_NUMBER
            elif i.signed and i.width == 8 * i.nbytes and i.enum is None:
                s.kind = STEP_SIGNED
            elif i.enum is not None and i.width <= 8:
                s.kind = STEP_MEMBER
                if i.members is None:
                    i.members = members_of(i.enum, i.width)
        s += 1
    return steps


cdef inline PyObject *step_value(const Step *s, const uint8_t *p, View v) except NULL:
    """The value of one field, a new reference. ``v`` is the view, which STEP_FIELD may need."""
    cdef uint64_t raw
    cdef PyObject *value
    if s.kind == STEP_LUN:
        made = lun_load(p + s.offset)
    elif s.kind == STEP_BYTES:
        return bytes_from(<const char *> p + s.offset, s.size)
    elif s.kind == STEP_FIELD:
        made = (<Int> s.field).value(p) if (<Field> s.field).kind == KIND_INT else (<Field> s.field).get(v)
    else:
        raw = wire_get(p + s.offset, <unsigned int> s.size) >> s.shift & s.mask
        if s.kind == STEP_BYTE:
            value = _BYTES[raw]
        elif s.kind == STEP_MEMBER:
            value = PyList_GET_ITEM((<Int> s.field).members, <Py_ssize_t> raw)
        elif s.kind == STEP_NUMBER:
            return long_of(raw)
        else:
            return long_of_signed(<int64_t> (raw << 64 - 8 * s.size) >> 64 - 8 * s.size)
        Py_INCREF(<object> value)
        return value
    Py_INCREF(made)
    return <PyObject *> made
