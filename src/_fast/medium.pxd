"""What the native lane needs of media in C: their channels, and the requests that it hands over with them."""

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
    # What of a channel is used without the interpreter's lock: by the loop, and after it by who has that lock.
    const pysrp_medium *medium
    void *channel
    pysrp_bell *bell
    bint dawdles            # it has kept a request that it was to do at once: it gets no such one any more
    # The native lane takes what is its own, and nobody looks into a request that neither it nor `pending` knows.
    Claim claim
    void *lane
    # Of a medium that listens, while a loop hears its bell:
    NativeEnd **busy        # the first of the ends that the loop looks at, else NULL
    NativeEnd *next         # the one after this
    bint listed             # whether it is among them
    bint found              # it has something to reap, and may not have rung
    size_t out              # requests that have been submitted and not been reaped
    pysrp_io **others       # requests that are over, and not the lane's
    size_t count, room
    # The lane's own:
    IoQueue over            # requests that are,
    IoQueue stalled         # and those that the medium took no more
    size_t under_way        # how many it has
    size_t staged           # bytes of memory for all of these


# Submit, and keep in mind that the loop has to look. Begin what has been, of all of them; whether one has something. If
# none has the loop sleeps until one rings, or looks again soon.
cdef pysrp_submitted give(NativeEnd *end, pysrp_io *io) noexcept nogil
cdef bint look(NativeEnd **busy, bint sleeps) noexcept nogil

# Take what is over, until there is no more.
cdef void gather(NativeEnd *end) noexcept nogil


cdef class MediumTable:
    cdef object capsule
    cdef const pysrp_medium *medium


cdef class Ear:
    """A loop's, and what wakes it."""

    cdef object capsule
    cdef pysrp_ear ear
    cdef NativeEnd *busy    # ends that it has to look at, as they may have something and not ring


cdef class InFlight:
    """One request on its way through C."""

    cdef pysrp_io *io
    cdef object request
    cdef object ends(self)


cdef class _Bell:
    cdef pysrp_bell bell
    cdef object channel     # a weak reference: whoever rings may be late
    cdef Ear ear


cdef class NativeChannel:
    cdef object __weakref__
    cdef MediumTable table
    cdef NativeEnd end
    cdef object post
    cdef _Bell bell
    cdef object lane        # kept for `end`
    cdef dict pending       # requests by their address in C: what the medium says is over is looked up here
    cdef object untold      # a deque of requests that are over: who waits for them is told next
    cdef bint retired
    cdef bint reaping       # somebody is in reap(),
    cdef bint wanted        # and has to look once more
    cdef Py_ssize_t busy    # calls that are in this channel: nobody closes it
    cdef void close(self) noexcept
    cdef keep(self)
    cdef rung(self)
    cdef attach(self, Ear ear, lane, Claim claim)
    cdef void listen(self, NativeEnd **busy, int epoll) noexcept
    cdef detach(self)
    cdef adopt(self, InFlight io, part)
