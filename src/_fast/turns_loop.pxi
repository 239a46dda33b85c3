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
    TOGETHER = 8            # doorbells that are rung together: the first one waits until the last one is wanted
    PATIENCE = 64           # rounds in which a session's queue was empty before its descriptor is checked, too

cdef object rosters = WeakValueDictionary()     # by id(loop)


def roster_of(loop):
    """The roster of an event loop. It is made for the first session that asks."""
    roster = rosters.get(id(loop))
    if roster is None or roster.loop is not loop:
        roster = rosters[id(loop)] = Roster(loop)
    return roster


@cython.final
cdef class Roster:
    """Roster(loop): the sessions of an event loop, which watches one descriptor for all and makes one call for a round.

    A round takes what has come for any session, then runs the tasks that wait for it, then sends what these submit.
    As long as rounds find something, the next one follows soon, and looks into the queues of the sessions that were
    rung for before: their servers need not ring then. When rounds find nothing more, their doorbells are armed again.
    """

    cdef object __weakref__
    cdef readonly object loop
    cdef readonly Alarm alarm
    cdef int epoll
    cdef dict sessions      # by their descriptors
    cdef list roused        # sessions whose queues are looked at in each round
    cdef list unsent        # sessions that have something to send
    cdef list owing         # ports that have sent something and have not rung yet
    cdef bint going, again  # a round is under way; another round is scheduled
    cdef double found       # when a round last found something

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
        """Serve a session: call its ``_readable`` when ``fd``, its port's descriptor, is readable. Raises OSError."""
        cdef epoll_event event
        port = session.port
        if self.sessions.get(fd) is session:
            return
        if self.epoll < 0:
            self.open()
        # A port that overrides poll() or send_many() gets all elements by these.
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
        """The opposite of :meth:`join`. Does nothing if the session has not joined."""
        if self.sessions.get(fd) is not session:
            return
        del self.sessions[fd]
        session._roster = session.near = None
        session.roused = session.rung = session._flushing = False   # it may join another roster
        epoll_ctl(self.epoll, EPOLL_CTL_DEL, fd, NULL)      # fails if the descriptor is closed, and so removed already
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
        """Callback of the loop: the epoll descriptor is readable."""
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
        """Callback of the loop: the round after one that found something."""
        self.again = False
        self.go_round()

    def send(self):
        """Callback of the loop: send what the tasks have submitted."""
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
            if self.unsent:     # KeyboardInterrupt has ended the loop above
                self.loop.call_soon(self.send)

    cdef Adapter hush(self, Bookkeeping session):
        """Let a session send without a doorbell; in any case :meth:`owe` must be given what this returns."""
        # With few sessions each rings at once, so that its server works while the session goes on.
        if session.near is not None and len(self.sessions) >= TOGETHER:
            session.near.hushed = True
        return session.near

    cdef int owe(self, Adapter near) except -1:
        """Ring the doorbell that ``near`` owes, together with others, at the latest at the end of the round."""
        if near is not None:
            near.hushed = False
            if near.owed:
                self.owing.append(near)
                if len(self.owing) >= TOGETHER:
                    ring_all(self.owing)
        return 0

    cdef int later(self, Bookkeeping session) except -1:
        """Have a session flushed after the tasks of this round have had their turn."""
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
        """Report an exception as asyncio reports one of a callback."""
        self.loop.call_exception_handler({"message": "pysrp: an exception in a session's turn", "exception": error})
        return 0

    cdef int go_round(self) except -1:
        # The alarm runs the tasks right here: this is a callback, and no task is running.
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
            self.roused.extend(roused)      # after an exception: the sessions that have not had their turn
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
        """Whether rounds have found nothing for so long that doorbells pay. Before that another look costs less."""
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
        """Nothing has come for a session: clear its doorbell and arm it again, and do all else that is due."""
        cdef bint rung = session.rung
        session.rung = False
        try:
            if session.near is None or session._lane is not None:
                session._readable()     # a lane takes from the queue itself
            elif session.near.settle(rung):
                # Repeated until there is nothing to do, as the descriptor is edge-triggered.
                session.rung = True
                self.rouse(session)
                session._readable()
        except BaseException as error:
            self.left_half_way(session, error)
        return 0

    cdef int left_half_way(self, Bookkeeping session, error) except -1:
        """A session's turn has raised ``error``: report it, or raise it if it is to end the loop (no Exception)."""
        if session._inside:
            self.loop.call_soon(session._readable)      # recovers, so that tasks need not wait for their timeouts
        if not isinstance(error, Exception):
            raise error
        self.tell(error)
        return 0


cdef object system_error():
    return OSError(errno, strerror(errno).decode())
