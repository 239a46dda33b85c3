"""What takes long with a medium that is called in place: others have their turn in between, and it can be aborted."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from pysrp.backends import Null, Ram
from pysrp.scsi import cdb
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.units.provisioning import MAX_UNMAP, PIECE
from target_rig import BLOCK, MIB, Client, Rig
from unit_bench import Bench


class Freed(Ram):
    """Says what it has been told to give back."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.freed: list[tuple[int, int]] = []

    def discard(self, offset: int, length: int) -> None:
        self.freed.append((offset, length))


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(LunMap([(0, Disk(Null(1 << 50), "long")), (1, Disk(Ram(MIB), "short"))]))
    yield rig
    rig.close()


def verify(client: Client) -> int:
    """VERIFY of 2 TiB with one block: more than this test waits for."""
    client.poke(bytes(BLOCK))
    whole = cdb.Verify16.build(verification_length=0xFFFFFFFF, bytchk=3)
    return client.cmd(0, bytes(whole), data_out=(client.data(), BLOCK))


def test_others_are_served_meanwhile_and_it_can_be_aborted(rig: Rig) -> None:
    client = rig.login()
    long = verify(client)
    assert rig.run() == rig.now, "it wants to go on at once"
    assert not client.answers
    short = client.read(1, 0, 1, offset=4096)
    rig.run()
    assert client.answer(short).status == 0
    aborting = client.manage(0, TskMgmtFunc.ABORT_TASK, long)
    rig.run()
    assert bytes(client.answer(aborting).resp_data) == bytes(4)
    assert rig.run() is None
    assert not client.answers


def test_a_client_that_goes_ends_it(rig: Rig) -> None:
    client = rig.login()
    verify(client)
    rig.run()
    client.port.free()
    rig.run()
    assert rig.run() is None


def test_what_is_found_in_a_later_turn_ends_it() -> None:
    """A block that is none of 32 MiB of zeros: the loop goes on, and the others are served."""
    size = 32 * MIB
    ram = Ram(size)
    ram.memory()[size - 1] = 1
    rig = Rig(LunMap([(0, Disk(ram, "long"))]))
    client = rig.login()
    client.poke(bytes(BLOCK))
    raw = cdb.Verify16.build(verification_length=size // BLOCK, bytchk=3)
    tag = client.cmd(0, bytes(raw), data_out=(client.data(), BLOCK))
    while not client.answers:
        rig.run()
    answer = client.answer(tag)
    assert answer.status == 2
    assert bytes(answer.sense)[2] & 15 == 0xE
    rig.close()


def test_unmap_goes_on_piece_by_piece() -> None:
    """Pieces end where blocks of the medium end, wherever a stretch begins."""
    ram = Freed(2 * MAX_UNMAP)
    begin, length = PIECE - 8 * BLOCK, MAX_UNMAP
    data = struct.pack(">HH4xQI4x", 22, 16, begin // BLOCK, length // BLOCK)
    with Bench(ThinDisk(ram)) as bench:
        turns = []
        post = bench.nexus.post
        bench.nexus.post = lambda call: (turns.append(call), post(call))  # type: ignore[assignment, func-returns-value]
        bench.good(cdb.Unmap.build(parameter_list_length=len(data)), data)
    assert ram.freed[0] == (begin, 8 * BLOCK)
    assert ram.freed[-1] == (MAX_UNMAP, PIECE - 8 * BLOCK)
    assert all(at % PIECE == 0 and size == PIECE for at, size in ram.freed[1:-1])
    assert sum(size for _, size in ram.freed) == length
    assert len(turns) == len(ram.freed) - 1
