"""Declarations of copy.h for Cython: copies of data."""


cdef extern from "copy.h" nogil:
    void copy_bytes(void *to, const void *source, size_t n)
    void move_bytes(void *to, const void *source, size_t n)
