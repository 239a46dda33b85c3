# cython: nonecheck=True
"""What a task of asyncio awaits while a command is under way.

A Future would have the loop called once for each command. A session has many answers at a time, and wakes all their
tasks by one call. To a task a :class:`Promise` is a future: it has what Task calls of one (PEP 3156, asyncio.Task).
"""

cimport cython


@cython.final
cdef class Alarm:
    """Alarm(loop): wakes the tasks of ``loop`` whose answers have come, all by one call. :attr:`held`: not yet."""

    def __cinit__(self, loop):
        self.loop = loop
        self.woken = []

    cdef int add(self, Promise answer) except -1:
        self.woken.append(answer)
        if len(self.woken) == 1 and not self.held:
            self.loop.call_soon(self.ring)
        return 0

    cpdef ring(self):
        """Let all go on; as a callback of the loop, since no task may run in another one."""
        cdef list woken = self.woken
        cdef Py_ssize_t at = 0
        self.held, self.woken = False, []
        try:
            while at < len(woken):
                at += 1
                (<Promise>woken[at - 1]).wake()
        finally:
            if at < len(woken):     # KeyboardInterrupt: the others are not to be forgotten
                self.woken = woken[at:] + self.woken
                self.loop.call_soon(self.ring)


@cython.final
@cython.freelist(128)
cdef class Promise:
    """Promise(alarm, before, pending): of one command, for one task. To be called when the command is done.

    ``before`` is called first: it is the command's waiter so far. ``pending`` is the command if it is to be given up
    when the task does not go on to its end.
    """

    def __init__(self, Alarm alarm not None, before=None, pending=None):
        self.alarm = alarm
        self.before = before
        self.pending = pending

    def __call__(self, pending):
        self.end(pending)

    cdef int end(self, pending) except -1:
        before, self.before = self.before, None
        self.pending = None
        if before is not None:
            before(pending)
        if not self.over:
            self.over = True
            if self.callback is not None:
                self.alarm.add(self)
        return 0

    cdef int wake(self) except -1:
        callback, context = self.callback, self.context
        self.callback = self.context = None
        if callback is not None:
            context.run(callback, self)
        return 0

    # What a task calls.

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self.over:
            if self.is_cancelled:
                self.stop()
            self.result()
            raise StopIteration
        self._asyncio_future_blocking = True
        return self

    def throw(self, kind, value=None, traceback=None):
        """The task goes on with an exception, and so does this."""
        self.stop()
        if value is None:
            value = kind if isinstance(kind, BaseException) else kind()
        raise value if traceback is None else value.with_traceback(traceback)

    def close(self):
        """The task will not go on."""
        self.stop()

    cdef int stop(self) except -1:
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.session.give_up((pending,))
        return 0

    def get_loop(self):
        """The loop of whoever awaits it."""
        return self.alarm.loop

    def add_done_callback(self, callback, *, context):
        """Call ``callback`` when it is over: there is one, as one task awaits it. RuntimeError for another."""
        if self.callback is not None:
            raise RuntimeError("a task awaits this answer already")
        self.callback, self.context = callback, context
        if self.over:
            self.alarm.add(self)

    def done(self):
        """Whether it is over."""
        return self.over

    def cancelled(self):
        """Whether it was cancelled."""
        return self.is_cancelled

    def cancel(self, msg=None):
        """Wake the task with CancelledError, unless it is over."""
        if self.over:
            return False
        self.over = self.is_cancelled = True
        if self.callback is not None:
            self.alarm.add(self)
        return True

    def result(self):
        """None, or CancelledError."""
        if self.is_cancelled:
            from asyncio import CancelledError  # a blocking session, which has this module too, needs none of asyncio
            raise CancelledError
