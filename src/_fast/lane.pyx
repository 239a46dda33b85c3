"""The native lane: plain READ, WRITE, VERIFY and SYNCHRONIZE CACHE through a target, without Python objects.

A command is plain if it comes from a session with credit, is SIMPLE, is for a unit that grants its medium and whose
gate is open (gate.h), asks for blocks that the unit has, and for exactly as many bytes as its descriptors offer. The
lane does nothing about any other request and leaves it, in its order, to the Python engine, which copies the IU again
and checks all of it. The link that carries the requests is a table of functions, and so is a medium (native.h).
Requests that a medium has are in lane_requests.pxi.

The rules are the engine's (pysrp.target.srp_session, pysrp.vscsi.server); a test gives both the same commands.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EAGAIN, EPROTO
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from pysrp import srp
from pysrp._fast.copy cimport copy_bytes
from pysrp._fast.gate cimport (
    Gate,
    PYSRP_NO_CACHE,
    PYSRP_REVOKED,
    PYSRP_STOPS_READS,
    PYSRP_STOPS_WRITES,
    pysrp_gate,
    pysrp_gate_count,
    pysrp_gate_enter,
    pysrp_gate_leave,
    pysrp_gate_word,
)
from pysrp._fast.medium cimport (
    Claim, Ear, InFlight, IoQueue, NativeChannel, NativeEnd, gather, give, look, pysrp_heard, pysrp_rung,
)
from pysrp._fast.native cimport (
    PYSRP_FLUSH, PYSRP_FUA, PYSRP_HAS_FUA, PYSRP_HAS_NOWAIT, PYSRP_LINK, PYSRP_NOWAIT, PYSRP_NOWHERE, PYSRP_PENDING,
    PYSRP_READ, PYSRP_WAITS, PYSRP_WRITE, pysrp_buffer, pysrp_io, pysrp_link, pysrp_request,
)
from pysrp._fast.wire cimport wire_get16, wire_get32, wire_get64, wire_put64


# Offsets and sizes in an IU: check_layout() compares them with the field tables.
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
    TABLE = 20          # the part of an indirect descriptor before its entries
    TABLE_LENGTH = 16
    RSP = 36
    RSP_SOL_NOT = 1
    RSP_CREDITS = 4
    RSP_TAG = 8

cdef enum:
    BUDGET = 4096       # commands of one call of next(), then other sessions get a turn
    NAP = 16            # what one linger() takes from the budget; the link bounds the time of all of them
    EAGER = 8           # answers after which the client's doorbell is rung
    LUNS = 16384        # LUN numbers that SCST can express
    DESCRIPTORS = 27    # as many as fit into PYSRP_IU bytes

# What became of a request.
cdef enum:
    DONE
    STRANGE             # the engine has to do it
    STUCK               # done, but the engine has to tell the initiator
    BEGUN               # it is under way
    LATER               # it cannot be done at once
    QUIET               # there is no request, and none is expected soon

# What `next` returns.
EMPTY, OTHER, TURN, UNTOLD, LATE = 0, 1, 2, 3, 4

cdef struct Place:      # a LUN of the lane, and what the unit there has granted
    uint8_t *memory     # the medium, if it is memory; NULL: requests are submitted to
    NativeEnd *end
    uint64_t blocks
    uint64_t limit      # bytes that one command may move
    pysrp_gate *gate
    bint fua            # the medium knows PYSRP_FUA; of memory: there is nothing to flush
    uint32_t block_size
    uint16_t lun


include "lane_requests.pxi"


@cython.final
cdef class _Bound:
    """The places of a lane, and the Python objects that they need."""

    cdef Place *places
    cdef Py_ssize_t count
    cdef uint16_t *index            # `luns` entries: place + 1 of each LUN number, 0: none
    cdef Py_ssize_t luns
    cdef list gates                 # the Gate of each place
    cdef list channels              # the NativeChannel of each place, None where the medium is memory
    cdef Py_buffer *views

    def __cinit__(self, list asked not None, Requests requests not None):
        cdef Place *place
        cdef Py_ssize_t i
        if len(asked) > LUNS:
            raise ValueError(f"{len(asked)} grants for {LUNS} LUNs")
        self.gates = [each[4] for each in asked]
        self.channels = [None if isinstance(each[0], memoryview) else each[0] for each in asked]
        self.views = <Py_buffer *>calloc(len(asked) + 1, sizeof(Py_buffer))
        self.places = <Place *>calloc(len(asked) + 1, sizeof(Place))
        # No longer than needed, as each session has an index.
        self.luns = max([each[2] + 1 for each in asked if 0 <= each[2] < LUNS], default=0)
        self.index = <uint16_t *>calloc(self.luns + 1, sizeof(uint16_t))
        if self.views is NULL or self.places is NULL or self.index is NULL:
            raise MemoryError
        for i in range(len(asked)):
            medium, block_size, lun, limit, gate, size, stable = asked[i]
            if block_size < 1 or not 0 <= lun < LUNS:
                raise ValueError(f"LUN {lun} with blocks of {block_size} bytes")
            place = &self.places[i]
            place.block_size = block_size
            if self.channels[i] is None:
                PyObject_GetBuffer(medium, &self.views[i], PyBUF_WRITABLE)
                self.count = i + 1
                place.memory = <uint8_t *>self.views[i].buf
                place.blocks = <uint64_t>self.views[i].len // place.block_size
                place.fua = stable
            else:
                self.count = i + 1
                place.end = requests.attach(<NativeChannel?>medium)
                place.fua = place.end.medium.features & PYSRP_HAS_FUA != 0
                place.blocks = <uint64_t>size // place.block_size
            place.limit = limit
            place.gate = (<Gate>gate).gate
            place.lun = lun
            self.index[lun] = <uint16_t>(i + 1)

    cdef Place *find(self, const uint8_t *iu) noexcept nogil:
        """The place of an IU's LUN, decoded as SCST does; NULL: there is none."""
        cdef uint64_t lun = wire_get64(iu + CMD_LUN)
        cdef Py_ssize_t number = lun >> 48 & (LUNS - 1)
        cdef uint16_t place
        if lun << 16 or lun >> 62 == 3 or number >= self.luns:
            return NULL
        place = self.index[number]
        return &self.places[place - 1] if place else NULL

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.places)
        free(self.index)


