"""The SCSI devices of a Linux machine, with the methods that those behind SRP have.

::

    from pysrp.sg import Session

    with Session("sg:") as session:  # all; or sg:/dev/sg0
        for disk in session.scan():
            print(disk.host, disk.hctl, disk.vendor, disk.product, disk.capacity())

:mod:`.headers` are the tables of SG_IO, :mod:`.call` one command by them, :mod:`.node` the device nodes,
:mod:`.crew` the commands of a unit, :mod:`.session` and :mod:`.aio` its blocking and its asyncio face.
"""

from __future__ import annotations

from pysrp.sg.session import Device, Session

__all__ = ["Device", "Session"]
