"""Channels of a medium in C (native.h), for :class:`pysrp.target.native_medium.NativeMedium`."""

cimport cython
from cpython.buffer cimport (
    PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

import errno
import logging
from collections import deque
from weakref import ref

from pysrp.target import link
from pysrp.target import medium as words

from pysrp._fast.native cimport (
    PYSRP_COMPARE, PYSRP_DISCARD, PYSRP_DISCARD_ZEROS, PYSRP_EXTENTS, PYSRP_FLUSH, PYSRP_FUA, PYSRP_HAS_COMPARE,
    PYSRP_HAS_DISCARD, PYSRP_HAS_EXTENTS,
    PYSRP_HAS_FUA, PYSRP_HAS_NOWAIT, PYSRP_HAS_ZERO, PYSRP_LINK, PYSRP_MEDIUM, PYSRP_NOWAIT, PYSRP_NOWHERE,
    PYSRP_PENDING, PYSRP_READ, PYSRP_READ_ONLY, PYSRP_ROTATING, PYSRP_VOLATILE, PYSRP_WRITE, PYSRP_ZERO, pysrp_buffer,
    pysrp_extent, pysrp_io, pysrp_link, pysrp_medium, pysrp_submitted,
)

cdef extern from "Python.h" nogil:
    int Py_IsInitialized()

cdef extern from *:
    """
    /* Whether this thread is in tell(), called by a medium that rings. */
    static _Thread_local int rings_here;
    """
    bint rings_here

_log = logging.getLogger("pysrp.target")

cdef enum:
    EXTENTS = 256           # struct pysrp_extent in the buffer of one request


@cython.no_gc_clear  # a channel collected with this object uses the capsule until its own __dealloc__
cdef class MediumTable:
    """MediumTable(capsule): a ``struct pysrp_medium`` in a capsule."""

    def __cinit__(self, capsule not None):
        self.medium = <const pysrp_medium *>PyCapsule_GetPointer(capsule, PYSRP_MEDIUM)
        if self.medium.size != sizeof(pysrp_medium):
            raise ValueError(f"a medium of {self.medium.size} bytes, this pysrp has {sizeof(pysrp_medium)}")
        if not self.medium.block:
            raise ValueError("a medium in blocks of 0 bytes")
        self.capsule = capsule

    @property
    def size(self):
        """The medium's size in bytes, now."""
        return self.medium.bytes(self.medium.self)

    @property
    def block(self):
        """Offsets and lengths are multiples of this, in bytes."""
        return self.medium.block

    @property
    def features(self):
        """Bits, see :class:`pysrp.target.medium.Feature`."""
        return self.medium.features

    def memory(self):
        """A memoryview of the whole medium if it is memory, else None. The view keeps this object alive."""
        if self.medium.memory is NULL:
            return None
        return memoryview(_Bytes(self))

    def channel(self, post):
        """A channel for the loop that calls what ``post`` is given. MemoryError if the medium gives none."""
        _sweep()
        return NativeChannel(self, post)


cdef class _Bytes:
    """Exports the medium's bytes as a buffer, and keeps the medium alive."""

    cdef MediumTable table
    cdef Py_ssize_t size

    def __cinit__(self, MediumTable table not None):
        self.table = table
        self.size = table.size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.table.medium.memory, self.size, 0, flags)


@cython.no_gc_clear  # a medium's thread may still ring it while it is garbage
cdef class Ear:
    """Ear(capsule): the ear of a loop (ear.h), which is woken by the ``struct pysrp_link`` in ``capsule``."""

    def __cinit__(self, capsule not None):
        self.capsule = capsule
        self.ear.link = <const pysrp_link *>PyCapsule_GetPointer(capsule, PYSRP_LINK)


cdef class InFlight:
    """A request that a medium in C has, and the MediumRequest that is told the result."""

    cdef object ends(self):
        """Copy the result into the request, drop the reference to the request, and return the request."""
        cdef object request = self.request
        self.request = None
        request.own = None
        request.errno, request.done = self.io.error, self.io.done
        request.bad = None if self.io.bad == PYSRP_NOWHERE else self.io.bad
        return request


