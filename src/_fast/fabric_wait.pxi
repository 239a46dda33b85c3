# Sleeping until something comes, and waking. A part of fabric.pyx.

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t, uint64_t

import os

from pysrp.errors import SrpError

cdef uint32_t forks = 0     # how many forks there are between the first process and this one


cdef void forked() noexcept nogil:
    global forks
    forks += 1


if pthread_atfork(NULL, NULL, forked):
    raise MemoryError  # pragma: no cover: no test has that little memory


cdef class Waiter(Crq):
    """How one end waits: it spins for a while, then sleeps on its doorbells and on descriptors that subclasses watch.

    A subclass may override ``attend()``, which sees to the descriptors that it watches.
    """

    def __cinit__(self, uint64_t queue_size, uint64_t window_size, Region region not None, *args, **kwargs):
        self.epoll = self.link_bell = -1
        self.begun = True
        processors = len(os.sched_getaffinity(0))
        self.spin = SPIN_NS if processors > 1 else 0
        self.crowded = processors < 3   # the partner needs one of them
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise _oserror()
        self.bell = make_bell()
        if bell_watch(self.epoll, self.bell) < 0:
            raise _oserror()
        bell_hear(self.epoll, self.bell, -1, 0)

    def __dealloc__(self):
        if not self.begun:
            return  # the constructor raised before it set the descriptors, which are 0 then
        if self.epoll >= 0:
            c_close(self.epoll)
        if self.bell >= 0:
            c_close(self.bell)

    def attend(self):
        """Called when a descriptor of :meth:`watch` is ready, or the partner takes no elements. Does nothing here."""

    cdef tend(self):
        """Call :meth:`attend`. If an exception of a signal handler ends it, the next look calls it again."""
        self.untended = True
        try:
            self.attend()
        except SrpError:
            self.untended = False
            raise
        self.untended = False

    def watch(self, int fd, bint readable=True):
        """Have :meth:`attend` called while ``fd`` is readable, or if not ``readable`` only hung up. Raises OSError."""
        if fd_watch(self.epoll, fd, readable) < 0:
            raise _oserror()

    def unwatch(self, int fd):
        """The opposite of :meth:`watch`; to be called before ``fd`` is closed."""
        fd_unwatch(self.epoll, fd)

    @property
    def bell_fd(self):
        """The eventfd that wakes this end, for a partner in this process; open as long as this object exists."""
        self.lent = True
        return self.bell

    def wait(self, timeout=None):
        """Sleep until there is something to do, for ``timeout`` seconds at most, None: for ever. False: timeout."""
        cdef int64_t left = -1 if timeout is None else max(0, <int64_t>(min(timeout, 1e9) * 1e9))
        cdef int64_t end = clock_ns() + left if left > 0 else 0
        cdef int seen
        self.check_open()
        if self.ended:
            return True
        while True:
            if left == 0:
                seen = self.pause(0)
            else:
                with nogil:
                    seen = self.pause(left) if self.rests() else WOKEN
                    shared_set(&self.resting, 0)
            if seen & ATTEND:
                self.tend()
                if self.available() or self.ended:
                    return True
            if seen & (READY | WOKEN):
                return True
            if seen & INTERRUPTED:
                PyErr_CheckSignals()
            if not seen or left == 0:
                return False
            if left > 0:
                left = max(0, end - clock_ns())

    def wake(self):
        """Make :meth:`wait` return. May be called from any thread."""
        self.rouse()

    cdef void rouse(self) noexcept nogil:
        shared_set(&self.woken, 1)
        if self.bell >= 0:
            bell_ring(self.bell)

    def fileno(self):
        """The epoll descriptor: readable when there is something to do. ValueError when the port is closed."""
        self.check_open()
        return self.epoll

    cdef void stir(self) noexcept nogil:
        shared_set(&self.stirred, 1)
        if shared_wakes(&self.asleep) and self.bell >= 0:
            bell_ring(self.bell)

    cdef int64_t looks(self) noexcept nogil:
        return self.spin if self.soon else self.spin // SPIN_SHORT

    cdef void learn(self) noexcept nogil:
        """An event has woken this end: decide whether spinning for `spin` ns would probably find the next one."""
        self.soon = clock_ns() - self.since < SPIN_ASLEEP * self.spin

    cdef bint spun(self, int64_t nanoseconds, Wanted wanted, void *of) noexcept nogil:
        """Spin for at most so long, if it is worth a try; whether there is something to do now."""
        cdef int64_t end
        cdef uint32_t turn = 0
        self.since = clock_ns()
        # A partner on the same processor cannot answer while we spin: after a few misses spin only now and then.
        if not self.spin or (
            self.misses >= SPIN_MISSES and self.misses & (self.misses - 1) and self.misses % SPIN_PROBE
        ):
            return False
        end = self.since + (min(self.looks(), nanoseconds) if nanoseconds > 0 else self.looks())
        while True:
            cpu_relax()
            if self.available() or shared_get(&self.stirred) or wanted is not NULL and wanted(of):
                self.misses = 0
                return True
            turn += 1
            if turn & 31 == 0 and (shared_get(&self.woken) or clock_ns() >= end):
                return False

    cdef bint rests(self) noexcept nogil:
        self.rested_in = forks
        shared_arm(&self.resting)
        return not shared_get(&self.shutting)

    cdef void part(self):
        # rests() sets `resting` and then reads `shutting`; this sets `shutting` and then reads `resting`. One sees the
        # other.
        shared_arm(&self.shutting)
        # A forked child does not have the thread that waited in its parent.
        if shared_get(&self.resting) and self.rested_in == forks:
            self.rouse()
            with nogil:
                while shared_get(&self.resting):
                    usleep(PARTING_US)

    cdef bint linger(self, Wanted wanted, void *of, bint busy) noexcept nogil:
        cdef bint found
        # After wake() the owner must have its turn now, whatever commands come; with `signalled` it sleeps elsewhere,
        # on the descriptor.
        if not self.patience or self.signalled or shared_get(&self.woken):
            return False
        found = self.rests() and self.lingers(wanted, of, busy)
        shared_set(&self.resting, 0)
        return found

    cdef bint lingers(self, Wanted wanted, void *of, bint busy) noexcept nogil:
        # Clear earlier stir() calls: wanted() below tells whether their media have something.
        if shared_get(&self.stirred):
            shared_swap(&self.stirred, 0)
        if busy and self.crowded:
            self.lingered = not wanted(of)
        else:
            self.lingered = not self.spun(-1, wanted, of) and not wanted(of)
            self.misses += self.lingered
        return not self.lingered or self.nap(wanted, of, busy)

    cdef bint nap(self, Wanted wanted, void *of, bint busy) noexcept nogil:
        """Sleep, but give the owner its turn in time; whether the lane has something to do."""
        cdef int64_t now = clock_ns(), left
        cdef int heard
        if self.untended:
            return False
        # The owner has timers: all naps together are no longer than one sleep of the owner.
        if not self.patient_until:
            self.patient_until = now + self.patience
        left = self.patient_until - now
        if left <= 0:
            self.patient_until = 0
            return False
        self.arm()
        heard = self.hear(0 if self.available() or self.due() else min(left, NAP_NS) if busy else left)
        self.disarm()
        if heard and not (busy and self.crowded):
            self.learn()
        # wake() and watched descriptors are for the owner.
        return not heard & HEARD_OTHER and not shared_get(&self.woken) and (self.available() or wanted(of))

    cdef bint due(self) noexcept nogil:
        return shared_get(&self.woken) or shared_get(&self.stirred)

    cdef bint called(self) noexcept nogil:
        """Whether wake() or stir() was called since the last time; clears that."""
        cdef bint found = shared_get(&self.woken) and shared_swap(&self.woken, 0)
        return (shared_get(&self.stirred) and shared_swap(&self.stirred, 0)) or found

    cdef int hear(self, int64_t nanoseconds) noexcept nogil:
        """Sleep, at most so long; HEARD_... bits, each told once."""
        cdef int heard = bell_hear(self.epoll, self.bell, self.link_bell, nanoseconds)
        if heard & HEARD_MEDIUM:
            shared_set(&self.stirred, 1)
        return heard

    cdef int pause(self, int64_t nanoseconds) noexcept nogil:
        cdef bint lingered = self.lingered
        cdef int heard, seen = 0
        self.lingered = False
        if self.available():
            return READY
        if self.untended:
            return ATTEND
        if self.called():
            return WOKEN
        if nanoseconds:
            self.patience = min(nanoseconds, PATIENCE_NS) if nanoseconds > 0 else PATIENCE_NS
            self.patient_until = 0
            if not lingered and self.spun(nanoseconds, NULL, NULL):
                return READY if self.available() else WOKEN if self.called() else NOTHING_YET
        self.misses += 1
        self.arm()
        # Something may have come between the last look and arm(): look once more, then sleep.
        heard = self.hear(0 if self.available() or self.due() else nanoseconds)
        if heard and nanoseconds:
            self.learn()
        if not self.signalled:
            self.disarm()
        elif heard:
            self.arm()      # the ring may have been for an element that was taken before: the next one has to ring, too
        if self.available():
            seen |= READY
        if self.called():
            seen |= WOKEN
        if heard & HEARD_OTHER:
            seen |= ATTEND
        if heard & HEARD_SIGNAL:
            seen |= INTERRUPTED
        if heard and not seen:
            seen = NOTHING_YET
        return seen