cdef tuple granted(grant, channel):
    """The attributes of a grant, each read once."""
    memory = grant.memory
    medium = memoryview(memory) if memory is not None else channel(grant.medium)
    return (
        medium, int(grant.block_size), int(grant.lun), int(grant.limit), <Gate?>grant.gate, int(grant.size),
        bool(grant.stable),
    )


cdef inline bint decode(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks, bint *fua) noexcept nogil:
    """LBA, blocks and FUA of a READ or WRITE. False for other commands, other flags, and 0 blocks."""
    cdef int flags
    fua[0] = cdb[1] & 8
    if cdb[0] == 0x28 or cdb[0] == 0x2A:        # READ(10), WRITE(10)
        lba[0], blocks[0] = wire_get32(cdb + 2), wire_get16(cdb + 7)
        flags = cdb[1] & 0xE7 | cdb[6] | cdb[9]
    elif cdb[0] == 0x88 or cdb[0] == 0x8A:      # (16)
        lba[0], blocks[0] = wire_get64(cdb + 2), wire_get32(cdb + 10)
        flags = cdb[1] & 0xE7 | cdb[14] | cdb[15]
    elif cdb[0] == 0xA8 or cdb[0] == 0xAA:      # (12)
        lba[0], blocks[0] = wire_get32(cdb + 2), wire_get32(cdb + 6)
        flags = cdb[1] & 0xE7 | cdb[10] | cdb[11]
    elif cdb[0] == 0x08 or cdb[0] == 0x0A:      # (6)
        lba[0], blocks[0] = wire_get32(cdb) & 0x1FFFFF, cdb[4] if cdb[4] else 256
        flags, fua[0] = cdb[5], False
    else:
        return False
    # DPO has no effect here. NACA, protection and other flags are the engine's. READ(6) and WRITE(6) have neither a
    # protect field nor FUA: in their place are SCSI-2's LUN bits and bits of the LBA.
    return not flags and blocks[0] > 0


