# One end as a whole: its link with the partner, and the methods of pysrp.fabric.Port. A part of fabric.pyx.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from pysrp._fast.wire cimport wire_get64, wire_put64

import time

from pysrp.errors import ConfigError


cdef class Adapter(Window):
    """One end: its queue, its window, its doorbell. Not for direct use; see pysrp.fabric.Port.

    ``queue_size`` and ``window_size`` are in bytes; ``region`` has ``window_bytes(window_size)`` bytes.
    A subclass has ``fail(call, code)``, which raises the exception for a PAPR code, and ``ended``.
    """

    def __init__(self, queue_size, window_size, region):
        pass

    def link(
        self, Region region not None, bint is_server, uint64_t client_queue, uint64_t server_queue, int bell,
        int far_bell,
    ):
        """Use the two queues in ``region``. The partner rings ``bell`` (-1: this end's own), this one ``far_bell``.

        The descriptors stay the caller's, and must stay open until :meth:`unlink`. Queue sizes are in bytes.
        ConfigError for one that is too large, ValueError for a region that is too small, OSError.
        """
        if client_queue > MAX_QUEUE or server_queue > MAX_QUEUE:     # larger ones could overflow the sum
            raise ConfigError(f"queues of {client_queue} and {server_queue} bytes, the limit is {MAX_QUEUE}")
        if region.size < link_bytes(client_queue, server_queue):
            raise ValueError("the region is too small for the queues")
        cdef crq_ctl *client = <crq_ctl *>region.base
        cdef crq_ctl *server = <crq_ctl *>(region.base + CTL_NEXT)
        cdef crq_slot *to_client = <crq_slot *>(region.base + TCE_PAGE)
        cdef crq_slot *to_server = <crq_slot *>(region.base + TCE_PAGE + client_queue)
        self.link_region = region
        self.near, self.far = (server, client) if is_server else (client, server)
        self.near_slots, self.far_slots = (to_server, to_client) if is_server else (to_client, to_server)
        self.near_count = (server_queue if is_server else client_queue) // sizeof(crq_elem)
        self.far_count = (client_queue if is_server else server_queue) // sizeof(crq_elem)
        self.near_place = self.far_place = 0
        if bell >= 0:
            if bell_watch(self.epoll, bell) < 0:
                raise _oserror()
            self.link_bell = bell
            # An eventfd that counts from 1 wakes epoll once without a ring: consume that. If our own bell was heard
            # with it, ring that again.
            bell_hear(self.epoll, self.bell, bell, 0)
            if shared_get(&self.woken):
                bell_ring(self.bell)
        self.far_bell = far_bell
        shared_set(&self.near.state, self.state)
        if self.signalled:
            self.arm()

    def unlink(self, int code):
        """The partner is gone for good. If both queues were registered, event ``code`` follows its elements."""
        if self.link_bell >= 0:
            fd_unwatch(self.epoll, self.link_bell)
        self.hushed = False
        if self.owed:
            self.ring()
        self.link_bell = self.far_bell = -1
        cdef bint was_there = self.state != CRQ_FREE and shared_get(&self.far.state) != CRQ_FREE
        self.far, self.alone_far.state = &self.alone_far, CRQ_FREE
        self.far_count = 0
        memset(&self.other, 0, sizeof(self.other))
        if was_there:
            self.note_event(code)

    def shut(self):
        """Close this end. After this only :meth:`wake` may be called, and views of memory may be used."""
        self.part()     # a thread that waits without the interpreter's lock leaves before anything is freed
        self.closed = True
        self.state = CRQ_FREE
        shared_set(&self.near.state, CRQ_FREE)
        self.unlink(0)
        self.near, self.near_count, self.event = &self.alone_near, 0, 0
        memset(&self.own, 0, sizeof(self.own))
        # Dropped now, not by the garbage collector: a partner's window may be large. Views keep their Region.
        self.region = self.far_region = self.link_region = None
        c_close(self.epoll)
        self.epoll = -1
        if not self.lent:       # a lent bell stays open: a thread without the interpreter's lock may be ringing it
            c_close(self.bell)
            self.bell = -1

    def place_queue(self, uint64_t ioba, uint64_t length, Adapter partner):
        """Make ``length`` bytes of this end's window its queue, while nothing is sent. False if they are not mapped."""
        cdef uint8_t *base = self.reach_own(ioba, length)
        if base is NULL:
            return False
        if <crq_slot *>base != self.near_slots or length // sizeof(crq_elem) != self.near_count:
            self.near_slots, self.near_count, self.near_place = <crq_slot *>base, length // sizeof(crq_elem), 0
            if partner is not None:
                partner.far_slots, partner.far_count, partner.far_place = self.near_slots, self.near_count, 0
        elif partner is not None and self.state == CRQ_FREE:
            # The queue is in the owner's memory, to which anything may have been written, by a partner's H_COPY_RDMA
            # too. Then the owner has taken elements that were never sent, and its place is not the partner's.
            self.drop_all()
            memset(base, 0, length)
            if self.near_place != partner.far_place:
                time.sleep(HALF_WAY)    # or else a send that began before the queue was freed is not over yet
                if self.near_place != partner.far_place:
                    self.near_place = partner.far_place
        return True

    def register(self):
        """H_REG_CRQ. Whether the partner's queue is registered too."""
        self.check_open()
        code = self.hcall_register()
        if code != H_SUCCESS and code != H_CLOSED:
            self.fail("H_REG_CRQ", code)
        return code == H_SUCCESS

    def free(self):
        """H_FREE_CRQ."""
        self.check_open()
        code = self.hcall_free()
        if code:
            self.fail("H_FREE_CRQ", code)

    def enable(self):
        """H_ENABLE_CRQ."""
        self.check_open()
        code = self.hcall_enable()
        if code:
            self.fail("H_ENABLE_CRQ", code)

    def signal(self, bint on):
        """H_VIO_SIGNAL."""
        self.check_open()
        code = self.hcall_signal(on)
        if code:
            self.fail("H_VIO_SIGNAL", code)

    def send(self, element):
        """H_SEND_CRQ of an element, 16 bytes. ValueError for another length."""
        cdef crq_elem words
        cdef int code
        load(element, &words)
        code = self.send16(words.hi, words.lo)
        if code:
            self.refused(code)

    def native(self, tap=None):
        """A link for the native lane: see :meth:`pysrp.fabric.Port.native`."""
        from pysrp._fast.crq_link import CrqLink, TapLink
        return CrqLink(self) if tap is None else TapLink(self, tap)

    def native_client(self, tap=None):
        """A link for the initiator's lane: see :meth:`pysrp.fabric.Port.native_client`."""
        from pysrp._fast.crq_client_link import CrqClientLink, TapClientLink
        return CrqClientLink(self) if tap is None else TapClientLink(self, tap)

    cdef refused(self, int code):
        self.check_open()
        if code == H_DROPPED:
            # The queue is full, perhaps because the partner's process is dead.
            self.tend()
            if not self.linked():
                code = H_CLOSED
        self.fail("H_SEND_CRQ", code)

    def send_many(self, elements):
        """H_SEND_CRQ for each element, and one doorbell. How many were sent."""
        return self.send_all(elements)

    cdef Py_ssize_t send_all(self, elements) except -1:
        cdef crq_elem words
        cdef Py_ssize_t sent = 0
        cdef int code = 0
        try:
            for element in elements:
                load(element, &words)
                code = self.put16(words.hi, words.lo)
                if code:
                    break
                sent += 1
        finally:
            if sent and self.hushed:
                self.ring()
            elif sent:
                with nogil:
                    self.ring()
        if code and not sent:
            if code != H_DROPPED:
                self.refused(code)
            self.check_open()
            self.tend()
        return sent

    cdef list taken(self):
        cdef crq_elem batch[BATCH]
        cdef list found = []
        gather(found, batch, self.drain(batch, BATCH))
        return found

    cdef int settle(self, bint rung) except -1:
        cdef bint other = rung and bell_hear(self.epoll, self.bell, self.link_bell, 0) & HEARD_OTHER
        if self.signalled:
            self.arm()
        return other or self.untended or self.available()

    def poll(self, Py_ssize_t max=BATCH):
        """Take up to ``max`` elements, a list of bytes."""
        cdef crq_elem batch[BATCH]
        cdef Py_ssize_t got, want
        cdef list found = []
        cdef bint looked = False
        if self.closed:
            self.check_open()
        while len(found) < max:
            want = max - len(found)
            want = BATCH if want > BATCH else want
            got = self.drain(batch, want)
            gather(found, batch, got)
            if got == want:
                continue
            # The queue is empty. The doorbell has to be heard before it can ring again, and a partner that has died
            # does not ring: so listen, but only when there is a reason, as that is a system call.
            if looked or (found and not (self.signalled and not shared_get(&self.near.armed))):
                break
            looked = True
            if self.hear(0) & HEARD_OTHER or self.untended:
                self.tend()
            if self.signalled:
                self.arm()
        if self.signalled and (self.available() or shared_get(&self.stirred)):
            bell_ring(self.bell)    # more than `max` elements, or a medium has something: the descriptor stays readable
        return found


