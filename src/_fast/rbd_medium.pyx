"""An image of a Ceph cluster as a medium: a ``struct pysrp_medium`` (native.h), for :class:`pysrp.media.rbd.RbdMedium`.

rbd_medium.h does the requests, with librbd, which is loaded when the first medium is opened.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EIO, ESHUTDOWN
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

import logging
import os

from pysrp._fast.capsule cimport capsule_of
from pysrp._fast.native cimport PYSRP_MEDIUM, pysrp_medium
from pysrp._fast.told cimport Py_IsInitialized, owner_of, tell


cdef extern from "rbd_medium.h" nogil:
    const char *RADOS_LIBRARY
    const char *RBD_LIBRARY
    const char *rbd_load(const char *rados, const char *rbd)
    const uint64_t RBD_LOCKS
    enum rbd_policy:
        RBD_WAIT
        RBD_TAKE
        RBD_REFUSE
    struct rbd_place:
        const char *conf
        const char *id
        const char *pool
        const char *space
        const char *image
        const char *snap
    struct rbd_counts:
        uint64_t opened, lost
    struct rbd_medium:
        pysrp_medium table
        void (*told)(void **owner, int up) noexcept nogil
        int (*takes)(void **owner, const char *text) noexcept nogil
        void *owner
        uint64_t found, unit, granularity
        char *key
        int refuses
        unsigned flying
        uint64_t size_now
        rbd_counts counts
        char *words
    rbd_medium *rbd_begin(const rbd_place *place, rbd_policy policy, int read_only, int64_t limit)
    int rbd_open(rbd_medium *medium)
    void rbd_shut(rbd_medium *medium)
    void rbd_unuse(rbd_medium *medium)
    void rbd_resize(rbd_medium *medium, int grown)
    struct rbd_room:
        int64_t used, pool
        char *text
        size_t length
    int rbd_ask_room(rbd_medium *medium, rbd_room *room)
    struct rados_calls:
        void (*buffer_free)(char *)
    rados_calls rados
    int rbd_read_text(rbd_medium *medium, char **text)
    int rbd_write_text(rbd_medium *medium, const char *text)
    bint rbd_hold(rbd_medium *medium)
    void rbd_release(rbd_medium *medium)

POLICIES = {"wait": RBD_WAIT, "take": RBD_TAKE, "refuse": RBD_REFUSE}


def library(str rados=None, str rbd=None):
    """Load librados and librbd. None, or what is missing: a library's name, or a function that it does not have."""
    cdef const char *missing
    first = None if rados is None else rados.encode()
    second = None if rbd is None else rbd.encode()
    missing = rbd_load(
        RADOS_LIBRARY if first is None else <const char *>first, RBD_LIBRARY if second is None else <const char *>second
    )
    return None if missing is NULL else missing.decode()


cdef const char *text(bytes given):
    return NULL if given is None else PyBytes_AS_STRING(given)


