"""Serving logical units at a URL: the code that joins server adapters to fabric ports.

::

    from pysrp.backends import Ram
    from pysrp.target.disk import Disk
    from pysrp.target.lunmap import LunMap
    from pysrp.target.serve import Server

    with Server("unix:/run/vscsi", LunMap([(256, Disk(Ram(64 << 20)))])) as server:
        server.wait()

Each client gets a port, an adapter, and a thread that owns both. Backends that block share a pool
(:mod:`.workers`). :meth:`Server.stop` ends the sessions, waits for writes that are under way and flushes.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import queue
import selectors
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pysrp import fabric
from pysrp.errors import ConfigError, SrpError
from pysrp.latch import Latch
from pysrp.target.data import Media
from pysrp.target.link import PENDING
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Medium, MediumRequest, Operation
from pysrp.target.task import Unit
from pysrp.target.units.jobs import Job
from pysrp.target.workers import Pool
from pysrp.vscsi.server import ServerAdapter, Settings

__all__ = ["AdapterThread", "Server"]

log = logging.getLogger("pysrp.target")

Self = TypeVar("Self", bound="Server")

LAST_WORDS = 5.0
"""Seconds that closing a queue may take when the server stops."""

MAX_CLIENTS = 256
"""Clients at a time, unless it is said otherwise; each has a thread and half a dozen descriptors."""

TURNED_AWAY = 0.2
"""Seconds until the next client is looked at when one could not be served."""

FAILED = 1.0
"""Seconds until a client whose engine failed is told, as it comes again at once."""

_numbers = itertools.count(1)

LunChoice = LunMap | Callable[[fabric.Identity | None], LunMap]


class AdapterThread(threading.Thread):
    """One port, its adapter, and the thread that owns both. ``target`` may be looked at, not called."""

    def __init__(
        self,
        port: fabric.Port,
        luns: LunMap,
        settings: Settings,
        pool: Pool,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name=f"pysrp target {port.identity.unit_address:08x} {next(_numbers)}", daemon=True)
        self.port = port
        self.target = ServerAdapter(port, luns, settings, pool)
        self._stopping = False
        self._done = done

    def call(self, work: Callable[[], Any]) -> None:
        """Let the thread call ``work`` soon."""
        self.target.post(work)

    def stop(self) -> None:
        """Close the queue and end the thread."""
        self._stopping = True
        self.port.wake()

    def run(self) -> None:
        """The owner's loop."""
        target, port = self.target, self.port
        end = time.monotonic()
        try:
            while not self._stopping:
                due = target.process(time.monotonic())
                if port.ended:
                    target.process(time.monotonic())  # its last elements
                    log.info("%s: the client has gone", target.name)
                    break
                port.wait(None if due is None else max(0.0, due - time.monotonic()))
        except Exception:
            log.exception("%s: the adapter's engine failed", target.name)
            end = time.monotonic() + FAILED
        finally:
            while not self._stopping and (left := end - time.monotonic()) > 0:
                time.sleep(min(left, 0.05))
            self._end()

    def _end(self) -> None:
        target = self.target
        try:
            target.remove()
            end = time.monotonic() + LAST_WORDS
            while not target.removed and (now := time.monotonic()) < end:
                due = target.process(now)
                if not target.removed:
                    self.port.wait(0.01 if due is None else min(max(due - now, 0.0), 1.0))
        except Exception:
            log.exception("%s: closing the adapter", target.name)
        finally:
            target.retire()
            try:
                self.port.close()
            except Exception:
                log.exception("%s: closing the adapter's port", target.name)
            self._done()


def machine() -> str:
    """The id of this machine (machine-id(5)), or else its name."""
    for place in "/etc/machine-id", "/var/lib/dbus/machine-id":
        with contextlib.suppress(OSError, ValueError):
            if found := Path(place).read_text("ascii").strip():
                return found
    return os.uname().nodename


def absolute(url: str) -> str:
    """A URL that means the same from any folder."""
    scheme, _, path = url.partition(":")
    return f"unix:{Path(path).absolute()}" if scheme == "unix" and path[:1] not in ("", "@") else url


_relative_ports: WeakKeyDictionary[Server, int] = WeakKeyDictionary()
"""The relative target port identifiers of the servers of this process."""
_numbering = threading.Lock()


