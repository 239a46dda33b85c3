"""``pysrp`` with media that can stop answering: python3.11 scenario_server.py serve ...

Files of vdisk_fileio do not answer reads while there is a file of the same name with ".hang" behind it, which is
one byte long as soon as a read waits for it to go.
"""

import contextlib
import os
import time

from pysrp.backends import File
from pysrp.cli import main
from pysrp.scst import devices


class Hanging(File):
    """A medium that can stop answering."""

    def __init__(self, path, *, read_only=False, direct=False):
        super().__init__(path, read_only=read_only)

    def read_into(self, offset, view):
        with contextlib.suppress(FileNotFoundError):
            while True:
                os.truncate(f"{self.path}.hang", 1)
                time.sleep(0.01)
        super().read_into(offset, view)


devices.FileMedium = Hanging
main()
