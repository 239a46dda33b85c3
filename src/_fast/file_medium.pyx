"""A file or a block device as a medium: a ``struct pysrp_medium`` (native.h), for :class:`pysrp.media.file.FileMedium`.

The descriptor and the file's features are found out in Python; file_medium.h does the rest.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

import os

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.native cimport PYSRP_MEDIUM, pysrp_medium


cdef extern from "file_medium.h" nogil:
    enum:
        FILE_FLYING
        FILE_MOVERS
    struct file_bytes:
        int fd
    struct file_medium:
        pysrp_medium table
        file_bytes file
        uint64_t size
    struct uring:
        pass
    int uring_begin(uring *ring, unsigned results)
    void uring_end(uring *ring)
    uint64_t file_size(void *medium)
    void file_resize(file_medium *medium, uint64_t size)
    void file_begin(
        file_medium *medium, int fd, uint64_t size, uint32_t features, uint32_t align, uint32_t unit, int rings,
    )
    uint64_t file_measure(int fd)
    int file_enter(file_medium *medium)
    void file_leave(file_medium *medium)
    void file_end(file_medium *medium)


cdef class FileTable:
    """FileTable(fd, size, features, align, unit, rings): an open file; :attr:`capsule` is the medium.

    ``features`` are those of native.h; with PYSRP_HAS_NOWAIT the page cache is read at once. ``align``: O_DIRECT wants
    offsets, lengths and addresses to be multiples of this, else 1. ``unit``: multiples of this are zeroed without being
    written. Both are in bytes and powers of two up to 65536, or ValueError. ``rings``: use io_uring. This object owns
    the descriptor then, and :meth:`close` closes it.
    """

    cdef file_medium *medium
    cdef bint closed

    def __cinit__(
        self, int fd, uint64_t size, uint32_t features, uint32_t align=1, uint32_t unit=1,
        bint rings=False,
    ):
        for each in (align, unit):
            if not each or each & (each - 1) or each > 1 << 16:
                raise ValueError(f"{each} is no power of two up to 65536")
        self.medium = <file_medium *>calloc(1, sizeof(file_medium))
        if self.medium is NULL:
            raise MemoryError
        file_begin(self.medium, fd, size, features, align, unit, rings)

    def __dealloc__(self):
        if self.medium is not NULL:
            self.close()
            with nogil:
                file_end(self.medium)
            free(self.medium)

    cpdef close(self):
        """Close the file as soon as no request is under way. Requests submitted later fail. May be repeated."""
        if not self.closed:
            self.closed = True
            with nogil:
                file_leave(self.medium)

    def descriptor(self):
        """A duplicate of the descriptor, which the caller has to close. Our own may be closed, and reused, at any time.

        ValueError if the file is closed; OSError if there are too many descriptors.
        """
        if self.closed or not file_enter(self.medium):
            raise ValueError("the file is closed")
        try:
            return os.dup(self.medium.file.fd)
        finally:
            with nogil:
                file_leave(self.medium)

    def measure(self):
        """The file's size in bytes now, without waiting for a server; 0: not known, or the file is closed."""
        cdef uint64_t found = 0
        if not self.closed and file_enter(self.medium):
            with nogil:
                found = file_measure(self.medium.file.fd)
                file_leave(self.medium)
        return found

    @property
    def size(self):
        """The medium's size in bytes, which is what was set last, by the constructor or here."""
        return file_size(self.medium)

    @size.setter
    def size(self, uint64_t size):
        file_resize(self.medium, size)

    @property
    def capsule(self):
        """``struct pysrp_medium``, in a capsule that keeps this alive."""
        return capsule_of(&self.medium.table, PYSRP_MEDIUM, self)


def uring_refused():
    """The errno for which this process cannot have an io_uring; 0: it can have one."""
    cdef uring ring
    cdef int error = uring_begin(&ring, FILE_FLYING)
    if not error:
        uring_end(&ring)
    return error


THREADS = FILE_MOVERS
