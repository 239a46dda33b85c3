"""Disks behind the real server, reached by real sessions: what the bench cannot show, threads above all."""

import itertools
import os
import random
import threading
from contextlib import closing

import pytest

from pysrp.backends import File, Ram
from pysrp.errors import CheckCondition, ReservationConflict
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.media.power_cut import PowerCut
from pysrp.scsi import cdb, params
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

FILE, MEMORY = 256, 512
SIZE = 4 << 20
TUR = cdb.TestUnitReady.build()
_names = itertools.count()


def in_python(path):
    return File(path, SIZE)


def in_the_cache(path):
    return FileMedium(path, SIZE)


def past_the_cache(path):
    return FileMedium(path, SIZE, direct=True)


def by_threads(path):
    return FileMedium(path, SIZE, direct=True, uring=False)


@pytest.fixture(params=[in_python, in_the_cache, past_the_cache, by_threads])
def served(request, tmp_path):
    """A file and memory, and the URL where they are served."""
    url = f"local:disks{next(_names)}"
    with closing(request.param(tmp_path / "disk")) as file, Ram(SIZE) as ram:
        luns = LunMap([(FILE, Disk(file, "file")), (MEMORY, Disk(ram, "memory", block_size=4096))])
        with Server(url, luns):
            yield url


def run(session, lun, command, data=None, room=0):
    return session.execute(scst_pack(lun, "LUN"), command, data_out=data, data_in_length=room, check=False)


def settle(session):
    """Take the unit attentions that a login brings."""
    for lun in FILE, MEMORY:
        while run(session, lun, TUR).status:
            pass


def code(result):
    assert result.status == 2
    sense = parse_sense(result.sense)
    return sense.sense_key, sense.asc, sense.ascq


@pytest.mark.parametrize(("lun", "block"), [(FILE, 512), (MEMORY, 4096)])
def test_data(served, lun, block):
    data = random.Random(1).randbytes(64 * block)
    with Session(served) as session:
        settle(session)
        room = 16 * block
        for kind in cdb.Write10, cdb.Write16:
            assert run(session, lun, kind.build(lba=3, transfer_length=64, fua=1), data).status == 0
        got = run(session, lun, cdb.Read12.build(lba=3, transfer_length=64), room=64 * block)
        assert bytes(got.data) == data
        got = run(session, lun, cdb.Read16.build(lba=3, transfer_length=64), room=room)
        assert bytes(got.data)[:room] == data[:room]
        verify = cdb.Verify10.build(lba=3, verification_length=64, bytchk=1)
        assert run(session, lun, verify, data).status == 0
        assert code(run(session, lun, verify, data[:-1] + b"?")) == (0xE, 0x1D, 0)
        assert run(session, lun, cdb.SynchronizeCache16.build()).status == 0
        capacity = params.ReadCapacity16(
            run(session, lun, cdb.ReadCapacity16.build(allocation_length=32), room=32).data
        )
        assert (capacity.capacity, capacity.block_length) == (SIZE, block)


@pytest.mark.parametrize("wrapped", [lambda file: file, Faulty, PowerCut], ids=["file", "fault", "power-cut"])
def test_a_file_that_has_grown(tmp_path, wrapped):
    """Who asks for the capacity, or for what was not there, sees it, and all are told."""
    (tmp_path / "disk").write_bytes(bytes(SIZE))
    url = f"local:disks{next(_names)}"
    with closing(wrapped(FileMedium(tmp_path / "disk"))) as file, Ram(SIZE) as ram:
        luns = LunMap([(FILE, Disk(file, "file")), (MEMORY, Disk(ram, "memory"))])
        with Server(url, luns), Session(url) as one, Session(url) as other:
            settle(one)
            settle(other)
            for number, ask in enumerate(
                (cdb.ReadCapacity16.build(allocation_length=32), cdb.ReadCapacity10.build(), None), 1
            ):
                blocks = SIZE // 512 * 2**number
                last = cdb.Read10.build(lba=blocks - 1, transfer_length=1)
                assert code(run(one, FILE, last, room=512)) == (5, 0x21, 0)
                os.truncate(tmp_path / "disk", blocks * 512)
                if ask is None:
                    assert run(one, FILE, last, room=512).status == 0
                else:
                    kind = params.ReadCapacity16 if len(ask) == 16 else params.ReadCapacity10
                    assert kind(run(one, FILE, ask, room=32).data).returned_lba == blocks - 1
                for session in one, other:
                    assert code(run(session, FILE, TUR)) == (6, 0x2A, 9)
                    assert run(session, FILE, last, room=512).status == 0
                    assert run(session, MEMORY, TUR).status == 0


