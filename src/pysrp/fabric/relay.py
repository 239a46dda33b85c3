"""A process between clients and a server, which can edit, drop, delay or repeat the elements that it passes on.

::

    def edit(direction, element, iu):
        if direction == "t2i" and iu and iu[0] == srp.Opcode.RSP:
            return [0.5]                      # every answer comes half a second late

    with Relay("unix:/tmp/between", "unix:/tmp/vios", lambda number: edit) as relay:
        relay.run()

``edit`` has the arguments that it has in an :class:`~pysrp.fabric.interposer.Interposer`. It returns when to pass the element on:
None for at once, else a list of delays in seconds, one for each time: ``[]`` never, ``[0, 0]`` twice, ``[0.5]`` late.

The relay does not copy data. Each client passes its window as a memfd, which the relay passes on to the server. So the server
reads and writes the client's memory itself, and an IU is edited in place. This needs ``unix:`` at both ends.

When one end closes its queue, the relay closes the queue to the other end. When the server is gone, clients wait until there is
a server at its URL again, as they do without a relay.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import logging
import os
import selectors
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar, cast

from pysrp import crq, fabric
from pysrp._fast import fabric as fast
from pysrp.errors import ConfigError, HcallError, PartnerGone
from pysrp.fabric import Access, Identity, Port, shm
from pysrp.fabric.interposer import Edit, Passage, Passed
from pysrp.fabric.recording import name_of

__all__ = ["LONGEST", "LentPort", "Relay", "delays_of"]

log: logging.Logger = logging.getLogger("pysrp.fabric.relay")

LOST = 1, 2
"""Transport events: the partner failed; it closed its queue."""

BATCH = 256
"""The most elements that are taken out of a queue at a time."""

RETRY = 0.001
"""Seconds until a queue that was full is tried again."""

MOST = 4096
"""The most elements that wait for one end; more are dropped, as in a hypervisor whose queue is full."""

MAX_CLIENTS = 64
"""The most clients, as each needs about 14 descriptors; more clients wait to be accepted."""

LONGEST = 3600.0
"""The longest delay of an element in seconds."""

Self = TypeVar("Self", bound="Relay")


class LentPort(shm.ClientPort):
    """A client's port over the window of a client in another process, which alone allocates memory there."""

    def stretch(self, address: int, size: int) -> memoryview:
        """The window's memory by bus address, as far as it is mapped and contiguous."""
        if (whole := self._reach(address, size)) is not None:
            return whole
        there = bisect.bisect_left(range(size), True, key=lambda less: self._reach(address, less + 1) is None)
        return self._reach(address, there) or memoryview(b"")

    def _reach(self, address: int, size: int) -> memoryview | None:
        return self.own_memory(address, size) if address >= 0 else None

    def hcall_register(self) -> int:
        """H_REG_CRQ before looking for the server, so that the greeting says at once that the queue is registered."""
        code = int(fast.Adapter.hcall_register(self))
        self._call_again()
        self.attend()
        return code

    def allocate(self, size: int, access: int = Access.BOTH) -> NoReturn:
        """ConfigError: another process gives out this memory."""
        raise ConfigError("the window is that of a client somewhere else: only it allocates there")


class _Way:
    """The elements that wait to be sent to one end, ordered by the time when they are due."""

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name
        self._serial = itertools.count()
        self._waiting: list[tuple[float, int, bytes]] = []
        self._next = 0.0

    def add(self, due: float, element: bytes) -> bool:
        """Add an element; False if too many wait already."""
        if len(self._waiting) >= MOST:
            return False
        heapq.heappush(self._waiting, (due, next(self._serial), element))
        return True

    def clear(self) -> None:
        self._waiting.clear()

    def send(self, now: float) -> float | None:
        """Send the elements that are due; returns the time when the next one is, None if there is none."""
        while self._waiting and max(self._waiting[0][0], self._next) <= now:
            entry = heapq.heappop(self._waiting)
            try:
                taken = self._port.send_many([entry[2]])
            except PartnerGone:
                taken = 1  # dropped: an end that has closed its queue begins a new connection
            except HcallError as problem:
                log.warning("%s: %s: %s", self._name, entry[2].hex(" "), problem)
                taken = 1
            if not taken:
                heapq.heappush(self._waiting, entry)
                self._next = now + RETRY
        return max(self._waiting[0][0], self._next) if self._waiting else None


