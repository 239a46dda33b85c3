"""The units of this machine's SCSI generic in asyncio: the names of :mod:`pysrp.sg.session`, to be awaited.

::

    async with Session("sg:/dev/sg0") as session:
        (disk,) = await session.scan()
        first, second = await asyncio.gather(disk.read(0), disk.read(1))

Cancelling an await gives up what it waits for: the buffers are the caller's again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, TypeVar

from pysrp.initiator import aio
from pysrp.initiator.requests import cdb_of
from pysrp.initiator.units import Pending, Result, Steps, Walk
from pysrp.lun import Lun
from pysrp.sg.crew import UnitCrew
from pysrp.sg.units import PlacedUnit, Units

__all__ = ["Device", "Session", "SgUnit"]

T = TypeVar("T")


class SgUnit(UnitCrew):
    """One logical unit: what a device is to its ``session``, as :class:`pysrp.initiator.aio.Session` is."""

    async def wait(self, pending: Pending) -> None:
        """Wait until a command is done; being cancelled gives it up."""
        try:
            await self._done(pending)
        except BaseException:
            self.give_up((pending,))
            raise

    async def _done(self, pending: Pending) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def ended() -> None:
            if not future.done():
                future.set_result(None)

        def done(_: Pending) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(ended)

        with self._lock:
            if pending.done:
                return
            pending.waiter = done
        await future

    async def execute(
        self, lun: Lun, cdb: Any, *, check: bool = True, timeout: float = 60, **more: Any
    ) -> Result:
        """Any command, and its result; see :meth:`pysrp.initiator.session.Session.execute`."""
        pending = self.submit(lun, cdb_of(cdb), timeout=timeout, **more)
        await self.wait(pending)
        return pending.outcome(check)

    async def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`. When this ends, nobody waits for any of it."""
        with Walk(self, steps) as walk:
            for pending in walk:
                await self._done(pending)
        return walk.result

    async def lun_reset(self, lun: Lun, timeout: float = 0) -> None:
        """LUN RESET by the kernel, which has a time limit of its own; it goes on if this is cancelled."""
        await asyncio.get_running_loop().run_in_executor(None, self.carrier.reset)


class Device(PlacedUnit, aio.Device):
    """A logical unit; the methods are those of :class:`pysrp.initiator.session.Device`."""

    session: SgUnit  # type: ignore[assignment]


class Session(Units[SgUnit]):
    """The units; the arguments are those of :class:`pysrp.sg.session.Session`."""

    _make = SgUnit

    async def scan(
        self, channels: Iterable[int] | None = None, ids: Iterable[int] | None = None, luns: int | None = None
    ) -> list[Device]:
        """The units, as the kernel found them when it looked for them last; see the blocking one."""
        return [Device(*found) for found in self._found(channels, ids, luns)]

    async def close(self) -> None:
        """Let go of all units, as the blocking one."""
        self._close()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()
