"""pysrp.fuzz: what it makes is valid, what it bends is bent, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given

from pysrp import crq, fuzz, mad, scsi, srp
from pysrp.errors import DecodeError
from pysrp.fields import Int, Raw, Structure, View
from pysrp.fuzz import strategies

sys.path.insert(0, str(Path(__file__).parents[2] / "fuzz"))
import invariant  # noqa: E402
import targets  # noqa: E402

CLASSES: list[type[Structure]] = [
    *srp.iu.classes(),
    *mad.mads.classes(),
    crq.Element,
    mad.CapabilitiesData,
    mad.AdapterInfoData,
    *scsi.commands.classes(),
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_valid_is_valid_and_reproducible(cls: type[Structure]) -> None:
    for seed in range(20):
        made = fuzz.valid(cls, Random(seed))
        assert type(made) is cls
        assert made.problems() == []
        assert made == fuzz.valid(cls, Random(seed))
    assert len({bytes(fuzz.valid(cls, Random(seed))) for seed in range(20)}) > 1


class Zeros(Random):
    """What Hypothesis gives for chance when it looks for the simplest case."""

    def random(self) -> float:
        return 0.0

    def getrandbits(self, k: int, /) -> int:
        return 0


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_valid_without_chance(cls: type[Structure]) -> None:
    made = fuzz.valid(cls, Zeros())
    assert type(made) is cls
    assert made.problems() == []


def test_valid_commands_have_every_kind_of_descriptor() -> None:
    kinds = {type(fuzz.valid(srp.Cmd, Random(seed)).data_in) for seed in range(200)}
    assert kinds == {type(None), srp.DirectBuf, srp.IndirectBuf}


def test_bends_change_one_thing() -> None:
    cmd = srp.Cmd.build(tag=5, cdb=bytes(range(16)), data_in=[(0x1000, 512), (0x2000, 512)])
    bends = list(fuzz.bends(cmd))
    fields = {f.name for f in srp.Cmd.FIELDS if isinstance(f, Int)}
    assert fields <= {b.field for b in bends}
    assert "data_in.table_desc.len" in {b.field for b in bends}
    for bend in bends:
        if not bend.field:
            assert bytes(cmd).startswith(bend.data)
            continue
        assert len(bend.data) == len(cmd)
        changed = [i for i, (a, b) in enumerate(zip(bytes(cmd), bend.data, strict=True)) if a != b]
        top = bend.field.split(".")[0]
        offset, length = cmd.locate(top)
        assert all(offset <= i < offset + length for i in changed), bend
    lies = {b.value for b in bends if b.field == "data_in_desc_cnt"}
    assert {0, 1, 3, 127, 128, 254, 255} <= lies


def test_boundaries() -> None:
    tag = srp.Cmd.tag
    assert {0, 1, 2**64 - 1, 2**63, 2**63 - 1, 41, 43} <= set(fuzz.boundaries(tag, 42))
    delta = srp.Rsp.req_lim_delta
    assert {-(2**31), 2**31 - 1, -1, 0, 1} <= set(fuzz.boundaries(delta, 0))
    assert set(fuzz.boundaries(srp.Cmd.task_attr)) <= set(range(8))


def test_mutator_is_reproducible_and_thorough() -> None:
    cmd = fuzz.valid(srp.Cmd, Random(3))
    rsp = fuzz.valid(srp.Rsp, Random(4))
    first = [fuzz.Mutator(7).mutate(cmd, rsp) for _ in range(1)]
    assert first == [fuzz.Mutator(7).mutate(cmd, rsp)]
    mutator = fuzz.Mutator(1)
    made = [mutator.mutate(cmd, rsp) for _ in range(3000)]
    assert len(set(made)) > 2000
    assert {len(m) < len(cmd) for m in made} == {len(m) > len(cmd) for m in made} == {True, False}
    touched = {
        i
        for m in made
        if len(m) == len(cmd)
        for i, (a, b) in enumerate(zip(bytes(cmd), m, strict=True))
        if a != b
    }
    assert touched == set(range(len(cmd)))


def test_a_seed_means_the_same_everywhere() -> None:
    """SplitMix64 with a seed of 64 bits; who changes what becomes of its numbers changes what seeds mean."""
    cmd = srp.Cmd.build(tag=1)
    mutator = fuzz.Mutator(1)
    found = hashlib.sha256(b"".join(mutator.mutate(cmd) for _ in range(1000))).hexdigest()
    assert found.startswith("6e051f2c90fbdc5f20b51f0c4ec63170")
    assert fuzz.Mutator(2**64 + 1).mutate(cmd) == fuzz.Mutator(1).mutate(cmd)
    assert fuzz.Mutator(-1).mutate(cmd) == fuzz.Mutator(2**64 - 1).mutate(cmd)
    assert fuzz.Mutator(Random(5)).mutate(cmd) == fuzz.Mutator(Random(5).getrandbits(64)).mutate(cmd)


def test_mutator_with_much_and_little() -> None:
    """Results larger than what is at hand, nothing at all, no integer field, and numbers of changes that are none."""

    class Opaque(Structure):
        __slots__ = ()
        data = Raw(0, 4)

    mutator = fuzz.Mutator(3)
    large = scsi.Cdb(bytes(range(256)) * 40)
    lengths = {len(mutator.mutate(large, changes=9)) for _ in range(300)}
    assert max(lengths) > len(large) > min(lengths)
    assert {len(mutator.mutate(Opaque(bytes(4)))) for _ in range(300)} >= {0, 3, 4, 5, 36}
    assert b"long" in {mutator.mutate(Opaque(bytes(4)), b"\0\0long")[2:6] for _ in range(300)}
    assert len(mutator.mutate(Opaque(bytes(4)), b"", changes=100)) >= 0
    cut = srp.Cmd.build(tag=1).copy()
    assert {len(mutator.mutate(cut, changes=1)) for _ in range(100)} >= {48}
    with pytest.raises(ValueError, match="1 to 1048576"):
        mutator.mutate(cut, changes=0)
    with pytest.raises(ValueError, match="1 to 1048576"):
        mutator.mutate(cut, changes=1 << 21)
    with pytest.raises(TypeError):
        mutator.mutate(b"no view")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        mutator.mutate(cut, 3)  # type: ignore[arg-type]


class Lying(list[Any]):
    """It is longer than it says."""

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    "fields",
    [Lying([(srp.Cmd.opcode, [1])] * 100), [(srp.Cmd.opcode, Lying([1] * 100))]],
    ids=["fields", "values"],
)
def test_what_a_mutator_is_told_of_fields_may_be_longer_than_it_says(fields: list[Any]) -> None:
    class Odd(fuzz.Mutator):
        def _integers(self, cls: Any) -> Any:
            return fields

    assert {Odd(seed).mutate(srp.Cmd(bytes(48)), changes=1)[:1] for seed in range(20)} > {b"\1"}


def test_what_is_no_field_is_not_aimed_at() -> None:
    class Odd(fuzz.Mutator):
        def _integers(self, cls: Any) -> Any:
            return [(None, [1])]

    with pytest.raises(TypeError, match="None is no integer field"):
        Odd(1).mutate(srp.Cmd(bytes(48)))


@pytest.mark.parametrize(
    "field", [srp.Rsp.req_lim_delta, srp.Cmd.task_attr, srp.Cmd.tag], ids=lambda field: field.name
)
def test_aimed_values_are_those_at_which_programs_break(field: Int) -> None:
    """And whatever fits it, unless it is signed; nothing beside it is changed."""

    class Only(fuzz.Mutator):
        def _integers(self, cls: type[View]) -> list[tuple[Int, list[int]]]:
            return [(field, fuzz.boundaries(field))]

    mutator, seen, every = Only(9), set(), (1 << field.width) - 1
    for _ in range(4000):
        changed = bytearray(mutator.mutate(srp.Cmd(bytes(48)), changes=1))
        inside = int.from_bytes(changed[field.offset : field.offset + field.size], "big")
        changed[field.offset : field.offset + field.size] = bytes(field.size)
        if changed == bytes(48) and not inside & ~(every << field.shift):
            seen.add(inside >> field.shift)
    assert {value & every for value in fuzz.boundaries(field)} <= seen


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_invariant_holds_for_the_corpus_and_its_bends(name: str) -> None:
    parse = targets.TARGETS[name]
    rng = Random(name)
    seen = 0
    for data in sorted(set(targets.corpus(name)))[:60]:
        invariant.check(parse, data)
        for _ in range(10):
            bent = bytearray(data)
            for _ in range(rng.randrange(1, 4)):
                if bent:
                    bent[rng.randrange(len(bent))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.getrandbits(8)])
            invariant.check(
                parse, bytes(bent[: rng.randrange(len(bent) + 1)] if rng.random() < 0.3 else bent)
            )
        seen += 1
    assert seen or name in ("lun", "error_log")


def test_the_invariant_can_fail() -> None:
    class Liar(srp.Rsp):
        __slots__ = ()

        def to_dict(self) -> dict[str, object]:
            return {}

    with pytest.raises(AssertionError):
        invariant.check(Liar, bytes(srp.Rsp.build(tag=1)))


@given(strategies.bent(srp.iu))
def test_bent_ius(data: bytes) -> None:
    invariant.check(srp.parse, data)


@given(strategies.raw(mad.mads))
def test_raw_datagrams(data: bytes) -> None:
    invariant.check(mad.parse, data)


@given(strategies.structures(scsi.commands))
def test_valid_commands_parse_to_themselves(cdb: scsi.Cdb) -> None:
    try:
        again = scsi.parse_cdb(bytes(cdb))
    except DecodeError:
        pytest.fail("a valid CDB did not parse")
    assert type(again) is type(cdb)
    assert again == cdb.trim()


def test_every_parser_has_a_fuzz_target() -> None:
    files = {path.stem.removeprefix("fuzz_") for path in Path(targets.__file__).parent.glob("fuzz_*.py")}
    assert files == set(targets.TARGETS)


def test_parsers_are_given_memory_that_ends_with_the_input() -> None:
    """A byte behind it is a 0 in bytes and bytearray, where the sanitizers see nothing wrong in reading it."""
    seen: list[Any] = []

    def parse(data: Any) -> View:
        seen.append(data)
        return srp.parse(data)

    iu = bytes(srp.Cmd.build(tag=1, lun="8100"))
    invariant.check(parse, iu)
    arrays = [seen[0].obj, seen[1]]
    assert [type(each).__name__ for each in arrays] == ["array", "array"]
    assert seen[0].readonly
    for each in arrays:
        assert each.tobytes() == iu
        assert each.__sizeof__() == type(each)("B").__sizeof__() + len(iu)
