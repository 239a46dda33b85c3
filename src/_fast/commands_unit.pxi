# Reads and writes of a unit. A part of commands.pyx.


cdef bytes short_cdb(int operation, lba, blocks, bint fua):
    """The CDB of READ (10) or WRITE (10); None if LBA or blocks do not fit."""
    cdef uint8_t cdb[10]
    cdef int64_t at, count
    if type(lba) is not int or type(blocks) is not int:
        return None
    try:
        at, count = lba, blocks
    except OverflowError:
        return None
    if at < 0 or count < 0 or count > MOST_10 or at > LAST_10 - count:
        return None
    memset(cdb, 0, 10)
    cdb[0] = <uint8_t>operation
    cdb[1] = 8 if fua else 0
    wire_put32(cdb + 2, <uint32_t>at)
    wire_put16(cdb + 7, <uint32_t>count)
    return PyBytes_FromStringAndSize(<char *>cdb, 10)


cdef bytes block_cdb(bint write, lba, blocks, bint fua=False):
    """The CDB of a READ or WRITE: (10) if LBA and blocks fit, else (16), as Linux does. EncodeError if neither does."""
    cdef bytes cdb = short_cdb(0x2A if write else 0x28, lba, blocks, fua)
    if cdb is not None:
        return cdb
    fields = {"lba": lba, "transfer_length": blocks}
    if write:
        fields["fua"] = fua
    if lba + blocks <= LAST_LBA_10 and blocks <= BLOCKS_10:
        return bytes((cdbs.Write10 if write else cdbs.Read10).build(**fields))
    return bytes((cdbs.Write16 if write else cdbs.Read16).build(**fields))


cdef object members(it):
    """The attributes of an instance, by which a method may have been replaced."""
    return getattr(it, "__dict__", ())


cdef class Starter:
    """Base of :class:`pysrp._fast.turns.Bookkeeping`: what units need of a session to begin commands."""

    cdef Pending begin(
        self, lun, cdb, data_out, Py_ssize_t inward, into, double timeout, Py_ssize_t retries, Py_ssize_t block_size,
        bint replay, attribute,
    ):
        raise NotImplementedError   # pragma: no cover: Bookkeeping has it

    cdef int wait_for(self, Pending pending) except -1:
        raise NotImplementedError   # pragma: no cover: Bookkeeping has it

    cdef Py_ssize_t most(self) except -1:
        raise NotImplementedError   # pragma: no cover: Bookkeeping has it


