"""Logical unit numbers."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp import lun, srp
from pysrp.errors import DecodeError, EncodeError
from pysrp.lun import Lun

EIGHT = st.binary(min_size=8, max_size=8)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (Lun(), "0000000000000000"),
        (Lun.peripheral(5), "0005000000000000"),
        (Lun.peripheral(255, bus=63), "3fff000000000000"),
        (Lun.flat(0), "4000000000000000"),
        (Lun.flat(0x3FFF), "7fff000000000000"),
        (Lun.logical_unit(1), "8100000000000000"),
        (Lun.logical_unit(1, 0, 3), "8103000000000000"),
        (Lun.logical_unit(2, 1, 0), "8220000000000000"),
        (Lun.logical_unit(3, 2, 0), "8340000000000000"),
        (Lun.logical_unit(63, 7, 31), "bfff000000000000"),
        (Lun.extended_flat(0x123456), "d212345600000000"),
        (Lun.extended_flat(0x123456789A), "e2123456789a0000"),
        (lun.REPORT_LUNS, "c101000000000000"),
        (lun.ACCESS_CONTROLS, "c102000000000000"),
        (lun.TARGET_LOG_PAGES, "c103000000000000"),
        (Lun.multi_level(0x0101, 0x4002), "0101400200000000"),
        (Lun.multi_level(Lun.peripheral(1, bus=1), Lun.flat(2), 3, 4), "0101400200030004"),
    ],
)
def test_methods(value: Lun, raw: str) -> None:
    assert bytes(value).hex() == raw == str(value)
    assert Lun(bytes.fromhex(raw)) == value
    assert Lun(int(raw, 16)) == value
    assert int(value) == int(raw, 16)
    assert Lun.from_text(raw) == value
    assert eval(repr(value)) == value


@given(EIGHT)
def test_every_eight_bytes(raw: bytes) -> None:
    value = Lun(raw)
    assert bytes(value) == bytes(memoryview(value)) == raw
    assert int(value) == int.from_bytes(raw, "big")
    assert eval(repr(value)) == value
    assert pickle.loads(pickle.dumps(value)) == value == copy.copy(value)
    assert hash(value) == hash(Lun(raw))
    assert Lun(value) == value
    _ = value.method, value.bus, value.target, value.lun, value.levels


@given(EIGHT, EIGHT)
def test_order_is_that_of_the_bytes(a: bytes, b: bytes) -> None:
    assert (Lun(a) < Lun(b)) == (a < b)
    assert (Lun(a) == Lun(b)) == (a == b)
    assert Lun(a) != a


@pytest.mark.parametrize("method", ["PERIPHERAL", "FLAT", "LUN", 0, lun.AddressMethod.FLAT])
@given(number=st.integers(0, 0x3FFF))
def test_scst_numbers_survive_every_method(method: object, number: int) -> None:
    assert lun.scst_unpack(lun.scst_pack(number, method)) == number  # type: ignore[arg-type]
    assert lun.scst_unpack(bytes(lun.scst_pack(number, method))[:2]) == number  # type: ignore[arg-type]


@pytest.mark.parametrize("method", list(lun.AddressMethod)[:3])
def test_scst_zero_is_zeros(method: lun.AddressMethod) -> None:
    assert bytes(lun.scst_pack(0, method)) == bytes(8)


@pytest.mark.parametrize("k", range(1, 64))
def test_multiples_of_256_are_targets(k: int) -> None:
    value = lun.scst_pack(256 * k, "LUN")
    assert bytes(value) == bytes([0x80 | k]) + bytes(7)
    assert lun.hctl(value) == lun.Hctl(channel=0, id=k, lun=0)
    assert lun.from_hctl(0, k, 0) == value


def test_scst_refuses() -> None:
    for number in (-1, 0x4000):
        with pytest.raises(EncodeError):
            lun.scst_pack(number)
    with pytest.raises(EncodeError):
        lun.scst_pack(1, lun.AddressMethod.EXTENDED)
    with pytest.raises(EncodeError, match="PERIPHERAL, FLAT or LUN"):
        lun.scst_pack(1, "SOMETHING")
    for raw in (b"", b"\0", bytes(3), bytes(9), b"\0\1\0\1\0\0\0\0", bytes(lun.REPORT_LUNS)):
        with pytest.raises(DecodeError):
            lun.scst_unpack(raw)


@given(st.integers(0, (1 << 64) - 1))
def test_linux_integers(value: int) -> None:
    assert lun.scsilun_to_int(lun.int_to_scsilun(value)) == value


def test_linux_example() -> None:
    assert bytes(lun.int_to_scsilun(0x0B03D204)).hex() == "d2040b0300000000"


@given(st.integers(0, 7), st.integers(0, 63), st.integers(0, 31))
def test_hctl(channel: int, id: int, unit: int) -> None:
    assert lun.hctl(lun.from_hctl(channel, id, unit)) == (channel, id, unit)
    assert int(lun.from_hctl(channel, id, unit)) >> 48 == 0x8000 | id << 8 | channel << 5 | unit


def test_refusals() -> None:
    for make in (
        lambda: Lun.peripheral(256),
        lambda: Lun.peripheral(0, bus=64),
        lambda: Lun.flat(1 << 14),
        lambda: Lun.logical_unit(64),
        lambda: Lun.logical_unit(0, 8),
        lambda: Lun.logical_unit(0, 0, 32),
        lambda: Lun.extended_flat(1 << 40),
        lambda: Lun.well_known(-1),
        lambda: Lun.multi_level(),
        lambda: Lun.multi_level(1, 2, 3, 4, 5),
        lambda: Lun(1 << 64),
        lambda: Lun(-1),
        lambda: Lun(b"1234567"),
    ):
        with pytest.raises(EncodeError):
            make()
    for text in ("", "81", "xyz1", "0x", "81000000000000000"):
        with pytest.raises(DecodeError):
            Lun.from_text(text)
    with pytest.raises(DecodeError):
        lun.hctl(Lun.flat(3))
    with pytest.raises(AttributeError):
        Lun().method = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "lun"), [("0:0:1:0", "8100"), ("[0:0:1:0]", "8100"), ("7:3:63:31", "bf7f"), ("10:0:0:0", "8000")]
)
def test_an_address_as_lsscsi_prints_it(text: str, lun: str) -> None:
    assert str(Lun.from_text(text)) == lun.ljust(16, "0")
    assert srp.Cmd.build(lun=text).lun == Lun(text)


def test_four_groups_of_hexadecimal_digits_are_no_address() -> None:
    assert str(Lun.from_text("8100:0000:0000:0000")) == "8100000000000000"


@pytest.mark.parametrize(
    "text", ["0:8:1:0", "0:0:64:0", "0:0:1:32", "0:0:1", "0:0:1:0:0", "0:0:1:x", "1:2:3:"]
)
def test_what_is_no_address_below_ibmvscsi(text: str) -> None:
    with pytest.raises(DecodeError, match="no address|not a LUN"):
        Lun.from_text(text)


@pytest.mark.parametrize("number", [1, 256, 0xFFFF, (1 << 48) - 1])
def test_a_number_is_not_guessed_to_be_a_lun(number: int) -> None:
    for make in (Lun, lambda value: srp.Cmd.build(lun=value)):
        with pytest.raises(EncodeError, match="logical_unit"):
            make(number)
    assert bytes(Lun(0x8100 << 48)) == bytes.fromhex("8100000000000000")
    assert bytes(Lun(0)) == bytes(8)
