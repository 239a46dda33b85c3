# The sessions of one event loop. A part of turns.pyx.

from libc.errno cimport errno
from libc.stdint cimport uint32_t
from libc.string cimport strerror

from pysrp._fast.fabric cimport Adapter, ring_all

from weakref import WeakValueDictionary

cdef extern from "<sys/epoll.h>" nogil:
    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_DEL
        EPOLLIN
        EPOLLET
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int what, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout)

cdef extern from "<unistd.h>" nogil:
    int c_close "close"(int fd)

cdef enum:
    EVENTS = 64
    TOGETHER = 8            # sessions for which is rung at once: the first of them has to wait for the last one
    PATIENCE = 64           # rounds in which a session is looked at in vain before its descriptor is looked at, too

cdef object rosters = WeakValueDictionary()     # by the ids of their loops


def roster_of(loop):
    """The roster of an event loop, which is made for the first session that asks."""
    roster = rosters.get(id(loop))
    if roster is None or roster.loop is not loop:
        roster = rosters[id(loop)] = Roster(loop)
    return roster


@cython.final
cdef class Roster:
    """Roster(loop): the sessions of an event loop, which has one descriptor for them all, and one call for a round.

    In a round what has come for any of them is taken, then the tasks that wait for it go on, then what these submit is
    sent. As long as rounds find something, the next one follows soon, and looks into the queues of those that were
    rung for: nobody needs to ring for these then. When a round finds nothing, their doorbells are wanted again.
    """

    cdef object __weakref__
    cdef readonly object loop
    cdef readonly Alarm alarm
    cdef int epoll
    cdef dict sessions      # by their descriptors
    cdef list roused        # those whose queues are looked at in each round
    cdef list unsent        # those that have something to be sent
    cdef list owing         # ports of those that have sent something and have yet to ring
    cdef bint going, again  # a round is under way; another one will be
    cdef double found       # when one last found something

    def __cinit__(self, loop):
        self.loop = loop
        self.alarm = Alarm(loop)
        self.epoll = -1
        self.sessions = {}
        self.roused = []
        self.unsent = []
        self.owing = []

    def __dealloc__(self):
        if self.epoll >= 0:
            c_close(self.epoll)

    def join(self, Bookkeeping session not None, int fd):
        """Look after a session: call its ``_readable`` when ``fd`` is, that of its port. OSError if that cannot be."""
        cdef epoll_event event
        port = session.port
        if self.sessions.get(fd) is session:
            return
        if self.epoll < 0:
            self.open()
        # Somebody's own ways of polling and sending are used for all.
        near = isinstance(port, Adapter)
        for name in ("poll", "send_many"):
            near = near and getattr(type(port), name) is getattr(Adapter, name) and name not in members(port)
        event.data.fd = fd
        event.events = EPOLLIN | EPOLLET if near else EPOLLIN
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event) < 0:
            error = system_error()
            self.close_unused()
            raise error
        session.near = port if near else None
        session._roster = self
        self.sessions[fd] = session

    def leave(self, Bookkeeping session not None, int fd):
        """The opposite. Harmless when repeated."""
        if self.sessions.get(fd) is not session:
            return
        del self.sessions[fd]
        session._roster = session.near = None
        session.roused = session.rung = session._flushing = False   # it may join another one
        epoll_ctl(self.epoll, EPOLL_CTL_DEL, fd, NULL)      # which a closed descriptor does not need
        self.close_unused()

    cdef int open(self) except -1:
        cdef int epoll = epoll_create1(EPOLL_CLOEXEC)
        if epoll < 0:
            raise system_error()
        try:
            self.loop.add_reader(epoll, self.heard)
        except BaseException:
            c_close(epoll)
            raise
        self.epoll = epoll
        return 0

    cdef int close_unused(self) except -1:
        cdef int epoll = self.epoll
        if not self.sessions:
            self.epoll = -1
            try:
                self.loop.remove_reader(epoll)
            finally:
                c_close(epoll)
        return 0

    def heard(self):
        """As a callback of the loop: the descriptor is readable."""
        cdef epoll_event events[EVENTS]
        cdef Bookkeeping session
        cdef int i, count = epoll_wait(self.epoll, events, EVENTS, 0)
        for i in range(count):
            session = self.sessions.get(events[i].data.fd)
            if session is not None:
                session.rung = True
                self.rouse(session)
        self.go_round()

    def look(self):
        """As a callback of the loop: the round after one that found something."""
        self.again = False
        self.go_round()

    def send(self):
        """As a callback of the loop: send what the tasks have submitted."""
        cdef Bookkeeping session
        cdef Adapter near
        try:
            while self.unsent:
                session = self.unsent.pop()
                session._flushing = False
                near = self.hush(session)
                try:
                    session.flush()
                    if session.until() < session._timer_at:
                        session._schedule()
                except Exception as error:
                    self.tell(error)
                finally:
                    self.owe(near)
        finally:
            ring_all(self.owing)
            if self.unsent:     # Ctrl-C
                self.loop.call_soon(self.send)

    cdef Adapter hush(self, Bookkeeping session):
        """What a session sends next rings for nobody; :meth:`owe` gets what this returns, whatever has come between."""
        # Of few sessions each goes on while its server is at work already.
        if session.near is not None and len(self.sessions) >= TOGETHER:
            session.near.hushed = True
        return session.near

    cdef int owe(self, Adapter near) except -1:
        """Its doorbell is rung with those of others, at the end of the round at the latest."""
        if near is not None:
            near.hushed = False
            if near.owed:
                self.owing.append(near)
                if len(self.owing) >= TOGETHER:
                    ring_all(self.owing)
        return 0

    cdef int later(self, Bookkeeping session) except -1:
        """A session has something to be sent when the tasks of this round have had their turn."""
        session._flushing = True
        self.unsent.append(session)
        if len(self.unsent) == 1 and not self.going:
            self.loop.call_soon(self.send)
        return 0

    cdef int rouse(self, Bookkeeping session) except -1:
        if not session.roused:
            session.roused = True
            session.idle = 0
            self.roused.append(session)
        return 0

    cdef int tell(self, error) except -1:
        """As asyncio does of an exception that comes out of a callback."""
        self.loop.call_exception_handler({"message": "pysrp: an exception in a session's turn", "exception": error})
        return 0

    cdef int go_round(self) except -1:
        # The tasks go on in here, at once: no task is running.
        self.going = self.alarm.held = True
        try:
            self.take_all()
        finally:
            try:
                self.alarm.ring()
            finally:
                self.going = False
                try:
                    self.send()
                finally:
                    if self.roused and not self.again:
                        self.again = True
                        self.loop.call_soon(self.look)
        return 0

    cdef int take_all(self) except -1:
        cdef bint found = False
        cdef list roused = self.roused
        cdef Bookkeeping session
        self.roused = []
        try:
            while roused:
                session = roused.pop()
                if session._roster is not self:
                    continue    # it has left meanwhile
                session.roused = False
                if session.near is not None and session.near.available() and session._lane is None:
                    found = True
                    self.take(session)
                    if session._roster is self:
                        self.rouse(session)
                else:
                    session.idle += 1
                    if session.rung or session.idle > PATIENCE:
                        self.settle(session)
                    else:
                        session.roused = True
                        self.roused.append(session)
        finally:
            self.roused.extend(roused)      # an interrupt: the others are not to be forgotten
        if found:
            self.found = seconds_now()
        elif self.roused and self.is_over():
            roused, self.roused = self.roused, []
            while roused:
                session = roused.pop()
                if session._roster is self:
                    session.roused = False
                    self.settle(session)
        return 0

    cdef bint is_over(self) except -1:
        """Whether it does not pay to look once more: what comes soon costs less without a doorbell."""
        cdef Bookkeeping session = self.roused[0]
        if session.near is None or session.near.crowded:
            return True
        return seconds_now() - self.found > 1e-9 * <double>session.near.looks()

    cdef int take(self, Bookkeeping session) except -1:
        """Take what has come for a session."""
        try:
            session.work_on(session.near.taken())
            if session._watchers:
                session._wake_watchers()
            if session.until() < session._timer_at:
                session._schedule()
        except BaseException as error:
            self.left_half_way(session, error)
        return 0

    cdef int settle(self, Bookkeeping session) except -1:
        """Nothing has come for a session: hear and want its doorbell, and do whatever there is to do besides."""
        cdef bint rung = session.rung
        session.rung = False
        try:
            if session.near is None or session._lane is not None:
                session._readable()     # a lane looks after the queue itself
            elif session.near.settle(rung):
                # Until it is quiet: the descriptor tells but once.
                session.rung = True
                self.rouse(session)
                session._readable()
        except BaseException as error:
            self.left_half_way(session, error)
        return 0

    cdef int left_half_way(self, Bookkeeping session, error) except -1:
        """An exception came out of a session's turn: it is told, or raised if the loop is to end."""
        if session._inside:
            self.loop.call_soon(session._readable)      # mends it: its tasks are not to wait for their time limits
        if not isinstance(error, Exception):
            raise error
        self.tell(error)
        return 0


cdef object system_error():
    return OSError(errno, strerror(errno).decode())