class Server:
    """Serves ``luns`` to every client that comes to ``url``: a thread per client, until :meth:`stop`.

    ``luns`` may be a function that gives each client its map, by its :class:`pysrp.fabric.Identity`. Other
    keywords go to :func:`pysrp.fabric.listen`. More than ``max_clients`` at a time are turned away. With
    ``enabled`` False clients find the target disabled until :meth:`enable`. ``wrap`` gets each client's port
    and gives the one to use instead, such as a :class:`pysrp.fabric.recorder.Recorder`. The server listens
    when it has been made; ConfigError or TransportError where it cannot. ``identity`` is its own end, as the
    platform has it.
    """

    def __init__(
        self,
        url: str,
        luns: LunChoice,
        settings: Settings | None = None,
        *,
        enabled: bool = True,
        max_clients: int = MAX_CLIENTS,
        wrap: Callable[[fabric.Port], fabric.Port] | None = None,
        **options: Any,
    ) -> None:
        self.url = url
        self.settings = settings or Settings()
        if max_clients < 1:
            raise ConfigError(f"max_clients {max_clients}: at least 1")
        self.enabled = enabled
        self.max_clients = max_clients
        self.pool = Pool()
        self._luns = luns
        self._wrap = wrap
        self._maps: list[LunMap] = []
        self._lock = threading.Lock()
        self._adapters: set[AdapterThread] = set()
        self.ended = False
        self._stopped = Latch()
        self._ending = threading.RLock()  # a signal handler may call stop in the thread that is stopping
        self._leaving = False
        self._listener = fabric.listen(url, **options)
        self.identity = self._listener.identity
        self.name = f"{machine()} {self.identity.system_id} {absolute(url)}"
        """What it calls itself in the ids of its disks: stays when it starts again, and no other has it."""
        if isinstance(luns, LunMap):
            luns.served(self.name)
        self.renumber(self.settings.relative_port)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._accept, name=f"pysrp {url}", daemon=True)
        self._thread.start()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # Clients.

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener.fileno(), selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while not self._stopped.is_set():
                selector.select()
                if self._stopped.is_set():
                    break
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._bell)
                if self._listener.ended:
                    self.ended = True
                    self._stopped.set()
                    break
                try:
                    port = self._listener.accept(0)
                    if port is not None:
                        self._welcome(port)
                except (SrpError, OSError) as error:
                    log.error("%s: a client was turned away: %s", self.url, error)
                    self._stopped.wait(TURNED_AWAY)  # what is used up now may be so for a while
                except Exception:
                    # The fault of a function that was given, or of a machine without threads: no other client's.
                    log.exception("%s: a client was turned away", self.url)
                    self._stopped.wait(TURNED_AWAY)
        self._listener.close()

    def _welcome(self, port: fabric.Port) -> None:
        try:
            if self._wrap:
                port = self._wrap(port)
            self._serve(port)
        except BaseException:
            port.close()
            raise

    def _serve(self, port: fabric.Port) -> None:
        if len(self.adapters()) >= self.max_clients:
            raise ConfigError(f"there are {self.max_clients} clients already (max_clients)")
        luns = self._luns if isinstance(self._luns, LunMap) else self._luns(port.partner)
        luns.served(self.name)
        adapter = AdapterThread(port, luns, self.settings, self.pool, self._ring)
        # A platform does not say who; the adapter info will.
        log.info("%s: client %s", adapter.target.name, _who(port.partner))
        with self._lock:
            self._adapters = {each for each in self._adapters if each.is_alive()} | {adapter}
            if luns not in self._maps:
                self._maps.append(luns)
            adapter.call(adapter.target.enable if self.enabled else adapter.target.disable)
            try:
                adapter.start()
            except BaseException:
                self._adapters.discard(adapter)
                adapter.target.retire()
                raise

    def _ring(self) -> None:
        """Let the listener's thread look whether it is still of use."""
        if self._bell >= 0:
            os.eventfd_write(self._bell, 1)

    def adapters(self) -> list[AdapterThread]:
        """The adapters whose clients are there; ``adapter.target.session`` is a client's login."""
        with self._lock:
            return [each for each in self._adapters if each.is_alive()]

    # For the administrator: any thread.

    def enable(self) -> None:
        """Let clients in."""
        with self._lock:
            self.enabled = True
            for adapter in self._adapters:
                adapter.call(adapter.target.enable)

    def disable(self) -> None:
        """End the sessions, and let nobody log in until :meth:`enable`; see :meth:`ServerAdapter.disable`."""
        with self._lock:
            self.enabled = False
            for adapter in self._adapters:
                adapter.call(adapter.target.disable)

    def renumber(self, relative_port: int | None) -> None:
        """The target port has another relative identifier, for who logs in from now on; see Settings.relative_port."""
        with _numbering:
            if relative_port is None:
                taken = set(_relative_ports.values())
                relative_port = next(number for number in itertools.count(1) if number not in taken)
            _relative_ports[self] = relative_port
        with self._lock:
            self.settings = replace(self.settings, relative_port=relative_port)
            for adapter in self._adapters:
                adapter.call(partial(setattr, adapter.target, "settings", self.settings))

    def drain(self, unit: Unit, timeout: float | None = None) -> bool:
        """Wait until no session has a task for ``unit`` and no worker is busy with it: after it was removed.

        What goes on in it is stopped if no initiator can reach it any more. False when time is up.
        """
        end = None if timeout is None else time.monotonic() + timeout
        for adapter in self.adapters():
            done = threading.Event()
            adapter.call(lambda target=adapter.target, done=done: target.when_idle(unit, done.set))  # type: ignore[misc]
            left = None if end is None else max(0.0, end - time.monotonic())
            if not done.wait(left):
                return False
        if not unit.nexuses():
            _stop_job(unit)
        left = None if end is None else max(0.0, end - time.monotonic())
        medium = getattr(unit, "backend", None)
        if not _end_of_stragglers([medium], left):
            return False
        left = None if end is None else max(0.0, end - time.monotonic())
        return self.pool.drain(medium, left)

    def wait(self, timeout: float | None = None) -> bool:
        """Until somebody calls :meth:`stop` or :meth:`interrupt`; False if ``timeout`` seconds passed first.

        Returns too when no client can come any more, as the adapter is gone: ``ended`` is then True.
        """
        return self._stopped.wait(timeout)

    def interrupt(self) -> None:
        """Make :meth:`wait` return, for signal handlers; :meth:`stop` has still to be called."""
        self._stopped.set()

    def stop(self, timeout: float | None = 30.0) -> None:
        """Take leave of all clients, let what is under way end within ``timeout`` seconds, and flush.

        Harmless when repeated, also by a signal handler that interrupts it: that does not wait.
        """
        self._stopped.set()
        with self._ending:
            if self._bell < 0 or self._leaving:
                return
            self._leaving = True
            try:
                self._stop(timeout)
            finally:
                self._leaving = False

    def _stop(self, timeout: float | None) -> None:
        os.eventfd_write(self._bell, 1)
        self._thread.join(timeout)
        with self._lock:
            adapters, self._adapters = self._adapters, set()
        for adapter in adapters:
            adapter.stop()
        for adapter in adapters:
            adapter.join(timeout)
        for unit in self._units():
            _stop_job(unit)
        media = {getattr(unit, "backend", None) for unit in self._units()}
        if not _end_of_stragglers(media, timeout) or not self.pool.drain(timeout=timeout):
            log.error("%s: a backend is still busy: what it was writing may be lost", self.url)
        self._flush(timeout)
        bell, self._bell = self._bell, -1
        os.close(bell)
        with _numbering:
            del _relative_ports[self]

    def _flush(self, timeout: float | None) -> None:
        """Put what was written on the media; one that hangs is not waited for longer than that."""
        loop = WaitingLoop()
        media = Media(self.pool, loop.post)
        waiting = set()

        def flushed(unit: Unit, request: MediumRequest) -> None:
            waiting.discard(request)
            if error := request.failure():
                log.error("%s: flushing %r: %s", self.url, unit, error)

        for unit in self._units():
            backend = getattr(unit, "backend", None)
            if backend is None:
                continue
            request = MediumRequest(Operation.FLUSH, over=partial(flushed, unit))
            if media.submit(backend, request) is PENDING:
                waiting.add(request)
            else:
                flushed(unit, request)
        if not loop.run_while(waiting, timeout):
            log.error("%s: flushing goes on: what was written last may be lost", self.url)
        media.retire()

    def _units(self) -> Iterable[Unit]:
        return {export.unit for luns in self._maps for export in luns}


