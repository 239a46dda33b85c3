# Slots and credits: how a plain command is sent and its answer is taken. A part of commands.pyx.


cdef class Ius:
    """Base of :class:`pysrp.initiator.ius.IuMemory`: ``view`` begins with ``slots`` slots of ``iu_size`` bytes each."""


cdef uint8_t *within(object memory, Py_ssize_t start, Py_ssize_t size, Py_buffer *lent) except NULL:
    """``size`` writable bytes of ``memory`` from ``start`` on. The caller has to release ``lent``. ValueError."""
    PyObject_GetBuffer(memory, lent, PyBUF_WRITABLE)
    if start < 0 or size < 0 or start > lent.len - size:
        PyBuffer_Release(lent)
        raise ValueError(f"{size} bytes at {start} are outside the session's memory")
    return <uint8_t *>lent.buf + start


cdef class Link:
    """Base of :class:`pysrp._fast.client_queue.Elements`. ``put`` is ``send`` of an SRP IU, without Python objects."""

    cdef int put(self, Py_ssize_t slot, Py_ssize_t length, double seconds) except -1:   # pragma: no cover: as below
        raise NotImplementedError   # pragma: no cover: Elements has it


@cython.final
cdef class Slots:
    """Slots(count): the free slots, numbers below ``count``. First in, first out: so the slot of a request that a dead
    connection left behind is reused as late as possible. IndexError if none is free, or for one that cannot be."""

    def __cinit__(self, Py_ssize_t count):
        cdef Py_ssize_t i
        if not 0 < count <= 0x10000:
            raise ValueError(f"{count} slots: from 1 to 65536")
        self.numbers = <uint16_t *>malloc(count * sizeof(uint16_t))
        if self.numbers is NULL:
            raise MemoryError()     # pragma: no cover: no test has that little memory
        self.most = self.count = count
        for i in range(count):
            self.numbers[i] = <uint16_t>i

    def __dealloc__(self):
        c_free(self.numbers)

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter([self.numbers[(self.head + i) % self.most] for i in range(self.count)])

    @property
    def first(self):
        """The slot that has been free longest. IndexError if none is free."""
        return self.next()

    cdef Py_ssize_t next(self) except -1:
        if not self.count:
            raise IndexError("no slot is free")
        return self.numbers[self.head]

    cdef Py_ssize_t take(self) except -1:
        cdef Py_ssize_t slot = self.next()
        self.head = self.head + 1 if self.head + 1 < self.most else 0
        self.count -= 1
        return slot

    cdef int rest(self, Py_ssize_t slot) except -1:
        cdef Py_ssize_t at = self.head + self.count
        if not 0 <= slot < self.most or self.count == self.most:
            raise IndexError(f"slot {slot} of {self.most}, of which {self.count} are free")
        self.numbers[at if at < self.most else at - self.most] = <uint16_t>slot
        self.count += 1
        return 0

    def popleft(self):
        """Take :attr:`first`."""
        return self.take()

    def append(self, Py_ssize_t slot):
        """Make a slot free. IndexError for a number out of range, or if all are free."""
        self.rest(slot)


cdef class RequestSlots:
    """Base of :class:`pysrp.initiator.request_table.RequestTable`: slots, credits, and the requests in the slots."""

    cdef bint is_clear(self, Command command) except -1:
        """Whether a command is plain, but for its data, and can be sent at once without overtaking another request."""
        cdef Py_ssize_t size
        if self.refusal is not None or self.paused or self.largest is not None or self.stage:
            return False
        if len(self._waiting) or len(self._urgent) or self._free.count <= SPARE:
            return False
        # If the server has granted more than two credits, the last two are left to task management.
        if self.credits <= (RESERVED if self.credits + self.debits > RESERVED else 0):
            return False
        if type(command.cdb) is not bytes or type(command.lun) is not Lun or command.attribute is not SIMPLE:
            return False
        size = PyBytes_GET_SIZE(command.cdb)
        return 6 <= size <= LONGEST_CDB and isinstance(self.memory, Ius) and (<Ius>self.memory).iu_size >= CMD + DESC

    cdef int send_plain(
        self, Command command, uint64_t address, Py_ssize_t size, bint outward, double now
    ) except -1:
        """Send a command for which :meth:`is_clear` was true. ``size`` bytes of data are at bus address ``address``."""
        cdef Ius ius = <Ius>self.memory
        cdef Py_buffer lent
        cdef Py_ssize_t slot = self._free.take()
        cdef uint64_t tag = (self.serial + 1) << 16 | <uint64_t>slot
        cdef uint8_t *p = within(ius.view, slot * ius.iu_size, ius.iu_size, &lent)
        cdef int length = put_command(p, ius.iu_size, tag, address, <uint32_t>size, outward)
        memcpy(p + CMD_LUN, (<Lun>command.lun).b, 8)
        memcpy(p + CMD_CDB, PyBytes_AS_STRING(command.cdb), PyBytes_GET_SIZE(command.cdb))
        PyBuffer_Release(&lent)
        self.serial = command.serial = self.serial + 1
        command.slot = slot
        command.tag = tag
        if command.timeout:
            command.deadline = now + command.timeout
            if command.deadline < self.next_deadline:
                self.next_deadline = command.deadline
        self._requests[slot] = command
        self.credits -= 1
        self.debits += 1
        if isinstance(self._link, Link):
            (<Link>self._link).put(slot, length, command.timeout)
        else:
            self._link.send(slot, length, command.timeout)
        return 0

    def take_plain(self, uint64_t tag, Py_ssize_t length):
        """Take an answer; see :meth:`take`."""
        return self.take(tag, length)

    cdef bint take(self, uint64_t tag, Py_ssize_t length) except -1:
        """Take the answer to ``tag``, ``length`` bytes in its request's slot. False: not plain; nothing was done."""
        cdef Py_ssize_t slot = tag & 0xFFFF
        cdef Ius ius
        cdef Py_buffer lent
        cdef Command command
        cdef int32_t delta
        cdef uint8_t rsp[RSP]
        if self._owed or slot >= len(self._requests) or length < RSP or not isinstance(self.memory, Ius):
            return False
        found = self._requests[slot]
        if not isinstance(found, Command):
            return False
        command = <Command>found
        if command.tag != tag or command.ended:
            return False
        ius = <Ius>self.memory
        # The target can still write there: copy it once, and use only the copy.
        memcpy(rsp, within(ius.view, slot * ius.iu_size, RSP, &lent), RSP)
        PyBuffer_Release(&lent)
        delta = <int32_t>wire_get32(rsp + RSP_CREDITS)
        if not is_rsp(rsp, length, tag) or not is_plain(rsp) or delta < 0:
            return False
        self._requests[slot] = None
        self._free.rest(slot)
        self.debits -= 1
        self.credits += delta
        command.ended = True
        command.deadline = 0
        command.status = GOOD
        self.ended.append(command)
        return True
