"""vio: for the contract suite: both slots of a connection through the lab's hypervisor."""

import os

from labguest import Hypervisor

from fabric_rig import Transport
from pysrp import fabric
from pysrp.fabric import Access, Identity

hypervisor = Hypervisor(0x30000028)


class Vio(Transport):
    """The real CRQ. What is left out here is what the platform has not."""

    identities = (
        Identity(hypervisor.client, "pysrp-lab"),
        Identity(hypervisor.server, "VIOS3-P6", 40, "U9999.LAB.0000000-V40-C40"),
    )
    partners = (
        Identity(hypervisor.server, "", 40, "U9999.LAB.0000000-V40-C40"),
        Identity(hypervisor.client, "", 7, "U9999.LAB.0000000-V7-C40"),
    )
    window = None
    page = os.sysconf("SC_PAGESIZE")
    largest = 16 << 20
    compacts = False
    freed = ValueError  # that of Python's mmap
    introduces = False
    outlives_client = True
    shares = False
    spins = (0,)
    rounds = 500
    calls = "H_REG_CRQ", "H_FREE_CRQ", "H_ENABLE_CRQ", "H_VIO_SIGNAL", "H_SEND_CRQ", "H_COPY_RDMA"

    def granted(self, access):
        return {Access.READ: Access.READ, Access.WRITE: Access.BOTH, Access.BOTH: Access.BOTH}.get(access)

    def pair(self, stack, folder, **sizes):
        with fabric.listen(f"vio:{hypervisor.server:x}", **sizes) as listener:
            server = stack.enter_context(listener.accept())
        return self.client(stack, **sizes), server

    def client(self, stack, **sizes):
        return stack.enter_context(fabric.connect(f"vio:{hypervisor.client:x}", **sizes))

    def inject(self, port, call, code=0, times=1):
        if call not in self.calls:
            raise ValueError(call)
        name = {"H_VIO_SIGNAL": "signal", "H_COPY_RDMA": "copy"}.get(call) or call[2:].removesuffix(
            "_CRQ"
        ).lower()
        hypervisor.answer("server" if port.is_server else "client", name, int(code), times)

    def suspend(self, port):
        hypervisor.event("server" if port.is_server else "client", 6)
