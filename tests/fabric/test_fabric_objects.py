"""Numbers and properties that run code in the middle of a call of the Cython classes harm nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast import fabric as fast
from pysrp._fast import lane, queue
from pysrp._fast.gate import Gate

from descriptors import none_left
from pysrp import fabric
from pysrp.errors import ConfigError


class Number:
    """A number that does something when it is asked for."""

    def __init__(self, work: Callable[[], Any], value: int) -> None:
        self.work, self.value = work, value

    def __int__(self) -> int:
        self.work()
        return self.value

    __index__ = __int__


def adapter() -> fast.Adapter:
    return fast.Adapter(4096, 8192, fast.Region(fast.window_bytes(8192)))


def test_a_length_that_frees_the_memory_moves_nothing(tmp_path: Path) -> None:
    found: list[Any] = []
    with fabric.listen(f"unix:{tmp_path}/s") as listener:
        waiting = threading.Thread(target=lambda: found.append(listener.accept(30)))
        waiting.start()
        client = fabric.connect(f"unix:{tmp_path}/s")
        waiting.join()
        server = found[0]
        try:
            client.register()
            server.register()
            source, memory = client.allocate(4096), server.allocate(4096)
            with pytest.raises(ValueError, match="freed"):
                server.copy_in(source.address, memory, 0, Number(memory.free, 4096))
        finally:
            client.close()
            server.close()


def test_slots_that_change_while_they_are_read() -> None:
    slots: list[Any] = []
    slots += [Number(slots.clear, 0)] * 10000
    made = queue.ClientLane(
        adapter().native_client().capsule, bytearray(4096), 4096, slots, bytearray(4096 * 10000), 4096, 0, 0, b"", b"", b"",
        bytearray(), bytearray(), None, 512, serial=0, credits=1,
    )  # fmt: skip
    assert made.in_flight == 0


def test_a_grant_that_binds_while_it_is_bound() -> None:
    class Odd:
        lun, block_size, limit, gate, size, stable = 1, 512, 1 << 20, Gate(), 0, False

        def __init__(self, again: bool) -> None:
            self.again = again

        @property
        def memory(self) -> bytearray:
            if self.again:
                target.bind([Odd(False)])
            return bytearray(4096)

    target: Any = lane.Lane(adapter().native().capsule)
    grants: list[Any] = [Odd(False)] * 1000 + [Odd(True)] + [Odd(False)] * 5000
    target.bind(grants)
    target.bind([])


def test_queue_sizes_that_wrap_around_are_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        adapter().link(fast.Region(4096), True, 2**64 - 4096, 4096, -1, -1)


@pytest.mark.parametrize("layer", [fast.Crq, fast.Waiter, fast.Window, fast.Adapter])
def test_a_layer_of_an_adapter_is_harmless_by_itself(layer: Any) -> None:
    adapter()  # what all share is there
    with none_left():
        use(layer)


def use(layer: Any) -> None:
    made = layer(4096, 8192, fast.Region(fast.window_bytes(8192)))
    for name in [name for name in dir(made) if not name.startswith("_") and callable(getattr(made, name))]:
        for arguments in ((), (0,), (0, 0), (1 << 40, 0, 0, 0, 0), ("H_SEND_CRQ",), (made, 8192), (0, made)):
            with contextlib.suppress(Exception):
                if name != "wait" or arguments:  # that would be for ever
                    getattr(made, name)(*arguments)
    for queue_size, window_size in (4095, 8192), (4096, 8192), (4096, 8191):
        with contextlib.suppress(ConfigError, ValueError):
            layer(queue_size, window_size, fast.Region(4096))
