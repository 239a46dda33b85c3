"""Log lines that a peer can cause: so many a second for each of them, then how many were left out."""

from __future__ import annotations

import logging

__all__ = ["LINES", "limit"]

LINES = 10
"""Lines a second for one peer: a connection, which has a thread of its own."""

ALL = 50 * LINES
"""Lines a second for all peers together, as one may come again and again."""

PEERS = 1024

OURS = "pysrp "
"""How the names of the threads begin that serve peers; a record may name its ``peer`` itself, beginning so."""


class Limit(logging.Filter):
    """Lets :data:`LINES` records of a level through a second for each peer, :data:`ALL` for all.

    The next record of the same peer in a later second says how many were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str | None, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        peer = getattr(record, "peer", record.threadName) or ""
        if not peer.startswith(OURS):
            return True  # an engine in somebody's own thread: what it says is theirs to limit
        mine = self._count(record, f"{peer} {record.levelname}", LINES)
        # A peer that is named is one that we went to: it does not come again as another.
        return mine and (hasattr(record, "peer") or self._count(record, None, ALL))

    def _count(self, record: logging.LogRecord, who: str | None, most: int) -> bool:
        now = int(record.created)
        second, count = self._seen.get(who, (now, 0))
        if second != now:
            if count > most:
                record.msg = f"{record.msg} ({count - most} lines were left out before this one)"
            count = 0
            if len(self._seen) > PEERS:
                self._seen.clear()
        self._seen[who] = now, count + 1
        return count < most


def limit(log: logging.Logger) -> logging.Logger:
    """The logger, from now on limited so; harmless when repeated."""
    if not any(isinstance(each, Limit) for each in log.filters):
        log.addFilter(Limit())
    return log
