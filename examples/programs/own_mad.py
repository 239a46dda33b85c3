"""A management datagram of one's own, sent to a server: python own_mad.py URL. A server that does not know it answers F1h."""

import sys

from pysrp import crq, fabric, mad
from pysrp.fields import U32, U64


class Weather(mad.Mad, mad=0x57, length=8):
    """WEATHER, 28 bytes: asks for the weather at the server."""

    __slots__ = ()
    buffer = U64(16, doc="I/O bus address of 8 bytes for the answer")
    station = U32(24, doc="Number of the place; 0: the server's own")


def element(port: fabric.Port) -> crq.Element:
    """The next element from the server."""
    while True:
        for found in port.poll(1):
            return crq.Element(found)
        if not port.wait(60):
            raise TimeoutError("the server says nothing")


def meet(port: fabric.Port) -> None:
    """Open the queue; the end that opens second sends INIT, the other one INIT COMPLETE."""
    if port.register():
        port.send(bytes(crq.Element.init()))
    while (kind := element(port).kind) is not crq.InitFormat.INIT_COMPLETE:
        if kind is crq.InitFormat.INIT:
            port.send(bytes(crq.Element.init_complete()))
            return


def ask(port: fabric.Port, datagram: mad.Mad) -> mad.Mad:
    """Send the datagram, and return it as the server has changed it."""
    memory = port.allocate(4096)
    with memoryview(memory) as view:
        view[: len(datagram)] = bytes(datagram)
        port.send(bytes(crq.Element.mad(memory.address, len(datagram))))
        answer = element(port)
        if answer.kind is not crq.Format.MAD or answer.tag != datagram.tag:
            raise ValueError(f"no answer to this datagram: {answer!r}")
        return mad.parse(bytes(view[: len(datagram)]))


if __name__ == "__main__":
    with fabric.connect(sys.argv[1]) as port:
        meet(port)
        print(ask(port, Weather.build(tag=7, station=3)).show())
