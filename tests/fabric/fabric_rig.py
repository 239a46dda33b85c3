"""The transports over which the contract suite runs, and what it has to know of each.

A transport joins by an entry in TRANSPORTS. The real CRQ joins where a machine or the POWER lab has both
sides of a connection: tests/power/guest/scenario_vio.py.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pysrp import fabric
from pysrp.fabric import PAGE_SIZE, Access, Identity, Port, local
from pysrp.fabric.interposer import Interposer

CLIENT = Identity(0x30000003, "client partition", 3, "U9117.MMA.107086C-V3-C3-T1", "IBM,9117-MMA")
SERVER = Identity(0x30000002, "server partition", 2, "U9117.MMA.107086C-V2-C2-T1", "IBM,9117-MMA")
WINDOW = 1 << 20

INIT = bytes([0xC0, 1]) + bytes(14)


def element(number: int) -> bytes:
    """A valid element that says its number."""
    return bytes([0x80, 1]) + number.to_bytes(14, "big")


class Transport:
    """One kind of port: how to get a pair, how to make trouble, and what a platform may leave out."""

    identities = CLIENT, SERVER
    window: int | None = WINDOW
    """Bytes of the window of each end, if the test can choose it."""
    page = PAGE_SIZE
    """What queues and memory are rounded up to."""
    largest = WINDOW // 2
    """Bytes of the largest piece of memory."""
    compacts = True
    """Freed memory is used again at once, and pieces that were freed side by side are one."""
    freed: type[Exception] = BufferError
    """What a view of freed memory raises."""
    introduces = True
    """An end knows who its partner is, and at once when it comes."""
    partners = SERVER, CLIENT
    """What the client is told of the server once both have spoken, and the server of the client."""
    outlives_client = False
    """The server's port stays when the client goes, for the next one."""
    shares = True
    """The partner's memory can be had as a window."""
    spins: tuple[int, ...] = (0, 20000)
    """Iterations for which an end may look before it sleeps."""
    rounds = 2000
    """How often a test that takes turns does so: under emulation each takes milliseconds."""
    calls = (
        "H_REG_CRQ",
        "H_FREE_CRQ",
        "H_ENABLE_CRQ",
        "H_VIO_SIGNAL",
        "H_SEND_CRQ",
        "H_COPY_RDMA",
        "H_PUT_TCE",
    )
    """Those that :meth:`inject` knows."""

    def granted(self, access: Access) -> Access | None:
        """What the partner may really do with memory that was asked for with ``access``; None: refused."""
        return access

    def pair(self, stack: ExitStack, folder: Path, **sizes: int) -> tuple[Port, Port]:
        """A client and a server port that are each other's partner, neither registered."""
        raise NotImplementedError

    def client(self, stack: ExitStack) -> Port:
        """Another client for the server that :meth:`pair` gave; only if it :attr:`outlives_client`."""
        raise NotImplementedError

    def inject(self, port: Any, call: str, code: int = 0, times: int = 1) -> None:
        """Let the next ``times`` of a hypervisor call of that end only answer ``code``."""
        port.inject(call, code, times)

    def suspend(self, port: Any) -> None:
        """Suspend, and resume, the partition of that end."""
        port.suspend()


class Local(Transport):
    def pair(self, stack: ExitStack, folder: Path, **sizes: int) -> tuple[Port, Port]:
        client, server = local.pair(CLIENT, SERVER, **sizes)
        stack.callback(server.close)
        stack.callback(client.close)
        return client, server


class Unix(Transport):
    def pair(self, stack: ExitStack, folder: Path, **sizes: int) -> tuple[Port, Port]:
        url = f"unix:{folder}/crq"
        with fabric.listen(url, identity=SERVER, **sizes) as listener:
            client = stack.enter_context(fabric.connect(url, identity=CLIENT, timeout=0, **sizes))
            server = listener.accept(60)
            assert server is not None
            stack.enter_context(server)
            while client.partner is None:
                client.poll()
        return client, server


class Interposed(Local):
    """A client's port through which a function sees what passes, and changes nothing."""

    def pair(self, stack: ExitStack, folder: Path, **sizes: int) -> tuple[Port, Port]:
        client, server = super().pair(stack, folder, **sizes)
        return Interposer(client, lambda direction, element, iu: None), server


TRANSPORTS: dict[str, Transport] = {"local": Local(), "unix": Unix(), "interposed": Interposed()}
