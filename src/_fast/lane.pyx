"""The short way of a READ or WRITE through a target: requests to answers without Python objects.

A command takes it when nothing about it is special: it comes from a session with credit, is SIMPLE, is for
a unit that grants its memory and whose gate is open (gate.h), asks for what the unit has and for exactly the bytes
that its descriptors offer. Everything else is left to the Python engine as it came, in its place in the order, and
nothing has been done about it: the engine copies the IU again and judges for itself. What carries the requests
is a table of functions (native.h).

The rules are the engine's (pysrp.target.srp_session, pysrp.vscsi.server); a test gives both the same commands.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from pysrp import srp
from pysrp._fast.gate cimport (
    Gate,
    PYSRP_REVOKED,
    PYSRP_STOPS_READS,
    PYSRP_STOPS_WRITES,
    pysrp_gate,
    pysrp_gate_enter,
    pysrp_gate_leave,
    pysrp_gate_word,
)
from pysrp._fast.native cimport PYSRP_LINK, PYSRP_WAITS, pysrp_link, pysrp_request, pysrp_sent
from pysrp._fast.wire cimport wire_get16, wire_get32, wire_get64, wire_put64


# Where things are in an IU: held against the field tables below.
cdef enum:
    CMD = 48            # the fixed part of SRP_CMD
    CMD_SOL_NOT = 1
    CMD_FORMATS = 5
    CMD_OUT_COUNT = 6
    CMD_IN_COUNT = 7
    CMD_LUN = 20
    CMD_ATTRIBUTE = 29
    CMD_ADDITIONAL = 31
    CMD_CDB = 32
    DESC = 16           # a memory descriptor
    DESC_KEY = 8
    DESC_LENGTH = 12
    TABLE = 20          # what stands before the entries of an indirect one
    TABLE_LENGTH = 16
    RSP = 36
    RSP_SOL_NOT = 1
    RSP_CREDITS = 4
    RSP_TAG = 8

cdef enum:
    BUDGET = 4096       # commands after which others get a turn
    EAGER = 8           # answers after which the client's doorbell is rung
    LUNS = 16384        # numbers that SCST's LUNs have
    DESCRIPTORS = 27    # more than fit the IUs that are looked at

# What became of a request.
cdef enum:
    DONE
    STRANGE             # for the engine
    STUCK               # done, but the engine has to tell the initiator

# What `next` says.
EMPTY, OTHER, TURN, UNTOLD = 0, 1, 2, 3

cdef struct Place:
    uint8_t *memory
    uint64_t blocks
    uint64_t limit      # bytes that one command may move
    pysrp_gate *gate
    uint32_t block_size
    uint16_t lun


cdef class _Bound:
    """The places of a lane, and what it holds on to for them."""

    cdef Place *places
    cdef Py_ssize_t count
    cdef list gates                 # one for each place
    cdef Py_buffer *views

    def __cinit__(self, list asked not None):
        cdef Place *place
        cdef Py_ssize_t i
        if len(asked) > LUNS:
            raise ValueError(f"{len(asked)} grants for {LUNS} LUNs")
        self.gates = [each[4] for each in asked]
        self.views = <Py_buffer *>calloc(len(asked) + 1, sizeof(Py_buffer))
        self.places = <Place *>calloc(len(asked) + 1, sizeof(Place))
        if self.views is NULL or self.places is NULL:
            raise MemoryError
        for i in range(len(asked)):
            memory, block_size, lun, limit, gate = asked[i]
            if block_size < 1 or not 0 <= lun < LUNS:
                raise ValueError(f"LUN {lun} with blocks of {block_size} bytes")
            PyObject_GetBuffer(memory, &self.views[i], PyBUF_WRITABLE)
            self.count = i + 1
            place = &self.places[i]
            place.memory = <uint8_t *>self.views[i].buf
            place.block_size = block_size
            place.blocks = <uint64_t>self.views[i].len // place.block_size
            place.limit = limit
            place.gate = (<Gate>gate).gate
            place.lun = lun

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.places)


cdef class Lane:
    """Lane(capsule): deals with the requests of a link, a ``struct pysrp_link`` in a capsule (native.h)."""

    cdef object capsule
    cdef const pysrp_link *link
    cdef pysrp_request request
    cdef public Py_ssize_t before
    """Requests that were outstanding when the last ones were taken."""
    cdef public Py_ssize_t seen
    """Requests among those so far: they were all outstanding too, whether answered by now or not."""
    cdef readonly uint64_t total
    """Commands answered in all."""
    cdef Py_ssize_t quiet           # answers since the doorbell
    cdef uint16_t *index            # LUN number to place + 1
    cdef _Bound bound
    cdef Place *places              # its
    cdef Place *awaited             # whose gate is waited at, and nothing is under way any more
    cdef bint running               # without the interpreter's lock: nothing here may be changed
    cdef readonly bint revoked
    """Whether a command has come for a unit whose grant was revoked since :meth:`bind`."""

    def __cinit__(self, capsule not None):
        self.link = <const pysrp_link *>PyCapsule_GetPointer(capsule, PYSRP_LINK)
        if self.link.size != sizeof(pysrp_link):
            raise ValueError(f"a link of {self.link.size} bytes, this pysrp has {sizeof(pysrp_link)}")
        self.capsule = capsule
        self.bound = _Bound([])
        self.index = <uint16_t *>calloc(LUNS, sizeof(uint16_t))
        if self.index is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.index)

    def bind(self, grants):
        """From now on do the commands for these LUNs: an iterable of what :class:`pysrp.target.grant.Grant` has.

        ValueError for a LUN or a block size that is none, and while another thread is in :meth:`next`.
        """
        # Everything is asked before anything is kept, and what was kept is let go of last: both may run code that
        # binds too.
        cdef _Bound bound = _Bound([
            (memoryview(each.memory), int(each.block_size), int(each.lun), int(each.limit), <Gate?>each.gate)
            for each in grants
        ])
        cdef Py_ssize_t i
        self.check_idle()
        bound, self.bound = self.bound, bound
        self.places, self.awaited = self.bound.places, NULL
        self.revoked = False
        memset(self.index, 0, LUNS * sizeof(uint16_t))
        for i in range(self.bound.count):
            self.index[self.places[i].lun] = <uint16_t>(i + 1)

    cdef int check_idle(self) except -1:
        if self.running:
            raise ValueError("another thread is in this lane")
        return 0

    def next(self, bint fast, Py_ssize_t outstanding, Py_ssize_t allowed):
        """Deal with requests; EMPTY, or why the engine has to do something.

        With ``fast`` commands that can are dealt with, as long as not more than ``allowed`` requests were outstanding
        at once; ``outstanding`` are the engine's. OTHER: the link's next request is the engine's to take. TURN: others
        should have a turn now. UNTOLD: a command has been dealt with, but the initiator has to be told.
        """
        cdef int code
        cdef Py_ssize_t budget = BUDGET
        self.check_idle()
        while True:
            if not self.link.left(self.link.self):
                self.tell()
                self.seen = 0
                self.before = outstanding
                if not self.link.take(self.link.self):
                    return EMPTY
            if not fast:
                return OTHER
            self.running = True
            with nogil:
                code = self.run(allowed, &budget)
            self.running = False
            if self.awaited is not NULL:
                self.drained()
            if code == STUCK:
                self.tell()
                return UNTOLD
            elif code == STRANGE:
                self.tell()
                return OTHER
            elif budget <= 0:
                self.tell()
                return TURN

    cdef void tell(self) noexcept nogil:
        if self.quiet:
            self.quiet = 0
            self.link.ring(self.link.self)

    cdef drained(self):
        """Tell those who wait until nothing is under way behind a gate."""
        cdef Gate gate = self.bound.gates[self.awaited - self.places]
        self.awaited = NULL
        gate.tell()

    cdef int run(self, Py_ssize_t allowed, Py_ssize_t *budget) noexcept nogil:
        cdef int code = DONE
        while self.link.left(self.link.self) and budget[0] > 0 and self.awaited is NULL:
            if self.before + self.seen >= allowed:
                return STRANGE      # more than it has credits for: the engine knows what to do
            self.link.peek(self.link.self, &self.request)
            code = self.serve(&self.request)
            if code == STRANGE:
                return code
            self.link.passed(self.link.self)
            self.seen += 1
            self.total += 1
            budget[0] -= 1
            if code == STUCK:
                return code
            self.quiet += 1
            if self.quiet == EAGER:
                self.tell()
        return DONE

    cdef Place *find(self, const uint8_t *iu) noexcept nogil:
        """The unit that an IU is for, by SCST's reading of its LUN."""
        cdef uint64_t lun = wire_get64(iu + CMD_LUN)
        cdef uint16_t place
        if lun << 16 or lun >> 62 == 3:
            return NULL
        place = self.index[lun >> 48 & (LUNS - 1)]
        return &self.places[place - 1] if place else NULL

    cdef int serve(self, const pysrp_request *request) noexcept nogil:
        cdef const uint8_t *iu = request.iu
        cdef uint8_t answer[RSP]
        cdef pysrp_sent sent
        cdef uint8_t *parts[DESCRIPTORS]
        cdef uint32_t sizes[DESCRIPTORS]
        cdef const uint8_t *cdb = iu + CMD_CDB
        cdef const uint8_t *descriptor = iu + CMD
        cdef uint8_t *memory
        cdef Place *place
        cdef Py_ssize_t length = request.length, n = 1, i, flags = 0
        cdef uint64_t lba, blocks, wanted, total = 0
        cdef uint32_t form
        cdef bint write

        if length < CMD + DESC or iu[0] != 2 or iu[CMD_ATTRIBUTE] & 7 or iu[CMD_ADDITIONAL] & 0xFC:
            return STRANGE
        if cdb[0] == 0x28 or cdb[0] == 0x2A:        # READ(10), WRITE(10)
            lba, blocks = wire_get32(cdb + 2), wire_get16(cdb + 7)
            flags = cdb[1] & 0xEF | cdb[6] | cdb[9]
        elif cdb[0] == 0x88 or cdb[0] == 0x8A:      # (16)
            lba, blocks = wire_get64(cdb + 2), wire_get32(cdb + 10)
            flags = cdb[1] & 0xEF | cdb[14] | cdb[15]
        elif cdb[0] == 0xA8 or cdb[0] == 0xAA:      # (12)
            lba, blocks = wire_get32(cdb + 2), wire_get32(cdb + 6)
            flags = cdb[1] & 0xEF | cdb[10] | cdb[11]
        elif cdb[0] == 0x08 or cdb[0] == 0x0A:      # (6)
            lba, blocks = wire_get32(cdb) & 0x1FFFFF, cdb[4] if cdb[4] else 256
            flags = cdb[5]
        else:
            return STRANGE
        # Of the flags DPO alone means nothing here. FUA, NACA, protection and the rest are the engine's. In the
        # 6-byte ones there is no protect field: where it would be are the LUN bits of SCSI-2.
        if flags or not blocks:
            return STRANGE
        write = cdb[0] & 2
        place = self.find(iu)
        if place is NULL:
            return STRANGE
        if lba >= place.blocks or blocks > place.blocks - lba:
            return STRANGE
        wanted = blocks * place.block_size
        if wanted > place.limit:
            return STRANGE

        form = iu[CMD_FORMATS] >> 4 if write else iu[CMD_FORMATS] & 15
        if iu[CMD_FORMATS] & (15 if write else 0xF0):
            return STRANGE      # data both ways
        if form == 2:
            n = iu[CMD_OUT_COUNT] if write else iu[CMD_IN_COUNT]
            # All entries stand in the IU, and say what the descriptor does.
            if not n or CMD + TABLE + DESC * n > length or wire_get32(descriptor + DESC_LENGTH) != DESC * n:
                return STRANGE
            if wire_get32(descriptor + TABLE_LENGTH) != wanted:
                return STRANGE
            descriptor += TABLE
        elif form != 1:
            return STRANGE
        for i in range(n):
            sizes[i] = wire_get32(descriptor + DESC_LENGTH)
            total += sizes[i]
            if sizes[i]:
                parts[i] = self.link.reach(
                    self.link.self, wire_get64(descriptor), sizes[i], wire_get32(descriptor + DESC_KEY), not write
                )
                if parts[i] is NULL:
                    return STRANGE
            descriptor += DESC
        if total != wanted:
            return STRANGE

        # Here it is decided: from now on whoever closes the gate may have to wait until this command is over.
        if not pysrp_gate_enter(place.gate, PYSRP_STOPS_WRITES if write else PYSRP_STOPS_READS):
            if pysrp_gate_word(place.gate) & PYSRP_REVOKED:
                self.revoked = True
            return STRANGE
        memory = place.memory + lba * place.block_size
        for i in range(n):
            if sizes[i]:
                if write:
                    memcpy(memory, parts[i], sizes[i])
                else:
                    memcpy(parts[i], memory, sizes[i])
                memory += sizes[i]
        memset(answer, 0, RSP)
        answer[0] = 0xC1
        answer[RSP_SOL_NOT] = iu[CMD_SOL_NOT] >> 1 & 1      # SCSOLNT asks for SOLNT
        answer[RSP_CREDITS + 3] = 1
        wire_put64(answer + RSP_TAG, request.tag)
        sent = self.link.answer(self.link.self, request, answer)
        if pysrp_gate_leave(place.gate):
            self.awaited = place
        return STUCK if sent == PYSRP_WAITS else DONE