cdef int ring_all(list ends) except -1:
    cdef int bells[BELLS]
    cdef int count
    cdef Adapter end
    cdef list some
    while ends:
        some = ends[:BELLS]     # references until the bells have rung: an end that is freed closes its descriptors
        del ends[:BELLS]
        count = 0
        for end in some:
            if end.owed:
                end.owed = False
                bells[count] = end.far_bell
                count += 1
        if count:
            with nogil:
                bell_ring_all(bells, count)
    return 0


cdef int load(element, crq_elem *words) except -1:
    cdef Py_buffer view
    cdef Py_ssize_t size
    cdef uint8_t *p
    if type(element) is bytes and PyBytes_GET_SIZE(element) == 16:
        p = <uint8_t *>PyBytes_AS_STRING(element)
        words.hi, words.lo = wire_get64(p), wire_get64(p + 8)
        return 0
    PyObject_GetBuffer(element, &view, PyBUF_SIMPLE)
    size = view.len
    if size == 16:
        words.hi, words.lo = wire_get64(<uint8_t *>view.buf), wire_get64(<uint8_t *>view.buf + 8)
    PyBuffer_Release(&view)
    if size != 16:
        raise ValueError(f"a CRQ element has 16 bytes, not {size}")
    return 0


cdef int gather(list found, crq_elem *batch, Py_ssize_t count) except -1:
    cdef Py_ssize_t i
    cdef bytes one
    for i in range(count):
        one = PyBytes_FromStringAndSize(NULL, 16)
        wire_put64(<uint8_t *>PyBytes_AS_STRING(one), batch[i].hi)
        wire_put64(<uint8_t *>PyBytes_AS_STRING(one) + 8, batch[i].lo)
        found.append(one)
    return 0
