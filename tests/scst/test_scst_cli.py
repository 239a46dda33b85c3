"""``pysrp scst``: ls, cat and write against a server's control socket."""

import contextlib
import errno
import json
import os
import subprocess
import sys

import pytest

from pysrp.scst import Control, save
from pysrp.scst.fuse import unavailable

pytest.importorskip("click")

needs_fuse = pytest.mark.skipif(bool(unavailable()), reason=f"NO FUSE HERE: {unavailable()}")

COMMAND = [sys.executable, "-c", "from pysrp.scst.cli import scst; scst(prog_name='pysrp scst')"]


@pytest.fixture
def url(tree, tmp_path):
    with Control(tree, tmp_path / "vscsi.scst"):
        yield f"unix:{tmp_path}/vscsi"


@pytest.fixture
def scst(url):
    """A function that runs ``pysrp scst`` with arguments: status, output, errors."""

    def scst(*arguments, **options):
        command = [*COMMAND, *arguments, "--server", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
        return done.returncode, done.stdout, done.stderr

    return scst


def test_ls(scst, disks):
    assert scst("ls", "devices") == (0, "null0\nram000\nram001\n", "")
    status, output, _ = scst("ls", "-l", "devices/ram000")
    assert status == 0
    assert "0644 file      t10_vend_id\n" in output
    assert "0777 link      handler -> ../../handlers/vdisk_ram\n" in output
    status, output, _ = scst("ls", "--json", "devices/ram000")
    entries = {entry.pop("name"): entry for entry in json.loads(output)}
    assert entries["sync"] == {"kind": "file", "mode": "0200"}
    assert entries["handler"] == {"kind": "link", "mode": "0777", "target": "../../handlers/vdisk_ram"}
    assert entries["exported"]["kind"] == "directory"
    assert scst("ls")[1].splitlines() == [
        "class", "device_groups", "devices", "handlers", "last_sysfs_mgmt_res", "setup_id", "targets", "version",
    ]  # fmt: skip


def test_cat(scst, disks):
    assert scst("cat", "devices/ram000/size", "devices/ram000/type") == (0, "1048576\n[key]\n0\n", "")
    status, output, _ = scst("cat", "--json", "devices/ram000/size", "devices/ram000/naa_id")
    assert (status, json.loads(output)) == (
        0,
        {
            "devices/ram000/size": {"value": "1048576", "key": True},
            "devices/ram000/naa_id": {"value": "", "key": False},
        },
    )


def test_write(scst, tree, target, disks):
    luns = "/sys/kernel/scst_tgt/targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt"
    assert scst("write", luns, "add", "ram000", "256") == (0, "", "")
    assert scst("write", luns, "add ram001 512") == (0, "", "")
    assert scst("write", luns, input="del 256\nadd null0 768\n") == (0, "", "")
    assert tree.ls(f"{target.path}/luns") == ["512", "768", "mgmt"]


def test_load_and_save(scst, tree, tmp_path):
    (tmp_path / "scst.conf").write_text("HANDLER vdisk_ram {\n\tDEVICE d {\n\t\tsize_mb 3\n\t}\n}\n")
    assert scst("load", str(tmp_path / "scst.conf")) == (0, "", "")
    assert tree.read("devices/d/size_mb") == "3\n"
    status, output, _ = scst("save")
    assert (status, output) == (0, save(tree))
    assert scst("load", "-", input=output) == (0, "", "")
    status, _, errors = scst("load", "-", input="setup_id 1\nHANDLER vdisk_ram {\n")
    assert (status, errors) == (1, "pysrp: line 2: the block of HANDLER is not closed\n")
    status, _, errors = scst("load", "-", input="\nsetup_id x\n")
    assert (status, errors) == (
        1, "pysrp: setup_id: line 2: Invalid argument: setup_id: 'x' is not a number\n"
    )  # fmt: skip


def test_load_says_what_it_leaves_out_and_where_it_stops(scst, tree):
    text = "HANDLER vdisk_ram { DEVICE d { size 1M } }\nTARGET_DRIVER iscsi {\n}\n"
    assert scst("load", "-", input=text) == (
        0, "", "pysrp: line 2: TARGET_DRIVER iscsi is left out: only ibmvstgt is here\n",
    )  # fmt: skip
    assert tree.ls("devices") == ["d"]
    status, _, errors = scst("load", "-", input="\nHANDLER vdisk_nosuch {\n}\n")
    assert (status, errors.startswith("pysrp: line 2: there is no handler vdisk_nosuch: ")) == (1, True)


def test_any_bytes_are_saved_and_loaded(scst, tree, target, tmp_path):
    tree.write(f"{target.path}/comment", "f\udcffr \xe4\r and \x1b")
    status, _, errors = scst("load", "/dev/null")
    assert (status, errors) == (0, "")
    done = subprocess.run(
        [*COMMAND, "save", "--server", f"unix:{tmp_path}/vscsi"], capture_output=True, timeout=60, check=True
    )
    saved = done.stdout
    assert b'comment "f\xffr \xc3\xa4\r and \x1b"' in saved
    for arguments, given, shown in (
        (["cat", f"{target.path}/comment"], b"", b"f\xffr \xc3\xa4\r and \x1b\n[key]\n"),
        (["write", f"{target.path}/comment"], b"\xfe\xff\n", b""),
        (["cat", f"{target.path}/comment"], b"", b"\xfe\xff\n[key]\n"),
    ):
        done = subprocess.run(
            [*COMMAND, *arguments, "--server", f"unix:{tmp_path}/vscsi"],
            input=given,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, shown, b"")
    tree.write(f"{target.path}/comment", "")
    (tmp_path / "saved").write_bytes(saved)
    assert scst("load", str(tmp_path / "saved")) == (0, "", "")
    assert tree.read(f"{target.path}/comment") == "f\udcffr \xe4\r and \x1b\n[key]\n"


def test_failures_name_the_errno_and_say_what_to_do(scst, disks):
    for arguments, code, hint in (
        (("write", "handlers/vdisk_ram/mgmt", "add_device", "ram000"), errno.EEXIST, "del_device it first"),
        (("write", "version", "8"), errno.EACCES, "can only be read"),
        (("cat", "devices/ram000/sync"), errno.EACCES, "can only be written"),
        (("cat", "devices"), errno.EISDIR, "ls shows its files"),
        (("ls", "devices/nope"), errno.ENOENT, "'nope'"),
    ):
        status, output, errors = scst(*arguments)
        assert (status, output) == (1, "")
        assert errors.startswith(f"pysrp: {arguments[1]}: {os.strerror(code)}: ")
        assert hint in errors
        assert errors.count("\n") == 1


@pytest.mark.slow
def test_where_the_server_is_said(url, tree):
    def run(*arguments, **environment):
        environment = {**os.environ, **environment}
        done = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env=environment
        )
        return done.returncode, done.stdout + done.stderr

    found = (0, "ibmvstgt\n")
    assert run("-s", url, "ls", "targets") == found
    assert run("ls", "targets", "-s", url) == found
    assert run("-s", "unix:/nowhere", "ls", "-s", url, "targets") == found
    assert run("ls", "targets", PYSRP_SERVER=url) == found
    # What is typed wins over the environment, wherever it is typed.
    assert run("-s", url, "ls", "targets", PYSRP_SERVER="unix:/nowhere") == found
    assert run("ls", "targets", "-s", url, PYSRP_SERVER="unix:/nowhere") == found
    for typed, status, text in (("unix:/nowhere", 1, "/nowhere.scst"), ("", 2, "Whose tree?")):
        for arguments in (("-s", typed, "ls"), ("ls", "-s", typed)):
            done = run(*arguments, PYSRP_SERVER=url)
            assert (done[0], text in done[1]) == (status, True), done
    assert run("ls")[0] == 2
    assert run("ls", PYSRP_SERVER="")[0] == 2
    status, output = run("ls", "--help")
    assert (status, "List a directory" in output) == (0, True)


