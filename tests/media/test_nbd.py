"""An export of an NBD server as a medium, with real servers: what it can, and what becomes of requests when they go."""

from __future__ import annotations

import errno
import logging
import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.nbd_medium import library

from compiled import compiled
from media_rig import User
from nbd_servers import NbdServer, QemuNbd, qcow2
from pysrp.errors import ConfigError
from pysrp.media import nbd, open_medium
from pysrp.media.faulty import Faulty
from pysrp.media.nbd import NbdMedium
from pysrp.scsi.codes import SenseKey
from pysrp.target.disk import ThinDisk
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, NOWAIT, Feature, MediumRequest, Operation
from waiting import PATIENCE, until

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, _ = Operation

SIZE = 1 << 20
CACHE = "--filter=cache", "file", "{disk}", "cache=writeback"
"""A server that loses what is not flushed when it is killed."""


FAILING = (
    "eval", f"get_size=echo {SIZE}", "can_write=exit 0", "can_flush=exit 0", "pread=head -c $3 /dev/zero",
    "pwrite=cat >/dev/null", "flush=echo ENOSPC lost >&2; exit 1",
)  # fmt: skip
"""A server of shell commands, whose flush fails."""


class Scene:
    """A server, and a loop that uses its export."""

    def __init__(self, folder: Path, *words: object, qemu: bool = False, **options: Any) -> None:
        self.disk = folder / "disk"
        self.words = [str(word).format(disk=self.disk) for word in words]
        self.server = (QemuNbd if qemu else NbdServer)(folder, *self.words)
        try:
            self.medium = NbdMedium(self.server.uri, **options)
        except BaseException:
            self.server.kill()
            raise
        self.user = User(self.medium)

    def close(self) -> None:
        self.user.channel.retire()
        self.medium.close()
        self.server.kill()

    def replace(self, *words: object) -> None:
        self.server.replace(*(words or self.words))

    def over(self, *requests: MediumRequest) -> None:
        self.user.loop.until(lambda: all(each in self.user.over for each in requests))

    def down(self) -> None:
        """It has been noticed that the server is gone."""
        until(lambda: not self.medium.status()["connected"])


Make = Callable[..., Scene]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    scenes: list[Scene] = []

    def made(*words: object, **options: Any) -> Scene:
        (tmp_path / "disk").write_bytes(bytes(SIZE))
        scenes.append(Scene(tmp_path, *(words or ("file", "{disk}")), **options))
        return scenes[-1]

    yield made
    for each in scenes:
        each.close()


# What servers are


def test_what_a_server_says(make: Make) -> None:
    medium = make("memory", SIZE + 100).medium
    assert (medium.size, medium.size_now(), medium.block, medium.physical_block) == (
        SIZE + 100,
        SIZE + 100,
        1,
        4096,
    )
    assert medium.features == Feature.FUA | Feature.ZERO | Feature.DISCARD | Feature.EXTENTS
    assert repr(medium) == f"NbdMedium({medium.uri!r}, {medium.size})"
    assert medium.native()
    status = medium.status()
    assert (status["connected"], status["connections"], status["trouble"]) == (True, 1, "")


def test_block_sizes(make: Make) -> None:
    """Whole blocks are the medium's; a request of more than the server takes goes in parts."""
    sizes = (
        "blocksize-minimum=4096",
        "blocksize-preferred=64k",
        "blocksize-maximum=128k",
        "blocksize-error-policy=error",
    )
    scene = make("--filter=blocksize-policy", "memory", SIZE + 512, *sizes)
    assert (scene.medium.size, scene.medium.block, scene.medium.physical_block) == (SIZE, 4096, 65536)
    data = random.Random(1).randbytes(SIZE)
    scene.user.whole(WRITE, 0, data[:300_000], data[300_000:])
    assert scene.user.read() == data
    found = [bytearray(1000), bytearray(SIZE - 1000)]
    scene.user.whole(READ, 0, *found)
    assert b"".join(found) == data


