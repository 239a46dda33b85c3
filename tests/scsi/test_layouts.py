"""Every class of parameter data, sense data, pages and log pages: its fields against the standard's table, and any bytes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import test_inquiry
import test_log_pages
import test_mode
import test_params
import test_sense
from layouts import check_table, check_view, classes_of, noise, size_of
from pysrp.errors import TruncatedError
from pysrp.fields import Structure
from pysrp.scsi import inquiry, log, mode, params, sense

TABLES: dict[ModuleType, dict[str, str]] = {
    inquiry: test_inquiry.TABLES,
    log: test_log_pages.TABLES,
    mode: test_mode.TABLES,
    params: test_params.TABLES,
    sense: test_sense.TABLES,
}
NO_TABLE = {params: {"SetTargetPortGroups"}}
EVERY = [pytest.param(module, name, id=name) for module, tables in TABLES.items() for name in tables]
CLASSES: list[Any] = [cls for module in TABLES for cls in classes_of(module)]


@pytest.mark.parametrize("module", TABLES)
def test_every_class_has_a_table(module: ModuleType) -> None:
    assert {c.__name__ for c in classes_of(module)} == set(TABLES[module]) | NO_TABLE.get(module, set())


@pytest.mark.parametrize(("module", "name"), EVERY)
@settings(max_examples=25)
@given(data=st.data())
def test_fields_are_where_the_standard_has_them(module: ModuleType, name: str, data: st.DataObject) -> None:
    table = TABLES[module][name]
    size = size_of(table)
    check_table(getattr(module, name), table, data.draw(st.binary(min_size=size, max_size=size)))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
@settings(max_examples=60)
@given(data=noise)
def test_any_bytes_give_a_view_or_an_error(cls: type[Structure], data: bytes) -> None:
    try:
        view = cls(data)
    except TruncatedError:
        assert len(data) < cls.SIZE
        return
    check_view(view)
