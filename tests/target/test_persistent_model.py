"""Random persistent reservations of three nexuses, beside a model that knows nothing but numbers; with power failures."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from persistent_rig import (
    CLEAR,
    CONFLICT,
    IGNORE,
    MOVE,
    PREEMPT,
    PREEMPT_AND_ABORT,
    PREEMPTED,
    READ_FULL_STATUS,
    REGISTER,
    RELEASE,
    RELEASED,
    RESERVE,
    TYPES,
    UNREGISTERED,
    Keeper,
    move_list,
)  # fmt: skip
from pysrp.backends import Ram
from pysrp.scsi import params
from pysrp.target.disk import Disk
from pysrp.target.units.persistent import Persistent
from unit_bench import Bench

NEXUSES = 3
READ, WRITE = bytes.fromhex("28000000000000000100"), bytes.fromhex("2a000000000000000100")
REFUSED = 2

whos = st.integers(0, NEXUSES - 1)
keys = st.integers(0, 4)
types = st.sampled_from(TYPES)


class Store:
    durable = True
    blocking = False

    def __init__(self) -> None:
        self.state: Persistent | None = None

    def load(self) -> Persistent | None:
        return self.state

    def save(self, state: Persistent | None) -> None:
        self.state = state


class Machine(RuleBasedStateMachine):
    """``key`` has that of each nexus, 0 for none; ``type`` 0: no reservation; ``holder`` is not looked at with 7 and 8."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.key = [0] * NEXUSES
        self.type = self.holder = self.generation = 0
        self.kept = False
        self.attentions: list[list[int]] = [[] for _ in range(NEXUSES)]
        self._begin()

    def _begin(self) -> None:
        self.bench = Bench(Disk(Ram(1 << 16), reservations=self.store))
        self.keeper = Keeper(self.bench, NEXUSES)

    def teardown(self) -> None:
        self.bench.close()

    # The model.

    @property
    def everybodys(self) -> bool:
        return self.type in (7, 8)

    def holds(self, who: int) -> bool:
        return bool(self.type) and (bool(self.key[who]) if self.everybodys else self.holder == who)

    def tell(self, code: int, whom: Any, but: int) -> None:
        for one in whom:
            if one != but and code not in self.attentions[one]:
                self.attentions[one].append(code)

    def registered(self) -> list[int]:
        return [who for who in range(NEXUSES) if self.key[who]]

    def leave(self, who: int, asker: int, tell: bool = True) -> None:
        """A registration ends; the reservation too, if nobody holds it then."""
        held = self.holds(who)
        self.key[who] = 0
        if held and (not self.everybodys or not self.registered()):
            if self.type in (5, 6) and tell:
                self.tell(RELEASED, self.registered(), asker)
            self.type = 0

    def ask(self, who: int, action: int, *arguments: Any, **fields: Any) -> int:
        while self.attentions[who]:
            self.the_attention_is_told(who)
        return int(self.keeper.out(who, action, *arguments, **fields).status)

    # What is asked.

    @rule(who=whos, key=keys, new=keys, aptpl=st.booleans(), ignore=st.booleans())
    def register(self, who: int, key: int, new: int, aptpl: bool, ignore: bool) -> None:
        status = self.ask(who, IGNORE if ignore else REGISTER, key, new, aptpl=aptpl)
        if not ignore and key != self.key[who]:
            assert status == CONFLICT
            return
        assert status == 0
        if not new and not self.key[who]:
            return
        self.generation += 1
        self.kept = aptpl
        if new:
            self.key[who] = new
        else:
            self.leave(who, who)

    @rule(who=whos, key=keys, kind=types)
    def reserve(self, who: int, key: int, kind: int) -> None:
        status = self.ask(who, RESERVE, key, 0, kind)
        if not self.key[who] or key != self.key[who]:
            assert status == CONFLICT
        elif not self.type:
            assert status == 0
            self.type, self.holder = kind, who
        else:
            assert status == (0 if self.holds(who) and kind == self.type else CONFLICT)

    @rule(who=whos, key=keys, kind=types)
    def release(self, who: int, key: int, kind: int) -> None:
        status = self.ask(who, RELEASE, key, 0, kind)
        if not self.key[who] or key != self.key[who]:
            assert status == CONFLICT
        elif not self.holds(who):
            assert status == 0
        elif kind != self.type:
            assert status == REFUSED
        else:
            assert status == 0
            if self.type >= 5:
                self.tell(RELEASED, self.registered(), who)
            self.type = 0

    @rule(who=whos, key=keys)
    def clear(self, who: int, key: int) -> None:
        status = self.ask(who, CLEAR, key)
        if not self.key[who] or key != self.key[who]:
            assert status == CONFLICT
            return
        assert status == 0
        self.tell(PREEMPTED, self.registered(), who)
        self.key, self.type = [0] * NEXUSES, 0
        self.generation += 1

    @rule(who=whos, key=keys, victim=keys, kind=types, abort=st.booleans())
    def preempt(self, who: int, key: int, victim: int, kind: int, abort: bool) -> None:
        status = self.ask(who, PREEMPT_AND_ABORT if abort else PREEMPT, key, victim, kind)
        if not self.key[who] or key != self.key[who]:
            assert status == CONFLICT
            return
        over = bool(self.type) and (not victim if self.everybodys else self.key[self.holder] == victim)
        if not over and not victim:
            assert status == REFUSED
            return
        gone = [one for one in self.registered() if not victim or self.key[one] == victim]
        if not gone:
            assert status == CONFLICT
            return
        assert status == 0
        self.generation += 1
        self.tell(UNREGISTERED, gone, who)
        if over:
            for one in gone:
                if one != who:
                    self.key[one] = 0
            if kind != self.type:
                self.tell(RELEASED, self.registered(), who)
            self.type, self.holder = kind, who
        else:
            for one in gone:
                self.leave(one, who, tell=False)

    @rule(who=whos, key=keys, new=keys, to=whos, unreg=st.booleans(), aptpl=st.booleans())
    def move(self, who: int, key: int, new: int, to: int, unreg: bool, aptpl: bool) -> None:
        data = move_list(key, new, self.keeper.port(to), unreg=unreg, aptpl=aptpl)
        status = self.ask(who, MOVE, data=data)
        if not self.key[who] or key != self.key[who]:
            assert status == CONFLICT
        elif not self.type:
            assert status == REFUSED
        elif self.everybodys or self.holder != who:
            assert status == CONFLICT
        elif not new or to == who:
            assert status == REFUSED
        else:
            assert status == 0
            self.key[to], self.holder = new, to
            if unreg:
                self.key[who] = 0
            self.kept = aptpl
            self.generation += 1

    @rule(who=whos)
    def the_attention_is_told(self, who: int) -> None:
        """Before the command; the next one finds it gone."""
        if self.attentions[who]:
            code = self.attentions[who].pop(0)
            assert self.bench.bad(bytes(6), nexus=self.keeper.nexuses[who]) == (6, code >> 8, code & 0xFF)

    @rule(who=whos)
    def the_nexus_is_lost_and_comes_back(self, who: int) -> None:
        port = int.from_bytes(self.keeper.port(who), "big")
        self.bench.unit.detach(self.keeper.nexuses[who])
        self.keeper.nexuses[who] = self.bench.login(f"again {who}", port)
        self.attentions[who] = []

    @rule()
    def the_unit_is_reset(self) -> None:
        self.bench.unit.reset()
        self.keeper.told()
        self.attentions = [[] for _ in range(NEXUSES)]

    @rule()
    def the_power_fails(self) -> None:
        self.bench.close()
        if not self.kept:
            self.key, self.type = [0] * NEXUSES, 0
            self.kept = False
        self.generation = 0
        self.attentions = [[] for _ in range(NEXUSES)]
        self._begin()

    # What is so.

    @invariant()
    def the_state_is_the_same(self) -> None:
        found = params.PrFullStatus(self.keeper.read(READ_FULL_STATUS))
        ports = [self.keeper.port(who) for who in range(NEXUSES)]
        seen = {
            ports.index(bytes(one.transport_id.initiator_port_identifier)): (
                one.reservation_key,
                int(one.type) if one.r_holder else 0,
            )
            for one in found.descriptors
        }
        assert seen == {
            who: (self.key[who], self.type if self.holds(who) else 0) for who in self.registered()
        }
        assert found.prgeneration == self.generation
        assert [self.bench.unit.attentions(nexus) for nexus in self.keeper.nexuses] == self.attentions

    @invariant()
    def commands_conflict_as_they_must(self) -> None:
        for who, nexus in enumerate(self.keeper.nexuses):
            free = not self.type or self.holds(who) or (self.type >= 5 and bool(self.key[who]))
            assert self.bench.unit.plain(nexus) == (free and not self.attentions[who])
            if not self.attentions[who]:
                reads = free or self.type in (1, 5, 7)
                assert self.bench(READ, nexus=nexus).status == (0 if reads else CONFLICT)
                assert self.bench(WRITE, bytes(512), nexus=nexus).status == (0 if free else CONFLICT)


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestModel = Machine.TestCase
