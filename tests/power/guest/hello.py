"""The smallest scenario: boots, has Python, has the machine it expects."""

import os
import sys

from labguest import check, main, record


def machine():
    record("machine", release=os.uname().release, machine=os.uname().machine, python=sys.version, cpus=os.cpu_count())
    check("ppc64le", os.uname().machine == "ppc64le")


main(machine)
