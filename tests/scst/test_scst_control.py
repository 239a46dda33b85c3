"""The control socket: the same tree from another process, and whatever else somebody may send to it."""

import contextlib
import errno
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pysrp.errors import ConfigError, UnavailableError
from pysrp.scst.control import CONNECTIONS, LONGEST, Client, Control, socket_of
from pysrp.scst.files import Filesystem
from pysrp.scst.grammar import TreeError, refuse
from pysrp.scst.nodes import Directory, Folder, Symlink, attribute, line


class Value(Directory):
    def __init__(self):
        self.text = "one"
        self.gate = threading.Event()

    @attribute
    def value(self):
        return line(self.text)

    @value.store
    def value_store(self, text):
        if text == "wait\n":
            self.gate.wait()
        if text == "no\n":
            raise refuse(errno.EBADSLT, "not this one")
        if text == "bug\n":
            raise KeyError("a bug")
        self.text = text.rstrip("\n")


@pytest.fixture
def value():
    value = Value()
    yield value
    value.gate.set()


@pytest.fixture
def tree(value):
    tree = Filesystem(Folder(lambda: {"v": value, "l": Symlink("v/value")}))
    yield tree
    value.gate.set()
    tree.close()


@pytest.fixture
def control(tree, tmp_path):
    with Control(tree, tmp_path / "srv.scst") as control:
        yield control


@pytest.fixture
def raw(control):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(control.path))
        sock.settimeout(20)
        with sock.makefile("rwb") as stream:
            yield stream


def ask(stream, message):
    stream.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
    stream.flush()
    return json.loads(stream.readline())


def test_a_client_sees_the_tree_as_it_is(control, tree):
    with Client(control.path) as client:
        client.write("v/value", "two\n")
        assert client.read("l") == tree.read("v/value") == "two\n"
        assert client.ls() == tree.ls() == ["l", "v"]
        assert client.stat("v/value") == tree.stat("v/value") == ("file", 0o644)
        assert client.readlink("l") == "v/value"
        client.write("v/value", '\udcff\u20ac \\ " \x01\n')
        assert client.read("v/value") == '\udcff\u20ac \\ " \x01\n'


def test_a_refusal_arrives_as_it_was(control, tree):
    with Client(control.path) as client:
        for call, args in (("write", ("v/value", "no\n")), ("read", ("nope",)), ("ls", ("v/value",))):
            with pytest.raises(TreeError) as here:
                getattr(tree, call)(*args)
            with pytest.raises(TreeError) as there:
                getattr(client, call)(*args)
            assert there.value.args == here.value.args
            assert there.value.filename == here.value.filename == args[0]


def test_what_should_not_be_is_answered_too(control, tree, caplog):
    with Client(control.path) as client:
        with pytest.raises(TreeError, match="KeyError, of which the server's log says more") as caught:
            client.write("v/value", "bug\n")
        assert (caught.value.errno, caught.value.filename) == (errno.EIO, "v/value")
        assert "KeyError: 'a bug'" in caplog.text
        assert "v/value" in caplog.text
        assert "bug\\n" not in caplog.text  # what is written may have a password
        assert client.read("v/value") == "one\n"


def test_a_write_that_waits_holds_up_nobody_else(control, value):
    with Client(control.path) as client:
        waiting = threading.Thread(target=client.write, args=("v/value", "wait\n"))
        waiting.start()
        assert client.read("v/value") == "one\n"
        value.gate.set()
        waiting.join()
        assert client.read("v/value") == "wait\n"


GARBAGE = [
    b"", b"\0", b"\xff\xfe", b"{", b"null", b"[]", b"17", b'"read"', b"{}", b'{"read": 1}', b'{"read": null}',
    b'{"read": "v/value", "ls": ""}', b'{"write": "v/value"}', b'{"write": "v/value", "text": 7}',
    b'{"write": "v/value", "texts": "x"}', b'{"write": "v/value", "texts": ["x", 7]}', b'{"write": 7, "texts": []}',
    b'{"write": "v/value", "texts": {"x": 1}}', b'{"texts": ["x"], "write": "v/value"}',
    b'{"text": "x", "write": "v/value"}', b'{"__class__": "v"}', b'{"read": ["v"]}', b'{"close": ""}',
    b"[" * 60000, b"GET / HTTP/1.1\r",
]  # fmt: skip


def test_garbage_is_einval_and_the_connection_lives(raw, value):
    for line_ in GARBAGE:
        answer = ask(raw, line_)
        assert answer["errno"] == errno.EINVAL, line_
        assert "no request" in answer["error"]
    assert ask(raw, {"read": "v/value"}) == {"ok": "one\n"}


def test_many_writes_are_few_requests(control, value):
    with Client(control.path) as client:
        texts = [f"{i:03}{'x' * 1000}\n" for i in range(200)]
        client.write_all("v/value", texts)
        assert value.text == texts[-1].strip()
        client.write_all("v/value", [])
        for bad, code in ("no\n", errno.EBADSLT), ("y" * 5000, errno.EINVAL), ("a\0", errno.EINVAL):
            for at in 0, 1, 150:
                with pytest.raises(TreeError) as caught:
                    client.write_all("v/value", [*texts[:at], bad, *texts[at:]])
                assert (caught.value.errno, caught.value.done, caught.value.filename) == (code, at, "v/value")
                if at:
                    assert value.text == texts[at - 1].strip()
        with pytest.raises(TreeError) as caught:
            client.write_all("v/nothing", texts)
        assert caught.value.errno == errno.ENOENT


