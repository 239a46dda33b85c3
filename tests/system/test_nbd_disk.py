"""Disks on NBD servers, in the whole system: servers die and are replaced under load, and nothing that was acknowledged is lost."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrity import BLOCK, OVER, Wrong
from integrity_rig import BLOCKS, Field
from nbd_servers import FarServer, NbdServer, QemuNbd, StorageDaemon, qcow2
from rivals_rig import Rivals
from system_rig import Child
from waiting import until

ROUNDS = int(os.environ.get("PYSRP_SOAK_ROUNDS", "10"))
"""How often somebody is killed; make soak has more of them."""
TURNS = int(os.environ.get("PYSRP_SOAK_ROUNDS", "3"))
"""How often with reservations held."""

SIZE = BLOCKS * BLOCK


@pytest.fixture
def begin(tmp_path: Path, child: Callable[..., Child]) -> Iterator[Callable[..., Field]]:
    fields: list[Field] = []
    servers: list[NbdServer] = []

    def begin(url: str, server: NbdServer, **more: Any) -> Field:
        servers.append(server)
        fields.append(Field(child, tmp_path, [url], **more))
        return fields[-1]

    yield begin
    for field in fields:
        field.close()
    for server in servers:
        server.leave()


def lossy(folder: Path) -> tuple[NbdServer, list[str]]:
    """A server with a cache of its own that is lost with it, and how it is started."""
    disk = folder / "disk"
    disk.write_bytes(bytes(SIZE))
    words = ["--filter=cache", "file", str(disk), "cache=writeback"]
    return NbdServer(folder, *words), words


def test_a_server_is_killed_with_its_cache(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """And clients are. What it had acknowledged is written again to the next one."""
    server, words = lossy(tmp_path)
    field = begin(server.uri, server, seed=11)
    for number in range(ROUNDS):
        field.round(40, field.kill_clients if number % 3 == 2 else lambda: server.replace(*words))
    field.check()
    assert field.history.counts["flushed"] > 0


def test_the_checker_finds_what_is_lost(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """Where nothing is kept."""
    server, words = lossy(tmp_path)
    field = begin(f"{server.uri}&keep=0", server, seed=11)
    with pytest.raises(Wrong):  # noqa: PT012 - in one of them
        for _ in range(20):
            field.round(40, lambda: server.replace(*words))
            field.check()


def test_an_image_whose_server_stops_and_dies(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """qemu-nbd with qcow2: stopped for a while, killed, and started on the same image; and so is ours."""
    words = ["--format=qcow2", "--cache=writeback", str(qcow2(tmp_path, SIZE))]
    server = QemuNbd(tmp_path, *words)
    field = begin(server.uri, server, seed=12)

    def stops() -> None:
        server.stop()
        server.go_on()

    for happens in stops, lambda: server.replace(*words), field.kill_server, lambda: server.replace(*words):
        field.round(40, happens)
    field.check()


def status(field: Field, word: str) -> bool:
    """Whether the disk tells that of its server."""
    return f" {word} " in f" {field.tree.read('devices/disk1/status')}"


def test_an_image_that_is_not_exported_for_a_while(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """qemu-storage-daemon, told by QMP to stop its NBD server, and to start it again."""
    server = StorageDaemon(tmp_path, qcow2(tmp_path, SIZE))
    field = begin(server.uri, server, seed=13)

    def pauses() -> None:
        server.pause()
        until(lambda: status(field, "connected=0"))
        server.resume()

    for _ in range(2):
        field.round(40, pauses)
    field.check()


def test_a_server_that_is_slow_and_fails(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """nbdkit's delay, rate and error filters: errors are told, and what is told to be written is."""
    disk, fails = tmp_path / "disk", tmp_path / "fails"
    disk.write_bytes(bytes(SIZE))
    filters = [f"--filter={each}" for each in ("error", "delay", "rate")]
    words = ["file", disk, "error=EIO", "error-rate=5%", f"error-file={fails}", "wdelay=1ms", "rate=400M"]
    server = NbdServer(tmp_path, *filters, *words)
    field = begin(server.uri, server, seed=14)
    fails.touch()
    for _ in range(3):
        field.round(40)
    fails.unlink()
    field.check()
    assert field.history.counts[OVER] > 0, "none has failed"


def test_a_wire_that_is_cut_and_mended(tmp_path: Path, begin: Callable[..., Field]) -> None:
    """What is under way waits for it."""
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(SIZE))
    server = FarServer(tmp_path, "file", disk)
    field = begin(server.uri, server, seed=15)

    def cut() -> None:
        server.cut()
        until(lambda: not status(field, "under_way=0") or all(crew.over for crew in field.crews))
        server.mend()

    for _ in range(2):
        field.round(40, cut)
    field.check()


CONF = """
HANDLER vdisk_nbd {
    DEVICE data {
        url "%s"
        t10_dev_id rivals
    }
}
TARGET_DRIVER ibmvstgt {
    TARGET ibmvstgt_target_0 {
        enabled 1
        rel_tgt_id 1
        LUN 256 data
    }
}
"""


def test_reservations_are_taken_over(tmp_path: Path, child: Callable[..., Child]) -> None:
    """The NBD server is killed with its cache, ours, and both: the same clients are registered, and the others shut out."""
    server, words = lossy(tmp_path)
    conf = tmp_path / "scst.conf"
    conf.write_text(CONF % server.uri)
    rivals = Rivals(child, tmp_path, f"--conf={conf}", f"--reservations={tmp_path}/pr", aptpl=True)
    rivals.begin()

    def replaced() -> None:
        server.replace(*words)

    def dies() -> None:
        rivals.kill()
        rivals.begin()

    def both() -> None:
        rivals.kill()
        replaced()
        rivals.begin()

    try:
        for happens in itertools.islice(itertools.cycle([replaced, dies, both]), TURNS):
            rivals.round(happens, loses_cache=happens == both)
        rivals.round(lambda: None)
    finally:
        server.leave()
