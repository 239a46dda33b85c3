"""An export of an NBD server as a medium: a ``struct pysrp_medium`` (native.h), for :class:`pysrp.media.nbd.NbdMedium`.

nbd_medium.h does the requests, with libnbd, which is loaded when the first medium is opened.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.native cimport PYSRP_MEDIUM, PYSRP_READ_ONLY, pysrp_medium
from pysrp._fast.told cimport owner_of, tell


cdef extern from "nbd_medium.h" nogil:
    const char *NBD_LIBRARY
    const char *nbd_load(const char *name)
    struct nbd_export:
        uint64_t size
        uint32_t block, preferred, features
        bint several, extents
    struct nbd_counts:
        uint64_t connected, sent_again, written_again, given_up, flushes
    enum nbd_state:
        NBD_UP
    struct nbd_medium:
        pysrp_medium table
        int64_t limit
        void (*told)(void **owner, int up) noexcept nogil
        void *owner
        nbd_export found "export"
        nbd_state state
        unsigned linked
        uint64_t size_now
        nbd_counts counts
        char *words
    nbd_medium *nbd_begin(const char *uri, int64_t limit, uint64_t keep)
    int nbd_open(nbd_medium *medium)
    void nbd_shut(nbd_medium *medium)
    void nbd_unuse(nbd_medium *medium)
    void nbd_resize(nbd_medium *medium)
    bint nbd_hold(nbd_medium *medium)
    void nbd_leave(nbd_medium *medium)
    unsigned nbd_under_way(nbd_medium *medium)
    void nbd_set_limit(nbd_medium *medium, int64_t limit)


def library(str name=None):
    """Load libnbd. None, or what is missing: the library's name, or a function that it does not have."""
    cdef const char *missing
    given = None if name is None else name.encode()
    missing = nbd_load(NBD_LIBRARY if given is None else <const char *>given)
    return None if missing is NULL else missing.decode()


@cython.no_gc_clear
cdef class NbdTable:
    """NbdTable(uri, limit, keep, told, read_only): an export; :attr:`capsule` is the medium.

    :func:`library` has to be called before. ``limit``: nanoseconds that a request may wait. ``keep``: bytes of writes
    that are kept until they are flushed. ``told(up, status)`` is called by a thread of the medium when the server is
    gone, and when it is back. Raises OSError with libnbd's own words if the connection cannot be made.
    """

    cdef object __weakref__
    cdef nbd_medium *medium
    cdef readonly object told

    def __cinit__(
        self, bytes uri not None, int64_t limit, uint64_t keep, told not None, bint read_only=False,
    ):
        cdef int error
        self.told = told
        self.medium = nbd_begin(uri, limit, keep)
        if self.medium is NULL:
            raise MemoryError
        self.medium.told, self.medium.owner = tell, owner_of(self)
        with nogil:
            error = nbd_open(self.medium)
        if error:
            raise OSError(error, self.medium.words.decode("utf-8", "replace"))
        if read_only:
            self.medium.table.features |= PYSRP_READ_ONLY

    def __dealloc__(self):
        if self.medium is not NULL:
            self.close()
            nbd_unuse(self.medium)

    cpdef close(self):
        """Disconnect from the server. Requests that are under way or submitted later fail. May be repeated."""
        with nogil:
            nbd_shut(self.medium)

    def resize(self):
        """From now on the medium's size is :attr:`size_now`."""
        nbd_resize(self.medium)

    @property
    def size_now(self):
        """Size in bytes, as the server told at the last connection."""
        return self.medium.size_now

    @property
    def preferred(self):
        """Preferred block size of the server in bytes; 0: it does not tell."""
        return self.medium.found.preferred

    @property
    def extents(self):
        """Whether the server can tell extents (base:allocation)."""
        return self.medium.found.extents

    @property
    def limit(self):
        """Nanoseconds that a request may wait for the server. May be set."""
        return self.medium.limit

    @limit.setter
    def limit(self, int64_t limit):
        with nogil:
            nbd_set_limit(self.medium, limit)

    def status(self):
        """The state as a dict: numbers by name, and in ``trouble`` the last reason for which there was no connection.

        In a forked child the state at the fork, but ``connected`` is False.
        """
        cdef bint held
        with nogil:
            held = nbd_hold(self.medium)
        try:
            return {
                "connected": held and self.medium.state == NBD_UP,
                "connections": self.medium.linked,
                "under_way": nbd_under_way(self.medium),
                "times_connected": self.medium.counts.connected,
                "sent_again": self.medium.counts.sent_again,
                "written_again": self.medium.counts.written_again,
                "given_up": self.medium.counts.given_up,
                "own_flushes": self.medium.counts.flushes,
                "trouble": self.medium.words.decode("utf-8", "replace"),
            }
        finally:
            if held:
                with nogil:
                    nbd_leave(self.medium)

    @property
    def capsule(self):
        """``struct pysrp_medium``, in a capsule that keeps this alive."""
        return capsule_of(&self.medium.table, PYSRP_MEDIUM, self)
