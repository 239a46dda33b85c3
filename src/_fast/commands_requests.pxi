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
        self.data_out = self.data_in = ()
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


@cython.final
@cython.freelist(128)
cdef class Pending(Command):
    """A command that has been submitted; :meth:`Session.submit` makes them.

    ``done`` says whether :meth:`outcome` has something to tell; ``abandoned`` why nobody waits for it
    any more.
    """

    def __cinit__(self):
        self.chunks = ()
        self.data = b""

    def __init__(self, session, lun, cdb, Py_ssize_t length, double timeout):
        self.session = session
        self.lun = lun
        self.cdb = cdb
        self.length = length
        self.timeout = timeout

    def outcome(self, bint check=True):
        """The result. Raises what prevented it, with ``check`` a ScsiError for a status that is no success."""
        if self.error is not None:
            raise self.error
        if self.status is None:
            raise ValueError("the command has not ended")
        if check and self.status is not GOOD and self.status not in SUCCESS:
            raise scsi_error(self.cdb, self.status, self.sense)
        return make_tuple(Result, (self.status, self.data, self.sense, self.residual, self.overflow))

    def result(self, bint check=True):
        """Wait for the result; otherwise as :meth:`outcome`. For blocking sessions."""
        if not self.done:
            self.session.complete(self)
        return self.outcome(check)

    def worth_retrying(self):
        """Whether to try again; see :func:`pysrp.initiator.outcomes.worth_retrying`."""
        return worth_retrying(self.cdb, self.status, self.sense)
