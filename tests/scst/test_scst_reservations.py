"""What persistent reservations have of the tree: relative target ports, and a file for each device."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import Any

import pytest

from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.scsi import inquiry, params
from pysrp.scsi.codes import PersistentReserveOutAction as Out
from pysrp.scst import Tree, TreeError
from pysrp.target.reservation_files import ReservationFolder

KEPT = params.PrOut.build(service_action_reservation_key=9, aptpl=True)


def add(tree: Tree, name: str = "a") -> None:
    tree.write("handlers/vdisk_ram/mgmt", f"add_device {name} size_mb=1")


def relative_port(url: str) -> int:
    with Session(url) as session:
        page = inquiry.DeviceIdentification(session.scan()[0].inquiry(0x83))
        return int(page.designators[1].relative_target_port_identifier)


def test_rel_tgt_id_is_what_initiators_see(serve: Any) -> None:
    one, two = serve(), serve(Identity(unit_address=0x30000029))
    add(one.tree)
    for target in one, two:
        target.luns("add a 256")
        target.tree.write(f"{target.path}/enabled", "1")
    assert (relative_port(one.url), relative_port(two.url)) == (1, 2)
    one.tree.write(f"{two.path}/rel_tgt_id", "77")
    assert (relative_port(one.url), relative_port(two.url)) == (1, 77)


def test_without_a_folder_there_is_no_file(tree: Tree) -> None:
    add(tree)
    assert "pr_file_name" not in tree.ls("devices/a")


def test_a_file_for_each_device(tmp_path: Path) -> None:
    folder = ReservationFolder(tmp_path)
    with contextlib.closing(Tree(reservations=folder)) as tree:
        add(tree, "a")
        add(tree, "b%")
        assert tree.read("devices/a/pr_file_name") == f"{tmp_path}/a.pr\n"
        assert tree.read("devices/b%/pr_file_name") == f"{tmp_path}/b%25.pr\n"
        with contextlib.closing(Tree(reservations=folder)) as other, pytest.raises(TreeError) as info:
            add(other, "a")
        assert info.value.errno == errno.EINVAL
        assert "another unit" in str(info.value)
        tree.write("handlers/vdisk_ram/mgmt", "del_device a")
        with contextlib.closing(Tree(reservations=folder)) as other:
            add(other, "a")


def test_a_file_that_is_none_is_refused_and_let_go(tmp_path: Path) -> None:
    (tmp_path / "a.pr").write_text("nonsense")
    with contextlib.closing(Tree(reservations=ReservationFolder(tmp_path))) as tree:
        with pytest.raises(TreeError, match="take it away"):
            add(tree)
        (tmp_path / "a.pr").unlink()
        add(tree)


def test_a_device_that_comes_again_has_what_it_had(serve: Any, tmp_path: Path) -> None:
    target = serve()
    target.tree._targets.devices.reservations = ReservationFolder(tmp_path / "pr")
    add(target.tree)
    target.luns("add a 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with Session(target.url) as session:
        session.scan()[0].persistent_reserve_out(Out.REGISTER, KEPT)
        target.tree.write("handlers/vdisk_ram/mgmt", "del_device a")
        add(target.tree)
        target.luns("add a 256")
        assert session.scan()[0].persistent_reserve_in(0).keys == [9]


@pytest.fixture
def kept(serve: Any, tmp_path: Path) -> Any:
    """A target with a device ``a``, for which a key is kept in a file."""
    target = serve()
    target.tree._targets.devices.reservations = ReservationFolder(tmp_path)
    add(target.tree)
    target.luns("add a 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with Session(target.url) as session:
        session.scan()[0].persistent_reserve_out(Out.REGISTER, KEPT)
    return target


def test_another_device_of_that_name_does_not_have_it(kept: Any, tmp_path: Path) -> None:
    tree = kept.tree
    tree.write("handlers/vdisk_ram/mgmt", "del_device a")
    with pytest.raises(
        TreeError, match="persistent reservations of '.*-a', and this unit is 'other'"
    ) as info:
        add(tree, "a t10_dev_id=other;")
    assert info.value.errno == errno.EINVAL
    (tmp_path / "a.pr").unlink()
    add(tree, "a t10_dev_id=other;")
    tree.write("devices/a/t10_dev_id", "third")
    assert not (tmp_path / "a.pr").exists(), "nothing is kept"


def test_what_is_kept_follows_the_identity(kept: Any, tmp_path: Path) -> None:
    tree = kept.tree
    folder, away = tmp_path, tmp_path.with_name("away")
    folder.rename(away)
    with pytest.raises(TreeError) as info:
        tree.write("devices/a/t10_dev_id", "new")
    assert info.value.errno == errno.ENOENT
    assert tree.read("devices/a/t10_dev_id").endswith("-a\n")
    away.rename(folder)
    tree.write("devices/a/t10_dev_id", "new")
    tree.write("handlers/vdisk_ram/mgmt", "del_device a")
    with pytest.raises(TreeError, match="'new'"):
        add(tree)
    add(tree, "a t10_dev_id=new;")
    kept.luns("add a 256")
    with Session(kept.url) as session:
        assert session.scan()[0].persistent_reserve_in(0).keys == [9]


def test_a_device_with_a_long_name(tmp_path: Path) -> None:
    with contextlib.closing(Tree(reservations=ReservationFolder(tmp_path))) as tree:
        add(tree, "\u6f22" * 64)
        assert tree.read("devices/" + "\u6f22" * 64 + "/pr_file_name").startswith(f"{tmp_path}/%E6%BC%A2")