cdef class _Io(InFlight):
    """A request that :meth:`NativeChannel.submit` was given, with its buffers."""

    cdef pysrp_io own
    cdef Py_buffer *views
    cdef pysrp_buffer *buffers
    cdef Py_ssize_t count

    def __cinit__(self, request not None):
        cdef Py_ssize_t i
        cdef uint64_t total = 0
        cdef list views = list(request.buffers)
        cdef int flags = PyBUF_WRITABLE if request.operation == PYSRP_READ else PyBUF_SIMPLE
        if request.operation == PYSRP_EXTENTS:
            views = [bytearray(EXTENTS * sizeof(pysrp_extent))]
        self.request, self.io = request, &self.own
        self.io.operation, self.io.flags = request.operation, request.flags
        self.io.offset, self.io.length = request.offset, request.length
        self.io.bad = PYSRP_NOWHERE
        self.views = <Py_buffer *>calloc(len(views) + 1, sizeof(Py_buffer))
        self.buffers = <pysrp_buffer *>calloc(len(views) + 1, sizeof(pysrp_buffer))
        if self.views is NULL or self.buffers is NULL:
            raise MemoryError
        for i in range(len(views)):
            PyObject_GetBuffer(views[i], &self.views[i], flags)
            self.count = i + 1
            self.buffers[i].bytes, self.buffers[i].length = <uint8_t *>self.views[i].buf, self.views[i].len
            total += self.views[i].len
        if (request.operation == PYSRP_READ or request.operation == PYSRP_WRITE) and total != self.io.length:
            raise ValueError(f"{self.io.length} bytes in buffers of {total}")
        self.io.buffers, self.io.count = self.buffers, self.count

    cdef object ends(self):
        cdef object request = InFlight.ends(self)
        cdef const pysrp_extent *extent
        cdef uint64_t left = self.io.done
        cdef list found = []
        if self.io.operation == PYSRP_EXTENTS and not self.io.error:
            extent = <const pysrp_extent *>self.buffers[0].bytes
            while left and len(found) < EXTENTS and 0 < extent.length <= left:
                found.append((extent.length, extent.mapped != 0))
                left -= extent.length
                extent += 1
            if left:
                _log.error("a medium tells of %d bytes, and the extents of %d", self.io.done, self.io.done - left)
                request.ends(errno.EPROTO)
            else:
                request.value, request.done = found, request.length if found else 0
        return request

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.buffers)


@cython.no_gc_clear  # as Ear
cdef class _Bell:
    """The bell of a channel, rung by a medium from any thread. It does not keep the channel alive, and outlives it."""


cdef void ring(void *given) noexcept nogil:
    cdef pysrp_bell *bell = <pysrp_bell *>given
    # While Python finalizes, media may still ring, but the interpreter's lock cannot be taken any more.
    if pysrp_bell_ring(bell) and Py_IsInitialized():
        tell(bell)


cdef void tell(pysrp_bell *bell) noexcept with gil:
    global rings_here
    cdef bint outer = rings_here    # rung() below may make another medium ring, in this thread
    # The bell exists: closing the channel waits for threads that ring. The channel itself may be gone already.
    channel = (<_Bell>bell.owner).channel()
    if channel is not None:
        rings_here = True
        try:
            (<NativeChannel>channel).rung()
        finally:
            rings_here = outer


cdef pysrp_submitted give(NativeEnd *end, pysrp_io *io) noexcept nogil:
    cdef pysrp_submitted code = end.medium.submit(end.channel, io)
    if code == PYSRP_PENDING:
        end.out += 1
        if end.busy is not NULL and not end.listed:
            enlist(end)
    return code


cdef void enlist(NativeEnd *end) noexcept nogil:
    end.listed, end.next, end.busy[0] = True, end.busy[0], end


cdef void unlist(NativeEnd *end) noexcept nogil:
    cdef NativeEnd **at = end.busy
    while at[0] != end:
        at = &at[0].next
    at[0], end.listed, end.found = end.next, False, False


cdef bint look(NativeEnd **busy, bint sleeps) noexcept nogil:
    cdef NativeEnd *end
    cdef bint found = False
    while busy[0] is not NULL:
        end = busy[0]
        if not end.out:
            busy[0], end.listed = end.next, False
            continue
        if end.medium.look(end.channel, sleeps):
            end.found = found = True
        busy = &end.next
    return found


cdef void gather(NativeEnd *end) noexcept nogil:
    cdef pysrp_io *io
    cdef void *more
    end.found = False
    while True:
        if end.count == end.room:       # before reap(): a request that has been reaped must not get lost
            more = realloc(end.others, 2 * (end.room + 32) * sizeof(pysrp_io *))
            if more is NULL:  # pragma: no cover: no test has that little memory
                pysrp_bell_ring(end.bell)  # pragma: no cover: the same
                return  # pragma: no cover: the same
            end.others, end.room = <pysrp_io **>more, 2 * (end.room + 32)
        io = end.medium.reap(end.channel)
        if io is NULL:
            return
        end.out -= 1
        if end.claim is NULL or not end.claim(end.lane, end, io):
            end.others[end.count] = io
            end.count += 1


