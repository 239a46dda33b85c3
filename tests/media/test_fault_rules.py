"""Rules of the fault medium as text, and which bytes are in use."""

from __future__ import annotations

import errno
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.errors import ConfigError
from pysrp.media.fault_rules import ACTIONS, Delay, FaultRule, FillLevel
from pysrp.target.medium import FUA, MediumRequest, Operation
from pysrp.text import seconds

READ, WRITE, FLUSH, ZERO, DISCARD, *_ = Operation

BLOCKS = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1000))
TIMES = st.integers(0, 10**6).map(lambda us: us / 1e6)


@st.composite
def rules(draw: st.DrawFn) -> FaultRule:
    """Any rule that can be."""
    action = draw(st.sampled_from(sorted(ACTIONS)))
    words: dict[str, Any] = {
        "operations": frozenset(draw(st.sets(st.sampled_from(sorted(ACTIONS[action].of)))))
    }
    if draw(st.booleans()) and words["operations"] != {FLUSH}:
        words["operations"] -= {FLUSH}
        words["first"], more = draw(BLOCKS)
        words["last"] = words["first"] + more
    words["block"] = draw(st.sampled_from([512, 4096, 520]))
    words["after"] = draw(st.integers(0, 5))
    words["count"] = draw(st.none() | st.integers(1, 5))
    words["probability"] = draw(st.floats(0, 1))
    delays = st.builds(Delay, st.just("constant"), TIMES)
    if action == "error":
        words["errno"] = draw(st.sampled_from([errno.EIO, errno.ENODATA, errno.ENOMEDIUM]))
    elif action == "hang":
        words["delay"] = draw(st.none() | delays)
    elif action == "delay":
        uniform = st.builds(lambda a, b: Delay("uniform", min(a, b), max(a, b)), TIMES, TIMES)
        words["delay"] = draw(delays | uniform | st.builds(Delay, st.just("exponential"), TIMES))
    elif action == "torn":
        words["keep"] = draw(st.none() | st.integers(0, 1 << 30))
    elif action == "misdirected":
        words["by"] = draw(st.none() | st.integers(-(1 << 30), 1 << 30))
    elif action == "no-space":
        words["fill"] = draw(st.sampled_from(["0", "4096", "64M", "0%", "12.5%", "100%"]))
    if ACTIONS[action].waits:
        words["withdraw"] = draw(st.booleans())
    return FaultRule(action, **words)


@given(rules())
def test_text_says_all(rule: FaultRule) -> None:
    text = str(rule)
    assert FaultRule.parse(text) == rule
    assert FaultRule.parse(text.replace(" ", ",")) == rule
    assert FaultRule.parse(f"  {text}\n", block=rule.block) == rule


