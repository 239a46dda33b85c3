from typing import Any

FINISHED: int
ODD: int
LOOK: int
PAUSED: int
CLOSED: int
LATE: int
NO_ANSWER: int

class ClientLane:
    serial: int
    credits: int
    count: int
    sent: int
    done: int
    trouble: dict[int, tuple[int, bytes, int]]
    odd: list[bytes]
    @property
    def in_flight(self) -> int: ...
    def __new__(
        cls,
        capsule: object,
        iu: memoryview,
        iu_address: int,
        slots: list[int],
        data: memoryview,
        data_address: int,
        stride: int,
        lun: int,
        ops: bytes | bytearray,
        lbas: object,
        blocks: object,
        status: object,
        latency: object,
        buffer: object,
        block_size: int,
        *,
        serial: int,
        credits: int,
        timeout: int = 0,
        limit: int = 0,
        fua: bool = False,
    ) -> ClientLane: ...
    halted: bool
    def run(self, nanoseconds: int) -> int: ...
    def release(self) -> None: ...
    def unfinished(self) -> list[int]: ...

def check_layout(cmd: Any = ..., direct: Any = ..., rsp: Any = ...) -> None: ...