def test_a_file_that_shrank_disturbs_nothing_else(served, tmp_path):
    with Session(served) as session:
        settle(session)
        os.truncate(tmp_path / "disk", SIZE // 2)
        half = SIZE // 2 // 512
        assert code(run(session, FILE, cdb.Read10.build(lba=half, transfer_length=1), room=512)) == (
            3,
            0x11,
            0,
        )
        assert code(run(session, FILE, cdb.Verify10.build(lba=0, verification_length=half + 1))) == (
            3,
            0x11,
            0,
        )
        assert run(session, FILE, cdb.Read10.build(lba=half - 1, transfer_length=1), room=512).status == 0
        assert run(session, MEMORY, cdb.Write10.build(transfer_length=1), bytes(4096)).status == 0
        assert run(session, FILE, cdb.Write10.build(lba=half, transfer_length=1), bytes(512)).status == 0
        assert run(session, FILE, cdb.Read10.build(lba=half, transfer_length=1), room=512).status == 0


def test_two_initiators(served):
    with Session(served) as first, Session(served) as second:
        settle(first)
        settle(second)
        assert run(first, MEMORY, bytes.fromhex("160000000000")).status == 0
        assert run(second, MEMORY, TUR).status == 0x18
        assert run(second, FILE, TUR).status == 0
        with pytest.raises(ReservationConflict):
            second.execute(scst_pack(MEMORY, "LUN"), cdb.Read10.build(transfer_length=1), data_in_length=4096)
        page = bytes.fromhex("00000000 0812 00" + "00" * 17)
        assert run(first, FILE, cdb.ModeSelect6.build(pf=1, parameter_list_length=24), page).status == 0
        assert run(first, FILE, TUR).status == 0
        assert code(run(second, FILE, TUR)) == (6, 0x2A, 1)
        first.lun_reset(scst_pack(MEMORY, "LUN"))
        assert code(run(second, MEMORY, TUR)) == (6, 0x29, 0)
        assert run(second, MEMORY, TUR).status == 0, "the reset has ended the reservation"


def test_a_reservation_ends_with_its_session(served):
    with Session(served) as second:
        settle(second)
        with Session(served) as first:
            settle(first)
            assert run(first, MEMORY, bytes.fromhex("160000000000")).status == 0
            assert run(second, MEMORY, TUR).status == 0x18
        while run(second, MEMORY, TUR).status == 0x18:
            pass  # the server takes notice of the client's end in a thread of its own
        assert run(second, MEMORY, TUR).status in (0, 2)


def test_refusals_reach_the_initiator(served):
    with Session(served) as session:
        settle(session)
        with pytest.raises(CheckCondition) as info:
            session.execute(scst_pack(FILE, "LUN"), cdb.Inquiry.build(evpd=1, page_code=0xCC))
        pointer = parse_sense(info.value.sense).sks
        assert (pointer.c_d, pointer.field_pointer) == (True, 2)
        assert code(run(session, FILE, b"\xff")) == (5, 0x20, 0)
        assert code(run(session, FILE, cdb.Read10.build(lba=SIZE // 512, transfer_length=1))) == (5, 0x21, 0)


def test_many_sessions_share_a_disk(served):
    """Each writes blocks of its own and reads them back: no lock lost, no byte of another."""
    failures = []

    def work(number):
        try:
            with Session(served) as session:
                settle(session)
                for turn in range(60):
                    lun, block = (FILE, 512) if turn % 2 else (MEMORY, 4096)
                    data = bytes([number, turn]) * (block // 2) * 8
                    lba = 8 * (4 * (turn // 2) + number)
                    assert run(session, lun, cdb.Write10.build(lba=lba, transfer_length=8), data).status == 0
                    got = run(session, lun, cdb.Read10.build(lba=lba, transfer_length=8), room=8 * block)
                    assert bytes(got.data) == data
                    mode = run(session, lun, cdb.ModeSense6.build(page_code=8, allocation_length=64), room=64)
                    assert mode.status == 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