def test_a_server_that_can_little(make: Make) -> None:
    """What cannot be is refused. For FUA a flush follows, which is the target's to see to."""
    scene = make("--no-sr", "--filter=nozero", *FAILING[:-1], "flush=exit 0", "can_fua=echo none")
    assert not scene.medium.features & (Feature.FUA | Feature.ZERO | Feature.EXTENTS)
    assert scene.user.do(ZERO, 0, length=512).errno == errno.EOPNOTSUPP
    assert scene.user.do(EXTENTS, 0, length=512).errno == errno.EOPNOTSUPP
    scene.user.whole(FLUSH)


def test_neither_flush_nor_trim(make: Make) -> None:
    scene = make(
        "eval",
        f"get_size=echo {SIZE}",
        "pread=head -c $3 /dev/zero",
        "pwrite=cat >/dev/null",
        "can_write=exit 0",
    )
    assert scene.medium.features & (Feature.FUA | Feature.DISCARD) == Feature.FUA
    scene.user.whole(FLUSH)
    scene.user.whole(DISCARD, 0, length=4096)
    assert scene.user.do(WRITE, 0, b"x" * 512, flags=FUA).errno == 0
    assert scene.medium.status()["own_flushes"] == 0


@pytest.mark.parametrize("here", [False, True])
def test_read_only(here: bool, make: Make) -> None:
    """As the server says, or as we are told."""
    scene = make(*([] if here else ["--readonly"]), "memory", SIZE, read_only=here)
    assert scene.medium.read_only
    assert "read_only=True" in repr(scene.medium)
    for operation in WRITE, ZERO, DISCARD:
        data = [b"x" * 512] if operation is WRITE else []
        assert scene.user.do(operation, 0, *data, length=512).errno == errno.EROFS
    scene.user.whole(FLUSH)


def test_extents_of_an_image(tmp_path: Path, make: Make) -> None:
    """More than one answer holds, of an image that is larger than one is asked for."""
    scene = make("--format=qcow2", qcow2(tmp_path, 1 << 30), qemu=True)
    user, at = scene.user, 0
    user.whole(WRITE, 1 << 20, b"x" * 65536)
    user.whole(WRITE, (1 << 30) - 65536, b"x" * 65536)
    found: list[tuple[int, bool]] = []
    while at < 1 << 30:
        extents = user.do(EXTENTS, at, length=(1 << 30) - at).value
        found += extents
        at += sum(length for length, _ in extents)
    assert at == 1 << 30
    assert sum(length for length, there in found if there) == 131072
    user.whole(WRITE, 0, b"")
    assert user.do(EXTENTS, 0, length=4096, flags=NOWAIT).errno == errno.EAGAIN


def test_many_extents(make: Make) -> None:
    """Pairs of the server's, up to those that there is room for: nobody asks for more at once."""
    map_of_holes = "; ".join(
        f"echo {at} 512 {'hole,zero' if at % 1024 else ''}" for at in range(0, SIZE, 512)
    )
    scene = make(*FAILING, f"extents={map_of_holes}", "can_extents=exit 0")
    request = scene.user.do(EXTENTS, 0, length=SIZE)
    assert request.value == [(512, True), (512, False)] * 128
    assert request.done == SIZE


def test_requests_that_cannot_be(make: Make) -> None:
    scene = make("memory", SIZE)
    for operation, flags, code in (WRITE, NOWAIT, errno.EAGAIN), (99, 0, errno.EOPNOTSUPP):
        assert scene.user.do(operation, 0, b"x" * 512, flags=flags).errno == code
    assert scene.user.do(READ, SIZE - 1, bytearray(2)).errno == errno.EINVAL


