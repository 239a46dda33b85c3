"""Limits the log lines per second that each peer can cause; the next line then says how many were left out."""

from __future__ import annotations

import logging

__all__ = ["LINES", "limit"]

LINES = 10
"""Lines per second for one peer. A peer is a connection, which has a thread of its own."""

ALL = 50 * LINES
"""Lines per second for all peers together, as one peer may connect again and again."""

PEERS = 1024

OURS = "pysrp "
"""Names of threads that serve peers begin with this. A record may name its ``peer`` itself, with the same beginning."""


class Limit(logging.Filter):
    """Passes :data:`LINES` records of a level per second for each peer, and :data:`ALL` for all peers.

    The peer's first record in a later second says how many were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str | None, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes."""
        peer = getattr(record, "peer", record.threadName) or ""
        if not peer.startswith(OURS):
            return True  # from an engine in a thread of the application, which may limit its lines itself
        mine = self._count(record, f"{peer} {record.levelname}", LINES)
        # A record names its peer for a connection that we opened: the peer cannot come again under another name.
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
    """Add a :class:`Limit` to a logger, and return the logger. Harmless when repeated."""
    if not any(isinstance(each, Limit) for each in log.filters):
        log.addFilter(Limit())
    return log
