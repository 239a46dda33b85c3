# The queue of one end: registration, elements, doorbells; and faults that tests inject. A part of fabric.pyx.

from libc.stdint cimport uint32_t, uint64_t

from pysrp.errors import ConfigError


cdef class Crq:
    """The queue of one end, and the partner's as this end sees it. The lowest layer of :class:`Adapter`."""

    def __cinit__(self, uint64_t queue_size, uint64_t window_size, Region region not None, *args, **kwargs):
        self.bell = self.far_bell = -1
        self.near, self.far = &self.alone_near, &self.alone_far
        if queue_size < TCE_PAGE or queue_size % TCE_PAGE or queue_size > MAX_QUEUE:
            raise ConfigError(f"queue of {queue_size} bytes: a multiple of 4096 up to {MAX_QUEUE} is needed")
        self.queue_size = queue_size

    cdef check_open(self):
        if self.closed:
            raise ValueError("the port is closed")

    cdef bint strike(self, int call, int *code) noexcept nogil:
        if self.faults[call].left == 0:
            return False
        self.faults[call].left -= 1
        if self.faults[call].left == 0:
            self.faulty -= 1
        code[0] = self.faults[call].code
        return True

    cdef int reg(self) noexcept nogil:
        cdef int code
        if self.faulty and self.strike(CALL_REG, &code):
            return code
        if self.state != CRQ_FREE:
            return H_RESOURCE
        self.drop_all()
        self.event, self.signalled = 0, False
        self.disarm()
        self.state = CRQ_OPEN
        shared_set(&self.near.state, CRQ_OPEN)
        shared_fence()
        return H_CLOSED if shared_get(&self.far.state) == CRQ_FREE else H_SUCCESS

    cdef void drop_all(self) noexcept nogil:
        """Drop the elements of the previous registration; at most a full queue, as the partner may go on writing."""
        cdef uint32_t left = self.near_count
        cdef crq_elem scrap
        while left and crq_take(self.near_slots, self.near_count, &self.near_place, &scrap):
            left -= 1

    cdef int release(self) noexcept nogil:
        cdef int code
        if self.faulty and self.strike(CALL_FREE, &code):
            return code
        if self.state == CRQ_FREE:
            return H_SUCCESS
        self.state, self.signalled = CRQ_FREE, False
        shared_set(&self.near.state, CRQ_FREE)
        if shared_get(&self.far.state) != CRQ_FREE and self.far_count:
            crq_post(self.far_slots, self.far_count, &self.far_place, 2)
            self.ring()
        return H_SUCCESS

    def hcall_register(self):
        """H_REG_CRQ: H_SUCCESS, H_CLOSED or H_RESOURCE."""
        return self.reg()

    def hcall_free(self):
        """H_FREE_CRQ: H_SUCCESS, or what was injected."""
        return self.release()

    def hcall_enable(self):
        """H_ENABLE_CRQ: H_SUCCESS, or what was injected."""
        cdef int code
        if self.faulty and self.strike(CALL_ENABLE, &code):
            return code
        if self.state == CRQ_SUSPENDED:
            self.state = CRQ_OPEN
            shared_set(&self.near.state, CRQ_OPEN)
        return H_SUCCESS

    def hcall_signal(self, uint64_t mode):
        """H_VIO_SIGNAL: H_PARAMETER for a mode other than 0 and 1."""
        cdef int code
        if self.faulty and self.strike(CALL_SIGNAL, &code):
            return code
        if mode > 1:
            return H_PARAMETER
        self.signalled = mode == 1
        if mode:
            self.arm()
        else:
            self.disarm()
        return H_SUCCESS

    def hcall_send(self, uint64_t hi, uint64_t lo):
        """H_SEND_CRQ: H_SUCCESS, H_PARAMETER, H_CLOSED or H_DROPPED."""
        return self.send16(hi, lo)

    @property
    def connected(self):
        """Whether both queues are registered."""
        return self.linked()

    @property
    def is_open(self):
        """Whether this end's queue is registered."""
        return self.state != CRQ_FREE

    @property
    def available_now(self):
        """Whether :meth:`poll` has something to give."""
        return self.available()

    def presume_open(self):
        """Treat the partner's queue as registered: the partner has said so, but has not mapped the queues yet."""
        shared_set(&self.far.state, CRQ_OPEN)

    def abandon(self):
        """Close this end's queue without a transport event for the partner."""
        self.state, self.signalled = CRQ_FREE, False
        shared_set(&self.near.state, CRQ_FREE)

    def note_event(self, int code):
        """Put transport event ``code`` into this end's queue, behind its elements. The partner must send no more."""
        cdef bint dropped = self.near_count and crq_drop_last(self.near_slots, self.near_count, self.near_place)
        self.event = code | (CRQ_OVERWRITTEN << 8 if dropped else 0)
        bell_ring(self.bell)

    def post_event(self, int code):
        """Put transport event ``code`` into the partner's queue, if that is registered."""
        if shared_get(&self.far.state) != CRQ_FREE and self.far_count:
            crq_post(self.far_slots, self.far_count, &self.far_place, code)
            self.ring()

    def suspend(self):
        """This partition is suspended or migrated: transport event 6, and no element until H_ENABLE_CRQ."""
        self.check_open()
        if self.state == CRQ_FREE:
            return
        self.state = CRQ_SUSPENDED
        shared_set(&self.near.state, CRQ_SUSPENDED)
        self.note_event(6)

    def inject(self, str call, int code=0, uint32_t times=1):
        """Let the next ``times`` calls of ``call`` ("H_SEND_CRQ" …) do nothing and return ``code``.

        With code 0 (H_SUCCESS) the caller sees no error, but an element is lost or a copy moves nothing.
        ValueError for the name of no call.
        """
        cdef int which = CALL_NAMES.index(call)
        self.faulty += (times > 0) - (self.faults[which].left > 0)
        self.faults[which].code, self.faults[which].left = code, times

    cdef int put16(self, uint64_t hi, uint64_t lo) noexcept nogil:
        cdef unsigned int header = hi >> 56
        cdef int code
        if self.faulty and self.strike(CALL_SEND, &code):
            return code
        if not header & CRQ_VALID or header == CRQ_EVENT:
            return H_PARAMETER
        if self.state != CRQ_OPEN or shared_get(&self.far.state) != CRQ_OPEN or not self.far_count:
            return H_CLOSED
        return crq_put(self.far_slots, self.far_count, &self.far_place, hi, lo)

    cdef void ring(self) noexcept nogil:
        if (shared_wakes(&self.far.armed) or self.owed) and self.far_bell >= 0:
            self.owed = self.hushed
            if not self.hushed:
                bell_ring(self.far_bell)

    cdef int send16(self, uint64_t hi, uint64_t lo) noexcept nogil:
        cdef int code = self.put16(hi, lo)
        if code == H_SUCCESS:
            self.ring()
        return code

    cdef bint available(self) noexcept nogil:
        return (self.state != CRQ_FREE
                and (self.event != 0 or (self.near_count != 0 and crq_header(&self.near_slots[self.near_place]) != 0)))

    cdef Py_ssize_t drain(self, crq_elem *out, Py_ssize_t limit) noexcept nogil:
        cdef Py_ssize_t n = 0
        cdef uint32_t bad = 0
        if self.state == CRQ_FREE:
            return 0
        while n < limit and self.near_count:
            if not crq_take(self.near_slots, self.near_count, &self.near_place, &out[n]):
                break
            if out[n].hi >> 63:
                n += 1
            else:
                # H_SEND_CRQ refuses such a header. The loop is bounded, as the partner may write them for ever.
                self.discarded += 1
                bad += 1
                if bad == self.near_count:
                    break
        if n < limit and self.event:
            out[n].hi = <uint64_t>CRQ_EVENT << 56 | <uint64_t>(self.event & 0xff) << 48
            out[n].hi |= <uint64_t>(self.event >> 8) << 32
            out[n].lo = 0
            self.event = 0
            n += 1
        return n

    cdef bint linked(self) noexcept nogil:
        return self.state != CRQ_FREE and shared_get(&self.far.state) != CRQ_FREE

    cdef void arm(self) noexcept nogil:
        shared_arm(&self.near.armed)
        shared_arm(&self.asleep)

    cdef void disarm(self) noexcept nogil:
        shared_set(&self.near.armed, 0)
        shared_set(&self.asleep, 0)
