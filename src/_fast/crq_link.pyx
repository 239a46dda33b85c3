"""The native lane's link (native.h) over a simulated command/response queue, and its elements for the engine."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.fabric cimport H_SUCCESS, TCE_READ, TCE_WRITE, Adapter, crq_elem

from pysrp._fast.native cimport PYSRP_LINK, PYSRP_RSP, PYSRP_SENT, PYSRP_WAITS, pysrp_link, pysrp_request, pysrp_sent
from pysrp._fast.wire cimport wire_get64, wire_put64

cdef enum:
    BATCH = 256
    SMALLEST = 48       # an SRP_CMD without data
    IU = 256            # the largest IU of virtual SCSI


cdef class CrqLink:
    """CrqLink(port): takes the elements of ``port``; a lane is made from :attr:`capsule`."""

    cdef Adapter port
    cdef crq_elem batch[BATCH]
    cdef size_t have, at
    cdef crq_elem waits
    cdef pysrp_link table
    cdef object __weakref__

    def __cinit__(self, Adapter port not None, *_):
        self.port = port
        self.table.size = sizeof(pysrp_link)
        self.table.self = <void *>self
        self.table.take = <size_t (*)(void *) noexcept nogil>take
        self.table.left = <size_t (*)(void *) noexcept nogil>left
        self.table.peek = <void (*)(void *, pysrp_request *) noexcept nogil>peek
        self.table.passed = <void (*)(void *) noexcept nogil>passed
        self.table.reach = <uint8_t *(*)(void *, uint64_t, uint64_t, uint32_t, int) noexcept nogil>reach
        self.table.answer = <pysrp_sent (*)(void *, const pysrp_request *, const uint8_t *) noexcept nogil>answer
        self.table.ring = <void (*)(void *) noexcept nogil>ring
        self.table.again = <int (*)(void *, pysrp_request *) noexcept nogil>again
        self.table.wake = <void (*)(void *) noexcept nogil>wake
        self.table.linger = <int (*)(void *, int (*)(void *) noexcept nogil, void *, int) noexcept nogil>linger
        self.table.epoll = <int (*)(void *) noexcept nogil>epoll

    @property
    def capsule(self):
        """``struct pysrp_link`` (native.h), in a capsule that keeps this alive."""
        return capsule_of(&self.table, PYSRP_LINK, self)

    @property
    def signalled(self):
        """Whether a loop watches the descriptor: then :meth:`pysrp.fabric.Port.poll` must find the queue empty."""
        return self.port.signalled

    def next(self):
        """The next element, 16 bytes; None when there is none."""
        cdef bytes found
        if self.at == self.have and not self.table.take(self.table.self):
            return None
        found = element_bytes(&self.batch[self.at])
        self.at += 1
        return found

    def clear(self):
        """Drop the elements that have been taken and not dealt with."""
        self.at = self.have = 0

    def event_ahead(self):
        """Whether a transport event is among the elements that have been taken and not dealt with."""
        cdef size_t i
        for i in range(self.at, self.have):
            if self.batch[i].hi >> 56 == 0xFF:
                return True
        return False

    def unsent(self):
        """The element of the last answer, when the client's queue had no room for it: the engine has to send it."""
        return element_bytes(&self.waits)


# The table's functions. A C pointer to an object is the object: `self` is borrowed from the table.

cdef size_t take(CrqLink self) noexcept nogil:
    self.at = 0
    self.have = 0 if self.port.closed else self.port.drain(self.batch, BATCH)
    return self.have


cdef size_t left(CrqLink self) noexcept nogil:
    return self.have - self.at


cdef void peek(CrqLink self, pysrp_request *request) noexcept nogil:
    cdef crq_elem *element = &self.batch[self.at]
    cdef uint64_t length = element.hi & 0xFFFF
    cdef uint8_t *near
    request.length = 0
    if element.hi >> 48 != 0x8001 or length < SMALLEST or length > IU or self.port.closed or self.port.faulty:
        return
    # The answer is shorter, and is written over the request. Mostly one piece of memory allows reading and writing.
    near = request.back = self.port.reach(element.lo, length, TCE_READ | TCE_WRITE)
    if near is NULL:
        near = self.port.reach(element.lo, length, TCE_READ)
        request.back = self.port.reach(element.lo, PYSRP_RSP, TCE_WRITE)
        if near is NULL or request.back is NULL:
            return
    memcpy(request.iu, near, length)
    request.tag = wire_get64(request.iu + 8)
    request.where = element.lo
    request.length = length


cdef void passed(CrqLink self) noexcept nogil:
    self.at += 1


cdef uint8_t *reach(CrqLink self, uint64_t address, uint64_t length, uint32_t key, int write) noexcept nogil:
    return self.port.reach(address, length, TCE_WRITE if write else TCE_READ)


cdef pysrp_sent answer(CrqLink self, const pysrp_request *request, const uint8_t *iu) noexcept nogil:
    memcpy(request.back, iu, PYSRP_RSP)
    self.waits.hi, self.waits.lo = <uint64_t>0x8001 << 48 | PYSRP_RSP, request.tag
    return PYSRP_SENT if self.port.put16(self.waits.hi, self.waits.lo) == H_SUCCESS else PYSRP_WAITS


cdef void ring(CrqLink self) noexcept nogil:
    self.port.ring()


cdef int again(CrqLink self, pysrp_request *request) noexcept nogil:
    cdef bint gone = self.port.closed or self.port.faulty
    request.back = NULL if gone else self.port.reach(request.where, PYSRP_RSP, TCE_WRITE)
    return request.back is not NULL


cdef void wake(CrqLink self) noexcept nogil:
    self.port.stir()


cdef int linger(CrqLink self, int (*wanted)(void *of) noexcept nogil, void *of, int busy) noexcept nogil:
    return self.port.linger(wanted, of, busy)


cdef int epoll(CrqLink self) noexcept nogil:
    return self.port.epoll


cdef bytes element_bytes(crq_elem *element):
    cdef uint8_t raw[16]
    wire_put64(raw, element.hi)
    wire_put64(raw + 8, element.lo)
    return PyBytes_FromStringAndSize(<char *>raw, 16)


include "crq_link_tap.pxi"
