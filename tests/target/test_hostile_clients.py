"""What one client, or one local user, does stops nobody else; values that cannot be are refused when they are set."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import os
import platform
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from descriptors import none_left
from pysrp.backends import Ram
from pysrp.crq import Element
from pysrp.errors import ConfigError
from pysrp.fabric import Identity, connect
from pysrp.initiator.session import Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import until

MIB = 1 << 20


def luns() -> LunMap:
    return LunMap([(256, Disk(Ram(MIB), "disk"))])


def served(url: str, **identity: Any) -> bool:
    with Session(url, identity=Identity(**identity)) as session:
        return bool(session.scan(channels=[0], ids=[1]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"partition_name": "N" * 97}, "96 ASCII"), ({"partition_name": "Müller"}, "96 ASCII"),
        ({"partition_number": -1}, "4294967295"), ({"partition_number": 1 << 32}, "4294967295"),
        ({"os_type": -1}, "4294967295"), ({"os_type": 1 << 32}, "4294967295"), ({"max_transfer": 0}, "from 4096"),
        ({"max_transfer": 100}, "from 4096"), ({"max_transfer": 1 << 32}, "from 4096"), ({"request_limit": 0}, "from 1"),
        ({"name": "x" * 33}, "32 ASCII"), ({"target_port_id": b"short"}, "16"), ({"partition_name": "a\0b"}, "ASCII"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_are_what_their_fields_can_say(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Settings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"partition_name": "N" * 97}, {"partition_name": "ü"}, {"partition_number": -1}, {"partition_number": 1 << 32},
        {"unit_address": -1}, {"unit_address": 1 << 32}, {"location_code": "x" * 97}, {"system_id": "x" * 129},
        {"partition_number": 1.5}, {"partition_name": None},
    ],
    ids=str,
)  # fmt: skip
def test_an_identity_is_what_its_fields_can_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Identity(**wrong)


@pytest.mark.parametrize(
    "arguments", [["--max-transfer", "0"], ["--partition-name", "Müller"], ["--max-clients", "0"]]
)
def test_the_command_line_refuses_at_the_start(tmp_path: Path, arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pysrp.cli", "serve", f"unix:{tmp_path}/v", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode
    assert "serving" not in run.stdout
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("scheme", ["local", "unix"])
def test_a_client_for_which_there_is_no_map_is_turned_away(scheme: str, tmp_path: Path) -> None:
    maps = {"honest": luns()}
    url = f"unix:{tmp_path}/v" if scheme == "unix" else f"local:no-map-{os.getpid()}"
    with Server(url, lambda who: maps[who.partition_name]) as server:  # type: ignore[union-attr]
        strange = Session(url, identity=Identity(partition_name="stranger"))
        assert served(url, partition_name="honest")
        assert not server.ended
        assert not strange.connected
        strange.close()


def test_a_client_for_whom_there_is_no_thread_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start
    failed = threading.Event()

    def start(self: threading.Thread) -> None:
        if "target" in self.name and not failed.is_set():
            failed.set()
            raise RuntimeError("can't start new thread")
        real(self)

    with Server(f"unix:{tmp_path}/v", luns()):
        monkeypatch.setattr(threading.Thread, "start", start)
        assert served(f"unix:{tmp_path}/v"), "the client comes again by itself"
        assert failed.is_set()


def test_there_are_only_so_many_clients(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/v"
    with Server(url, luns(), max_clients=2) as server:
        with Session(url), Session(url):
            third = Session(url)
            while not third.port.problem:  # type: ignore[attr-defined]
                third.port.wait(0.01)
            assert len(server.adapters()) == 2
        third.connect()
        third.close()
        with pytest.raises(ConfigError, match="max_clients"):
            Server(url + "2", luns(), max_clients=0)


def test_a_lock_on_the_directory_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    server = Server(f"unix:{tmp_path}/v", luns())
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="lock on this directory"):
            Server(f"unix:{tmp_path}/w", luns())
        server.stop()
        assert not (tmp_path / "v").exists()
    finally:
        os.close(fd)


class Filler:
    """Brings an eventfd's count to 2**64 - 1, which only the kernel can: by reads that tell it when they are done."""

    SETUP, DESTROY, GETEVENTS, SUBMIT = 206, 207, 208, 209  # x86-64: io_setup and so on

    def __init__(self, bell: int) -> None:
        self.bell = bell
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.context = ctypes.c_ulong(0)
        if self.libc.syscall(self.SETUP, 64, ctypes.byref(self.context)):
            pytest.skip(f"NO AIO HERE: io_setup: {os.strerror(ctypes.get_errno())}")
        self.file = tempfile.TemporaryFile()
        block = struct.pack(
            "=QIIHhIQQqQII", 0, 0, 0, 0, 0, self.file.fileno(), 0, 0, 0, 0, 1, bell
        )  # struct iocb: IOCB_CMD_PREAD with IOCB_FLAG_RESFD
        self.block = ctypes.create_string_buffer(block, 64)
        self.list = (ctypes.c_void_p * 2)(*[ctypes.addressof(self.block)] * 2)
        self.done = ctypes.create_string_buffer(64 * 32)

    def prepare(self) -> None:
        """Two below the end, where poll still says that there is room."""
        os.set_blocking(self.bell, False)
        with contextlib.suppress(BlockingIOError):
            os.read(self.bell, 8)
        os.write(self.bell, (2**64 - 3).to_bytes(8, sys.byteorder))
        os.set_blocking(self.bell, True)

    def fill(self) -> None:
        assert self.libc.syscall(self.SUBMIT, self.context, 2, self.list) == 2
        self.libc.syscall(self.GETEVENTS, self.context, 0, 64, self.done, bytes(16))

    def close(self) -> None:
        self.libc.syscall(self.DESTROY, self.context)
        self.file.close()


