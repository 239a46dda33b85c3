# Slots and credits: how a plain command is sent, and its answer taken. A part of commands.pyx.


cdef class Ius:
    """What :class:`pysrp.initiator.ius.IuMemory` has: ``view``, which begins with ``slots`` of ``iu_size`` bytes."""


cdef uint8_t *within(object memory, Py_ssize_t start, Py_ssize_t size, Py_buffer *lent) except NULL:
    """``size`` bytes of memory that can be written, from ``start`` on; ``lent`` has to be released then."""
    PyObject_GetBuffer(memory, lent, PyBUF_WRITABLE)
    if start < 0 or size < 0 or start > lent.len - size:
        PyBuffer_Release(lent)
        raise ValueError(f"{size} bytes at {start} are outside the session's memory")
    return <uint8_t *>lent.buf + start


cdef class RequestSlots:
    """What :class:`pysrp.initiator.request_table.RequestTable` has."""

    cdef bint is_clear(self, Command command) except -1:
        """Whether a command could be sent at once, if it is plain, and in front of nobody."""
        cdef Py_ssize_t size
        if self.refusal is not None or self.paused or self.largest is not None or self.stage:
            return False
        if len(self._waiting) or len(self._urgent) or len(self._free) <= SPARE:
            return False
        # With more than two credits in circulation the last two are left to task management.
        if self.credits <= (RESERVED if self.credits + self.debits > RESERVED else 0):
            return False
        if type(command.cdb) is not bytes or type(command.lun) is not Lun or command.attribute is not SIMPLE:
            return False
        size = PyBytes_GET_SIZE(command.cdb)
        return 6 <= size <= LONGEST_CDB and isinstance(self.memory, Ius) and (<Ius>self.memory).iu_size >= CMD + DESC

    cdef int send_plain(
        self, Command command, uint64_t address, Py_ssize_t size, bint outward, double now
    ) except -1:
        """Send a command; :meth:`is_clear` has said that it can be. ``size`` bytes of data are at ``address``."""
        cdef Ius ius = <Ius>self.memory
        cdef Py_buffer lent
        cdef object free = self._free.popleft()
        cdef Py_ssize_t slot = free
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
        self._link.send(free, length, command.timeout)
        return 0

    cpdef bint take_plain(self, uint64_t tag, Py_ssize_t length) except -1:
        """Take the answer to ``tag``, of ``length`` bytes over its request, if it is plain. False: nothing was done."""
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
        # The target can still write there: copied once, then believed.
        memcpy(rsp, within(ius.view, slot * ius.iu_size, RSP, &lent), RSP)
        PyBuffer_Release(&lent)
        delta = <int32_t>wire_get32(rsp + RSP_CREDITS)
        if not is_rsp(rsp, length, tag) or not is_plain(rsp) or delta < 0:
            return False
        self._requests[slot] = None
        self._free.append(slot)
        self.debits -= 1
        self.credits += delta
        command.ended = True
        command.deadline = 0
        command.status = GOOD
        self.ended.append(command)
        return True