@cython.no_gc_clear  # __dealloc__ needs the table and the bell to close the channel
cdef class NativeChannel:
    """One loop's :class:`pysrp.target.medium.MediumChannel` of a medium in C. The native lane uses ``end`` directly."""

    def __cinit__(self, MediumTable table not None, post not None):
        cdef const pysrp_medium *medium = table.medium
        cdef pysrp_bell *bell
        self.table, self.post, self.pending, self.untold = table, post, {}, deque()
        self.bell = _Bell()
        bell = &self.bell.bell
        self.bell.channel = ref(self)
        bell.owner = <void *>self.bell
        self.end.medium, self.end.bell = medium, bell
        with nogil:
            self.end.channel = medium.opened(medium.self, ring, bell)
        if self.end.channel is NULL:
            raise MemoryError("the medium has no channel")

    def __dealloc__(self):
        self.close()
        free(self.end.others)

    cdef void close(self) noexcept:
        cdef void *channel
        with cython.critical_section(self):
            channel = self.end.channel
            self.end.channel = NULL
        if channel is not NULL and not Py_IsInitialized():
            # Python finalizes: a thread that rings and asks for the interpreter's lock never returns, and close()
            # would wait for it for ever.
            Py_INCREF(self.table)
            Py_INCREF(self.bell)
        elif channel is not NULL:
            with nogil:
                self.table.medium.close(channel)

    cdef attach(self, Ear ear, lane, Claim claim):
        """From now on ``lane`` reaps when its ear is rung; requests that are not its own are for :meth:`reap`."""
        if self.bell.ear is None and not self.retired:
            self.bell.ear, self.lane = ear, lane
            self.end.claim, self.end.lane = claim, <void *>lane
            pysrp_bell_hang(&self.bell.bell, &ear.ear)
            if self.end.medium.listen is not NULL and ear.ear.link.epoll is not NULL:
                self.listen(&ear.busy, ear.ear.link.epoll(ear.ear.link.self))

    cdef void listen(self, NativeEnd **busy, int epoll) noexcept:
        """From now on the loop looks at this end by itself. ``busy`` NULL: it does not any more."""
        if self.end.listed:
            unlist(&self.end)
        self.end.busy = busy
        if busy is not NULL and self.end.out:
            enlist(&self.end)
        with nogil:     # a medium without a thread may wait in listen()
            self.end.medium.listen(self.end.channel, epoll)

    cdef detach(self):
        """The opposite of :meth:`attach`: no request is a lane's any more, and a ring posts :meth:`reap`."""
        if self.bell.ear is not None:
            pysrp_bell_take_down(&self.bell.bell)
            if self.end.busy is not NULL:
                self.listen(NULL, -1)
            self.end.claim, self.end.lane = NULL, NULL
            self.lane = self.bell.ear = None
            self.rung()     # the loop has heard earlier rings, but does not reap for them any more

    cdef adopt(self, InFlight io, part):
        """From now on a request of the lane's that the medium has belongs to ``part``, a MediumRequest or None."""
        io.request = part
        if part is not None:
            part.own = io
        self.pending[<size_t>io.io] = io
        self.keep()

    cdef keep(self):
        # Locked: _sweep() may just find this channel idle, and would remove it.
        with cython.critical_section(self):
            KEPT.add(self)

    cdef rung(self):
        cdef bint left
        # `busy`: whatever post() does, the medium must not be asked to close this channel before post() has returned.
        with cython.critical_section(self):
            KEPT.add(self)
            self.busy += 1
        try:
            self.post(self.reap)
        finally:
            with cython.critical_section(self):
                self.busy -= 1
                left = self.retired and not self.busy and not self.pending
        # The loop may have reaped and retired the channel meanwhile; its _sweep() found it busy.
        if left:
            self.post(_sweep)

    def submit(self, request):
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        cdef _Io io
        cdef pysrp_submitted code
        cdef const pysrp_medium *medium = self.table.medium
        size = medium.bytes(medium.self)
        if self.retired or not 0 <= request.offset <= request.offset + request.length <= size:
            request.ends(errno.EINVAL)
            return None
        try:
            io = _Io(request)
        except (BufferError, MemoryError, OverflowError, ValueError) as error:
            request.fails(error)
            return None
        self.pending[<size_t>io.io] = io        # first: the request may be over at once
        with nogil:
            code = give(&self.end, io.io)
            if self.end.busy is not NULL:
                medium.look(self.end.channel, True)
        if code == PYSRP_PENDING:
            self.end.dawdles |= io.io.flags & PYSRP_NOWAIT != 0
            request.own = io
            self.keep()
            return link.PENDING
        del self.pending[<size_t>io.io]
        io.ends()
        return None

    def native(self):
        """See :meth:`pysrp.target.medium.MediumChannel.native`."""
        return self

    def withdraw(self, request):
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        cdef InFlight io = request.own
        cdef int gone
        if io is None or <size_t>io.io not in self.pending:
            return False
        with nogil:
            gone = self.table.medium.withdraw(self.end.channel, io.io)
        if gone:
            self.end.out -= 1
            io.request = request.own = None
            del self.pending[<size_t>io.io]
        return bool(gone)

    def reap(self):
        """Call ``over`` of each request that is over. Called by the loop."""
        cdef size_t i
        cdef bint ended = False
        with cython.critical_section(self):
            self.wanted = True
            if self.reaping:    # when the loop has ended, post() calls this in threads that ring: one reaps for all
                return
            self.reaping = True
            self.busy += 1
        try:
            while True:
                with cython.critical_section(self):
                    ended = not self.wanted         # another thread sets it if it comes while this one reaps
                    self.wanted, self.reaping = False, not ended
                if ended:
                    break
                if self.end.channel is not NULL:
                    with nogil:
                        gather(&self.end)
                for i in range(self.end.count):
                    io = self.pending.pop(<size_t>self.end.others[i], None)
                    if io is None:  # it was over before, or is no request of this channel
                        _log.error("a medium gives a request back that it does not have")
                    elif (<InFlight>io).request is not None:    # None: the lane handed it over, and nobody adopted it
                        self.untold.append((<InFlight>io).ends())
                self.end.count = 0
        finally:
            with cython.critical_section(self):
                if not ended:
                    self.reaping = False
                self.busy -= 1
        _sweep()
        try:
            while True:
                with cython.critical_section(self):
                    request = self.untold.popleft() if self.untold else None
                if request is None:
                    break
                request.over(request)
        finally:
            if self.untold:     # `over` of one has raised: the others are told in another call
                self.rung()

    def retire(self):
        """See :meth:`pysrp.target.medium.MediumChannel.retire`."""
        self.retired = True
        self.keep()
        self.detach()
        _sweep()


