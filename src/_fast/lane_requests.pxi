# The lane's requests that a medium has, or has had: part of lane.pyx.
#
# If a medium is no memory, requests are submitted to it. A request that the medium does at once (PYSRP_NOWAIT) moves
# data straight between the medium and the initiator's memory. One that takes time has staged memory: a WRITE's bytes
# are copied there once, before it is submitted; a READ's are copied to the initiator when the request is over, to where
# the descriptors lead then. So no request that is pending refers to an initiator's memory, and one that nobody wants
# any more can be left to the medium.
#
# The engine goes on with a request that failed, or came short, or cannot be answered now, and with all requests of a
# unit that the engine wants to abort or to wait for. Each is handed over with its state and result.

cimport cython


cdef extern from * nogil:
    """
    /* A list: any thread puts an item on it, one thread takes the whole list. */
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
    SLAB = 64               # slots that are allocated at a time
    SLABS = 16
    LARGEST = 1 << 20       # bytes that one request may stage; the engine moves more, in chunks
    STAGED = 32 << 20       # bytes that all requests may stage together, roughly
    KEPT = 16 << 20         # bytes kept for the next requests; give_back() frees them after a while without any
    ALIGNMENT = 4096

# State of a request.
cdef enum:
    IDLE                    # the slot is free
    HERE                    # not at the medium: not submitted yet, or over
    OUT                     # the medium has it
    STALLED                 # the medium refused it with EAGAIN: it is submitted again when another one is over
    ENDED                   # it is over, and the engine goes on with it
    TAKEN                   # it has been handed over

cdef struct Slot:
    pysrp_io io             # the first member, so that a pointer to it is one to the Slot
    int state
    bint held               # the medium kept a NOWAIT request, and with it the initiator's memory
    bint unmoved            # no data of the initiator's: VERIFY, SYNCHRONIZE CACHE
    Place *place
    pysrp_buffer buffers[DESCRIPTORS]
    pysrp_request request
    uint8_t *bytes          # staged memory, `room` bytes
    size_t room
    size_t staged           # bytes of it in use
    Slot *before            # list of requests under way, in order of arrival
    Slot *after             # in that list, or in the list of free slots


@cython.final
cdef class Requests:
    """The lane's requests that media have, or have had."""

    cdef const pysrp_link *link
    cdef Ear ear
    cdef bint waits         # the link can answer requests later
    cdef list channels      # the channels that are attached
    cdef NativeEnd **ends   # their ends, `count` of them
    cdef Py_ssize_t count
    cdef Slot *slabs[SLABS]
    cdef Slot *idle         # free slots
    cdef Slot *returned     # free slots too, put here by any thread that drops a NativeRequest
    cdef Slot *first        # requests under way
    cdef Slot *last
    cdef Py_ssize_t under_way
    cdef Py_ssize_t ended   # requests under way that the engine has to go on with
    cdef size_t staged
    cdef size_t room        # bytes of staged memory that all slots have, in use or not
    cdef bint others        # requests are over that are not the lane's
    cdef bint more          # reap() has not dealt with all requests that are over

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
        """Reap this channel from now on; its end."""
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
        """From now on reap these channels only. Called while no request is under way."""
        cdef NativeChannel channel
        cdef set kept = {id(each) for each in wanted}
        cdef list gone = [each for each in self.channels if id(each) not in kept]
        # Before detach(): what that posts may bind the lane again.
        self.channels = [each for each in self.channels if id(each) in kept]
        self.count = 0
        for channel in self.channels:
            self.ends[self.count] = &channel.end
            self.count += 1
        for channel in gone:
            channel.detach()

    cdef tell_others(self):
        """Have each channel tell the requests that are over and not the lane's."""
        self.others = False
        for channel in list(self.channels):
            if (<NativeChannel>channel).end.count:
                channel.reap()

    cdef bint lingered(self, Py_ssize_t *budget) noexcept nogil:
        """The lane has nothing to do: wait for a while (link.linger). Whether it has something to do now."""
        if self.link.linger is NULL or budget[0] <= NAP:
            return False
        budget[0] -= NAP
        return self.link.linger(
            self.link.self, WANTED, <void *>self, self.under_way != 0 or self.ear.busy is not NULL
        )

    # Slots.

    cdef Slot *slot(self) noexcept nogil:
        """A free slot; NULL: too many are in use, or no memory."""
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
        """The slot of a request that a medium returns; NULL: it is no slot. The pointer is checked, not trusted."""
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
        """Put a request at the end of those under way."""
        slot.before, slot.after = self.last, NULL
        if self.last is NULL:
            self.first = slot
        else:
            self.last.after = slot
        self.last = slot
        self.under_way += 1

    cdef void leaves(self, Slot *slot) noexcept nogil:
        """Take a request out of those under way."""
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
        """Make a slot free."""
        slot.state = IDLE
        slot.held = slot.unmoved = False
        if self.room > KEPT:
            self.unstage(slot)
        slot.after = self.idle
        self.idle = slot

    cdef void unstage(self, Slot *slot) noexcept nogil:
        """Free the staged memory of a slot."""
        free(slot.bytes)
        self.room -= slot.room
        slot.bytes, slot.room = NULL, 0

    cdef void give_back(self) noexcept nogil:
        """Free the staged memory of all free slots."""
        cdef Slot *slot = self.idle
        while slot is not NULL:
            self.unstage(slot)
            slot = slot.after

    # Requests and a medium.

    cdef Slot *prepare(self, Place *place, const pysrp_request *request, uint32_t operation, uint64_t offset,
                       uint64_t length) noexcept nogil:
        """A slot for this request. NULL: no slot is free, or the medium has shrunk."""
        cdef Slot *slot
        cdef uint64_t size = place.end.medium.bytes(place.end.medium.self)
        if offset > size or length > size - offset:
            return NULL
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
        """Submit a request. True: the medium has it. False: it is over."""
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
        """Submit with NOWAIT and the initiator's own memory: DONE, LATER, STRANGE, or BEGUN if the medium keeps it."""
        memcpy(slot.buffers, parts, n * sizeof(pysrp_buffer))
        slot.io.buffers, slot.io.count, slot.io.flags = slot.buffers, n, PYSRP_NOWAIT | flags
        if self.out(slot):
            # The medium must not keep a NOWAIT request. What it does with the initiator's memory is unknown.
            slot.held = slot.place.end.dawdles = True
            self.begins(slot)
            self.ended += 1
            return BEGUN
        if slot.io.error == EAGAIN:
            return LATER
        # After an error the engine does the command anew.
        return STRANGE if slot.io.error or slot.io.done != slot.io.length else DONE

    cdef bint stage(self, Slot *slot, const pysrp_buffer *parts, Py_ssize_t n, uint32_t flags) noexcept nogil:
        """Stage a request; False: no memory. One medium gets at most half of what the others have left of STAGED."""
        cdef NativeEnd *end = slot.place.end
        cdef size_t length = slot.io.length, at = 0, left = STAGED - self.staged if self.staged < STAGED else 0
        cdef Py_ssize_t i
        if not self.waits or length > LARGEST or end.staged and end.staged + length > left:
            return False
        # Memory is reused: new memory costs more than the copy, a page fault every 4 KiB.
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
        """Submit a staged request, or put it behind those that are stalled. False: it is over."""
        cdef NativeEnd *end = slot.place.end
        if end.stalled.first is NULL:
            if self.out(slot):
                return True
            # A stalled request is submitted again when another one is over; without another one it would stay for ever.
            if slot.io.error != EAGAIN or not end.under_way:
                return False
        slot.state = STALLED
        queue(&end.stalled, &slot.io)
        return True

    cdef void restart(self, NativeEnd *end) noexcept nogil:
        """Submit the stalled requests, as long as the medium takes them."""
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
        """The engine goes on with this request: Lane.late() returns it."""
        slot.state = ENDED
        self.ended += 1

    cdef void recycle(self) noexcept:
        """Make the slots of dropped NativeRequests free."""
        cdef Slot *slot = <Slot *>list_take(<void **>&self.returned)
        cdef Slot *after
        while slot is not NULL:
            after = slot.after
            self.drop(slot)
            slot = after

    cdef NativeRequest take(self, Slot *slot, NativeChannel channel):
        """Hand a request over to the engine."""
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
                self.more = True    # reap() has to restart the stalled ones: no request that ends will do so
            channel.adopt(made, None)
        return made


