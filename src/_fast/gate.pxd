"""Declarations of gate.h for Cython, and the Gate."""

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "gate.h" nogil:
    enum:
        PYSRP_ATTENTION
        PYSRP_RESERVED
        PYSRP_NOT_READY
        PYSRP_JOB
        PYSRP_TASKS
        PYSRP_REVOKED
        PYSRP_STRAGGLERS
        PYSRP_ALONE
        PYSRP_UNCACHED
        PYSRP_PROTECTED
        PYSRP_SWP
        PYSRP_NO_CACHE
        PYSRP_WATCHED
    const uint32_t PYSRP_STOPS_READS
    const uint32_t PYSRP_STOPS_WRITES
    const uint64_t PYSRP_ONE
    struct pysrp_gate:
        uint64_t commands[2]
        uint64_t blocks[2]
    pysrp_gate *pysrp_gate_new()
    uint64_t pysrp_gate_word(const pysrp_gate *gate)
    bint pysrp_gate_enter(pysrp_gate *gate, uint32_t reasons)
    void pysrp_gate_count(pysrp_gate *gate, bint write, uint64_t blocks)
    uint64_t pysrp_gate_counted(const uint64_t *count)
    bint pysrp_gate_leave(pysrp_gate *gate)
    bint pysrp_gate_close(pysrp_gate *gate, uint32_t reasons)
    void pysrp_gate_open(pysrp_gate *gate, uint32_t reasons)
    bint pysrp_gate_await(pysrp_gate *gate)
    void pysrp_gate_told(pysrp_gate *gate)


cdef class Gate:
    cdef pysrp_gate *gate
    cdef list waiting
    cdef void tell(self) noexcept
