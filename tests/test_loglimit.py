"""A peer that causes log lines by the thousand gets ten a second."""

from __future__ import annotations

import logging
import time

import pytest

from pysrp.loglimit import LINES, limit


def test_lines_beyond_the_limit_are_counted_instead() -> None:
    log = limit(limit(logging.getLogger("pysrp.test-loglimit")))
    log.propagate = False
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    log.addHandler(Keep())

    def said(who: str, at: float) -> None:
        record = log.makeRecord(log.name, logging.ERROR, __file__, 1, "%s: %s", (who, "nonsense"), None)
        record.created, record.threadName = at, f"pysrp {who}"
        log.handle(record)

    for _ in range(1000):
        said("hostile", 100.5)
    said("honest", 100.5)
    assert seen == ["hostile: nonsense"] * LINES + ["honest: nonsense"]
    said("hostile", 101.5)
    assert seen[-1] == f"hostile: nonsense ({1000 - LINES} lines were left out before this one)"
    said("hostile", 102.5)
    assert seen[-1] == "hostile: nonsense"


def test_what_a_server_can_cause_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    """False elements, ten thousand at once, and what another server says meanwhile."""
    from pysrp.vscsi.client import ClientAdapter

    def adapter() -> ClientAdapter:
        made = ClientAdapter(
            memoryview(bytearray(ClientAdapter.memory_size(16, 4))), 0, slots=16, segments=4, name="2"
        )
        made.opened(0.0)
        return made

    hostile, other = adapter(), adapter()
    start = time.time()
    hostile.receive([bytes.fromhex("81") + bytes(15)] * 10000, 0.0)
    other.receive([bytes.fromhex("81") + bytes(15)], 0.0)
    seconds = int(time.time()) - int(start) + 1
    lines = [record for record in caplog.records if "invalid message type" in record.message]
    assert 2 <= len(lines) <= LINES * seconds + 1


def test_what_clients_can_cause_is_limited() -> None:
    import pysrp.vscsi.server  # noqa: F401

    assert any(type(each).__name__ == "Limit" for each in logging.getLogger("pysrp.target").filters)