class _Joint:
    """One client, and the connection to the server that the relay has opened for it."""

    def __init__(
        self, number: int, near: shm.ServerPort, far: LentPort, port: Port, edit: Edit, grace: float
    ) -> None:
        self.name = f"client {number}"
        self.near, self.port = near, port
        self._far = far
        self._passage = Passage(far.stretch, edit)
        self._grace = grace
        self._open = False
        self._told = ""
        self._patience = 0.0
        """The time until which a server may take to answer a greeting before that is reported; 0.0: no greeting is open."""
        self._to_client = _Way(near, f"{self.name} t2i")
        self._to_server = _Way(port, f"{self.name} i2t")
        self._counts: Counter[str] = Counter()
        port.register()
        port.signal(True)

    def turn(self, now: float) -> float | None:
        """Pass elements on; returns the time for the next call at the latest, None if there is none."""
        answers = self.port.poll(BATCH)
        self._follow()
        self._tell(now)
        for element in answers:
            if element[0] == crq.Valid.TRANSPORT_EVENT:
                self._server_left(element[1])
            else:
                self._pass("t2i", self._passage.incoming(element), self._to_client, now)
        asked = self.near.poll(BATCH)
        for element in asked:
            if element[0] == crq.Valid.TRANSPORT_EVENT:
                self._client_left(element[1])
            else:
                passed = self._passage.outgoing(element)
                self._passage.sent(element, passed.iu)
                self._pass("i2t", passed, self._to_server, now)
        dues = self._to_server.send(now), self._to_client.send(now), self._patience or None
        # A port signals again only after a poll that found it empty. wait() also makes a recorder flush its file.
        if len(answers) == BATCH or len(asked) == BATCH or self.port.wait(0):
            return now
        return min((due for due in dues if due is not None), default=None)

    def _pass(self, direction: str, passed: Passed, way: _Way, now: float) -> None:
        self._counts[direction] += 1
        delays = delays_of(passed.result)
        about = crq.Element(passed.element)
        if delays != [0.0]:
            said = (
                "dropped" if not delays else f"goes on {', '.join(f'{one:g} s' for one in delays)} from now"
            )
            self._counts["dropped" if not delays else "late" if len(delays) == 1 else "repeated"] += 1
            what = name_of(about.format, passed.iu) if passed.iu else "an element"
            log.info(
                "%s %s: %s, format %d, tag or address %#x: %s",
                self.name,
                direction,
                what,
                about.format,
                about.IU_data_ptr,
                said,
            )
        if not all(way.add(now + delay, passed.element) for delay in delays):
            self._counts["overflowed"] += 1

    def _follow(self) -> None:
        """Register or free the queue towards the client, as the server has one or not."""
        if self._far.connected and not self._open:
            self._open = True
            self.near.register()
            self.near.signal(True)
        elif self._open and not self._far.connected:
            self._close()

    def _tell(self, now: float) -> None:
        """Log once why there is no server; but not while a server still has time to answer."""
        if self._far.calling and not self._patience and self._far.problem != self._told:
            self._patience = now + self._grace
        if self._far.calling and now < self._patience:
            return
        self._patience = 0.0
        if self._far.problem not in ("", self._told):
            log.warning("%s: %s", self.name, self._far.problem)
        self._told = self._far.problem

    def _close(self) -> None:
        self._open = False
        self.near.free()
        self._forget()

    def _forget(self) -> None:
        self._passage.clear()
        self._to_client.clear()
        self._to_server.clear()

    def _server_left(self, code: int) -> None:
        if code in LOST and self._open:
            self._close()
            self._follow()

    def _client_left(self, code: int) -> None:
        if code in LOST:
            self.port.free()
            self._forget()
            self.port.register()
            self.port.signal(True)

    def close(self) -> str:
        """Close both ports; returns the counts of elements as text."""
        self.port.close()
        self.near.close()
        counts = self._counts
        more = "".join(
            f", {counts[name]} {name}"
            for name in ("dropped", "late", "repeated", "overflowed")
            if counts[name]
        )
        return f"{counts['i2t']} elements from it, {counts['t2i']} to it{more}"


def delays_of(result: object) -> list[float]:
    """The delays in seconds that ``edit`` has returned. ValueError for an invalid return value."""
    if result is None:
        return [0.0]
    try:
        found = [float(one) for one in cast("Iterable[Any]", result)]
        if len(found) <= MOST and all(0 <= one <= LONGEST for one in found):
            return found
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{result!r:.80} is neither None nor a list of seconds (0 to {LONGEST:.0f}) after which the element goes on"
    )


