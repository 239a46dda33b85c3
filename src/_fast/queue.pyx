"""A workload of reads and writes driven in C: the inner loop of an initiator without Python objects.

:class:`ClientLane` sends commands from columns and notes how each ended. It knows READ and WRITE, direct
descriptors and SRP_RSP; all else that arrives is returned to the caller, for the engine. The link that carries
the requests is a table of functions (native.h).
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from pysrp import srp
from pysrp._fast.copy cimport copy_bytes
from pysrp._fast.native cimport (
    PYSRP_ATTEND,
    PYSRP_CLIENT_LINK,
    PYSRP_FULL,
    PYSRP_INTERRUPTED,
    PYSRP_PUT,
    PYSRP_SHUT,
    pysrp_arrival,
    pysrp_client_link,
    pysrp_put,
)
from pysrp._fast.plain cimport (
    CMD, CMD_CDB, CMD_FORMATS, CMD_LUN, CMD_TAG, DESC, DESC_LENGTH, RSP, RSP_CREDITS, RSP_FLAGS, RSP_RESPONSE,
    RSP_STATUS, RSP_TAG, is_plain, is_rsp, put_command,
)
from pysrp._fast.wire cimport wire_get32, wire_put16, wire_put32, wire_put64


cdef enum:
    IU = 256
    RESERVED_CREDITS = 2

    UNANSWERED = 0xFF

    CHECK_CONDITION = 2
    UNIT_ATTENTION = 6

cdef int64_t LONGEST = 1 << 60      # nanoseconds of one run at most, so that adding the clock's time cannot overflow

# Why `run` returns, bits.
cdef enum:
    END = 1             # all commands have been answered
    OTHER = 2           # an arrival that is no answer to a command of the lane: see ClientLane.odd
    ATTENTION = 4       # the link's owner has to be called (PYSRP_ATTEND)
    TIME = 8            # the time given is over, or a signal came
    SHUT = 16           # the partner's queue is not open
    OVERDUE = 32        # a command was not answered in time

FINISHED, ODD, LOOK, PAUSED, CLOSED, LATE = END, OTHER, ATTENTION, TIME, SHUT, OVERDUE

#: In the status column: not answered, or the answer was not valid.
NO_ANSWER = UNANSWERED


cdef struct Flight:
    uint64_t tag
    int64_t item        # -1: free
    int64_t started


cdef int sense_key(bytes answer) except -2:
    """The sense key of an SRP_RSP (SRP r16a, 6.9; SPC-5, 4.4); -1 without sense data."""
    cdef Py_ssize_t at = RSP
    if len(answer) < RSP or not answer[RSP_FLAGS] & 2:
        return -1
    if answer[RSP_FLAGS] & 1:
        at += int.from_bytes(answer[RSP_RESPONSE:RSP_RESPONSE + 4], "big")
    sense = answer[at:at + 3]
    if len(sense) < 3:
        return -1
    return (sense[1] if sense[0] & 0x7E == 0x72 else sense[2]) & 15


cdef class ClientLane:
    """ClientLane(capsule, iu, iu_address, slots, data, data_address, stride, ...): up to len(slots) commands at a time.

    ``capsule`` has a ``struct pysrp_client_link`` (native.h). ``iu`` is the memory of IUs of 256 bytes each, at bus
    address ``iu_address``, of which those numbered ``slots`` are this lane's; ``data`` at ``data_address`` has
    ``stride`` bytes for each of them. ``ops`` (uint8, 0 read, 1 write), ``lbas`` (uint64) and ``blocks`` (uint32) are
    the commands. ``status`` (uint8) and ``latency`` (uint64, nanoseconds) are filled. ``buffer``, unless None, has the
    data of all commands, one behind the other. ``serial`` is that of the last tag, ``credits`` how many requests may be
    sent, ``timeout`` in seconds, for the target, ``limit`` in nanoseconds (0: none). The commands are copied, so that
    they cannot change after they were checked.

    Raises ValueError for columns of different lengths, a command larger than ``stride``, or too little memory.
    """

    cdef object capsule
    cdef const pysrp_client_link *link
    cdef Py_buffer iu, data, ops, lbas, blocks, status, latency, buffer
    cdef int held
    cdef bint running               # a thread is in here without the interpreter's lock: the memory may not be released
    cdef Flight *flights
    cdef int32_t *idle
    cdef uint16_t *slots
    cdef int32_t *places            # by slot: index in flights, -1 if the slot is not this lane's
    cdef uint64_t *offsets
    cdef Py_ssize_t depth, idles
    cdef uint64_t iu_address, data_address, stride, block_size, lun
    cdef uint16_t timeout
    cdef bint fua
    cdef int64_t limit              # nanoseconds that a command may take, 0: no limit
    cdef readonly uint64_t serial
    cdef readonly int64_t credits
    cdef readonly int64_t count, sent, done
    cdef readonly bint halted       # after a unit attention: no more commands are sent
    cdef int64_t moved              # when a command was last sent or answered
    cdef readonly dict trouble      # item: its tag, the answer's bytes, the link's status
    cdef readonly list odd          # arrivals for the caller, in order

    def __cinit__(
        self, capsule not None, iu, uint64_t iu_address, list slots not None, data, uint64_t data_address,
        uint64_t stride, uint64_t lun, ops, lbas, blocks, status, latency, buffer, uint32_t block_size, *,
        uint64_t serial, int64_t credits, uint16_t timeout=0, int64_t limit=0, bint fua=False,
    ):
        cdef int64_t i
        cdef uint64_t total = 0, most = 0, size
        cdef tuple mine = tuple(slots)  # a copy: __index__ of an item may run code that changes the list
        self.link = <const pysrp_client_link *>PyCapsule_GetPointer(capsule, PYSRP_CLIENT_LINK)
        if self.link.size != sizeof(pysrp_client_link):
            raise ValueError(f"a link of {self.link.size} bytes, this pysrp has {sizeof(pysrp_client_link)}")
        self.capsule = capsule
        self.trouble, self.odd = {}, []
        PyObject_GetBuffer(iu, &self.iu, PyBUF_WRITABLE)
        self.held = 1
        PyObject_GetBuffer(data, &self.data, PyBUF_WRITABLE)
        self.held = 2
        operations = memoryview(ops).tobytes()
        PyObject_GetBuffer(operations, &self.ops, PyBUF_SIMPLE)
        self.held = 3
        PyObject_GetBuffer(memoryview(lbas).tobytes(), &self.lbas, PyBUF_SIMPLE)
        self.held = 4
        PyObject_GetBuffer(memoryview(blocks).tobytes(), &self.blocks, PyBUF_SIMPLE)
        self.held = 5
        PyObject_GetBuffer(status, &self.status, PyBUF_WRITABLE)
        self.held = 6
        PyObject_GetBuffer(latency, &self.latency, PyBUF_WRITABLE)
        self.held = 7
        self.count = self.ops.len
        if (self.lbas.len != 8 * self.count or self.blocks.len != 4 * self.count
                or self.status.len != self.count or self.latency.len != 8 * self.count):
            raise ValueError("columns of different lengths")
        self.depth = len(mine)
        if self.depth < 1 or <uint64_t>self.data.len // <uint64_t>self.depth < stride:
            raise ValueError("not enough memory for the data of that many commands")
        for i in range(self.count):
            size = <uint64_t>(<uint32_t *>self.blocks.buf)[i] * block_size
            total += size
            most = max(most, size)
        if most > stride:
            raise ValueError(f"a command of {most} bytes, {stride} bytes for each")
        if buffer is not None:
            PyObject_GetBuffer(buffer, &self.buffer, PyBUF_WRITABLE if 0 in operations else PyBUF_SIMPLE)
            self.held = 8
            if <uint64_t>self.buffer.len != total:
                raise ValueError(f"a buffer of {self.buffer.len} bytes for {total} bytes of data")
            self.offsets = <uint64_t *>calloc(self.count + 1, sizeof(uint64_t))
            if self.offsets is NULL:
                raise MemoryError
            total = 0
            for i in range(self.count):
                self.offsets[i] = total
                total += <uint64_t>(<uint32_t *>self.blocks.buf)[i] * block_size
        self.flights = <Flight *>calloc(self.depth, sizeof(Flight))
        self.idle = <int32_t *>calloc(self.depth, sizeof(int32_t))
        self.slots = <uint16_t *>calloc(self.depth, sizeof(uint16_t))
        self.places = <int32_t *>malloc((1 << 16) * sizeof(int32_t))    # filled below
        if self.flights is NULL or self.idle is NULL or self.slots is NULL or self.places is NULL:
            raise MemoryError
        memset(self.places, 0xFF, (1 << 16) * sizeof(int32_t))
        for i in range(self.depth):
            self.slots[i] = mine[i]
            if <Py_ssize_t>(self.slots[i] + 1) * IU > self.iu.len:
                raise ValueError(f"slot {self.slots[i]} is outside the memory of IUs")
            self.flights[i].item = -1
            self.places[self.slots[i]] = <int32_t>i
            self.idle[i] = <int32_t>(self.depth - 1 - i)
        self.idles = self.depth
        self.iu_address, self.data_address, self.stride = iu_address, data_address, stride
        self.block_size, self.lun, self.timeout, self.fua, self.limit = block_size, lun, timeout, fua, limit
        self.serial, self.credits = serial, credits
        memset(self.status.buf, UNANSWERED, self.count)

    cdef void let_go(self):
        cdef Py_buffer *all[8]
        all[:] = [&self.iu, &self.data, &self.ops, &self.lbas, &self.blocks, &self.status, &self.latency, &self.buffer]
        while self.held:
            self.held -= 1
            PyBuffer_Release(all[self.held])

    def release(self):
        """Release all buffers; the results stay. ValueError while another thread is in :meth:`run`."""
        self.check_idle()
        self.let_go()

    cdef int check_idle(self) except -1:
        if self.running:
            raise ValueError("another thread is in this lane")
        return 0

    def __dealloc__(self):
        self.let_go()
        free(self.flights)
        free(self.idle)
        free(self.slots)
        free(self.places)
        free(self.offsets)

    @property
    def in_flight(self):
        """How many commands have been sent and not answered."""
        return self.depth - self.idles

    def run(self, int64_t nanoseconds):
        """Send and receive until all commands are answered, ``nanoseconds`` are over, or the caller has to act.

        Returns bits: FINISHED, ODD, LOOK, PAUSED, CLOSED, LATE. ValueError after :meth:`release`, and while another
        thread is in here.
        """
        cdef int why
        self.check_idle()
        if not self.held:
            raise ValueError("the lane has been released")
        self.running = True
        with nogil:
            self.moved = self.moved or self.now()
            why = self.go(self.now() + min(nanoseconds, LONGEST))
            # Checked for any other reason, too: a partner that keeps sending other IUs must not delay the timeout.
            if not why & END and self.is_late(self.now()):
                why |= OVERDUE
        self.running = False
        return why

    cdef int64_t now(self) noexcept nogil:
        return self.link.clock(self.link.self)

    cdef int go(self, int64_t end) noexcept nogil:
        cdef int64_t now = self.now()
        cdef pysrp_arrival arrival
        cdef pysrp_put code
        cdef int seen, why = 0
        while True:
            code = self.send_more(now)
            if code == PYSRP_SHUT:
                why |= SHUT
            if not self.link.left(self.link.self):
                if not self.link.take(self.link.self) and not why:
                    if self.is_over():
                        return why | END
                    if now >= end:
                        return why | TIME
                    # A full queue is tried again after 1 ms; all else wakes pause().
                    seen = self.link.pause(self.link.self, 1000000 if code == PYSRP_FULL else end - now)
                    if seen & PYSRP_ATTEND:
                        return why | ATTENTION
                    if seen & PYSRP_INTERRUPTED:
                        return why | TIME
                    self.link.take(self.link.self)
                now = self.now()
            while self.link.left(self.link.self):
                self.link.next(self.link.self, &arrival)
                if not self.answered(&arrival, now):
                    with gil:
                        self.odd.append(PyBytes_FromStringAndSize(<char *>arrival.raw, sizeof(arrival.raw)))
                    why |= OTHER
            if self.is_over():
                return why | END
            if why:
                return why
            if now >= end:
                # Before the caller waits elsewhere for arrivals, some commands have to be under way.
                return TIME | SHUT if self.send_more(now) == PYSRP_SHUT else TIME

    cdef bint is_over(self) noexcept nogil:
        return self.done == self.count or (self.halted and self.idles == self.depth)

    cdef bint is_late(self, int64_t now) noexcept nogil:
        cdef Py_ssize_t i
        if self.limit:
            if self.idles == self.depth and now - self.moved > self.limit:
                return True
            for i in range(self.depth):
                if self.flights[i].item >= 0 and now - self.flights[i].started > self.limit:
                    return True
        return False

    cdef pysrp_put send_more(self, int64_t now) noexcept nogil:
        """Send as many commands as credits and slots allow. PYSRP_PUT, or what put() has returned for the last one."""
        cdef pysrp_put code = PYSRP_PUT
        cdef bint any = False
        cdef int32_t i
        cdef uint64_t address
        while self.idles and self.sent < self.count and not self.halted:
            # As in the engine: if there are more than two credits, the last two are left to task management.
            if self.credits <= (RESERVED_CREDITS if self.credits + self.depth - self.idles > RESERVED_CREDITS else 0):
                break
            i = self.idle[self.idles - 1]
            self.build(i, self.sent)
            address = self.iu_address + <uint64_t>self.slots[i] * IU
            code = self.link.put(self.link.self, address, IU, self.timeout)
            if code != PYSRP_PUT:
                break
            any = True
            self.serial += 1
            self.flights[i].item = self.sent
            self.flights[i].started = now
            self.idles -= 1
            self.sent += 1
            self.credits -= 1
        if any:
            self.moved = now
            self.link.ring(self.link.self)
        return code

    cdef void build(self, int32_t i, int64_t item) noexcept nogil:
        """Write the IU of command ``item``, and its data-out, into the memory of place ``i``."""
        cdef uint8_t *p = <uint8_t *>self.iu.buf + <Py_ssize_t>self.slots[i] * IU
        cdef uint8_t *cdb = p + CMD_CDB
        cdef uint64_t lba = (<uint64_t *>self.lbas.buf)[item]
        cdef uint32_t blocks = (<uint32_t *>self.blocks.buf)[item]
        cdef uint32_t size = <uint32_t>(blocks * self.block_size)
        cdef bint write = (<uint8_t *>self.ops.buf)[item] != 0
        cdef uint64_t tag = (self.serial + 1) << 16 | self.slots[i]
        put_command(p, CMD + DESC, tag, self.data_address + <uint64_t>i * self.stride, size, write)
        wire_put64(p + CMD_LUN, self.lun)
        cdb[1] = 8 if self.fua and write else 0
        if lba + blocks <= <uint64_t>0xFFFFFFFF and blocks <= 0xFFFF:
            cdb[0] = 0x2A if write else 0x28
            wire_put32(cdb + 2, <unsigned int>lba)
            wire_put16(cdb + 7, blocks)
        else:
            cdb[0] = 0x8A if write else 0x88
            wire_put64(cdb + 2, lba)
            wire_put32(cdb + 10, blocks)
        if size and write and self.offsets is not NULL:
            copy_bytes(<uint8_t *>self.data.buf + <uint64_t>i * self.stride,
                       <uint8_t *>self.buffer.buf + self.offsets[item], size)
        self.flights[i].tag = tag

    cdef bint answered(self, const pysrp_arrival *arrival, int64_t now) noexcept nogil:
        """Take an arrival. False, and nothing is done, if it is not the answer to a command of this lane."""
        cdef uint8_t rsp[RSP]
        cdef uint64_t tag = arrival.tag
        cdef unsigned int slot = tag & 0xFFFF, length = arrival.length
        cdef int32_t i = self.places[slot]
        cdef int64_t item
        cdef uint64_t size, taken
        cdef bint good
        if not arrival.answer or i < 0:
            return False
        item = self.flights[i].item
        if item < 0 or self.flights[i].tag != tag:
            return False
        # The partner can still write there: copy it once, and use only the copy.
        memcpy(rsp, <uint8_t *>self.iu.buf + <Py_ssize_t>slot * IU, RSP)
        good = arrival.good and is_rsp(rsp, length, tag)
        self.credits += <int32_t>wire_get32(rsp + RSP_CREDITS) if good else 1
        taken = <uint64_t>(now - self.flights[i].started)
        memcpy(<uint64_t *>self.latency.buf + item, &taken, sizeof(taken))      # the buffer may be unaligned
        if good and is_plain(rsp):
            (<uint8_t *>self.status.buf)[item] = 0
            if self.offsets is not NULL and not (<uint8_t *>self.ops.buf)[item]:
                size = (<uint32_t *>self.blocks.buf)[item] * self.block_size
                copy_bytes(<uint8_t *>self.buffer.buf + self.offsets[item],
                           <uint8_t *>self.data.buf + <uint64_t>i * self.stride, size)
        else:
            if good:
                (<uint8_t *>self.status.buf)[item] = rsp[RSP_STATUS]
            with gil:
                self.note(item, tag, rsp, min(length, <unsigned int>IU), arrival.status)
        self.flights[i].item = -1
        self.idle[self.idles] = i
        self.idles += 1
        self.done += 1
        self.moved = now
        return True

    cdef int note(self, int64_t item, uint64_t tag, uint8_t *rsp, unsigned int length, unsigned int status) except -1:
        cdef bytes answer = PyBytes_FromStringAndSize(<char *>rsp, min(length, <unsigned int>RSP))
        if length > RSP:
            answer += PyBytes_FromStringAndSize(
                <char *>self.iu.buf + <Py_ssize_t>(tag & 0xFFFF) * IU + RSP, length - RSP)
        self.trouble[item] = (tag, answer, status)
        # After a unit attention the remaining commands may mean other blocks: the caller decides.
        if rsp[RSP_STATUS] == CHECK_CONDITION and sense_key(answer) == UNIT_ATTENTION:
            self.halted = True
        return 0

    def unfinished(self):
        """Numbers of the commands without an answer: first those that were sent, then those that were not."""
        cdef list flying = []
        for i in range(self.depth):
            if self.flights[i].item >= 0:
                flying.append(self.flights[i].item)
        flying.sort()
        flying.extend(range(self.sent, self.count))
        return flying


def check_layout(cmd=srp.Cmd, direct=srp.DirectBuf, rsp=srp.Rsp):
    """Compare the offsets of plain.pxd with the field tables; ImportError where they differ."""
    for what, here, there in (
        ("SRP_CMD", CMD, cmd.SIZE), ("SRP_CMD.buf_fmt", CMD_FORMATS, cmd.data_in_fmt.offset),
        ("SRP_CMD.tag", CMD_TAG, cmd.tag.offset), ("SRP_CMD.lun", CMD_LUN, cmd.lun.offset),
        ("SRP_CMD.cdb", CMD_CDB, cmd.cdb.offset),
        ("descriptor", DESC, direct.SIZE), ("descriptor.va", 0, direct.va.offset),
        ("descriptor.len", DESC_LENGTH, direct.len.offset),
        ("SRP_RSP", RSP, rsp.SIZE), ("SRP_RSP.req_lim_delta", RSP_CREDITS, rsp.req_lim_delta.offset),
        ("SRP_RSP.tag", RSP_TAG, rsp.tag.offset), ("SRP_RSP.flags", RSP_FLAGS, rsp.flags.offset),
        ("SRP_RSP.status", RSP_STATUS, rsp.status.offset),
        ("SRP_RSP.resp_data_len", RSP_RESPONSE, rsp.resp_data_len.offset),
    ):
        if here != there:
            raise ImportError(f"{what} is at {there} in the field tables, at {here} in the native lane")


check_layout()