def test_what_is_meant_where_nothing_is_said() -> None:
    for text, operations in [
        ("error", {READ, WRITE}),
        ("hang", set(Operation)),
        ("delay constant=1s", set(Operation)),
        ("torn", {WRITE}),
        ("lost", {WRITE}),
        ("lying", {FLUSH, WRITE}),
        ("busy lba=3", set(Operation) - {FLUSH}),
        ("lying lba=3", {WRITE}),
    ]:
        assert FaultRule.parse(text).operations == operations
    assert FaultRule.parse("error lba=7", block=4096).bytes == (7 * 4096, 8 * 4096)
    assert FaultRule.parse("error lba=7-9 block=1k", block=4096).bytes == (7 * 1024, 10 * 1024)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no fault is called ''"),
        ("errors", "no fault is called 'errors': error, hang, "),
        ("error op=write+erase", "op=erase: read, write, flush, zero, discard"),
        ("error op=", "error takes, once each: after=, block=, "),
        ("error op", "error takes"),
        ("error lba=1 lba=2", "once each"),
        ("error keep=512", "'keep=512' in 'error keep=512'"),
        ("error lba=x", "lba=x: 'x' is no number"),
        ("error lba=9-3", "blocks 9 to 3"),
        ("error lba=-3", "is no number"),
        ("error op=flush lba=3", "a flush is not about any blocks"),
        ("error count=0", "count=0"),
        ("error block=0", "block=0"),
        ("error after=-1", "is no number"),
        ("error probability=2", "probability=2.0: from 0 to 1"),
        ("error probability=often", "probability=often: from 0 to 1"),
        ("error errno=5", "errno=5: a name such as EIO"),
        ("error errno=errorcode", "a name such as"),
        ("torn op=read", "torn is for write+zero"),
        ("delay", "delay needs constant=, uniform= or exponential="),
        ("delay constant=soon", "'soon' is no time"),
        ("delay constant=999999999h", "is no time"),
        ("delay uniform=5ms", "is no time"),
        ("delay uniform=5ms-1ms", "write uniform=1ms-10ms"),
        ("delay constant=1s exponential=1s", "one distribution"),
        ("hang withdraw=maybe", "yes or no"),
        ("no-space", "no-space needs fill="),
        ("no-space fill=101%", "write fill=90%"),
        ("no-space fill=x%", "write fill=90%"),
        ("no-space fill=x", "no size"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FaultRule.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        {"action": "wrong"},
        {"probability": -1},
        {"block": 0},
        {"first": 1},
        {"first": 2, "last": 1},
        {"after": -1},
    ],
)
def test_what_is_refused_in_python(words: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        FaultRule(**{"action": "error", **words})


def test_times_of_any_length_have_a_text() -> None:
    for value in 1 / 3, 1e-9, 1e9, 0.1 + 0.2:
        text = str(FaultRule("hang", delay=Delay("constant", value)))
        parsed = FaultRule.parse(text).delay
        assert parsed is not None
        assert parsed.low == pytest.approx(value, abs=1e-12)


def test_times() -> None:
    assert [seconds(each) for each in ("30", "30s", "5ms", "200us", "2m", "1h", "1.5ms")] == [
        *(30, 30, 0.005, 200 * 1e-6, 120, 3600, 1.5 * 1e-3)
    ]


def test_distributions() -> None:
    random = Random(1)
    for text, low, mean, high in [
        ("constant=5ms", 0.005, 0.005, 0.005),
        ("uniform=1ms-9ms", 0.001, 0.005, 0.009),
        ("exponential=5ms", 0, 0.005, 1),
        ("exponential=0", 0, 0, 0),
    ]:
        delay = FaultRule.parse(f"delay {text}").delay
        assert delay is not None
        drawn = [delay.draw(random) for _ in range(4000)]
        assert low <= min(drawn) <= max(drawn) <= high
        assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.1)


def test_what_a_rule_is_about() -> None:
    rule = FaultRule.parse("error lba=2-3")
    for offset, length, found in (0, 1024, False), (0, 1025, True), (2047, 1, True), (2048, 9, False):
        assert rule.about(MediumRequest(READ, offset, length)) is found
    assert not rule.about(MediumRequest(ZERO, 1024, 512))
    lying = FaultRule.parse("lying")
    assert lying.about(MediumRequest(FLUSH))
    assert lying.about(MediumRequest(WRITE, 0, 512, flags=FUA))
    assert not lying.about(MediumRequest(WRITE, 0, 512))


SPAN = st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 20))


@given(st.lists(SPAN), SPAN)
def test_a_fill_level_is_a_set_of_bytes(
    steps: list[tuple[bool, int, int]], last: tuple[bool, int, int]
) -> None:
    level, model = FillLevel(), set[int]()
    for take, begin, length in steps:
        span = range(begin, begin + length)
        if take:
            level.take(begin, begin + length)
            model.update(span)
        else:
            level.free(begin, begin + length)
            model.difference_update(span)
        assert level.used == len(model)
        runs = sum(1 for each in model if each - 1 not in model)
        assert len(level._stretches) == runs
    _, begin, length = last
    assert level.new(begin, begin + length) == len(set(range(begin, begin + length)) - model)
