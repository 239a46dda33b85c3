"""SRP_CMD: descriptors, residuals, sense, bad input."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest

from pysrp import mad, srp
from pysrp.backends import Ram
from pysrp.fabric import ReturnCode
from pysrp.mad import OsType
from pysrp.srp import RspFlags
from pysrp.target.disk import Disk
from pysrp.target.effects import Effect, check
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_states import State
from target_rig import BLOCK, MIB, Client, Rig

Make = Callable[..., Rig]
INVALID_FIELD_IN_IU = b"\x0e\x03"
DATA_PHASE_ERROR = b"\x4b\x00"


def pattern(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def answered(rig: Rig, tag: int) -> srp.Rsp:
    rig.run()
    answer = rig.client.answer(tag)
    assert isinstance(answer, srp.Rsp)
    assert answer.req_lim_delta == 1
    assert not answer.problems()
    return answer


def good(rig: Rig, tag: int) -> srp.Rsp:
    answer = answered(rig, tag)
    assert (answer.status, answer.flags, len(bytes(answer))) == (0, 0, 36)
    return answer


def refused(rig: Rig, tag: int, key: int, asc: bytes) -> srp.Rsp:
    answer = answered(rig, tag)
    assert answer.status == 2
    assert answer.sense[2] == key
    assert bytes(answer.sense[12:14]) == asc
    assert answer.sense_data_len <= 96
    return answer


# Descriptors


def pieces(client: Client, sizes: list[int], gap: int = 0) -> list[tuple[int, int]]:
    """Segments of the client's data memory, from its start."""
    found, at = [], 0
    for size in sizes:
        found.append((client.data(at), size))
        at += size + gap
    return found


def entries(segments: list[tuple[int, int]]) -> list[srp.DirectBuf]:
    return [srp.DirectBuf.build(va=address, len=size) for address, size in segments]


def gather(client: Client, segments: list[tuple[int, int]]) -> bytes:
    return b"".join(client.peek(size, address - client.data()) for address, size in segments)


SIZES = {
    "one": [4096],
    "blocks": [512] * 8,
    "ten": [400] * 10 + [96],
    "odd": [1, 2, 3, 4090],
    "empty ones": [0, 1000, 0, 0, 3096, 0],
    "more room than needed": [4000, 4000],
    "many": [16] * 256,
}


