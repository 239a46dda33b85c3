"""The C level of a simulated port, for lanes and others that use no Python objects.

Only the port's owner (one thread at a time) may call what is here, but for ``wake``. Return codes are
PAPR's numbers, 0 for success; no function raises. A pointer from ``reach`` is valid as long as the caller
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


# Bits that `pause` returns.
cdef enum:
    READY = 1           # elements, or a transport event
    WOKEN = 2           # wake() or stir() was called
    ATTEND = 4          # `attend` must be called, with the GIL
    INTERRUPTED = 8     # a signal: PyErr_CheckSignals, with the GIL
    NOTHING_YET = 16    # a doorbell without an element: pause again for the rest of the time


# Hypercalls that a test can make fail (Adapter.inject).
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
    """Mapped memory; unmapped when the object is freed."""

    cdef uint8_t *base
    cdef readonly size_t size


cdef class Window


cdef class Memory:
    """Pages of a window. ``base`` is NULL once they are freed; count ``exports`` up while they are in use."""

    cdef object __weakref__
    cdef Window port
    cdef Region region
    cdef readonly uint64_t address
    cdef uint8_t *base
    cdef Py_ssize_t size
    cdef Py_ssize_t exports


# Adapter is one class in layers, as a cdef class has one base only. A layer uses those above it here.

cdef class Crq:
    """The queues. ``near`` is this end's, which it takes from; ``far`` is the partner's."""

    cdef object __weakref__
    cdef crq_ctl *near
    cdef crq_slot *near_slots
    cdef uint32_t near_count
    cdef uint32_t near_place            # private: the partner cannot write it
    cdef crq_ctl *far
    cdef crq_slot *far_slots
    cdef uint32_t far_count
    cdef uint32_t far_place
    cdef crq_ctl alone_near             # near and far point to these while there is no link
    cdef crq_ctl alone_far
    cdef uint32_t state                 # CRQ_..., a private copy of near.state
    cdef uint32_t asleep                # like near.armed, but for threads of this process
    cdef bint signalled                 # H_VIO_SIGNAL has switched interrupts on
    cdef uint32_t event                 # transport event that follows the queue's elements: code | status << 8
    cdef int bell                       # eventfd of this end; private unless `lent`
    cdef int far_bell
    cdef bint hushed                    # ring() sets `owed` instead of ringing; ring_all() rings
    cdef readonly bint owed             # ring_all() has to ring the partner's doorbell
    cdef readonly bint closed
    cdef readonly uint64_t queue_size
    cdef readonly uint64_t discarded    # elements with a header that H_SEND_CRQ refuses
    cdef uint32_t faulty                # how many entries of `faults` are armed
    cdef Fault faults[CALLS]

    cdef check_open(self)
    cdef bint strike(self, int call, int *code) noexcept nogil
    cdef int reg(self) noexcept nogil
    cdef void drop_all(self) noexcept nogil
    cdef int release(self) noexcept nogil
    cdef int put16(self, uint64_t hi, uint64_t lo) noexcept nogil
    """H_SEND_CRQ without the doorbell."""
    cdef void ring(self) noexcept nogil
    """Ring the doorbell if the partner sleeps. Once after any number of put16."""
    cdef int send16(self, uint64_t hi, uint64_t lo) noexcept nogil
    """H_SEND_CRQ."""
    cdef bint available(self) noexcept nogil
    cdef Py_ssize_t drain(self, crq_elem *out, Py_ssize_t limit) noexcept nogil
    """Take up to ``limit`` elements; fewer means that the queue was seen empty."""
    cdef bint linked(self) noexcept nogil
    cdef void arm(self) noexcept nogil
    """Ask to be rung once for the next element or wake-up."""
    cdef void disarm(self) noexcept nogil


ctypedef int (*Wanted)(void *of) noexcept nogil


cdef class Waiter(Crq):
    """Sleeping and being woken."""

    cdef bint begun
    cdef int epoll
    cdef bint lent                      # a partner in this process may ring `bell`
    cdef int link_bell                  # eventfd that the partner rings
    cdef uint32_t woken                 # wake() was called
    cdef uint32_t stirred               # stir() was called: the lane has to look at its media
    cdef bint untended                  # `attend` has not been carried out to its end
    cdef public bint crowded            # there are so few processors that threads of media may need this one
    cdef public int64_t spin            # nanoseconds to spin before sleeping, at most; 0: never
    cdef readonly bint soon             # the last event came within twice that time: spinning for so long pays
    cdef int64_t since                  # when this end began to wait
    cdef uint32_t misses                # sleeps since spinning last found something
    cdef public int64_t patience        # nanoseconds of the owner's last pause(), bounded; 0: it has not paused yet
    cdef int64_t patient_until          # when naps end and the owner gets its turn; 0: no nap since its last pause()
    cdef bint lingered                  # linger() has spun in vain: pause() need not spin
    cdef uint32_t resting               # a thread without the interpreter's lock is in linger() or wait()
    cdef uint32_t rested_in             # the process of that thread: the value of `forks`
    cdef uint32_t shutting              # no thread may enter linger() or wait() any more

    cdef tend(self)
    cdef void rouse(self) noexcept nogil
    """Make wait return. The caller sees to it that this end is not closed meanwhile."""
    cdef void stir(self) noexcept nogil
    """The same for an owner that looks at its media before it waits: an owner that is awake is not rung for."""
    cdef bint called(self) noexcept nogil
    cdef int hear(self, int64_t nanoseconds) noexcept nogil
    cdef int64_t looks(self) noexcept nogil
    """For how many nanoseconds it pays to spin before sleeping."""
    cdef void learn(self) noexcept nogil
    cdef bint spun(self, int64_t nanoseconds, Wanted wanted, void *of) noexcept nogil
    cdef bint linger(self, Wanted wanted, void *of, bint busy) noexcept nogil
    """Wait for elements, stir() or ``wanted(of)``: first spin, for as long as that pays, then nap. True: there is work.

    ``busy``: threads of media are at work. Then nap shortly only, and do not spin if they may need this processor.
    """
    cdef bint nap(self, Wanted wanted, void *of, bint busy) noexcept nogil
    cdef bint lingers(self, Wanted wanted, void *of, bint busy) noexcept nogil
    cdef bint rests(self) noexcept nogil
    """Set `resting`; part() waits until it is 0 again. Whether this thread may wait: False if part() has begun."""
    cdef void part(self)
    """Make a thread that is in linger() or wait() leave, and wait until it has."""
    cdef bint due(self) noexcept nogil
    """Whether wake() or stir() was called; does not clear that."""
    cdef int pause(self, int64_t nanoseconds) noexcept nogil
    """Look, spin, then sleep for at most so long (below 0: for ever). Returns the bits above, 0 after that time."""


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
    """This end's memory by bus address, NULL unless all of it is mapped and in one piece (length 0: NULL)."""
    cdef int copy(self, uint64_t ioba, uint8_t *local, uint64_t length, bint store) noexcept nogil
    """H_COPY_RDMA in parts of up to max_transfer bytes: to the partner if ``store``, else from it."""
    cdef move(self, uint64_t remote, Memory local, uint64_t offset, object length, bint store)
    cdef uint64_t take_pages(self, uint64_t pages, int access) except 0
    cdef give_back(self, uint64_t first, uint64_t pages)
    cdef put_pages(self, uint64_t first, uint64_t pages)


cdef class Adapter(Window):
    """One end of a connection."""

    cdef readonly Region link_region    # both queues, or only their control words

    cdef Py_ssize_t send_all(self, elements) except -1
    cdef list taken(self)
    """The elements that have come, at most BATCH; leaves the doorbell as it is."""
    cdef int settle(self, bint rung) except -1
    """Clear the doorbell if it has ``rung``, and ask for it again; whether :meth:`poll` has something to do."""
    cdef refused(self, int code)


# Ring the doorbells that these ends owe, with few system calls. Empties the list.
cdef int ring_all(list ends) except -1
