"""The hypervisor, simulated or real: one interface between an engine and its partner.

A :class:`Port` is one virtual adapter (LoPAR, chapter "Virtual I/O"): a command/response queue (CRQ)
for 16-byte elements, DMA memory with bus addresses, and, on the server's side, copies to and from the
partner's memory. Its terms are PAPR's. The interface has nothing that the real CRQ cannot do.

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

or, with a selector or asyncio: ``port.signal(True)``, ``port.poll()`` once (elements that came before signal
nothing), then watch ``port.fileno()`` and call :meth:`Port.poll` until it returns fewer elements than ``max``.

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
"""Bytes that one TCE maps, independent of the machine's page size."""

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
    """The adapter and partition at one end of a connection. Unknown fields are 0 or empty.

    ``unit_address`` is the adapter's (``reg`` in the device tree); ``partition_name`` and
    ``partition_number`` are ``ibm,partition-name`` and ``ibm,partition-no`` (0 means the hypervisor);
    ``location_code`` is ``ibm,loc-code``; ``system_id`` is model and serial number of the machine. Numbers have 32
    bits; the three texts have at most 96, 96 and 128 ASCII characters. ConfigError for other values.
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
        """Size in bytes as passed to :meth:`Port.allocate`, not rounded."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The bytes themselves."""

    def free(self) -> None:
        """Unmap and free it; the partner's copies to it then fail. Harmless when repeated.

        Raises BufferError while a memoryview of it is alive. Memory still in use when its port is closed
        stays readable until it is released, but has no bus address any more.
        """


Piece = tuple[bool, Any, int, int, int]
"""One H_COPY_RDMA of :meth:`Port.together`: True for a copy to the partner; memory of this end; offset in it in bytes;
the partner's bus address; length in bytes."""


