"""The hypervisor, simulated or real: one interface between an engine and its partner.

A :class:`Port` is one virtual adapter (LoPAR, chapter "Virtual I/O"): a command/response queue (CRQ)
for 16-byte elements, DMA memory with bus addresses, and, on the server's side, copies to and from the
partner's memory. Its words are PAPR's. What the real CRQ cannot do, the interface does not ask for.

===============  ======================  ==============================================================
URL              module                  what it is
===============  ======================  ==============================================================
``local:NAME``   :mod:`.local`           both ends in one process; the reference model, with raw hcalls
``unix:PATH``    :mod:`.shm`             two processes, shared memory, descriptors over a Unix socket
``vio:UNIT``     :mod:`.power`           the real CRQ of a POWER partition (Linux, ``kernel/``)
===============  ======================  ==============================================================

The client side calls :func:`connect`, the server side :func:`listen` and then
:meth:`Listener.accept`, once for each partner. A typical owner's loop::

    port.register()                       # H_REG_CRQ: True if the partner is there already
    port.send(INIT)                       # PartnerGone if it is not: then wait for its INIT
    while port.wait(timeout):
        for element in port.poll():       # 16 bytes each; 0xFF.. are transport events
            ...

or, with a selector or asyncio: ``port.signal(True)``, ``port.poll()`` once (nothing is signalled in
retrospect), then watch ``port.fileno()`` and call :meth:`Port.poll` until it gives less than it may.

A port belongs to one thread at a time. Only :meth:`Port.wake` may be called from any thread.
"""

from __future__ import annotations

import enum
import importlib
import select
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Protocol, TypeVar

from pysrp.errors import ConfigError, HcallError, PartnerGone, QueueFull, check_number, check_text
from pysrp.papr import ReturnCode, name_of

__all__ = [
    "ELEMENT_SIZE",
    "PAGE_SIZE",
    "Access",
    "Identity",
    "Listener",
    "Memory",
    "Piece",
    "Port",
    "ReturnCode",
    "connect",
    "fail",
    "listen",
]

ELEMENT_SIZE = 16
"""Bytes of one CRQ element (LoPAR, "Command/Response Queue")."""

PAGE_SIZE = 4096
"""Bytes that one TCE maps, whatever the page size of the machine is."""

DEFAULT_WINDOW = 256 << 20
DEFAULT_QUEUE = 4096

Self = TypeVar("Self")


class Access(enum.IntFlag):
    """What the *partner* may do with a page: the two access bits of a TCE (LoPAR, "TCE definition")."""

    NONE = 0
    READ = 1
    WRITE = 2
    BOTH = 3


@dataclass(frozen=True)
class Identity:
    """Who stands at one end of a connection. What is not known is 0 or empty.

    ``unit_address`` is the adapter's (``reg`` in the device tree); ``partition_name`` and
    ``partition_number`` are ``ibm,partition-name`` and ``ibm,partition-no`` (0 means the hypervisor);
    ``location_code`` is ``ibm,loc-code``; ``system_id`` is model and serial number of the machine. Numbers have 32
    bits, texts at most 96, 96 and 128 ASCII characters; ConfigError for others.
    """

    unit_address: int = 0
    partition_name: str = ""
    partition_number: int = 0
    location_code: str = ""
    system_id: str = ""

    def __post_init__(self) -> None:
        check_number("unit address", self.unit_address, 0, 0xFFFFFFFF)
        check_number("partition number", self.partition_number, 0, 0xFFFFFFFF)
        check_text("partition name", self.partition_name, 96)
        check_text("location code", self.location_code, 96)
        check_text("system id", self.system_id, 128)


class Memory(Protocol):
    """DMA memory of a port, zeroed when allocated; offers the buffer protocol, writable.

    Take ``memoryview(memory)`` once and keep it. The address stays valid while partners come and go.
    """

    @property
    def address(self) -> int:
        """Bus address of the first byte (the ``ioba`` of PAPR), a multiple of 4096."""

    def __len__(self) -> int:
        """Size in bytes as asked for, not rounded."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The bytes themselves."""

    def free(self) -> None:
        """Unmap it and give it back; the partner's copies to it then fail. Harmless when repeated.

        Raises BufferError while a memoryview of it is alive. Memory still in use when its port is closed
        stays readable until it is released, but has no bus address any more.
        """


