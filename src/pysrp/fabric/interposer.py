"""A client's port in which a function sees each queue element and each IU that passes, and may change them.

::

    def edit(direction, element, iu):
        if direction == "i2t" and iu and iu[0] == srp.Opcode.CMD:
            srp.Cmd(iu).task_attr = srp.TaskAttribute.ORDERED

    with Interposer(fabric.connect("unix:/tmp/vios"), edit) as port, Session(port) as session:
        ...

``direction`` is ``i2t`` from the initiator to the target, ``t2i`` the other way. ``element`` is a bytearray of 16 bytes.
``iu`` is a bytearray with as many bytes as the element announces (most drivers announce 256, whatever the IU's length), for an
answer at most as many as its request had. Its content after the call replaces the IU. It is None if the element has no IU or
datagram, or that is not in this end's memory. The function is called once for each element, in order, in the thread that uses the
port; its exceptions are raised by the port's method. An answer is found by the tag of the request as it was sent: a function that
changes tags has to change them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pysrp import crq
from pysrp.errors import ConfigError
from pysrp.fabric import Memory, Port
from pysrp.fabric.wrapped import Wrapped

__all__ = ["Edit", "Interposer", "Passage", "Passed"]

Edit = Callable[[str, bytearray, "bytearray | None"], object]
WITH_IU = (crq.Format.SRP, crq.Format.MAD)
MOST_REQUESTS = 1 << 16
"""The most requests whose addresses are kept for their answers: more than are under way at any time."""


class Passed(NamedTuple):
    """An element as ``edit`` has left it, its IU or datagram, and what ``edit`` returned."""

    element: bytes
    iu: bytes
    result: object


class Passage:
    """Calls ``edit`` with the elements and IUs of one client.

    ``stretch`` gives the client's memory by bus address and length, shorter where less is mapped.
    """

    def __init__(self, stretch: Callable[[int, int], memoryview], edit: Edit) -> None:
        self._stretch = stretch
        self._edit = edit
        self._places: dict[int, tuple[int, int]] = {}

    @staticmethod
    def address(element: bytes) -> int:
        """The bus address of an element's IU, or in an element from the server the request's tag; -1 for none."""
        one = crq.Element(element)
        return one.IU_data_ptr if one.valid == crq.Valid.CMD_RESP and one.format in WITH_IU else -1

    def outgoing(self, element: bytes) -> Passed:
        """Edit an element for the server. ValueError when ``edit`` has changed the length of the element or its IU."""
        address = self.address(element)
        return self._edited("i2t", element, address, 0xFFFF if address >= 0 else 0)

    def sent(self, element: bytes, iu: bytes) -> None:
        """An element was sent: note by its tag where the answer will be written, which is over the request."""
        if len(iu) >= 16:
            if len(self._places) >= MOST_REQUESTS:
                del self._places[next(iter(self._places))]
            self._places[int.from_bytes(iu[8:16], "big")] = self.address(element), len(iu)

    def incoming(self, element: bytes) -> Passed:
        """Edit an element for the client. ValueError as for :meth:`outgoing`."""
        # Not more than the request's length: the memory behind it belongs to something else.
        address, room = self._places.pop(self.address(element), (-1, 0))
        return self._edited("t2i", element, address, room)

    def clear(self) -> None:
        """The queue is registered or freed: no answer to earlier requests will come."""
        self._places.clear()

    def _edited(self, direction: str, element: bytes, address: int, room: int) -> Passed:
        shown = bytearray(element)
        with self._stretch(address, min(crq.Element(element).IU_length, room)) as view:
            iu = bytearray(view) or None
            result = self._edit(direction, shown, iu)
            if len(shown) != crq.Element.SIZE:
                raise ValueError(f"an element of {len(shown)} bytes")
            if iu is not None:
                view[:] = iu
        return Passed(bytes(shown), bytes(iu or b""), result)


class Interposer(Wrapped):
    """Wraps an open client's ``port``; use it instead. ``edit`` is described above.

    ConfigError for a server's port, as a server copies IUs from its client's memory, which cannot be edited there. Sending
    and polling raise ValueError when ``edit`` has changed the length of an element or an IU.
    """

    def __init__(self, port: Port, edit: Edit) -> None:
        if port.is_server:
            raise ConfigError("an interposer wraps a client's port")
        super().__init__(port)
        self._passage = Passage(self._stretch, edit)
        self._unsent: dict[bytes, Passed] = {}

    def _outgoing(self, element: bytes) -> bytes:
        """The edited element to send. One for which the partner's queue had no room is not edited a second time."""
        if len(element) != crq.Element.SIZE:
            return element
        passed = self._unsent.pop(element, None)
        with self._stretch(Passage.address(element), len(passed.iu) if passed else 0) as view:
            if passed is None or view != passed.iu:
                passed = self._passage.outgoing(element)
        self._unsent[element] = passed
        return passed.element

    def _sent(self, element: bytes) -> None:
        if passed := self._unsent.pop(element, None):
            self._passage.sent(element, passed.iu)

    def send(self, element: bytes | bytearray | memoryview) -> None:
        """See :meth:`Port.send`."""
        one = bytes(element)
        self.port.send(self._outgoing(one))
        self._sent(one)

    def send_many(self, elements: Iterable[bytes | bytearray | memoryview]) -> int:
        """See :meth:`Port.send_many`."""
        batch = [bytes(one) for one in elements]
        count = self.port.send_many([self._outgoing(one) for one in batch])
        for one in batch[:count]:
            self._sent(one)
        return count

    def poll(self, max: int = 256) -> list[bytes]:
        """See :meth:`Port.poll`."""
        return [self._passage.incoming(element).element for element in self.port.poll(max)]

    def _forget(self) -> None:
        self._passage.clear()
        self._unsent.clear()

    def register(self) -> bool:
        """See :meth:`Port.register`."""
        self._forget()
        return self.port.register()

    def free(self) -> None:
        """See :meth:`Port.free`."""
        self.port.free()
        self._forget()

    def enable(self) -> None:
        """See :meth:`Port.enable`."""
        self.port.enable()

    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        """See :meth:`Port.copy_in`."""
        self.port.copy_in(remote, local, offset, length)

    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        """See :meth:`Port.copy_out`."""
        self.port.copy_out(local, remote, offset, length)

    def wait(self, timeout: float | None = None) -> bool:
        """See :meth:`Port.wait`."""
        return self.port.wait(timeout)

    def close(self) -> None:
        """Close the port."""
        self.port.close()
        self._memories.clear()
        self._forget()
