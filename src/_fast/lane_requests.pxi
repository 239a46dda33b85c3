# The lane's requests that a medium has, or has had: part of lane.pyx.
#
# A medium that is no memory is submitted to. What it does at once goes straight between it and the initiator's
# memory (PYSRP_NOWAIT). What waits has memory of its own: a WRITE's bytes are copied there once, before; a READ's are
# copied to the initiator when it is over, to wherever the descriptors lead then. So nothing here ever holds an
# initiator's memory over a wait, and a request that is of no interest any more is left to the medium.
#
# What is not plain is the engine's: a request that failed, or came short, or cannot be answered now, and all of a
# unit's when somebody asks for them, to abort them or to wait for them. It is handed over as it is, with what became
# of it.

cimport cython


cdef extern from * nogil:
    """
    /* A list that any thread puts something on, and one takes all of it. */
    static inline void list_put(void **first, void *item, void **next)
    {
        void *before = __atomic_load_n(first, __ATOMIC_RELAXED);

        do
            *next = before;
        while (!__atomic_compare_exchange_n(first, &before, item, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    }

    static inline void *list_take(void **first)
    {
        return __atomic_exchange_n(first, NULL, __ATOMIC_ACQUIRE);
    }
    """
    void list_put(void **first, void *item, void **next)
    void *list_take(void **first)

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef enum:
    SLAB = 64               # requests that memory is allocated for at a time
    SLABS = 16
    LARGEST = 1 << 20       # bytes of one request that waits: the engine moves more, in chunks
    STAGED = 32 << 20       # bytes that wait together, more or less
    KEPT = 16 << 20         # bytes that are kept for the next requests, until there have been none for a while
    ALIGNMENT = 4096

# Where a request is.
cdef enum:
    IDLE                    # it is none
    HERE                    # about to be submitted
    OUT                     # the medium has it
    STALLED                 # the medium took no more: it is submitted when another one is over
    ENDED                   # it is over, and the engine goes on with it
    TAKEN                   # it has been handed over

cdef struct Slot:
    pysrp_io io             # first: a pointer to it is one to this
    int state
    bint held               # the medium broke its word, and has the initiator's memory
    bint unmoved            # nothing of it is the initiator's: VERIFY, SYNCHRONIZE CACHE
    Place *place
    pysrp_buffer buffers[DESCRIPTORS]
    pysrp_request request
    uint8_t *bytes          # to stage them in
    size_t room
    size_t staged           # how much of that is in use
    Slot *before            # among those that are under way, in order of arrival
    Slot *after             # there, or among the idle ones