cdef int wanted(Requests self) noexcept nogil:
    """Whether a medium has, or may have, something to reap. Media that are looked at begin what has been submitted."""
    return pysrp_rung(&self.ear.ear.rung) or self.ear.busy is not NULL and look(&self.ear.busy, False)


cdef int (*WANTED)(void *of) noexcept nogil
WANTED = <int (*)(void *) noexcept nogil>wanted


cdef bint claim(Requests self, NativeEnd *end, pysrp_io *io) noexcept nogil:
    cdef Slot *slot = self.find(io)
    if slot is NULL or slot.state != OUT or slot.place.end != end:
        return False
    end.under_way -= 1
    if slot.held:           # now() has counted it in `ended` already
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


@cython.no_gc_clear  # __dealloc__ needs the table
cdef class NativeRequest(InFlight):
    """A request that the lane has begun, and the engine goes on with. As a buffer it is the request's staged memory."""

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
        """``where`` of the link's request (native.h)."""
        return self.slot.request.where

    @property
    def iu(self):
        """The SRP_CMD as bytes, in the copy that the lane made."""
        return PyBytes_FromStringAndSize(<char *>self.slot.request.iu, self.slot.request.length)

    @property
    def operation(self):
        """The medium's operation: READ, WRITE or FLUSH."""
        return self.io.operation

    @property
    def moves(self):
        """Whether data go to or come from the initiator."""
        return not self.slot.unmoved

    @property
    def offset(self):
        """Where on the medium the request begins, in bytes."""
        return self.io.offset

    @property
    def size(self):
        """Bytes that the request moves."""
        return self.io.length

    @property
    def flags(self):
        """The flags of the submitted request; with NOWAIT it is one that the medium kept nevertheless."""
        return self.io.flags

    @property
    def begun(self):
        """Whether the request has been submitted."""
        return self.state != STALLED

    def adopt(self, part):
        """Give the result to ``part``, a :class:`pysrp.target.medium.MediumRequest`. True: later; False: done."""
        if self.state == OUT:
            self.channel.adopt(self, part)
            return True
        self.request = part
        self.ends()
        return False


cdef uint8_t NOTHING
