"""``local:`` both ends in one process: the reference model of PAPR's virtual I/O.

:func:`pair` makes two adapters and the hypervisor between them. Besides the interface of
:class:`pysrp.fabric.Port` a :class:`LocalPort` has the hypervisor calls themselves, with PAPR's
arguments and return codes (``h_*``; LoPAR, chapters "Virtual I/O" and "Translation Control Entries"),
and what happens to partitions: :meth:`~LocalPort.crash`, :meth:`~LocalPort.suspend`,
:meth:`~LocalPort.inject`, :meth:`~LocalPort.post_event`.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import struct
import threading
from collections import deque
from collections.abc import Collection
from typing import Any

from pysrp._fast import fabric as fast
from pysrp.errors import ConfigError, PartnerGone
from pysrp.fabric import (
    DEFAULT_QUEUE,
    DEFAULT_WINDOW,
    PAGE_SIZE,
    Access,
    Identity,
    Listener,
    Port,
    fail,
)
from pysrp.papr import ReturnCode

__all__ = ["LocalPort", "connect", "listen", "pair"]

H = ReturnCode

FAILED = 1
"""Transport event: the partner's partition failed."""

MAX_TCES = 512
"""Entries that one H_STUFF_TCE or H_PUT_TCE_INDIRECT may set."""

_numbers = itertools.count(1)