@cython.final
cdef class Requests:
    """The table."""

    cdef const pysrp_link *link
    cdef Ear ear
    cdef bint waits         # requests may be answered later
    cdef list channels      # those that have been attached
    cdef NativeEnd **ends   # theirs
    cdef Py_ssize_t count
    cdef Slot *slabs[SLABS]
    cdef Slot *idle
    cdef Slot *returned     # idle too: by whatever thread lets go of a request
    cdef Slot *first
    cdef Slot *last
    cdef Py_ssize_t under_way
    cdef Py_ssize_t ended   # of them, those that the engine has to go on with
    cdef size_t staged
    cdef size_t room        # bytes that the slots have to stage them in
    cdef bint others        # something is over that is not the lane's
    cdef bint more          # not all that is has been dealt with

    def __cinit__(self, capsule not None):
        self.ear = Ear(capsule)
        self.link = self.ear.ear.link
        self.waits = self.link.again is not NULL and self.link.wake is not NULL
        self.channels = []

    def __dealloc__(self):
        cdef Py_ssize_t i, k
        for i in range(SLABS):
            if self.slabs[i] is not NULL:
                for k in range(SLAB):
                    free(self.slabs[i][k].bytes)
                free(self.slabs[i])
        free(self.ends)

    cdef NativeEnd *attach(self, NativeChannel channel) except NULL:
        """Reap this channel from now on."""
        cdef NativeEnd **more
        if self.waits and channel.lane is not self:
            more = <NativeEnd **>realloc(self.ends, (self.count + 1) * sizeof(NativeEnd *))
            if more is NULL:
                raise MemoryError
            self.ends = more
            self.channels.append(channel)
            self.ends[self.count] = &channel.end
            self.count += 1
            channel.attach(self.ear, self, <Claim>claim)
        return &channel.end

    cdef keep(self, list wanted):
        """Reap no others than these any more. While nothing is under way."""
        cdef NativeChannel channel
        cdef set kept = {id(each) for each in wanted}
        cdef list gone = [each for each in self.channels if id(each) not in kept]
        # First: what they post may bind the lane again.
        self.channels = [each for each in self.channels if id(each) in kept]
        self.count = 0
        for channel in self.channels:
            self.ends[self.count] = &channel.end
            self.count += 1
        for channel in gone:
            channel.detach()

    cdef tell_others(self):
        """Tell those who wait in Python what is over."""
        self.others = False
        for channel in list(self.channels):
            if (<NativeChannel>channel).end.count:
                channel.reap()

    cdef bint lingered(self, Py_ssize_t *budget) noexcept nogil:
        """The lane has nothing to do, but had: whether it has, soon enough for nobody to be asked meanwhile."""
        if self.link.linger is NULL or budget[0] <= NAP:
            return False
        budget[0] -= NAP
        return self.link.linger(
            self.link.self, WANTED, <void *>self, self.under_way != 0 or self.ear.busy is not NULL
        )

    # Slots.

    cdef Slot *slot(self) noexcept nogil:
        """A request that is none yet, NULL: there are too many."""
        cdef Slot *found = self.idle
        cdef Py_ssize_t i, k
        if found is NULL:
            for i in range(SLABS):
                if self.slabs[i] is NULL:
                    self.slabs[i] = <Slot *>calloc(SLAB, sizeof(Slot))
                    if self.slabs[i] is NULL:
                        return NULL
                    for k in range(SLAB - 1, -1, -1):
                        self.slabs[i][k].after = self.idle
                        self.idle = &self.slabs[i][k]
                    break
            found = self.idle
            if found is NULL:
                return NULL
        self.idle = found.after
        return found

    cdef Slot *find(self, pysrp_io *io) noexcept nogil:
        """The request that a medium means, NULL: none. What it says is not believed."""
        cdef size_t at
        cdef Py_ssize_t i
        for i in range(SLABS):
            if self.slabs[i] is NULL:
                break
            at = <size_t>io - <size_t>self.slabs[i]
            if at < SLAB * sizeof(Slot):
                return <Slot *>io if at % sizeof(Slot) == 0 else NULL
        return NULL

    cdef void begins(self, Slot *slot) noexcept nogil:
        """It is under way from now on."""
        slot.before, slot.after = self.last, NULL
        if self.last is NULL:
            self.first = slot
        else:
            self.last.after = slot
        self.last = slot
        self.under_way += 1

    cdef void leaves(self, Slot *slot) noexcept nogil:
        """It is under way no more."""
        if slot.before is NULL:
            self.first = slot.after
        else:
            slot.before.after = slot.after
        if slot.after is NULL:
            self.last = slot.before
        else:
            slot.after.before = slot.before
        self.under_way -= 1
        self.staged -= slot.staged
        slot.place.end.staged -= slot.staged
        slot.staged = 0

    cdef void drop(self, Slot *slot) noexcept nogil:
        """It is none any more."""
        slot.state = IDLE
        slot.held = slot.unmoved = False
        if self.room > KEPT:
            self.unstage(slot)
        slot.after = self.idle
        self.idle = slot

    cdef void unstage(self, Slot *slot) noexcept nogil:
        """Let go of the memory that it had."""
        free(slot.bytes)
        self.room -= slot.room
        slot.bytes, slot.room = NULL, 0

    cdef void give_back(self) noexcept nogil:
        """Let go of the memory of those that are none."""
        cdef Slot *slot = self.idle
        while slot is not NULL:
            self.unstage(slot)
            slot = slot.after

    # On their way through a medium.

    cdef Slot *prepare(self, Place *place, const pysrp_request *request, uint32_t operation, uint64_t offset,
                       uint64_t length) noexcept nogil:
        """A request that asks for this, NULL where there is none."""
        cdef Slot *slot
        cdef uint64_t size = place.end.medium.bytes(place.end.medium.self)
        if offset > size or length > size - offset:
            return NULL     # it has shrunk
        slot = self.slot()
        if slot is NULL:
            return NULL
        slot.state = HERE
        slot.place = place
        slot.io.operation = operation
        slot.io.offset, slot.io.length = offset, length
        slot.request.where, slot.request.tag, slot.request.length = request.where, request.tag, request.length
        memcpy(slot.request.iu, request.iu, request.length)
        return slot

    cdef bint out(self, Slot *slot) noexcept nogil:
        """Submit it: whether the medium has it. If not it is over."""
        cdef NativeEnd *end = slot.place.end
        slot.io.done, slot.io.bad, slot.io.error = 0, PYSRP_NOWHERE, 0
        slot.state = OUT
        end.under_way += 1
        if give(end, &slot.io) == PYSRP_PENDING:
            return True
        slot.state = HERE
        end.under_way -= 1
        return False

    cdef int now(self, Slot *slot, const pysrp_buffer *parts, Py_ssize_t n, uint32_t flags) noexcept nogil:
        """Have it done at once with the initiator's own memory: DONE, LATER, or STRANGE."""
        memcpy(slot.buffers, parts, n * sizeof(pysrp_buffer))
        slot.io.buffers, slot.io.count, slot.io.flags = slot.buffers, n, PYSRP_NOWAIT | flags
        if self.out(slot):
            # It has broken its word, and what it does with that memory is for nobody to say.
            slot.held = slot.place.end.dawdles = True
            self.begins(slot)
            self.ended += 1
            return BEGUN
        if slot.io.error == EAGAIN:
            return LATER
        # An error is no verdict yet: the engine tries again.
        return STRANGE if slot.io.error or slot.io.done != slot.io.length else DONE

    cdef bint stage(self, Slot *slot, const pysrp_buffer *parts, Py_ssize_t n, uint32_t flags) noexcept nogil:
        """Give it memory of its own; whether there is some. A medium has no more than half of what is left."""
        cdef NativeEnd *end = slot.place.end
        cdef size_t length = slot.io.length, at = 0, left = STAGED - self.staged if self.staged < STAGED else 0
        cdef Py_ssize_t i
        if not self.waits or length > LARGEST or end.staged and end.staged + length > left:
            return False
        # New memory costs more than the copy: a page fault every 4 KiB.
        if slot.room < length:
            self.unstage(slot)
            slot.bytes = <uint8_t *>aligned_alloc(ALIGNMENT, (length + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)
            if slot.bytes is NULL:
                return False
            slot.room = (length + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
            self.room += slot.room
        if slot.io.operation == PYSRP_WRITE:
            for i in range(n):
                copy_bytes(slot.bytes + at, parts[i].bytes, parts[i].length)
                at += parts[i].length
        slot.buffers[0].bytes, slot.buffers[0].length = slot.bytes, length
        slot.io.buffers, slot.io.count, slot.io.flags = slot.buffers, 1 if length else 0, flags
        slot.staged = length
        self.staged += length
        end.staged += length
        self.begins(slot)
        return True

    cdef bint submit(self, Slot *slot) noexcept nogil:
        """Submit it, or let it wait for those before it. False: it is over."""
        cdef NativeEnd *end = slot.place.end
        if end.stalled.first is NULL:
            if self.out(slot):
                return True
            # Where nothing is under way nothing tells when it may come again.
            if slot.io.error != EAGAIN or not end.under_way:
                return False
        slot.state = STALLED
        queue(&end.stalled, &slot.io)
        return True

    cdef void restart(self, NativeEnd *end) noexcept nogil:
        """Submit those that wait for that."""
        cdef Slot *slot
        while end.stalled.first is not NULL:
            slot = <Slot *>end.stalled.first
            unqueue(&end.stalled, &slot.io)
            if not self.out(slot):
                if slot.io.error == EAGAIN and end.under_way:
                    slot.state = STALLED
                    slot.io.next = end.stalled.first
                    end.stalled.first = &slot.io
                    if slot.io.next is NULL:
                        end.stalled.last = &slot.io
                    return
                queue(&end.over, &slot.io)

    cdef void set_aside(self, Slot *slot) noexcept nogil:
        """The engine goes on with it."""
        slot.state = ENDED
        self.ended += 1

    cdef void recycle(self) noexcept:
        """What the engine has let go of."""
        cdef Slot *slot = <Slot *>list_take(<void **>&self.returned)
        cdef Slot *after
        while slot is not NULL:
            after = slot.after
            self.drop(slot)
            slot = after

    cdef NativeRequest take(self, Slot *slot, NativeChannel channel):
        """Hand it over."""
        cdef NativeRequest made = NativeRequest.__new__(NativeRequest)
        cdef NativeEnd *end = slot.place.end
        cdef bint out = slot.state == OUT
        if slot.state == STALLED:
            unqueue(&end.stalled, &slot.io)
        elif slot.state == HERE:
            unqueue(&end.over, &slot.io)
        elif slot.held or slot.state == ENDED:
            self.ended -= 1
        made.state, made.length = slot.state, slot.staged
        made.table, made.slot, made.channel, made.io = self, slot, channel, &slot.io
        made.lun, made.block = slot.place.lun, slot.place.block_size
        self.leaves(slot)
        slot.state = TAKEN
        if out:
            end.under_way -= 1
            if not end.under_way and end.stalled.first is not NULL:
                self.more = True    # nothing that is over lets these go on
            channel.adopt(made, None)
        return made


cdef int wanted(Requests self) noexcept nogil:
    """Whether something is over, or may be; what has been submitted begins."""
    return pysrp_rung(&self.ear.ear.rung) or self.ear.busy is not NULL and look(&self.ear.busy, False)


cdef int (*WANTED)(void *of) noexcept nogil
WANTED = <int (*)(void *) noexcept nogil>wanted


cdef bint claim(Requests self, NativeEnd *end, pysrp_io *io) noexcept nogil:
    cdef Slot *slot = self.find(io)
    if slot is NULL or slot.state != OUT or slot.place.end != end:
        return False
    end.under_way -= 1
    if slot.held:           # the engine has been told to go on with it
        slot.state, io.error, io.done, io.bad = ENDED, EPROTO, 0, PYSRP_NOWHERE
    else:
        slot.state = HERE
        queue(&end.over, io)
    return True


cdef void queue(IoQueue *into, pysrp_io *io) noexcept nogil:
    io.next = NULL
    if into.first is NULL:
        into.first = io
    else:
        into.last.next = io
    into.last = io


cdef void unqueue(IoQueue *of, pysrp_io *io) noexcept nogil:
    cdef pysrp_io *before = NULL
    cdef pysrp_io *each = of.first
    while each != io:
        before, each = each, each.next
    if before is NULL:
        of.first = io.next
    else:
        before.next = io.next
    if of.last == io:
        of.last = before


@cython.no_gc_clear  # the table is needed to the end
cdef class NativeRequest(InFlight):
    """A request that the lane has begun, and the engine goes on with. Its buffer is what is staged for it."""

    cdef Requests table
    cdef Slot *slot
    cdef NativeChannel channel
    cdef int state
    cdef size_t length          # of the buffer
    cdef readonly int lun
    cdef readonly unsigned int block
    """Bytes of a block."""

    def __dealloc__(self):
        if self.slot is not NULL:
            list_put(<void **>&self.table.returned, self.slot, <void **>&self.slot.after)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.slot.bytes if self.length else &NOTHING, self.length, 0, flags)

    @property
    def where(self):
        """The link's word for it."""
        return self.slot.request.where

    @property
    def iu(self):
        """The SRP_CMD, as it was copied."""
        return PyBytes_FromStringAndSize(<char *>self.slot.request.iu, self.slot.request.length)

    @property
    def operation(self):
        """What the medium was asked for: READ, WRITE, FLUSH."""
        return self.io.operation

    @property
    def moves(self):
        """Whether what is read or written is the initiator's."""
        return not self.slot.unmoved

    @property
    def offset(self):
        """Where on the medium it begins, in bytes."""
        return self.io.offset

    @property
    def size(self):
        """Bytes that it moves."""
        return self.io.length

    @property
    def flags(self):
        """What it was submitted with: NOWAIT of one that the medium nevertheless has."""
        return self.io.flags

    @property
    def begun(self):
        """Whether it has been submitted."""
        return self.state != STALLED

    def adopt(self, part):
        """``part``, a :class:`pysrp.target.medium.MediumRequest`, is told what became of it. True: it is told later."""
        if self.state == OUT:
            self.channel.adopt(self, part)
            return True
        self.request = part
        self.ends()
        return False


cdef uint8_t NOTHING