def check_layout(cmd=srp.Cmd, direct=srp.DirectBuf, indirect=srp.IndirectBuf, rsp=srp.Rsp):
    """Hold the offsets above against the field tables; ImportError where they differ."""
    for what, here, there in (
        ("SRP_CMD", CMD, cmd.SIZE), ("SRP_RSP", RSP, rsp.SIZE),
        ("SRP_CMD.sol_not", CMD_SOL_NOT, cmd.sol_not.offset), ("SRP_CMD.buf_fmt", CMD_FORMATS, cmd.data_in_fmt.offset),
        ("SRP_CMD.data_out_desc_cnt", CMD_OUT_COUNT, cmd.data_out_desc_cnt.offset),
        ("SRP_CMD.data_in_desc_cnt", CMD_IN_COUNT, cmd.data_in_desc_cnt.offset),
        ("SRP_CMD.lun", CMD_LUN, cmd.lun.offset),
        ("SRP_CMD.task_attr", CMD_ATTRIBUTE, cmd.task_attr.offset),
        ("SRP_CMD.add_cdb_len", CMD_ADDITIONAL, cmd.add_cdb_len.offset), ("SRP_CMD.cdb", CMD_CDB, cmd.cdb.offset),
        ("descriptor", DESC, direct.SIZE), ("descriptor.key", DESC_KEY, direct.key.offset),
        ("descriptor.len", DESC_LENGTH, direct.len.offset), ("table", TABLE, indirect.desc_list.offset),
        ("table.len", TABLE_LENGTH, indirect.len.offset), ("SRP_RSP.sol_not", RSP_SOL_NOT, rsp.sol_not.offset),
        ("SRP_RSP.req_lim_delta", RSP_CREDITS, rsp.req_lim_delta.offset), ("SRP_RSP.tag", RSP_TAG, rsp.tag.offset),
    ):
        if here != there:
            raise ImportError(f"{what} is at {there} in the field tables, at {here} in the native lane")


check_layout()