class Port(ABC):
    """One virtual SCSI adapter and its queue.

    Failing calls raise :class:`~pysrp.errors.PartnerGone` for H_CLOSED, :class:`~pysrp.errors.QueueFull`
    for H_DROPPED and :class:`~pysrp.errors.HcallError` with the code for everything else; a call on a
    closed port raises ValueError, as closed files do.
    """

    # Facts of the platform: plain attributes or properties, fixed while the port is open.

    identity: Identity
    """The identity of this end."""

    is_server: bool
    """True for ``IBM,v-scsi-host``, False for ``IBM,v-scsi``."""

    queue_size: int
    """Bytes of this end's queue, a multiple of 4096; a sixteenth of it is the number of elements."""

    window_size: int
    """Bytes of this end's DMA window, bus addresses 0 to ``window_size - 1`` (``ibm,my-dma-window``)."""

    max_transfer: int
    """The most bytes that one H_COPY_RDMA may move (``ibm,max-virtual-dma-size``). Longer copies below are split."""

    # The partner.

    @property
    @abstractmethod
    def partner(self) -> Identity | None:
        """The other end's identity, as far as the platform knows it (H_VIOCTL GET_PARTNER_INFO); None without a partner."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether both queues are registered, so that sending and copying can succeed."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """True when no partner can connect to this port any more: take the last elements, then close it.

        A server port of ``local:`` and ``unix:`` ends when its client is gone (a new client is a
        new :meth:`Listener.accept`), a port of ``vio:`` when the platform takes the adapter away. Client ports
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

        Elements that are in the queue already do not signal: call :meth:`poll` once after switching signals on.
        :meth:`wait` works with signals off, too.
        """

    @abstractmethod
    def send(self, element: bytes | bytearray | memoryview) -> None:
        """H_SEND_CRQ: put one element of 16 bytes into the partner's queue.

        Only the header byte is checked: its high bit must be set and it must not be FFh, else HcallError
        H_PARAMETER. PartnerGone when the partner is not registered or is suspended, QueueFull when its queue has
        no free slot. ValueError when the element is not 16 bytes.
        """

    @abstractmethod
    def send_many(self, elements: Iterable[bytes | bytearray | memoryview]) -> int:
        """Send elements in order, with one doorbell for all; returns how many the partner's queue took.

        Stops at the first element that fails. If that is the first of all, its error is raised, except that a full
        queue returns 0. A later element's error is not raised: sending the rest again will raise it.
        """

    @abstractmethod
    def poll(self, max: int = 256) -> list[bytes]:
        """Take up to ``max`` elements out of this end's queue, oldest first, without waiting.

        Each has 16 bytes, as the partner sent them. Header FFh is a transport event of the platform, with the
        code in the second byte: 1 partner failed, 2 partner freed its queue, 6 suspended or migrated, 9 and
        0Ah client about to be suspended and resumed. An event that finds a full queue replaces
        the last element in it.

        Fewer than ``max`` elements mean that the queue was empty. Signals are re-armed only by such a call.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until :meth:`poll` has elements to return, :meth:`wake` was called or the port ended.

        ``timeout`` is in seconds, None for ever, 0 to return at once. Returns False after the timeout. Releases the
        GIL; may spin for some microseconds before it sleeps. True is a hint: :meth:`poll` may still return nothing.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make :meth:`wait` return, now or at its next call, and :meth:`fileno` readable. May be called from any thread."""

    @abstractmethod
    def fileno(self) -> int:
        """A file descriptor for select, poll, epoll and asyncio; the same one while the port is open.

        When it is readable, call :meth:`poll`; nothing else makes it unreadable again.
        """

    # Memory.

    @abstractmethod
    def allocate(self, size: int, access: Access = Access.BOTH) -> Memory:
        """Allocate DMA memory of ``size`` bytes, in whole pages, mapped for the partner's ``access``.

        The partner cannot write memory that is mapped for reading; some platforms let it read memory that is
        mapped for writing. Allocate few large pieces and divide them. Raises HcallError H_NO_MEM when the window is full,
        ValueError for a size below 1.
        """

    @abstractmethod
    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA from the partner's bus address ``remote`` to ``local[offset:offset+length]``.

        Server only. Any length in bytes (None: to the end of ``local``; 0 does nothing and does not check ``remote``),
        any alignment. HcallError H_SOURCE_PARM: outside the partner's window. H_PERMISSION: a page that the partner has
        not mapped for reading, or no partner. Parts of :attr:`max_transfer` bytes before the failing one have
        been copied. ValueError: outside ``local``.
        """

    @abstractmethod
    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        """H_COPY_RDMA from ``local[offset:offset+length]`` to ``remote``: :meth:`copy_in` in the other direction.

        H_DEST_PARM instead of H_SOURCE_PARM; H_PERMISSION for a page not mapped for writing.
        """

    gathers: bool = False
    """Whether :meth:`together` is one call of the platform, so that collecting copies and elements for it is faster."""

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ()) -> tuple[int, int]:
        """Make copies in order, and when all are done send elements, as :meth:`send_many`.

        Server only, if there are copies. Returns how many copies are done, and how many elements were accepted. It stops
        at a copy that fails, without raising: repeat that one by :meth:`copy_in` or :meth:`copy_out` to get the error.
        Errors of :meth:`send_many` are raised. ValueError as of these three.
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
        """A view of the partner's memory itself, on transports that share memory; None on others.

        Writable if ``access`` has WRITE. None also where the range is not contiguous in memory; HcallError
        as in :meth:`copy_in`. The partner can change these bytes at any moment: copy what is interpreted before
        checking it, and use the view for bulk data only. It stays valid as long as it is referenced, but a partner that
        has freed its queue does not expect any more access.
        """
        return None

    def windows(
        self, stretches: Sequence[tuple[int, ...]], access: Access = Access.READ
    ) -> list[memoryview] | None:
        """:meth:`window` of several stretches, each a tuple of address, length, and further items that are ignored.

        None unless all of them are shared.
        """
        found = [self.window(stretch[0], stretch[1], access) for stretch in stretches]
        return [view for view in found if view is not None] if None not in found else None

    def native(self, tap: Callable[[list[tuple[str, int, bytes]]], object] | None = None) -> Any:
        """A link for the native lane (``native.h``; :class:`pysrp.vscsi.server_queue.NativeLink`), None without one.

        ``tap`` is called with lists of notes of what passes through the link, in order. A note is ``took`` or ``sent`` (an
        element) or ``fetched`` or ``stored`` (the client's memory), the bus address, and the bytes. The link's ``tell()``
        calls it for notes that have not been passed yet. When the link has no room for more notes, the engine does the work.
        """
        return None

    def native_client(self, tap: Callable[[str, bytes], object] | None = None) -> Any:
        """A link for the initiator's native lane, whose ``capsule`` is a ``struct pysrp_client_link`` (``native.h``).

        None where there is none. ``tap`` is called with each element as it passes: ``sends`` before it is sent, ``sent``
        after that, ``took`` for one that was received. An exception of ``tap`` is raised by the link's ``tell()``;
        until then the link sends nothing more.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Free the queue and the platform's resources. Never fails; harmless when repeated."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Listener(ABC):
    """The server's side of a URL: makes one server :class:`Port` for every client that connects."""

    identity: Identity
    """The identity that its ports tell their clients."""

    @property
    def ended(self) -> bool:
        """True when no client can connect any more, as the only adapter is closed or the platform has taken it away."""
        return False

    @abstractmethod
    def accept(self, timeout: float | None = None) -> Port | None:
        """The port for the next client, not yet registered; None if no client connected within ``timeout`` seconds."""

    @abstractmethod
    def fileno(self) -> int:
        """A file descriptor that is readable when :meth:`accept` with timeout 0 may return a port."""

    def _wait(self, timeout: float | None) -> bool:
        """Whether :meth:`fileno` is readable within ``timeout`` seconds. By poll, as select takes descriptors up to 1023 only."""
        ready = select.poll()
        ready.register(self.fileno(), select.POLLIN)
        return bool(ready.poll(None if timeout is None else max(0.0, timeout * 1000)))

    @abstractmethod
    def close(self) -> None:
        """Accept no more clients. Ports that were accepted stay open. Harmless when repeated."""

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

    If the server does not answer within ``timeout`` seconds, TransportError says why. With 0 the port is returned at
    once and finds its partner later, like a partition that boots before its server. ``identity``, ``window_size``
    and ``queue_size`` (bytes, multiples of 4096) describe this end, unless the platform has values of its own. A simulated
    adapter without a unit address gets a random one. ``uids`` are the user ids that the server process may have;
    by default the caller's own and root's.

    Raises ConfigError for an invalid URL, UnavailableError for a transport that this machine does not have,
    TransportError when no server answers.
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
    """Be the server at ``url``; the first arguments are those of :func:`connect`.

    ``max_window`` is the size in bytes of the largest window that a client may ask this process to map; ``mode`` are the
    permission bits of the socket; ``uids`` the user ids that clients may have, by default the caller's own and root's.
    ConfigError when there is a server at ``url`` already.
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
    """Raise the exception for a PAPR return code other than success; ``call`` names the hypervisor call."""
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
    """The module for the URL's scheme, imported on first use, and the rest of the URL."""
    scheme, colon, address = url.partition(":")
    if not colon or scheme not in TRANSPORTS:
        known = ", ".join(f"{name}:" for name in TRANSPORTS)
        raise ConfigError(f"{url!r}: a transport URL begins with one of {known}")
    return importlib.import_module(TRANSPORTS[scheme]), address