def test_errors_of_a_server(make: Make) -> None:
    scene = make(
        "--filter=error",
        "memory",
        SIZE,
        "error-pwrite=ENOSPC",
        "error-pread-rate=0",
        "error-rate=100%",
        "error-pread=EIO",
    )
    assert scene.user.do(WRITE, 0, b"x" * 512).errno == errno.ENOSPC
    assert scene.user.do(ZERO, 0, length=512).errno == errno.EIO


# URLs


def test_an_export_by_its_name(tmp_path: Path) -> None:
    with NbdServer(tmp_path, "info", "mode=exportname") as server:
        url = f"nbd+unix:///what%20it%20is?socket={server.socket}&limit=5s&keep=1M"
        medium = open_medium(url, read_only=True)
        assert isinstance(medium, NbdMedium)
        assert medium.limit == 5
        user = User(medium)
        assert user.read(0, 10) == b"what it is"
        user.channel.retire()
        medium.close()


def test_by_tcp_and_with_tls(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("alice:" + "0123456789abcdef" * 4 + "\n")
    with NbdServer(tmp_path, "--tls=require", f"--tls-psk={keys}", "memory", SIZE) as server:
        medium = open_medium(f"nbds+unix://alice@/?tls-psk-file={keys}&socket={server.socket}")
        user = User(medium)  # type: ignore[arg-type]
        data = random.Random(2).randbytes(SIZE)
        user.whole(WRITE, 0, data)
        assert user.read() == data
        user.channel.retire()
        medium.close()
        with pytest.raises(OSError, match=r"nbd\+unix:///\?socket="):
            open_medium(f"nbd+unix:///?socket={server.socket}")
    with Liar() as liar:
        medium = open_medium(liar.uri)
        assert medium.size == SIZE
        medium.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nbd:x", "'nbd:x': URI must begin with 'nbd://'"),
        ("nbd:", "'nbd:': URI must begin with 'nbd://'"),
        ("nbd+unix:///", "cannot parse socket parameter"),
        ("nbd+unix:///?socket=/x&limit=soon", "'soon' is no time"),
        (
            "nbd+unix:///?socket=/x&limits=3s",
            "'limits' is no option: keep, limit, socket, tls-...",
        ),
        ("nbd+unix:///?socket=/x&tls=1", "'tls' is no option: keep, limit, socket, tls-..."),
        ("nbds+unix:///?socket=/x&tls-verify-peer=1&tls-verify-peer=0", "'tls-verify-peer' is there twice"),
        ("nbd+unix:///?socket", "write ?NAME=VALUE&NAME=VALUE, of keep, limit, socket, tls-..."),
        ("nbd+unix:///?socket=/x&limit=0", "a limit of 0.0 s"),
        ("nbd+unix:///?socket=/x&keep=much", "'much' is no size"),
        ("nbd+unix:///?socket=/x&keep=1&keep=2", "'keep' is there twice"),
        ("nbd://a\0b", "no URI"),
        ("nbd://a\udc80", "no URI"),
    ],
)
def test_what_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_medium(url)
    assert says in str(caught.value)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="connect: No such file"):
        NbdMedium(f"nbd+unix:///?socket={tmp_path}/none")


def test_nothing_exported(make: Make) -> None:
    with pytest.raises(ConfigError, match="has 0 bytes"):
        make("memory", 0)


def test_without_libnbd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    assert library("libnobody.so.7") == "libnobody.so.7"
    assert library("libc.so.6") == "nbd_create"
    assert library() is None
    monkeypatch.setattr(nbd, "library", lambda: "libnbd.so.0")
    with pytest.raises(ConfigError, match=r"\(libnbd.so.0 is not here\): apt-get install libnbd0"):
        NbdMedium("nbd://localhost")


# Servers that go


