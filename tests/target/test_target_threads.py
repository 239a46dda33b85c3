"""Units, media and servers that several threads use at once, which with the GIL they seldom do."""

import itertools
import os
import struct
import threading
from contextlib import ExitStack, closing, suppress

import pytest
from pysrp._fast.gate import Gate

from pysrp.backends import File, Null, Ram
from pysrp.errors import PartnerGone
from pysrp.fuzz.inprocess import InProcess
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.session import Session
from pysrp.lun import Lun
from pysrp.media.file import FileMedium
from pysrp.scsi import cdb
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from threads import GIL, ROUNDS, THREADS, each, together
from waiting import PATIENCE

BLOCK = 512
SHARE = 64 << 10
"""Bytes of a disk that are one thread's."""
SIZE = THREADS * SHARE
STRANGE = [
    cdb.TestUnitReady.build(),
    cdb.Inquiry.build(allocation_length=96),
    cdb.ModeSense6.build(page_code=0x3F, allocation_length=252),
    cdb.RequestSense.build(allocation_length=96),
    cdb.ReadCapacity16.build(allocation_length=32),
]
"""Commands that are the engine's."""
LIMIT = {"timeout": 2, "check": False}
FLUSH = cdb.SynchronizeCache10.build()
HERE = Lun.logical_unit(0)
_names = itertools.count()


def content(number, turn, size=SHARE):
    return struct.pack(">HH", number, turn & 0xFFFF) * (size // 4)


def test_memory_that_several_read_and_write():
    """Each slice stands for itself: no view of the disk's is released under another thread's hands."""
    with closing(Ram(SIZE)) as ram:

        def use(number):
            got = bytearray(SHARE)
            for turn in range(5 * ROUNDS):
                ram.write_from(number * SHARE, memoryview(content(number, turn)))
                ram.read_into(number * SHARE, memoryview(got))
                assert got == content(number, turn)
                with ram.memory() as view:
                    assert view[number * SHARE : number * SHARE + 4] == content(number, turn, 4)

        each(use)
        ram.zero(0, SIZE)
        assert not any(ram.memory())


def test_memory_that_is_closed_while_it_is_used():
    for _ in range(ROUNDS):
        ram = Ram(SIZE)

        def use(ram=ram):
            got = memoryview(bytearray(SHARE))
            while True:
                ram.read_into(0, got)
                ram.write_from(SHARE, got)

        def told(use=use):
            with pytest.raises(ValueError, match="is closed"):
                use()

        together(told, told, ram.close)


def test_zeros_that_several_read():
    with closing(Null(1 << 20)) as null:

        def use(_number):
            got = bytearray(b"x" * SHARE)
            for _ in range(5 * ROUNDS):
                null.read_into(0, memoryview(got))
            assert not any(got)

        each(use)


def test_a_gate_that_several_close():
    """Nothing is under way: it is closed for all of them until the last one opens it."""
    gate = Gate()

    def use(number):
        for _ in range(20 * ROUNDS):
            assert gate.close(1 << number, lambda: None)
            assert gate.reasons & 1 << number
            gate.open(1 << number)

    each(use)
    assert (gate.reasons, gate.under_way) == (0, 0)


def test_engines_side_by_side():
    """Several initiators' engines, each in its thread, on one disk; reservations of one stop the others or not."""
    luns = LunMap([(0, Disk(Ram(SIZE), "shared"))])
    reserve, release = cdb.Reserve6.build(), cdb.Release6.build()

    def use(number):
        target = InProcess(luns)
        where = number * SHARE // BLOCK
        for turn in range(ROUNDS):
            for command in STRANGE:
                assert target.run(bytes(command), room=252).status in (0, 2, 0x18)
            write = cdb.Write10.build(lba=where, transfer_length=8)
            while target.run(bytes(write), data=content(number, turn, 8 * BLOCK)).status:
                pass
            read = cdb.Read10.build(lba=where, transfer_length=8)
            while (found := target.run(bytes(read), room=8 * BLOCK)).status:
                pass
            assert found.data == content(number, turn, 8 * BLOCK)
            if target.run(bytes(reserve)).status == 0:
                assert target.run(bytes(release)).status == 0
        target.close()

    each(use)


MEDIA = {
    "memory": lambda path: Ram(SIZE),
    "file": lambda path: File(path, SIZE),
    "medium": lambda path: FileMedium(path, SIZE),
    "threads": lambda path: FileMedium(path, SIZE, uring=False),
}


@pytest.mark.parametrize("kind", MEDIA)
def test_clients_side_by_side(tmp_path, kind):
    """Each has a share of the disk, by the lane and by the engine, while what was granted is revoked, over and over."""
    url = f"local:threads{next(_names)}"
    with ExitStack() as stack:
        medium = stack.enter_context(closing(MEDIA[kind](tmp_path / "disk")))
        unit = Disk(medium, "disk")
        server = stack.enter_context(Server(url, LunMap([(0, unit)])))
        ready, over = threading.Barrier(3), threading.Event()

        def use(number):
            with Session(url) as session:
                (disk,) = [unit for unit in session.scan() if unit.lun == HERE]
                disk.capacity()
                ready.wait()
                first = number * SHARE // BLOCK
                for turn in range(ROUNDS):
                    disk.write(first, content(number, turn))
                    assert disk.read(first, SHARE // BLOCK) == content(number, turn)
                    for command in STRANGE:
                        session.execute(HERE, command, data_in_length=252, check=False)
                while session.execute(HERE, FLUSH, check=False).status:
                    pass

        def change():
            with suppress(threading.BrokenBarrierError):
                ready.wait()
            while not over.is_set():
                unit.revoke()
                unit.nexuses()
                over.wait(0.001)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            each(use, 2)
        finally:
            over.set()
            ready.abort()
            changing.join()
        assert server.ended is False


@pytest.mark.parametrize("kind", MEDIA)
def test_a_server_that_stops_while_it_is_used(tmp_path, kind):
    """Its clients are told that it has gone, and nobody waits for ever."""
    for _ in range(2 if GIL else 4):
        url = f"local:threads{next(_names)}"
        with closing(MEDIA[kind](tmp_path / f"disk{next(_names)}")) as medium:
            server = Server(url, LunMap([(0, Disk(medium, "disk"))]))
            begun = threading.Semaphore(0)

            def use(url=url, begun=begun):
                told = False
                try:
                    with Session(url) as session:
                        (disk,) = session.scan()
                        disk.capacity()
                        blocks = SHARE // BLOCK
                        data = os.urandom(SHARE)
                        # What is asked for when the server has gone would wait for another one: not for long here.
                        while session.connected:
                            session.execute(
                                HERE, cdb.Write10.build(transfer_length=blocks), data_out=data, **LIMIT
                            )
                            read = cdb.Read10.build(transfer_length=blocks)
                            session.execute(HERE, read, data_in_length=SHARE, **LIMIT)
                            if not told:
                                told = True
                                begun.release()
                except (PartnerGone, TimedOut):
                    return
                finally:
                    if not told:
                        begun.release()

            def stop(server=server, begun=begun):
                for _ in range(2):
                    assert begun.acquire(timeout=PATIENCE)
                server.stop()

            together(use, use, stop)
