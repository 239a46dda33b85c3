"""The C level of a simulated port: what a batch of an engine calls without Python objects.

Everything here belongs to the port's owner (one thread at a time) but ``wake``. Return codes are
PAPR's numbers, 0 for success; nothing raises. A pointer from ``reach`` is good as long as the caller
holds a reference to ``far_region`` (or ``region``, for ``reach_own``).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "fabric.h" nogil:
    enum:
        H_SUCCESS
        H_CLOSED
        H_PARAMETER
        H_NO_MEM
        H_PERMISSION
        H_DROPPED
        H_SOURCE_PARM
        H_DEST_PARM
        H_RESOURCE
    enum:
        TCE_READ
        TCE_WRITE

    struct crq_ctl:
        uint32_t state
        uint32_t armed

    struct crq_slot:
        pass

    struct crq_elem:
        uint64_t hi
        uint64_t lo

    struct tce_window:
        uint8_t *memory
        uint64_t pages
        uint64_t *tce
        uint64_t entries


# What `pause` has seen.
cdef enum:
    READY = 1           # elements, or a transport event
    WOKEN = 2           # somebody called wake
    ATTEND = 4          # `attend` must be called, with the GIL
    INTERRUPTED = 8     # a signal: PyErr_CheckSignals, with the GIL
    NOTHING_YET = 16    # a doorbell without an element: pause again for the rest of the time


# Calls that a test can make fail (Adapter.inject).
cdef enum:
    CALL_REG
    CALL_FREE
    CALL_ENABLE
    CALL_SIGNAL
    CALL_SEND
    CALL_COPY
    CALL_PUT_TCE
    CALLS


cdef struct Fault:
    int32_t code
    uint32_t left


cdef class Region:
    """Mapped memory, unmapped when nothing refers to it any more."""

    cdef uint8_t *base
    cdef readonly size_t size


cdef class Window


cdef class Memory:
    """Pages of a window. ``base`` is NULL when they have been freed; count ``exports`` up while in use."""

    cdef object __weakref__
    cdef Window port
    cdef Region region
    cdef readonly uint64_t address
    cdef uint8_t *base
    cdef Py_ssize_t size
    cdef Py_ssize_t exports


# Adapter is one class in layers: a class of C has one base. A layer uses those above it here.

cdef class Crq:
    """The queues. ``near`` is this end's, ``far`` the partner's."""

    cdef object __weakref__
    cdef crq_ctl *near
    cdef crq_slot *near_slots
    cdef uint32_t near_count
    cdef uint32_t near_place            # ours alone: the partner cannot write it
    cdef crq_ctl *far
    cdef crq_slot *far_slots
    cdef uint32_t far_count
    cdef uint32_t far_place
    cdef crq_ctl alone_near             # what near and far are without a link
    cdef crq_ctl alone_far
    cdef uint32_t state                 # what near.state says, as we said it
    cdef uint32_t asleep                # as near.armed, which is for the partner: for threads of this process
    cdef bint signalled                 # H_VIO_SIGNAL
    cdef uint32_t event                 # transport event to give after the queue: code | status << 8
    cdef int bell                       # ours alone, unless it is lent
    cdef int far_bell
    cdef bint hushed                    # ring() leaves the doorbell to ring_all()
    cdef readonly bint owed             # it has
    cdef readonly bint closed
    cdef readonly uint64_t queue_size
    cdef readonly uint64_t discarded    # elements that no H_SEND_CRQ could have sent
    cdef uint32_t faulty                # how many entries of faults are armed
    cdef Fault faults[CALLS]

    cdef check_open(self)
    cdef bint strike(self, int call, int *code) noexcept nogil
    cdef int reg(self) noexcept nogil
    cdef void drop_all(self) noexcept nogil
    cdef int release(self) noexcept nogil
    cdef int put16(self, uint64_t hi, uint64_t lo) noexcept nogil
    """H_SEND_CRQ without the doorbell."""
    cdef void ring(self) noexcept nogil
    """The doorbell, if the partner sleeps. Once after any number of put16."""
    cdef int send16(self, uint64_t hi, uint64_t lo) noexcept nogil
    """H_SEND_CRQ."""
    cdef bint available(self) noexcept nogil
    cdef Py_ssize_t drain(self, crq_elem *out, Py_ssize_t limit) noexcept nogil
    """Take up to limit elements; fewer means that the queue was seen empty."""
    cdef bint linked(self) noexcept nogil
    cdef void arm(self) noexcept nogil
    """Who has something for this end rings, once."""
    cdef void disarm(self) noexcept nogil


ctypedef int (*Wanted)(void *of) noexcept nogil


cdef class Waiter(Crq):
    """Sleeping and being woken."""

    cdef bint begun
    cdef int epoll
    cdef bint lent                      # a partner in this process may ring the bell
    cdef int link_bell                  # the partner rings it
    cdef uint32_t woken
    cdef uint32_t stirred               # the same for who owns this end in C, and looks whether a medium has something
    cdef bint untended                  # `attend` has not been carried out to its end
    cdef public bint crowded            # who works for this end may need its processor
    cdef public int64_t spin            # nanoseconds to look before sleeping, at most
    cdef readonly bint soon             # what this end last slept for came within them: to look for so long pays
    cdef int64_t since                  # when it began to wait
    cdef uint32_t misses                # sleeps since looking last paid
    cdef public int64_t patience        # nanoseconds for which the owner would have slept last; 0: it never has
    cdef int64_t patient_until          # when it is wanted back though commands come: that after a nap; 0: none
    cdef bint lingered                  # it has looked in vain, and is about to
    cdef uint32_t resting               # a thread without the interpreter's lock is in linger() or wait()
    cdef uint32_t rested_in             # in which process: `forks` then
    cdef uint32_t shutting              # nobody is to begin that any more

    cdef tend(self)
    cdef void rouse(self) noexcept nogil
    """Make wait return. Nobody closes this end meanwhile."""
    cdef void stir(self) noexcept nogil
    """The same for an owner that looks, before it waits, at what it is stirred for: no bell if it is awake."""
    cdef bint called(self) noexcept nogil
    cdef int hear(self, int64_t nanoseconds) noexcept nogil
    cdef int64_t looks(self) noexcept nogil
    """For how many nanoseconds it pays to look before sleeping."""
    cdef void learn(self) noexcept nogil
    cdef bint spun(self, int64_t nanoseconds, Wanted wanted, void *of) noexcept nogil
    cdef bint linger(self, Wanted wanted, void *of, bint busy) noexcept nogil
    """Look whether elements come, or ``wanted(of)`` is so, or what stir() follows: for as long as that pays.

    If somebody else is ``busy`` for this end, sleep a while for it, and do not look if he might need the processor.
    """
    cdef bint nap(self, Wanted wanted, void *of, bint busy) noexcept nogil
    cdef bint lingers(self, Wanted wanted, void *of, bint busy) noexcept nogil
    cdef bint rests(self) noexcept nogil
    """Whether it may: then shut() waits until `resting` is 0 again."""
    cdef void part(self)
    """Have whoever rests here leave, in another thread."""
    cdef bint due(self) noexcept nogil
    """Whether somebody has woken this end, without forgetting it."""
    cdef int pause(self, int64_t nanoseconds) noexcept nogil
    """Look, spin, sleep: the bits above, 0 when the time has passed (below 0: never)."""


cdef class Window(Waiter):
    """Memory by bus address."""

    cdef readonly Region region         # this end's window: table, then memory
    cdef readonly Region far_region     # the partner's, where this end is the server
    cdef tce_window own
    cdef tce_window other
    cdef readonly uint64_t max_transfer
    cdef readonly uint64_t window_size
    cdef list holes                     # free pages of the window: [first, count], by address
    cdef uint64_t used                  # bytes below this may be dirty

    cdef uint8_t *reach(self, uint64_t ioba, uint64_t length, unsigned int access) noexcept nogil
    """The partner's memory, NULL unless all of it is allowed and in one piece (length 0: NULL)."""
    cdef uint8_t *reach_own(self, uint64_t ioba, uint64_t length) noexcept nogil
    """This end's memory by bus address, where it is mapped for any access."""
    cdef int copy(self, uint64_t ioba, uint8_t *local, uint64_t length, bint store) noexcept nogil
    """H_COPY_RDMA as often as max_transfer asks: store to the partner, or fetch from it."""
    cdef move(self, uint64_t remote, Memory local, uint64_t offset, object length, bint store)
    cdef uint64_t take_pages(self, uint64_t pages, int access) except 0
    cdef give_back(self, uint64_t first, uint64_t pages)
    cdef put_pages(self, uint64_t first, uint64_t pages)


cdef class Adapter(Window):
    """One end of a connection."""

    cdef readonly Region link_region    # both queues, or only their control words

    cdef Py_ssize_t send_all(self, elements) except -1
    cdef list taken(self)
    """What has come, at most a batch of it; the doorbell is left as it is."""
    cdef int settle(self, bint rung) except -1
    """Want the doorbell, which is heard if it has ``rung``; whether there is something for :meth:`poll`."""
    cdef refused(self, int code)


# Ring what these still owe, with few system calls; the list is empty then.
cdef int ring_all(list ends) except -1