def test_killed_and_replaced(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """What is unanswered is sent again, in parts that several buffers hold too; it is said that the server was away."""
    caplog.set_level(logging.WARNING, "pysrp.media")
    scene = make()
    scene.user.whole(WRITE, 0, b"a" * 8192)
    scene.server.stop()
    data, found = random.Random(3).randbytes(8192), [bytearray(100), bytearray(8092)]
    requests = [
        scene.user.begin(WRITE, 16384, data[:1000], data[1000:]),
        scene.user.begin(READ, 0, *found),
        scene.user.begin(EXTENTS, 0, length=SIZE),
        scene.user.begin(FLUSH),
        scene.user.begin(ZERO, 32768, length=4096),
    ]
    assert not set(requests) & set(scene.user.over)
    scene.server.kill()
    scene.down()
    later = scene.user.begin(WRITE, 4096, b"l" * 4096)
    scene.server.begin(*scene.words)
    scene.over(*requests, later)
    assert not any(each.errno for each in scene.user.over)
    assert b"".join(found) in (b"a" * 8192, b"a" * 4096 + b"l" * 4096)
    scene.user.whole(FLUSH)
    assert scene.disk.read_bytes()[: 16384 + 8192] == b"a" * 4096 + b"l" * 4096 + bytes(8192) + data
    status = scene.medium.status()
    assert (status["times_connected"], status["sent_again"]) == (2, 5)
    said = " ".join(caplog.messages)
    assert f"{scene.server.uri}: the server is away (" in said
    assert "away ()" not in said
    until(lambda: "connected again; 5 requests sent again" in " ".join(caplog.messages))


def test_what_a_server_loses_is_written_again(make: Make) -> None:
    """In its order: an earlier write does not come over a later one; and zeros do, as do several parts."""
    scene = make(*CACHE)
    user = scene.user
    user.whole(WRITE, 0, b"1" * 8192)
    user.whole(WRITE, 4096, b"2" * 8192)
    user.whole(ZERO, 1024, length=1024)
    assert scene.disk.read_bytes() == bytes(SIZE), "the server keeps it from the disk"
    assert user.do(WRITE, 8192, b"3" * 4096, flags=FUA).errno == 0
    user.whole(WRITE, 65536, b"4" * 512, b"5" * 512)
    scene.replace()
    expected = b"1" * 1024 + bytes(1024) + b"1" * 2048 + b"2" * 4096 + b"3" * 4096
    assert user.read(0, 12288) == expected
    assert user.read(65536, 1024) == b"4" * 512 + b"5" * 512
    assert scene.medium.status()["written_again"] == 5
    user.whole(FLUSH)
    scene.replace()
    assert user.read(0, 12288) == expected
    assert scene.medium.status()["written_again"] == 5, "a flush is the end of that"


def test_read_with_fua(make: Make) -> None:
    """It is on the medium before it is read: a flush comes first."""
    scene = make(*CACHE)
    scene.user.whole(WRITE, 0, b"1" * 8192)
    assert scene.disk.read_bytes() == bytes(SIZE)
    data = bytearray(8192)
    assert scene.user.do(READ, 0, data, flags=FUA).errno == 0
    assert data == scene.disk.read_bytes()[:8192] == b"1" * 8192
    scene.replace()
    scene.user.whole(READ, 0, data)
    assert scene.medium.status()["written_again"] == 0


def test_replaced_while_it_is_written_again(make: Make) -> None:
    scene = make(*CACHE)
    expected = bytearray(SIZE)
    for at in range(0, SIZE, 32768):
        expected[at : at + 512] = bytes([at >> 15]) * 512
        scene.user.whole(WRITE, at, expected[at : at + 512])
    for _ in range(3):
        scene.replace()
    assert scene.user.read() == expected


def test_nothing_is_kept(make: Make) -> None:
    """With keep=0 that is the server's word."""
    scene = make(*CACHE, keep=0)
    scene.user.whole(WRITE, 0, b"1" * 8192)
    scene.replace()
    assert scene.user.read(0, 8192) == bytes(8192)


def test_as_much_is_kept_as_was_said(make: Make) -> None:
    """Then it is flushed; a write that there is no room for waits for that, and what is kept goes around the ring."""
    scene = make(*CACHE, keep=65536)
    chooses, expected = random.Random(4), bytearray(SIZE)
    for turn in range(40):
        at, length = 512 * chooses.randrange(512), 512 * chooses.randrange(1, 90)
        expected[at : at + length] = data = chooses.randbytes(length)
        scene.user.whole(WRITE, at, data)
        if turn % 10 == 9:
            scene.replace()
            assert scene.user.read() == expected
    assert scene.medium.status()["own_flushes"] > 10


def test_a_flush_of_ours_that_fails(make: Make) -> None:
    """The next one that somebody asks for says so, once."""
    scene = make(*FAILING, keep=8192)
    scene.user.whole(WRITE, 0, b"x" * 2048)
    scene.user.whole(WRITE, 0, b"x" * 2048)
    scene.user.whole(WRITE, 0, b"x" * 2048)
    until(lambda: scene.medium.status()["own_flushes"])
    scene.user.whole(READ, 0, bytearray(512))
    before = scene.medium.status()["own_flushes"]
    assert scene.user.do(FLUSH).errno == errno.ENOSPC
    assert scene.user.do(FLUSH).errno == errno.ENOSPC, "and the server's own"
    assert scene.medium.status()["own_flushes"] == before


def test_what_cannot_be_written_again(make: Make) -> None:
    scene = make(*CACHE)
    scene.user.whole(WRITE, 0, b"x" * 2048)
    scene.replace("--filter=error", "file", scene.disk, "error-pwrite=EIO", "error-pwrite-rate=100%")
    assert scene.user.do(READ, 0, bytearray(512), flags=FUA).errno == errno.EIO
    assert scene.user.do(FLUSH).errno == errno.EIO
    scene.user.whole(FLUSH)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("memory", SIZE - 512), "has become smaller"),
        (("--readonly", "memory", SIZE), "has become read-only"),
        (("--filter=nozero", "memory", SIZE), "can do less"),
        (("--filter=blocksize-policy", "memory", SIZE, "blocksize-minimum=512"), "has larger blocks"),
    ],
)
def test_one_that_cannot_take_its_place(words: tuple[object, ...], why: str, make: Make) -> None:
    """Until there is one that can; a larger one is as large as before until it is resized."""
    scene = make("memory", SIZE)
    scene.replace(*words)
    pending = scene.user.begin(READ, 0, bytearray(512))
    until(lambda: why in scene.medium.status()["trouble"])
    assert not scene.user.over
    scene.replace("memory", 2 * SIZE)
    scene.over(pending)
    assert pending.errno == 0
    assert (scene.medium.size, scene.medium.size_now()) == (SIZE, 2 * SIZE)
    scene.medium.resize()
    assert scene.medium.size == 2 * SIZE
    scene.user.whole(WRITE, SIZE, b"x" * 512)