def test_without_a_server(tmp_path):
    done = subprocess.run(
        [*COMMAND, "ls", "-s", f"unix:{tmp_path}/none"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "no server answers" in done.stderr
    done = subprocess.run(
        [*COMMAND, "ls", "-s", "local:somewhere"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "unix:PATH" in done.stderr


@contextlib.contextmanager
def mounted(url, where):
    """``pysrp scst mount`` in a process of its own, until the block ends."""
    where.mkdir()
    with subprocess.Popen(
        [*COMMAND, "mount", "-s", url, str(where)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == f"{where} is the tree of {url}; Ctrl-C unmounts it\n"
        yield process
        process.terminate()
        assert process.wait(60) == 0


@needs_fuse
def test_mount(url, tree, tmp_path):
    device = tmp_path.stat().st_dev
    where = tmp_path / "tree"
    with mounted(url, where):
        # What is announced is there: nothing has to be waited for.
        assert where.stat().st_dev != device
        assert (where / "version").read_text() == tree.read("version")
    assert where.stat().st_dev == device


@needs_fuse
def test_a_mount_says_why_a_write_was_refused(url, tmp_path):
    """The shell that wrote knows "Invalid argument", or, dash, "I/O error"."""
    with mounted(url, tmp_path / "tree") as process:
        with pytest.raises(OSError, match="Invalid argument"):
            (tmp_path / "tree/handlers/vdisk_ram/mgmt").write_text("add_device a size=lots\n")
        lines = iter(process.stderr.readline, "")
        said = next(line for line in lines if line.startswith("pysrp: "))  # libfuse has lines of its own
    assert said == "pysrp: handlers/vdisk_ram/mgmt: Invalid argument: size: 'lots' is not a number\n"


@needs_fuse
def test_a_server_starts_programs_in_its_own_tree_mounted_by_another(url, tree, tmp_path):
    # Python 3.10 holds the interpreter's lock until the program has changed into the folder, which asks the server.
    where = tmp_path / "tree"
    with mounted(url, where):
        done = subprocess.run(["cat", "version"], cwd=where, capture_output=True, text=True, check=True)
    assert done.stdout == tree.read("version")
