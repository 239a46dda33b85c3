"""PERSISTENT RESERVE IN and PERSISTENT RESERVE OUT (SPC-5, 6.16 and 6.17)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import (
    PersistentReserveInAction,
    PersistentReserveOutAction,
    PersistentReserveScope,
    PersistentReserveType,
    ProtocolIdentifier,
    SenseKey,
)
from pysrp.scsi.params import (
    FullStatus,
    PrFullStatus,
    PrKeys,
    PrOut,
    PrOutMove,
    PrReservation,
    ReportCapabilities,
    SrpTransportId,
)
from pysrp.target.effects import GOOD, AbortTasks, Effect, Fetch, Reply, Work
from pysrp.target.fault import Fault
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import Attention, SenseCode, invalid, short, unfit
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.persistent import (
    ALL_PORTS,
    MOST,
    TYPES,
    Outcome,
    Persistent,
    Registrant,
    SharedStore,
)
from pysrp.target.units.reservations import conflict

__all__ = ["PersistentCommands"]

log: logging.Logger = logging.getLogger("pysrp.target")

In: TypeAlias = PersistentReserveInAction
Out: TypeAlias = PersistentReserveOutAction

TRANSPORT_ID = SrpTransportId.SIZE
HEADER = PrOut.SIZE
LISTED = HEADER + 4
"""The offset of the TransportIDs of SPEC_I_PT in the parameter list."""

LONGEST = LISTED + MOST * TRANSPORT_ID
"""Bytes of the longest parameter list that can be carried out."""

ALLOW_TEST_UNIT_READY_AND_MODE_SENSE = 3
"""ALLOW COMMANDS: these are allowed, as the command table has it (SPC-5, 6.16.4)."""

Decide = Callable[[Persistent, Registrant, cdbs.PersistentReserveOut, bytes], Outcome]


class PersistentCommands(UnitBase):
    """PERSISTENT RESERVE IN, PERSISTENT RESERVE OUT."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if isinstance(self._store, SharedStore):
            self._store.follow(self._taken_over)

    def _taken_over(self, found: Persistent | None) -> None:
        """This server owns a shared store now: put the state in it into force. From any thread."""
        with self._registering, self._changing():
            before, self._persistent, self._stale = self._persistent, found or Persistent(), False
            for registrant in before.keys.keys() - self._persistent.keys.keys():
                gone = [nexus for nexus in self._nexuses if registrant.covers(nexus)]
                self._establish(Attention.REGISTRATIONS_PREEMPTED, gone)

    @property
    def persistent(self) -> Persistent:
        """The persistent reservation and the registrations in force now."""
        return self._persistent

    # In. All of them conflict with RESERVE, even the holder's own (SPC-2, 5.5.1).

    def _registrations(self) -> Persistent:
        if isinstance(self._store, SharedStore) and self._store.away:
            raise Fault(SenseKey.NOT_READY, SenseCode.PORT_IN_STANDBY)
        with self._lock:
            if self._reservation.holder is not None:
                raise conflict()
            return self._persistent

    @command(cdbs.PersistentReserveIn, actions=[In.READ_KEYS], conflicts=Conflict.RESERVE)
    def read_keys(self, task: Task, cdb: cdbs.PersistentReserveIn) -> Effect:
        """READ KEYS: the keys of all registrants, in the order in which they registered."""
        state = self._registrations()
        data = PrKeys.build(prgeneration=state.generation, keys=state.keys.values())
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.PersistentReserveIn, actions=[In.READ_RESERVATION], conflicts=Conflict.RESERVE)
    def read_reservation(self, task: Task, cdb: cdbs.PersistentReserveIn) -> Effect:
        """READ RESERVATION: the holder's key and the type; the key is 0 where all registrants hold it."""
        state = self._registrations()
        found = []
        if state.type is not None:
            key = 0 if state.holder is None else state.keys[state.holder]
            found = [{"reservation_key": key, "type": state.type}]
        data = PrReservation.build(prgeneration=state.generation, reservations=found)
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.PersistentReserveIn, actions=[In.REPORT_CAPABILITIES], conflicts=Conflict.RESERVE)
    def report_capabilities(self, task: Task, cdb: cdbs.PersistentReserveIn) -> Effect:
        """REPORT CAPABILITIES: all but REPLACE LOST RESERVATION, as a unit that has lost its reservations is not made."""
        data = ReportCapabilities.build(
            crh=True,
            sip_c=True,
            atp_c=True,
            ptpl_c=self._store.durable,
            tmv=True,
            allow_commands=ALLOW_TEST_UNIT_READY_AND_MODE_SENSE,
            ptpl_a=self._registrations().kept,
            wr_ex_ar=True,
            ex_ac_ro=True,
            wr_ex_ro=True,
            ex_ac=True,
            wr_ex=True,
            ex_ac_ar=True,
        )
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.PersistentReserveIn, actions=[In.READ_FULL_STATUS], conflicts=Conflict.RESERVE)
    def read_full_status(self, task: Task, cdb: cdbs.PersistentReserveIn) -> Effect:
        """READ FULL STATUS: every registrant, with its TransportID and target port."""
        state = self._registrations()
        descriptors = []
        for one, key in state.keys.items():
            held = state.type if state.type is not None and state.holds(one) else 0
            descriptors.append(
                FullStatus.build(
                    reservation_key=key,
                    all_tg_pt=one.target_port == ALL_PORTS,
                    r_holder=held != 0,
                    type=held,
                    relative_target_port_identifier=one.target_port,
                    transport_ids=[SrpTransportId.build(initiator_port_identifier=one.initiator_port)],
                )
            )
        data = PrFullStatus.build(prgeneration=state.generation, descriptors=descriptors)
        return Reply(bytes(data), cdb.allocation_length)

    # Out. Each service action checks its own rights: no persistent reservation refuses them in advance.

    @command(
        cdbs.PersistentReserveOut,
        actions=[Out.REGISTER, Out.REGISTER_AND_IGNORE_EXISTING_KEY, Out.REGISTER_AND_MOVE, Out.CLEAR],
        ignores=["scope", "type"],
        conflicts=Conflict.RESERVE,
    )
    @command(
        cdbs.PersistentReserveOut,
        actions=[Out.RESERVE, Out.RELEASE, Out.PREEMPT, Out.PREEMPT_AND_ABORT],
        conflicts=Conflict.RESERVE,
    )
    def persistent_reserve_out(
        self, task: Task, cdb: cdbs.PersistentReserveOut
    ) -> Generator[Effect, object, Effect]:
        """PERSISTENT RESERVE OUT: ends GOOD when the state is saved, and the aborted tasks cannot have any effect any more."""
        length, action = cdb.parameter_list_length, cdb.service_action
        if not HEADER <= length <= LONGEST:
            raise short()
        data = bytes((yield Fetch(length)))  # type: ignore[call-overload]
        if len(data) < length:
            raise short()
        self._check_list(action, data)
        kept = self._asks_to_keep(action, data)
        who = Registrant.of(task.nexus)
        outcome = yield Work(
            self._store,
            lambda: self._change(task, lambda state: DECISIONS[action](state, who, cdb, data), kept),
        )
        assert isinstance(outcome, Outcome)
        if action == Out.PREEMPT_AND_ABORT:
            gone = outcome.preempted
            yield AbortTasks([one for one in self.nexuses() if any(each.covers(one) for each in gone)])
        return GOOD

    def _check_list(self, action: int, data: bytes) -> None:
        """Check the parts of a parameter list that do not depend on the registrations (SPC-5, 6.17.3). Raises Fault."""
        if action == Out.REGISTER_AND_MOVE:
            return
        if data[20] & 8:
            if action != Out.REGISTER:
                raise unfit(20, 3)
            if len(data) < LISTED:
                raise short()
        elif len(data) != HEADER:
            raise short()

    def _asks_to_keep(self, action: int, data: bytes) -> bool | None:
        """APTPL, for the actions that have it; None: it stays as it was."""
        if action not in (Out.REGISTER, Out.REGISTER_AND_IGNORE_EXISTING_KEY, Out.REGISTER_AND_MOVE):
            return None
        at = 17 if action == Out.REGISTER_AND_MOVE else 20
        kept = bool(data[at] & 1)
        if kept and not self._store.durable:
            raise unfit(at, 0)
        return kept

    def _change(self, task: Task, decide: Callable[[Persistent], Outcome], kept: bool | None) -> Outcome:
        """Decide, save the new state, and put it into force; one at a time. On a worker, if saving may take long."""
        with self._registering:
            before = self._registrations()
            outcome = decide(before)
            state = outcome.state
            if kept is not None and state is not before and state.kept != kept:
                state = replace(state, kept=kept)
            keeps = before.kept or state.kept or isinstance(self._store, SharedStore)
            if self._stale or (state is not before and keeps):
                try:
                    self._save(state)
                except OSError as error:
                    log.error("%s: persistent reservations cannot be kept: %s", self.name, error)
                    raise Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE) from error
            if state is before:
                return outcome
            with self._changing():
                self._persistent = state
                for registrant, attention in outcome.told:
                    concerned = [nexus for nexus in self._nexuses if registrant.covers(nexus)]
                    self._establish(attention, concerned, but=task.nexus)
            return outcome

    def _save(self, state: Persistent) -> None:
        self._stale = True  # until it has succeeded: a failed save may have replaced the old state, or not
        some = bool(state.keys) if isinstance(self._store, SharedStore) else state.kept
        self._store.save(state if some else None)
        self._stale = False

    def keep(self) -> None:
        """Save the state again, as other contents of the store, such as the unit's name, have changed. May raise OSError."""
        with self._registering:
            if self._persistent.kept:
                self._save(self._persistent)


