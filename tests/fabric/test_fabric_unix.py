"""unix: what two processes can do to each other, by dying or by lying."""

import contextlib
import fcntl
import os
import random
import selectors
import socket
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from pysrp._fast import fabric as fast

from descriptors import none_left, open_ones
from fabric_rig import INIT, WINDOW, Unix, element
from pysrp import fabric
from pysrp.errors import ConfigError, HcallError, PartnerGone, TransportError
from pysrp.fabric import Identity, shm

FAILED = bytes([0xFF, 1]) + bytes(14)
FREED = bytes([0xFF, 2]) + bytes(14)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "crq"


@pytest.fixture
def url(path):
    return f"unix:{path}"


@pytest.fixture
def listener(url):
    with fabric.listen(url, window_size=WINDOW) as listener:
        yield listener


@pytest.fixture
def pair(tmp_path):
    with ExitStack() as stack:
        client, server = Unix().pair(stack, tmp_path, window_size=WINDOW)
        client.register()
        server.register()
        yield client, server


def poll_until(port, last):
    """Everything up to and including that element."""
    got = []
    while not got or got[-1] != last:
        assert port.wait(60)
        got += port.poll()
    return got


class TestTwoProcesses:
    def test_conversation(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            assert server.register() is False
            address = client.run(
                "memory = port.allocate(100000); memoryview(memory)[:] = bytes(range(250)) * 400;"
                "port.register(); port.send(bytes([0xC0, 1]) + bytes(14)); result = memory.address"
            )
            assert poll_until(server, INIT) == [INIT]
            mine = server.allocate(100000)
            server.copy_in(address, mine)
            assert bytes(mine) == bytes(range(250)) * 400
            memoryview(mine)[:] = bytes(100000)
            server.copy_out(mine, address)
            assert client.run("result = bytes(memory) == bytes(100000)")

    def test_stream(self, listener, url, partner):
        total = 100_000
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.start(
                f"port.register()\nsent, total = 0, {total}\nwhile sent < total:\n"
                "    numbers = range(sent, min(total, sent + 400))\n"
                "    sent += port.send_many(bytes([0x80]) + i.to_bytes(15, 'big') for i in numbers)"
            )
            number = 0
            while number < total:
                assert server.wait(60)
                for one in server.poll(4096):
                    assert one == bytes([0x80]) + number.to_bytes(15, "big")
                    number += 1

    def test_echo(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.start("port.register()\nwhile port.wait(60):\n    port.send_many(port.poll())")
            while not server.connected:
                pass
            for i in range(3000):
                server.send(element(i))
                assert poll_until(server, element(i)) == [element(i)]


class TestDeath:
    def test_of_the_client(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.run("port.register(); port.send(bytes([0xC0, 1]) + bytes(14))")
            client.kill()
            assert poll_until(server, FAILED) == [INIT, FAILED]
            assert server.ended
            assert server.partner is None
            with pytest.raises(PartnerGone):
                server.send(INIT)
            assert server.poll() == []
        again = partner("connect", url)
        with listener.accept(60) as server:
            again.run("port.register()")
            assert server.register() is True

    def test_of_a_client_that_was_not_registered(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.kill()
            assert server.wait(None)
            assert server.poll() == []
            assert server.ended

    def test_with_the_queue_full(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            assert (
                client.run("port.register(); result = port.send_many([bytes([0x80]) + bytes(15)] * 300)")
                == 256
            )
            client.kill()
            server.attend()  # else poll would make room before the death is noticed
            last = bytes([0xFF, 1, 0, 0x20]) + bytes(12)
            assert server.poll(1000) == [bytes([0x80]) + bytes(15)] * 255 + [last]

    def test_noticed_by_polling_alone(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.run("port.register()")
            client.kill()
            while not (got := server.poll()):
                pass
            assert got == [FAILED]

    def test_noticed_by_sending_alone(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            client.run("port.register()")
            client.kill()
            for _ in range(server.queue_size // 16):
                server.send(INIT)
            with pytest.raises(PartnerGone):
                server.send(INIT)

    def test_makes_the_descriptor_readable(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server, selectors.DefaultSelector() as selector:
            server.register()
            client.run("port.register()")
            selector.register(server, selectors.EVENT_READ)
            client.kill()
            assert selector.select(60)
            assert server.poll() == [FAILED]

    def test_of_the_server_and_return(self, url, partner):
        first = partner("listen", url)
        first.result()
        with fabric.connect(url, window_size=WINDOW, timeout=0) as client:
            first.run("port = listener.accept(60); port.register()")
            client.poll()
            memory = client.allocate(100)
            assert client.register() is True
            memoryview(memory)[:4] = b"kept"
            first.run("port.send(bytes([0xC0, 1]) + bytes(14))")
            first.kill()
            assert poll_until(client, FAILED) == [INIT, FAILED]
            assert not client.ended
            assert not client.connected
            with pytest.raises(PartnerGone):
                client.send(INIT)
            # The dead server's socket file is still there; the next one replaces it.
            second = partner("listen", url)
            second.result()
            second.start(
                "port = listener.accept(60); result = [port.register()]; memory = port.allocate(4)\n"
                "while not result[-1]: result.append(port.connected)\n"
                f"port.copy_in({memory.address}, memory); port.send(bytes([0x80]) * 12 + bytes(memory))"
            )
            assert poll_until(client, bytes([0x80]) * 12 + b"kept")
            assert second.result() == [True]
            assert client.connected

    def test_killed_at_any_moment(self, listener, url, partner):
        random.seed(20240229)
        for _ in range(12):
            client = partner("connect", url)
            with listener.accept(60) as server:
                mine = server.allocate(65536)
                server.register()
                address = client.run(
                    "port.register(); memory = port.allocate(65536); result = memory.address"
                )
                client.start(
                    "some = [bytes([0x80, i]) + bytes(14) for i in range(100)]\n"
                    "while True: port.send_many(some); port.poll()"
                )
                for _ in range(random.randrange(300)):
                    server.send_many(server.poll())
                    server.copy_in(address, mine)
                client.kill()
                events = []
                while not server.ended or server.available_now:
                    events += [one for one in server.poll() if one[0] != 0x80]
                assert [one[:2] for one in events] == [b"\xff\x01"]

    def test_window_survives_the_client(self, listener, url, partner):
        client = partner("connect", url)
        with listener.accept(60) as server:
            server.register()
            address = client.run(
                "port.register(); m = port.allocate(4096); memoryview(m)[:4] = b'data'; result = m.address"
            )
            view = server.window(address, 4096, fabric.Access.BOTH)
            client.kill()
            poll_until(server, FAILED)
            assert bytes(view[:4]) == b"data"
            view[:4] = b"late"
            with pytest.raises(HcallError):
                server.window(address, 4096)


class TestSeeking:
    def test_client_before_its_server(self, url):
        with fabric.connect(url, timeout=0) as client:
            assert client.register() is False
            assert "No such file" in client.problem
            with fabric.listen(url) as listener, selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                assert selector.select(60)
                client.poll()
                with listener.accept(60) as server:
                    assert selector.select(60)
                    client.poll()
                    assert server.register() is True
                    server.send(INIT)
                    assert client.poll() == [INIT]

    def test_registration_reaches_a_slow_server(self, listener, url):
        """Whatever a client does before it is accepted, the server's H_REG_CRQ tells the truth."""
        with fabric.connect(url, timeout=0) as client:
            assert client.register() is False
            with listener.accept(60) as server:
                assert server.register() is True
                server.send(INIT)
                assert client.poll() == [INIT]
            client.poll()
            client.free()
            with listener.accept(60) as server:
                assert server.register() is False
                client.poll()
                assert client.register() is True
                assert server.connected
        assert listener.accept(0) is None

    def test_killed_before_it_was_accepted(self, listener, url, partner):
        client = partner("connect", url)
        listener.accept(60).close()
        client.run("port.register()")
        client.kill()
        assert listener.accept(0) is None

    def test_nobody_comes(self, url, path):
        with pytest.raises(TransportError, match=r"crq: No such file"):
            fabric.connect(url, timeout=0.001)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
            dead.bind(str(path))
        with pytest.raises(TransportError, match=r"Connection refused"):
            fabric.connect(url, timeout=0.001)

    def test_nobody_answers(self, listener, url):
        with pytest.raises(TransportError, match="does not answer"):
            fabric.connect(url, timeout=0.001)
        assert listener.accept(0) is None

    def test_no_directory(self, tmp_path):
        with pytest.raises(TransportError, match="No such file"):
            fabric.connect(f"unix:{tmp_path}/no/crq")
        with pytest.raises(TransportError, match="No such file"):
            fabric.listen(f"unix:{tmp_path}/no/crq")

    def test_server_closes_one_connection(self, pair, listener_again):
        client, server = pair
        server.send(INIT)
        server.close()
        assert poll_until(client, FREED) == [INIT, FREED]
        client.poll()
        other = listener_again.accept(60)
        client.poll()
        assert client.partner == Identity()
        assert other.register() is True
        other.close()

    @pytest.fixture
    def listener_again(self, pair, url):
        with fabric.listen(url) as listener:
            yield listener


class TestListening:
    @pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
    def test_permissions(self, url, path, mode):
        old = os.umask(0o077)
        try:
            with fabric.listen(url, mode=mode):
                assert path.stat().st_mode & 0o777 == mode
        finally:
            os.umask(old)

    def test_default_permissions(self, listener, path):
        assert path.stat().st_mode & 0o777 == 0o600

    def test_leaves_nothing_behind(self, url, path):
        listener = fabric.listen(url)
        assert [p.name for p in path.parent.iterdir()] == ["crq"]
        listener.close()
        listener.close()
        assert list(path.parent.iterdir()) == []

    def test_taken(self, listener, url):
        with pytest.raises(ConfigError, match="somebody listens there already"):
            fabric.listen(url)
        fabric.connect(url, timeout=0).close()

    def test_stale(self, url, path, partner):
        first = partner("listen", url)
        first.result()
        first.kill()
        assert path.is_socket()
        fabric.listen(url).close()

    def test_not_a_socket(self, url, path):
        path.write_text("precious")
        with pytest.raises(ConfigError, match="not a socket"):
            fabric.listen(url)
        assert path.read_text() == "precious"

    def test_does_not_remove_another_s_socket(self, url, path):
        listener = fabric.listen(url)
        path.unlink()
        with fabric.listen(url):
            listener.close()
            assert path.is_socket()

    def test_long_path(self, tmp_path):
        with pytest.raises(ConfigError, match="longer"):
            fabric.listen(f"unix:{tmp_path}/{'x' * 200}")
        with pytest.raises(ConfigError):
            fabric.connect("unix:")

    def test_wrong_user(self, url):
        stranger = os.geteuid() + 1
        with fabric.listen(url, uids={stranger}) as listener:
            with fabric.connect(url, timeout=0) as client:
                assert listener.accept(0) is None
                client.poll()
                assert "is not allowed" in client.problem
                assert client.refused
            with pytest.raises(TransportError, match="is not allowed"):
                fabric.connect(url, uids={stranger})

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
    def test_really_wrong_user(self):
        with (
            tempfile.TemporaryDirectory() as directory,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger,
        ):
            Path(directory).chmod(0o711)
            with fabric.listen(f"unix:{directory}/crq", mode=0o666) as listener:
                os.seteuid(65534)
                try:
                    stranger.connect(f"{directory}/crq")
                    stranger.send(b"let me in")
                finally:
                    os.seteuid(0)
                assert listener.accept(0) is None
                assert b"user 65534 is not allowed" in stranger.recv(4096)


class TestIsolation:
    def test_two_clients(self, listener, url):
        with ExitStack() as stack:
            ends = []
            for name in (b"first", b"other"):
                client = stack.enter_context(fabric.connect(url, timeout=0, window_size=WINDOW))
                server = stack.enter_context(listener.accept(60))
                client.poll()
                client.register()
                server.register()
                memory = client.allocate(PAGE := 4096)
                memoryview(memory)[:5] = name
                ends.append((client, server, memory, name))
            assert ends[0][2].address == ends[1][2].address
            for client, server, memory, name in ends:
                mine = server.allocate(PAGE)
                server.copy_in(memory.address, mine)
                assert bytes(memoryview(mine)[:5]) == name
                client.send(bytes([0x80]) + name + bytes(10))
            for _, server, _, name in ends:
                assert server.poll() == [bytes([0x80]) + name + bytes(10)]

    def test_nothing_left_for_the_next(self, listener, url):
        for _ in range(2):
            with fabric.connect(url, timeout=0, window_size=WINDOW) as client, listener.accept(60) as server:
                client.poll()
                assert bytes(client.region) == bytes(len(client.region))
                server.register()
                client.register()
                memory = client.allocate(4096)
                memoryview(memory)[:6] = b"secret"
                server.send(INIT)


class TestLies:
    """A client, or a server, that is not ours."""

    @pytest.fixture
    def call(self, listener, path):
        """A raw connection that has sent a greeting: gives the answer, None if a port came of it."""
        with ExitStack() as stack:

            def call(data, fds=()):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                sock.connect(str(path))
                socket.send_fds(sock, [data], fds)
                port = listener.accept(0)
                if port is None:
                    answer = sock.recv(4096)
                    return shm._Greeting.unpack(answer).refusal if answer else ""
                stack.enter_context(port)
                return None

            yield call

    @staticmethod
    def memfd(size, seals=shm.SEALS):
        fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return fd

    def hello(self, queue=4096, window=WINDOW):
        return shm._Greeting(Identity(), queue, window).pack()

    def test_garbage(self, call):
        good = self.hello()
        for data in (b"\0", b"GET / HTTP/1.1\r\n\r\n", bytes(len(good)), good[:-1], good + b"x", good * 2):
            assert "not a pysrp greeting" in call(data)
        assert "version" in call(good[:8] + b"\xff" + good[9:])

    def test_sizes(self, call):
        fd = self.memfd(fast.window_bytes(WINDOW))
        for queue in (0, 1, 4095, 1 << 40, (1 << 64) - 4096):
            assert "queue" in call(self.hello(queue=queue), [fd])
        for window in (0, 1, WINDOW + 1, 1 << 40, (1 << 64) - 4096):
            assert "window" in call(self.hello(window=window), [fd])
        assert "announced" in call(self.hello(window=WINDOW * 2), [fd])
        assert call(self.hello(window=4096), [fd])
        os.close(fd)

    def test_descriptors(self, call, tmp_path):
        assert "without a window" in call(self.hello())
        size = fast.window_bytes(WINDOW)
        (tmp_path / "file").write_bytes(bytes(size))
        files = [
            os.open(tmp_path / "file", os.O_RDWR),
            os.open("/dev/null", os.O_RDWR),
            os.open("/dev/zero", os.O_RDWR),
            self.memfd(size, seals=fcntl.F_SEAL_GROW),
        ]
        for fd in files:
            assert "sealed" in call(self.hello(), [fd])
        files.append(self.memfd(size - 4096))
        assert "announced" in call(self.hello(), [files[-1]])
        files.append(self.memfd(size, shm.SEALS | fcntl.F_SEAL_WRITE))
        assert "mapped" in call(self.hello(), [files[-1]])
        files.append(self.memfd(size))
        assert call(self.hello(), [files[-1]] * 2)
        assert call(self.hello(), [files[-1]]) is None
        for fd in files:
            os.close(fd)

    def test_no_descriptor_leaks(self, call):
        fd = self.memfd(fast.window_bytes(WINDOW))
        call(self.hello(), [fd] * 3)
        before = len(open_ones())
        for _ in range(20):
            call(self.hello(), [fd] * 3)
        assert len(open_ones()) <= before + 20  # the test's own sockets
        os.close(fd)

    def test_silent_clients_hold_up_nobody(self, listener, path, url):
        with ExitStack() as stack:
            for _ in range(shm.MAX_PENDING + 10):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                sock.connect(str(path))
                assert listener.accept(0) is None
            client = stack.enter_context(fabric.connect(url, timeout=0))
            stack.enter_context(listener.accept(60))
            client.poll()
            assert client.partner is not None

    def test_client_that_talks(self, pair):
        """After its greeting nobody listens; the kernel says so to who tries."""
        client, server = pair
        with pytest.raises(BrokenPipeError):
            client._socket.send(b"more")
        assert not server.wait(0)
        assert not server.ended
        client.close()
        while not server.ended:
            assert server.wait(60)
            server.poll()

    def test_server_that_talks(self, pair):
        client, server = pair
        server._socket.send(b"more")
        assert client.wait(60)
        assert client.poll() == [FAILED]
        assert server.wait(60)
        assert server.ended

    def test_truncation(self, pair):
        client, _ = pair
        size = os.fstat(client._window.fileno()).st_size
        for attempt in (
            lambda: os.ftruncate(client._window.fileno(), 0),
            lambda: os.ftruncate(client._window.fileno(), size * 2),
            lambda: fcntl.fcntl(client._window.fileno(), fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
        ):
            with pytest.raises(PermissionError):
                attempt()
        assert os.fstat(client._window.fileno()).st_size == size
        assert fcntl.fcntl(client._window.fileno(), fcntl.F_GET_SEALS) & shm.SEALS == shm.SEALS

    def test_queues_are_sealed(self, listener, url, path, monkeypatch):
        made = []
        memfd = shm._memfd
        monkeypatch.setattr(
            shm, "_memfd", lambda name, size: made.append(os.dup(fd := memfd(name, size))) or fd
        )
        with fabric.connect(url, timeout=0), listener.accept(60):
            assert len(made) == 2
            for fd in made:
                with pytest.raises(PermissionError):
                    os.ftruncate(fd, 0)
                os.close(fd)

    def test_garbage_in_the_queue(self, pair):
        """Whatever a client writes to the shared memory: elements or nothing come out, in finite time."""
        client, server = pair
        shared = memoryview(client.link_region)
        rng = random.Random(7)
        for round_ in range(200):
            part = rng.choice((slice(0, 4096), slice(4096, 8192), slice(8192, 12288), slice(0, 12288)))
            shared[part] = rng.randbytes(part.stop - part.start)
            for _ in range(4):
                got = server.poll(10000)
                assert all(len(one) == 16 and one[0] & 0x80 for one in got)
                try:
                    server.send_many([element(round_)] * 10)
                    server.copy_in(rng.getrandbits(64), server.allocate(10))
                except (HcallError, PartnerGone):
                    pass
                server.wait(0)
        assert server.discarded

    def test_headers_that_nobody_could_send(self, pair):
        client, server = pair
        queue = memoryview(client.link_region)[8192:12288]
        queue[0:16] = bytes([0x01]) + bytes(15)
        queue[16:32] = element(5)
        assert server.poll() == [element(5)]
        assert server.discarded == 1

    def test_garbage_in_the_table(self, pair):
        client, server = pair
        table = memoryview(client.region).cast("Q")[: WINDOW // 4096]
        mine = server.allocate(1 << 18)
        rng = random.Random(8)
        for _ in range(300):
            for entry in range(len(table)):
                table[entry] = rng.choice((rng.getrandbits(64), rng.getrandbits(21), entry << 12 | 3))
            for call in (
                lambda: server.copy_in(rng.randrange(WINDOW), mine, 0, rng.randrange(1 << 18)),
                lambda: server.copy_out(mine, rng.randrange(WINDOW), 0, rng.randrange(1 << 18)),
                lambda: server.window(rng.randrange(WINDOW), rng.randrange(1 << 14), rng.randrange(4)),
            ):
                with contextlib.suppress(HcallError):
                    call()
        table[5], table[6] = 1 << 63 | 3, WINDOW | 3
        for page in (5, 6):
            with pytest.raises(HcallError, match="H_PERMISSION"):
                server.copy_in(page * 4096, mine, 0, 1)

    def test_table_that_changes_under_the_copy(self, pair):
        client, server = pair
        table = memoryview(client.region).cast("Q")[: WINDOW // 4096]
        mine = server.allocate(1 << 18)
        stop = threading.Event()

        def flip():
            while not stop.is_set():
                for value in (3, (1 << 63) | 3, WINDOW | 3, 0):
                    table[20] = value
                table[20] = 20 << 12 | 3

        for entry in range(10, 74):
            table[entry] = entry << 12 | 3
        thread = threading.Thread(target=flip)
        thread.start()
        outcomes = set()
        for _ in range(3000):
            try:
                server.copy_in(10 * 4096, mine, 0, 64 * 4096)
                outcomes.add(0)
            except HcallError as problem:
                outcomes.add(problem.code)
        stop.set()
        thread.join()
        assert outcomes <= {0, -11}

    def test_bell_that_would_block(self, pair):
        client, server = pair
        mine, theirs = (bell.fileno() for bell in client._bells)
        for fd in (mine, theirs):
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK)
            os.write(fd, ((1 << 64) - 3).to_bytes(8, "little"))
        client.signal(True)
        for i in range(10):
            server.send(element(i))
            assert client.poll() == [element(i)]
            client.poll()

    @pytest.mark.parametrize("what", ["pipe", "null", "unsealed", "small", "garbage", "few"])
    def test_server_that_lies(self, path, url, what):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as false:
            false.bind(str(path))
            false.listen(1)
            with fabric.connect(url, timeout=0) as client:
                peer, _ = false.accept()
                size = fast.link_bytes(4096, 4096)
                seals = 0 if what == "unsealed" else shm.SEALS
                link = self.memfd(size - 4096 if what == "small" else size, seals)
                reading, writing = os.pipe()
                null = os.open("/dev/null", os.O_RDWR)
                bell = fast.make_bell()
                fds = [link, bell, {"pipe": writing, "null": null}.get(what, bell)]
                data = b"?" if what == "garbage" else shm._Greeting(Identity(), 4096, WINDOW).pack()
                socket.send_fds(peer, [data], fds[:2] if what == "few" else fds)
                client.poll()
                assert client.partner is None
                assert client.refused
                assert client.problem
                for fd in (link, reading, writing, null, bell):
                    os.close(fd)
                peer.close()

    def test_hangs_up_in_the_middle(self, listener, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(str(path))
            assert listener.accept(0) is None
        assert listener.accept(0) is None
        fd = self.memfd(fast.window_bytes(WINDOW))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(str(path))
            socket.send_fds(sock, [self.hello()], [fd])
        assert listener.accept(0) is None
        os.close(fd)


def test_no_descriptor_stays_open(url):
    def cycle():
        with (
            fabric.listen(url) as listener,
            fabric.connect(url, timeout=0) as client,
            listener.accept(60) as server,
        ):
            client.poll()
            client.register()
            server.register()

    cycle()
    with none_left():
        for _ in range(10):
            cycle()


def test_mode_of_the_parent_is_not_touched(listener, path):
    assert Path(path.parent).stat().st_mode & 0o777 == 0o700


def test_closing_leaves_nothing_open(tmp_path: Path) -> None:
    """Not even the watch for another server, whichever end closes first, and whether there was a server."""

    def watches() -> int:
        links = (os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
        return sum("inotify" in link for link in links)

    before = watches()
    for server_first in (True, False):
        with ExitStack() as stack:
            client, server = Unix().pair(stack, tmp_path)
            client.register()
            server.register()
            for port in (server, client) if server_first else (client, server):
                port.close()
    with fabric.connect(f"unix:{tmp_path}/nobody", timeout=0) as lonely:
        lonely.register()
    assert watches() == before
