"""Queue elements and the ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pysrp import crq
from pysrp.errors import DecodeError, QueueFull, TruncatedError


def test_elements_as_they_were_captured() -> None:
    assert bytes(crq.Element.init()).hex() == "c0010000000000000000000000000000"
    assert bytes(crq.Element.init_complete()).hex() == "c0020000000000000000000000000000"
    assert bytes(crq.Element.mad(0xC010100, 256, timeout=30)).hex() == "80020000001e0100000000000c010100"
    assert bytes(crq.Element.srp(0xC010200, 256, timeout=60)).hex() == "80010000003c0100000000000c010200"
    answer = crq.parse(bytes.fromhex("8001000000000024b0a3f803000000c0"))
    assert answer.tag == 0xB0A3F803000000C0
    assert answer.IU_length == 36


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("c001", crq.InitFormat.INIT),
        ("c002", crq.InitFormat.INIT_COMPLETE),
        ("c003", None),
        ("8001", crq.Format.SRP),
        ("8002", crq.Format.MAD),
        ("8007", None),
        ("ff01", crq.TransportEvent.PARTNER_FAILED),
        ("ff02", crq.TransportEvent.PARTNER_DEREGISTERED),
        ("ff06", crq.TransportEvent.MIGRATED),
        ("ff07", None),
        ("0001", None),
        ("8101", None),
    ],
)
def test_kind(raw: str, kind: object) -> None:
    assert crq.parse(bytes.fromhex(raw).ljust(16, b"\0")).kind is kind


@pytest.mark.parametrize("position", [2, 3])
@pytest.mark.parametrize("code", list(crq.PingCode))
def test_ping_code_at_either_place(position: int, code: crq.PingCode) -> None:
    raw = bytearray(16)
    raw[0], raw[1], raw[position] = 0x80, 6, code
    element = crq.parse(raw)
    assert element.ping_code is code
    assert element.problems() == []


def test_ping_is_written_where_drivers_write_it() -> None:
    assert bytes(crq.Element.ping())[:4].hex() == "800600f5"
    assert crq.Element.srp(1, 2).ping_code is None


def test_problems() -> None:
    assert [p.field for p in crq.parse(b"\x81" + bytes(15)).problems()] == ["valid"]
    assert [p.field for p in crq.parse(b"\x80\x09" + bytes(14)).problems()] == ["format"]
    assert [p.field for p in crq.parse(b"\x80\x01\x07" + bytes(13)).problems()] == ["reserved"]
    with pytest.raises(TruncatedError):
        crq.parse(bytes(15))


def test_ring_wraps_and_refuses_when_full() -> None:
    memory = bytearray(4096)
    producer, consumer = crq.Ring(memory), crq.Ring(memory)
    for lap in range(3):
        for i in range(256):
            producer.produce(bytes(crq.Element.srp(lap << 16 | i, 64)))
        with pytest.raises(QueueFull):
            producer.produce(bytes(crq.Element.init()))
        assert consumer.peek() == 256
        taken = crq.elements(consumer.take())
        assert [e.IU_data_ptr for e in taken] == [lap << 16 | i for i in range(256)]
        assert consumer.consume() is None
    assert not any(memory[0::16])


def test_taken_elements_are_copies() -> None:
    memory = bytearray(64)
    crq.Ring(memory).produce(bytes(crq.Element.srp(1, 2)))
    taken = crq.Ring(memory).take()
    memory[:] = b"\xff" * 64
    assert crq.elements(taken)[0].IU_data_ptr == 1


def test_columns_of_a_batch() -> None:
    batch = b"".join(bytes(crq.Element.srp(i, 64 + i, timeout=i)) for i in range(256))
    columns = crq.Element.columns(batch, 16, ["IU_data_ptr", "IU_length", "timeout"])
    assert list(columns["IU_data_ptr"]) == list(range(256))
    assert list(columns["IU_length"]) == [64 + i for i in range(256)]
    assert columns["timeout"].format == "H"


def test_ring_refuses() -> None:
    for size in (0, 15, 17):
        with pytest.raises(DecodeError):
            crq.Ring(bytearray(size))
    with pytest.raises(IndexError):
        crq.Ring(bytearray(32), 2)
    with pytest.raises(BufferError):
        crq.Ring(bytes(32))
    ring = crq.Ring(bytearray(32))
    with pytest.raises(DecodeError):
        ring.produce(bytes(15))
    with pytest.raises(DecodeError, match="free slot"):
        ring.produce(bytes(16))
    with pytest.raises(DecodeError):
        crq.elements(bytes(17))


class RingMachine(RuleBasedStateMachine):
    """Two cursors over one ring against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = bytearray(16 * 5)
        self.producer, self.consumer = crq.Ring(self.memory), crq.Ring(self.memory)
        self.model: list[bytes] = []
        self.count = 0

    @rule()
    def produce(self) -> None:
        self.count += 1
        element = bytes(crq.Element.srp(self.count, self.count & 0xFFFF))
        if len(self.model) == 5:
            with pytest.raises(QueueFull):
                self.producer.produce(element)
        else:
            self.producer.produce(element)
            self.model.append(element)

    @rule(most=st.integers(-1, 7))
    def take(self, most: int) -> None:
        expected = self.model[: 5 if most < 0 else most]
        del self.model[: len(expected)]
        assert self.consumer.take(most) == b"".join(expected)

    @invariant()
    def ready(self) -> None:
        assert self.consumer.peek() == len(self.model)


TestRing = RingMachine.TestCase


@given(st.binary(max_size=40))
def test_a_view_or_a_decode_error(raw: bytes) -> None:
    try:
        element = crq.parse(raw)
    except DecodeError:
        assert len(raw) < 16
        return
    _ = element.kind, element.ping_code, element.show(), element.problems()
    assert bytes(crq.Element.build(**element.to_dict())) == raw