def test_requests_may_come_in_pieces_and_in_heaps(raw):
    for piece in (b'{"re', b'ad": "v/va', b'lue"}\n{"ls": ""}\n{"ls"'):
        raw.write(piece)
        raw.flush()
    assert json.loads(raw.readline()) == {"ok": "one\n"}
    assert json.loads(raw.readline()) == {"ok": ["l", "v"]}
    assert ask(raw, b': "v"}') == {"ok": ["value"]}


def test_a_line_without_end_ends_the_connection(raw):
    raw.write(b"x" * (LONGEST + 1))
    raw.flush()
    assert json.loads(raw.readline())["errno"] == errno.EMSGSIZE
    with contextlib.suppress(ConnectionResetError):  # what it had not read is thrown away
        assert raw.readline() == b""


def test_whoever_is_idle_goes_when_others_come(tree: Filesystem, tmp_path: Path) -> None:
    with Control(tree, tmp_path / "idle.scst"):
        idle = [Client(tmp_path / "idle.scst") for _ in range(2 * CONNECTIONS)]
        with Client(tmp_path / "idle.scst", timeout=20) as late:
            assert late.ls() == tree.ls("")
        for client in idle:
            client.close()


def test_a_name_that_is_no_text_is_answered(tree: Filesystem, tmp_path: Path) -> None:
    with Control(tree, tmp_path / "odd.scst"), socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "odd.scst"))
        for line in (b'{"read": "\\ud800"}', b'{"ls": "\\udfff/x"}', b'{"write": "a", "text": "\\ud800"}'):
            peer.sendall(line + b"\n")
            answer = json.loads(peer.recv(LONGEST))
            assert "errno" in answer


def test_a_server_that_does_not_answer_costs_its_time_limit(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "v.scst"))
        deaf.listen(8)
        with Client(tmp_path / "v.scst", timeout=0.05) as tree:
            for call in (tree.ls, lambda: tree.read("version"), lambda: tree.write("x", "y")):
                with pytest.raises(OSError, match="did not answer within") as problem:
                    call()
                assert problem.value.errno == errno.ETIMEDOUT
        result = subprocess.run(
            [sys.executable, "-m", "pysrp.cli", "scst", "-s", str(tmp_path / "v"), "--timeout", "0.05", "ls"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 1
        assert "did not answer within 0.05 s" in result.stderr


def test_a_peer_that_leaves_in_the_middle_disturbs_nobody(control):
    for _ in range(3 * CONNECTIONS):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(control.path))
            sock.sendall(b'{"read": "v/va')
    text = ""
    while not text:
        # While the earlier peers are on their way out, there may be too many.
        with Client(control.path) as client, contextlib.suppress(TreeError):
            text = client.read("v/value")
    assert text == "one\n"


def test_without_a_thread_one_client_is_turned_away(control, tree, monkeypatch):
    begin = threading.Thread.start

    def start(thread):
        if thread.name in ("scst-peer", "scst-mgmt_0"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", start)
        with socket.socket(socket.AF_UNIX) as turned_away:
            turned_away.settimeout(60)
            turned_away.connect(str(control.path))
            assert turned_away.recv(1) == b""
        tree.write("v/value", "two")
    with Client(control.path) as client:
        assert client.read("v/value") == tree.read("v/value")


def test_the_socket_is_its_owners_and_goes_away(control):
    mode = control.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert list(control.path.parent.iterdir()) == [control.path]
    control.close()
    control.close()
    assert list(control.path.parent.iterdir()) == []


def test_a_user_who_is_not_allowed_is_hung_up_on(tree, tmp_path):
    with Control(tree, tmp_path / "s.scst", uids=[os.geteuid() + 1]), Client(tmp_path / "s.scst") as client:
        with pytest.raises(TreeError) as caught:
            client.read("v/value")
        assert caught.value.errno == errno.ENOTCONN


def test_one_server_a_socket(control, tree, tmp_path):
    with pytest.raises(ConfigError, match="a server answers there already"):
        Control(tree, control.path)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="not a socket"):
        Control(tree, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


def test_the_socket_of_a_server_that_died_is_taken_over(tree, tmp_path):
    path = tmp_path / "s.scst"
    die = f"import os, socket; s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", die], check=True)
    with pytest.raises(UnavailableError, match="no server answers"):
        Client(path)
    with Control(tree, path), Client(path) as client:
        assert client.read("l") == "one\n"


def test_a_client_outlives_its_server(tree, tmp_path):
    path = tmp_path / "s.scst"
    with Control(tree, path):
        client = Client(path)
        client.read("l")
    with pytest.raises(TreeError) as caught:
        client.read("l")
    assert caught.value.errno == errno.ENOTCONN
    with Control(tree, path):
        assert client.read("l") == "one\n"
    client.close()


def test_where_the_socket_is():
    assert str(socket_of("unix:/run/srp")) == str(socket_of("/run/srp")) == "/run/srp.scst"
    assert str(socket_of("/run/srp.scst")) == "/run/srp.scst"
    assert socket_of("vio:30000003").name == "pysrp-vio-30000003.scst"
    with pytest.raises(ConfigError):
        socket_of("local:somewhere")
