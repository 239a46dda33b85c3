"""``vio:UNIT``: the real CRQ of a POWER partition, through the character device of ``kernel/``.

UNIT is the adapter's unit address in hexadecimal, as in ``/sys/bus/vio/devices``. Client slots
(``IBM,v-scsi``) are opened by :func:`connect`, server slots (``IBM,v-scsi-host``) by :func:`listen`,
whose listener gives the slot's one port. docs/power.md says how to get there.

The platform gives no window into the partner's memory (:meth:`PowerPort.window` returns None), and does not tell
the partner's name. Whether the partner is connected is inferred from elements sent and received.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import platform
import select
from collections.abc import Collection, Iterable, Sequence
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any

from pysrp.errors import ConfigError, PartnerGone, TransportError, UnavailableError
from pysrp.fabric import ELEMENT_SIZE, PAGE_SIZE, Access, Identity, Listener, Memory, Piece, Port, fail
from pysrp.papr import ReturnCode

try:
    from pysrp.fabric._power import ffi, lib
except ImportError as _problem:
    raise UnavailableError(
        f"vio: needs pysrp.fabric._power, which this installation of pysrp lacks ({_problem}): "
        "install pysrp again on this machine, with cffi and a C compiler"
    ) from _problem

__all__ = ["PowerListener", "PowerMemory", "PowerPort", "connect", "listen"]

H = ReturnCode

DEVICES = Path("/dev")
SYSTEM = Path("/sys")

EVENT = 0xFF
GONE = (1, 2, 6)
"""Transport events after which nothing can be sent: failed, deregistered, suspended."""

LOOK_NS, MISSES, PROBE = 20_000, 3, 64
"""Before its owner sleeps, the queue is polled for ``LOOK_NS`` nanoseconds; after more than ``MISSES`` such polls in a row that
found nothing, only at every ``PROBE``-th time."""

ACCESS = {
    Access.READ: lib.VSCSI_CRQ_DMA_READ,
    Access.WRITE: lib.VSCSI_CRQ_DMA_WRITE,
    Access.BOTH: lib.VSCSI_CRQ_DMA_READ | lib.VSCSI_CRQ_DMA_WRITE,
}
"""Linux maps no memory without access, so there is no NONE; and memory that the partner may write, it may also read."""


class PowerMemory(mmap.mmap):
    """DMA memory of the door: a Python mmap, which counts its views, with the door's pages mapped over it."""

    address: int
    _port: PowerPort | None

    def free(self) -> None:
        """Unmap it from the bus and free it; BufferError while there is a memoryview of it."""
        if not self.closed:
            self.close()
            if self._port is not None and not self._port.closed:
                self._port._unmap(self.address)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError, BufferError):
            self.free()


