"""An export of an NBD server as a device of SCST's tree."""

from __future__ import annotations

import errno
from contextlib import closing
from pathlib import Path

import pytest

from nbd_servers import NbdServer
from pysrp.scst import Tree, TreeError, load, save
from waiting import until

SIZE = 1 << 20


def test_a_device_of_it(tmp_path: Path) -> None:
    """What scst.conf says of it is all that there is to say; another size is told when somebody asks for it."""
    with NbdServer(tmp_path, "memory", SIZE) as server, closing(Tree()) as tree:
        tree.write("handlers/vdisk_nbd/mgmt", f'add_device data url="{server.uri}&limit=90s"')
        assert tree.read("devices/data/url") == f"{server.uri}&limit=90s\n[key]\n"
        assert tree.read("devices/data/rotational") == "0\n"
        assert tree.read("devices/data/status").startswith(
            "connected=1 connections=1 under_way=0 times_connected=1"
        )
        text = save(tree)
        tree.write("handlers/vdisk_nbd/mgmt", "del_device data")
        load(tree, text)
        assert save(tree) == text
        server.replace("memory", 2 * SIZE)
        until(lambda: "times_connected=2" in tree.read("devices/data/status"))
        tree.write("devices/data/resync_size", "1")
        assert tree.read("devices/data/size") == f"{2 * SIZE}\n"
        with pytest.raises(TreeError, match=r"vdisk_url takes others") as caught:
            tree.write("handlers/vdisk_nbd/mgmt", "add_device more url=ram:1M")
        assert caught.value.errno == errno.EINVAL
        with pytest.raises(TreeError, match="is missing"):
            tree.write("handlers/vdisk_nbd/mgmt", "add_device more")
        assert "nbd+unix:" in tree.read("handlers/vdisk_nbd/mgmt")


def test_a_device_whose_server_is_gone(tmp_path: Path) -> None:
    """Who asks for a flush is told what is wrong, what it means, and what to do; also through another medium."""
    with NbdServer(tmp_path, "memory", SIZE) as server, closing(Tree()) as tree:
        url = server.uri
        tree.write("handlers/vdisk_nbd/mgmt", f'add_device data url="{url}"')
        tree.write("handlers/vdisk_url/mgmt", f'add_device faulty url="fault:{url}"')
        tree.write("handlers/vdisk_url/mgmt", f'add_device cut url="power-cut:{url}"')
        tree.write("devices/data/sync", "1")
        backends = {name: each.backend for name, each in tree._targets.devices.by_name.items()}
        for medium in backends["data"], backends["faulty"].medium:
            medium.limit = 0.02
        server.kill()
        until(lambda: tree.read("devices/data/status").startswith("connected=0"))
        for name in "data", "faulty":
            with pytest.raises(TreeError) as caught:
                tree.write(f"devices/{name}/sync", "1")
            assert caught.value.errno == errno.ETIMEDOUT
            assert server.uri in str(caught.value)
            assert "what was written last may be lost; the server is away (" in str(caught.value)
        until(lambda: "the server is away" in backends["cut"].trouble())
        server.begin("memory", SIZE)
        until(lambda: not any(each.trouble() for each in backends.values()))
        for medium in backends["data"], backends["faulty"].medium:
            medium.limit = 60
        for name in "data", "faulty":
            tree.write(f"devices/{name}/sync", "1")


def test_too_small_by_now(tmp_path: Path) -> None:
    with NbdServer(tmp_path, "memory", 4096) as server, closing(Tree()) as tree:
        tree.write("handlers/vdisk_nbd/mgmt", f'add_device data url="{server.uri}"')
        tree._targets.devices.by_name["data"].given.blocksize = 8192
        with pytest.raises(TreeError, match="4096 bytes now, a block 8192"):
            tree.write("devices/data/resync_size", "1")
