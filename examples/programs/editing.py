"""Shift READs and WRITEs by a number of blocks on their way to the target: python editing.py URL BLOCKS."""

import sys

from pysrp import fabric, scsi, srp
from pysrp.fabric.interposer import Interposer
from pysrp.initiator import Session


class Moved:
    """The function that an interposer calls, one for each session."""

    def __init__(self, blocks: int) -> None:
        self.blocks, self.edited = blocks, 0

    def __call__(self, direction: str, element: bytearray, iu: bytearray | None) -> None:
        """Shift the LBA of a READ or WRITE, in place."""
        if direction != "i2t" or not iu or iu[0] != srp.Opcode.CMD:
            return
        cdb = scsi.parse_cdb(srp.Cmd(iu).cdb)
        if isinstance(cdb, (scsi.Read10, scsi.Write10)):
            cdb.lba += self.blocks
            self.edited += 1


if __name__ == "__main__":
    moved = Moved(int(sys.argv[2]))
    with Interposer(fabric.connect(sys.argv[1]), moved) as port, Session(port) as session:
        for disk in session.scan():
            print(disk.product, bytes(disk.read(0)[:16]).hex(" "))
    print(moved.edited, "edited")
