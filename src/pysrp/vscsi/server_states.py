"""The states of one VIO server adapter, as data (after LoPAR virtual SCSI and ibmvscsis).

This file knows neither queues nor sessions: for each state and event, :data:`TRANSITIONS` has the next state and the
actions, in order. An event that the table does not have in a state is ignored. :func:`diagram` draws it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from pysrp.vscsi.graph import graph

__all__ = ["TRANSITIONS", "Action", "Event", "State", "Step", "diagram"]


class State(Enum):
    """The state of an adapter."""

    WAIT_ENABLED = "the queue is closed until an administrator enables the target"
    WAIT_CONNECTION = "the queue is open, the client has not said INIT"
    CLIENT_FAILED = "sending said that the client is gone; what still lies in the queue is of no value"
    CONNECTED = "INIT has been exchanged, the client has not logged in"
    SRP_PROCESSING = "the client is logged in"
    SUSPENDED = "as CONNECTED, while the client's partition is suspended"
    SRP_SUSPENDED = "as SRP_PROCESSING, while the client's partition is suspended"
    MIGRATED = "this partition was suspended or migrated, the queue is being enabled again"
    ERR_DISCONNECT_RECONNECT = "the queue is being closed because of an error, and opened again"
    ERR_DISCONNECT = "the queue is being closed because the target is disabled"
    UNCONFIGURING = "the queue is being closed for good"
    ERR_DISCONNECTED = "the hypervisor refused: only an administrator can help"
    REMOVED = "the end"


class Event(Enum):
    """What happens to an adapter."""

    ENABLE = "the administrator enables the target"
    DISABLE = "… disables it"
    REMOVE = "… removes the adapter"
    RESTART = "… wants the client to begin anew"
    INIT = "the client's INITIALIZE"
    INIT_COMPLETE = "its answer to ours"
    LOGIN = "a login that can be accepted"
    LOGOUT = "SRP_I_LOGOUT"
    VIOLATION = "the client did what the protocol forbids here"
    CLIENT_GONE = "H_CLOSED when sending"
    PARTNER_LOST = "transport event: the client closed its queue, failed or ended"
    MIGRATE = "transport event 6"
    SUSPEND = "transport event 9"
    RESUME = "transport event 10"
    DONE = "the hypervisor call that was under way succeeded"
    FAILED = "it failed"


class Action(Enum):
    """An action of a transition."""

    REGISTER = auto()  # H_REG_CRQ, then INIT if the client is there; the event FAILED if the call fails
    FREE = auto()  # H_FREE_CRQ, repeated while it is busy; then the event DONE or FAILED
    ENABLE_QUEUE = auto()  # H_ENABLE_CRQ, likewise
    SEND_INIT = auto()
    SEND_INIT_COMPLETE = auto()
    END_SESSION = auto()  # abort its tasks without answers: I_T nexus loss
    FORGET_CLIENT = auto()  # drop the adapter info: a new client sends its own
    HOLD = auto()  # keep elements that arrive and elements to be sent
    LET_GO = auto()  # process and send what was kept


class Step(NamedTuple):
    """The next state of a transition, and its actions."""

    state: State
    actions: tuple[Action, ...] = ()


S, E, A = State, Event, Action

# A reset that the client began must not be answered with one of ours: two partners that close in answer to
# each other's closing never stop. So only VIOLATION closes the queue, not PARTNER_LOST.
_LOST = Step(S.WAIT_CONNECTION, (A.END_SESSION, A.FORGET_CLIENT))
_GONE = Step(S.CLIENT_FAILED, (A.END_SESSION, A.FORGET_CLIENT))
# The client's adapter info is kept when we reset the connection: some clients do not send it again.
_VIOLATION = Step(S.ERR_DISCONNECT_RECONNECT, (A.END_SESSION, A.FREE))
_DISABLE = Step(S.ERR_DISCONNECT, (A.END_SESSION, A.FREE))
_REMOVE = Step(S.UNCONFIGURING, (A.END_SESSION, A.FREE))
_MIGRATE = Step(S.MIGRATED, (A.END_SESSION, A.ENABLE_QUEUE))
_RESTART = _VIOLATION

_OPEN: dict[Event, Step] = {
    E.DISABLE: _DISABLE,
    E.REMOVE: _REMOVE,
    E.VIOLATION: _VIOLATION,
    E.CLIENT_GONE: _GONE,
    E.PARTNER_LOST: _LOST,
    E.MIGRATE: _MIGRATE,
}

TRANSITIONS: dict[State, dict[Event, Step]] = {
    S.WAIT_ENABLED: {
        E.ENABLE: Step(S.WAIT_CONNECTION, (A.REGISTER,)),
        E.REMOVE: Step(S.REMOVED),
    },
    S.WAIT_CONNECTION: {
        **_OPEN,
        E.INIT: Step(S.CONNECTED, (A.SEND_INIT_COMPLETE,)),
        E.INIT_COMPLETE: Step(S.CONNECTED),
        E.CLIENT_GONE: Step(S.WAIT_CONNECTION),
        E.FAILED: Step(S.ERR_DISCONNECTED),
    },
    S.CLIENT_FAILED: {
        **_OPEN,
        E.INIT: Step(S.CONNECTED, (A.SEND_INIT_COMPLETE,)),
        E.CLIENT_GONE: Step(S.CLIENT_FAILED),
        E.VIOLATION: Step(S.CLIENT_FAILED),
    },
    S.CONNECTED: {
        **_OPEN,
        E.RESTART: _RESTART,
        # Both sides send INIT when they register, so INIT and INIT COMPLETE can both arrive after the handshake.
        E.INIT: Step(S.CONNECTED, (A.SEND_INIT_COMPLETE,)),
        E.INIT_COMPLETE: Step(S.CONNECTED),
        E.LOGIN: Step(S.SRP_PROCESSING),
        E.SUSPEND: Step(S.SUSPENDED, (A.HOLD,)),
    },
    S.SRP_PROCESSING: {
        **_OPEN,
        E.RESTART: _RESTART,
        E.INIT: _VIOLATION,
        E.INIT_COMPLETE: _VIOLATION,
        E.LOGIN: Step(S.SRP_PROCESSING, (A.END_SESSION,)),
        E.LOGOUT: Step(S.CONNECTED, (A.END_SESSION,)),
        E.SUSPEND: Step(S.SRP_SUSPENDED, (A.HOLD,)),
    },
    S.SUSPENDED: {
        **_OPEN,
        E.RESTART: _RESTART,
        E.RESUME: Step(S.CONNECTED, (A.LET_GO,)),
    },
    S.SRP_SUSPENDED: {
        **_OPEN,
        E.RESTART: _RESTART,
        E.RESUME: Step(S.SRP_PROCESSING, (A.LET_GO,)),
    },
    S.MIGRATED: {
        E.DISABLE: Step(S.ERR_DISCONNECT, (A.FREE,)),
        E.REMOVE: Step(S.UNCONFIGURING, (A.FREE,)),
        E.DONE: Step(S.WAIT_CONNECTION, (A.SEND_INIT,)),
        E.FAILED: Step(S.ERR_DISCONNECT_RECONNECT, (A.FREE,)),
    },
    # While the queue is being closed, DISABLE and REMOVE only change what follows.
    S.ERR_DISCONNECT_RECONNECT: {
        E.DISABLE: Step(S.ERR_DISCONNECT),
        E.REMOVE: Step(S.UNCONFIGURING),
        E.DONE: Step(S.WAIT_CONNECTION, (A.REGISTER,)),
        E.FAILED: Step(S.ERR_DISCONNECTED),
    },
    S.ERR_DISCONNECT: {
        E.ENABLE: Step(S.ERR_DISCONNECT_RECONNECT),
        E.REMOVE: Step(S.UNCONFIGURING),
        E.DONE: Step(S.WAIT_ENABLED, (A.FORGET_CLIENT,)),
        E.FAILED: Step(S.ERR_DISCONNECTED),
    },
    S.UNCONFIGURING: {
        E.DONE: Step(S.REMOVED),
        E.FAILED: Step(S.REMOVED),
    },
    S.ERR_DISCONNECTED: {
        E.DISABLE: Step(S.ERR_DISCONNECT, (A.FREE,)),
        E.REMOVE: Step(S.UNCONFIGURING, (A.FREE,)),
        E.RESTART: Step(S.ERR_DISCONNECT_RECONNECT, (A.FREE,)),
    },
    S.REMOVED: {},
}


def diagram() -> str:
    """The machine as a graph in Graphviz' language."""
    return graph("target", TRANSITIONS)
