"""Queues, windows and doorbells of the simulated transports (the C level is in fabric.h).

:class:`Adapter` is one end of a connection over memory that both ends map. Its subclasses in
pysrp.fabric say where that memory comes from and how they learn that the partner is gone.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer, PyBUF_SIMPLE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memmove, memset

import os

from pysrp.errors import ConfigError


cdef extern from "sys/mman.h" nogil:
    void *mmap(void *at, size_t size, int protection, int flags, int fd, long offset)
    int munmap(void *at, size_t size)
    void *MAP_FAILED
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED
        MAP_PRIVATE
        MAP_ANONYMOUS
        MAP_NORESERVE

cdef extern from "sys/epoll.h" nogil:
    int epoll_create1(int flags)
    enum:
        EPOLL_CLOEXEC

cdef extern from "sys/eventfd.h" nogil:
    int eventfd(unsigned int count, int flags)
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK

cdef extern from "sys/inotify.h" nogil:
    int inotify_init1(int flags)
    int inotify_add_watch(int fd, const char *path, uint32_t mask)
    enum:
        IN_CLOEXEC
        IN_NONBLOCK
        IN_MOVED_TO

cdef extern from "unistd.h" nogil:
    int c_close "close"(int fd)

cdef extern from "wire.h" nogil:
    uint64_t wire_get64(const uint8_t *at)
    void wire_put64(uint8_t *at, uint64_t value)

cdef extern from "fabric.h" nogil:
    enum:
        CRQ_FREE
        CRQ_OPEN
        CRQ_SUSPENDED
        CRQ_VALID
        CRQ_EVENT
        CRQ_OVERWRITTEN
        TCE_PAGE
        TCE_SHIFT
    uint32_t shared_get(const uint32_t *word)
    void shared_set(uint32_t *word, uint32_t value)
    uint32_t shared_swap(uint32_t *word, uint32_t value)
    void shared_fence()
    unsigned int crq_header(const crq_slot *slot)
    int crq_put(crq_slot *queue, uint32_t slots, uint32_t *place, uint64_t hi, uint64_t lo)
    void crq_post(crq_slot *queue, uint32_t slots, uint32_t *place, unsigned int code)
    int crq_take(crq_slot *queue, uint32_t slots, uint32_t *place, crq_elem *out)
    int crq_drop_last(crq_slot *queue, uint32_t slots, uint32_t place)
    uint64_t tce_get(const tce_window *w, uint64_t entry)
    void tce_set(tce_window *w, uint64_t entry, uint64_t tce)
    uint8_t *tce_reach(const tce_window *w, uint64_t ioba, uint64_t length, unsigned int access)
    bint tce_inside(const tce_window *w, uint64_t ioba, uint64_t length)
    int tce_copy(const tce_window *w, uint64_t ioba, uint8_t *local, uint64_t length, bint store)
    int64_t clock_ns()
    void cpu_relax()
    bint is_tmpfs(int fd)

cdef extern from "bell.h" nogil:
    enum:
        HEARD_OTHER
        HEARD_SIGNAL
    void bell_begin()
    void bell_ring(int fd)
    int bell_watch(int epoll, int fd)
    int fd_watch(int epoll, int fd)
    int fd_unwatch(int epoll, int fd)
    int bell_hear(int epoll, int bell, int link_bell, int64_t timeout)


cdef enum:
    SPIN_NS = 20000         # longer does not pay: a sleeping partner is reached in about that time
    SPIN_MISSES = 4         # futile spins in a row before spinning stops
    SPIN_PROBE = 16         # then every so many sleeps one spin, lest the partner has moved
    RELEASE_GIL = 1 << 16   # bytes: below this a copy is over sooner than the GIL is back
    CTL_NEXT = 128          # apart by two cache lines, which processors fetch in pairs
    BATCH = 256
    H_NO_MEM = -9

MAX_QUEUE = 1 << 20         # bytes
MAX_TRANSFER = 128 << 10    # the least that PAPR allows for ibm,max-virtual-dma-size, and everybody's default

cdef tuple CALL_NAMES = (
    "H_REG_CRQ", "H_FREE_CRQ", "H_ENABLE_CRQ", "H_VIO_SIGNAL", "H_SEND_CRQ", "H_COPY_RDMA", "H_PUT_TCE"
)


def window_bytes(uint64_t window_size):
    """Bytes of the :class:`Region` for a window of that size: its table in whole pages, then its memory."""
    if window_size < 2 * TCE_PAGE or window_size % TCE_PAGE or window_size > <uint64_t>1 << 44:
        raise ConfigError(f"window of {window_size} bytes: a multiple of 4096 from 8192 on is needed")
    return table_bytes(window_size) + window_size


def link_bytes(uint64_t client_queue, uint64_t server_queue):
    """Bytes of the :class:`Region` for two queues and the page that says whether they are open."""
    return TCE_PAGE + client_queue + server_queue


cdef uint64_t table_bytes(uint64_t window_size) noexcept:
    return ((window_size >> TCE_SHIFT) * 8 + TCE_PAGE - 1) & ~<uint64_t>(TCE_PAGE - 1)


def ordinary_memfd(int fd):
    """Whether the descriptor's pages come from ordinary memory (not from a pool that can be empty)."""
    return is_tmpfs(fd)


