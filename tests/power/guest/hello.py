"""The smallest scenario: boots, has Python, the machine it expects, its folders, and pysrp compiled for it."""

import os
import sys
from pathlib import Path

from labguest import check, main, record
from pysrp._fast import view

import pysrp
from pysrp import srp


def machine():
    uname = os.uname()
    record("uname", release=uname.release, machine=uname.machine, python=sys.version, cpus=os.cpu_count())
    check("ppc64le", uname.machine == "ppc64le")


def shares():
    Path("/shares/0/answer").write_text(" ".join(sys.argv[1:]))


def package():
    check("installed there", pysrp.__file__.startswith("/shares/"), got=pysrp.__file__)
    check("compiled", view.__file__.endswith(".cpython-311-powerpc64le-linux-gnu.so"), got=view.__file__)
    iu = srp.Cmd.build(tag=7, cdb=b"\x12\0\0\0\x24\0")
    check("round trip", srp.parse(bytes(iu)).tag == 7)


main(machine, shares, package)