cdef inline void count(Place *place, const uint8_t *cdb, bint write, uint64_t blocks) noexcept nogil:
    """Count a command that has entered the gate. The statistics leave out READ(6) and WRITE(6) (SPC-4, 7.3.9)."""
    if cdb[0] >= 0x20:
        pysrp_gate_count(place.gate, 1 if write else 0, blocks)


cdef inline uint32_t decode_unmoved(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks) noexcept nogil:
    """LBA and blocks of a VERIFY or SYNCHRONIZE CACHE, and the medium's operation; 0 for others and other flags."""
    if cdb[0] == 0x2F or cdb[0] == 0x35:        # VERIFY(10), SYNCHRONIZE CACHE(10)
        lba[0], blocks[0] = wire_get32(cdb + 2), wire_get16(cdb + 7)
        if cdb[6] | cdb[9]:
            return 0
    elif cdb[0] == 0x8F or cdb[0] == 0x91:      # (16)
        lba[0], blocks[0] = wire_get64(cdb + 2), wire_get32(cdb + 10)
        if cdb[14] | cdb[15]:
            return 0
    else:
        return 0
    if cdb[0] & 0xF == 0xF:
        # DPO has no effect here. With BYTCHK there is data, and for 0 blocks there is nothing to read.
        return 0 if cdb[1] & 0xEF or not blocks[0] else PYSRP_READ
    # IMMED and SYNC_NV have no effect either. The whole disk is flushed, whatever blocks are named.
    return 0 if cdb[1] & 0xF9 else PYSRP_FLUSH


cdef inline Py_ssize_t reach(const pysrp_link *link, const pysrp_request *request, uint64_t wanted, bint write,
                             pysrp_buffer *parts) noexcept nogil:
    """Fill ``parts`` with the initiator's memory; how many pieces. -1: it is not ``wanted`` bytes, or out of reach."""
    cdef const uint8_t *iu = &request.iu[0]
    cdef const uint8_t *descriptor = iu + CMD
    cdef uint32_t form = iu[CMD_FORMATS] >> 4 if write else iu[CMD_FORMATS] & 15
    cdef uint32_t size
    cdef uint64_t total = 0
    cdef Py_ssize_t n = 1, found = 0
    if iu[CMD_FORMATS] & (15 if write else 0xF0) or request.length < CMD + DESC:
        return -1       # data in both directions, or no descriptor
    if form == 2:
        n = iu[CMD_OUT_COUNT] if write else iu[CMD_IN_COUNT]
        # All entries are in the IU, and their lengths agree with the table descriptor.
        if not n or CMD + TABLE + DESC * n > <Py_ssize_t>request.length:
            return -1
        if wire_get32(descriptor + DESC_LENGTH) != DESC * n or wire_get32(descriptor + TABLE_LENGTH) != wanted:
            return -1
        descriptor += TABLE
    elif form != 1:
        return -1
    while n:
        size = wire_get32(descriptor + DESC_LENGTH)
        if size:
            total += size
            parts[found].length = size
            parts[found].bytes = link.reach(
                link.self, wire_get64(descriptor), size, wire_get32(descriptor + DESC_KEY), not write
            )
            if parts[found].bytes is NULL:
                return -1
            found += 1
        descriptor += DESC
        n -= 1
    return found if total == wanted else -1


cdef inline int answer(const pysrp_link *link, const pysrp_request *request) noexcept nogil:
    """Answer a request with status GOOD."""
    cdef uint8_t iu[RSP]
    memset(iu, 0, RSP)
    iu[0] = 0xC1
    iu[RSP_SOL_NOT] = request.iu[CMD_SOL_NOT] >> 1 & 1      # SCSOLNT asks for SOLNT
    iu[RSP_CREDITS + 3] = 1
    wire_put64(iu + RSP_TAG, request.tag)
    return STUCK if link.answer(link.self, request, iu) == PYSRP_WAITS else DONE


