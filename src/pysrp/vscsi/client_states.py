"""The states of one VSCSI client adapter, as data (after LoPAR virtual SCSI and ibmvscsi).

This file knows neither queues nor sessions: for each state and event, :data:`TRANSITIONS` has the next state and the
actions, in order. An event that the table does not have in a state is ignored. :func:`diagram` draws it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from pysrp.vscsi.graph import graph

__all__ = ["QUEUE_WORK", "TRANSITIONS", "Action", "Event", "QueueWork", "State", "Step", "diagram"]


class State(Enum):
    """The state of the connection."""

    CLOSED = "the queue is not open"
    WAIT_PARTNER = "waiting for the partner's initialization"
    ADAPTER_INFO = "exchanging adapter info"
    FAST_FAIL = "enabling fast fail"
    CAPABILITIES = "exchanging capabilities"
    LOGIN = "logging in"
    LOGGED_IN = "logged in"
    REJECTED = "rejected by the server"
    RESETTING = "the connection is reset, the queue has to be opened again"
    SUSPENDED = "migrated, the queue has to be enabled"


class QueueWork(Enum):
    """What the driver has to do to the queue; then it calls :meth:`ClientAdapter.opened`."""

    RESET = "H_FREE_CRQ, then H_REG_CRQ"
    ENABLE = "H_ENABLE_CRQ"


QUEUE_WORK = {State.RESETTING: QueueWork.RESET, State.SUSPENDED: QueueWork.ENABLE}
"""The states in which the driver has to do something to the queue."""


class Event(Enum):
    """What happens to a connection."""

    OPENED = "the driver has registered the queue, or enabled it"
    CLOSED = "the queue is closed for good"
    INIT = "the partner's INITIALIZE"
    INIT_COMPLETE = "its answer to ours"
    INFO = "adapter info has been answered: the login comes next"
    INFO_AIX = "… by an AIX, as VIO servers run: capabilities come next"
    INFO_AIX_FAST = "… and fast fail before them"
    ANSWERED = "the step's datagram has been answered, well or not"
    ACCEPTED = "the server lets this client in"
    REFUSED = "it does not"
    UNDELIVERED = "the partner closed its queue before the step's IU was there"
    PARTNER_LOST = "transport event: the partner closed its queue, failed or ended"
    MIGRATED = "transport event 6"
    RESET = "somebody wants the connection reset: nothing else helps"


class Action(Enum):
    """An action of a transition."""

    KEEP_MEMORY = auto()  # do not use the memory again: the target may still write to it
    END_REQUESTS = auto()  # end requests that were sent; those with ``replay`` wait to be sent again
    REPEAT_REQUESTS = auto()  # let requests that were sent wait to be sent again
    END_ALL = auto()  # end all requests, sent or not
    FORGET_PARTNER = auto()  # drop elements to be sent: they were for the old connection
    FORGET_HOST = auto()  # drop the adapter info: a new partner sends its own
    SEND_INIT = auto()
    SEND_INIT_LATER = auto()  # if no INIT follows in the queue, as the partner may be back without one
    SEND_INIT_COMPLETE = auto()
    SEND_INFO = auto()
    SEND_FAST_FAIL = auto()
    SEND_CAPABILITIES = auto()
    SEND_LOGIN = auto()
    LET_GO = auto()  # send the requests that wait
    REFUSE = auto()  # end the requests that wait


class Step(NamedTuple):
    """The next state of a transition, and its actions."""

    state: State
    actions: tuple[Action, ...] = ()


S, V, A = State, Event, Action

_OPENED = Step(S.WAIT_PARTNER, (A.FORGET_PARTNER, A.FORGET_HOST, A.SEND_INIT))
_CLOSED = Step(S.CLOSED, (A.FORGET_PARTNER, A.END_ALL))
_INFO = Step(S.ADAPTER_INFO, (A.SEND_INFO,))
# The partner begins a new connection, in any state. ibmvscsi also answers and starts over in any state, but leaves its
# requests under way, though they will never be answered.
_INIT = Step(S.ADAPTER_INFO, (A.END_REQUESTS, A.FORGET_PARTNER, A.SEND_INIT_COMPLETE, A.SEND_INFO))
# ibmvscsi closes its queue and opens it again. LoPAR lets a client wait for the partner's INIT instead, so that two
# partners do not close in answer to each other's closing. If the partner's INIT was dropped by a full queue, ours asks for it.
_LOST = Step(S.WAIT_PARTNER, (A.END_REQUESTS, A.FORGET_PARTNER, A.FORGET_HOST, A.SEND_INIT_LATER))
# The partner's queue is not closed by this, and its answers go to a disabled queue. ibmvscsi has the block layer send all
# requests again (DID_REQUEUE); so do we.
_MIGRATED = Step(S.SUSPENDED, (A.KEEP_MEMORY, A.REPEAT_REQUESTS, A.FORGET_PARTNER, A.FORGET_HOST))
_RESET = Step(S.RESETTING, (A.KEEP_MEMORY, A.END_REQUESTS, A.FORGET_PARTNER, A.FORGET_HOST))
_UNDELIVERED = Step(S.WAIT_PARTNER, (A.FORGET_HOST,))
_LOGIN = Step(S.LOGIN, (A.SEND_LOGIN,))
_CAPABILITIES = Step(S.CAPABILITIES, (A.SEND_CAPABILITIES,))

_OPEN = {V.CLOSED: _CLOSED, V.INIT: _INIT, V.PARTNER_LOST: _LOST, V.MIGRATED: _MIGRATED, V.RESET: _RESET}
_STEP = {**_OPEN, V.UNDELIVERED: _UNDELIVERED}

TRANSITIONS: dict[State, dict[Event, Step]] = {
    S.CLOSED: {V.OPENED: _OPENED, V.CLOSED: _CLOSED},
    S.WAIT_PARTNER: {**_OPEN, V.INIT_COMPLETE: _INFO},
    # When both INITs cross, the INIT COMPLETE for ours arrives during the handshake. ibmvscsi then sends its adapter info
    # a second time; we ignore it. As in ibmvscsi, the login follows even if the server cannot do one of these steps.
    S.ADAPTER_INFO: {
        **_STEP,
        V.INFO: _LOGIN,
        V.INFO_AIX: _CAPABILITIES,
        V.INFO_AIX_FAST: Step(S.FAST_FAIL, (A.SEND_FAST_FAIL,)),
    },
    S.FAST_FAIL: {**_STEP, V.ANSWERED: _CAPABILITIES},
    S.CAPABILITIES: {**_STEP, V.ANSWERED: _LOGIN},
    S.LOGIN: {**_STEP, V.ACCEPTED: Step(S.LOGGED_IN, (A.LET_GO,)), V.REFUSED: Step(S.REJECTED, (A.REFUSE,))},
    S.LOGGED_IN: _OPEN,
    # No second try, as in ibmvscsi: only the partner's INIT, a transport event or a reset begins a new connection.
    S.REJECTED: _OPEN,
    S.RESETTING: {V.OPENED: _OPENED, V.CLOSED: _CLOSED, V.RESET: _RESET},
    S.SUSPENDED: {V.OPENED: _OPENED, V.CLOSED: _CLOSED, V.RESET: _RESET, V.MIGRATED: _MIGRATED},
}


def diagram() -> str:
    """The machine as a graph in Graphviz' language."""
    return graph("client", TRANSITIONS)
