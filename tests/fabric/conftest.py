"""Fixtures: see fabric_rig."""

import json
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from fabric_rig import TRANSPORTS


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return TRANSPORTS[request.param]


@pytest.fixture
def stack():
    """What is closed at the end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def descriptors(stack):
    """So many are open that the next ones are beyond those that select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    while stack.enter_context(open("/dev/null")).fileno() < 1024:
        pass


@pytest.fixture
def make_pair(transport, tmp_path, stack):
    """Two ports that are each other's partner, not registered; call it once."""
    window = {} if transport.window is None else {"window_size": transport.window}
    return lambda **sizes: transport.pair(stack, tmp_path, **window, **sizes)


@pytest.fixture
def pair(make_pair):
    """Client and server, both registered."""
    client, server = make_pair()
    assert client.register() is False
    assert server.register() is True
    return client, server


class Partner:
    """Another process with a port; see partner.py."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("partner.py")), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, code):
        """Let it run Python code, without waiting for the result."""
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()

    def result(self):
        """The value of the variable ``result`` when the code has run."""
        line = self.process.stdout.readline()
        assert line, "the partner is dead"
        return json.loads(line)

    def run(self, code):
        self.start(code)
        return self.result()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def partner():
    """Start other processes: partner("connect", url), partner("listen", url)."""
    started = []

    def start(*arguments):
        started.append(Partner(*arguments))
        return started[-1]

    yield start
    for process in started:
        process.close()