def _type(cdb: cdbs.PersistentReserveOut) -> PersistentReserveType:
    """The requested type of a reservation. Raises Fault for an unsupported scope or type."""
    if cdb.scope != PersistentReserveScope.LOGICAL_UNIT:
        raise invalid(cdbs.PersistentReserveOut, "scope")
    if cdb.type not in TYPES:
        raise invalid(cdbs.PersistentReserveOut, "type")
    return PersistentReserveType(cdb.type)


def _keys(data: bytes) -> tuple[int, int]:
    """RESERVATION KEY and SERVICE ACTION RESERVATION KEY."""
    return int.from_bytes(data[:8], "big"), int.from_bytes(data[8:16], "big")


def _initiator_port(data: bytes, at: int) -> bytes:
    """The initiator port in the SRP TransportID at this offset (SPC-5, 7.6.4.4)."""
    found = SrpTransportId(data[at : at + TRANSPORT_ID])
    if found.format_code or found.protocol_identifier != ProtocolIdentifier.SRP:
        raise unfit(at)
    return bytes(found.initiator_port_identifier)


def _initiator_ports(data: bytes) -> Iterable[bytes]:
    """The initiator ports of SPEC_I_PT (SPC-5, 6.17.3)."""
    length = int.from_bytes(data[HEADER:LISTED], "big")
    if length > len(data) - LISTED:
        raise short()
    if length % TRANSPORT_ID:
        raise unfit(HEADER)
    return [_initiator_port(data, at) for at in range(LISTED, LISTED + length, TRANSPORT_ID)]


