"""How the tasks of an event loop are woken; see aio_promise.pyx."""


cdef class Alarm:
    cdef readonly object loop
    cdef list woken
    cdef public bint held
    cdef int add(self, Promise answer) except -1
    cpdef ring(self)


cdef class Promise:
    cdef Alarm alarm
    cdef object before, pending, callback, context
    cdef bint over, is_cancelled
    cdef public bint _asyncio_future_blocking
    cdef int end(self, pending) except -1
    cdef int wake(self) except -1
    cdef int stop(self) except -1