class LocalPort(fast.Adapter, Port):
    """One end. ``peer`` is the other end (None: no authorised connection), ``liobn`` the number of this end's window."""

    peer: LocalPort | None = None
    liobn: int
    riobn: int | None = None
    """The number by which a server names the client's window (its second window pane); None on the client's side."""

    def __init__(self, queue_size: int, window_size: int, region: fast.Region, identity: Identity) -> None:
        self.identity = identity
        self.is_server = False
        self.liobn = 0x10000000 | identity.unit_address & 0xFFFFFF
        # The queue lies in the partition's own memory, as with the real H_REG_CRQ.
        self._queue = self.allocate(queue_size)
        self._beyond: fast.Region | None = None
        """The region with the partner's queue, referenced here as the partner may close while an element is sent to it."""

    @property
    def partner(self) -> Identity | None:
        """The other end's identity; None when it is closed."""
        return self.peer.identity if self.peer and not self.peer.closed else None

    @property
    def ended(self) -> bool:
        """Whether this port is closed, or it is a server's whose client has been closed."""
        return self.closed or (self.is_server and (self.peer is None or self.peer.closed))

    def fail(self, call: str, code: int) -> None:
        """Raise the exception for a return code."""
        fail(call, code)

    def close(self) -> None:
        """Free the queue and the window."""
        if self.closed:
            return
        self.inject("H_FREE_CRQ", times=0)
        self.free()
        self.shut()
        self._beyond = None
        if self.peer and not self.peer.closed:
            self.peer.wake()

    # Hypervisor calls.

    def hcall_register(self) -> int:
        """Called by :meth:`register`: H_REG_CRQ with the queue that was allocated with the port."""
        return self.h_reg_crq(self.identity.unit_address, self._queue.address, self.queue_size)

    def h_reg_crq(self, unit: int, ioba: int, length: int) -> ReturnCode:
        """Open the queue of ``length`` bytes at ``ioba``: H_SUCCESS, or H_CLOSED without a partner.

        H_PARAMETER: the unit address of another adapter, a queue that is not whole 4 KiB pages, or not all mapped
        (this model also requires it to be contiguous).
        H_NOT_FOUND: no connection. H_RESOURCE: registered already.
        """
        if unit != self.identity.unit_address:
            return H.H_PARAMETER
        if ioba % PAGE_SIZE or length % PAGE_SIZE or length <= 0 or length > self.window_size:
            return H.H_PARAMETER
        if self.peer is None:
            return H.H_NOT_FOUND
        if self.is_open:
            return H.H_RESOURCE
        if not self.place_queue(ioba, length, self.peer):
            return H.H_PARAMETER
        return H(super().hcall_register())

    def h_free_crq(self, unit: int) -> ReturnCode:
        """Close the queue; a registered partner gets transport event 2. Success if it was closed already."""
        return self._for_unit(unit, self.hcall_free)

    def h_enable_crq(self, unit: int) -> ReturnCode:
        """Open the queue again after a suspension."""
        return self._for_unit(unit, self.hcall_enable)

    def h_vio_signal(self, unit: int, mode: int) -> ReturnCode:
        """Signals on (1) or off (0); H_PARAMETER for other modes, as QEMU answers."""
        return self._for_unit(unit, self.hcall_signal, mode)

    def h_send_crq(self, unit: int, high: int, low: int) -> ReturnCode:
        """Send one element, given as two 64-bit numbers: H_PARAMETER for a header that may not be sent, H_CLOSED, H_DROPPED."""
        return self._for_unit(unit, self.hcall_send, high, low)

    def _for_unit(self, unit: int, call: Any, *arguments: int) -> ReturnCode:
        return H(call(*arguments)) if unit == self.identity.unit_address else H.H_PARAMETER

    def h_put_tce(self, liobn: int, ioba: int, tce: int) -> ReturnCode:
        """Map one page: bits 0-51 of ``tce`` the page, the last two the partner's :class:`Access`."""
        return H(self.hcall_put_tce(ioba, tce)) if liobn == self.liobn else H.H_PARAMETER

    def h_get_tce(self, liobn: int, ioba: int) -> tuple[ReturnCode, int]:
        """The entry for ``ioba``. Never H_PARTIAL, as a partition of this model maps only its own pages."""
        code, tce = self.hcall_get_tce(ioba) if liobn == self.liobn else (H.H_PARAMETER, 0)
        return H(code), tce

    def h_stuff_tce(self, liobn: int, ioba: int, tce: int, count: int) -> ReturnCode:
        """Set ``count`` entries to the same ``tce``: H_P4 for more than 512, else all entries are set or none."""
        if count > MAX_TCES:
            return H.H_P4
        return self._put_tces(liobn, ioba, [tce] * count)

    def h_put_tce_indirect(self, liobn: int, ioba: int, page: int, count: int) -> ReturnCode:
        """Set ``count`` entries from a list in this partition's memory, at page-aligned bus address ``page``."""
        if count > MAX_TCES or page % PAGE_SIZE:
            return H.H_PARAMETER
        listed = self.own_memory(page, 8 * count)
        if listed is None:
            return H.H_PARAMETER
        # Copied first: the partition could change the list between check and use.
        return self._put_tces(liobn, ioba, list(struct.unpack(f">{count}Q", bytes(listed))))

    def _put_tces(self, liobn: int, ioba: int, tces: list[int]) -> ReturnCode:
        pages = range(ioba, ioba + len(tces) * PAGE_SIZE, PAGE_SIZE)
        if liobn != self.liobn or not all(map(self.tce_fits, pages, tces)):
            return H.H_PARAMETER
        for at, tce in zip(pages, tces, strict=True):
            self.hcall_put_tce(at, tce)
        return H.H_SUCCESS

    def h_copy_rdma(
        self, length: int, source_liobn: int, source: int, dest_liobn: int, dest: int
    ) -> ReturnCode:
        """Copy between windows that this end may use: its own, and for a server the partner's.

        H_PARAMETER: longer than ``max_transfer``. H_SOURCE_PARM, H_DEST_PARM: a window that is not this
        end's, or outside it. H_PERMISSION: a page whose access bits forbid it, or no partner.
        """
        mine = {self.liobn, self.riobn}
        if length > self.max_transfer:
            return H.H_PARAMETER
        if source_liobn not in mine:
            return H.H_SOURCE_PARM
        if dest_liobn not in mine:
            return H.H_DEST_PARM
        return H(self.hcall_copy(length, source_liobn == self.liobn, source, dest_liobn == self.liobn, dest))

    # Partitions.

    def crash(self) -> None:
        """The partition fails: its mappings become invalid, then its partner gets transport event 1.

        Its memory objects stay. To simulate the reboot, register again, and map memory by H_PUT_TCE.
        """
        self.unmap_all()
        if self.is_open:
            self.abandon()
            self.post_event(FAILED)
        for page in range(self._queue.address, self._queue.address + self.queue_size, PAGE_SIZE):
            self.hcall_put_tce(page, page | Access.BOTH)


