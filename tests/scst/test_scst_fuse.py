"""The tree in a real shell, through FUSE: the README's own lines, and errnos as the shell reports them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pysrp.errors import UnavailableError
from pysrp.initiator.session import Session
from pysrp.scst import Client, Control, Mount, TreeError
from pysrp.scst.fuse import unavailable

EXAMPLES = Path(__file__).parents[2] / "examples"

DD = "LD_PRELOAD= dd"
"""It finds no memory with the sanitizers that make sanitize preloads."""

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"NO FUSE HERE: {unavailable()}")


@pytest.fixture(params=["in the server's process", "through the control socket"])
def root(request, tree, tmp_path):
    """Where the tree is mounted, by the server itself or by a client of it."""
    where = tmp_path / "tree"
    where.mkdir()
    if request.param == "in the server's process":
        with Mount(tree, where):
            yield where
    else:
        with Control(tree, tmp_path / "c.scst"), Client(tmp_path / "c.scst") as client, Mount(client, where):
            yield where


@pytest.fixture
def shell(root):
    """A function that runs a line of shell in the root of the mounted tree: status, output, errors."""

    def shell(line):
        # bash, because the echo of others tells nothing about why a write failed.
        command = ["bash", "-c", line]
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C"}
        )
        return done.returncode, done.stdout, done.stderr

    return shell


def works(shell, line):
    status, output, errors = shell(line)
    assert (status, errors) == (0, ""), line
    return output


def fails(shell, line, why):
    status, _, errors = shell(line)
    assert status, line
    assert why in errors, line


def test_the_readmes_shell_part(root, target):
    done = subprocess.run(
        ["sh", EXAMPLES / "ibmvstgt-readme.sh", root], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    here = f"{root}/targets/ibmvstgt/ibmvstgt_target_0"
    luns = [str(256 * i) for i in range(1, 17)]
    assert done.stdout.splitlines() == [
        f"# ls {root}/devices",
        *(f"ram{i:03}" for i in range(16)),
        f"# cat {here}/addr_method",
        "LUN",
        f"# ls {here}/luns",
        *sorted([*luns, "mgmt"]),
        f"# cat {here}/enabled",
        "1",
    ]
    with Session(target.url, host=2) as session:
        disks = session.scan(channels=[0], ids=range(32))
        assert [str(disk.hctl.id) for disk in disks] == [str(i) for i in range(1, 17)]
        assert {(disk.vendor, disk.product, disk.revision) for disk in disks} == {
            ("IBM", "VDASD blkdev", "0001")
        }


def test_the_shell_sees_errnos(shell, target, disks):
    luns = f"{target.path}/luns/mgmt"
    works(shell, f'echo "add ram000 256" >{luns}')
    for line, why in (
        (f'echo "add ram000 256" >{luns}', "File exists"),
        (f'echo "add ram009 512" >{luns}', "Invalid argument"),
        (f'echo "del 512" >{luns}', "Invalid argument"),
        (f'echo "add ram000 0x10000000000000000" >{luns}', "out of range"),
        ('echo "add_device ram000" >handlers/vdisk_ram/mgmt', "File exists"),
        ('echo "add_device f filename=/nowhere" >handlers/vdisk_fileio/mgmt', "No such file"),
        ("echo 8 >version", "Permission denied"),
        ("cat devices/ram000/sync", "Permission denied"),
        ("echo >devices/ram000/nothing", "Permission denied"),
        ("cat devices/ram000/nothing", "No such file"),
        ("mkdir devices/ram777", "Operation not permitted"),
        ("rmdir devices/ram000", "Operation not permitted"),
        ("rm devices/ram000/size", "Operation not permitted"),
        ("mv devices/ram000 devices/ram001", "Operation not permitted"),
        ("ln -s x devices/y", "Operation not permitted"),
        ("cat devices", "Is a directory"),
        ("ls version/x", "Not a directory"),
    ):
        fails(shell, line, why)
    assert works(shell, "cat last_sysfs_mgmt_res") == "-2\n"


def test_errno_of_a_taken_id_is_ebadslt(shell, serve):
    one, two = serve(), serve()
    works(shell, f"echo 1 >{one.path}/enabled; echo 1 >{two.path}/rel_tgt_id")
    fails(shell, f"echo 1 >{two.path}/enabled", "Invalid slot")


def test_files_look_like_those_of_sysfs(shell, target, disks):
    works(shell, f'echo "add ram000 256" >{target.path}/luns/mgmt')
    assert works(
        shell, "stat -c '%A %F' version setup_id devices/ram000/sync devices devices/ram000/handler"
    ) == (
        "-r--r--r-- regular file\n-rw-r--r-- regular file\n--w------- regular file\ndrwxr-xr-x directory\n"
        "lrwxrwxrwx symbolic link\n"
    )
    assert works(shell, "readlink devices/ram000/exported/export0") == f"../../../{target.path}/luns/256\n"
    assert works(shell, "cat devices/ram000/exported/export0/device/size_mb") == "1\n"
    assert works(shell, f"cd {target.path}/luns/256/device && cat ../../version") == works(
        shell, "cat version"
    )
    assert works(shell, "ls devices/null0/handler/") == "mgmt\nnull0\ntype\n"


def test_nothing_is_cached(shell, tree, target, disks):
    assert works(shell, "cat devices/null0/size_mb; ls devices") == "1\nnull0\nram000\nram001\n"
    tree.write("devices/null0/size_mb", "2")
    tree.write("handlers/vdisk_ram/mgmt", "del_device ram001")
    assert works(shell, "cat devices/null0/size_mb; ls devices") == "2\nnull0\nram000\n"


def test_a_file_is_read_as_one_text_and_written_in_one_piece(shell, tree, disks):
    path = "devices/null0/prod_id"
    works(shell, f"printf 'a disk\\n' >{path}; printf 'b disk' >>{path}")
    assert works(shell, f"{DD} if={path} bs=1 2>/dev/null") == "b disk\n[key]\n"
    assert works(shell, f"exec 3<{path}; read -r first <&3; echo c >{path}; cat <&3; echo $first") == (
        "[key]\nb disk\n"
    )
    works(shell, f"truncate -s 0 {path}; touch {path}")
    assert tree.read(path) == "c\n[key]\n"
    fails(
        shell,
        f"head -c 5000 /dev/zero | tr '\\0' x | {DD} of={path} bs=5000 count=1 iflag=fullblock",
        "Invalid argument",
    )


def test_a_broken_pipe_is_an_error_after_a_mount_too(tree, tmp_path):
    """libfuse must not leave SIGPIPE at its default, which ends the process."""
    where = tmp_path / "tree"
    where.mkdir()
    for _ in range(2):
        with Mount(tree, where):
            pass
        status = Path("/proc/self/status").read_text()
        handled = {name: int(mask, 16) for name, mask in re.findall(r"Sig(Ign|Cgt):\s*(\w+)", status)}
        assert (handled["Ign"] | handled["Cgt"]) >> (signal.SIGPIPE - 1) & 1
        reader, writer = os.pipe()
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            os.write(writer, b"x")
        os.close(writer)


def test_a_process_that_mounts_stays_in_its_folder(tree, tmp_path, monkeypatch):
    (tmp_path / "tree").mkdir()
    monkeypatch.chdir(tmp_path)
    with Mount(tree, "tree"):
        assert Path.cwd() == tmp_path
        assert Path("tree/version").read_text() == tree.read("version")
    assert Path.cwd() == tmp_path


def test_mounting_where_nothing_can_be_mounted(tree, tmp_path):
    with pytest.raises(TreeError):
        Mount(tree, tmp_path / "file-that-is-not-there")


def test_a_mount_of_a_server_that_is_gone(tree, tmp_path):
    where = tmp_path / "tree"
    where.mkdir()
    control = Control(tree, tmp_path / "c.scst")
    with Client(tmp_path / "c.scst") as client, Mount(client, where):
        assert (where / "version").exists()
        control.close()
        with pytest.raises(OSError, match="not connected"):
            (where / "version").read_text()


def test_without_mfusepy_it_says_what_to_install(tmp_path):
    (tmp_path / "mfusepy.py").write_text("raise ImportError('no module named mfusepy')")
    line = "from pysrp.scst import Tree, mount; mount(Tree(), '/tmp')"
    done = subprocess.run(
        [sys.executable, "-c", line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "LD_PRELOAD": os.environ.get("LD_PRELOAD", "")},
    )
    assert (
        f"{UnavailableError.__name__}: a FUSE mount needs mfusepy: pip install 'pysrp-vscsi[fuse]'"
        in done.stderr
    )
