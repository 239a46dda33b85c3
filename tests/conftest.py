"""What every test may use: the capture files as a fixture, and hypothesis without a clock."""

from __future__ import annotations

import faulthandler
import gc
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import HealthCheck, settings

from captures import CAPTURES, capture_records

settings.register_profile("pysrp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pysrp")

# A shell that starts something in the background lets it ignore Ctrl-C, which Python and its children inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """A module that hangs while it is imported ends its process with all stacks, as pytest sees to where a test does."""
    seconds = float(collector.config.getini("faulthandler_timeout") or 0)
    if seconds:
        stderr = collector.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(seconds, exit=True, file=stderr)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_collection_finish() -> None:
    """Tests that look for what is left open collect garbage often: not among thousands of collected tests each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=CAPTURES, ids=lambda path: path.stem)
def capture(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Each capture file in turn, as its records."""
    return list(capture_records(request.param))
