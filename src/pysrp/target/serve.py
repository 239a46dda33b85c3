"""Serving logical units at a URL: the code that joins server adapters to fabric ports.

::

    from pysrp.backends import Ram
    from pysrp.target.disk import Disk
    from pysrp.target.lunmap import LunMap
    from pysrp.target.serve import Server

    with Server("unix:/tmp/vscsi", LunMap([(256, Disk(Ram(64 << 20)))])) as server:
        server.wait()

Each client gets a port, an adapter, and a thread that owns both. Backends that block share a pool
(:mod:`.workers`). :meth:`Server.stop` ends the sessions, waits for writes that are under way and flushes.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import selectors
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pysrp import fabric
from pysrp.errors import ConfigError, SrpError
from pysrp.fabric import Identity
from pysrp.latch import Latch
from pysrp.target.flushing import StillUnderWay, end_of_stragglers, flush, trouble_of
from pysrp.target.lunmap import LunMap
from pysrp.target.task import Unit
from pysrp.target.units.jobs import Job
from pysrp.target.workers import Pool
from pysrp.vscsi.server import ServerAdapter, Settings

__all__ = ["AdapterThread", "Server"]

log: logging.Logger = logging.getLogger("pysrp.target")

Self = TypeVar("Self", bound="Server")

LAST_WORDS = 5.0
"""Seconds that closing a queue may take when the server stops."""

MAX_CLIENTS = 256
"""The default limit of clients at a time; each has a thread and half a dozen file descriptors.

For more clients a process needs more file descriptors than the usual default limit: ``resource.setrlimit`` raises
RLIMIT_NOFILE, as ``pysrp serve`` does. A server does not change the limits of its process.
"""

TURNED_AWAY = 0.2
"""Seconds that the server waits before it accepts the next client, after one could not be served."""

FAILED = 1.0
"""Seconds until the port of a client whose engine failed is closed, as the client connects again at once."""

BEFORE_FLUSH = 2 / 3
"""The part of the time for stopping after which media are flushed, even if requests are still under way."""

_numbers = itertools.count(1)

LunChoice = LunMap | Callable[[fabric.Identity | None], LunMap]


class AdapterThread(threading.Thread):
    """One port, its adapter, and the thread that owns both. Other threads may read ``target``, but not call it."""

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
        self.target: ServerAdapter = ServerAdapter(port, luns, settings, pool)
        self.gone: bool = False
        """Whether the session has ended and the port is closed."""
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
        """The thread's loop."""
        target, port = self.target, self.port
        end = time.monotonic()
        try:
            while not self._stopping:
                due = target.process(time.monotonic())
                if port.ended:
                    target.process(time.monotonic())  # elements that came before the end
                    log.info("%s: the client has gone", target.name)
                    break
                port.wait(None if due is None else max(0.0, due - time.monotonic()))
        except BaseException:  # also SystemExit, as from a medium, which would end the thread without a word
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
            self.gone = True
            self._done()


def machine() -> str:
    """The id of this machine (machine-id(5)), or else its host name."""
    for place in "/etc/machine-id", "/var/lib/dbus/machine-id":
        with contextlib.suppress(OSError, ValueError):
            if found := Path(place).read_text("ascii").strip():
                return found
    return os.uname().nodename


def absolute(url: str) -> str:
    """A URL that means the same from any folder."""
    scheme, _, path = url.partition(":")
    return f"unix:{Path(path).absolute()}" if scheme == "unix" and path[:1] not in ("", "@") else url


_relative_ports: dict[Server, int] = {}
"""The relative target port identifiers of the servers of this process, until they are stopped."""
_numbering = threading.Lock()
"""Held while a number is chosen; not by :meth:`Server.stop`, which a signal handler may call in the thread that holds it."""


class Deadline:
    """A timeout, in seconds, that several waits share, one after the other; None: no limit."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float | None:
        """Seconds left, 0 or more; None: no limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