class Relay:
    """Accepts clients at ``here`` and connects each to the server at ``there``; both are ``unix:`` URLs.

    ``edits`` is called with the number of each client, from 1, and returns its ``edit`` function. ``wrap`` is called with the
    number and the port towards the server, and returns the port to use, such as a :class:`~pysrp.fabric.recorder.Recorder`
    around it, which records what the server receives and sends. ``once``: :meth:`run` returns when its first client has gone.
    ``mode`` are the permission bits of the socket. ``timeout`` is how many seconds the server may take to answer.

    ConfigError for other transports, or if there is a server at ``here``; TransportError if no server answers at ``there``.
    """

    def __init__(
        self,
        here: str,
        there: str,
        edits: Callable[[int], Edit] | None = None,
        *,
        wrap: Callable[[int, Port], Port] | None = None,
        once: bool = False,
        timeout: float = 5.0,
        mode: int = 0o600,
    ) -> None:
        for url in here, there:
            if not url.startswith("unix:"):
                raise ConfigError(
                    f"{url}: both ends are unix:PATH, where a client can lend its memory; "
                    "for others there is pysrp.fabric.interposer, in the client's own process"
                )
        with fabric.connect(there, timeout=timeout) as probe:
            server = probe.partner or Identity()
        self._path = Path(there.partition(":")[2])
        self._edits = edits or (lambda number: lambda direction, element, iu: None)
        self._wrap = wrap or (lambda number, port: port)
        self._once = once
        self._grace = timeout
        self._numbers = itertools.count(1)
        self._joints: dict[_Joint, float | None] = {}
        self._stopped = False
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        try:
            # Clients get the server's identity, as if they were connected to it.
            self._listener = shm.UnixListener(
                Path(here.partition(":")[2]), identity=server, window_size=shm.LEAST_WINDOW, queue_size=fabric.DEFAULT_QUEUE,
                max_window=4 << 30, mode=mode, uids=None,
            )  # fmt: skip
        except BaseException:
            self._selector.close()
            os.close(self._bell)
            raise
        self._listener.keeps_windows = True
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Run until :meth:`stop`. Exceptions of ``edit`` are raised here, and ValueError for an invalid edit or return value."""
        while not self._stopped:
            dues = [due for due in self._joints.values() if due is not None]
            left = max(0.0, min(dues) - time.monotonic()) if dues else None
            ready = {key.data or key.fileobj for key, _ in self._selector.select(left)}
            now = time.monotonic()
            for joint, due in list(self._joints.items()):
                if joint in ready or (due is not None and due <= now):
                    self._turn(joint, now)
            if self._listener in ready and (near := self._listener.accept(0)) is not None:
                self._join(near)

    def stop(self) -> None:
        """Let :meth:`run` return soon. May be called from any thread, or from a signal handler."""
        self._stopped = True
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Disconnect all clients from the server and close the socket. Harmless when repeated."""
        for joint in list(self._joints):
            self._leave(joint, "is left")
        self._listener.close()
        self._selector.close()
        if self._bell >= 0:
            os.close(self._bell)
            self._bell = -1

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(self, joint: _Joint, now: float) -> None:
        self._joints[joint] = joint.turn(now)
        if joint.near.ended:
            self._leave(joint, "has gone")
            self._stopped |= self._once

    def _join(self, near: shm.ServerPort) -> None:
        number = next(self._numbers)
        assert near.client_window is not None
        assert near.far_region is not None
        window, size = near.client_window
        who = near.partner or Identity()
        far = LentPort(fabric.DEFAULT_QUEUE, size, near.far_region, who, self._path, window, None)
        joint = _Joint(number, near, far, self._wrap(number, far), self._edits(number), self._grace)
        log.info("%s: %s, unit address %08x", joint.name, who.partition_name or "no name", who.unit_address)
        for port in near, far:
            self._selector.register(port.fileno(), selectors.EVENT_READ, joint)
        self._joints[joint] = 0.0
        if len(self._joints) == MAX_CLIENTS:
            self._selector.unregister(self._listener)

    def _leave(self, joint: _Joint, how: str) -> None:
        if len(self._joints) == MAX_CLIENTS:
            self._selector.register(self._listener, selectors.EVENT_READ)
        del self._joints[joint]
        for port in joint.near, joint.port:
            self._selector.unregister(port.fileno())
        log.info("%s %s: %s", joint.name, how, joint.close())
