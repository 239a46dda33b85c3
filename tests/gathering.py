"""A port over another one that does several things in one call, as that of POWER does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pysrp.fabric import Memory, Piece, Port
from pysrp.fabric.wrapped import Wrapped


class Gathering(Wrapped):
    """A port whose partner's memory is out of reach, as on POWER, and that notes what goes together."""

    gathers = True

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self.calls: list[tuple[int, int]] = []

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ()) -> tuple[int, int]:
        self.calls.append((len(pieces), len(elements)))
        return super().together(pieces, elements)

    def send(self, element: bytes | bytearray | memoryview) -> None:
        self.port.send(element)

    def send_many(self, elements: Iterable[bytes | bytearray | memoryview]) -> int:
        return self.port.send_many(elements)

    def poll(self, max: int = 256) -> list[bytes]:
        return self.port.poll(max)

    def register(self) -> bool:
        return self.port.register()

    def free(self) -> None:
        self.port.free()

    def enable(self) -> None:
        self.port.enable()

    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        self.port.copy_in(remote, local, offset, length)

    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        self.port.copy_out(local, remote, offset, length)

    def wait(self, timeout: float | None = None) -> bool:
        return self.port.wait(timeout)

    def close(self) -> None:
        self.port.close()