cdef class CalledUnit:
    """Base of :class:`pysrp.initiator.units.ScannedUnit`: session, LUN and block size, and plain reads and writes.

    If a subclass overrides ``start_read`` or ``start_write``, every read or write goes through that.
    """

    def __cinit__(self):
        self.own_reads = type(self).start_read is not CalledUnit.start_read
        self.own_writes = type(self).start_write is not CalledUnit.start_write

    @property
    def session(self):
        return self.whose

    @session.setter
    def session(self, session):
        self.direct = None
        if isinstance(session, Starter) and (<Starter>session).direct and "submit" not in members(session):
            self.direct = session
        self.whose = session

    @property
    def _capacity(self):
        return self.told

    @_capacity.setter
    def _capacity(self, told):
        self.block = 0 if told is None else told.block_size
        self.told = told

    @property
    def _meant(self):
        return self.meant or None

    @_meant.setter
    def _meant(self, size):
        self.meant = size or 0

    cdef Py_ssize_t known(self) except -1:
        if not self.block:
            return 0
        # The session counts its epoch up when a unit changes: no change since then, so `changed` need not be asked.
        if (self.direct is None or self._asked < self.direct._epoch) and self._asked < self.whose.changed(self.lun):
            return 0
        return self.block if self.block == self.meant else 0

    def size_known(self):
        """Bytes of a block; 0 if not known, or if the unit's block size is not the one that calls are meant in."""
        return self.known()

    cdef Pending reading(self, lba, blocks, Py_ssize_t block_size, into, Py_ssize_t retries):
        cdef bytes cdb = block_cdb(False, lba, blocks)
        cdef Starter session = self.direct
        cdef Py_ssize_t count = blocks
        if session is not None and 0 <= count <= MOST_10 and 0 <= block_size <= LARGEST_BLOCK:
            return session.begin(
                self.lun, cdb, None, count * block_size, into, TIMEOUT, retries, block_size, session.replay, SIMPLE)
        return self.whose.submit(
            self.lun, cdb, data_in_length=blocks * block_size, into=into, timeout=IO_TIMEOUT, retries=retries,
            block_size=block_size, replay=self.whose.replay)

    cdef Pending writing(self, lba, data, Py_ssize_t block_size, bint fua, Py_ssize_t retries):
        cdef bytes cdb
        cdef Starter session = self.direct
        if block_size <= 0:
            raise ValueError(f"blocks of {block_size} bytes")
        cdb = block_cdb(True, lba, len(data) // block_size, fua)
        if session is not None:
            return session.begin(
                self.lun, cdb, data, 0, None, TIMEOUT, retries, block_size, session.replay, SIMPLE)
        return self.whose.submit(
            self.lun, cdb, data_out=data, timeout=IO_TIMEOUT, retries=retries, block_size=block_size,
            replay=self.whose.replay)

    def start_read(self, lba, blocks, block_size, into=None, retries=IO_RETRIES):
        """Submit one READ: (10) if LBA and blocks fit, else (16), as Linux does. ``block_size`` is in bytes."""
        return self.reading(lba, blocks, block_size, into, retries)

    def start_write(self, lba, data, block_size, fua=False, retries=IO_RETRIES):
        """Submit one WRITE of whole blocks, as :meth:`start_read`."""
        return self.writing(lba, data, block_size, fua, retries)

    cdef Pending one_read(self, lba, blocks, Py_ssize_t block_size, into):
        if self.own_reads:
            return self.start_read(lba, blocks, block_size, into)
        return self.reading(lba, blocks, block_size, into, RETRIES)

    cdef Pending one_write(self, lba, data, Py_ssize_t block_size, bint fua):
        if self.own_writes:
            return self.start_write(lba, data, block_size, fua)
        return self.writing(lba, data, block_size, fua, RETRIES)

    cdef bint one_will_do(self, blocks, Py_ssize_t size) except -1:
        cdef Py_ssize_t most = self.direct.most()
        if type(blocks) is int:
            return 0 < blocks <= most // size
        return 0 < blocks * size <= most

    def begin_read(self, lba, blocks, into=None):
        """Submit one READ. None, and nothing is done, if one command cannot move it or the block size is not known."""
        cdef Py_ssize_t size = self.known()
        if self.direct is None or not size or not self.one_will_do(blocks, size):
            return None
        return self.one_read(lba, blocks, size, into)

    def begin_write(self, lba, data, fua):
        """Submit one WRITE, or return None, as :meth:`begin_read`."""
        cdef Py_ssize_t size = self.known()
        if self.direct is None or not size or type(data) is not bytes:
            return None
        if len(data) % size or not 0 < len(data) <= self.direct.most():
            return None
        return self.one_write(lba, data, size, fua)

    def read_now(self, lba, blocks, into=None):
        """The data of one READ, in a blocking session. None as :meth:`begin_read`, or if fewer bytes have come."""
        cdef Pending pending = self.begin_read(lba, blocks, into)
        if pending is None:
            return None
        self.direct.wait_for(pending)
        return data_of(pending)

    def write_now(self, lba, data, fua):
        """Do one WRITE, in a blocking session. False, and nothing is done, where :meth:`begin_write` returns None."""
        cdef Pending pending = self.begin_write(lba, data, fua)
        if pending is None:
            return False
        self.direct.wait_for(pending)
        check_written(pending)
        return True


cdef class BlockingUnit(CalledUnit):
    """A unit of a blocking session: the methods that only such a session has."""

    def submit_read(self, lba, blocks=1, into=None):
        """Start one READ of up to ``max_transfer`` bytes; :meth:`Session.gather` waits for many.

        ``into`` is a writable buffer of that length, which gets the data instead of a new object.
        """
        view = None if into is None else memoryview(into).cast("B")
        return self.one_read(lba, blocks, self.known() or self._block_size(), view)

    def submit_write(self, lba, data):
        """Start one WRITE of up to ``max_transfer`` bytes of ``data``, whole blocks."""
        return self.one_write(lba, data, self.known() or self._block_size(), False)

    def _block_size(self):
        return self.known() or self.whose.run_steps(self.block_size_steps())


def data_of(Pending pending not None):
    """The data of a READ, None if they are fewer than was asked for. Raises as :meth:`Pending.outcome`."""
    if pending.status is not GOOD or pending.error is not None:
        pending.outcome()
    return None if pending.residual else pending.data


def check_written(Pending pending not None):
    """Raise as :meth:`Pending.outcome` if a WRITE has failed, SrpError if it has written less than asked for."""
    if pending.status is not GOOD or pending.error is not None:
        pending.outcome()
    if pending.residual:
        size = sum([segment[1] for segment in pending.data_out])
        raise SrpError(f"{pending.residual} bytes of {size} were not written, without an error")
