"""The SCSI devices of a Linux machine by SG_IO, with the methods that devices of an SRP session have.

::

    from pysrp.sg import Session

    with Session("sg:") as session:  # all; or sg:/dev/sg0
        for disk in session.scan():
            print(disk.host, disk.hctl, disk.vendor, disk.product, disk.capacity())

:mod:`.headers` has the structures of SG_IO, :mod:`.call` makes one command of them, :mod:`.node` calls the device nodes,
:mod:`.crew` has the threads for a unit's commands, :mod:`.session` the blocking interface and :mod:`.aio` that of asyncio.
"""

from __future__ import annotations

from pysrp.sg.session import Device, Session

__all__ = ["Device", "Session"]
