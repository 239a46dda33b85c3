"""pysrp itself, cross-built, in the guest: it imports, and its compiled part is this machine's."""

from labguest import check, main
from pysrp._fast import view

import pysrp
from pysrp import crq, srp


def imports():
    check("installed there", pysrp.__file__.startswith("/shares/"), got=pysrp.__file__)
    check("compiled", view.__file__.endswith(".cpython-311-powerpc64le-linux-gnu.so"), got=view.__file__)
    iu = srp.Cmd.build(tag=7, cdb=b"\x12\0\0\0\x24\0")
    check("round trip", srp.parse(bytes(iu)).tag == 7)
    check("crq", crq is not None)


main(imports)
