# What is asked for, and how it ended. A part of commands.pyx.


cdef class Request:
    """Something that takes an IU and is answered by one. ``error`` says why it was not, if it was not.

    ``tag`` is the tag on the wire, 0 until it is sent; never used twice by one initiator. ``owner`` is the driver's
    own. ``timeout`` is in seconds, and so is ``deadline``, of the clock that the session is told the time of.
    """

    def __cinit__(self):
        self.slot = -1

    def __init__(self, double timeout):
        self.timeout = timeout


@cython.final
cdef class Live:
    """Requests that are under way, in the order in which they were begun. A request is in one of these at a time."""

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
        """One has begun. ValueError for one that is here already."""
        if request in self:
            raise ValueError("it is under way already")
        self.begin(request)

    def discard(self, Request request not None):
        """One has ended. Returns whether it was here."""
        return self.end(request)


cdef class Command(Request):
    """One SCSI command, and how it ended.

    ``data_out`` and ``data_in`` are stretches of memory, each a :data:`~pysrp.initiator.requests.Segment`; not more
    than the session has been made for. ``block_size`` in bytes is needed to know what a CDB that
    counts in blocks asks for (0: not known). ``timeout`` is in seconds: 0 means
    none, otherwise the command is aborted then, its LUN reset if that does not help, and at last the
    connection. ``replay``: send it again when the connection comes back, instead of ending it with
    PartnerGone; right for what may be carried out twice.

    Results: ``status`` is the SCSI status, None as long as there is ``error`` instead. ``sense`` is
    sense data. ``residual`` counts the bytes that were *not* moved, of the direction that has data
    (data-in if both have), ``overflow`` those that the command had more than the buffer could take.

    SRP r16a reports a shortfall as DIUNDER or DOUNDER. Servers made for ibmvscsi report it as DIOVER or
    DOOVER, the only flags that ibmvscsi reads. Both are understood: an overrun of a command whose CDB
    asked for no more than the buffer holds cannot be one, so it is a shortfall.
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

    ``done`` says whether :meth:`outcome` has something to tell; ``abandoned`` why nobody waits for it
    any more.
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
        """The pieces of the session's data memory that it has."""
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
        """The result. Raises what prevented it, with ``check`` a ScsiError for a status that is no success."""
        return self.ending(check)

    def result(self, bint check=True):
        """Wait for the result; otherwise as :meth:`outcome`. For blocking sessions."""
        if not self.done:
            self.session.complete(self)
        return self.ending(check)

    def worth_retrying(self):
        """Whether to try again; see :func:`pysrp.initiator.outcomes.worth_retrying`."""
        return worth_retrying(self.cdb, self.status, self.sense)
