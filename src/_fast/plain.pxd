"""The plain SRP_CMD and SRP_RSP as bytes, written and read by hand by the initiator's lane and its plain calls.

A command is plain if it has a CDB of up to 16 bytes and at most one direct descriptor; an answer, if it says GOOD and
nothing else (SRP r16a, 6.8, 6.9). queue.pyx compares the offsets with the field tables when it is loaded.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from pysrp._fast.wire cimport wire_get32, wire_get64, wire_put32, wire_put64


# Offsets and sizes in an IU.
cdef enum:
    CMD = 48            # the fixed part of SRP_CMD
    CMD_FORMATS = 5
    CMD_TAG = 8
    CMD_LUN = 20
    CMD_CDB = 32
    DESC = 16           # a memory descriptor
    DESC_LENGTH = 12
    RSP = 36
    RSP_CREDITS = 4
    RSP_TAG = 8
    RSP_FLAGS = 18
    RSP_STATUS = 19
    RSP_RESPONSE = 32   # length of the response data, which come before the sense data


cdef inline int put_command(
    uint8_t *p, Py_ssize_t room, uint64_t tag, uint64_t address, uint32_t size, bint outward
) noexcept nogil:
    """Write a plain SRP_CMD without its LUN and CDB into ``room`` bytes, zeroed first; returns its length in bytes."""
    memset(p, 0, room)
    p[0] = 2
    wire_put64(p + CMD_TAG, tag)
    if not size:
        return CMD
    p[CMD_FORMATS] = 0x10 if outward else 0x01
    wire_put64(p + CMD, address)
    wire_put32(p + CMD + DESC_LENGTH, size)
    return CMD + DESC


cdef inline bint is_rsp(const uint8_t *rsp, Py_ssize_t length, uint64_t tag) noexcept nogil:
    """Whether ``rsp`` is an SRP_RSP with that tag."""
    return length >= RSP and rsp[0] == 0xC1 and wire_get64(rsp + RSP_TAG) == tag


cdef inline bint is_plain(const uint8_t *rsp) noexcept nogil:
    """Whether an SRP_RSP says GOOD and nothing else."""
    return not (rsp[RSP_FLAGS] | rsp[RSP_STATUS])