class Gathering:
    """Copies and elements of a port in one call of the kernel."""

    def __init__(self, port: PowerPort) -> None:
        self._port = port
        self._pieces = ffi.new(f"struct vscsi_crq_piece[{lib.VSCSI_CRQ_TOGETHER_MAX}]")
        self._elements = ffi.new(f"unsigned char[{lib.VSCSI_CRQ_SEND_MAX * ELEMENT_SIZE}]")
        places = {
            name: int(ffi.cast("uintptr_t", place))
            for name, place in (("copies", self._pieces), ("elements", self._elements))
        }
        self._made = ffi.new("struct vscsi_crq_together *", places)

    def run(self, pieces: Sequence[Piece], elements: Sequence[bytes]) -> tuple[int, int, bool]:
        """Returns how many copies are done, how many elements were accepted, and whether the caller need do no more.

        If that is False, the caller makes the remaining copies one by one and sends the remaining elements, to get the error.
        """
        copied = sent = 0
        while copied < len(pieces) or sent < len(elements):
            some = pieces[copied : copied + lib.VSCSI_CRQ_TOGETHER_MAX]
            last = copied + len(some) == len(pieces)
            chunk = elements[sent : sent + lib.VSCSI_CRQ_SEND_MAX] if last else ()
            if not self._can_go(some, chunk) or not self._goes(some, chunk):
                return copied, sent, False
            made = self._made
            copied += made.copied
            sent += made.sent
            if made.hrc:
                # The call that sends only elements raises PartnerGone and the like.
                return copied, sent, copied < len(pieces) or sent > 0 or made.hrc == H.H_DROPPED
        return copied, sent, True

    def _can_go(self, pieces: Sequence[Piece], elements: Sequence[bytes]) -> bool:
        return (
            bool(self._port._queue)
            and all(len(one) == ELEMENT_SIZE and 0x80 <= one[0] < EVENT for one in elements)
            and all(
                isinstance(local, PowerMemory)
                and local._port is self._port
                and 0 <= offset <= len(local) - length
                and 0 < length < (1 << 64) - remote
                and remote >= 0
                for _, local, offset, remote, length in pieces
            )
        )

    def _goes(self, pieces: Sequence[Piece], elements: Sequence[bytes]) -> bool:
        """Call the kernel; False if nothing was done."""
        port, made = self._port, self._made
        for at, (outward, local, offset, remote, length) in enumerate(pieces):
            piece = self._pieces[at]
            piece.direction = lib.VSCSI_CRQ_COPY_OUT if outward else lib.VSCSI_CRQ_COPY_IN
            piece.local, piece.remote, piece.length = local.address + offset, remote, length
        if elements:
            ffi.memmove(self._elements, b"".join(elements), len(elements) * ELEMENT_SIZE)
        try:
            port._ioctl(lib.VSCSI_CRQ_TOGETHER, made, copy_count=len(pieces), count=len(elements))
        except PartnerGone:
            return False
        except OSError as problem:
            if problem.errno == errno.ENOTTY:
                port.gathers = False
            elif problem.errno not in (errno.ENOTCONN, errno.ENOMEM):
                raise
            return False
        if made.sent:
            port._connected = made.hrc != H.H_CLOSED
        return True


