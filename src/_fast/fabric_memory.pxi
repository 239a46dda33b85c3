# Memory: mapped regions, pages of a window, views of the partner's window. A part of fabric.pyx.

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint8_t


@cython.final
cdef class Region:
    """``size`` bytes of zeroed private memory, or of the file ``fd`` (which may be closed then). Raises OSError."""

    def __cinit__(self, size_t size, int fd=-1):
        cdef int flags = MAP_SHARED if fd >= 0 else MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        cdef void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0)
        if base == MAP_FAILED:
            raise _oserror()
        self.base = <uint8_t *>base
        self.size = size

    def __dealloc__(self):
        if self.base is not NULL:
            munmap(self.base, self.size)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)


@cython.final
cdef class Memory:
    """Pages of a window, given out by :meth:`Adapter.allocate`; the interface is pysrp.fabric.Memory."""

    def __init__(self):
        raise TypeError("memory comes from Port.allocate")

    def __len__(self):
        return self.size

    # Views are made and released in any thread, hence the critical sections.

    def __getbuffer__(self, Py_buffer *view, int flags):
        with cython.critical_section(self):
            if self.base is NULL:
                raise BufferError("this memory has been freed")
            PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)
            self.exports += 1

    def __releasebuffer__(self, Py_buffer *view):
        with cython.critical_section(self):
            self.exports -= 1

    def free(self):
        """Unmap the pages for the partner and give them back. BufferError while a memoryview of them is alive."""
        with cython.critical_section(self):
            if self.base is NULL:
                return
            if self.exports:
                raise BufferError("a memoryview of this memory is still alive")
            self.base = NULL
        self.port.give_back(self.address >> TCE_SHIFT, (self.size + TCE_PAGE - 1) >> TCE_SHIFT)

    def __del__(self):
        # The garbage collector may finalize this before a memoryview of it. Then the pages are given back when the
        # port closes.
        if not self.exports:
            self.free()


@cython.final
cdef class Slice:
    """Exports a part of a window as a buffer, and keeps its Region alive."""

    cdef Region region
    cdef uint8_t *base
    cdef Py_ssize_t size
    cdef bint writable

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, not self.writable, flags)
