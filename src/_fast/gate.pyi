from collections.abc import Callable

ATTENTION: int
RESERVED: int
NOT_READY: int
JOB: int
TASKS: int
REVOKED: int
STRAGGLERS: int
ALONE: int
UNCACHED: int
PROTECTED: int
SWP: int
NO_CACHE: int
WATCHED: int
STOPS_READS: int
STOPS_WRITES: int
NAMES: dict[int, str]

class Gate:
    def __new__(cls, reasons: int = 0) -> Gate: ...
    @property
    def reasons(self) -> int: ...
    @property
    def under_way(self) -> int: ...
    @property
    def moved(self) -> tuple[int, int, int, int]: ...
    def close(self, reasons: int, drained: Callable[[], object] | None = None) -> bool: ...
    def open(self, reasons: int) -> None: ...
