"""Declarations of wire.h for Cython: big-endian numbers, and slots of a queue."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "wire.h" nogil:
    unsigned int wire_get16(const uint8_t *p)
    unsigned int wire_get32(const uint8_t *p)
    uint64_t wire_get64(const uint8_t *p)
    uint64_t wire_get(const uint8_t *p, unsigned int size)
    void wire_put16(uint8_t *p, unsigned int v)
    void wire_put32(uint8_t *p, unsigned int v)
    void wire_put64(uint8_t *p, uint64_t v)
    void wire_put(uint8_t *p, unsigned int size, uint64_t v)

    bint wire_slot_valid(const uint8_t *slot)
    void wire_slot_take(uint8_t *slot, uint8_t *out)
    void wire_slot_free(uint8_t *slot)
    void wire_slot_put(uint8_t *slot, const uint8_t *element)
