"""One thin disk behind several adapters, all in this process: scenario_paths.py UNIT... It serves until SIGTERM."""

import signal
import sys
from contextlib import ExitStack

from pysrp.backends import Ram
from pysrp.target.disk import ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with ExitStack() as stack:
    disk = ThinDisk(stack.enter_context(Ram(64 << 20)), "disk")
    for unit in sys.argv[1:]:
        stack.enter_context(Server(f"vio:{unit}", LunMap([(256, disk)])))
    print("serves", flush=True)
    signal.sigwait({signal.SIGTERM})
