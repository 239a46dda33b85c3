"""What waits for a signal wakes, wherever the signal comes."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from pysrp import latch
from pysrp.latch import Latch
from waiting import PATIENCE


@pytest.fixture
def handled() -> Any:
    old = signal.getsignal(signal.SIGUSR1)
    yield lambda function: signal.signal(signal.SIGUSR1, lambda *_: function())
    signal.signal(signal.SIGUSR1, old)


def test_a_signal_that_does_not_wake_the_main_thread(handled: Any) -> None:
    """One that another thread gets: its handler runs in the main thread, which sleeps on."""
    stopped = Latch()
    handled(stopped.set)

    def send() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    threading.Timer(0.05, send).start()
    assert stopped.wait(PATIENCE)


@pytest.mark.parametrize("method", ["set", "wait"])
@pytest.mark.parametrize("line", range(10))
def test_a_handler_at_any_line(method: str, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a handler does that comes between two lines of its own thread: nobody hangs."""
    monkeypatch.setattr(latch, "LOOK", 0.001)
    stopped, left = Latch(), line
    before = sys.gettrace()  # coverage.py's, which counts the tests that follow in this process

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename == latch.__file__ and event == "line":
            if left == 0:
                sys.settrace(before)
                stopped.set()
            left -= 1
        return trace

    sys.settrace(trace)
    try:
        getattr(stopped, method)()
    finally:
        sys.settrace(before)
    assert stopped.is_set()
    assert stopped.wait(PATIENCE)


def test_all_who_wait_are_let_go() -> None:
    stopped = Latch()
    threads = [threading.Thread(target=stopped.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert not stopped.wait(0.01)
    stopped.set()
    stopped.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