class WaitingLoop:
    """The loop of who waits for media: :class:`pysrp.target.medium.Loop`."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.post = self._calls.put

    def run_while(self, waiting: Collection[object], timeout: float | None) -> bool:
        """Until nothing is waited for any more; False if ``timeout`` seconds pass first."""
        end = None if timeout is None else time.monotonic() + timeout
        while waiting:
            try:
                self._calls.get(timeout=None if end is None else max(0.0, end - time.monotonic()))()
            except queue.Empty:
                return False
        return True


def _end_of_stragglers(media: Iterable[Any], timeout: float | None) -> bool:
    """Wait for what nobody else waits for any more on a medium; False if ``timeout`` seconds pass first."""
    loop = WaitingLoop()
    busy = {each for each in media if isinstance(each, Medium)}
    for medium in list(busy):
        medium.stragglers.when_over(partial(loop.post, partial(busy.discard, medium)))
    return loop.run_while(busy, timeout)


def _stop_job(unit: Unit) -> None:
    """Let what goes on in a unit end, if that is one of ours."""
    job = getattr(unit, "job", None)
    if isinstance(job, Job):
        job.stop()


def _who(partner: fabric.Identity | None) -> str:
    """A client for the log."""
    if partner is None:
        return "unknown yet"
    return f"{partner.partition_name or 'without a name'}, partition {partner.partition_number}"