Piece = tuple[bool, Any, int, int, int]
"""One H_COPY_RDMA of :meth:`Port.together`: whether it goes to the partner; memory of this end, and where there in bytes;
the partner's bus address; how many bytes."""


class Port(ABC):
    """One virtual SCSI adapter and its queue.

    Failing calls raise :class:`~pysrp.errors.PartnerGone` for H_CLOSED, :class:`~pysrp.errors.QueueFull`
    for H_DROPPED and :class:`~pysrp.errors.HcallError` with the code for everything else; a call on a
    closed port raises ValueError, as closed files do.
    """

    # Facts of the platform: plain attributes or properties, fixed while the port is open.

    identity: Identity
    """This end."""

    is_server: bool
    """True for ``IBM,v-scsi-host``, False for ``IBM,v-scsi``."""

    queue_size: int
    """Bytes of this end's queue, a multiple of 4096; a sixteenth of it is the number of elements."""

    window_size: int
    """Bytes of this end's DMA window, bus addresses 0 to ``window_size - 1`` (``ibm,my-dma-window``)."""

    max_transfer: int
    """Bytes that one H_COPY_RDMA may move (``ibm,max-virtual-dma-size``). Copies below split at it."""

    # The partner.

    @property
    @abstractmethod
    def partner(self) -> Identity | None:
        """The other end as far as the platform tells (H_VIOCTL GET_PARTNER_INFO); None without a partner."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether both queues are registered: sending and copying can work."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """True when no partner can come to this port any more: take the last elements, then close it.

        So end the server ports of ``local:`` and ``unix:`` when their client is gone (a new client is a
        new :meth:`Listener.accept`), and POWER's slots when the platform takes the adapter away. Client ports
        of simulated transports end only by :meth:`close`.
        """

    # The queue.

    @abstractmethod
    def register(self) -> bool:
        """H_REG_CRQ: open the queue. True if the partner is registered too, False if it is not (H_CLOSED).

        Elements left over from before are discarded; signals are off. Raises HcallError H_RESOURCE when
        registered already, H_NOT_FOUND without an authorised connection.
        """

    @abstractmethod
    def free(self) -> None:
        """H_FREE_CRQ: close the queue; the partner gets transport event 2. No error if not registered.

        Raises HcallError with H_BUSY or a long busy code when it has to be repeated
        (:attr:`HcallError.retry_after <pysrp.errors.HcallError.retry_after>`).
        """

    @abstractmethod
    def enable(self) -> None:
        """H_ENABLE_CRQ: take part again after transport event 6 (suspended or migrated).

        Raises HcallError as :meth:`free` does, also with H_IN_PROGRESS.
        """

    @abstractmethod
    def signal(self, on: bool) -> None:
        """H_VIO_SIGNAL: whether an arriving element makes :meth:`fileno` readable.

        What is queued already signals nothing: call :meth:`poll` once after switching on.
        :meth:`wait` needs no signals switched on.
        """

    @abstractmethod
    def send(self, element: bytes | bytearray | memoryview) -> None:
        """H_SEND_CRQ: put one element of 16 bytes into the partner's queue.

        Only the header is looked at: its high bit must be set and it must not be FFh, else HcallError
        H_PARAMETER. PartnerGone when the partner is not registered or is suspended, QueueFull when it has
        no free slot. ValueError when the element is not 16 bytes.
        """

    @abstractmethod
    def send_many(self, elements: Iterable[bytes | bytearray | memoryview]) -> int:
        """Send in order with one doorbell for all; returns how many the partner's queue took.

        Stops at the first that fails. The failure is raised only if it was the first element's and is not
        a full queue (that is 0): otherwise sending the rest will show it.
        """

    @abstractmethod
    def poll(self, max: int = 256) -> list[bytes]:
        """Take up to ``max`` elements out of the own queue, oldest first, without waiting.

        Each is 16 bytes, as the partner sent them. Header FFh is a transport event of the platform, its
        second byte the code: 1 partner failed, 2 partner freed its queue, 6 suspended or migrated, 9 and
        0Ah client about to be suspended and resumed. When an event came to a full queue, it has replaced
        the last element there.

        Fewer than ``max`` means that the queue was seen empty, and only that switches signals on again.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until :meth:`poll` has something to give, :meth:`wake` was called or the port ended.

        ``timeout`` in seconds, None for ever, 0 to look only. False if the time has passed. Releases the
        GIL; may spin for some microseconds before it sleeps. True is a hint: :meth:`poll` may find nothing.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make :meth:`wait` return, now or the next time; :meth:`fileno` too is readable. From any thread."""

    @abstractmethod
    def fileno(self) -> int:
        """A file descriptor for select, poll, epoll and asyncio; the same one while the port is open.

        Readable: call :meth:`poll`. That alone clears it.
        """

    # Memory.

    @abstractmethod
    def allocate(self, size: int, access: Access = Access.BOTH) -> Memory:
        """DMA memory of ``size`` bytes in whole pages, mapped for the partner's ``access``.

        What it shall only read, it cannot write; what it may write, some platforms let it read too.
        Take few and large pieces and cut them up. Raises HcallError H_NO_MEM when the window is full,
        ValueError for a size below 1.
        """

    @abstractmethod
    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA from the partner's bus address ``remote`` to ``local[offset:offset+length]``.

        Server only. Any length (None: to the end; 0 does nothing and checks nothing remote), any alignment.
        HcallError H_SOURCE_PARM: outside the partner's window. H_PERMISSION: a page that the partner has
        not mapped for reading, or no partner. Chunks of :attr:`max_transfer` before the failing one have
        been copied. ValueError: outside ``local``.
        """

    @abstractmethod
    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA from ``local[offset:offset+length]`` to ``remote``: as :meth:`copy_in`, other way.

        H_DEST_PARM instead of H_SOURCE_PARM; H_PERMISSION for a page not mapped for writing.
        """

    gathers: bool = False
    """Whether :meth:`together` is one call of the platform, so that it pays to collect for it."""

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ()) -> tuple[int, int]:
        """Copies, one after the other, and when all are done elements, as :meth:`send_many`.

        Server only, if there are copies. Gives how many copies are done, and how many elements were accepted. A copy that
        fails ends it; :meth:`copy_in` or :meth:`copy_out` of it tells why. What :meth:`send_many` raises comes out of this
        when all copies are done. ValueError as of these.
        """
        done = 0
        try:
            for outward, local, offset, remote, length in pieces:
                if outward:
                    self.copy_out(local, remote, offset, length)
                else:
                    self.copy_in(remote, local, offset, length)
                done += 1
        except HcallError:
            return done, 0
        return done, self.send_many(elements) if elements else 0

    def window(self, remote: int, length: int, access: Access = Access.READ) -> memoryview | None:
        """The partner's memory itself, as an extra of transports that share it: None where they do not.

        Writable if ``access`` has WRITE. None also where the range is not contiguous in memory; HcallError
        as in :meth:`copy_in`. The partner can change these bytes at any moment: copy what is to be
        believed, hand the rest to a backend. Valid as long as it is referred to, though a partner that
        freed its queue no longer expects it to be used.
        """
        return None

    def windows(
        self, stretches: Sequence[tuple[int, ...]], access: Access = Access.READ
    ) -> list[memoryview] | None:
        """As :meth:`window`, of several stretches: address, length, and whatever follows. None unless all of them are shared."""
        found = [self.window(stretch[0], stretch[1], access) for stretch in stretches]
        return [view for view in found if view is not None] if None not in found else None

    def native(self, tap: Callable[[list[tuple[str, int, bytes]]], object] | None = None) -> Any:
        """A link for the native lane (``native.h``; :class:`pysrp.vscsi.server_queue.NativeLink`), None without one.

        With ``tap``, that is called with notes of what passes through the link, in order: ``took`` or ``sent`` an
        element, ``fetched`` or ``stored`` memory of the client's; the bus address; the bytes. The link's ``tell()``
        calls it for what it has not told yet. It takes only so much: more goes by the engine.
        """
        return None

    def native_client(self, tap: Callable[[str, bytes], object] | None = None) -> Any:
        """A link for the initiator's native lane, whose ``capsule`` is a ``struct pysrp_client_link`` (``native.h``).

        None where there is none. With ``tap``, that is called with each element as it passes: ``sends`` one, has ``sent`` it, or
        ``took`` one. What it raises the link's ``tell()`` raises, and nothing more is sent until then.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Free the queue and let go of the platform's resources. Never fails; harmless when repeated."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Listener(ABC):
    """The server's side of a URL: gives one server :class:`Port` for every partner that comes."""

    identity: Identity
    """This end: what its ports say of themselves."""

    @property
    def ended(self) -> bool:
        """True when nobody can come any more, as the one adapter is closed or the platform has taken it away."""
        return False

    @abstractmethod
    def accept(self, timeout: float | None = None) -> Port | None:
        """The port of the next partner, not yet registered; None if none came within ``timeout`` seconds."""

    @abstractmethod
    def fileno(self) -> int:
        """Readable when :meth:`accept` with timeout 0 is worth a call."""

    def _wait(self, timeout: float | None) -> bool:
        """Whether :meth:`fileno` is readable within ``timeout`` seconds. Any number will do: select's end at 1023."""
        ready = select.poll()
        ready.register(self.fileno(), select.POLLIN)
        return bool(ready.poll(None if timeout is None else max(0.0, timeout * 1000)))

    @abstractmethod
    def close(self) -> None:
        """Accept nobody any more; ports given out live on. Harmless when repeated."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    url: str,
    *,
    identity: Identity | None = None,
    timeout: float | None = 5.0,
    window_size: int = DEFAULT_WINDOW,
    queue_size: int = DEFAULT_QUEUE,
    uids: Collection[int] | None = None,
) -> Port:
    """Open the client adapter at ``url``.

    ``timeout`` seconds may pass until the server has answered, else TransportError says why; with 0 the
    port is given at once and finds its partner later, as a partition does that boots before its server.
    ``identity``, ``window_size`` and ``queue_size`` (bytes, multiples of 4096) are what this end says of
    itself where the platform does not know better; without a unit address a simulated adapter has one that no other is
    likely to have. ``uids`` are the user ids that the server process may have; by default the caller's own and root's.

    Raises ConfigError for a URL that means nothing, UnavailableError for a transport that this machine
    does not have, TransportError when nobody answers.
    """
    module, address = _transport(url)
    port: Port = module.connect(
        address,
        identity=identity or Identity(),
        timeout=timeout,
        window_size=window_size,
        queue_size=queue_size,
        uids=uids,
    )
    return port


def listen(
    url: str,
    *,
    identity: Identity | None = None,
    window_size: int = DEFAULT_WINDOW,
    queue_size: int = DEFAULT_QUEUE,
    max_window: int = 4 << 30,
    mode: int = 0o600,
    uids: Collection[int] | None = None,
) -> Listener:
    """Be the server at ``url``; what it takes is what :func:`connect` takes.

    ``max_window`` bounds the window that a client may ask this process to map; ``mode`` are the permission
    bits of a socket; ``uids`` the user ids that clients may have, by default the caller's own and root's.
    ConfigError when somebody else is the server there already.
    """
    module, address = _transport(url)
    listener: Listener = module.listen(
        address,
        identity=identity or Identity(),
        window_size=window_size,
        queue_size=queue_size,
        max_window=max_window,
        mode=mode,
        uids=uids,
    )
    return listener


def fail(call: str, code: int) -> NoReturn:
    """Raise what stands for a PAPR return code other than success; ``call`` names the hypervisor call."""
    message = f"{call}: {name_of(code)} ({code})"
    if code == ReturnCode.H_CLOSED:
        raise PartnerGone(f"{message}: the partner's queue is not open")
    if code == ReturnCode.H_DROPPED:
        raise QueueFull(f"{message}: the partner's queue has no free slot")
    raise HcallError(code, message)


TRANSPORTS: dict[str, str] = {
    "local": "pysrp.fabric.local",
    "unix": "pysrp.fabric.shm",
    "vio": "pysrp.fabric.power",
}


def _transport(url: str) -> tuple[Any, str]:
    """The module that serves a URL, imported on first use, and the rest of the URL."""
    scheme, colon, address = url.partition(":")
    if not colon or scheme not in TRANSPORTS:
        known = ", ".join(f"{name}:" for name in TRANSPORTS)
        raise ConfigError(f"{url!r}: a transport URL begins with one of {known}")
    return importlib.import_module(TRANSPORTS[scheme]), address
