"""The smallest scenario: boots, has Python, has the machine it expects."""

import os
import sys

from labguest import check, main, record


def machine():
    uname = os.uname()
    record("uname", release=uname.release, machine=uname.machine, python=sys.version, cpus=os.cpu_count())
    check("ppc64le", uname.machine == "ppc64le")


main(machine)
