"""A server, clients that write to it, what happens to them, and the checker: for test_integrity.py."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integrity import History
from pysrp.scst.control import Client as Tree
from pysrp.scst.control import socket_of
from system_rig import Child
from waiting import PATIENCE

BLOCKS = 1536
"""Of each disk."""

TARGET = "targets/ibmvstgt/ibmvstgt_target_0"
KINDS = "write write write write write write read read read read flush batch abort reset reserve ask".split()
now = time.monotonic_ns


class Crew:
    """A process of clients, and what they say."""

    def __init__(self, field: Field, first: int, clients: int) -> None:
        self.numbers = range(first, first + clients)
        self.child = field.child(
            "system_integrity.py",
            field.url,
            field.run,
            first,
            clients,
            len(field.disks),
            BLOCKS,
            *field.kinds,
        )
        self.field = field
        self.share = 0
        self.ready = self.over = False
        self.calm: set[int] = set()
        """Clients that rest, or have lost the server: they have noted all that they did."""
        self.states: list[Any] = []
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self) -> None:
        """Until it is dead."""
        assert self.child.process.stdout is not None
        for line in self.child.process.stdout:
            if line.endswith("\n"):
                with self.field.turn:
                    self.hear(*json.loads(line))
                    self.field.turn.notify_all()

    def hear(self, what: str, *said: Any) -> None:
        match what:
            case "ready":
                self.ready = True
            case "over":
                self.over, self.states = True, list(said)
            case "rests" | "lost":
                self.calm.add(said[0])
            case "works":
                self.calm.discard(said[0])
            case _:
                self.field.notes += 1
                self.field.history.note(what, *said)

    def begin(self, *what: object) -> None:
        with self.field.turn:
            self.over = False
            self.calm.clear()
        self.child.tell(what)


class Field:
    """The whole of it. ``disks`` are URLs of media, at LUN 256, 512 and so on."""

    def __init__(
        self,
        child: Callable[..., Child],
        folder: Path,
        disks: list[str],
        *,
        seed: int,
        fault: str = "sound",
        crews: int = 2,
        clients: int = 2,
        kinds: list[str] = KINDS,
        loses_power: bool = False,
    ) -> None:
        self.child, self.disks, self.fault, self.kinds = child, disks, fault, kinds
        self.url, self.run = f"unix:{folder}/integrity", seed + 1
        self.rng = random.Random(seed)
        self.loses_power = loses_power
        """Whether what the server had not flushed is lost with it."""
        self.history = History()
        self.turn = threading.Condition()
        self.notes = 0
        self.numbers = 0
        self.clients = clients
        self.serve()
        self.crews = [self.crew() for _ in range(crews)]
        self.rounds = 0

    def serve(self) -> None:
        names = [f"disk{number}" for number in range(1, len(self.disks) + 1)]
        self.names = dict(zip(names, (256 * number for number in range(1, len(names) + 1)), strict=True))
        disks = [f"--disk={name}={url}" for name, url in zip(names, self.disks, strict=True)]
        luns = [f"--lun={name}={lun}" for name, lun in self.names.items()]
        self.server = self.child(
            "system_serve.py", self.fault, "serve", self.url, "--json", "--quiet", *disks, *luns
        )
        assert self.server.line(), "no server"
        self.tree = Tree(socket_of(self.url))

    def crew(self) -> Crew:
        crew = Crew(self, self.numbers, self.clients)
        self.numbers += self.clients
        self.until(lambda: crew.ready, crew)
        return crew

    def until(self, condition: Callable[[], Any], *crews: Crew) -> None:
        """Wait for what clients say."""
        with self.turn:
            heard = self.turn.wait_for(lambda: condition() or self.dead(crews), PATIENCE)
        assert heard, "nobody said so"
        assert not self.dead(crews), "a client has died"

    @staticmethod
    def dead(crews: tuple[Crew, ...]) -> bool:
        return any(not crew.listener.is_alive() and not crew.over for crew in crews)

    def round(self, commands: int, happens: Callable[[], None] | None = None, what: str = "round") -> None:
        """All clients work, each in a share that another one had before; something happens meanwhile."""
        shares = len(self.crews) * self.clients
        for number, crew in enumerate(self.crews):
            share = (number * self.clients + self.rounds) % shares
            crew.begin(what, share, shares, *([commands] if what == "round" else []))
        self.rounds += 1
        if happens is not None:
            few = self.notes + self.rng.randrange(1, max(2, commands * shares))
            self.until(lambda: self.notes >= few or all(crew.over for crew in self.crews), *self.crews)
            happens()
        self.until(lambda: all(crew.over for crew in self.crews), *self.crews)

    # What happens.

    def kill_server(self) -> None:
        """kill -9, and another one on the same media."""
        self.server.kill()
        # Who has heard of it, or has nothing under way, has said all that the dead one did.
        self.until(
            lambda: all(crew.over or crew.calm.issuperset(crew.numbers) for crew in self.crews), *self.crews
        )
        if self.loses_power:
            self.history.power_cut(now())
        self.tree.close()
        self.server.close()
        self.serve()

    def kill_clients(self) -> None:
        """kill -9 of a process with some, and others in its place: they get the server's ear when it knows."""
        crew = self.rng.choice(self.crews)
        crew.child.kill()
        crew.listener.join()
        while len(self.tree.ls(f"{TARGET}/sessions")) > (len(self.crews) - 1) * self.clients:
            time.sleep(0.001)
        with self.turn:
            for number in crew.numbers:
                self.history.client_gone(number, now())
        self.crews[self.crews.index(crew)] = new = self.crew()
        new.over = True

    def replug(self) -> None:
        """A disk goes away and comes back."""
        name = self.rng.choice([*self.names])
        self.tree.write(f"{TARGET}/luns/mgmt", f"del {self.names[name]}")
        self.tree.write(f"{TARGET}/luns/mgmt", f"add {name} {self.names[name]}")

    def fail(self) -> None:
        """Some requests to a fault: medium fail from now on, for a while."""
        name = self.rng.choice(self.faulty())
        rule = self.rng.choice(
            [
                f"error lba={self.rng.randrange(BLOCKS)} count=3",
                "error op=write probability=0.3 count=10",
                "error op=read probability=0.3 count=10",
                "error op=flush count=2",
                "torn count=3",
                "busy probability=0.3 count=5",
                "task-set-full count=5",
                "no-space fill=0 count=5",
                "delay uniform=0us-3ms count=100",
            ]
        )
        self.tree.write(f"devices/{name}/faults", f"add {rule}")

    def faulty(self) -> list[str]:
        """Disks that can be told to fail."""
        disks = zip(self.names, self.disks, strict=True)
        return [name for name, url in disks if url.startswith("fault:")]

    # The end.

    def check(self) -> None:
        """Everything is read; all that anybody has found can be."""
        begun = now()
        for name in self.faulty():
            self.tree.write(f"devices/{name}/faults", "clear")
        self.round(0, what="read")
        unread = [
            (unit, lba)
            for unit in range(1, len(self.disks) + 1)
            for lba in range(BLOCKS)
            if not any(read[1] > begun for read in self.history.reads[unit << 40 | lba])
        ]
        self.history.check()
        assert not unread, f"not to be read: {unread[:5]}, {len(unread)} in all"

    def close(self) -> None:
        """End all of it."""
        self.tree.close()
        self.server.kill()
        for crew in self.crews:
            crew.child.kill()
            crew.listener.join()
