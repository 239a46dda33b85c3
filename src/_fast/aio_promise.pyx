# cython: nonecheck=True
"""What a task of asyncio awaits while a command is under way.

With asyncio.Future the loop would make one call for each command. A session gets many answers at a time, and wakes all
their tasks by one call. A task takes a :class:`Promise` for a future: it has the methods of one that Task calls (PEP
3156, asyncio.Task).
"""

cimport cython


@cython.final
cdef class Alarm:
    """Alarm(loop): wakes the tasks of ``loop`` whose answers have come, by one callback of the loop.

    While :attr:`held` is set no callback is scheduled; its owner calls :meth:`ring`.
    """

    def __cinit__(self, loop):
        self.loop = loop
        self.woken = []

    cdef int add(self, Promise answer) except -1:
        self.woken.append(answer)
        if len(self.woken) == 1 and not self.held:
            self.loop.call_soon(self.ring)
        return 0

    cpdef ring(self):
        """Wake all these tasks. Called by the loop only, as one task must not run inside another."""
        cdef list woken = self.woken
        cdef Py_ssize_t at = 0
        self.held, self.woken = False, []
        try:
            while at < len(woken):
                at += 1
                (<Promise>woken[at - 1]).wake()
        finally:
            if at < len(woken):     # after KeyboardInterrupt: the remaining ones are woken later
                self.woken = woken[at:] + self.woken
                self.loop.call_soon(self.ring)


@cython.final
@cython.freelist(128)
cdef class Promise:
    """Promise(alarm, before, pending): the end of one command, awaited by one task. Called when the command is done.

    ``before`` is the command's previous waiter, which is called first. ``pending`` is the command if it has to be given
    up when the task is cancelled or closed, else None.
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

    # Methods that a task calls.

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
        """An exception is thrown into the task: give up the command and raise it."""
        self.stop()
        if value is None:
            value = kind if isinstance(kind, BaseException) else kind()
        raise value if traceback is None else value.with_traceback(traceback)

    def close(self):
        """The coroutine is closed: give up the command."""
        self.stop()

    cdef int stop(self) except -1:
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.session.give_up((pending,))
        return 0

    def get_loop(self):
        """The loop of the task that awaits this."""
        return self.alarm.loop

    def add_done_callback(self, callback, *, context):
        """Call ``callback`` when this is over. RuntimeError for a second one: only one task may await a promise."""
        if self.callback is not None:
            raise RuntimeError("a task awaits this answer already")
        self.callback, self.context = callback, context
        if self.over:
            self.alarm.add(self)

    def done(self):
        """Whether the command is done, or this was cancelled."""
        return self.over

    def cancelled(self):
        """Whether this was cancelled."""
        return self.is_cancelled

    def cancel(self, msg=None):
        """Wake the task with CancelledError. False, and nothing is done, if this is over."""
        if self.over:
            return False
        self.over = self.is_cancelled = True
        if self.callback is not None:
            self.alarm.add(self)
        return True

    def result(self):
        """None. Raises CancelledError if this was cancelled."""
        if self.is_cancelled:
            from asyncio import CancelledError  # here, as blocking sessions load this module and do not need asyncio
            raise CancelledError