def _register(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    key, new = _keys(data)
    known: int | None = key
    if cdb.service_action == Out.REGISTER_AND_IGNORE_EXISTING_KEY:
        known = None
    others: Iterable[bytes] = ()
    if data[20] & 8:
        found = state.find(who)
        if (0 if found is None else state.keys[found]) != key:
            raise conflict()
        if found is not None:
            raise unfit(20, 3)  # SPEC_I_PT is only for a nexus that is not registered yet (SPC-5, table 60)
        others = _initiator_ports(data)
    return state.register(who, known, new, everywhere=bool(data[20] & 4), others=others)


def _move(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    key, new = _keys(data)
    mine = state.entitled(who, key)
    view = PrOutMove(data)
    if view.transportid_length != len(data) - HEADER:
        raise short()
    port = view.relative_target_port_identifier
    if not port:
        raise unfit(18)
    if view.transportid_length != TRANSPORT_ID:
        raise unfit(20)
    other = Registrant(_initiator_port(data, HEADER), port)
    return state.move(mine, new, other, unregister=bool(view.unreg))


def _reserve(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    mine = state.entitled(who, _keys(data)[0])
    return state.reserve(mine, _type(cdb))


def _release(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    mine = state.entitled(who, _keys(data)[0])
    return state.release(mine, None if cdb.scope else int(cdb.type))


def _clear(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    return state.clear(state.entitled(who, _keys(data)[0]))


def _preempt(state: Persistent, who: Registrant, cdb: cdbs.PersistentReserveOut, data: bytes) -> Outcome:
    key, victim = _keys(data)
    mine = state.entitled(who, key)
    return state.preempt(mine, victim, _type(cdb) if state.takes_over(victim) else None)


DECISIONS: dict[int, Decide] = {
    Out.REGISTER: _register,
    Out.REGISTER_AND_IGNORE_EXISTING_KEY: _register,
    Out.REGISTER_AND_MOVE: _move,
    Out.RESERVE: _reserve,
    Out.RELEASE: _release,
    Out.CLEAR: _clear,
    Out.PREEMPT: _preempt,
    Out.PREEMPT_AND_ABORT: _preempt,
}
"""By service action, the function that makes the next state."""
