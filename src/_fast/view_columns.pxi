# Many structures at a time, a column for each field. A part of view.pyx.

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove

from pysrp._fast.wire cimport wire_get, wire_get16, wire_get32, wire_get64


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
            memmove(out + i * c.size, p + i * stride, c.size)
    elif not c.whole:
        for i in range(i, end):
            value = wire_get(p + i * stride, c.nbytes) >> c.shift & c.mask
            if c.size == 1:
                out[i] = <uint8_t> value
            elif c.size == 2:
                put16(out + 2 * i, <uint16_t> value)
            elif c.size == 4:
                put32(out + 4 * i, <uint32_t> value)
            else:
                put64(out + 8 * i, value)
    elif c.size == 1:
        for i in range(i, end):
            out[i] = p[i * stride]
    elif c.size == 2:
        for i in range(i, end):
            put16(out + 2 * i, <uint16_t> wire_get16(p + i * stride))
    elif c.size == 4:
        for i in range(i, end):
            put32(out + 4 * i, <uint32_t> wire_get32(p + i * stride))
    else:
        for i in range(i, end):
            put64(out + 8 * i, wire_get64(p + i * stride))