@cython.final   # so that its methods are called directly
cdef class Lane:
    """Lane(capsule): deals with the requests of a link, a ``struct pysrp_link`` in a capsule (native.h)."""

    cdef object capsule
    cdef const pysrp_link *link
    cdef pysrp_request request
    cdef public Py_ssize_t before
    """Requests that were outstanding when the last batch was taken from the link."""
    cdef public Py_ssize_t seen
    """Requests of that batch so far, answered or not; the initiator had all of them outstanding at once."""
    cdef readonly uint64_t total
    """Commands answered in all."""
    cdef Py_ssize_t quiet           # answers since the doorbell was rung
    cdef _Bound bound
    cdef Requests requests
    cdef Place *places              # bound.places
    cdef Place *awaited             # its last command has left, and somebody waits for that at its gate (Gate.close)
    cdef bint running               # a thread is in here without the interpreter's lock: others may change nothing
    cdef readonly bint revoked
    """Whether a command has come for a unit whose grant was revoked since :meth:`bind`."""

    def __cinit__(self, capsule not None):
        self.link = <const pysrp_link *>PyCapsule_GetPointer(capsule, PYSRP_LINK)
        if self.link.size != sizeof(pysrp_link):
            raise ValueError(f"a link of {self.link.size} bytes, this pysrp has {sizeof(pysrp_link)}")
        self.capsule = capsule
        self.requests = Requests(capsule)
        self.bound = _Bound([], self.requests)

    def bind(self, grants, channel=None):
        """From now on do the commands for the LUNs of these grants: an iterable of :class:`pysrp.target.grant.Grant`.

        ``channel(medium)`` returns the :class:`NativeChannel` for a grant's medium that is no memory, or None: then the
        grant is left out. ValueError for an invalid LUN or block size, while another thread is in :meth:`next`, and
        while requests are under way (:meth:`hand_over`).
        """
        # All grants are read before anything changes, and the old ones are dropped last: both may run Python code that
        # calls bind().
        cdef _Bound bound = _Bound(
            [each for each in [granted(grant, channel) for grant in grants] if each[0] is not None], self.requests
        )
        self.check_idle()
        if self.requests.under_way:
            raise ValueError("requests are under way")
        bound, self.bound = self.bound, bound
        self.places, self.awaited = self.bound.places, NULL
        self.revoked = False
        self.requests.keep(self.bound.channels)

    cdef int check_idle(self) except -1:
        if self.running:
            raise ValueError("another thread is in this lane")
        return 0

    @property
    def under_way(self):
        """How many requests have been begun, and are neither answered nor handed over."""
        return self.requests.under_way

    @property
    def kept(self):
        """Bytes of memory for the data of requests that do not end at once: in use, or kept for the next requests."""
        return self.requests.room

    def give_back(self):
        """Free the memory that is kept for the next requests. ValueError while another thread is in :meth:`next`."""
        self.check_idle()
        self.requests.give_back()

    def next(self, bint fast, Py_ssize_t outstanding, Py_ssize_t allowed):
        """Deal with requests; returns EMPTY when there are no more, or else what the engine has to do.

        ``fast``: plain commands are done here, as long as not more than ``allowed`` requests were outstanding at once;
        ``outstanding`` is the number that the engine has. OTHER: the engine has to take the link's next request. TURN:
        other sessions should have a turn now. UNTOLD: a command has been answered, but the engine has to tell the
        initiator. LATE: there is something for :meth:`late`. ValueError while another thread is in here.
        """
        cdef int code
        cdef Py_ssize_t budget = BUDGET
        self.check_idle()
        if self.requests.returned is not NULL:
            self.requests.recycle()
        while True:
            if wanted(self.requests) or self.requests.more:
                self.running = True
                with nogil:
                    code = self.reap(fast, &budget)
                self.running = False
                if self.awaited is not NULL:
                    self.drained()
                if code == STUCK:
                    self.tell()
                    return UNTOLD
            if self.requests.ended or self.requests.others:
                self.tell()
                return LATE
            if self.requests.more:
                continue    # reap() stopped to tell those who wait at a gate; for the rest no bell rings again
            code = DONE if self.filled(outstanding) or fast and budget < BUDGET else QUIET
            if code == DONE and not fast:
                self.tell()
                return OTHER
            if code == DONE:
                self.running = True
                with nogil:
                    code = self.run(outstanding, allowed, &budget)
                self.running = False
                if self.awaited is not NULL:
                    self.drained()
            if code == QUIET:
                if self.requests.ear.busy is NULL or not look(&self.requests.ear.busy, True):
                    return EMPTY
            elif code != DONE or budget <= 0:
                self.tell()
                return UNTOLD if code == STUCK else OTHER if code == STRANGE else TURN

    cdef bint filled(self, Py_ssize_t outstanding) noexcept nogil:
        """Whether the link has requests: left from the last batch, or a new batch."""
        if self.link.left(self.link.self):
            return True
        self.tell()
        self.seen = 0
        self.before = outstanding + self.requests.under_way
        return self.link.take(self.link.self) > 0

    def late(self):
        """Tell Python's own requests that are over; returns the lane's requests that the engine has to go on with."""
        cdef Requests requests = self.requests
        cdef Slot *slot
        cdef Slot *after
        cdef list found = []
        self.check_idle()
        requests.tell_others()
        # After telling: what is told may call hand_over(), which returns these requests too.
        slot = requests.first
        while slot is not NULL and requests.ended:
            after = slot.after
            if slot.state == ENDED or slot.held:
                found.append(self.give_up(slot))
            slot = after
        return found

    def hand_over(self, luns=None):
        """Hand the engine all requests under way for these LUNs (None: for all), in order of arrival.

        Returns a list of :class:`NativeRequest`. From now on they are the engine's, as if it had begun them.
        ValueError while another thread is in :meth:`next`.
        """
        cdef Slot *slot = self.requests.first
        cdef Slot *after
        cdef list found = []
        self.check_idle()
        while slot is not NULL:
            after = slot.after
            if luns is None or slot.place.lun in luns:
                found.append(self.give_up(slot))
            slot = after
        return found

    cdef NativeRequest give_up(self, Slot *slot):
        cdef Place *place = slot.place
        cdef NativeRequest found = self.requests.take(slot, self.bound.channels[place - self.places])
        if pysrp_gate_leave(place.gate):
            self.awaited = place
            self.drained()
        return found

    cdef void tell(self) noexcept nogil:
        """Ring the initiator's doorbell for the answers, and have the media begin what has been submitted."""
        if self.quiet:
            self.quiet = 0
            self.link.ring(self.link.self)
        if self.requests.ear.busy is not NULL:
            look(&self.requests.ear.busy, False)

    cdef drained(self):
        """Call those who wait until no command is under way behind a gate."""
        cdef Gate gate = self.bound.gates[self.awaited - self.places]
        self.awaited = NULL
        gate.tell()

    cdef int run(self, Py_ssize_t outstanding, Py_ssize_t allowed, Py_ssize_t *budget) noexcept nogil:
        """Deal with the requests that come; QUIET when none do. It sleeps without the interpreter's lock, too."""
        cdef int code
        while budget[0] > 0 and self.awaited is NULL and not self.requests.ended:
            if not self.link.left(self.link.self):
                if WANTED(<void *>self.requests):
                    return DONE         # the media have something to reap
                if not self.filled(outstanding) and not self.requests.lingered(budget):
                    return QUIET
                if not self.filled(outstanding):
                    return DONE         # linger() has returned for the media
            if self.before + self.seen >= allowed:
                return STRANGE      # more requests than the session has credits: the engine deals with that
            self.link.peek(self.link.self, &self.request)
            code = self.serve(&self.request)
            if code == STRANGE:
                return code
            self.link.passed(self.link.self)
            self.seen += 1
            budget[0] -= 1
            if code != BEGUN and self.answered(code):
                return code
        return DONE

    cdef inline bint answered(self, int code) noexcept nogil:
        """Count a command that has been answered; whether the engine has to tell the initiator."""
        self.total += 1
        if code == STUCK:
            return True
        self.quiet += 1
        if self.quiet == EAGER:
            self.tell()
        return False

    cdef int reap(self, bint fast, Py_ssize_t *budget) noexcept nogil:
        """Answer the requests that are over on the media, and submit those that the media had refused with EAGAIN."""
        cdef NativeEnd *end
        cdef Slot *slot
        cdef Py_ssize_t i
        cdef int code
        self.requests.more = False
        pysrp_heard(&self.requests.ear.ear.rung)        # before the bells: see ear.h
        for i in range(self.requests.count):
            end = self.requests.ends[i]
            if pysrp_heard(&end.bell.rung) or end.found:
                gather(end)
                if end.count:
                    self.requests.others = True
            if not end.under_way and end.over.first is NULL:
                self.requests.restart(end)
            while end.over.first is not NULL:
                if self.awaited is not NULL:
                    self.requests.more = True
                    return DONE
                slot = <Slot *>end.over.first
                end.over.first = slot.io.next
                budget[0] -= 1
                code = self.finish(slot, fast)
                if code != BEGUN and self.answered(code):
                    self.requests.more = True
                    return code
                if end.over.first is NULL:
                    self.requests.restart(end)
        return DONE

    cdef int serve(self, const pysrp_request *request) noexcept nogil:
        cdef const uint8_t *iu = &request.iu[0]
        cdef pysrp_buffer parts[DESCRIPTORS]
        cdef const uint8_t *cdb = iu + CMD_CDB
        cdef uint8_t *memory
        cdef Place *place
        cdef Py_ssize_t n, i
        cdef uint64_t lba, blocks, wanted
        cdef bint write, fua
        cdef uint32_t stops = PYSRP_STOPS_READS
        cdef int code

        if request.length < CMD or iu[0] != 2 or iu[CMD_ATTRIBUTE] & 7 or iu[CMD_ADDITIONAL] & 0xFC:
            return STRANGE
        if not decode(cdb, &lba, &blocks, &fua):
            return self.serve_unmoved(request)
        write = cdb[0] & 2
        place = self.bound.find(iu)
        if place is NULL or fua and not place.fua or not self.has(place, lba, blocks):
            return STRANGE
        wanted = blocks * place.block_size
        if wanted > place.limit:
            return STRANGE
        n = reach(self.link, request, wanted, write, parts)
        if n < 0:
            return STRANGE

        if write:
            stops = PYSRP_STOPS_WRITES & ~PYSRP_NO_CACHE if place.fua else PYSRP_STOPS_WRITES
        if not self.enter(place, stops):
            return STRANGE
        if place.memory is NULL:
            code = self.submit(place, request, parts, n, lba * place.block_size, wanted, write, fua)
            if code != STRANGE:     # the engine counts those itself
                count(place, cdb, write, blocks)
            return code
        memory = place.memory + lba * place.block_size
        for i in range(n):
            if write:
                copy_bytes(memory, parts[i].bytes, parts[i].length)
            else:
                copy_bytes(parts[i].bytes, memory, parts[i].length)
            memory += parts[i].length
        count(place, cdb, write, blocks)
        code = answer(self.link, request)
        self.leave(place)
        return code

    cdef inline bint has(self, Place *place, uint64_t lba, uint64_t blocks) noexcept nogil:
        """Whether a unit has these blocks."""
        if lba < place.blocks and blocks <= place.blocks - lba:
            return True
        if pysrp_gate_word(place.gate) & PYSRP_REVOKED:
            self.revoked = True     # the unit may have more blocks by now
        return False

    cdef inline bint enter(self, Place *place, uint32_t stops) noexcept nogil:
        """Whether a command may enter the gate; if so it is under way now."""
        # From now on Gate.close() may have to wait until this command is over.
        if pysrp_gate_enter(place.gate, stops):
            return True
        if pysrp_gate_word(place.gate) & PYSRP_REVOKED:
            self.revoked = True
        return False

    cdef inline void leave(self, Place *place) noexcept nogil:
        """A command is over, and leaves the gate."""
        if pysrp_gate_leave(place.gate):
            self.awaited = place

    cdef int submit(self, Place *place, const pysrp_request *request, const pysrp_buffer *parts, Py_ssize_t n,
                    uint64_t offset, uint64_t wanted, bint write, bint fua) noexcept nogil:
        """Do a command that has entered the gate, on a medium that is no memory."""
        cdef Slot *slot = self.requests.prepare(place, request, PYSRP_WRITE if write else PYSRP_READ, offset, wanted)
        cdef uint32_t flags = 0
        cdef int code = LATER
        if fua or write and pysrp_gate_word(place.gate) & PYSRP_NO_CACHE:
            flags = PYSRP_FUA
        if slot is NULL:
            self.leave(place)
            return STRANGE
        if place.end.medium.features & PYSRP_HAS_NOWAIT and not place.end.dawdles:
            code = self.requests.now(slot, parts, n, flags)
        if code == LATER:
            return self.submit_staged(slot, parts, n, flags)
        if code == BEGUN:
            return code
        if code == DONE:
            code = answer(self.link, request)
        self.leave(place)
        self.requests.drop(slot)
        return code

    cdef int submit_staged(self, Slot *slot, const pysrp_buffer *parts, Py_ssize_t n, uint32_t flags) noexcept nogil:
        """The same with staged memory."""
        if self.requests.stage(slot, parts, n, flags):
            return BEGUN if self.requests.submit(slot) else self.finish(slot, True)
        self.leave(slot.place)
        self.requests.drop(slot)
        return STRANGE

    cdef int serve_unmoved(self, const pysrp_request *request) noexcept nogil:
        """Do a command without data: VERIFY or SYNCHRONIZE CACHE."""
        cdef const uint8_t *iu = &request.iu[0]
        cdef uint64_t lba, blocks, offset = 0, length = 0
        cdef uint32_t operation = decode_unmoved(iu + CMD_CDB, &lba, &blocks), flags = 0
        cdef Place *place = self.bound.find(iu)
        cdef Slot *slot
        cdef int code
        if not operation or iu[CMD_FORMATS] or place is NULL or place.memory is not NULL and not place.fua \
                or not self.has(place, lba, blocks):
            return STRANGE
        if operation == PYSRP_READ:
            # FUA: VERIFY puts the blocks on the medium before it reads them (SBC-4, 5.33).
            offset, length, flags = lba * place.block_size, blocks * place.block_size, PYSRP_FUA
            if not place.fua or length > place.limit:
                return STRANGE
        if not self.enter(place, PYSRP_STOPS_READS):
            return STRANGE
        if place.memory is not NULL:    # the memory is the medium: there is nothing to flush or verify
            code = answer(self.link, request)
            self.leave(place)
            return code
        slot = self.requests.prepare(place, request, operation, offset, length)
        if slot is NULL:
            self.leave(place)
            return STRANGE
        slot.unmoved = True
        return self.submit_staged(slot, NULL, 0, flags)

    cdef int finish(self, Slot *slot, bint fast) noexcept nogil:
        """A request with staged memory is over: answer it, or let the engine go on with it."""
        cdef pysrp_buffer parts[DESCRIPTORS]
        cdef const uint8_t *memory = slot.bytes
        cdef Py_ssize_t n = 0, i
        cdef int code
        if not fast or slot.io.error or slot.io.done != slot.io.length:
            n = -1
        elif not self.link.again(self.link.self, &slot.request):
            n = -1
        elif slot.io.operation == PYSRP_READ and not slot.unmoved:
            n = reach(self.link, &slot.request, slot.io.length, False, parts)
        if n < 0:
            self.requests.set_aside(slot)
            return BEGUN
        for i in range(n):
            copy_bytes(parts[i].bytes, memory, parts[i].length)
            memory += parts[i].length
        code = answer(self.link, &slot.request)
        self.leave(slot.place)
        self.requests.leaves(slot)
        self.requests.drop(slot)
        return code


def check_layout(cmd=srp.Cmd, direct=srp.DirectBuf, indirect=srp.IndirectBuf, rsp=srp.Rsp):
    """Compare the offsets above with the field tables; ImportError where they differ."""
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
