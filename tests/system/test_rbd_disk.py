"""Disks on a Ceph cluster, in the whole system: daemons and servers die under load, and nothing that was acknowledged is lost."""

from __future__ import annotations

import errno
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ceph_lab
from ceph_lab import CephLab, OwnCephLab
from integrity import BLOCK
from integrity_rig import BLOCKS, Field
from pysrp.cli.serve import device
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.media.rbd import RbdMedium
from pysrp.scsi import cdb
from pysrp.scst import Tree, TreeError, load, save
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from rivals_rig import Rivals
from system_rig import Child
from waiting import until

ROUNDS = int(os.environ.get("PYSRP_SOAK_ROUNDS", "10"))
"""How often a server is killed; make soak has more of them."""
TURNS = int(os.environ.get("PYSRP_SOAK_ROUNDS", "3"))
"""How often with reservations held."""

SIZE = BLOCKS * BLOCK
LUN = bytes(scst_pack(256, "LUN"))
EXAMPLE = Path(__file__).parents[2] / "examples" / "ceph" / "two_servers.py"


lab, fragile = ceph_lab.lab, ceph_lab.fragile(watch=2)


# In the tree


@pytest.fixture
def trees(lab: CephLab) -> Iterator[list[Tree]]:
    """Two servers'."""
    made = [Tree(), Tree()]
    yield made
    for tree in made:
        tree.close()


def test_a_device_is_the_same_on_every_server(lab: CephLab, trees: list[Tree]) -> None:
    """Whatever it is called there."""
    image = lab.image(SIZE)
    found = []
    for name, tree in zip(["one", "other"], trees, strict=True):
        handler, parameters = device(lab.url(image))
        assert handler == "vdisk_rbd"
        tree.write(f"handlers/{handler}/mgmt", f"add_device {name} {parameters};thin_provisioned=1")
        found.append([tree.read(f"devices/{name}/{what}") for what in ("usn", "t10_dev_id", "size")])
        assert tree.read(f"devices/{name}/thin_provisioned") == "1\n[key]\n"
    assert found[0] == found[1]
    assert re.fullmatch(r"[0-9a-f]{16}\n", found[0][0])
    one, other = trees
    assert one.read("devices/one/status").startswith("ours=1 under_way=0 times_opened=1 ")
    assert other.read("devices/other/status").startswith("ours=0 ")
    with pytest.raises(TreeError, match="one is again's") as caught:
        one.write("handlers/vdisk_rbd/mgmt", f"add_device again {parameters}")
    assert caught.value.errno == errno.EEXIST
    one.write("handlers/vdisk_rbd/mgmt", "del_device one")
    until(lambda: other.read("devices/other/status").startswith("ours=1 "))


def test_a_saved_configuration(lab: CephLab, trees: list[Tree]) -> None:
    url = lab.url(lab.image(SIZE), "&limit=9s")
    one, other = trees
    one.write("handlers/vdisk_rbd/mgmt", f'add_device data url="{url}"')
    text = save(one)
    one.write("handlers/vdisk_rbd/mgmt", "del_device data")
    load(other, text)
    assert url in other.read("devices/data/url")
    assert save(other) == text


def test_resized_on_purpose(lab: CephLab, trees: list[Tree]) -> None:
    image = lab.image(SIZE)
    tree = trees[0]
    tree.write("handlers/vdisk_rbd/mgmt", f'add_device data url="{lab.url(image)}"')
    lab.run("rbd", "resize", "--allow-shrink", "--size", f"{SIZE // 2}B", image)

    def smaller() -> bool:
        tree.write("devices/data/resync_size", "1")
        return tree.read("devices/data/size") == f"{SIZE // 2}\n"

    until(smaller)


def test_a_url_of_another_kind(lab: CephLab, trees: list[Tree]) -> None:
    for handler, url in ("vdisk_rbd", "ram:1M"), ("vdisk_nbd", lab.url("rbd/none")):
        with pytest.raises(TreeError, match="vdisk_url takes others") as caught:
            trees[0].write(f"handlers/{handler}/mgmt", f'add_device d url="{url}"')
        assert caught.value.errno == errno.EINVAL


# READ and WRITE

step = st.tuples(
    st.sampled_from(["read", "write", "write fua", "read fua", "verify", "zero", "compare"]),
    st.integers(0, 255),
    st.integers(1, 16),
    st.integers(0, 255),
)
_names = itertools.count()


