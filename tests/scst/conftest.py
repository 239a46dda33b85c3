"""A tree over servers that really serve, and initiators that are really logged in."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pysrp.errors import CheckCondition
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.scsi import parse_sense
from pysrp.scst import Tree
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

IDENTITY = Identity(
    unit_address=0x30000028, partition_name="VIOS3-P6", partition_number=40, system_id="IBM,0210AB12C"
)


@dataclass
class Target:
    """One server and its place in the tree."""

    tree: Tree
    server: Server
    path: str
    url: str

    def luns(self, command: str) -> None:
        """Write to ``luns/mgmt``, as echo does."""
        self.tree.write(f"{self.path}/luns/mgmt", command + "\n")

    def show(self, file: str) -> str:
        """The text of a file of the target."""
        return self.tree.read(f"{self.path}/{file}")


@pytest.fixture
def tree():
    with contextlib.closing(Tree()) as tree:
        yield tree


@pytest.fixture
def serve(tree, tmp_path):
    """A function that adds one more target to the tree, disabled; keywords are Server's."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:

        def serve(identity: Identity = IDENTITY, **options: Any) -> Target:
            luns = LunMap()
            url = f"unix:{tmp_path}/srp{next(numbers)}"
            server = Server(url, luns, enabled=False, identity=identity, **options)
            stack.callback(server.stop)
            return Target(tree, server, f"targets/ibmvstgt/{tree.add_target(server, luns, identity)}", url)

        yield serve


@pytest.fixture
def target(serve):
    return serve()


@pytest.fixture
def disks(tree):
    """Two small RAM disks, and a null disk."""
    for name in ("ram000", "ram001"):
        tree.write("handlers/vdisk_ram/mgmt", f"add_device {name} size_mb=1")
    tree.write("handlers/vdisk_nullio/mgmt", "add_device null0 size_mb=1")


def attentions(session: Session, lun: int) -> list[str]:
    """Ask a LUN with TEST UNIT READY until it is ready or no more attentive: what it tells, "3f/0e" each."""
    found: list[str] = []
    while len(found) < 10:
        try:
            session.execute(scst_pack(lun, "LUN"), bytes(6))
        except CheckCondition as problem:
            sense = parse_sense(problem.sense)
            found.append(f"{sense.asc:02x}/{sense.ascq:02x}")
            if sense.sense_key != 6:
                break
        else:
            break
    return found


@pytest.fixture(name="attentions")
def attentions_of():
    return attentions


@pytest.fixture
def login():
    """A function that logs in to a target as a new initiator, which has heard of the units' power-on."""

    @contextlib.contextmanager
    def login(target: Target, **options: Any) -> Iterator[Session]:
        with Session(target.url, **options) as session:
            for name in target.tree.ls(f"{target.path}/luns"):
                if name.isdigit():
                    # Once for each unit, however many LUNs it has.
                    assert attentions(session, int(name)) in (["29/00"], [])
            yield session

    return login
