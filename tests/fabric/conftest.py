"""Pairs of ports, one factory for every transport: the contract suite runs over all of them.

A transport joins by an entry in FACTORIES: a function that gives a client and a server port, neither
registered. (The real CRQ joins where a machine or the POWER lab has both sides.)
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from pysrp import fabric
from pysrp.fabric import Identity, local

CLIENT = Identity(0x30000003, "client partition", 3, "U9117.MMA.107086C-V3-C3-T1", "IBM,9117-MMA")
SERVER = Identity(0x30000002, "server partition", 2, "U9117.MMA.107086C-V2-C2-T1", "IBM,9117-MMA")
WINDOW = 1 << 20

INIT = bytes([0xC0, 1]) + bytes(14)


def element(number):
    """A valid element that says its number."""
    return bytes([0x80, 1]) + number.to_bytes(14, "big")


def local_pair(stack, tmp_path, **sizes):
    client, server = local.pair(CLIENT, SERVER, **sizes)
    stack.callback(server.close)
    stack.callback(client.close)
    return client, server


def unix_pair(stack, tmp_path, **sizes):
    url = f"unix:{tmp_path}/crq"
    with fabric.listen(url, identity=SERVER, **sizes) as listener:
        client = stack.enter_context(fabric.connect(url, identity=CLIENT, timeout=0, **sizes))
        server = stack.enter_context(listener.accept(60))
        while client.partner is None:
            client.poll()
    return client, server


FACTORIES = {"local": local_pair, "unix": unix_pair}


@pytest.fixture(params=FACTORIES)
def transport(request):
    return request.param


@pytest.fixture
def make_pair(transport, tmp_path):
    """Two ports that are each other's partner, not registered; call it once."""
    with ExitStack() as stack:
        yield lambda **sizes: FACTORIES[transport](stack, tmp_path, **{"window_size": WINDOW, **sizes})


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
