"""The states of one VSCSI client adapter, as data (after LoPAR virtual SCSI and ibmvscsi).

This file knows neither queues nor sessions: :data:`TRANSITIONS` says where an event leads and which actions
go with it, in order. What is not in the table is ignored. :func:`diagram` draws it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from pysrp.vscsi.graph import graph

__all__ = ["QUEUE_WORK", "TRANSITIONS", "Action", "Event", "QueueWork", "State", "Step", "diagram"]


class State(Enum):
    """Where the connection stands."""

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
    """What the driver has to do to the queue; then it says that it is open."""

    RESET = "H_FREE_CRQ, then H_REG_CRQ"
    ENABLE = "H_ENABLE_CRQ"


QUEUE_WORK = {State.RESETTING: QueueWork.RESET, State.SUSPENDED: QueueWork.ENABLE}
"""The states that wait for the driver."""


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
    """What goes with a transition."""

    KEEP_MEMORY = auto()  # the target may still write to what it was given
    END_REQUESTS = auto()  # what was sent ends, or waits to be sent again where it says so
    REPEAT_REQUESTS = auto()  # what was sent waits to be sent again
    END_ALL = auto()  # whatever was submitted, sent or not
    FORGET_PARTNER = auto()  # what was to be sent to it is not for the next one
    FORGET_HOST = auto()  # a new one says itself who it is
    SEND_INIT = auto()
    SEND_INIT_LATER = auto()  # when no INIT lies behind, in case the partner is back silently
    SEND_INIT_COMPLETE = auto()
    SEND_INFO = auto()
    SEND_FAST_FAIL = auto()
    SEND_CAPABILITIES = auto()
    SEND_LOGIN = auto()
    LET_GO = auto()  # of what waits
    REFUSE = auto()  # what waits


class Step(NamedTuple):
    """Where a transition leads, and what goes with it."""

    state: State
    actions: tuple[Action, ...] = ()


S, V, A = State, Event, Action

_OPENED = Step(S.WAIT_PARTNER, (A.FORGET_PARTNER, A.FORGET_HOST, A.SEND_INIT))
_CLOSED = Step(S.CLOSED, (A.FORGET_PARTNER, A.END_ALL))
_INFO = Step(S.ADAPTER_INFO, (A.SEND_INFO,))
# A new connection of the partner's, whatever was before. ibmvscsi answers and starts over in any state, too; the
# requests that it leaves hanging would never be answered.
_INIT = Step(S.ADAPTER_INFO, (A.END_REQUESTS, A.FORGET_PARTNER, A.SEND_INIT_COMPLETE, A.SEND_INFO))
# ibmvscsi closes its queue and opens it again. LoPAR lets a client wait for the partner's INIT instead, which cannot
# set off a partner that does the same. Should the partner be back without one (it was dropped by a full queue), we ask.
_LOST = Step(S.WAIT_PARTNER, (A.END_REQUESTS, A.FORGET_PARTNER, A.FORGET_HOST, A.SEND_INIT_LATER))
# The partner's queue is not closed by this: what it has got it would answer to a disabled queue. ibmvscsi asks the
# block layer for all of it again (DID_REQUEUE); so do we.
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
    # After crossing INITs the answer to ours comes when the sequence runs already. ibmvscsi then sends its adapter info
    # a second time; once is enough. None of these steps keeps ibmvscsi from logging in, if the server cannot do it.
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
    # No second try, as in ibmvscsi: the partner's INIT, a transport event or a reset begin anew.
    S.REJECTED: _OPEN,
    S.RESETTING: {V.OPENED: _OPENED, V.CLOSED: _CLOSED, V.RESET: _RESET},
    S.SUSPENDED: {V.OPENED: _OPENED, V.CLOSED: _CLOSED, V.RESET: _RESET, V.MIGRATED: _MIGRATED},
}


def diagram() -> str:
    """The machine as a graph in Graphviz' language."""
    return graph("client", TRANSITIONS)
