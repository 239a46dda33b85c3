"""A server to kill: LUN 256 is a file, LUN 512 memory. Until standard input ends.

system_server.py URL FILE [LARGEST FILE IN BYTES]
"""

import json
import resource
import sys

from pysrp.backends import File, Ram
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

if len(sys.argv) > 3:
    # Python ignores SIGXFSZ: a write behind the limit fails with EFBIG, as on a medium that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
with File(sys.argv[2]) as file:
    luns = LunMap([(256, Disk(file, "file")), (512, Disk(Ram(16 << 20), "ram"))])
    with Server(sys.argv[1], luns) as server:
        print(json.dumps("ready"), flush=True)
        for _ in sys.stdin:
            targets = [adapter.target for adapter in server.adapters()]
            sessions = [target.session for target in targets if target.session]
            print(json.dumps([[each.outstanding, len(each.tasks)] for each in sessions]), flush=True)