@cython.no_gc_clear
cdef class RbdTable:
    """RbdTable(place, policy, read_only, limit, told): an image; :attr:`capsule` is the medium.

    :func:`library` has to be called before. ``place`` names the image, by six bytes objects: the file of Ceph's
    configuration, the client's id, pool, namespace, image, snapshot; all but pool and image may be None. ``policy`` is
    one of :data:`POLICIES`, ``limit`` in nanoseconds. ``told(up, status)`` is called by a thread of the medium when the
    image is not ours any more, and when it is again. Before the latter :attr:`takes`, if it is set, is called with what
    :meth:`read_text` returns; if it raises, the image is not used. Raises OSError if the image cannot be opened.
    """

    cdef object __weakref__
    cdef rbd_medium *medium
    cdef readonly object told
    cdef public object takes

    def __cinit__(self, tuple place not None, rbd_policy policy, bint read_only, int64_t limit, told not None):
        cdef int error
        cdef rbd_place where
        conf, user, pool, space, image, snap = place
        where.conf, where.id, where.pool, where.space = text(conf), text(user), text(pool), text(space)
        where.image, where.snap = text(image), text(snap)
        self.told = told
        self.medium = rbd_begin(&where, policy, read_only, limit)
        if self.medium is NULL:
            raise MemoryError
        self.medium.told, self.medium.takes, self.medium.owner = tell, takes, owner_of(self)
        with nogil:
            error = rbd_open(self.medium)
        if error:
            raise OSError(error, self.medium.words.decode("utf-8", "replace"))

    def __dealloc__(self):
        if self.medium is not NULL:
            self.close()
            rbd_unuse(self.medium)

    cpdef close(self):
        """Close the image. Requests under way end, requests submitted later fail. May be repeated."""
        with nogil:
            rbd_shut(self.medium)

    def resize(self, bint grown=False):
        """From now on the medium's size is :attr:`size_now`; with ``grown`` only if that is larger."""
        with nogil:
            rbd_resize(self.medium, grown)

    def room(self):
        """A tuple: bytes of the image's objects, None if there is no object map; the number of the pool that has them;
        and what the monitors say of all pools as JSON, None if this client may not ask them.

        Works also while the image is not ours. Blocks; raises OSError.
        """
        cdef rbd_room found
        cdef int error
        with nogil:
            error = rbd_ask_room(self.medium, &found)
        try:
            if error:
                raise OSError(error, os.strerror(error))
            told = None if found.text is NULL else PyBytes_FromStringAndSize(found.text, found.length)
            return None if found.used < 0 else found.used, found.pool, told
        finally:
            if found.text is not NULL:
                rados.buffer_free(found.text)

    def read_text(self):
        """The text that we keep in the image's metadata, as bytes; None: there is none.

        Raises OSError, with ESHUTDOWN if the image is not ours.
        """
        cdef char *text
        cdef int error
        with nogil:
            error = rbd_read_text(self.medium, &text)
        if error:
            raise OSError(error, os.strerror(error))
        try:
            return None if text is NULL else <bytes>text
        finally:
            free(text)

    def write_text(self, bytes text):
        """Write ``text``, without NUL bytes, into the image's metadata; None: remove it. When this returns it is in the
        cluster.

        Raises OSError, with ESHUTDOWN if the image is not ours.
        """
        cdef const char *given = NULL if text is None else PyBytes_AS_STRING(text)
        cdef int error
        with nogil:
            error = rbd_write_text(self.medium, given)
        if error:
            raise OSError(error, os.strerror(error))

    @property
    def size_now(self):
        """Size in bytes, as the cluster told last."""
        return self.medium.size_now

    @property
    def away(self):
        """Whether the image is not ours now: every request fails with ESHUTDOWN."""
        return self.medium.refuses != 0

    @property
    def locks(self):
        """Whether the image has an exclusive lock. It is ours while we use the image: then no other client writes."""
        return self.medium.found & RBD_LOCKS != 0

    @property
    def key(self):
        """A name of the image that is unique among clusters: cluster, pool, namespace, the image's id, snapshot."""
        return self.medium.key.decode("utf-8", "replace")

    @property
    def granularity(self):
        """Bytes of the smallest useful discard, an object's bytes at most; 0: not configured."""
        return min(self.medium.granularity, self.medium.unit)

    def status(self):
        """The state as a dict: numbers by name, and in ``trouble`` the last reason for which the image was not ours.

        In a forked child the state at the fork, but ``ours`` is False.
        """
        cdef bint held
        with nogil:
            held = rbd_hold(self.medium)
        try:
            return {
                "ours": held and not self.medium.refuses,
                "under_way": self.medium.flying,
                "times_opened": self.medium.counts.opened,
                "times_lost": self.medium.counts.lost,
                "trouble": self.medium.words.decode("utf-8", "replace"),
            }
        finally:
            if held:
                with nogil:
                    rbd_release(self.medium)

    @property
    def capsule(self):
        """``struct pysrp_medium``, in a capsule that keeps this alive."""
        return capsule_of(&self.medium.table, PYSRP_MEDIUM, self)


cdef int takes(void **owner, const char *text) noexcept nogil:
    return takes_owner(owner, text) if Py_IsInitialized() else ESHUTDOWN


cdef int takes_owner(void **owner, const char *text) noexcept with gil:
    cdef RbdTable table = (<object>owner[0])() if owner[0] is not NULL else None
    if table is None:
        return ESHUTDOWN
    try:
        if table.takes is not None:
            table.takes(None if text is NULL else <bytes>text)
    except Exception as error:
        _log.error("the reservations that an image keeps: %s", error)
        return EIO
    return 0


_log = logging.getLogger("pysrp.media")
