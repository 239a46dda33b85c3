from libc.stdint cimport int64_t, uint8_t, uint64_t


# No object attributes and no C methods: instances stay out of the garbage collector, and
# subclasses written in Python are made with tp_alloc alone.
cdef class View:
    cdef uint8_t *p
    cdef Py_ssize_t n
    cdef Py_buffer buffer


cdef enum:
    KIND_OTHER = 0
    KIND_INT = 1
    KIND_LUN = 2


cdef class Field:
    cdef int kind
    cdef readonly str name
    cdef readonly str doc
    cdef readonly Py_ssize_t offset
    cdef readonly Py_ssize_t size
    cdef readonly bint variable
    cdef readonly bint reserved
    cdef bint made          # __init__ has been called; a second call is refused
    cdef Py_ssize_t end

    cdef object get(self, View v)
    cdef int put(self, uint8_t *base, object value) except -1
    cdef object exact(self, View v)
    cdef int bits(self, Py_ssize_t i)


cdef class Int(Field):
    cdef readonly unsigned int shift
    cdef readonly unsigned int width
    cdef readonly object enum
    cdef readonly object must
    cdef readonly object default
    cdef readonly Int valid
    cdef readonly bint signed
    cdef readonly bint boolean
    cdef readonly bint hex
    cdef unsigned int nbytes
    cdef bint whole
    cdef bint plain
    cdef uint64_t mask
    cdef uint64_t known
    cdef list members

    cdef object value(self, const uint8_t *base)
    cdef int store(self, uint8_t *base, uint64_t raw) except -1
    cdef int refuse(self, uint8_t *base, object value) except -1


cdef class Part(Field):
    cdef readonly Part after
    cdef readonly object length
    cdef readonly Int when
    cdef readonly object flag
    cdef readonly Py_ssize_t unit
    cdef readonly Py_ssize_t bias
    cdef readonly bint clamp
    cdef Int count
    cdef Py_ssize_t fixed
    cdef Py_ssize_t heads   # end of the fields for its length and presence, which are set with it
    cdef uint64_t flag_bits

    cdef Py_ssize_t start(self, View v) except -1
    cdef Py_ssize_t claimed(self, View v) except -2
    cdef int locate(self, View v, Py_ssize_t *offset, Py_ssize_t *length) except -1
    cdef Py_ssize_t measure(self, object value) except -1
    cdef int emit(self, uint8_t *base, Py_ssize_t at, Py_ssize_t room, object value) except -1


cdef struct Step            # view_steps.pxi


cdef class Layout:
    cdef readonly type owner
    cdef readonly tuple fields
    cdef readonly tuple declared
    cdef readonly tuple fixed
    cdef readonly tuple parts
    cdef readonly Py_ssize_t size
    cdef dict index
    cdef tuple names
    cdef bytes template
    cdef Py_ssize_t full
    cdef Py_ssize_t body
    cdef Step *unpacked     # the steps of unpack(): all of `fixed`
    cdef Step *slots        # the steps of a record; NULL until the first record is made
    cdef Py_ssize_t slot_count
    cdef object record      # the type of records, None until then
    cdef dict plans         # ColumnPlan by the names that were asked for


cdef Layout layout_of(object cls)
cdef View view_over(object cls, Py_ssize_t size, object buf)
cdef View view_within(object cls, Py_ssize_t size, View parent, Py_ssize_t offset, Py_ssize_t length)
cdef object span(View v, Py_ssize_t offset, Py_ssize_t length)
cdef int truncated(str what, str field, Py_ssize_t offset, Py_ssize_t need, Py_ssize_t have) except -1
cdef object bound_function(str name, str doc, void *entry, object self)


cdef class Dispatch:
    cdef readonly str what
    cdef readonly Py_ssize_t offset
    cdef readonly dict table
    cdef readonly object default
    cdef readonly bint trim
    cdef readonly object parse
    cdef readonly object record
    cdef readonly unsigned int size
    cdef readonly unsigned int shift
    cdef readonly uint64_t mask
    cdef list direct

    cdef object select(self, const uint8_t *p, Py_ssize_t n)
    cdef View within(self, View parent, Py_ssize_t offset, Py_ssize_t length)