class Server:
    """Serves ``luns`` to every client that connects to ``url``: a thread per client, until :meth:`stop`.

    ``luns`` may be a function that returns a client's map for its :class:`pysrp.fabric.Identity`. Other keywords go to
    :func:`pysrp.fabric.listen`. More than ``max_clients`` clients at a time are turned away. With ``enabled`` False clients find
    the target disabled until :meth:`enable`. ``wrap`` is called with each client's port and returns the port to use instead,
    such as a :class:`pysrp.fabric.recorder.Recorder`. The server listens once it is made; ConfigError or TransportError where it
    cannot. ``identity`` is the server's own :class:`~pysrp.fabric.Identity` on the platform.

    Only the listening thread changes the list of adapters; other threads send it calls through a queue. So no lock is held
    that a signal handler, which calls :meth:`stop`, would wait for in vain.
    """

    settings: Settings

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
        self.enabled: bool = enabled
        self.max_clients = max_clients
        self.pool: Pool = Pool()
        self._luns = luns
        self._wrap = wrap
        self._maps: list[LunMap] = []
        self._adapters: tuple[AdapterThread, ...] = ()
        """Replaced as a whole, by the listening thread."""
        self._words: SimpleQueue[Callable[[AdapterThread], None]] = SimpleQueue()
        """Functions that the listening thread is to call with every adapter."""
        self.ended: bool = False
        self._stopped = Latch()
        self._ending = threading.RLock()  # a signal handler may call stop in the thread that is stopping
        self._leaving = self._over = False
        self._listener = fabric.listen(url, **options)
        self.identity: Identity = self._listener.identity
        self.name: str = f"{machine()} {self.identity.system_id} {absolute(url)}"
        """The server's name in the ids of its disks: unique, and the same after a restart."""
        if isinstance(luns, LunMap):
            luns.served(self.name, time.time)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        # Closed only with this object: a thread about to write could otherwise hit a new file with the same descriptor number.
        weakref.finalize(self, os.close, self._bell)
        self._thread = threading.Thread(target=self._accept, name=f"pysrp {url}", daemon=True)
        try:
            self.renumber(self.settings.relative_port)
            self._thread.start()
        except BaseException:
            _relative_ports.pop(self, None)
            self._listener.close()
            raise

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
                self._pass_on()
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
                    self._stopped.wait(TURNED_AWAY)  # a resource that is used up now may be so for a while
                except Exception:
                    # A given function has failed, or no thread could be started: other clients are still served.
                    log.exception("%s: a client was turned away", self.url)
                    self._stopped.wait(TURNED_AWAY)
        self._listener.close()

    def _pass_on(self) -> None:
        """Call the queued functions with every adapter."""
        with contextlib.suppress(Empty):
            while True:
                word = self._words.get_nowait()
                for adapter in self._adapters:
                    word(adapter)

    def _tell(self, word: Callable[[AdapterThread], None]) -> None:
        """Have ``word`` called with every adapter, also one that is just being made. From any thread."""
        self._words.put(word)
        self._ring()

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
        luns.served(self.name, time.time)
        adapter = AdapterThread(port, luns, self.settings, self.pool, self._ring)
        # Some platforms do not tell the client's identity here; its adapter info comes later.
        log.info("%s: client %s", adapter.target.name, _who(port.partner))
        others = tuple(self.adapters())
        self._adapters = (*others, adapter)
        if luns not in self._maps:
            self._maps.append(luns)
        adapter.call(adapter.target.enable if self.enabled else adapter.target.disable)
        try:
            adapter.start()
        except BaseException:
            self._adapters = others
            adapter.target.retire()
            raise
        if self._stopped.is_set():
            adapter.stop()  # stop() may have timed out waiting for this thread, and so missed this adapter

    def _ring(self) -> None:
        """Wake the listening thread."""
        os.eventfd_write(self._bell, 1)

    def adapters(self) -> list[AdapterThread]:
        """The adapters of the clients that are connected; ``adapter.target.session`` is a client's login."""
        return [each for each in self._adapters if not each.gone]

    # For the administrator: any thread.

    def enable(self) -> None:
        """Let clients log in. ConfigError if another enabled server has the same relative target port identifier."""
        with _numbering:
            self._only(self.settings.relative_port)
            self.enabled = True
        self._tell(lambda adapter: adapter.call(adapter.target.enable))

    def disable(self) -> None:
        """End the sessions, and accept no login until :meth:`enable`; see :meth:`ServerAdapter.disable`."""
        self.enabled = False
        self._tell(lambda adapter: adapter.call(adapter.target.disable))

    def renumber(self, relative_port: int | None) -> None:
        """Change the relative target port identifier, for logins from now on (Settings.relative_port). None: the first free one.

        ConfigError, without a change, for an invalid number, and, while this server is enabled, for the number of another
        enabled server: an initiator port's registrations there would count here too.
        """
        with _numbering:
            if relative_port is None:
                taken = set(_relative_ports.copy().values())
                relative_port = next(number for number in itertools.count(1) if number not in taken)
            elif self.enabled:
                self._only(relative_port)
            settings = self.settings = replace(self.settings, relative_port=relative_port)
            _relative_ports[self] = relative_port
        if self._over:
            _relative_ports.pop(self, None)  # stopped meanwhile
        self._tell(lambda adapter: adapter.call(partial(setattr, adapter.target, "settings", settings)))

    def _only(self, relative_port: int | None) -> None:
        """Raise ConfigError if another enabled server has this number. The caller holds the lock."""
        if relative_port in (taken := self.relative_ports_of_others()):
            raise ConfigError(
                f"relative target port identifier {relative_port} is that of {taken[relative_port]}: "
                "renumber one of the two"
            )

    def relative_ports_of_others(self) -> dict[int, str]:
        """The relative target port identifiers of the other enabled servers of this process, with their URLs."""
        ports = _relative_ports.copy().items()
        return {number: other.url for other, number in ports if other is not self and other.enabled}

    def drain(self, unit: Unit, timeout: float | None = None) -> bool:
        """Wait, after ``unit`` was removed, until no session has a task for it and no worker is busy with it.

        Its job is stopped if no initiator can reach the unit any more. False if ``timeout`` seconds pass first.
        """
        deadline = Deadline(timeout)
        for adapter in self.adapters():
            done = threading.Event()
            adapter.call(lambda target=adapter.target, done=done: target.when_idle(unit, done.set))  # type: ignore[misc]
            if not done.wait(deadline.left):
                return False
        if not unit.nexuses():
            _stop_job(unit)
        medium = getattr(unit, "backend", None)
        if medium is None:
            return True
        return end_of_stragglers([medium], deadline.left) and self.pool.drain(medium, deadline.left)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a call of :meth:`stop` or :meth:`interrupt`; False if ``timeout`` seconds pass first.

        Also returns when the platform has removed the adapter, so that no client can connect any more: ``ended`` is then True.
        """
        return self._stopped.wait(timeout)

    def interrupt(self) -> None:
        """Make :meth:`wait` return, for signal handlers; :meth:`stop` has still to be called."""
        self._stopped.set()

    def stop(self, timeout: float | None = 30.0) -> None:
        """End all sessions, wait for requests that are under way, and flush, all within ``timeout`` seconds.

        A third of that is for the flush. Requests that have not ended by then are logged.
        Harmless when repeated, also by a signal handler that interrupts it, whose call returns at once.
        """
        self._stopped.set()
        with self._ending:
            if self._over or self._leaving:
                return
            self._leaving = True
            try:
                self._stop(timeout)
            finally:
                self._leaving = False

    def _stop(self, timeout: float | None) -> None:
        whole = Deadline(timeout)
        first = Deadline(None if timeout is None else timeout * BEFORE_FLUSH)
        self._ring()
        self._thread.join(first.left)
        adapters, self._adapters = self._adapters, ()
        for adapter in adapters:
            adapter.stop()
        for adapter in adapters:
            if adapter.is_alive():
                adapter.join(first.left)
        for unit in self._units():
            _stop_job(unit)
        media = {getattr(unit, "backend", None) for unit in self._units()}
        ended = end_of_stragglers(media, first.left)
        # The pool's other work had as long to end. A thread that is still alive has not withdrawn its requests yet.
        late = any(adapter.is_alive() for adapter in adapters)
        if not self.pool.drain(timeout=first.left) or not ended or late:
            log.error("%s: a backend is still busy: what it was writing may be lost", self.url)
        self._flush(whole.left)
        self._over = True
        _relative_ports.pop(self, None)

    def _flush(self, timeout: float | None) -> None:
        """Flush the media; wait no longer than ``timeout`` seconds for any that hangs."""
        users: dict[Any, Unit] = {}
        for unit in self._units():
            if (backend := getattr(unit, "backend", None)) is not None:
                users[backend] = unit
        for backend, error in flush(users, self.pool, timeout).items():
            if error is not None:
                lost = ": what was written last may be lost" if isinstance(error, StillUnderWay) else ""
                trouble = trouble_of(backend)
                why = f"; {trouble}" if trouble else ""
                log.error("%s: flushing %r: %s%s%s", self.url, users[backend], error, lost, why)

    def _units(self) -> Iterable[Unit]:
        return {export.unit for luns in self._maps for export in luns}


def _stop_job(unit: Unit) -> None:
    """Stop the unit's job, if it has one of class :class:`Job`."""
    job = getattr(unit, "job", None)
    if isinstance(job, Job):
        job.stop()


def _who(partner: fabric.Identity | None) -> str:
    """A client's name for the log."""
    if partner is None:
        return "unknown yet"
    return f"{partner.partition_name or 'without a name'}, partition {partner.partition_number}"