class PowerPort(Port):
    """One virtual SCSI adapter."""

    def __init__(self, device: FileIO, info: Any, identity: Identity, queue_size: int) -> None:
        self.closed: bool = False
        self.identity = identity
        self.is_server: bool = info.kind == lib.VSCSI_CRQ_SERVER
        self.queue_size: int = -(-queue_size // info.page_size) * info.page_size
        self.window_size: int = info.window[0].size
        self.max_transfer: int = info.copy_max
        self._page_size = info.page_size
        self._device = device
        self._fd = device.fileno()
        self._shut = False  # the kernel has closed it: the adapter is gone
        self._connected = False
        self._queue = ffi.NULL
        self._next = 0
        self._wanted = False  # whether the owner has switched signals on
        self._armed = False  # whether the interrupt is enabled and none has been read since
        self._told = True  # whether the device may have an event to read
        self._watched = False  # whether fileno() was called, so that its caller may wait for the descriptor
        self._misses = 0  # polls of the queue before sleeping that found nothing
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._rung = False
        self._epoll = select.epoll()
        self._epoll.register(self._fd, select.EPOLLIN)
        self._epoll.register(self._bell, select.EPOLLIN)
        # Made once, as making them takes longer than the calls; one of each is enough, as a port has one owner.
        self._result = ffi.new("struct vscsi_crq_result *")
        self._signal = ffi.new("struct vscsi_crq_signal *")
        self._copy = ffi.new("struct vscsi_crq_copy *")
        self._elements = ffi.new(f"unsigned char[{lib.VSCSI_CRQ_SEND_MAX * ELEMENT_SIZE}]")
        self._send = ffi.new(
            "struct vscsi_crq_send *", {"elements": int(ffi.cast("uintptr_t", self._elements))}
        )
        self.gathers: bool = self.is_server  # until an older kernel module fails with ENOTTY
        self._gathering = Gathering(self)

    def _ioctl(self, request: int, argument: Any, **fields: int) -> Any:
        """Make an ioctl; returns the structure. PartnerGone if the adapter is gone, OSError for another errno."""
        self._check()
        for name, value in fields.items():
            setattr(argument, name, value)
        problem = lib.power_ioctl(self._fd, request, argument)
        if problem == -errno.ENODEV:
            self._shut = True
            raise PartnerGone("the platform has taken the adapter away, or its driver was unbound")
        if problem:
            raise OSError(-problem, os.strerror(-problem))
        return argument

    def _check(self) -> None:
        if self.closed:
            raise ValueError("the port is closed")

    # The partner.

    @property
    def partner(self) -> Identity | None:
        """The partner as H_VIOCTL GET_PARTNER_INFO tells it, without a name; with empty fields if that tells nothing."""
        if not self.connected:
            return None
        told = ffi.new("struct vscsi_crq_partner *")
        try:
            self._ioctl(lib.VSCSI_CRQ_PARTNER, told)
        except PartnerGone:
            return None
        except OSError as problem:
            if problem.errno not in (errno.ENOTTY, errno.ENOMEM):  # an older module; no memory to ask with
                raise
        return Identity(
            unit_address=told.unit & 0xFFFFFFFF,
            partition_number=told.partition & 0xFFFFFFFF,
            location_code=ffi.string(told.location).decode(errors="replace"),
        )

    @property
    def connected(self) -> bool:
        """Whether the partner is connected, inferred from the last element, event or hypervisor call."""
        return self._connected and bool(self._queue) and not self._shut

    @property
    def ended(self) -> bool:
        """True when closed, or when the platform has taken the adapter away."""
        return self.closed or self._shut

    # The queue.

    def register(self) -> bool:
        """H_REG_CRQ. If a kernel before kexec has left the queue registered, it is freed first."""
        new = ffi.new("struct vscsi_crq_register *")
        try:
            self._ioctl(lib.VSCSI_CRQ_REGISTER, new, size=self.queue_size)
            if new.hrc == H.H_RESOURCE:
                self._ioctl(lib.VSCSI_CRQ_FREE, self._result)
                self._ioctl(lib.VSCSI_CRQ_REGISTER, new, size=self.queue_size)
        except TransportError:
            raise
        except OSError as problem:
            if problem.errno == errno.EBUSY:
                fail("H_REG_CRQ", H.H_RESOURCE)
            raise TransportError(
                problem.errno, f"the queue cannot be registered: {problem.strerror}"
            ) from problem
        if new.hrc not in (H.H_SUCCESS, H.H_CLOSED):
            fail("H_REG_CRQ", new.hrc)
        queue = lib.power_map(ffi.NULL, self.queue_size, self._fd, new.offset)
        if not queue:
            number = ffi.errno
            self._ioctl(lib.VSCSI_CRQ_FREE, self._result)
            raise TransportError(number, f"the queue cannot be mapped: {os.strerror(number)}")
        self._queue = ffi.cast("unsigned char *", queue)
        self._next = 0
        self._wanted = self._armed = False
        self._connected = new.hrc == H.H_SUCCESS
        return self._connected

    def free(self) -> None:
        """H_FREE_CRQ."""
        code = 0
        with contextlib.suppress(PartnerGone):  # the kernel has freed it then
            code = self._ioctl(lib.VSCSI_CRQ_FREE, self._result).hrc
        if code:
            fail("H_FREE_CRQ", code)
        self._unmap_queue()

    def _unmap_queue(self) -> None:
        queue, self._queue = self._queue, ffi.NULL
        if queue:
            lib.munmap(queue, self.queue_size)

    def enable(self) -> None:
        """H_ENABLE_CRQ."""
        code = H.H_CLOSED
        with self._registered():
            code = self._ioctl(lib.VSCSI_CRQ_ENABLE, self._result).hrc
        if code:
            fail("H_ENABLE_CRQ", code)
        self._connected = True  # until a send fails

    def signal(self, on: bool) -> None:
        """H_VIO_SIGNAL."""
        self._check()
        self._wanted = bool(on)
        self._arm(on)

    def _arm(self, on: bool) -> None:
        code = 0
        with self._registered():
            code = self._ioctl(lib.VSCSI_CRQ_SIGNAL, self._signal, enable=on).hrc
            self._armed = bool(on)
        if code:
            self._armed = False
            fail("H_VIO_SIGNAL", code)

    @contextlib.contextmanager
    def _registered(self) -> Any:
        """Ignore the errors of a call that needs a registered queue when there is none, or no adapter."""
        try:
            yield
        except PartnerGone:
            pass
        except OSError as problem:
            if problem.errno != errno.ENOTCONN:
                raise

    def send(self, element: bytes | bytearray | memoryview) -> None:
        """H_SEND_CRQ."""
        if not self.send_many((element,)):
            fail("H_SEND_CRQ", H.H_DROPPED)

    def send_many(self, elements: Iterable[bytes | bytearray | memoryview]) -> int:
        """H_SEND_CRQ for each element, in as few calls of the kernel as possible."""
        self._check()
        source = iter(elements)
        sent = 0
        while chunk := list(islice(source, lib.VSCSI_CRQ_SEND_MAX)):
            good = 0
            wrong: Exception | None = None
            for one in chunk:
                if len(one) != ELEMENT_SIZE:
                    wrong = ValueError(f"an element has 16 bytes, not {len(one)}")
                    break
                if not 0x80 <= one[0] < EVENT:
                    break
                good += 1
            code = self._send_chunk(chunk[:good]) if good else H.H_PARAMETER
            done = self._send.done if good else 0
            sent += done
            if wrong is not None and done == good:
                raise wrong
            if done < len(chunk):
                if not sent and code != H.H_DROPPED:
                    fail("H_SEND_CRQ", code or H.H_PARAMETER)
                break
        return sent

    def _send_chunk(self, chunk: list[bytes | bytearray | memoryview]) -> int:
        if not self._queue:
            self._send.done = 0
            return H.H_CLOSED
        ffi.memmove(self._elements, b"".join(chunk), len(chunk) * ELEMENT_SIZE)
        code: int = self._ioctl(lib.VSCSI_CRQ_SEND, self._send, count=len(chunk)).hrc
        if code in (H.H_SUCCESS, H.H_CLOSED):
            self._connected = code == H.H_SUCCESS
        return code

    def poll(self, max: int = 256) -> list[bytes]:
        """Take elements out of the mapped queue; when it is empty, re-arm the interrupt if signals are on."""
        self._check()
        if self._rung:
            self._rung = False
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._bell)
        found = self._take(max)
        if len(found) < max:
            # Without an armed interrupt there is nothing to read, unless wait() saw an event or fileno() is in use.
            if (self._armed or self._told or self._watched) and self._interrupted():
                self._armed = False
            self._told = False
            if self._wanted and not self._armed and not self._shut:
                self._arm(True)
            # An element that came since the first look made no interrupt, or one that has just been read.
            found += self._take(max - len(found))
        return found

    def _take(self, max: int) -> list[bytes]:
        if not self._queue or max <= 0:
            return []
        slots = self.queue_size // ELEMENT_SIZE
        max = min(max, slots)
        # _elements can be used, as each send is over when it returns.
        out = (
            self._elements
            if max <= lib.VSCSI_CRQ_SEND_MAX
            else ffi.new(f"unsigned char[{max * ELEMENT_SIZE}]")
        )
        taken = lib.power_take(self._queue, slots, self._next, out, max)
        if not taken:
            return []
        self._next = (self._next + taken) % slots
        raw = bytes(ffi.buffer(out, taken * ELEMENT_SIZE))
        found = [raw[at : at + ELEMENT_SIZE] for at in range(0, len(raw), ELEMENT_SIZE)]
        if found[-1][0] != EVENT:
            self._connected = True
        elif found[-1][1] in GONE:
            self._connected = False
        return found

    def _interrupted(self) -> bool:
        """Read the device's event, which clears it. True if interrupts have come, or the kernel says that some may be lost."""
        event = self._device.read(ffi.sizeof("struct vscsi_crq_event"))
        self._shut = self._shut or event == b""
        return bool(event)

    def _available(self) -> bool:
        at = self._next * ELEMENT_SIZE
        return bool(self._queue) and self._queue[at] != 0

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until an interrupt, :meth:`wake`, or the end of the adapter."""
        self._check()
        if self._available():
            return True
        if timeout != 0 and self._queue and not self._armed:
            if self._looked():
                return True
            self._arm(True)
            if self._available():
                return True
        ready = self._epoll.poll(timeout)
        self._told = self._told or any(fd == self._fd for fd, _ in ready)
        if any(events & select.EPOLLHUP for _, events in ready):
            self._shut = True
        return bool(ready)

    def _looked(self) -> bool:
        """Poll the queue for :data:`LOOK_NS`, so that a fast answer needs no interrupt. Skipped mostly when it has not helped."""
        self._misses += 1
        if self._misses > MISSES and self._misses % PROBE:
            return False
        at = self._queue + self._next * ELEMENT_SIZE
        if not lib.power_look(at, LOOK_NS):
            return False
        self._misses = 0
        return True

    def wake(self) -> None:
        """Write to the eventfd that :meth:`wait` also polls."""
        if self._bell >= 0:
            os.eventfd_write(self._bell, 1)
            self._rung = True  # after the write: a poll in between would leave the eventfd readable

    def fileno(self) -> int:
        """An epoll descriptor over the device's interrupts and the eventfd of :meth:`wake`."""
        self._check()
        self._watched = True
        return self._epoll.fileno()

    # Memory.

    def allocate(self, size: int, access: Access = Access.BOTH) -> Memory:
        """DMA memory in whole pages of this machine (64 KiB on most), contiguous, at most 16 MiB.

        ValueError for :attr:`Access.NONE` too.
        """
        if size < 1:
            raise ValueError(f"{size} bytes of memory")
        if access not in ACCESS:
            raise ValueError(f"memory of vio: is mapped for READ, WRITE or both, not {access!r}")
        dma = ffi.new("struct vscsi_crq_dma *")
        whole = -(-size // self._page_size) * self._page_size
        try:
            self._ioctl(lib.VSCSI_CRQ_DMA_ALLOC, dma, size=whole, access=ACCESS[access])
        except OSError as problem:
            if problem.errno in (errno.ENOMEM, errno.ENOSPC, errno.EINVAL):
                fail(f"{size} bytes of DMA memory ({problem.strerror}): H_PUT_TCE", H.H_NO_MEM)
            raise
        # An anonymous mapping first; then the door's pages are mapped over it.
        memory = PowerMemory(-1, size)
        memory.address, memory._port = dma.bus, None
        if not lib.power_map(ffi.from_buffer(memory), whole, self._fd, dma.offset):
            number = ffi.errno
            self._unmap(dma.bus)
            raise TransportError(number, f"DMA memory cannot be mapped: {os.strerror(number)}")
        memory._port = self
        return memory

    def _unmap(self, address: int) -> None:
        # In a structure of its own, as __del__ may run in any thread.
        with contextlib.suppress(PartnerGone):  # the kernel has unmapped it then
            self._ioctl(lib.VSCSI_CRQ_DMA_FREE, ffi.new("struct vscsi_crq_dma_free *"), bus=address)

    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA, split by the kernel."""
        self._transfer(lib.VSCSI_CRQ_COPY_IN, H.H_SOURCE_PARM, remote, local, offset, length)

    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA the other way."""
        self._transfer(lib.VSCSI_CRQ_COPY_OUT, H.H_DEST_PARM, remote, local, offset, length)

    def _transfer(
        self, direction: int, outside: ReturnCode, remote: int, local: Memory, offset: int, length: int | None
    ) -> None:
        self._check()
        if not isinstance(local, PowerMemory):
            raise TypeError(f"copies need memory of this port, not {type(local).__name__}")
        if local._port is not self:
            raise ValueError("this is another port's memory")
        size = len(local)
        if length is None:
            length = size - offset
        if offset < 0 or length < 0 or offset > size or length > size - offset:
            raise ValueError(f"{length} bytes at {offset}: outside the {size} bytes of local memory")
        if not length:
            return
        code: int = outside
        if self.is_server and 0 <= remote < (1 << 64) - length:
            code = H.H_PERMISSION
            with self._registered():
                code = self._ioctl(
                    lib.VSCSI_CRQ_COPY,
                    self._copy,
                    direction=direction,
                    local=local.address + offset,
                    remote=remote,
                    length=length,
                ).hrc
        if code:
            fail("H_COPY_RDMA", code)

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ()) -> tuple[int, int]:
        """See :meth:`Port.together`: one call of the kernel for up to 256 copies and elements."""
        self._check()
        copied, sent, over = self._gathering.run(pieces, elements) if self.gathers else (0, 0, False)
        if not over:
            more, accepted = super().together(pieces[copied:], elements[sent:])
            copied, sent = copied + more, sent + accepted
        return copied, sent

    def close(self) -> None:
        """Free the queue and close the device; the kernel frees the rest."""
        if self.closed:
            return
        with contextlib.suppress(OSError):
            self._ioctl(lib.VSCSI_CRQ_FREE, self._result)
        self.closed = True
        self._unmap_queue()
        self._epoll.close()
        self._device.close()
        bell, self._bell = self._bell, -1
        os.close(bell)

    def __del__(self) -> None:
        if not getattr(self, "closed", True):
            self.close()


