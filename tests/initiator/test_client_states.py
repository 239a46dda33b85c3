"""The client adapter's table of transitions, taken by itself."""

from __future__ import annotations

import pytest

from initiator_bench import Bench, event
from pysrp import crq, srp
from pysrp.vscsi.client import ACTIONS
from pysrp.vscsi.client_states import QUEUE_WORK, TRANSITIONS, Action, Event, QueueWork, State, diagram

STEPS = [(state, event, step) for state, steps in TRANSITIONS.items() for event, step in steps.items()]
EXCHANGES = {State.ADAPTER_INFO, State.FAST_FAIL, State.CAPABILITIES, State.LOGIN}
WITH_QUEUE = set(State) - {State.CLOSED, *QUEUE_WORK}


def reachable(start: State) -> set[State]:
    found, todo = {start}, [start]
    while todo:
        for step in TRANSITIONS[todo.pop()].values():
            if step.state not in found:
                found.add(step.state)
                todo.append(step.state)
    return found


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS) == set(State)
    for state in State:
        assert reachable(state) == set(State), f"{state} is a trap, or leads into one"


def test_every_event_and_effect_is_used_and_every_effect_carried_out() -> None:
    assert {event for _, event, _ in STEPS} == set(Event)
    assert {action for _, _, step in STEPS for action in step.actions} == set(Action) == set(ACTIONS)


def test_whoever_opens_the_queue_finds_it_closed() -> None:
    """A driver that does what an action says ends in a state that waits for the partner."""
    assert set(QUEUE_WORK.values()) == set(QueueWork)
    for state in State:
        assert (Event.OPENED in TRANSITIONS[state]) == (state not in WITH_QUEUE)


def test_nothing_is_sent_into_a_queue_that_is_not_open() -> None:
    for state, _, step in STEPS:
        if any(action.name.startswith("SEND_") for action in step.actions):
            assert step.state in WITH_QUEUE, state


def test_requests_end_whenever_the_login_does() -> None:
    ending = {Action.END_REQUESTS, Action.REPEAT_REQUESTS, Action.END_ALL}
    for event_, step in TRANSITIONS[State.LOGGED_IN].items():
        assert ending & set(step.actions), event_


def test_what_was_to_be_sent_is_forgotten_whenever_the_partner_is() -> None:
    for state, event_, step in STEPS:
        if {Action.END_REQUESTS, Action.REPEAT_REQUESTS, Action.END_ALL} & set(step.actions):
            assert Action.FORGET_PARTNER in step.actions, (state, event_)


def test_only_a_wish_of_ours_makes_us_close_an_open_queue() -> None:
    """Two partners that close in answer to each other's closing would never stop."""
    for state, event_, step in STEPS:
        if QUEUE_WORK.get(step.state) is QueueWork.RESET:
            assert event_ is Event.RESET, state


def test_every_step_of_the_handshake_sends_and_ends() -> None:
    for state, event_, step in STEPS:
        sends = {Action.SEND_INFO, Action.SEND_FAST_FAIL, Action.SEND_CAPABILITIES, Action.SEND_LOGIN}
        assert (step.state in EXCHANGES) == bool(sends & set(step.actions)), (state, event_)
    for state in State:
        assert (Event.UNDELIVERED in TRANSITIONS[state]) == (state in EXCHANGES)


def test_a_partner_that_begins_anew_is_answered_in_every_state_with_an_open_queue() -> None:
    for state in State:
        step = TRANSITIONS[state].get(Event.INIT)
        assert (step is not None) == (state in WITH_QUEUE)
        assert step is None or Action.SEND_INIT_COMPLETE in step.actions


@pytest.mark.parametrize("code", [crq.TransportEvent.PARTNER_FAILED, crq.TransportEvent.MIGRATED])
def test_events_on_a_queue_that_has_to_be_enabled_change_nothing(code: int) -> None:
    bench = Bench().login()
    command = bench.read()
    bench.sent()
    bench.take(event(crq.TransportEvent.MIGRATED))
    assert bench.take(event(code)) == []
    assert (bench.engine.state, bench.engine.queue_work) == (State.SUSPENDED, QueueWork.ENABLE)
    assert bench.sent() == [], "an INIT would go into a queue that is not enabled"
    bench.grant(bench.at_login())
    assert len(bench.sent()) == 1
    assert not command.ended


def test_commands_wait_again_when_a_server_that_refused_is_gone() -> None:
    bench = Bench()
    login = bench.at_login()
    bench.answer(login.tag, srp.LoginRej.build(tag=login.tag, reason=0x10000))
    refused = bench.read()
    assert bench.ended() == [refused]
    bench.take(event(crq.TransportEvent.PARTNER_FAILED))
    waiting = bench.read()
    assert bench.ended() == []
    bench.sent()
    bench.engine.host_reset()
    bench.grant(bench.at_login())
    assert len(bench.sent()) == 1
    assert not waiting.ended


def test_diagram() -> None:
    lines = diagram().splitlines()
    arrows = [line for line in lines if "->" in line]
    assert len(arrows) == sum(map(len, TRANSITIONS.values()))
    assert '  LOGIN -> LOGGED_IN [label="ACCEPTED\\nlet_go"];' in arrows
