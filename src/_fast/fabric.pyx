"""Queues, windows and doorbells of the simulated transports (the C level is in fabric.h).

:class:`Adapter` is one end of a connection over memory that both ends map. Its subclasses in
pysrp.fabric provide that memory and find out when the partner is gone.
"""

from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

import os

from pysrp import papr
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
    int usleep(unsigned int microseconds)

cdef extern from "pthread.h" nogil:
    int pthread_atfork(void *prepare, void *parent, void (*child)() noexcept nogil)

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
    void shared_arm(uint32_t *armed)
    int shared_wakes(uint32_t *armed)
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
        BELLS
        HEARD_OTHER
        HEARD_SIGNAL
        HEARD_MEDIUM
    void bell_begin()
    void bell_ring(int fd)
    void bell_ring_all(const int *fds, int count)
    int bell_watch(int epoll, int fd)
    int fd_watch(int epoll, int fd, bint readable)
    int fd_unwatch(int epoll, int fd)
    int bell_hear(int epoll, int bell, int link_bell, int64_t timeout)


cdef enum:
    SPIN_NS = 100000        # longer does not pay: in that time both ends can sleep and be woken, in a VM too
    SPIN_ASLEEP = 2         # an event that comes within SPIN_NS has woken a sleeper within this many times SPIN_NS
    SPIN_SHORT = 5          # if the last event took longer than that, spin for SPIN_NS divided by this
    SPIN_MISSES = 4         # futile spins in a row before spinning stops
    SPIN_PROBE = 256        # then one spin at powers of 2 and every so many sleeps, in case the partner has moved
    PARTING_US = 100        # between two looks of part() whether the waiting thread has left
    NAP_NS = 1000000        # until the lane looks again at media that need not ring before
    PATIENCE_NS = 1000000000    # naps are no longer than this, whatever the owner's timeout
    RELEASE_GIL = 1 << 16   # bytes: a copy of fewer takes less time than releasing and taking the GIL
    CTL_NEXT = 128          # distance of two crq_ctl: two cache lines, which processors fetch in pairs
    BATCH = 256

HALF_WAY = 0.001
"""Seconds in which a thread surely gets from one instruction to the next."""

MAX_QUEUE = 1 << 20         # bytes
MAX_TRANSFER = 128 << 10    # the least that PAPR allows for ibm,max-virtual-dma-size, and the usual default

cdef tuple CALL_NAMES = (
    "H_REG_CRQ", "H_FREE_CRQ", "H_ENABLE_CRQ", "H_VIO_SIGNAL", "H_SEND_CRQ", "H_COPY_RDMA", "H_PUT_TCE"
)


for _name, _code in {
    "H_SUCCESS": H_SUCCESS, "H_CLOSED": H_CLOSED, "H_PARAMETER": H_PARAMETER, "H_NO_MEM": H_NO_MEM,
    "H_PERMISSION": H_PERMISSION, "H_DROPPED": H_DROPPED, "H_SOURCE_PARM": H_SOURCE_PARM,
    "H_DEST_PARM": H_DEST_PARM, "H_RESOURCE": H_RESOURCE,
}.items():
    if papr.ReturnCode[_name] != _code:
        raise ImportError(f"fabric.h has {_code} for {_name}, pysrp.papr {int(papr.ReturnCode[_name])}")


def window_bytes(uint64_t window_size):
    """Bytes of the :class:`Region` of a window of ``window_size`` bytes: TCE table in whole pages, then the memory.

    ConfigError for a size that is no multiple of 4096, below 8192 or above 16 TiB.
    """
    if window_size < 2 * TCE_PAGE or window_size % TCE_PAGE or window_size > <uint64_t>1 << 44:
        raise ConfigError(f"window of {window_size} bytes: a multiple of 4096 from 8192 on is needed")
    return table_bytes(window_size) + window_size


def link_bytes(uint64_t client_queue, uint64_t server_queue):
    """Bytes of the :class:`Region` of two queues, of so many bytes each, and the page of their control words."""
    return TCE_PAGE + client_queue + server_queue


cdef uint64_t table_bytes(uint64_t window_size) noexcept:
    return ((window_size >> TCE_SHIFT) * 8 + TCE_PAGE - 1) & ~<uint64_t>(TCE_PAGE - 1)


def ordinary_memfd(int fd):
    """Whether ``fd`` is a file in ordinary memory (tmpfs), not in a pool of huge pages, which can be empty."""
    return is_tmpfs(fd)


def watch_directory(path, int flags=0):
    """An inotify descriptor that is readable when a file is moved into the directory ``path``. Raises OSError.

    ``flags`` is ignored; an opener of :class:`io.FileIO` is given it.
    """
    cdef bytes name = os.fsencode(path)
    cdef int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
    if fd < 0 or inotify_add_watch(fd, name, IN_MOVED_TO) < 0:
        problem = _oserror()
        if fd >= 0:
            c_close(fd)
        raise problem
    return fd


def make_bell():
    """An eventfd that :class:`Adapter` can ring and watch; its count starts at 1 and is never read. Raises OSError."""
    cdef int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)
    bell_begin()
    if fd < 0:
        raise _oserror()
    return fd


cdef object _oserror():
    cdef int number = errno
    return OSError(number, os.strerror(number))


# One compilation unit. Adapter is one class in layers; each uses those below it.

include "fabric_memory.pxi"
include "fabric_crq.pxi"
include "fabric_wait.pxi"
include "fabric_window.pxi"
include "fabric_adapter.pxi"
