"""Elements of a client's queue; see client_queue.pyx."""

from pysrp._fast.commands cimport RequestSlots


cdef bint take_element(RequestSlots table, element) except -1
