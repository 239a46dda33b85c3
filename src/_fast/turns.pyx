# cython: nonecheck=True, boundscheck=True
"""The bookkeeping of an initiator's session that every command needs: begin it, take a turn, end it.

:class:`pysrp.initiator.turns.Turns` and the layers above it inherit from :class:`Bookkeeping`, and do all that is not
plain; the methods here call theirs by name. Only what these methods call can interrupt them, with an exception: that
leaves ``_inside`` set, as it does in the layers above.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

cimport cython

from pysrp._fast.aio_promise cimport Alarm, Promise
from pysrp._fast.client_queue cimport Connection, take_element
from pysrp._fast.commands cimport DataMemory, Pending, RequestSlots, Starter, members, own_view
from pysrp._fast.lun cimport Lun

from functools import partial

from pysrp.errors import PartnerGone, SrpError
from pysrp.initiator import requests, units
from pysrp.initiator.requests import check_timeout
from pysrp.srp import TaskAttribute

cdef extern from "clock.h" nogil:
    int64_t clock_ns()

cdef extern from "Python.h":
    int PyList_SetSlice(list, Py_ssize_t, Py_ssize_t, PyObject *) except -1

LONGEST_SLEEP = 0.5
QUEUE_FULL_WAIT = 0.001

cdef enum:
    BATCH = 8               # elements that are collected and then sent together

SEND_BATCH = BATCH

cdef double FOREVER = float("inf")
cdef double MOST = requests.LONGEST_WAIT
cdef object GOOD = 0
cdef object SIMPLE = TaskAttribute.SIMPLE
cdef tuple OURS = (SrpError, ValueError)


cdef inline double seconds_now() noexcept nogil:
    """time.monotonic()."""
    return <double>clock_ns() / 1e9


# Awaited for a command that is done already.
cdef Promise NOTHING = Promise(Alarm(None))
NOTHING.over = True


include "turns_loop.pxi"


cdef class Bookkeeping(Starter):
    """The commands that a session has under way, and their turns."""

    cdef public bint _inside, _asking, _opened, _closed, _gone, _signals, _staying, _looped, _flushing
    cdef public object port, _scope, _staged, _delayed, _told
    cdef public Connection engine
    cdef public list _output
    cdef public RequestSlots srp
    cdef public DataMemory staging
    cdef public Py_ssize_t _login_epoch, _logins, _max_transfer
    cdef public double _retry_output, _retry_action, _timer_at
    cdef public list _watchers
    cdef public Alarm _alarm
    cdef public object _lane
    cdef readonly Roster _roster
    cdef Adapter near               # the port, if the roster may use its queue in C
    cdef bint roused, rung
    cdef int idle

    def __cinit__(self):
        # A subclass that overrides submit() gets all commands.
        self.direct = type(self).submit is Bookkeeping.submit
        self._timer_at = FOREVER

    # Beginning.

    def submit(
        self, lun, cdb, *, data_out=None, Py_ssize_t data_in_length=0, into=None, double timeout=units.SHORT_TIMEOUT,
        Py_ssize_t retries=0, Py_ssize_t block_size=0, bint replay=False, attribute=SIMPLE,
    ):
        """Start a command and return at once; it is sent as soon as credits and memory allow it.

        As each send may wake the server, up to eight commands are collected while others are unanswered. They are
        sent when the caller waits for anything, or by :meth:`flush`.

        ``lun`` is a :class:`~pysrp.lun.Lun`, or what one can be made from.
        ``data_out`` is bytes-like. It is copied before it is sent, which may be later: do not change it until
        the command is done. ``data_in_length`` is the room for data-in, in bytes. The data end in the result, or in
        ``into``, a writable memoryview of that many bytes. ``retries``: how often the command is submitted
        again after a unit attention, BUSY, and other errors that pass by themselves; after an abort only if it may be
        carried out twice (COMPARE AND WRITE may not, nor most of PERSISTENT RESERVE OUT). ``timeout``, ``block_size``
        and ``replay`` are those of :class:`~pysrp.initiator.requests.Command`. If this raises, no command was begun.

        Raises ValueError for more data than one command of this session can move, for an invalid timeout, and
        for an ``into`` of another length or in pieces; TypeError for an ``into`` that cannot be written; PartnerGone
        when the session is closed; EncodeError or TypeError for an invalid LUN.
        """
        return self.begin(lun, cdb, data_out, data_in_length, into, timeout, retries, block_size, replay, attribute)

    cdef Pending begin(
        self, lun, cdb, data_out, Py_ssize_t inward, into, double timeout, Py_ssize_t retries, Py_ssize_t block_size,
        bint replay, attribute,
    ):
        cdef Pending pending
        cdef Py_ssize_t outward = 0
        if into is not None:
            into = own_view(into, inward)
        if not 0 <= timeout <= MOST:
            check_timeout(timeout)
        if inward < 0:
            raise ValueError(f"data_in_length {inward}: at least 0")
        pending = Pending.__new__(Pending)
        pending.session = self
        # Others use the Lun's bytes: a number or a text would fail there, in the middle of a turn.
        pending.lun = lun if type(lun) is Lun else Lun(lun)
        pending.cdb = cdb
        pending.length = inward
        pending.timeout = timeout
        pending.retries = retries
        pending.block_size = block_size
        pending.replay = replay
        pending.attribute = attribute
        pending.into = into
        if type(data_out) is bytes:
            pending.out = data_out
            outward = PyBytes_GET_SIZE(data_out)
        elif data_out is not None:
            out = memoryview(data_out)
            pending.out = out if out.format == "B" and out.ndim == 1 and out.contiguous else out.cast("B")
            outward = len(pending.out)
        if (
            max(inward, outward) > self.staging.chunk or (inward and data_out is not None)
            or self.srp.largest is not None
        ):
            self.staging.check_size(inward, outward, self.srp.max_segments, self.srp.largest)
        try:
            if self._inside:
                self.recover()
            if self._closed:
                raise PartnerGone("the session is closed")
            if not self.start_plain(pending, outward):
                self._start_command(pending)
        except BaseException:
            self.give_up((pending,))
            raise
        if self._looped:
            self.begun()
        return pending

    cdef int begun(self) except -1:
        """A command has been begun in an event loop: have it sent, and set the timer for its timeout."""
        if self._output and self._roster is not None:
            if not self._flushing:
                self._roster.later(self)    # which sets the timer, too
        elif self.until() < self._timer_at:
            self._schedule()
        return 0

    cdef bint start_plain(self, Pending pending, Py_ssize_t outward) except -1:
        """Send a command if it is plain and can be sent at once. False: nothing was done."""
        cdef RequestSlots srp = self.srp
        cdef DataMemory staging = self.staging
        cdef Py_ssize_t size = max(pending.length, outward), waiting
        cdef uint64_t address = 0
        cdef double now
        if (
            self._asking or size > staging.chunk or (pending.length and pending.out is not None) or len(self._staged)
            or not srp.is_clear(pending) or (size and not staging.chunks) or self.engine.unanswered
        ):
            return False
        self._inside = True
        try:
            if self._scope is not None:
                self._scope.append(pending)
            self._live.begin(pending)
            pending.epoch = self._epoch
            if size:
                address = staging.place_plain(pending, outward)
            pending.out = None
            pending.began = now = seconds_now()
            srp.send_plain(pending, address, size, outward > 0, now)
            waiting = len(self._output)
            if waiting and (srp.debits < 2 or waiting >= BATCH):
                if self._roster is not None and self._roster.going:
                    self.flush_in_round(self._roster)
                else:
                    self.push()
            if srp.ended:
                self.finish()
        except OURS:
            self._inside = False
            raise
        self._inside = False
        if self._told:
            self._tell()
        return True

    cdef Py_ssize_t most(self) except -1:
        cdef Py_ssize_t most = min(self.srp.max_segments * self.staging.chunk, self._max_transfer, self.engine.most)
        return most if self.srp.largest is None else min(most, <Py_ssize_t>self.srp.largest)

    @property
    def max_transfer(self):
        """Bytes that one command may move: the smallest of the limits of the server, the transport and this session."""
        return self.most()

    # A turn.

    def _work(self):
        """Everything that can be done without waiting."""
        self.work_on(None)

    cdef int work_on(self, elements) except -1:
        """The same with ``elements``, which have come; None: with all that the port has."""
        if self._inside:
            self.recover()
        self._inside = True
        try:
            self.turn(self._elements() if elements is None else elements)
        except OURS:
            self._inside = False
            self._tell()
            raise
        self._inside = False
        if self._told:
            self._tell()
        return 0

    def _turn(self, list elements not None):
        self.turn(elements)

    cdef int turn(self, list elements) except -1:
        """Deal with ``elements``, which have come, and with timeouts and retries that are due."""
        cdef RequestSlots srp = self.srp
        cdef double now = seconds_now()
        cdef Connection engine = self.engine
        if elements:
            if not self.took(elements):
                engine.receive(elements, now)
        elif self.port.ended:
            engine.closed(PartnerGone("the adapter has gone"))
        if now >= srp.next_deadline:
            engine.tick(now)
            if self._staged:
                self._end_late(now)
        while self._delayed and self._delayed[0][0] <= now:
            self._send(self._delayed.popleft()[1])
        if engine.queue_work is not None and now >= self._retry_action:
            self._do_queue_work(engine.queue_work, now)
        if self._output and now >= self._retry_output:
            self.push()
        if engine.logins != self._logins:
            if self._logins:
                self._epoch += 1
                self._login_epoch = self._epoch
            self._logins = engine.logins
        if srp.ended or self._staged:
            self.finish()
        return 0

    cdef bint took(self, list elements) except -1:
        """Take plain answers up to the first that is not. True: these were all, and no request waits to be sent."""
        cdef RequestSlots srp = self.srp
        cdef Py_ssize_t at = 0, count = len(elements)
        if self.engine.exchange is not None:
            return False
        while at < count and take_element(srp, elements[at]):
            at += 1
        if at == count and not len(srp._waiting) and not len(srp._urgent):
            return True
        del elements[:at]
        return False

    def _pause(self):
        """When :meth:`_work` has to be called again even if nothing comes (monotonic time)."""
        return self.until()

    cdef double until(self) except? -1:
        cdef double until = self.srp.next_deadline
        if self.srp.ended:
            return 0
        if self._delayed:
            until = min(until, <double>self._delayed[0][0])
        if self.engine.queue_work is not None:
            until = min(until, self._retry_action)
        if self._output:
            until = min(until, self._retry_output)
        return until

    def _ready(self):
        """Before a call waits: raise if it would wait in vain, and recover if a turn was left half way."""
        if not self._opened:
            raise self._not_open()
        if self._inside:
            self.recover()

    def _once(self, double limit):
        """Wait until something comes, at most until ``limit`` and LONGEST_SLEEP seconds, and deal with it."""
        cdef double until
        PyErr_CheckSignals()
        self._ready()
        if self._staying and not self.connected:
            raise PartnerGone(f"the connection is broken: {self.engine.state.value}")
        if self._output:
            self.flush()
        until = min(limit, self.until())
        try:
            self.port.wait(min(max(0.0, until - seconds_now()), LONGEST_SLEEP))
        except ValueError as error:
            self._port_closed(error)
        self._work()

    cdef int wait_for(self, Pending pending) except -1:
        try:
            while not pending.done:
                self._once(FOREVER)
        except BaseException:
            self.give_up((pending,))
            raise
        return 0

    def complete(self, Pending pending not None):
        """Wait until a command is done. If an exception interrupts that, the command is given up."""
        self.wait_for(pending)

    def awaited(self, Pending pending not None):
        """An awaitable for the end of a command. If the task is cancelled or closed, the command is given up."""
        if pending.done:
            return NOTHING
        if not self._opened:
            self.give_up((pending,))
        return self.promise(pending, pending)

    def _promise(self, Pending pending not None):
        """The same for a command that is not done, and that the caller gives up itself."""
        return self.promise(pending, None)

    cdef Promise promise(self, Pending pending, given_up):
        cdef Promise promise
        if not self._opened:
            raise self._not_open()
        if self._alarm is None:
            raise TypeError("a session of blocking calls is awaited")
        promise = Promise.__new__(Promise)
        promise.alarm, promise.before, promise.pending = self._alarm, pending.waiter, given_up
        pending.waiter = promise
        return promise

    def flush(self):
        """Send what :meth:`submit` has collected."""
        if self._inside:
            self.recover()
        if self._output and seconds_now() >= self._retry_output:
            self._inside = True
            try:
                self.push()
            except OURS:
                self._inside = False
                raise
            self._inside = False
        if self.near is not None and self.near.owed:
            self.near.ring()

    cdef int flush_in_round(self, Roster roster) except -1:
        cdef Adapter near = roster.hush(self)
        try:
            self._flush()
        finally:
            roster.owe(near)
        return 0

    def _flush(self):
        self.push()

    cdef int push(self) except -1:
        """Send the elements that the engine has collected."""
        cdef list output = self._output
        cdef Py_ssize_t sent
        try:
            while output:
                sent = self.port.send_many(output) if self.near is None else self.near.send_all(output)
                if sent:
                    PyList_SetSlice(output, 0, sent, NULL)
                else:
                    self._retry_output = seconds_now() + QUEUE_FULL_WAIT
                    return 0
        except PartnerGone:
            self.engine.undelivered(seconds_now())
        except ValueError as error:
            self._port_closed(error)
        return 0

    # Ending.

    def _finish(self):
        self.finish()

    cdef int finish(self) except -1:
        """Deal with the requests that have ended."""
        cdef RequestSlots srp = self.srp
        cdef list ended
        cdef Py_ssize_t at
        while srp.ended:
            ended, srp.ended = srp.ended, []
            at = 0
            try:
                while at < len(ended):
                    request = ended[at]
                    at += 1
                    if type(request) is Pending:
                        if not self.end_plain(<Pending>request):
                            self._finish_command(request)
                    elif self._live.end(request) and request.owner is not None:
                        self._told.append(partial(request.owner, request))
            finally:
                if at < len(ended):     # a retry has raised in the port: the remaining requests have ended all the same
                    srp.ended[:0] = ended[at:]
        while self._staged and not self.engine.unanswered and self.staging.place(self._staged[0]):
            self._send(self._staged.popleft())
            if self._output:
                self.push()
        return 0

    cdef bint end_plain(self, Pending pending) except -1:
        """End a command that was answered with GOOD. False: nothing was done, as the case is not plain."""
        if pending.error is not None or pending.status is not GOOD or pending.abandoned is not None:
            return False
        if pending.block_size and pending.epoch != self._epoch:
            return False
        if pending.chunk >= 0 or pending.pieces:
            self.staging.regain(pending)
        pending.out = pending.into = None
        pending.done = True
        waiter = pending.waiter
        if type(waiter) is Promise:
            (<Promise>waiter).end(pending)      # here, not in _tell(): a promise calls no code of the caller's
        elif waiter is not None:
            self._told.append(partial(waiter, pending))
        self._live.end(pending)
        return True