def test_a_limit_for_a_server_that_is_silent(make: Make) -> None:
    scene = make()
    scene.server.stop()
    silent = [scene.user.begin(READ, 0, bytearray(4096)) for _ in range(100)]
    scene.medium.limit = 0.02
    scene.over(*silent)
    assert {each.errno for each in silent} == {errno.ETIMEDOUT}
    assert scene.user.do(WRITE, 0, b"x" * 512).errno == errno.ETIMEDOUT
    until(lambda: "does not answer" in scene.medium.status()["trouble"])
    scene.medium.limit = 60
    waits = scene.user.begin(WRITE, 0, b"y" * 512)
    scene.replace()  # nbdkit may abort when it goes on, and finds connections that have been closed
    scene.over(waits)
    assert waits.errno == 0
    assert scene.medium.status()["given_up"] == 101


def test_a_limit_for_a_server_that_is_gone(make: Make) -> None:
    scene = make()
    scene.server.kill()
    scene.down()
    scene.medium.limit = 0.02
    assert scene.user.do(READ, 0, bytearray(512)).errno == errno.ETIMEDOUT
    scene.server.begin(*scene.words)
    until(lambda: scene.medium.status()["connected"])
    scene.medium.limit = 60
    scene.user.whole(READ, 0, bytearray(512))


