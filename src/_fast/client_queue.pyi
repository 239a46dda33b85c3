from pysrp._fast.commands import Link, RequestSlots

from pysrp.initiator.requests import Exchange
from pysrp.vscsi.client import Host
from pysrp.vscsi.client_states import QueueWork

class Elements(Link):
    @property
    def elements(self) -> list[bytes]: ...
    @property
    def address(self) -> int: ...
    def moved(self, address: int) -> None: ...
    def send(self, slot: int, length: int, seconds: float, kind: int = 1) -> None: ...

class Connection:
    unanswered: bool
    queue_work: QueueWork | None
    exchange: Exchange | None
    logins: int
    host: Host | None

def take_plain(table: RequestSlots, element: bytes) -> bool: ...
