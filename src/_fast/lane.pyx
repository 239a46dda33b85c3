"""The short way of a READ or WRITE through a target: queue elements to answers without Python objects.

A command takes it when nothing about it is special: it comes from a session with credit, is SIMPLE, is for
a unit whose bytes are memory of this process, asks for what the unit has and for exactly the bytes that its
descriptors offer. Everything else is handed to the Python engine as it came, in its place in the order, and
nothing has been done about it: the engine copies the IU again and judges for itself.

The rules are the engine's (pysrp.target.engine); a test gives both the same commands.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from pysrp._fast.fabric cimport H_SUCCESS, TCE_READ, TCE_WRITE, Adapter, crq_elem

cdef extern from "wire.h" nogil:
    unsigned int wire_get16(const uint8_t *p)
    unsigned int wire_get32(const uint8_t *p)
    uint64_t wire_get64(const uint8_t *p)
    void wire_put32(uint8_t *p, unsigned int v)
    void wire_put64(uint8_t *p, uint64_t v)


cdef enum:
    IU = 256
    CMD = 48            # the fixed part of SRP_CMD
    RSP = 36
    BATCH = 256
    BUDGET = 4096       # commands after which others get a turn
    EAGER = 8           # answers after which the client's doorbell is rung
    LUNS = 16384        # numbers that SCST's LUNs have
    DESCRIPTORS = 11    # more than fit an IU of 256 bytes

    READABLE = 1
    WRITABLE = 2
    UNKNOWN = 4         # `Door.allows` has not been asked since these elements were taken

# What became of an element.
cdef enum:
    DONE
    STRANGE             # for the engine
    ASK                 # the unit has to be asked first
    STUCK               # done, but its answer has no room in the client's queue


cdef struct Place:
    uint8_t *memory
    uint64_t blocks
    uint32_t block_size
    uint32_t allowed


cdef class Lane:
    """Lane(port): takes the elements of ``port``, and gives those that it does not deal with to :meth:`next`."""

    cdef Adapter port
    cdef crq_elem batch[BATCH]
    cdef Py_ssize_t have, at
    cdef public Py_ssize_t before
    """Requests that were outstanding when the last elements were taken."""
    cdef public Py_ssize_t seen
    """Requests among those elements so far: they were all outstanding too, whether answered by now or not."""
    cdef readonly uint64_t total
    """Commands answered in all."""
    cdef Py_ssize_t quiet           # answers since the doorbell
    cdef uint64_t limit             # bytes that one command may move
    cdef uint16_t *index            # LUN number to place + 1
    cdef Place *places
    cdef Py_ssize_t count
    cdef list doors                 # a Door for each place
    cdef Py_buffer *views
    cdef crq_elem stuck

    def __cinit__(self, Adapter port not None):
        self.port = port
        self.doors = []
        self.index = <uint16_t *>malloc(LUNS * sizeof(uint16_t))
        if self.index is NULL:
            raise MemoryError
        memset(self.index, 0, LUNS * sizeof(uint16_t))

    def __dealloc__(self):
        self.drop()
        free(self.index)

    cdef void drop(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.places)
        self.views, self.places, self.count = NULL, NULL, 0
        if self.index is not NULL:  # a constructor that refused its arguments has none
            memset(self.index, 0, LUNS * sizeof(uint16_t))

    def bind(self, doors, uint64_t limit):
        """From now on serve these LUNs: an iterable of :class:`pysrp.target.direct.Door`; None for no more."""
        # Everything is asked before anything is kept: a door may run code that binds too.
        cdef list wanted = list(doors)
        cdef list asked = [(memoryview(door.memory), int(door.block_size), int(door.lun)) for door in wanted]
        cdef Py_ssize_t i
        cdef Place *place
        self.drop()
        self.doors = wanted
        self.limit = limit
        if not wanted:
            return
        self.views = <Py_buffer *>malloc(len(wanted) * sizeof(Py_buffer))
        self.places = <Place *>malloc(len(wanted) * sizeof(Place))
        if self.views is NULL or self.places is NULL:
            raise MemoryError
        for i in range(len(wanted)):
            memory, block_size, lun = asked[i]
            if not block_size:
                raise ValueError("blocks of 0 bytes")
            PyObject_GetBuffer(memory, &self.views[i], PyBUF_WRITABLE)
            self.count = i + 1
            place = &self.places[i]
            place.memory = <uint8_t *>self.views[i].buf
            place.block_size = block_size
            place.blocks = <uint64_t>self.views[i].len // place.block_size
            place.allowed = UNKNOWN
            self.index[<Py_ssize_t>lun & (LUNS - 1)] = <uint16_t>(i + 1)

    @property
    def signalled(self):
        """Whether somebody watches the port's descriptor: then :meth:`pysrp.fabric.Port.poll` must see it empty."""
        return self.port.signalled

    def clear(self):
        """Throw away the elements that have been taken and not dealt with."""
        self.at = self.have = 0

    def event_ahead(self):
        """Whether one of those is a transport event."""
        cdef Py_ssize_t i
        for i in range(self.at, self.have):
            if self.batch[i].hi >> 56 == 0xFF:
                return True
        return False

    def unsent(self):
        """The answer that found no room, as an element: the engine has to send it."""
        return element_bytes(&self.stuck)

    def next(self, bint fast, Py_ssize_t outstanding, Py_ssize_t allowed):
        """The next element for the engine; None when the queue is empty.

        With ``fast`` commands that can are dealt with on the way, as long as not more than ``allowed`` requests
        were outstanding at once; ``outstanding`` are the engine's. An empty string: others should have a turn
        now. One byte: see :meth:`unsent`.
        """
        cdef int code
        cdef Py_ssize_t budget = BUDGET
        cdef object found
        if self.port.closed or self.port.faulty:
            fast = False
        while True:
            if self.at == self.have:
                self.take()
                self.before = outstanding
                if not self.have:
                    return None
            if not fast:
                break
            with nogil:
                code = self.run(allowed, &budget)
            if code == ASK:
                self.ask()
            elif code == STUCK:
                self.tell()
                return b"?"
            elif code == STRANGE:
                break
            elif budget <= 0:
                self.tell()
                return b""
        self.tell()
        found = element_bytes(&self.batch[self.at])
        self.at += 1
        return found

    cdef void take(self):
        cdef Py_ssize_t i
        self.tell()
        self.seen = 0
        self.at = 0
        self.have = 0 if self.port.closed else self.port.drain(self.batch, BATCH)
        if self.have:
            for i in range(self.count):
                self.places[i].allowed = UNKNOWN

    cdef void tell(self) noexcept nogil:
        if self.quiet:
            self.quiet = 0
            self.port.ring()

    cdef ask(self):
        """Ask the unit of the next element what it allows."""
        cdef uint8_t iu[IU]
        cdef Place *place = NULL
        if self.fetch(&self.batch[self.at], iu):
            place = self.find(iu)
        if place is not NULL:
            number, doors = place - self.places, self.doors
            allowed = doors[number].allows()
            if self.doors is doors:     # not bound anew by the unit's own code
                self.places[number].allowed = <uint32_t>allowed

    cdef int run(self, Py_ssize_t allowed, Py_ssize_t *budget) noexcept nogil:
        cdef int code = DONE
        while self.at < self.have and budget[0] > 0:
            if self.before + self.seen >= allowed:
                return STRANGE      # more than it has credits for: the engine knows what to do
            code = self.serve(&self.batch[self.at])
            if code == ASK or code == STRANGE:
                return code
            self.at += 1
            self.seen += 1
            self.total += 1
            budget[0] -= 1
            if code == STUCK:
                return code
            self.quiet += 1
            if self.quiet == EAGER:
                self.tell()
        return DONE

    cdef Py_ssize_t fetch(self, crq_elem *element, uint8_t *iu) noexcept nogil:
        """Copy the IU, once; its length, 0 if this is none for us."""
        cdef uint64_t length = element.hi & 0xFFFF
        cdef uint8_t *near
        if element.hi >> 48 != 0x8001 or length < CMD + 16 or length > IU:
            return 0
        near = self.port.reach(element.lo, length, TCE_READ)
        if near is NULL:
            return 0
        memcpy(iu, near, length)
        return length

    cdef Place *find(self, const uint8_t *iu) noexcept nogil:
        """The unit that an IU is for, by SCST's reading of its LUN."""
        cdef uint64_t lun = wire_get64(iu + 20)
        cdef uint16_t place
        if lun << 16 or lun >> 62 == 3:
            return NULL
        place = self.index[lun >> 48 & (LUNS - 1)]
        return &self.places[place - 1] if place else NULL

    cdef int serve(self, crq_elem *element) noexcept nogil:
        cdef uint8_t iu[IU]
        cdef uint8_t answer[RSP]
        cdef uint8_t *parts[DESCRIPTORS]
        cdef uint32_t sizes[DESCRIPTORS]
        cdef const uint8_t *cdb = iu + 32
        cdef const uint8_t *descriptor = iu + CMD
        cdef uint8_t *memory
        cdef uint8_t *back
        cdef Place *place
        cdef Py_ssize_t length = self.fetch(element, iu), n = 1, i, flags = 0
        cdef uint64_t lba, blocks, wanted, total = 0, tag
        cdef uint32_t form
        cdef bint write
        cdef unsigned int access

        if not length or iu[0] != 2 or iu[29] & 7 or iu[31] & 0xFC:
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
        if place.allowed & UNKNOWN:
            return ASK
        if not place.allowed & (WRITABLE if write else READABLE):
            return STRANGE
        if lba >= place.blocks or blocks > place.blocks - lba:
            return STRANGE
        wanted = blocks * place.block_size
        if wanted > self.limit:
            return STRANGE

        access = TCE_READ if write else TCE_WRITE
        form = iu[5] >> 4 if write else iu[5] & 15
        if iu[5] & (15 if write else 0xF0):
            return STRANGE      # data both ways
        if form == 2:
            n = iu[6] if write else iu[7]
            # All entries stand in the IU, and say what the descriptor does.
            if not n or CMD + 20 + 16 * n > length or wire_get32(descriptor + 12) != 16 * n:
                return STRANGE
            if wire_get32(descriptor + 16) != wanted:
                return STRANGE
            descriptor += 20
        elif form != 1:
            return STRANGE
        for i in range(n):
            sizes[i] = wire_get32(descriptor + 16 * i + 12)
            total += sizes[i]
            if sizes[i]:
                parts[i] = self.port.reach(wire_get64(descriptor + 16 * i), sizes[i], access)
                if parts[i] is NULL:
                    return STRANGE
        if total != wanted:
            return STRANGE
        back = self.port.reach(element.lo, RSP, TCE_WRITE)
        if back is NULL:
            return STRANGE

        memory = place.memory + lba * place.block_size
        for i in range(n):
            if sizes[i]:
                if write:
                    memcpy(memory, parts[i], sizes[i])
                else:
                    memcpy(parts[i], memory, sizes[i])
                memory += sizes[i]
        tag = wire_get64(iu + 8)
        memset(answer, 0, RSP)
        answer[0] = 0xC1
        answer[1] = iu[1] >> 1 & 1      # SCSOLNT asks for SOLNT
        answer[7] = 1                   # its credit
        wire_put64(answer + 8, tag)
        memcpy(back, answer, RSP)
        self.stuck.hi, self.stuck.lo = <uint64_t>0x8001 << 48 | RSP, tag
        return DONE if self.port.put16(self.stuck.hi, self.stuck.lo) == H_SUCCESS else STUCK


cdef bytes element_bytes(crq_elem *element):
    cdef uint8_t raw[16]
    wire_put64(raw, element.hi)
    wire_put64(raw + 8, element.lo)
    return PyBytes_FromStringAndSize(<char *>raw, 16)
