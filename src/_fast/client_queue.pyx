"""A client's end of the command/response queue: elements of requests to be sent, and of answers that have come."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pysrp._fast.commands cimport Link, RequestSlots
from pysrp._fast.wire cimport wire_get16, wire_get32, wire_get64, wire_put16, wire_put32, wire_put64

cdef enum:
    IU = 256                # bytes of an IU (viosrp.h), in every element
    VALID = 0x80
    SRP = 0x80010000        # the first half word of an SRP IU's element, status 0
    OK2 = 0x99              # some servers use this status in place of 0 (LoPAR)
    LONGEST = 0xFFFF


cdef class Elements(Link):
    """Base of :class:`pysrp.vscsi.client.Outbox`: :attr:`elements` to be sent, in order, for IUs at ``address``."""

    def __cinit__(self):
        self.elements = []

    def moved(self, uint64_t address):
        """From now on the IUs are at bus address ``address``."""
        self.address = address

    def send(self, Py_ssize_t slot, Py_ssize_t length, double seconds, int kind=1):
        """Add the element of an IU. Its length is always 256, as ibmvscsi's. ``seconds``: rounded up, 65535 at most."""
        self.announce(slot, seconds, kind)

    cdef int put(self, Py_ssize_t slot, Py_ssize_t length, double seconds) except -1:
        return self.announce(slot, seconds, 1)

    cdef int announce(self, Py_ssize_t slot, double seconds, int kind) except -1:
        cdef bytes element = PyBytes_FromStringAndSize(NULL, 16)
        cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(element)
        cdef Py_ssize_t whole = <Py_ssize_t>seconds if seconds < LONGEST else LONGEST
        whole += whole < seconds and whole < LONGEST
        wire_put32(p, <uint32_t>VALID << 24 | <uint32_t>kind << 16)
        wire_put16(p + 4, <unsigned int>whole)
        wire_put16(p + 6, IU)
        wire_put64(p + 8, self.address + <uint64_t>slot * IU)
        self.elements.append(element)
        return 0


cdef class Connection:
    """Base of :class:`pysrp.vscsi.client.ClientAdapter`: the part of its state that is read for every command."""

    @property
    def host(self):
        """What the server has told about itself; None before the login."""
        return self._host

    @host.setter
    def host(self, told):
        self.most = PY_SSIZE_T_MAX if told is None else told.max_transfer
        self._host = told


def take_plain(RequestSlots table not None, element):
    """Take an answer, if its element (16 bytes) and the answer itself are plain. False: nothing was done."""
    return take_element(table, element)


cdef bint take_element(RequestSlots table, element) except -1:
    cdef const uint8_t *p
    cdef unsigned int head
    if type(element) is not bytes or PyBytes_GET_SIZE(element) != 16:
        return False
    p = <const uint8_t *>PyBytes_AS_STRING(element)
    head = wire_get32(p)
    if head != SRP and head != (SRP | OK2):
        return False
    return table.take(wire_get64(p + 8), wire_get16(p + 6))
