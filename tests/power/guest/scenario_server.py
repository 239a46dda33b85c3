"""The target's process in the guest: pysrp's server at a vio: unit, with the management tree beside it.

python3.11 scenario_server.py UNIT OS_TYPE SOCKET [--fuse FOLDER] [--record FILE]

Files of vdisk_fileio do not answer reads while there is a file of the same name with ".hang" behind it.
"""

import argparse
import contextlib
import os
import signal
import threading
import time

from pysrp import fabric
from pysrp.backends import File
from pysrp.fabric import power
from pysrp.fabric.recorder import Recorder
from pysrp.scst import Control, Mount, Tree, devices
from pysrp.target.engine import Settings
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server


class Hanging(File):
    """A medium that can stop answering."""

    def read_into(self, offset, view):
        while os.path.exists(f"{self.path}.hang"):
            time.sleep(0.01)
        super().read_into(offset, view)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("unit", type=lambda text: int(text, 0))
    parser.add_argument("os_type", type=int)
    parser.add_argument("socket")
    parser.add_argument("--fuse")
    parser.add_argument("--record")
    options = parser.parse_args()

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if options.record:
        listen = power.listen

        def recorded(*arguments, **keywords):
            listener = listen(*arguments, **keywords)
            accept = listener.accept

            def wrapped(timeout=None):
                port = accept(timeout)
                return port and Recorder(port, options.record)

            listener.accept = wrapped
            return listener

        power.listen = recorded

    devices.File = Hanging
    settings = Settings(os_type=options.os_type)
    identity = fabric.Identity(options.unit, "VIOS3-P6", 40)
    exports = LunMap()
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(Tree())
        server = stack.enter_context(Server(f"vio:{options.unit:x}", exports, settings, enabled=False))
        tree.add_target(server, exports, identity)
        if options.fuse:
            stack.enter_context(Mount(tree, options.fuse))
        stack.enter_context(Control(tree, options.socket))
        print("serving", os.getpid(), flush=True)
        stop.wait()
    print("stopped", flush=True)


main()
