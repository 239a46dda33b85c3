"""two_servers.py URL [ROUNDS]: two servers share one Ceph image; the one that holds it is killed, repeatedly. See README.md."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pysrp.errors import SrpError
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.scsi import cdb

LUN = bytes(scst_pack(256, "LUN"))
PLACES = 64
"""Blocks that are written to."""


class Server:
    """``pysrp serve`` with the image, in a process of its own."""

    def __init__(self, url: str, medium: str) -> None:
        self.url = url
        words = ["serve", url, "--quiet", "--disk", f"data={medium}", "--lun", "data=256"]
        self.process = subprocess.Popen([sys.executable, "-m", "pysrp.cli", *words])

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def session(self) -> Session:
        """Log in, and wait until its disk is ready."""
        while True:
            assert self.process.poll() is None, "the server has ended"
            try:
                session = Session(self.url)
                session.connect()
                while session.execute(LUN, cdb.TestUnitReady.build(), check=False).status:
                    time.sleep(0.01)
                return session
            except (SrpError, OSError):  # the server has just started
                time.sleep(0.01)


def block(place: int, number: int) -> bytes:
    """What a write puts into a block, so that it says which one it was."""
    return f"{place} {number} ".encode().ljust(512, b".")


class Writer:
    """Writes one block after another, and notes which writes were acknowledged."""

    def __init__(self) -> None:
        self.number = 0
        self.answered: dict[int, int] = {}
        self.begun: dict[int, int] = {}

    def write(self, session: Session, fua: bool) -> None:
        """One more write. Raises what the session raises when its server has gone."""
        self.number += 1
        place = random.randrange(PLACES)
        self.begun[place] = self.number
        write = cdb.Write10.build(lba=place, transfer_length=1, fua=fua)
        session.execute(LUN, write, data_out=block(place, self.number))
        self.answered[place] = self.number

    def lost(self, session: Session) -> int:
        """How many acknowledged writes are missing, or replaced by other data."""
        lost = 0
        for place, number in self.answered.items():
            read = cdb.Read10.build(lba=place, transfer_length=1)
            found = bytes(session.execute(LUN, read, data_in_length=512).data)
            lost += found not in (block(place, number), block(place, self.begun[place]))
        return lost


def rounds(medium: str, count: int, folder: Path) -> int:
    """Run the rounds; returns how many writes have been lost."""
    servers = [Server(f"unix:{folder}/{name}", medium) for name in ("a", "b")]
    writer, lost, took = Writer(), 0, []
    try:
        # The server that holds the image comes first.
        while (first := next((each for each in servers if ready(each)), None)) is None:
            time.sleep(0.01)
        if first is servers[1]:
            servers.reverse()
        for number in range(1, count + 1):
            session, fua = servers[0].session(), number % 3 == 0
            for _ in range(random.randrange(50, 200)):
                writer.write(session, fua)
            servers[0].kill()
            begun = time.monotonic()
            try:
                while True:
                    writer.write(session, fua)
            except (SrpError, OSError):
                """The write that was under way may have been done, or not."""
            session.close()
            with servers[1].session() as session:
                took.append(time.monotonic() - begun)
                missing = writer.lost(session)
            lost += missing
            print(
                f"round {number}{', FUA' if fua else ''}: "
                f"the other one has it after {took[-1]:.1f} s, {missing} writes lost",
                flush=True,
            )
            servers = [servers[1], Server(servers[0].url, medium)]
    finally:
        for server in servers:
            server.kill()
    print(
        f"{count} rounds, {writer.number} writes, {lost} lost; "
        f"min/median/max {min(took):.1f}/{statistics.median(took):.1f}/{max(took):.1f} s"
    )
    return lost


def ready(server: Server) -> bool:
    """Whether its disk is ready now."""
    try:
        with Session(server.url) as session:
            session.execute(LUN, cdb.TestUnitReady.build(), check=False)  # the login's unit attention
            return not session.execute(LUN, cdb.TestUnitReady.build(), check=False).status
    except (SrpError, OSError):
        return False


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(rounds(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10, Path(place)) != 0)