def test_the_lane_gives_what_was_written(lab: CephLab) -> None:
    """Whole, in any order of commands, with FUA and without; other commands in between are the engine's."""
    with_lock = RbdMedium(lab.image(SIZE, "--object-size=64K"), conf=lab.conf)
    with (
        Server(f"local:rbd{next(_names)}", LunMap([(256, Disk(with_lock))])) as server,
        Session(server.url) as session,
    ):
        model = bytearray(272 * BLOCK)
        session.execute(LUN, cdb.TestUnitReady.build(), check=False)

        @given(st.lists(step, min_size=1, max_size=30))
        @settings(max_examples=20)
        def held_against_bytes(steps: list[Any]) -> None:
            for what, lba, blocks, value in steps:
                take(session, model, what, lba, blocks, value)

        held_against_bytes()
        assert (
            bytes(
                session.execute(
                    LUN, cdb.Read10.build(lba=0, transfer_length=272), data_in_length=272 * BLOCK
                ).data
            )
            == model
        )
    with_lock.close()


def take(session: Session, model: bytearray, what: str, lba: int, blocks: int, value: int) -> None:
    here, fua = slice(lba * BLOCK, (lba + blocks) * BLOCK), what.endswith("fua")
    length, data = blocks * BLOCK, bytes([value]) * (blocks * BLOCK)
    if what.startswith("read"):
        read = cdb.Read10.build(lba=lba, transfer_length=blocks, fua=fua)
        assert bytes(session.execute(LUN, read, data_in_length=length).data) == model[here]
    elif what.startswith("write"):
        session.execute(LUN, cdb.Write10.build(lba=lba, transfer_length=blocks, fua=fua), data_out=data)
        model[here] = data
    elif what == "verify":
        session.execute(LUN, cdb.Verify10.build(lba=lba, verification_length=blocks))
    elif what == "zero":
        same = cdb.WriteSame16.build(lba=lba, number_of_logical_blocks=blocks)
        session.execute(LUN, same, data_out=bytes(BLOCK))
        model[here] = bytes(length)
    else:
        compare = cdb.CompareAndWrite.build(lba=lba, number_of_logical_blocks=blocks)
        session.execute(LUN, compare, data_out=bytes(model[here]) + data)
        model[here] = data


# What dies


@pytest.fixture
def begin(fragile: OwnCephLab, tmp_path: Path, child: Callable[..., Child]) -> Iterator[Callable[..., Field]]:
    fields: list[Field] = []

    def begin(**more: Any) -> Field:
        fields.append(Field(child, tmp_path, [fragile.url(fragile.image(SIZE), "&lock=take")], **more))
        return fields[-1]

    yield begin
    for field in fields:
        field.close()


def test_whatever_is_killed(fragile: OwnCephLab, begin: Callable[..., Field]) -> None:
    """The OSD, the monitor, clients, and our server, whose image the next one takes; and the image grows."""
    field = begin(seed=21)
    sizes = itertools.count(SIZE, 1 << 20)
    image = re.split("[:?]", field.disks[0])[1]

    def osd() -> None:
        fragile.kill("osd")
        fragile.begin("osd")

    def monitor() -> None:
        fragile.kill("mon")
        fragile.begin("mon")

    def grows() -> None:
        fragile.run("rbd", "resize", "--size", f"{next(sizes)}B", image)

    next(sizes)
    events = itertools.cycle(
        [field.kill_server, osd, field.kill_clients, grows, field.kill_server, monitor, osd]
    )
    for number in range(1, ROUNDS + 1):
        field.round(40, next(events))
        if not number % 10:
            field.check()
    field.check()
    assert field.history.counts["flushed"] > 0


def test_reservations_are_taken_over(
    fragile: OwnCephLab, tmp_path: Path, child: Callable[..., Child]
) -> None:
    """A server is killed: at the one that stood by the same clients are registered, and the others shut out."""
    url = fragile.url(fragile.image(SIZE))
    rivals = Rivals(child, tmp_path, f"--disk=data={url}", "--lun=data=256", aptpl=False)
    rivals.begin()

    def dies() -> None:
        rivals.begin()
        rivals.kill()

    for _ in range(TURNS):
        rivals.round(dies)
    rivals.round(lambda: None)


def test_the_second_server_takes_over(fragile: OwnCephLab) -> None:
    """The example: it kills the one that has the image, and looks for what was answered."""
    url = fragile.url(fragile.image(SIZE))
    command = [sys.executable, str(EXAMPLE), url, str(ROUNDS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0
    assert re.search(rf"^{ROUNDS} rounds, [0-9]+ writes, 0 lost; min/median/max ", done.stdout, re.MULTILINE)
