"""The ring of 16-byte elements that each side of a command/response queue owns."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from pysrp._fast.wire cimport wire_slot_free, wire_slot_put, wire_slot_take, wire_slot_valid

from pysrp.errors import DecodeError, QueueFull


cdef class Ring:
    """Ring(buf, position=0): one end's cursor over a queue in any writable buffer.

    The owner of the queue takes elements with :meth:`take` or :meth:`consume`; its partner puts them with
    :meth:`produce`. Each end has a Ring of its own over the same memory. A slot whose first byte is 0 is
    free (LoPAR virtual I/O, CRQ). Elements are copied out once: what the partner writes later is not seen.

    Raises DecodeError if ``buf`` is empty or not whole 16-byte slots.
    """
    cdef Py_buffer view
    cdef uint8_t *base
    cdef readonly Py_ssize_t slots
    cdef readonly Py_ssize_t position

    def __cinit__(self, buf, Py_ssize_t position=0):
        PyObject_GetBuffer(buf, &self.view, PyBUF_WRITABLE)
        self.base = <uint8_t *> self.view.buf
        self.slots = self.view.len // 16
        if self.view.len % 16 or self.slots == 0:
            raise DecodeError(
                f"a queue of {self.view.len} bytes is not whole elements", need=16, have=self.view.len % 16
            )
        if not 0 <= position < self.slots:
            raise IndexError(f"position {position} of {self.slots} slots")
        self.position = position

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def __len__(self):
        return self.slots

    cdef Py_ssize_t ready(self, Py_ssize_t most) noexcept nogil:
        """Consecutive valid slots from the cursor on."""
        cdef Py_ssize_t n = 0, slot = self.position
        while n < most and wire_slot_valid(self.base + 16 * slot):
            n += 1
            slot = 0 if slot + 1 == self.slots else slot + 1
        return n

    def take(self, Py_ssize_t most=-1):
        """Take up to ``most`` elements (all by default): one bytes object of 16 bytes each, slots freed."""
        cdef Py_ssize_t i, n = self.ready(self.slots if most < 0 else min(most, self.slots))
        cdef bytes out = PyBytes_FromStringAndSize(NULL, 16 * n)
        cdef uint8_t *p = <uint8_t *> PyBytes_AS_STRING(out)
        cdef uint8_t *slot
        for i in range(n):
            slot = self.base + 16 * self.position
            wire_slot_take(slot, p + 16 * i)
            wire_slot_free(slot)
            self.position = 0 if self.position + 1 == self.slots else self.position + 1
        return out

    def peek(self):
        """How many elements are ready, without taking one."""
        return self.ready(self.slots)

    def consume(self):
        """Take the next element as 16 bytes, or None if there is none."""
        return self.take(1) or None

    def produce(self, element):
        """Put a 16-byte element into the next slot.

        Raises QueueFull if that slot is not free (H_DROPPED), DecodeError if the element is not 16 bytes
        or its first byte is 0, which would mark a free slot.
        """
        cdef Py_buffer view
        cdef uint8_t copy[16]
        PyObject_GetBuffer(element, &view, PyBUF_SIMPLE)
        try:
            if view.len != 16:
                raise DecodeError(f"an element of {view.len} bytes", need=16, have=view.len)
            memcpy(copy, view.buf, 16)
        finally:
            PyBuffer_Release(&view)
        if copy[0] == 0:
            raise DecodeError("an element whose header byte is 0 marks a free slot", field="valid")
        if wire_slot_valid(self.base + 16 * self.position):
            raise QueueFull("the next slot of the queue is not free")
        wire_slot_put(self.base + 16 * self.position, copy)
        self.position = 0 if self.position + 1 == self.slots else self.position + 1