class PowerListener(Listener):
    """The server's side: it gives out the one port of its slot, once."""

    def __init__(self, port: PowerPort) -> None:
        self._port = port
        self._given = False
        self.identity: Identity = port.identity
        self._bell = os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def ended(self) -> bool:
        """True when the slot's port has ended."""
        return self._port.ended

    def accept(self, timeout: float | None = None) -> PowerPort | None:
        """The port at the first call; later calls wait for ``timeout`` and return None."""
        if self._given:
            self._wait(timeout)
            return None
        self._given = True
        os.eventfd_read(self._bell)
        return self._port

    def fileno(self) -> int:
        """Readable until the port has been accepted."""
        if self._bell < 0:
            raise ValueError("the listener is closed")
        return self._bell

    def close(self) -> None:
        """Close the slot's port, unless it has been accepted."""
        if self._bell >= 0:
            bell, self._bell = self._bell, -1
            os.close(bell)
            if not self._given:
                self._port.close()


def connect(
    address: str,
    *,
    identity: Identity,
    timeout: float | None,
    window_size: int,
    queue_size: int,
    uids: Collection[int] | None,
) -> PowerPort:
    """See :func:`pysrp.fabric.connect`. Does not wait for the server, which only a registered queue can notice.

    The queue is rounded up to whole pages of the machine; the window is the platform's.
    """
    return _open(address, identity, queue_size, server=False)


