# Requests and how they ended. A part of commands.pyx.


cdef class Request:
    """A request that is sent in an IU and answered by one. If it is not answered, ``error`` says why.

    ``tag`` is the tag on the wire, 0 until the request is sent; an initiator uses no tag twice. ``owner`` is for the
    driver's use. ``timeout`` is in seconds, and so is ``deadline``, by the clock whose time the session is given.
    """

    def __cinit__(self):
        self.slot = -1

    def __init__(self, double timeout):
        self.timeout = timeout


@cython.final
cdef class Live:
    """Requests that are under way, in the order in which they were begun. A request may be in one Live only."""

    def __cinit__(self):
        self.items = []     # None where one has ended

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter([each for each in self.items if each is not None])

    def __contains__(self, Request request not None):
        return request.place < len(self.items) and self.items[request.place] is request

    cdef int begin(self, Request request) except -1:
        cdef Py_ssize_t place
        if len(self.items) > 2 * self.count + BATCH:
            self.items = list(self)
            for place in range(len(self.items)):
                (<Request>self.items[place]).place = place
        request.place = len(self.items)
        self.items.append(request)
        self.count += 1
        return 0

    cdef bint end(self, Request request) except -1:
        if request.place >= len(self.items) or self.items[request.place] is not request:
            return False
        self.items[request.place] = None
        self.count -= 1
        return True

    def add(self, Request request not None):
        """Add a request that has begun. ValueError if it is here already."""
        if request in self:
            raise ValueError("it is under way already")
        self.begin(request)

    def discard(self, Request request not None):
        """Remove a request that has ended. Whether it was here."""
        return self.end(request)


cdef class Command(Request):
    """One SCSI command, and how it ended.

    ``data_out`` and ``data_in`` are sequences of :data:`~pysrp.initiator.requests.Segment`; no more of them
    than the session has been made for. ``block_size`` in bytes is needed to know how many bytes a CDB that
    counts in blocks asks for (0: not known). ``timeout`` is in seconds, 0: none. After that time
    the command is aborted; if that does not help its LUN is reset, and at last the
    connection. ``replay``: send the command again when the connection comes back, instead of ending it with
    PartnerGone; right for commands that may be carried out twice.

    Results: ``status`` is the SCSI status, None if there was no answer (yet) or ``error`` is set. ``sense`` is
    the sense data. ``residual`` is the number of bytes that were *not* moved, of the direction that has data
    (data-in if both have), ``overflow`` the number of bytes that the buffer had no room for.

    SRP r16a reports a shortfall as DIUNDER or DOUNDER. Servers made for ibmvscsi report it as DIOVER or
    DOOVER, the only flags that ibmvscsi reads. Both are understood: if the CDB of a command asked for no more
    than the buffer holds, an overrun is impossible, so it is taken for a shortfall.
    """

    def __cinit__(self):
        self.outward = self.inward = ()
        self.attribute = SIMPLE
        self.sense = b""

    def __init__(
        self, lun, cdb, data_out=(), data_in=(), *, double timeout=0, attribute=SIMPLE, Py_ssize_t block_size=0,
        bint replay=False,
    ):
        self.timeout = timeout
        self.lun = lun
        self.cdb = cdb
        self.data_out = data_out
        self.data_in = data_in
        self.attribute = attribute
        self.block_size = block_size
        self.replay = replay

    @property
    def data_out(self):
        return ((self.address, self.size),) if self.outward is None else self.outward

    @data_out.setter
    def data_out(self, segments):
        self.outward = segments

    @property
    def data_in(self):
        return ((self.address, self.size),) if self.inward is None else self.inward

    @data_in.setter
    def data_in(self, segments):
        self.inward = segments


@cython.final
cdef class Pending(Command):
    """A command that has been submitted; :meth:`Session.submit` makes them.

    ``done``: whether :meth:`outcome` can be called. ``abandoned``: the error for which the caller has given the
    command up, else None.
    """

    def __cinit__(self):
        self.pieces = ()
        self.chunk = -1
        self.data = b""

    def __init__(self, session, lun, cdb, Py_ssize_t length, double timeout):
        self.session = session
        self.lun = lun
        self.cdb = cdb
        self.length = length
        self.timeout = timeout

    @property
    def chunks(self):
        """Numbers of the chunks of the session's data memory that the command uses."""
        return self.pieces if self.chunk < 0 else (self.chunk,)

    @chunks.setter
    def chunks(self, pieces):
        self.chunk, self.pieces = -1, pieces

    cdef object ending(self, bint check):
        if self.error is not None:
            raise self.error
        if self.status is None:
            raise ValueError("the command has not ended")
        if check and self.status is not GOOD and self.status not in SUCCESS:
            raise scsi_error(self.cdb, self.status, self.sense)
        return five(Result, self.status, self.data, self.sense, self.residual, self.overflow)

    def outcome(self, bint check=True):
        """The result. Raises ``error`` if there is one, with ``check`` a ScsiError for a status that is no success.

        ValueError if the command has not ended.
        """
        return self.ending(check)

    def result(self, bint check=True):
        """Wait until the command is done; then as :meth:`outcome`. For blocking sessions."""
        if not self.done:
            self.session.complete(self)
        return self.ending(check)

    def worth_retrying(self):
        """Whether to try the command again; see :func:`pysrp.initiator.outcomes.worth_retrying`."""
        return worth_retrying(self.cdb, self.status, self.sense)
