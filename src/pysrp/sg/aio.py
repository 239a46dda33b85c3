"""The SCSI devices of this machine in asyncio: the classes of :mod:`pysrp.sg.session` with coroutines.

::

    async with Session("sg:/dev/sg0") as session:
        (disk,) = await session.scan()
        first, second = await asyncio.gather(disk.read(0), disk.read(1))

If a waiting task is cancelled, its command is given up, and its buffers are not used any more.
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
    """One logical unit: the ``session`` of a device, in the role of :class:`pysrp.initiator.aio.Session`."""

    async def wait(self, pending: Pending) -> None:
        """Wait until a command is done. If the waiting task is cancelled, the command is given up."""
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
        """Send any command and return its result; see :meth:`pysrp.initiator.session.Session.execute`."""
        pending = self.submit(lun, cdb_of(cdb), timeout=timeout, **more)
        await self.wait(pending)
        return pending.outcome(check)

    async def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`, and return its result.

        If this raises, the commands of the sequence that are still under way are given up.
        """
        with Walk(self, steps) as walk:
            for pending in walk:
                await self._done(pending)
        return walk.result

    async def lun_reset(self, lun: Lun, timeout: float = 0) -> None:
        """LUN RESET by the kernel, which has its own timeout. The reset goes on if the waiting task is cancelled."""
        await asyncio.get_running_loop().run_in_executor(None, self.carrier.reset)


class Device(PlacedUnit, aio.Device):
    """A logical unit; the methods are those of :class:`pysrp.initiator.session.Device`."""

    session: SgUnit  # type: ignore[assignment]


class Session(Units[SgUnit]):
    """The units of this machine; the arguments are those of :class:`pysrp.sg.session.Session`."""

    _make = SgUnit

    async def scan(
        self, channels: Iterable[int] | None = None, ids: Iterable[int] | None = None, luns: int | None = None
    ) -> list[Device]:
        """The units that the kernel has found; see :meth:`pysrp.sg.session.Session.scan`."""
        return [Device(*found) for found in self._found(channels, ids, luns)]

    async def close(self) -> None:
        """Close all units; see :meth:`pysrp.sg.session.Session.close`."""
        self._close()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()