def listen(
    address: str,
    *,
    identity: Identity,
    window_size: int,
    queue_size: int,
    max_window: int,
    mode: int,
    uids: Collection[int] | None,
) -> PowerListener:
    """See :func:`pysrp.fabric.listen`. The platform's configuration says which client may connect."""
    return PowerListener(_open(address, identity, queue_size, server=True))


def _open(address: str, identity: Identity, queue_size: int, server: bool) -> PowerPort:
    try:
        unit = int(address, 16)
    except ValueError:
        raise ConfigError(f"vio:{address}: a unit address is hexadecimal, as in vio:30000003") from None
    url = f"vio:{unit:x}"
    if queue_size % PAGE_SIZE or queue_size <= 0:
        raise ConfigError(f"{url}: a queue of {queue_size} bytes: it takes a multiple of {PAGE_SIZE}")
    device = _open_device(url, unit)
    try:
        info = _read_info(url, device)
        if (info.kind == lib.VSCSI_CRQ_SERVER) != server:
            kinds = (
                "a client slot (IBM,v-scsi): connect to it",
                "a server slot (IBM,v-scsi-host): listen at it",
            )
            raise ConfigError(f"{url} is {kinds[not server]} instead")
        return PowerPort(device, info, _identify(info, identity), queue_size)
    except BaseException:
        device.close()
        raise


