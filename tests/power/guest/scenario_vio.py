"""A pair of vio: ports for the contract suite: both slots of a connection through the lab's hypervisor."""

from labguest import Hypervisor

from pysrp import fabric


def vio_pair(stack, tmp_path, **sizes):
    hypervisor = Hypervisor(0x30000028)
    with fabric.listen(f"vio:{hypervisor.server:x}") as listener:
        server = listener.accept()
    stack.callback(server.close)
    client = stack.enter_context(fabric.connect(f"vio:{hypervisor.client:x}"))
    return client, server


FACTORIES = {"vio": vio_pair}