def pair(
    client: Identity | None = None,
    server: Identity | None = None,
    *,
    window_size: int = DEFAULT_WINDOW,
    queue_size: int = DEFAULT_QUEUE,
    server_window: int | None = None,
    server_queue: int | None = None,
) -> tuple[LocalPort, LocalPort]:
    """Two adapters that are each other's partner, the client first. Sizes in bytes."""
    ends = []
    for who, window, queue in (
        (client, window_size, queue_size),
        (server, server_window or window_size, server_queue or queue_size),
    ):
        identity = who or Identity()
        if not identity.unit_address:
            identity = dataclasses.replace(identity, unit_address=0x30000000 + next(_numbers))
        ends.append(LocalPort(queue, window, fast.Region(fast.window_bytes(window)), identity))
    link = fast.Region(fast.link_bytes(0, 0))
    for end, other in (ends, ends[::-1]):
        end.peer = other
        end._beyond = other.region
        end.is_server = end is ends[1]
        end.link(link, end.is_server, 0, 0, -1, other.bell_fd)
    ends[1].riobn = ends[0].liobn
    ends[1].far_window(ends[0].region, window_size)
    return ends[0], ends[1]


_listeners: dict[str, LocalListener] = {}
_lock = threading.Lock()


class LocalListener(Listener):
    """The server's side of ``local:NAME``: a new pair of adapters for every :func:`connect`."""

    def __init__(self, name: str, identity: Identity, window_size: int, queue_size: int) -> None:
        self._name = name
        self.identity = identity
        self._sizes = window_size, queue_size
        self._waiting: deque[LocalPort] = deque()
        self._bell = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def offer(self, client: Identity, window_size: int, queue_size: int) -> LocalPort:
        """Make the port of a new client, and the server's port, which waits for :meth:`accept`."""
        window, queue = self._sizes
        port, server = pair(
            client,
            self.identity,
            window_size=window_size,
            queue_size=queue_size,
            server_window=window,
            server_queue=queue,
        )
        self._waiting.append(server)
        os.eventfd_write(self._bell, 1)
        return port

    def accept(self, timeout: float | None = None) -> LocalPort | None:
        """The server's port for the next client, or None after ``timeout`` seconds."""
        if not self._wait(timeout):
            return None
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return None
        return self._waiting.popleft()

    def fileno(self) -> int:
        """Readable while a client waits."""
        if self._bell < 0:
            raise ValueError("the listener is closed")
        return self._bell

    def close(self) -> None:
        """Free the name, and close the ports of clients that were not accepted."""
        if self._bell < 0:
            return
        with _lock:
            del _listeners[self._name]
            os.close(self._bell)
            self._bell = -1
        for port in self._waiting:
            port.close()


def connect(
    name: str,
    *,
    identity: Identity,
    timeout: float | None,
    window_size: int,
    queue_size: int,
    uids: Collection[int] | None,
) -> LocalPort:
    """See :func:`pysrp.fabric.connect`. PartnerGone at once if there is no listener in this process."""
    with _lock:
        if name not in _listeners:
            raise PartnerGone(f"local:{name}: nobody listens in this process")
        return _listeners[name].offer(identity, window_size, queue_size)


def listen(
    name: str,
    *,
    identity: Identity,
    window_size: int,
    queue_size: int,
    max_window: int,
    mode: int,
    uids: Collection[int] | None,
) -> LocalListener:
    """See :func:`pysrp.fabric.listen`."""
    with _lock:
        if name in _listeners:
            raise ConfigError(f"local:{name}: this process listens there already")
        _listeners[name] = LocalListener(name, identity, window_size, queue_size)
        return _listeners[name]
