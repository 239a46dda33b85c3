from libc.stdint cimport uint8_t


cdef class Lun:
    cdef uint8_t b[8]


cdef Lun lun_load(const uint8_t *p)
cdef int lun_store(uint8_t *p, object value) except -1
