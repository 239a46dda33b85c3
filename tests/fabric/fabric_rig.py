"""Pairs of ports, one factory for every transport: the contract suite runs over all of them.

A transport joins by an entry in FACTORIES: a function that gives a client and a server port, neither
registered. (The real CRQ joins where a machine or the POWER lab has both sides.)
"""

from pysrp import fabric
from pysrp.fabric import Identity, local

CLIENT = Identity(0x30000003, "client partition", 3, "U9117.MMA.107086C-V3-C3-T1", "IBM,9117-MMA")
SERVER = Identity(0x30000002, "server partition", 2, "U9117.MMA.107086C-V2-C2-T1", "IBM,9117-MMA")
WINDOW = 1 << 20

INIT = bytes([0xC0, 1]) + bytes(14)


def element(number):
    """A valid element that says its number."""
    return bytes([0x80, 1]) + number.to_bytes(14, "big")


def local_pair(stack, tmp_path, **sizes):
    client, server = local.pair(CLIENT, SERVER, **sizes)
    stack.callback(server.close)
    stack.callback(client.close)
    return client, server


def unix_pair(stack, tmp_path, **sizes):
    url = f"unix:{tmp_path}/crq"
    with fabric.listen(url, identity=SERVER, **sizes) as listener:
        client = stack.enter_context(fabric.connect(url, identity=CLIENT, timeout=0, **sizes))
        server = stack.enter_context(listener.accept(60))
        while client.partner is None:
            client.poll()
    return client, server


FACTORIES = {"local": local_pair, "unix": unix_pair}
