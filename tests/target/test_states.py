"""The table of transitions, taken by itself."""

from __future__ import annotations

from pysrp.vscsi.server import ACTIONS, DEAF
from pysrp.vscsi.server_states import TRANSITIONS, Action, Event, State, diagram

OPEN = {state for state, steps in TRANSITIONS.items() if Event.PARTNER_LOST in steps}


def reachable(start: State) -> set[State]:
    found, todo = {start}, [start]
    while todo:
        for step in TRANSITIONS[todo.pop()].values():
            if step.state not in found:
                found.add(step.state)
                todo.append(step.state)
    return found


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS) == set(State) == reachable(State.WAIT_ENABLED)
    for state in State:
        assert State.REMOVED in reachable(state), f"{state} is a trap"


def test_every_action_is_known_to_the_engine_and_used() -> None:
    used = {action for steps in TRANSITIONS.values() for step in steps.values() for action in step.actions}
    assert used == set(Action) == set(ACTIONS)


def test_the_queue_is_looked_at_in_the_states_in_which_it_is_open() -> None:
    assert set(State) - set(DEAF) == OPEN


def test_a_session_ends_whenever_its_state_does() -> None:
    with_session = {State.SRP_PROCESSING, State.SRP_SUSPENDED}
    for state in with_session:
        for event, step in TRANSITIONS[state].items():
            assert step.state in with_session or Action.END_SESSION in step.actions, (state, event)


def test_only_an_error_of_the_client_or_the_administrator_makes_us_close_an_open_queue() -> None:
    """Two partners that close in answer to each other's closing would never stop."""
    for state in OPEN:
        for event, step in TRANSITIONS[state].items():
            if Action.FREE in step.actions:
                assert event in (
                    Event.VIOLATION,
                    Event.DISABLE,
                    Event.REMOVE,
                    Event.RESTART,
                    Event.INIT,
                    Event.INIT_COMPLETE,
                )
        assert Action.FREE not in TRANSITIONS[state][Event.PARTNER_LOST].actions


def test_the_queue_is_freed_once_and_not_forgotten() -> None:
    freeing = {State.ERR_DISCONNECT_RECONNECT, State.ERR_DISCONNECT, State.UNCONFIGURING}
    for state, steps in TRANSITIONS.items():
        for event, step in steps.items():
            if step.state in freeing and state not in freeing:
                assert Action.FREE in step.actions, (state, event)
            if state in freeing and step.state in freeing:
                assert Action.FREE not in step.actions, (state, event)


def test_diagram() -> None:
    lines = diagram().splitlines()
    arrows = [line for line in lines if "->" in line]
    assert len(arrows) == sum(map(len, TRANSITIONS.values()))
    assert '  CONNECTED -> SRP_PROCESSING [label="LOGIN"];' in arrows