def test_withdrawn(make: Make) -> None:
    """What the server may have seen runs on, but is not sent again. What it has not never was."""
    scene = make()
    scene.server.stop()
    sent, again, extents = (
        scene.user.begin(WRITE, 0, b"1" * 512), scene.user.begin(WRITE, 512, b"2" * 512), scene.user.begin(EXTENTS, 0, length=512)
    )  # fmt: skip
    until(lambda: scene.medium.status()["under_way"] == 3)
    withdraw = scene.user.channel.withdraw
    assert not withdraw(sent)
    assert not withdraw(extents)
    scene.server.kill()
    scene.over(sent, extents)
    assert sent.errno == extents.errno == errno.ECANCELED
    fresh = scene.user.begin(WRITE, 1024, b"3" * 512)
    assert withdraw(fresh)
    assert not withdraw(again), "it was sent once"
    scene.over(again)
    assert again.errno == errno.ECANCELED
    assert not withdraw(again)
    scene.server.begin(*scene.words)
    scene.user.whole(WRITE, 2048, b"4" * 512)
    assert scene.disk.read_bytes()[:2560] == bytes(2048) + b"4" * 512
    assert fresh not in scene.user.over


def test_closed_with_requests_under_way(make: Make) -> None:
    scene = make()
    scene.server.stop()
    pending = [scene.user.begin(WRITE, at * 512, b"1" * 512) for at in range(100)]
    scene.medium.close()
    scene.over(*pending)
    assert {each.errno for each in pending} == {errno.EBADF}
    assert scene.user.do(READ, 0, bytearray(512)).errno == errno.EBADF
    scene.medium.close()


def test_a_connection_for_each_loop(make: Make) -> None:
    """Where the server says that it takes several; all of them go and come together."""
    scene = make("memory", SIZE)
    users = [User(scene.medium) for _ in range(3)]
    until(lambda: scene.medium.status()["connections"] == 4)
    for number, user in enumerate(users):
        user.whole(WRITE, number * 512, bytes([number]) * 512)
        user.whole(FLUSH)
    assert scene.user.read(0, 1536) == bytes(512) + b"\1" * 512 + b"\2" * 512
    scene.replace()
    for user in users:
        user.whole(READ, 0, bytearray(512))
    until(lambda: scene.medium.status()["connections"] == 4)
    for user in users:
        user.channel.retire()
    until(lambda: scene.medium.status()["connections"] == 1)


def test_a_server_that_takes_one_connection_only(make: Make) -> None:
    scene = make("--filter=limit", "memory", SIZE, "limit=1")
    other = User(scene.medium)
    until(lambda: scene.medium.status()["trouble"])
    other.whole(WRITE, 0, b"x" * 512)
    other.channel.retire()
    assert scene.medium.status()["connections"] == 1


def test_while_a_long_answer_comes(make: Make) -> None:
    """Requests of other loops wait for nobody, and are sent next."""
    scene = make("--filter=multi-conn", "memory", "64M", "multi-conn-mode=disable")
    small = bytearray(512)
    long = scene.user.begin(READ, 0, bytearray(48 << 20))
    while long not in scene.user.over:
        scene.user.whole(READ, 0, small)
    assert long.errno == 0


def test_more_than_a_socket_holds(make: Make) -> None:
    """Answers come while a request is sent in part: neither waits for the other."""
    scene = make("memory", "16M")
    parts = [random.Random(at).randbytes(256 << 10) for at in range(64)]
    for turn in range(3):
        writes = [scene.user.begin(WRITE, at << 18, parts[at - turn]) for at in range(64)]
        scene.over(*writes)
        assert scene.user.read(0, 16 << 20) == b"".join(parts[at - turn] for at in range(64))