def _open_device(url: str, unit: int) -> FileIO:
    path = DEVICES / f"vscsi_crq-{unit:x}"
    try:
        return FileIO(path, "r+", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except FileNotFoundError:
        raise UnavailableError(_missing(url, unit)) from None
    except PermissionError:
        raise UnavailableError(
            f"{url}: no permission to open {path}: run as root, or let a udev rule give the device to its user"
        ) from None
    except OSError as problem:
        if problem.errno == errno.EBUSY:
            raise ConfigError(f"{url}: another process has {path} open, and there can be only one") from None
        raise UnavailableError(f"{url}: {path} cannot be opened: {problem.strerror}") from problem


def _missing(url: str, unit: int) -> str:
    """The message for a missing device: why, and what to do."""
    node = SYSTEM / "bus/vio/devices" / f"{unit:x}"
    there = sorted(p.name.partition("-")[2] for p in DEVICES.glob("vscsi_crq-*"))
    if there:
        message = f"no such unit here; there are {', '.join(f'vio:{name}' for name in there)}"
    elif not (SYSTEM / "bus/vio").exists():
        return (
            f"{url}: this machine ({platform.machine()}) is not a POWER partition, it has no virtual I/O bus: "
            "use unix:PATH between two processes, or local:NAME within one"
        )
    elif not (SYSTEM / "module/vscsi_crq").exists():
        return (
            f"{url}: the kernel module vscsi_crq is not loaded: modprobe vscsi_crq "
            "(kernel/ has its source, docs/power.md tells how to build it)"
        )
    else:
        message = "the kernel module vscsi_crq is loaded but has no adapter"
    driver = node / "driver"
    if driver.exists():
        name = driver.resolve().name
        message += (
            f"; the driver {name} has this adapter: "
            f"echo {unit:x} > /sys/bus/vio/drivers/{name}/unbind, then into vscsi_crq's bind"
        )
    elif not node.exists():
        message += f"; {node} does not exist either: the partition's profile has no such slot"
    return f"{url}: {message}"


def _read_info(url: str, device: FileIO) -> Any:
    info = ffi.new("struct vscsi_crq_info *")
    problem = -lib.power_ioctl(device.fileno(), lib.VSCSI_CRQ_INFO, info)
    if problem == errno.ENOTTY:
        info.version = 0  # the structure has another size in that version, and so the ioctl another number
    elif problem:
        raise UnavailableError(f"{url}: {device.name} does not work: {os.strerror(problem)}")
    _check_version(url, info.version)
    return info


def _check_version(url: str, version: int) -> None:
    if version != lib.VSCSI_CRQ_VERSION:
        theirs = f"version {version}" if version else "no version that is known here"
        raise UnavailableError(
            f"{url}: the loaded vscsi_crq speaks {theirs} of its interface, this pysrp version "
            f"{lib.VSCSI_CRQ_VERSION}: build kernel/ of this release and load that module"
        )


def _identify(info: Any, wished: Identity) -> Identity:
    """This end's identity from the platform; fields that it does not know are the caller's."""

    def text(array: Any) -> str:
        return bytes(ffi.string(array)).decode(errors="replace")

    return Identity(
        info.unit,
        text(info.partition_name) or wished.partition_name,
        info.partition or wished.partition_number,
        text(info.location) or wished.location_code,
        _system_id() or wished.system_id,
    )


def _system_id() -> str:
    """Model and serial number of the machine, as PAPR's device tree has them."""
    tree = SYSTEM / "firmware/devicetree/base"
    try:
        parts = [
            (tree / name).read_bytes().rstrip(b"\0").decode(errors="replace")
            for name in ("model", "system-id")
        ]
    except OSError:
        return ""
    return "-".join(parts)