x86_64 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="NO NUMBERS OF THE SYSTEM CALLS HERE: x86-64 alone"
)


@x86_64
def test_a_full_doorbell_is_not_waited_for(tmp_path: Path) -> None:
    """A partner can fill the count of a doorbell that both hold; a write, even of 0, would then wait for ever."""
    with Server(f"unix:{tmp_path}/v", luns()):
        hostile = connect(f"unix:{tmp_path}/v", identity=Identity(partition_name="hostile"), timeout=20)
        bell = Filler(hostile._bells[0].fileno())  # type: ignore[attr-defined]  # that which the server rings
        bell.prepare()
        bell.fill()
        bell.close()
        hostile.register()
        hostile.send(bytes(Element.init()))
        while not hostile.poll():
            time.sleep(0.001)
        assert served(f"unix:{tmp_path}/v")
        hostile.close()


@x86_64
def test_a_doorbell_that_becomes_full_while_it_is_rung_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever looks first and then writes waits for ever, about one time in a hundred."""
    ready, stop = threading.Event(), threading.Event()
    full = threading.Event()

    def race(bell: Filler) -> None:
        while ready.wait() and not stop.is_set():
            ready.clear()
            for _ in range(random.randrange(60)):
                pass
            bell.fill()
            full.set()

    with (
        Server(f"unix:{tmp_path}/v", luns()),
        Session(f"unix:{tmp_path}/v", timeout=20) as session,
    ):
        device = session.scan(channels=[0], ids=[1])[0]
        bell = Filler(session.port._bells[0].fileno())  # type: ignore[attr-defined]
        thread = threading.Thread(target=race, args=[bell])
        thread.start()
        try:
            for _ in range(2000):
                bell.prepare()
                session.port.signal(True)
                ready.set()
                device.test_unit_ready()
                assert full.wait(20)
                full.clear()
                device.test_unit_ready()  # a server that still rings for the first one never answers this
        finally:
            stop.set()
            ready.set()
            thread.join()
            bell.prepare()  # lets go of a server that waits
            bell.close()


def test_the_descriptors_of_a_connection_go_with_it(tmp_path: Path) -> None:
    """Both ends', at once: not when the collector comes by."""
    url = f"unix:{tmp_path}/v"

    with Server(url, luns()) as server:
        served(url)
        until(lambda: not server.adapters())
        with none_left():
            for _ in range(8):
                served(url)
            until(lambda: not server.adapters())


def test_the_window_of_a_client_goes_with_its_connection(tmp_path: Path) -> None:
    """Not when Python's collector comes by: a window may have gigabytes."""

    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("pysrp-window")

    gc.collect()
    gc.disable()
    try:
        with Server(f"unix:{tmp_path}/v", luns()) as server:
            for _ in range(3):
                assert served(f"unix:{tmp_path}/v")
            while server.adapters():
                time.sleep(0.001)
            assert mapped() == 0
    finally:
        gc.enable()


def test_when_an_engine_fails_its_client_is_told_and_others_go_on(tmp_path: Path) -> None:
    class Broken(Disk):
        def attach(self, nexus: Any) -> None:
            if nexus.name == "victim":
                raise ZeroDivisionError
            super().attach(nexus)

    url = f"unix:{tmp_path}/v"
    with Server(url, LunMap([(256, Broken(Ram(MIB), "broken"))])):
        victim = Session(url, identity=Identity(partition_name="victim"))
        assert served(url, partition_name="other")
        victim.close()