REAPED_BETWEEN = """
#include "nbd_medium.h"

static int rings;
static void ring(void *bell) { rings++; }

/* Two requests end at one stroke, and the loop finds the first before it is rung for: how often it is. */
int reaped_between(void)
{
	struct nbd_medium *medium = nbd_begin("nbd://nobody", 1000000000, 0);
	struct nbd_channel *channel = nbd_open_channel(medium, ring, NULL);
	struct pysrp_io ios[2] = { 0 };
	int i, reaped = 0;

	nbd_hold(medium);
	for (i = 0; i < 2; i++) {
		struct nbd_request *request = calloc(1, sizeof(*request));

		*request = (struct nbd_request){ .medium = medium, .channel = channel, .io = &ios[i] };
		nbd_finish(request, 0);
		reaped += i == 0 && nbd_reap(channel) == &ios[0];
	}
	nbd_leave(medium);
	reaped += nbd_reap(channel) == &ios[1] && !nbd_reap(channel);
	nbd_close_channel(channel);
	nbd_unuse(medium);
	return reaped == 2 ? rings : -1;
}
"""


def test_a_loop_that_reaps_before_it_is_rung_for(tmp_path: Path) -> None:
    module = compiled(tmp_path, "nbd_alone", "int reaped_between(void);", REAPED_BETWEEN)
    assert module.lib.reaped_between() == 1


# Servers that lie


class Liar:
    """A server of the old style, which says that it has 1 MiB, and does to each request what it is told to."""

    def __init__(
        self, does: Callable[[socket.socket, int, bytes], bool] = lambda *_: True, path: Path | None = None
    ) -> None:
        self.does = does
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.uri = f"nbd://127.0.0.1:{self.listener.getsockname()[1]}"
        else:
            self.listener = socket.create_server(str(path), family=socket.AF_UNIX)
            self.uri = f"nbd+unix:///?socket={path}"
        self.served = 0
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __enter__(self) -> Liar:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.served += 1
            with near, suppress(ConnectionError):  # a client may go before it has read all that it was sent
                near.sendall(b"NBDMAGIC" + struct.pack(">QQI", 0x420281861253, SIZE, 5) + bytes(124))
                while len(request := near.recv(28, socket.MSG_WAITALL)) == 28:
                    kind, handle = request[4:8], request[8:16]
                    if kind[3] == 2 or not self.does(near, self.served, handle):
                        break


def test_garbage_for_an_answer() -> None:
    """The connection is closed, and the request sent again."""

    def lies(near: socket.socket, times: int, handle: bytes) -> bool:
        match times:
            case 1:
                near.sendall(b"garbage" * 10)
            case 2:
                near.sendall(struct.pack(">II", 0x67446698, 0) + b"nobody's")
            case 3:
                near.sendall(struct.pack(">II", 0x67446698, 108) + handle)  # it is shutting down
            case _:
                near.sendall(struct.pack(">II", 0x67446698, 0) + handle + b"right" * 100 + b" at last....")
        return times > 3

    with Liar(lies) as liar:
        medium = NbdMedium(liar.uri)
        user = User(medium)
        assert user.read(0, 512) == b"right" * 100 + b" at last...."
        assert liar.served == 4
        assert medium.status()["sent_again"] == 3
        user.channel.retire()
        medium.close()


def test_a_server_that_ends_whenever_it_is_asked(tmp_path: Path) -> None:
    """Somebody who waits is told when the limit is over; it is asked ever less often."""
    with Liar(lambda *_: False, tmp_path / "socket") as liar:
        medium = NbdMedium(liar.uri)
        medium.limit = 0.1
        user = User(medium)
        assert user.do(READ, 0, bytearray(512)).errno == errno.ETIMEDOUT
        assert 1 < liar.served < 20
        user.channel.retire()
        medium.close()