# Channels with requests under way, or busy: this reference keeps them when their owners drop theirs.
cdef set KEPT = set()


def _sweep():
    """Remove channels from ``KEPT`` that are idle, and close those that are retired."""
    cdef NativeChannel channel
    cdef bint idle
    if rings_here:      # close() waits for threads that ring: this is one of them
        return
    for each in list(KEPT):
        channel = each
        with cython.critical_section(channel):
            idle = not channel.pending and not channel.busy
            if idle:
                KEPT.discard(channel)
        if idle and channel.retired:
            channel.close()


def check_numbers(operation=words.Operation, feature=words.Feature, fua=words.FUA, nowait=words.NOWAIT):
    """Compare the numbers of native.h with those of :mod:`pysrp.target.medium`; ImportError where they differ."""
    for what, here, there in (
        ("READ", PYSRP_READ, operation.READ), ("WRITE", PYSRP_WRITE, operation.WRITE),
        ("FLUSH", PYSRP_FLUSH, operation.FLUSH), ("ZERO", PYSRP_ZERO, operation.ZERO),
        ("DISCARD", PYSRP_DISCARD, operation.DISCARD), ("EXTENTS", PYSRP_EXTENTS, operation.EXTENTS),
        ("COMPARE", PYSRP_COMPARE, operation.COMPARE),
        ("FUA", PYSRP_FUA, fua), ("NOWAIT", PYSRP_NOWAIT, nowait),
        ("HAS_FUA", PYSRP_HAS_FUA, feature.FUA), ("HAS_DISCARD", PYSRP_HAS_DISCARD, feature.DISCARD),
        ("HAS_ZERO", PYSRP_HAS_ZERO, feature.ZERO), ("HAS_NOWAIT", PYSRP_HAS_NOWAIT, feature.NOWAIT),
        ("VOLATILE", PYSRP_VOLATILE, feature.VOLATILE), ("ROTATING", PYSRP_ROTATING, feature.ROTATING),
        ("READ_ONLY", PYSRP_READ_ONLY, feature.READ_ONLY),
        ("DISCARD_ZEROS", PYSRP_DISCARD_ZEROS, feature.DISCARD_ZEROS),
        ("HAS_EXTENTS", PYSRP_HAS_EXTENTS, feature.EXTENTS), ("HAS_COMPARE", PYSRP_HAS_COMPARE, feature.COMPARE),
    ):
        if here != there:
            raise ImportError(f"{what} is {there} in pysrp.target.medium, {here} in native.h")


check_numbers()
