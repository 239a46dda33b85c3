"""Units that answer what no disk should, and old ones: each says one strange thing, and is a plain disk otherwise."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import CheckCondition, DecodeError, ScsiError, SrpError, TransportError
from pysrp.initiator.session import Device, Session
from pysrp.initiator.units import UnitChanged
from pysrp.lun import Lun
from pysrp.scsi import cdb, params
from pysrp.scsi.codes import PersistentReserveOutAction as Out
from pysrp.scsi.codes import Status
from pysrp.scsi.sense import sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.effects import End, Reply, Work, check
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import PATIENCE, until

SIZE = 1 << 20
NO_SUCH_COMMAND = check(sense(5, 0x20, 0x00))
_names = itertools.count()


class Odd(Disk):
    """A disk some of whose commands, by opcode, are answered by a function."""

    def __init__(self) -> None:
        super().__init__(Ram(SIZE), "odd")
        self.says: dict[int, Callable[[bytes], Any]] = {}

    def execute(self, task: Any) -> Any:
        raw = bytes(task.cdb)
        answer = self.says.get(raw[0])
        return super().execute(task) if answer is None else answer(raw)


class Slow(Ram):
    """Work for it is done by another thread."""

    blocking = True


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
def session(odd: Odd) -> Iterator[Session]:
    url = f"local:strange{next(_names)}"
    with Server(url, LunMap([(256, odd)])), Session(url) as session:
        yield session


@pytest.fixture
def device(session: Session) -> Device:
    (device,) = session.scan(channels=[0], ids=[1])
    return device


READ, WRITE, INQUIRY, CAPACITY_10, SERVICE_ACTION_IN, REPORT_LUNS, READY = (
    0x28, 0x2A, 0x12, 0x25, 0x9E, 0xA0, 0x00,
)  # fmt: skip


# Errors that say what happened.


def test_a_status_and_a_cdb_without_a_name(odd: Odd, device: Device) -> None:
    odd.says[0xC7] = lambda raw: End(0x44)
    with pytest.raises(ScsiError, match=r"VENDOR SPECIFIC \(C7h\): status 44h"):
        device.execute(bytes([0xC7, 0, 0, 0, 0, 0]))
    odd.says[READ] = lambda raw: End(0x44)
    with pytest.raises(ScsiError, match="CDB 2800: status 44h"):
        device.execute(bytes([READ, 0]))


@pytest.mark.parametrize("data", [b"\x11", b"\x70", b"\x72\x02"])
def test_sense_data_that_cannot_be_read(odd: Odd, device: Device, data: bytes) -> None:
    """It is shown as it is, and no reason to try again."""
    seen = []

    def say(raw: bytes) -> End:
        seen.append(raw)
        return check(data)

    odd.says[READY] = say
    with pytest.raises(CheckCondition) as error:
        device.session.execute(device.lun, cdb.TestUnitReady.build(), retries=3)
    assert error.value.sense[: len(data)] == data
    assert len(seen) == 1


ABORTED = [
    End(Status.TASK_ABORTED),
    check(sense(0xB, 0x00, 0x06)),
    check(sense(0xB, 0x00, 0x06, fmt="descriptor")),
]
BUSY = [End(Status.BUSY), End(Status.TASK_SET_FULL), check(sense(6, 0x29, 0x00)), check(sense(2, 0x04, 0x01))]


def reserve_out(action: Out) -> Callable[[Device], None]:
    """PERSISTENT RESERVE OUT of this action."""
    parameters = params.PrOutMove.build() if action == Out.REGISTER_AND_MOVE else params.PrOut.build()
    return lambda device: device.persistent_reserve_out(action, parameters)


def compare_and_write(device: Device) -> None:
    raw = cdb.CompareAndWrite.build(number_of_logical_blocks=1)
    device.session.execute(device.lun, raw, data_out=bytes(1024), retries=3)


def read(device: Device) -> None:
    device.read(0)


@pytest.mark.parametrize("answer", [*ABORTED, *BUSY])
@pytest.mark.parametrize(
    ("opcode", "ask", "twice"),
    [
        *((0x5F, reserve_out(one), one == Out.REGISTER_AND_IGNORE_EXISTING_KEY) for one in Out if one <= 7),
        (0x89, compare_and_write, False),
        (READ, read, True),
    ],
)
def test_what_may_be_carried_out_twice(
    odd: Odd, device: Device, opcode: int, ask: Callable[[Device], None], twice: bool, answer: End
) -> None:
    """An abort does not tell whether the command was carried out; BUSY and its like tell that it was not."""
    device.capacity()
    answers = [answer, End(Status.GOOD)]
    odd.says[opcode] = lambda raw: (
        Reply(bytes(512)) if opcode == READ and len(answers) == 1 else answers.pop(0)
    )
    again = twice or answer in BUSY
    if again:
        ask(device)
    else:
        with pytest.raises(ScsiError) as error:
            ask(device)
        assert error.value.status == answer.status
        assert len(answers) == 1


def test_a_result_before_the_end(odd: Odd, device: Device) -> None:
    go = threading.Event()
    odd.says[READY] = lambda raw: Work(Slow(1), go.wait)
    pending = device.session.submit(device.lun, cdb.TestUnitReady.build())
    with pytest.raises(ValueError, match="has not ended"):
        pending.outcome()
    engine = device.session.engine
    credits = engine.credits
    assert engine.pending == 1
    go.set()
    assert pending.result().status == 0
    assert (engine.pending, engine.credits) == (0, credits + 1)


def test_a_buffer_that_cannot_be_filled(device: Device) -> None:
    with pytest.raises(TypeError, match="read-only"):
        device.session.submit(
            device.lun, cdb.Read10.build(transfer_length=1), data_in_length=512, into=memoryview(bytes(512))
        )


def test_a_target_that_refuses_a_function(session: Session, device: Device) -> None:
    with pytest.raises(TransportError, match=r"response code \d+ \(.+\)"):
        session.task_management(TskMgmtFunc.LUN_RESET, Lun.logical_unit(9))
    with pytest.raises(TransportError, match=r"response code 77 \(unknown\)"):
        session._task_outcome(_answered(session, device, 77))


def _answered(session: Session, device: Device, code: int) -> Any:
    request = session._task(TskMgmtFunc.LUN_RESET, device.lun, None, 10.0)
    session.wait(request, PATIENCE)
    request.code = code
    return request


# Capacity.


def test_an_old_unit_that_has_only_read_capacity_10(odd: Odd, device: Device) -> None:
    odd.says[SERVICE_ACTION_IN] = lambda raw: NO_SUCH_COMMAND
    assert tuple(device.capacity()) == (SIZE // 512, 512)


def test_a_unit_that_cannot_say_what_it_is(odd: Odd, device: Device) -> None:
    """Any other error is not taken for an old unit, nor is sense data that cannot be read."""
    odd.says[SERVICE_ACTION_IN] = lambda raw: check(sense(4, 0x44, 0x00))
    with pytest.raises(CheckCondition):
        device.capacity()
    odd.says[SERVICE_ACTION_IN] = lambda raw: check(b"\x13")
    with pytest.raises(CheckCondition):
        device.capacity()


def test_an_old_unit_that_is_too_large_for_read_capacity_10(odd: Odd, session: Session) -> None:
    """SPC-2: (10) first, which says FFFFFFFFh; then (16)."""
    asked = []
    plain = bytes(odd_inquiry(odd))

    def inquiry(raw: bytes) -> Reply:
        data = bytearray(plain)
        data[2] = 4
        return Reply(bytes(data), int.from_bytes(raw[3:5], "big"))

    def small(raw: bytes) -> Reply:
        asked.append(10)
        return Reply(b"\xff\xff\xff\xff" + (512).to_bytes(4, "big"))

    def large(raw: bytes) -> Reply:
        asked.append(16)
        return Reply((1 << 33).to_bytes(8, "big") + (512).to_bytes(4, "big") + bytes(20))

    odd.says |= {INQUIRY: inquiry, CAPACITY_10: small, SERVICE_ACTION_IN: large}
    (device,) = session.scan(channels=[0], ids=[1])
    assert tuple(device.capacity()) == ((1 << 33) + 1, 512)
    assert asked == [10, 16]


def odd_inquiry(odd: Odd) -> Any:
    url = f"local:strange{next(_names)}"
    with Server(url, LunMap([(256, odd)])), Session(url) as session:
        return session.scan(channels=[0], ids=[1])[0].inquiry_data


def test_blocks_of_no_bytes(odd: Odd, device: Device) -> None:
    odd.says[SERVICE_ACTION_IN] = lambda raw: Reply(bytes(32))
    with pytest.raises(DecodeError, match="0 bytes"):
        device.read(0)


def test_blocks_that_are_larger_than_a_command(odd: Odd, device: Device) -> None:
    odd.says[SERVICE_ACTION_IN] = lambda raw: Reply(
        bytes(7) + b"\x09" + (1 << 30).to_bytes(4, "big") + bytes(20)
    )
    with pytest.raises(ValueError, match="one block has"):
        device.read(0)


@pytest.mark.parametrize(("lba", "blocks"), [(-1, 1), ((1 << 64) - 1, 2)])
def test_addresses_that_no_unit_has(device: Device, lba: int, blocks: int) -> None:
    with pytest.raises(ValueError, match="blocks at"):
        device.read(lba, blocks)


def test_other_blocks_just_before_a_long_write(odd: Odd, device: Device) -> None:
    """A write in several commands asks first, where it would run over what it knows to be the end."""
    assert device.capacity().block_size == 512
    odd.says[SERVICE_ACTION_IN] = lambda raw: Reply(
        (99).to_bytes(8, "big") + (4096).to_bytes(4, "big") + bytes(20)
    )
    most = device.session.max_transfer
    with pytest.raises(UnitChanged):
        device.write(SIZE // 512 - 1, bytes(2 * most))


# Data that is short, and nobody says why.


def test_a_read_that_brings_less_without_an_error(odd: Odd, device: Device) -> None:
    device.capacity()
    odd.says[READ] = lambda raw: Reply(bytes(100))
    with pytest.raises(SrpError, match="924 bytes of 1024 were not read, without an error"):
        device.read(0, 2)


def test_a_write_that_takes_less_without_an_error(odd: Odd, device: Device) -> None:
    device.capacity()
    odd.says[WRITE] = lambda raw: End(0)
    with pytest.raises(SrpError, match="512 bytes of 512 were not written, without an error"):
        device.write(0, bytes(512))


# INQUIRY and REPORT LUNS.


def test_a_vpd_page_that_is_longer_than_the_first_question(odd: Odd, device: Device) -> None:
    page = bytes([0, 0xC9, 0x01, 0x40]) + bytes(range(256)) + bytes(64)
    odd.says[INQUIRY] = lambda raw: Reply(page, int.from_bytes(raw[3:5], "big"))
    assert bytes(
        device.execute(
            cdb.Inquiry.build(evpd=True, page_code=0xC9, allocation_length=4), data_in_length=4
        ).data
    )
    assert bytes(device.inquiry(0xC9)) == page


def test_inquiry_data_without_names(odd: Odd, session: Session) -> None:
    odd.says[INQUIRY] = lambda raw: Reply(bytes([0, 0, 6, 2, 4, 0, 0, 0, 0]), int.from_bytes(raw[3:5], "big"))
    (device,) = session.scan(channels=[0], ids=[1])
    assert (device.vendor, device.product, device.revision) == ("", "", "")


@pytest.mark.parametrize("answer", [b"", b"\x00\x00"])
def test_no_inquiry_data_at_all(odd: Odd, session: Session, answer: bytes) -> None:
    odd.says[INQUIRY] = lambda raw: Reply(answer)
    assert session.scan(channels=[0], ids=[1]) == []


def test_inquiry_data_whose_rest_does_not_come(odd: Odd, session: Session) -> None:
    """What came first counts."""

    def inquiry(raw: bytes) -> Any:
        length = int.from_bytes(raw[3:5], "big")
        if length > 36:
            return check(sense(5, 0x24, 0x00))
        return Reply(bytes([0, 0, 6, 2, 91, 0, 0, 2]) + b"ODD     HALF            0001", length)

    odd.says[INQUIRY] = inquiry
    (device,) = session.scan(channels=[0], ids=[1])
    assert (device.vendor, device.product) == ("ODD", "HALF")


class Listing(LunMap):
    """Says that there are other LUNs than there are."""

    luns: list[bytes]
    asked: list[int]

    def report_luns(self, task: Any, per_target: bool = False) -> Reply:
        self.asked.append(int.from_bytes(bytes(task.cdb)[6:10], "big"))
        return Reply((8 * len(self.luns)).to_bytes(4, "big") + bytes(4) + b"".join(self.luns), self.asked[-1])


def test_more_luns_than_the_first_question_has_room_for(odd: Odd) -> None:
    """REPORT LUNS a second time; what Linux cannot take for a LUN of this id is left out."""
    exports = Listing([(256, odd)])
    exports.asked = []
    exports.luns = [bytes([0xFF]) * 8, bytes([0xC1, 0x01, 0x12, 0x34, 0, 0, 0, 1])]
    exports.luns += [bytes([0x81, 0x00]) + bytes(6), bytes([0x82, 0x20]) + bytes(6)]
    exports.luns += [bytes([0x40 | n >> 8, n & 0xFF]) + bytes(6) for n in range(600)]
    url = f"local:strange{next(_names)}"
    with Server(url, exports), Session(url) as session:
        found = session.scan(channels=[0], ids=[1], luns=8)
    assert exports.asked == [4096, 8 + 8 * len(exports.luns)]
    assert [tuple(device.hctl) for device in found] == [(0, 1, 0)]


def test_nothing_at_an_id(session: Session) -> None:
    assert [device.hctl[1] for device in session.scan(channels=[0], ids=[0, 1, 2])] == [1]


def test_a_command_is_asked_for_again_by_another_thread(device: Device) -> None:
    """One session, two threads in turn: nothing of the session belongs to the thread that made it."""
    seen: list[bytes] = []
    thread = threading.Thread(target=lambda: seen.append(device.read(0)))
    thread.start()
    thread.join(PATIENCE)
    assert seen == [device.read(0)]


def test_settings_of_the_server_do_not_matter(odd: Odd) -> None:
    url = f"local:strange{next(_names)}"
    with Server(url, LunMap([(256, odd)]), Settings(require_login=False)), Session(url) as session:
        assert len(session.scan(channels=[0], ids=[1])) == 1


# Units that are busy.


def test_a_busy_unit_is_asked_again_until_the_limit(odd: Odd, device: Device) -> None:
    """The limit is that of all tries together; what the unit said last is the answer."""
    asked = []

    def busy(raw: bytes) -> End:
        asked.append(raw)
        return End(Status.BUSY)

    odd.says[READY] = busy
    with pytest.raises(ScsiError, match="BUSY"):
        device.session.execute(device.lun, cdb.TestUnitReady.build(), retries=1 << 20, timeout=0.3)
    assert len(asked) > 1


def test_a_unit_that_always_attracts_attention(odd: Odd, device: Device) -> None:
    """Each try of a command in blocks asks for the capacity again."""
    device.capacity()
    asked = []

    def attention(raw: bytes) -> End:
        asked.append(raw)
        return check(sense(6, 0x2A, 0x09))

    odd.says[READ] = attention
    with pytest.raises(CheckCondition, match="Capacity data has changed"):
        device.session.execute(
            device.lun,
            cdb.Read10.build(transfer_length=1),
            data_in_length=512,
            block_size=512,
            retries=1 << 20,
            timeout=0.3,
        )
    assert len(asked) > 1


def test_giving_up_what_waits_to_be_asked_again(odd: Odd, device: Device) -> None:
    first = threading.Event()

    def busy(raw: bytes) -> End:
        first.set()
        return End(Status.BUSY)

    odd.says[READY] = busy
    session = device.session
    several = [session.submit(device.lun, cdb.TestUnitReady.build(), retries=1 << 20) for _ in range(3)]
    until(lambda: session.poll() or len(session._delayed) == 3)
    session.give_up(several[1:], SrpError("not wanted any more"))
    for pending in several[1:]:
        with pytest.raises(SrpError, match="not wanted"):
            pending.outcome()
    odd.says.clear()
    assert several[0].result().status == Status.GOOD


def test_registrations_that_say_more_than_they_bring(odd: Odd, device: Device) -> None:
    """ADDITIONAL LENGTH speaks of keys that do not come: it is not asked for ever."""
    asked = []

    def keys(raw: bytes) -> Reply:
        asked.append(raw)
        return Reply(bytes.fromhex("0000000100000008"))

    odd.says[0x5E] = keys
    assert list(device.persistent_reserve_in(0).keys) == []
    assert len(asked) == 1
