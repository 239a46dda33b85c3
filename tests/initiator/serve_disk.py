"""A server in a process of its own, for tests that kill it: one disk in a file, until standard input ends."""

import sys

from pysrp.backends import File
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

url, path = sys.argv[1:]
with Server(url, LunMap([(256, Disk(File(path), "a"))])):
    print("ready", flush=True)
    sys.stdin.read()
