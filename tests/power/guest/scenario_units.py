"""``pysrp`` with a CD and a tape beside the disks, as far as Linux asks when it finds them: scenario_units.py serve ...

Their handlers are ``vdisk_cdrom`` and ``lab_tape``. The CD can be read; the tape is there, and has commands that every
unit has.
"""

from pysrp.cli import main
from pysrp.scsi.codes import PeripheralDeviceType
from pysrp.scst import devices
from pysrp.target.disk import Disk
from pysrp.target.unit import LogicalUnit


class Cd(Disk):
    """A disk that says it is a CD."""

    device_type = PeripheralDeviceType.CD_DVD


class Tape(LogicalUnit):
    """A tape without any."""

    device_type = PeripheralDeviceType.SEQUENTIAL_ACCESS


class CdRom(devices.RamIo):
    """Blocks of 2 KiB."""

    handler = "vdisk_cdrom"

    def make(self, identity):
        return Cd(self.backend, self.name, identity=identity, block_size=2048, removable=True)


class TapeDrive(devices.RamIo):
    """Its memory is not used."""

    handler = "lab_tape"

    def make(self, identity):
        return Tape(self.name, identity=identity)


for kind in (CdRom, TapeDrive):
    devices.HANDLERS[kind.handler] = kind
main()