@pytest.mark.parametrize("external", [False, True], ids=["inline", "external"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_indirect(rig: Rig, sizes: list[int], external: bool) -> None:
    client = rig.client
    data = pattern(4096)
    segments = pieces(client, sizes, gap=3)
    at = 0
    for address, size in segments:
        client.poke(data[at : at + size], address - client.data())
        at += size
    table = b"".join(struct.pack(">QII", address, 0, size) for address, size in segments)
    inline = segments[: 10 if not external else 0]
    if external or len(segments) > 10:
        client.poke(table, 2 * MIB)
        where = client.data(2 * MIB)
    else:
        where = 0xDEAD0000  # not looked at: all entries stand in the IU
    descriptor = srp.IndirectBuf.build(
        table_desc=srp.DirectBuf.build(va=where, len=len(table)),
        len=sum(sizes),
        desc_list=entries(inline),
    )
    extra = sum(sizes) - 4096
    tag = client.cmd(256, "2a 00 00000010 00 0008 00", data_out=descriptor, data_out_desc_cnt=len(inline))
    answer = answered(rig, tag)
    assert answer.status == 0
    assert answer.data_out_res_cnt == extra
    assert answer.flags == (RspFlags.DOUNDER if extra else 0)
    client.poke(bytes(3 * 4096))
    tag = client.cmd(256, "28 00 00000010 00 0008 00", data_in=descriptor, data_in_desc_cnt=len(inline))
    if external or len(segments) > 10:
        client.poke(table, 2 * MIB)
    answer = answered(rig, tag)
    assert answer.status == 0
    assert answer.data_in_res_cnt == extra
    assert gather(client, segments)[:4096] == data


def test_direct_with_a_count(rig: Rig) -> None:
    """SLOF says 1, Linux 0: it means nothing there."""
    client = rig.client
    good(rig, client.write(256, 0, pattern(512), data_out_desc_cnt=1))
    good(rig, client.read(256, 0, 1, offset=8192, data_in_desc_cnt=1))
    assert client.peek(512, 8192) == pattern(512)


def test_exact_iu_length(rig: Rig) -> None:
    """SLOF announces 64 bytes, 48 without data; what follows is not looked at."""
    client = rig.client
    raw = bytes(srp.Cmd.build(tag=3, lun=bytes.fromhex("8100") + bytes(6), cdb=bytes(16)))
    client.iu(raw + b"\xff" * 100, length=48)
    good(rig, 3)
    good(rig, client.read(256, 0, 1))


def test_additional_cdb(rig: Rig) -> None:
    """Descriptors stand behind it."""
    client = rig.client
    cdb = bytes.fromhex("28000000000000000100") + bytes(6) + b"\xee" * 8
    tag = client.iu(
        bytes(
            srp.Cmd.build(tag=4, lun=bytes.fromhex("8100") + bytes(6), cdb=cdb, data_in=(client.data(), 512))
        )
    )
    assert good(rig, tag)


def test_overlapping_descriptors(rig: Rig) -> None:
    client = rig.client
    data = pattern(1024)
    good(rig, client.write(256, 5, data))
    at = client.data(65536)
    good(rig, client.read(256, 5, 2, data_in=[(at, 512), (at + 100, 512)]))
    assert client.peek(612, 65536) == data[:100] + data[512:]


def test_descriptors_of_more_than_4_gib(rig: Rig) -> None:
    """What is not needed is never touched."""
    client = rig.client
    good(rig, client.write(256, 9, pattern(1024)))
    at = client.data(65536)
    huge = [(at, 1024), (at, 0xFFFFFFFF), (at, 0xFFFFFFFF)]
    descriptor = srp.IndirectBuf.build(
        table_desc=srp.DirectBuf.build(va=0, len=48), len=0xFFFFFFFF, desc_list=entries(huge)
    )
    tag = client.cmd(256, "28 00 00000009 00 0002 00", data_in=descriptor, data_in_desc_cnt=3)
    answer = answered(rig, tag)
    assert answer.status == 0
    assert answer.data_in_res_cnt == 0xFFFFFFFF - 1024
    assert client.peek(1024, 65536) == pattern(1024)


BAD_PLACES = {
    "outside the window": (1 << 40, 512),
    "across the end of the window": ((64 << 20) - 256, 512),
    "not mapped": (48 << 20, 512),
    "wraps": (2**64 - 256, 512),
}


@pytest.mark.parametrize("place", BAD_PLACES.values(), ids=BAD_PLACES)
def test_descriptor_that_leads_nowhere(rig: Rig, disk: Disk, place: tuple[int, int]) -> None:
    client = rig.client
    good(rig, client.write(256, 0, pattern(1024)))
    answer = refused(rig, client.read(256, 0, 1, data_in=place), 0xB, DATA_PHASE_ERROR)
    assert answer.flags & RspFlags.DIUNDER
    assert answer.data_in_res_cnt == 512
    tag = client.cmd(256, "2a 00 00000000 00 0002 00", data_out=[(client.data(), 512), place])
    refused(rig, tag, 0xB, DATA_PHASE_ERROR)
    assert disk.backend.memory()[:1024] == pattern(1024)  # nothing was written, not even what could be
    refused(rig, client.cmd(256, "12 00 00 00 24 00", data_in=place), 0xB, DATA_PHASE_ERROR)
    assert rig.target.state is State.SRP_PROCESSING


def test_memory_that_may_not_be_written(rig: Rig) -> None:
    client = rig.client
    memory = client.port.allocate(4096, 1)
    refused(rig, client.read(256, 0, 1, data_in=(memory.address, 512)), 0xB, DATA_PHASE_ERROR)
    good(rig, client.cmd(256, "2a 00 00000000 00 0001 00", data_out=(memory.address, 512)))


def test_second_segment_that_wraps(rig: Rig) -> None:
    client = rig.client
    tag = client.read(256, 0, 2, data_in=[(client.data(), 512), (2**64 - 256, 512)])
    refused(rig, tag, 0xB, DATA_PHASE_ERROR)


def raw_cmd(client: Client, data: bytes, *, fmt: int, counts: tuple[int, int] = (0, 0)) -> bytes:
    raw = bytearray(srp.Cmd.build(tag=0x99, lun=bytes.fromhex("8100") + bytes(6), cdb=b"\x28" + bytes(15)))
    raw[5], raw[6], raw[7] = fmt, *counts
    return bytes(raw) + data


BAD_DESCRIPTORS: dict[str, Callable[[Client], bytes]] = {
    "format 4": lambda c: raw_cmd(c, bytes(16), fmt=0x04),
    "format 15 out": lambda c: raw_cmd(c, bytes(16), fmt=0xF0),
    "immediate in": lambda c: raw_cmd(c, bytes(16), fmt=0x03),
    "immediate out, not agreed on": lambda c: raw_cmd(c, bytes(16), fmt=0x30),
    "direct, cut off": lambda c: raw_cmd(c, bytes(15), fmt=0x01),
    "out and in, one there": lambda c: raw_cmd(c, bytes(16), fmt=0x11),
    "indirect, cut off": lambda c: raw_cmd(c, bytes(19), fmt=0x02),
    "indirect, 255 entries not there": lambda c: raw_cmd(c, bytes(36), fmt=0x02, counts=(0, 255)),
    "indirect, table of half an entry": lambda c: raw_cmd(
        c, struct.pack(">QIII", c.data(), 0, 24, 24), fmt=0x02
    ),
    "indirect, table of 4 GiB": lambda c: raw_cmd(
        c, struct.pack(">QIII", c.data(), 0, 0xFFFFFFF0, 24), fmt=0x02
    ),
    "indirect, table outside the window": lambda c: raw_cmd(
        c, struct.pack(">QIII", 1 << 50, 0, 32, 24), fmt=0x02
    ),
    "indirect, the rest of its table wraps": lambda c: raw_cmd(
        c, struct.pack(">QIII", 2**64 - 8, 0, 32, 24) + bytes(16), fmt=0x02, counts=(0, 1)
    ),
    "add_cdb_len beyond the IU": lambda c: (
        raw_cmd(c, bytes(16), fmt=0x01)[:31] + b"\xfc" + raw_cmd(c, bytes(16), fmt=0x01)[32:]
    ),
    "cut off in the CDB": lambda c: raw_cmd(c, b"", fmt=0)[:47],
    "tag and no more": lambda c: raw_cmd(c, b"", fmt=0)[:16],
}


@pytest.mark.parametrize("build", BAD_DESCRIPTORS.values(), ids=BAD_DESCRIPTORS)
def test_bad_cmd(rig: Rig, build: Callable[[Client], bytes]) -> None:
    refused(rig, rig.client.iu(build(rig.client)), 5, INVALID_FIELD_IN_IU)
    good(rig, rig.client.cmd(256, "00"))
    assert rig.target.session
    assert rig.target.session.outstanding == 0


def test_reserved_bits_do_not_matter(rig: Rig) -> None:
    client = rig.client
    raw = bytearray(srp.Cmd.build(tag=6, lun=bytes.fromhex("8100") + bytes(6), cdb=bytes(16)))
    for at in (2, 3, 4, 16, 17, 18, 19, 28, 30):
        raw[at] = 0xFF
    raw[29] = 0xF8
    raw[31] = 0x03
    good(rig, client.iu(bytes(raw)))


def test_iu_that_changes_while_it_is_worked_on(rig: Rig, disk: Disk) -> None:
    """It is copied once: the client overwrites it from within the command, and nothing comes of that."""
    client = rig.client
    good(rig, client.write(256, 0, b"A" * 512))
    good(rig, client.write(256, 1, b"B" * 512))
    original = disk.backend.read_into

    def meddle(offset: int, view: memoryview) -> None:
        client.view[: 512 << 10] = b"\xff" * (512 << 10)  # every IU
        original(offset, view)

    disk.backend.read_into = meddle  # type: ignore[method-assign]
    good(rig, client.read(256, 1, 1, offset=4096))
    assert client.peek(512, 4096) == b"B" * 512
    assert client.peek(512, 4096 + 512) != b"B" * 512


def test_answer_that_cannot_be_written_keeps_its_credit(rig: Rig) -> None:
    client = rig.client
    memory = client.port.allocate(4096, 1)  # the target may read it only
    view = memoryview(memory)
    raw = bytes(srp.Cmd.build(tag=0x31, lun=bytes.fromhex("8100") + bytes(6), cdb=bytes(16)))
    view[: len(raw)] = raw
    view.release()
    client.element(struct.pack(">BBHHHQ", 0x80, 1, 0, 0, len(raw), memory.address))
    rig.run()
    assert client.element_of(0x31).status == 1
    tag = client.cmd(256, "00")
    rig.run()
    assert client.answer(tag).req_lim_delta == 2


def test_injected_copy_failure(rig: Rig) -> None:
    client = rig.client
    tag = client.cmd(256, "00")
    rig.server.inject("H_COPY_RDMA", ReturnCode.H_PERMISSION)
    rig.run()  # the IU could not be fetched
    assert tag
    assert rig.reconnected()


# Residuals (SRP r16a; and how Linux reads them)


def as_linux(rig: Rig) -> None:
    client = rig.client
    client.poke(bytes(mad.AdapterInfoData.build(os_type=OsType.LINUX, partition_name="tux")))
    client.answers.clear()
    tag = client.mad(mad.AdapterInfo.build(tag=0x51, buffer=client.data()))
    rig.run()
    assert client.answer(tag).status == 0


def linux_resid(answer: srp.Rsp, length: int) -> int:
    """What ibmvscsi sets as resid, and so how many bytes its caller takes for not transferred."""
    if answer.flags & RspFlags.DOOVER:
        return answer.data_out_res_cnt
    if answer.flags & RspFlags.DIOVER:
        return answer.data_in_res_cnt
    return 0


CASES = {
    # CDB, room, bytes that move, what the command wanted
    "all": ("28 00 00000000 00 0002 00", 1024, 1024, 1024),
    "short": ("12 00 00 00 24 00", 96, 36, 36),
    "less than wanted": ("28 00 00000000 00 0002 00", 512, 512, 1024),
    "no data": ("00", 512, 0, 0),
    "nothing comes": ("ff", 512, 0, 0),
    "no room": ("28 00 00000000 00 0001 00", 0, 0, 512),
}


@pytest.mark.parametrize("linux", [False, True], ids=["by the book", "Linux"])
@pytest.mark.parametrize(("cdb", "room", "moved", "wanted"), CASES.values(), ids=CASES)
def test_residual_in(rig: Rig, linux: bool, cdb: str, room: int, moved: int, wanted: int) -> None:
    client = rig.client
    if linux:
        as_linux(rig)
    tag = client.cmd(256, cdb, **({"data_in": (client.data(), room)} if room else {}))
    rig.run()
    answer = client.answer(tag)
    if linux:
        assert linux_resid(answer, room) == room - moved
        return
    under, over = room - moved, wanted - room
    assert answer.flags & ~RspFlags.SNSVALID == (
        RspFlags.DIUNDER if under > 0 else RspFlags.DIOVER if over > 0 else 0
    )
    assert answer.data_in_res_cnt == max(under, over, 0)
    assert answer.data_out_res_cnt == 0


@pytest.mark.parametrize("linux", [False, True], ids=["by the book", "Linux"])
@pytest.mark.parametrize(
    ("blocks", "room", "moved"), [(2, 1024, 1024), (1, 1024, 512), (2, 512, 512), (2, 700, 512), (3, 0, 0)]
)
@pytest.mark.parametrize("fast", [True, False])
def test_residual_out(
    make: Callable[..., Rig], disk: Disk, linux: bool, fast: bool, blocks: int, room: int, moved: int
) -> None:
    """Fewer bytes than the command wants: whole blocks are written, and the overrun is told.

    To Linux it cannot be told, so it gets CHECK CONDITION and nothing is written (FCP-4, 9.4.2).
    """
    rig = make(LunMap([(256, disk)]), fast=fast)
    rig.login()
    client = rig.client
    if linux:
        as_linux(rig)
    data = pattern(1024)
    client.poke(data)
    fields = {"data_out": (client.data(), room)} if room else {}
    tag = client.cmd(256, struct.pack(">BxIxHx", 0x2A, 8, blocks), **fields)
    rig.run()
    answer = client.answer(tag)
    refused = linux and blocks * BLOCK > room
    if refused:
        moved = 0
        assert (answer.status, answer.sense[2] & 15, *answer.sense[12:14]) == (2, 5, 0x0E, 3)
    else:
        assert answer.status == 0
    assert disk.backend.memory()[8 * 512 : 8 * 512 + 1024] == data[:moved].ljust(1024, b"\0")
    if linux:
        assert linux_resid(answer, room) == room - moved
    elif blocks * BLOCK > room:
        assert (answer.flags, answer.data_out_res_cnt) == (RspFlags.DOOVER, blocks * BLOCK - room)
    elif room > moved:
        assert (answer.flags, answer.data_out_res_cnt) == (RspFlags.DOUNDER, room - moved)
    else:
        assert answer.flags == 0


def test_both_directions_have_residuals_of_their_own(rig: Rig) -> None:
    client = rig.client
    tag = client.cmd(
        256,
        "28 00 00000000 00 0001 00",
        data_out=(client.data(), 100),
        data_in=(client.data(4096), 1000),
    )
    answer = answered(rig, tag)
    assert answer.flags == RspFlags.DOUNDER | RspFlags.DIUNDER
    assert (answer.data_out_res_cnt, answer.data_in_res_cnt) == (100, 488)


# The rest of the answer


@pytest.mark.parametrize(
    ("sol_not", "cdb", "expected"),
    [(0, "00", 0), (2, "00", 1), (4, "00", 0), (6, "00", 1), (2, "ff", 0), (4, "ff", 1), (0, "ff", 0)],
)
def test_solicited_notification(rig: Rig, sol_not: int, cdb: str, expected: int) -> None:
    tag = rig.client.cmd(256, cdb, sol_not=sol_not)
    rig.run()
    assert rig.client.answer(tag).sol_not == expected


def test_tag_is_given_back_bit_for_bit(rig: Rig) -> None:
    for tag in (0, 1, 2**63, 2**64 - 1, 0xB001F803000000C0):
        assert rig.client.cmd(256, "00", tag=tag) == tag
        good(rig, tag)


def test_same_tag_twice(rig: Rig) -> None:
    """Each gets its answer, at its own address."""
    client = rig.client
    client.cmd(256, "00", tag=5)
    first = client.sent[5]
    client.cmd(256, "00", tag=5)
    rig.run()
    assert client.element_of(5).IU_length == client.element_of(5).IU_length == 36
    for slot in (first, client.sent[5]):
        assert client.view[slot] == srp.Opcode.RSP


def test_sense_is_cut(rig: Rig, disk: Disk) -> None:
    def execute(task: object) -> Effect:
        return check(bytes(range(200)))

    disk.execute = execute  # type: ignore[method-assign, assignment]
    tag = rig.client.cmd(256, "00")
    rig.run()
    answer = rig.client.answer(tag)
    assert bytes(answer.sense) == bytes(range(96))
    assert len(bytes(answer)) == 36 + 96


def test_bug_in_a_unit(rig: Rig, disk: Disk) -> None:
    def execute(task: object) -> None:
        raise KeyError(task)

    disk.execute = execute  # type: ignore[method-assign, assignment]
    refused(rig, rig.client.cmd(256, "00"), 4, b"\x44\x00")


def test_transfers_of_every_size(make: Make) -> None:
    rig = make(LunMap([(256, Disk(Ram(16 * MIB)))]), Settings(max_transfer=8 * MIB))
    client = rig.login()
    for blocks in (1, 8, 255, 256, 4096, 8192):
        data = pattern(blocks * 512, blocks)
        good(rig, client.write(256, blocks, data))
        good(rig, client.read(256, blocks, blocks))
        assert client.peek(len(data)) == data


@pytest.mark.parametrize("step", [4096, 100])
def test_without_shared_memory(make: Make, disk: Disk, step: int) -> None:
    """As on POWER: all data goes through staged memory."""
    rig = make(LunMap([(256, disk)]))
    rig.server.window = lambda *arguments: None  # type: ignore[method-assign, assignment]
    client = rig.login()
    length = 600 << 10
    data = pattern(length)
    good(rig, client.write(256, 0, data))
    client.poke(bytes(length))
    if step == 4096:
        segments = [(client.data(at), step) for at in range(0, length, step)]
        client.poke(b"".join(struct.pack(">QII", at, 0, size) for at, size in segments), 2 * MIB)
        descriptor = srp.IndirectBuf.build(
            table_desc=srp.DirectBuf.build(va=client.data(2 * MIB), len=16 * len(segments)), len=length
        )
        good(rig, client.read(256, 0, length // 512, data_in=descriptor))
    else:
        good(rig, client.read(256, 0, length // 512))
    assert client.peek(length) == data
    answer = answered(rig, client.cmd(256, "12 00 00 00 24 00", data_in=(client.data(), 36)))
    assert answer.status == 0
    assert client.peek(16)[8:11] == b"IBM"
    tag = client.cmd(
        256, "15 10 00 00 0c 00", data_out=(client.data(), 12)
    )  # MODE SELECT(6): a parameter list
    rig.run()
    assert client.answer(tag).data_out_res_cnt == 0


def test_failing_backend_disturbs_nothing_else(rig: Rig, disk: Disk) -> None:
    other = Disk(Ram(MIB), name="other")
    rig.luns.add(512, other)
    client = rig.client
    for _ in range(2):
        client.cmd(256, "00")
        client.cmd(512, "00")
    rig.run()
    client.answers.clear()

    def fail(offset: int, view: memoryview) -> None:
        raise OSError(28, "No space left on device")

    disk.backend.write_from = fail  # type: ignore[method-assign]
    bad, fine = client.write(256, 0, bytes(512)), client.write(512, 0, bytes(512), offset=4096)
    answer = refused(rig, bad, 7, b"\x27\x07")
    assert answer.data_out_res_cnt == 512
    good(rig, fine)