def watch_directory(path):
    """An inotify descriptor, readable when a file is moved into the directory ``path``. OSError if not."""
    cdef bytes name = os.fsencode(path)
    cdef int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
    if fd < 0 or inotify_add_watch(fd, name, IN_MOVED_TO) < 0:
        problem = _oserror()
        if fd >= 0:
            c_close(fd)
        raise problem
    return fd


def make_bell():
    """An eventfd that :class:`Adapter` can ring and watch: its count is never 0 and never read."""
    cdef int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)
    bell_begin()
    if fd < 0:
        raise _oserror()
    return fd


cdef object _oserror():
    cdef int number = errno
    return OSError(number, os.strerror(number))


@cython.final
cdef class Region:
    """``size`` bytes of zeroed private memory, or of the file ``fd`` (the descriptor is not kept)."""

    def __cinit__(self, size_t size, int fd=-1):
        cdef int flags = MAP_SHARED if fd >= 0 else MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        cdef void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0)
        if base == MAP_FAILED:
            raise _oserror()
        self.base = <uint8_t *>base
        self.size = size

    def __dealloc__(self):
        if self.base is not NULL:
            munmap(self.base, self.size)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)


@cython.final
cdef class Memory:
    """Pages of a window, given out by :meth:`Adapter.allocate`; the interface is pysrp.fabric.Memory."""

    def __init__(self):
        raise TypeError("memory comes from Port.allocate")

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        if self.base is NULL:
            raise BufferError("this memory has been freed")
        PyBuffer_FillInfo(view, self, self.base, self.size, 0, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer *view):
        self.exports -= 1

    def free(self):
        """Unmap it for the partner and give the pages back."""
        if self.base is NULL:
            return
        if self.exports:
            raise BufferError("a memoryview of this memory is still alive")
        self.base = NULL
        self.port.give_back(self.address >> TCE_SHIFT, (self.size + TCE_PAGE - 1) >> TCE_SHIFT)

    def __del__(self):
        # The collector may take it together with a memoryview that lives a moment longer; the port gives
        # its memory back when it closes.
        if not self.exports:
            self.free()


@cython.final
cdef class Slice:
    """What a memoryview of the partner's window holds on to."""

    cdef Region region
    cdef uint8_t *base
    cdef Py_ssize_t size
    cdef bint writable

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.base, self.size, not self.writable, flags)