FORKED = """
import os, signal, sys, threading
sys.path[:0] = PATHS
from test_nbd import *
medium = NbdMedium(URI)
stopping = threading.Event()
def use():
    user = User(medium)
    while not stopping.is_set():
        for at in range(0, SIZE, SIZE // 16):
            user.begin(WRITE, at, bytes(4096))
        user.loop.until(lambda: len(user.over) == 16)
        user.over.clear()
    user.channel.retire()
thread = threading.Thread(target=use)
thread.start()
mine = User(medium)
for _ in range(30):
    child = os.fork()
    if not child:
        signal.alarm(60)
        request = mine.begin(WRITE, 0, bytes(4096))
        good = request.errno == errno.EBADF and not mine.channel.withdraw(request) and not medium.status()["connected"]
        medium.limit = 5
        medium.resize()
        medium.channel(mine.loop).retire()
        mine.channel.retire()
        medium.close()
        os._exit(not good)
    assert os.waitpid(child, 0)[1] == 0
stopping.set()
thread.join()
mine.whole(FLUSH)
assert medium.status()["times_connected"] == 1
mine.channel.retire()
medium.close()
"""


def test_children_that_were_forked(make: Make) -> None:
    """They do not wait for who held a lock in their parent, and do not speak on its connection."""
    values = f"PATHS, URI = {sys.path!r}, {make().server.uri!r}"
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", values + FORKED], check=True, timeout=120
    )


ENDING = """
import ctypes, sys
sys.path[:0] = PATHS
from test_nbd import *
user = User(NbdMedium(URI, limit=1e6))
user.begin(READ, 0, bytearray(512))
# When Python has come to its end, the last one first: say so, and stay until stdin ends.
libc = ctypes.CDLL(None)
libc.strdup.restype = ctypes.c_void_p
text = ctypes.c_void_p(libc.strdup(b"over"))    # Python's memory is no more by then
for call, what in (libc.getchar, None), (libc.fflush, None), (libc.puts, text):
    libc.__cxa_atexit(call, what, None)
"""


def test_answers_and_ends_when_python_has_ended() -> None:
    """A request is under way, and its server still speaks: there is nobody who could be told, and no interpreter to do it."""
    over = threading.Event()

    def does(near: socket.socket, times: int, handle: bytes) -> bool:
        if times == 1:
            over.wait(PATIENCE)
            near.sendall(struct.pack(">II", 0x67446698, 0) + handle + bytes(512))
        return False

    with Liar(does) as liar:
        values = f"PATHS, URI = {sys.path!r}, {liar.uri!r}"
        with subprocess.Popen(
            [sys.executable, "-c", values + ENDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            said = child.stdout.readline()
            over.set()
            assert said == b"over\n"
            until(lambda: liar.served > 1 or child.poll() is not None)
        assert child.returncode == 0


def test_pending_is_what_is_said(make: Make) -> None:
    """It is never over when submit returns, so that no loop has two ways."""
    scene = make("memory", SIZE)
    request = MediumRequest(READ, 0, 512, [memoryview(bytearray(512))])
    over: list[MediumRequest] = []
    request.over = over.append
    assert scene.user.channel.submit(request) is PENDING
    scene.user.loop.until(lambda: over)


# To an initiator


def test_what_an_initiator_is_told(make: Make) -> None:
    """Of a server that does not come back: that it is timed out. It is thin where it is said to be."""
    medium = make("--filter=blocksize-policy", "memory", SIZE, "blocksize-preferred=64k").medium
    disk = ThinDisk(medium, "data")
    limits = disk.block_limits()
    assert (limits.optimal_transfer_length_granularity, limits.optimal_unmap_granularity) == (128, 128)
    assert ThinDisk(medium, physical_block_size=4096).block_limits().optimal_unmap_granularity == 128
    assert ThinDisk(Faulty(medium)).block_limits().optimal_transfer_length_granularity == 128
    fault = disk.fault_of(OSError(errno.ETIMEDOUT, "late"))
    assert (fault.key, fault.code) == (SenseKey.HARDWARE_ERROR, 0x0801)
