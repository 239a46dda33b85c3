"""``pysrp`` with media that can stop answering: python3.11 scenario_server.py serve ...

Files of vdisk_fileio do not answer reads while there is a file of the same name with ".hang" behind it.
"""

import os
import time

from pysrp.backends import File
from pysrp.cli import main
from pysrp.scst import devices


class Hanging(File):
    """A medium that can stop answering."""

    def read_into(self, offset, view):
        while os.path.exists(f"{self.path}.hang"):
            time.sleep(0.01)
        super().read_into(offset, view)


devices.File = Hanging
main()
