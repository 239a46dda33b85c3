"""Channels of media in C, and their requests, as the native lane uses them."""

from libc.stdint cimport uint32_t
from pysrp._fast.native cimport pysrp_io, pysrp_link, pysrp_medium, pysrp_submitted


cdef extern from "ear.h" nogil:
    struct pysrp_ear:
        uint32_t rung
        const pysrp_link *link
    struct pysrp_bell:
        uint32_t rung
        pysrp_ear *ear
        void *owner
    bint pysrp_bell_ring(pysrp_bell *bell)
    void pysrp_bell_hang(pysrp_bell *bell, pysrp_ear *ear)
    void pysrp_bell_take_down(pysrp_bell *bell)
    bint pysrp_rung(const uint32_t *word)
    bint pysrp_heard(uint32_t *word)


cdef struct IoQueue:
    pysrp_io *first
    pysrp_io *last


ctypedef bint (*Claim)(void *lane, NativeEnd *end, pysrp_io *io) noexcept nogil


cdef struct NativeEnd:
    # The part of a channel that the loop uses without the interpreter's lock. Others use it under that lock, when the
    # loop does not.
    const pysrp_medium *medium
    void *channel
    pysrp_bell *bell
    bint dawdles            # the medium left a NOWAIT request pending: it gets none any more
    # The lane claims its own requests when they are reaped. A request that neither the lane nor `pending` knows is not
    # dereferenced.
    Claim claim
    void *lane
    # Of a medium that listens, while it is attached to a loop's ear:
    NativeEnd **busy        # head of the list of ends that the loop has to look at; NULL: the medium rings
    NativeEnd *next         # next in that list
    bint listed             # whether this end is in the list
    bint found              # look() found something to reap, for which the medium may not have rung
    size_t out              # requests that have been submitted and not been reaped
    pysrp_io **others       # requests that are over, and not the lane's
    size_t count, room
    # Used by the lane only:
    IoQueue over            # its requests that are over
    IoQueue stalled         # its requests that the medium refused with EAGAIN
    size_t under_way        # how many of its requests the medium has
    size_t staged           # bytes of staged memory of all these


# Submit a request; if it is pending, put the end into the list that the loop looks at.
cdef pysrp_submitted give(NativeEnd *end, pysrp_io *io) noexcept nogil
# Begin the submitted requests of all ends in the list. True: one has something to reap. False: the loop sleeps until
# one rings if it `sleeps`, else looks again soon.
cdef bint look(NativeEnd **busy, bint sleeps) noexcept nogil

# Reap all requests that are over: the lane claims its own, the rest go to `others`.
cdef void gather(NativeEnd *end) noexcept nogil


cdef class MediumTable:
    cdef object capsule
    cdef const pysrp_medium *medium


cdef class Ear:
    """The ear of a loop (ear.h), and the link that wakes the loop."""

    cdef object capsule
    cdef pysrp_ear ear
    cdef NativeEnd *busy    # list of the ends that the loop has to look at: their media may not ring


cdef class InFlight:
    """A request that a medium in C has, and the MediumRequest that is told the result."""

    cdef pysrp_io *io
    cdef object request
    cdef object ends(self)


cdef class _Bell:
    cdef pysrp_bell bell
    cdef object channel     # a weak reference: a ring may come when the channel is gone
    cdef Ear ear


cdef class NativeChannel:
    cdef object __weakref__
    cdef MediumTable table
    cdef NativeEnd end
    cdef object post
    cdef _Bell bell
    cdef object lane        # the reference that belongs to end.lane
    cdef dict pending       # InFlight by the address of its pysrp_io, to look up what the medium says is over
    cdef object untold      # a deque of requests that are over, and whose `over` has not been called yet
    cdef bint retired
    cdef bint reaping       # a thread is in reap(),
    cdef bint wanted        # and has to reap once more
    cdef Py_ssize_t busy    # calls that run in this channel; it is not closed meanwhile
    cdef void close(self) noexcept
    cdef keep(self)
    cdef rung(self)
    cdef attach(self, Ear ear, lane, Claim claim)
    cdef void listen(self, NativeEnd **busy, int epoll) noexcept
    cdef detach(self)
    cdef adopt(self, InFlight io, part)
