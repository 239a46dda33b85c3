"""Every structure against the second description in reference.py, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from pysrp import crq, mad, srp
from pysrp.fields import View

CLASSES = {
    name: getattr(next(module for module in (srp, mad, crq) if hasattr(module, name)), name)
    for name in reference.STRUCTURES
}


def plain(value: object) -> object:
    """A field's value as struct gives it."""
    if isinstance(value, int):
        return int(value)
    return bytes(value)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", reference.STRUCTURES)
@given(data=st.data())
def test_decode_equals_reference(name: str, data: st.DataObject) -> None:
    cls = CLASSES[name]
    raw = data.draw(st.binary(min_size=reference.STRUCTURES[name][0], max_size=600))
    view = cls(raw)
    for field, value in reference.unpack(name, raw).items():
        assert plain(view.raw(field) if isinstance(value, bytes) else getattr(view, field)) == value, field


@pytest.mark.parametrize("name", reference.STRUCTURES)
@given(data=st.data())
def test_build_equals_reference(name: str, data: st.DataObject) -> None:
    cls = CLASSES[name]
    raw = data.draw(st.binary(min_size=reference.STRUCTURES[name][0], max_size=reference.STRUCTURES[name][0]))
    values = reference.unpack(name, raw)
    assert bytes(cls.build(**values))[: reference.STRUCTURES[name][0]] == reference.pack(name, values)


@pytest.mark.parametrize("name", reference.STRUCTURES)
@given(data=st.data())
def test_every_field_in_place(name: str, data: st.DataObject) -> None:
    cls = CLASSES[name]
    size = reference.STRUCTURES[name][0]
    memory = bytearray(data.draw(st.binary(min_size=size, max_size=size)))
    wanted = reference.unpack(name, data.draw(st.binary(min_size=size, max_size=size)))
    view = cls(memory)
    for field, value in wanted.items():
        setattr(view, field, value)
        assert reference.unpack(name, memory)[field] == value


@pytest.mark.parametrize("name", reference.STRUCTURES)
@given(raw=st.binary(max_size=600))
def test_fields_rebuild_the_bytes(name: str, raw: bytes) -> None:
    cls = CLASSES[name]
    if len(raw) < cls.SIZE:
        return
    view: View = cls(raw)
    assert bytes(cls.build(**view.to_dict())) == raw


@pytest.mark.parametrize(("name", "code"), reference.CODES.items())
def test_codes(name: str, code: int) -> None:
    size = reference.STRUCTURES[name][0]
    if hasattr(srp, name):
        assert type(srp.parse(bytes([code]) + bytes(size))) is CLASSES[name]
        assert CLASSES[name].build().opcode == code
    else:
        assert type(mad.parse(bytes([0, 0, 0, code]) + bytes(size))) is CLASSES[name]
        assert CLASSES[name].build().type == code


def test_sizes() -> None:
    optional = {
        "EmptyIu",
        "ErrorLog",
        "AdapterInfo",
        "HostConfig",
        "Capabilities",
        "PhysAdapterInfo",
        "TapePassthrough",
    }
    for name, (size, _) in reference.STRUCTURES.items():
        assert size if name not in optional else CLASSES[name].SIZE == 16, name