cdef class Adapter:
    """One end: its queue, its window, its doorbell. Not for direct use; see pysrp.fabric.Port.

    ``queue_size`` and ``window_size`` are bytes; ``region`` holds :func:`window_bytes` of the latter.
    A subclass gives ``fail(call, code)``, which raises, and may give ``attend()``, which looks after
    whatever it has put into the epoll descriptor.
    """

    def __cinit__(self, uint64_t queue_size, uint64_t window_size, Region region not None, *args, **kwargs):
        self.epoll = self.bell = self.link_bell = self.far_bell = -1
        self.begun = True
        self.near, self.far = &self.alone_near, &self.alone_far
        if queue_size < TCE_PAGE or queue_size % TCE_PAGE or queue_size > MAX_QUEUE:
            raise ConfigError(f"queue of {queue_size} bytes: a multiple of 4096 up to {MAX_QUEUE} is needed")
        if region.size < window_bytes(window_size):
            raise ValueError("the region is too small for the window")
        self.queue_size, self.window_size, self.max_transfer = queue_size, window_size, MAX_TRANSFER
        self.region = region
        place_window(&self.own, region, window_size)
        # Page 0 is never given out: partners take bus address 0 for "none".
        self.holes, self.used = [[1, (window_size >> TCE_SHIFT) - 1]], TCE_PAGE
        self.spin = SPIN_NS if len(os.sched_getaffinity(0)) > 1 else 0
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise _oserror()
        self.bell = make_bell()
        if bell_watch(self.epoll, self.bell) < 0:
            raise _oserror()
        bell_hear(self.epoll, self.bell, -1, 0)

    def __init__(self, queue_size, window_size, region):
        pass

    def __dealloc__(self):
        if not self.begun:
            return  # a constructor that refused its arguments: its zeros are no descriptors
        if self.epoll >= 0:
            c_close(self.epoll)
        if self.bell >= 0:
            c_close(self.bell)

    # What subclasses build on.

    def attend(self):
        """Something besides the doorbell wants attention. The default has nothing of that kind."""

    def watch(self, int fd):
        """Let :meth:`attend` be called while ``fd`` is readable."""
        if fd_watch(self.epoll, fd) < 0:
            raise _oserror()

    def unwatch(self, int fd):
        """The opposite; before ``fd`` is closed."""
        fd_unwatch(self.epoll, fd)

    def link(
        self, Region region not None, bint is_server, uint64_t client_queue, uint64_t server_queue, int bell,
        int far_bell,
    ):
        """Join the two queues in ``region``; ``bell`` (-1: the own one) is what the partner rings.

        The descriptors stay the caller's and must live until :meth:`unlink`.
        """
        if client_queue > MAX_QUEUE or server_queue > MAX_QUEUE:     # larger ones wrap around in the sum
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
            # A bell counts from 1 and so begins with a ring that nobody made; our own may be in the same ear.
            bell_hear(self.epoll, self.bell, bell, 0)
            if shared_get(&self.woken):
                bell_ring(self.bell)
        self.far_bell = far_bell
        shared_set(&self.near.state, self.state)
        if self.signalled:
            self.arm()

    def unlink(self, int code):
        """The partner is gone for good; if it was there, transport event ``code`` comes after its elements."""
        if self.link_bell >= 0:
            fd_unwatch(self.epoll, self.link_bell)
        self.link_bell = self.far_bell = -1
        cdef bint was_there = self.state != CRQ_FREE and shared_get(&self.far.state) != CRQ_FREE
        self.far, self.alone_far.state = &self.alone_far, CRQ_FREE
        self.far_count = 0
        memset(&self.other, 0, sizeof(self.other))
        if was_there:
            self.note_event(code)

    def presume_open(self):
        """Take the partner for registered, as it said, though it has not seen the queues yet."""
        shared_set(&self.far.state, CRQ_OPEN)

    def far_window(self, Region region not None, uint64_t window_size):
        """Give this end, the server, its second pane: the client's window."""
        if region.size < window_bytes(window_size):
            raise ValueError("the region is too small for the window")
        self.far_region = region
        place_window(&self.other, region, window_size)

    def note_event(self, int code):
        """Transport event in the own queue, when the partner sends no more: after what is there already."""
        cdef bint dropped = self.near_count and crq_drop_last(self.near_slots, self.near_count, self.near_place)
        self.event = code | (CRQ_OVERWRITTEN << 8 if dropped else 0)
        bell_ring(self.bell)

    def post_event(self, int code):
        """Transport event in the partner's queue, if it is registered."""
        if shared_get(&self.far.state) != CRQ_FREE and self.far_count:
            crq_post(self.far_slots, self.far_count, &self.far_place, code)
            self.ring()

    def shut(self):
        """The end: no calls but :meth:`wake` and memory that is still referred to."""
        self.closed = True
        self.state = CRQ_FREE
        shared_set(&self.near.state, CRQ_FREE)
        self.unlink(0)
        self.near, self.near_count, self.event = &self.alone_near, 0, 0
        memset(&self.own, 0, sizeof(self.own))
        # Not when the collector comes by: a partner's window is as large as it likes. Views keep what they show.
        self.region = self.far_region = self.link_region = None
        c_close(self.epoll)
        self.epoll = -1
        if not self.lent:       # else a thread that does not hold the interpreter's lock may be about to ring it
            c_close(self.bell)
            self.bell = -1

    cdef check_open(self):
        if self.closed:
            raise ValueError("the port is closed")

    # Calls without a verdict, for subclasses: PAPR's return codes.

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
        cdef uint32_t left = self.near_count
        cdef crq_elem scrap
        if self.faulty and self.strike(CALL_REG, &code):
            return code
        if self.state != CRQ_FREE:
            return H_RESOURCE
        # What came before belongs to the registration before; at most a queue full of it.
        while left and crq_take(self.near_slots, self.near_count, &self.near_place, &scrap):
            left -= 1
        self.event, self.signalled = 0, False
        shared_set(&self.near.armed, 0)
        self.state = CRQ_OPEN
        shared_set(&self.near.state, CRQ_OPEN)
        shared_fence()
        return H_CLOSED if shared_get(&self.far.state) == CRQ_FREE else H_SUCCESS

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
        shared_set(&self.near.armed, mode)
        return H_SUCCESS

    def hcall_send(self, uint64_t hi, uint64_t lo):
        """H_SEND_CRQ: H_SUCCESS, H_PARAMETER, H_CLOSED or H_DROPPED."""
        return self.send16(hi, lo)

    def hcall_put_tce(self, uint64_t ioba, uint64_t tce):
        """H_PUT_TCE: H_PARAMETER outside the window, or for a page that this partition does not have."""
        cdef int code
        if self.faulty and self.strike(CALL_PUT_TCE, &code):
            return code
        if not self.tce_fits(ioba, tce):
            return H_PARAMETER
        tce_set(&self.own, ioba >> TCE_SHIFT, tce)
        return H_SUCCESS

    def tce_fits(self, uint64_t ioba, uint64_t tce):
        """Whether :meth:`hcall_put_tce` would accept it."""
        return ioba >> TCE_SHIFT < self.own.entries and (not tce & 3 or tce >> TCE_SHIFT < self.own.pages)

    def hcall_get_tce(self, uint64_t ioba):
        """H_GET_TCE: the code and the entry."""
        if ioba >> TCE_SHIFT >= self.own.entries:
            return H_PARAMETER, 0
        return H_SUCCESS, tce_get(&self.own, ioba >> TCE_SHIFT)

    def hcall_copy(self, uint64_t length, bint from_own, uint64_t source, bint to_own, uint64_t dest):
        """H_COPY_RDMA between any two of this end's panes, page by page."""
        cdef tce_window *src = &self.own if from_own else &self.other
        cdef tce_window *dst = &self.own if to_own else &self.other
        cdef uint64_t done = 0, part
        cdef uint8_t *to
        cdef uint8_t *at
        cdef int code
        if self.faulty and self.strike(CALL_COPY, &code):
            return code
        if not (from_own and to_own) and not self.linked():
            return H_PERMISSION
        if not tce_inside(src, source, length):
            return H_SOURCE_PARM
        if not tce_inside(dst, dest, length):
            return H_DEST_PARM
        if not tce_may(src, source, length, TCE_READ) or not tce_may(dst, dest, length, TCE_WRITE):
            return H_PERMISSION
        while done < length:
            part = min(length - done, TCE_PAGE - (source + done) % TCE_PAGE, TCE_PAGE - (dest + done) % TCE_PAGE)
            at, to = tce_reach(src, source + done, part, TCE_READ), tce_reach(dst, dest + done, part, TCE_WRITE)
            if at is NULL or to is NULL:
                return H_PERMISSION
            memmove(to, at, part)
            done += part
        return H_SUCCESS

    def own_memory(self, uint64_t ioba, uint64_t length):
        """This end's memory by bus address as a memoryview, None unless mapped and in one piece."""
        cdef uint8_t *at = self.reach_own(ioba, length)
        return None if at is NULL else view_of(self.region, at, length, True)

    def unmap_all(self):
        """Make every entry of this end's window invalid."""
        memset(self.own.tce, 0, self.own.entries * sizeof(uint64_t))

    def abandon(self):
        """The queue closes as if nobody had done it: no event."""
        self.state, self.signalled = CRQ_FREE, False
        shared_set(&self.near.state, CRQ_FREE)

    @property
    def is_open(self):
        """Whether this end's queue is registered."""
        return self.state != CRQ_FREE

    @property
    def available_now(self):
        """Whether :meth:`poll` has something to give."""
        return self.available()

    @property
    def bell_fd(self):
        """The eventfd that wakes this end, for a partner in this process; stays open as long as this end is there."""
        self.lent = True
        return self.bell

    def place_queue(self, uint64_t ioba, uint64_t length, Adapter partner):
        """Make ``length`` bytes of this end's window its queue: nothing may be sent meanwhile. False if not whole."""
        cdef uint8_t *base = self.reach_own(ioba, length)
        if base is NULL:
            return False
        if <crq_slot *>base != self.near_slots or length // sizeof(crq_elem) != self.near_count:
            self.near_slots, self.near_count, self.near_place = <crq_slot *>base, length // sizeof(crq_elem), 0
            if partner is not None:
                partner.far_slots, partner.far_count, partner.far_place = self.near_slots, self.near_count, 0
        return True

    # For tests.

    def inject(self, str call, int code=0, uint32_t times=1):
        """Let the next ``times`` calls of ``call`` ("H_SEND_CRQ" …) do nothing and return ``code``.

        With code 0 the caller is told that all is well: an element swallowed, a copy that moved nothing.
        ValueError for a call that there is not.
        """
        cdef int which = CALL_NAMES.index(call)
        self.faulty += (times > 0) - (self.faults[which].left > 0)
        self.faults[which].code, self.faults[which].left = code, times

    def suspend(self):
        """This partition is suspended or migrated: transport event 6, and no element until H_ENABLE_CRQ."""
        self.check_open()
        if self.state == CRQ_FREE:
            return
        self.state = CRQ_SUSPENDED
        shared_set(&self.near.state, CRQ_SUSPENDED)
        self.note_event(6)

    # pysrp.fabric.Port

    @property
    def connected(self):
        """Whether both queues are registered."""
        return self.linked()

    def register(self):
        """H_REG_CRQ."""
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
        """H_SEND_CRQ."""
        cdef crq_elem words
        cdef int code
        load(element, &words)
        code = self.send16(words.hi, words.lo)
        if code:
            self.refused(code)

    cdef refused(self, int code):
        self.check_open()
        if code == H_DROPPED:
            # Nobody empties the queue of a process that is dead.
            self.attend()
            if not self.linked():
                code = H_CLOSED
        self.fail("H_SEND_CRQ", code)

    def send_many(self, elements):
        """H_SEND_CRQ for each, and one doorbell."""
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
            if sent:
                with nogil:
                    self.ring()
        if code and not sent:
            if code != H_DROPPED:
                self.refused(code)
            self.check_open()
            self.attend()
        return sent

    def poll(self, Py_ssize_t max=BATCH):
        """Take elements."""
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
            # Seen empty. The doorbell has to be heard before it can ring again, and a partner that died
            # rings none: look, but only when there is a reason, as it is a system call.
            if looked or (found and not (self.signalled and not shared_get(&self.near.armed))):
                break
            looked = True
            if bell_hear(self.epoll, self.bell, self.link_bell, 0) & HEARD_OTHER:
                self.attend()
            if self.signalled:
                self.arm()
        if self.signalled and self.available():
            bell_ring(self.bell)    # more than max was there: stay readable
        return found

    def wait(self, timeout=None):
        """Sleep until there is something to do."""
        cdef int64_t left = -1 if timeout is None else max(0, <int64_t>(min(timeout, 1e9) * 1e9))
        cdef int64_t end = clock_ns() + left if left > 0 else 0
        cdef int seen
        self.check_open()
        if self.ended:
            return True
        while True:
            if left == 0:
                seen = self.pause(0)
            else:
                with nogil:
                    seen = self.pause(left)
            if seen & ATTEND:
                self.attend()
                if self.available() or self.ended:
                    return True
            if seen & (READY | WOKEN):
                return True
            if seen & INTERRUPTED:
                PyErr_CheckSignals()
            if not seen or left == 0:
                return False
            if left > 0:
                left = max(0, end - clock_ns())

    def wake(self):
        """Make wait return."""
        shared_set(&self.woken, 1)
        if self.bell >= 0:
            bell_ring(self.bell)

    def fileno(self):
        """The epoll descriptor behind all of it."""
        self.check_open()
        return self.epoll

    def allocate(self, Py_ssize_t size, int access=TCE_READ | TCE_WRITE):
        """Memory with a bus address."""
        cdef uint64_t pages = (size + TCE_PAGE - 1) >> TCE_SHIFT
        cdef uint64_t first, page, dirty
        cdef Memory memory
        self.check_open()
        if size < 1:
            raise ValueError(f"{size} bytes of memory")
        for at in range(len(self.holes)):
            hole = self.holes[at]
            if hole[1] >= pages:
                break
        else:
            self.fail("H_PUT_TCE", H_NO_MEM)
        first = hole[0]
        for page in range(first, first + pages):
            code = self.hcall_put_tce(page << TCE_SHIFT, page << TCE_SHIFT | (access & 3))
            if code:
                while page > first:
                    page -= 1
                    tce_set(&self.own, page, 0)
                self.fail("H_PUT_TCE", code)
        hole[0] += pages
        hole[1] -= pages
        if not hole[1]:
            del self.holes[at]
        memory = Memory.__new__(Memory)
        memory.port, memory.region, memory.size = self, self.region, size
        memory.address = first << TCE_SHIFT
        memory.base = self.own.memory + memory.address
        if memory.address < self.used:
            dirty = min(self.used - memory.address, pages << TCE_SHIFT)
            memset(memory.base, 0, dirty)
        self.used = max(self.used, (first + pages) << TCE_SHIFT)
        return memory

    cdef give_back(self, uint64_t first, uint64_t pages):
        cdef uint64_t page
        cdef Py_ssize_t at = 0
        if self.closed:
            return
        for page in range(first, first + pages):
            tce_set(&self.own, page, 0)
        while at < len(self.holes) and self.holes[at][0] < first:
            at += 1
        self.holes.insert(at, [first, pages])
        for at in (at, at - 1):     # with the one behind it, with the one before it
            if 0 <= at < len(self.holes) - 1 and self.holes[at][0] + self.holes[at][1] == self.holes[at + 1][0]:
                self.holes[at][1] += self.holes[at + 1][1]
                del self.holes[at + 1]

    def copy_in(self, uint64_t remote, Memory local not None, uint64_t offset=0, length=None):
        """H_COPY_RDMA from the partner."""
        self.move(remote, local, offset, length, False)

    def copy_out(self, Memory local not None, uint64_t remote, uint64_t offset=0, length=None):
        """H_COPY_RDMA to the partner."""
        self.move(remote, local, offset, length, True)

    cdef move(self, uint64_t remote, Memory local, uint64_t offset, object length, bint store):
        cdef uint64_t size, count = 0
        cdef int code
        if length is not None:
            count = length      # first: a number may run code, which may free the memory or close the port
        self.check_open()
        if local.base is NULL or local.port is not self:
            raise ValueError("not this port's memory, or freed")
        size = local.size
        if offset > size:
            raise ValueError(f"offset {offset} in memory of {size} bytes")
        if length is None:
            count = size - offset
        if count > size - offset:
            raise ValueError(f"{count} bytes at offset {offset} in memory of {size} bytes")
        if count < RELEASE_GIL:
            code = self.copy(remote, local.base + offset, count, store)
        else:
            local.exports += 1      # nobody frees it meanwhile
            with nogil:
                code = self.copy(remote, local.base + offset, count, store)
            local.exports -= 1
        if code:
            self.fail("H_COPY_RDMA", code)

    def window(self, uint64_t remote, uint64_t length, int access=TCE_READ):
        """The partner's memory itself."""
        cdef uint8_t *base
        self.check_open()
        if not length:
            return memoryview(b"")
        if not self.linked() or not self.other.entries:
            self.fail("H_COPY_RDMA", H_PERMISSION if self.far_region is not None else H_SOURCE_PARM)
        if not tce_inside(&self.other, remote, length):
            self.fail("H_COPY_RDMA", H_DEST_PARM if access == TCE_WRITE else H_SOURCE_PARM)
        base = self.reach(remote, length, access)
        if base is NULL:
            if not tce_may(&self.other, remote, length, access):
                self.fail("H_COPY_RDMA", H_PERMISSION)
            return None
        return view_of(self.far_region, base, length, access & TCE_WRITE)

    # The C level.

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
        shared_fence()
        if shared_get(&self.far.armed) and shared_swap(&self.far.armed, 0) and self.far_bell >= 0:
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
                # H_SEND_CRQ lets no such header pass. Bounded: the partner may write them for ever.
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

    cdef uint8_t *reach(self, uint64_t ioba, uint64_t length, unsigned int access) noexcept nogil:
        if not self.other.entries or not self.linked():
            return NULL
        return tce_reach(&self.other, ioba, length, access)

    cdef uint8_t *reach_own(self, uint64_t ioba, uint64_t length) noexcept nogil:
        return tce_reach(&self.own, ioba, length, 0)

    cdef int copy(self, uint64_t ioba, uint8_t *local, uint64_t length, bint store) noexcept nogil:
        cdef uint64_t done = 0, part
        cdef int code = H_SUCCESS
        while done < length and code == H_SUCCESS:
            part = min(length - done, self.max_transfer)
            if self.faulty and self.strike(CALL_COPY, &code):
                pass
            elif self.far_region is None:
                code = H_PARAMETER              # a client has no second pane
            elif not self.other.entries or not self.linked():
                code = H_PERMISSION             # ibmvscsis takes it for "the client may be gone"
            elif ioba + done < ioba:
                code = H_PARAMETER
            else:
                code = tce_copy(&self.other, ioba + done, local + done, part, store)
            if code == H_PARAMETER:
                code = H_DEST_PARM if store else H_SOURCE_PARM
            done += part
        return code

    cdef void arm(self) noexcept nogil:
        shared_set(&self.near.armed, 1)
        shared_fence()

    cdef int pause(self, int64_t nanoseconds) noexcept nogil:
        cdef int64_t end
        cdef int heard, seen = 0
        cdef uint32_t turn = 0
        if self.available():
            return READY
        if shared_get(&self.woken) and shared_swap(&self.woken, 0):
            return WOKEN
        # A partner on the same processor cannot answer while we spin: after a few misses only try now and then.
        if nanoseconds and self.spin and (self.misses < SPIN_MISSES or self.misses % SPIN_PROBE == 0):
            end = clock_ns() + (min(self.spin, nanoseconds) if nanoseconds > 0 else self.spin)
            while True:
                cpu_relax()
                if self.available():
                    self.misses = 0
                    return READY
                turn += 1
                if turn & 31 == 0 and (shared_get(&self.woken) or clock_ns() >= end):
                    break
        self.misses += 1
        self.arm()
        # Between the last look and the flag something may have come: look once more, then sleep.
        heard = bell_hear(self.epoll, self.bell, self.link_bell,
                          0 if self.available() or shared_get(&self.woken) else nanoseconds)
        if not self.signalled:
            shared_set(&self.near.armed, 0)
        if self.available():
            seen |= READY
        if shared_get(&self.woken) and shared_swap(&self.woken, 0):
            seen |= WOKEN
        if heard & HEARD_OTHER:
            seen |= ATTEND
        if heard & HEARD_SIGNAL:
            seen |= INTERRUPTED
        if heard and not seen:
            seen = NOTHING_YET
        return seen


cdef void place_window(tce_window *w, Region region, uint64_t window_size) noexcept:
    w.tce = <uint64_t *>region.base
    w.memory = region.base + table_bytes(window_size)
    w.pages = w.entries = window_size >> TCE_SHIFT


cdef bint tce_may(tce_window *w, uint64_t ioba, uint64_t length, unsigned int access) noexcept:
    cdef uint64_t page
    if not length:
        return True
    for page in range(ioba >> TCE_SHIFT, ((ioba + length - 1) >> TCE_SHIFT) + 1):
        if tce_reach(w, page << TCE_SHIFT, TCE_PAGE, access) is NULL:
            return False
    return True


cdef view_of(Region region, uint8_t *base, Py_ssize_t size, bint writable):
    cdef Slice part = Slice.__new__(Slice)
    part.region, part.base, part.size, part.writable = region, base, size, writable
    return memoryview(part)


cdef int load(element, crq_elem *words) except -1:
    cdef Py_buffer view
    cdef Py_ssize_t size
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
