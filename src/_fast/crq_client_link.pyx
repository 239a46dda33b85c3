"""The initiator's lane's link over a simulated command/response queue (native.h)."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.fabric cimport ATTEND, H_CLOSED, H_SUCCESS, INTERRUPTED, Adapter, crq_elem

from pysrp._fast.native cimport (
    PYSRP_ATTEND,
    PYSRP_CLIENT_LINK,
    PYSRP_FULL,
    PYSRP_INTERRUPTED,
    PYSRP_PUT,
    PYSRP_SHUT,
    pysrp_arrival,
    pysrp_client_link,
    pysrp_put,
)
from pysrp._fast.wire cimport wire_put64

cdef extern from "fabric.h" nogil:
    int64_t clock_ns()

cdef enum:
    BATCH = 256
    OK = 0
    OK2 = 0x99          # some servers use this in place of 0 (LoPAR)


cdef class CrqClientLink:
    """CrqClientLink(port): sends and takes the elements of ``port``; a lane is made from :attr:`capsule`."""

    cdef Adapter port
    cdef crq_elem batch[BATCH]
    cdef size_t have, at
    cdef pysrp_client_link table

    def __cinit__(self, Adapter port not None, *_):
        self.port = port
        self.table.size = sizeof(pysrp_client_link)
        self.table.self = <void *>self
        self.table.put = <pysrp_put (*)(void *, uint64_t, uint32_t, uint16_t) noexcept nogil>put
        self.table.ring = <void (*)(void *) noexcept nogil>ring
        self.table.take = <size_t (*)(void *) noexcept nogil>take
        self.table.left = <size_t (*)(void *) noexcept nogil>left
        self.table.next = <void (*)(void *, pysrp_arrival *) noexcept nogil>next_one
        self.table.pause = <int (*)(void *, int64_t) noexcept nogil>pause
        self.table.clock = <int64_t (*)(void *) noexcept nogil>clock

    @property
    def capsule(self):
        """``struct pysrp_client_link`` (native.h), in a capsule that keeps this alive."""
        return capsule_of(&self.table, PYSRP_CLIENT_LINK, self)


cdef uint64_t header(uint32_t length, uint16_t timeout) noexcept nogil:
    """The first 8 bytes of the element of an IU."""
    return <uint64_t>0x8001 << 48 | <uint64_t>timeout << 16 | length


# The table's functions. A C pointer to an object is the object: `self` is borrowed from the table.

cdef pysrp_put put(CrqClientLink self, uint64_t address, uint32_t length, uint16_t timeout) noexcept nogil:
    cdef int code = self.port.put16(header(length, timeout), address)
    return PYSRP_PUT if code == H_SUCCESS else PYSRP_SHUT if code == H_CLOSED else PYSRP_FULL


cdef void ring(CrqClientLink self) noexcept nogil:
    self.port.ring()


cdef size_t take(CrqClientLink self) noexcept nogil:
    self.at = 0
    self.have = self.port.drain(self.batch, BATCH)
    return self.have


cdef size_t left(CrqClientLink self) noexcept nogil:
    return self.have - self.at


cdef void next_one(CrqClientLink self, pysrp_arrival *arrival) noexcept nogil:
    cdef crq_elem *element = &self.batch[self.at]
    self.at += 1
    arrival.tag = element.lo
    arrival.length = element.hi & 0xFFFF
    arrival.answer = element.hi >> 48 == 0x8001
    arrival.status = element.hi >> 32 & 0xFF
    arrival.good = arrival.status == OK or arrival.status == OK2
    wire_put64(arrival.raw, element.hi)
    wire_put64(arrival.raw + 8, element.lo)


cdef int pause(CrqClientLink self, int64_t nanoseconds) noexcept nogil:
    cdef int seen = self.port.pause(nanoseconds)
    return (PYSRP_ATTEND if seen & ATTEND else 0) | (PYSRP_INTERRUPTED if seen & INTERRUPTED else 0)


cdef int64_t clock(CrqClientLink self) noexcept nogil:
    return clock_ns()


cdef class TapClientLink(CrqClientLink):
    """TapClientLink(port, tap): a :class:`CrqClientLink` that calls ``tap`` with each element that passes.

    ``tap(what, element)`` is called before an IU is sent ("sends"), after it ("sent"), and when an element has come
    ("took"). An exception of ``tap`` is kept, and :meth:`tell` raises it once. Until then nothing is sent, and
    ``pause`` returns PYSRP_ATTEND.
    """

    cdef object tap, error
    cdef bint failed

    def __cinit__(self, *_):
        self.table.put = <pysrp_put (*)(void *, uint64_t, uint32_t, uint16_t) noexcept nogil>tap_put
        self.table.next = <void (*)(void *, pysrp_arrival *) noexcept nogil>tap_next
        self.table.pause = <int (*)(void *, int64_t) noexcept nogil>tap_pause

    def __init__(self, port, tap):
        self.tap = tap

    def tell(self):
        """Raise the exception that the tap has raised, if it has."""
        error, self.error, self.failed = self.error, None, False
        if error is not None:
            raise error


cdef bint told(TapClientLink self, str what, const uint8_t *element) noexcept:
    """Call the tap, with the interpreter's lock. False if it raises, or has raised before."""
    if not self.failed:
        try:
            self.tap(what, PyBytes_FromStringAndSize(<const char *>element, 16))
        except BaseException as error:
            self.error, self.failed = error, True
    return not self.failed


cdef pysrp_put tap_put(TapClientLink self, uint64_t address, uint32_t length, uint16_t timeout) noexcept nogil:
    cdef uint8_t element[16]
    cdef pysrp_put code
    wire_put64(element, header(length, timeout))
    wire_put64(element + 8, address)
    with gil:
        # Before the IU is sent: the target may answer, and so overwrite the request, before put() returns.
        if not told(self, "sends", element):
            return PYSRP_FULL
    code = put(self, address, length, timeout)
    if code == PYSRP_PUT:
        with gil:
            told(self, "sent", element)
    return code


cdef void tap_next(TapClientLink self, pysrp_arrival *arrival) noexcept nogil:
    next_one(self, arrival)
    with gil:
        told(self, "took", arrival.raw)


cdef int tap_pause(TapClientLink self, int64_t nanoseconds) noexcept nogil:
    return PYSRP_ATTEND if self.failed else pause(self, nanoseconds)
