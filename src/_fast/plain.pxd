"""The plain SRP_CMD and SRP_RSP as bytes, written and read by hand by the initiator's lane and its plain calls.

Plain is a command with a CDB of up to 16 bytes and at most one direct descriptor, and an answer that says GOOD and
nothing else (SRP r16a, 6.8, 6.9). queue.pyx holds the offsets against the field tables when it is loaded.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from pysrp._fast.wire cimport wire_get32, wire_get64, wire_put32, wire_put64


# Where things are in an IU.
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
    RSP_RESPONSE = 32   # the length of the response data, which stands before the sense data


cdef inline int put_command(
    uint8_t *p, Py_ssize_t room, uint64_t tag, uint64_t address, uint32_t size, bint outward
) noexcept nogil:
    """A plain SRP_CMD but for its LUN and CDB, in ``room`` bytes that are zeroed first; its length."""
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
    """Whether it is an SRP_RSP to that tag."""
    return length >= RSP and rsp[0] == 0xC1 and wire_get64(rsp + RSP_TAG) == tag


cdef inline bint is_plain(const uint8_t *rsp) noexcept nogil:
    """Whether it says GOOD and nothing else."""
    return not (rsp[RSP_FLAGS] | rsp[RSP_STATUS])
