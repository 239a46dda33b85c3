"""What every test may use: the capture files as a fixture, and hypothesis without a clock."""

from __future__ import annotations

import gc
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from captures import CAPTURES, capture_records

settings.register_profile("pysrp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pysrp")

# A shell that starts something in the background lets it ignore Ctrl-C, which Python and its children inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Tests that look for what is left open collect garbage often: not among thousands of collected tests each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=CAPTURES, ids=lambda path: path.stem)
def capture(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Each capture file in turn, as its records."""
    return list(capture_records(request.param))
