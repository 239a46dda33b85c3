"""What every transport owes an engine (pysrp.fabric.Port)."""

import asyncio
import gc
import selectors
import threading

import pytest

from fabric_rig import INIT, element
from pysrp.errors import HcallError, PartnerGone, QueueFull
from pysrp.fabric import PAGE_SIZE, Access, Port, ReturnCode


def event(code, status=0):
    return bytes([0xFF, code, 0, status]) + bytes(12)


def failure(code):
    """Expect HcallError with that code."""
    return pytest.raises(HcallError, match=f"{code.name} ")


def test_facts(transport, make_pair):
    client, server = make_pair()
    for port in (client, server):
        assert isinstance(port, Port)
        assert port.queue_size % PAGE_SIZE == 0
        assert port.window_size == transport.window or transport.window is None
        assert port.window_size >= 1 << 20
        assert port.max_transfer >= 128 << 10
        assert not port.ended
    assert (client.identity, server.identity) == transport.identities
    assert (client.is_server, server.is_server) == (False, True)


def test_partner(transport, make_pair):
    client, server = make_pair()
    if transport.introduces:
        assert (client.partner, server.partner) == (server.identity, client.identity)
    else:
        assert (client.partner, server.partner) == (None, None)
        client.register()
        server.register()
        client.send(INIT)
        assert server.poll() == [INIT]
        assert (client.partner, server.partner) == transport.partners


class TestRegistration:
    def test_first_hears_that_the_partner_is_missing(self, transport, make_pair):
        client, server = make_pair()
        assert client.register() is False
        assert not client.connected
        with pytest.raises(PartnerGone):
            client.send(INIT)
        assert server.register() is True
        assert server.connected
        assert client.connected is transport.introduces
        client.send(INIT)
        assert client.connected

    def test_twice(self, pair):
        with failure(ReturnCode.H_RESOURCE) as caught:
            pair[0].register()
        assert caught.value.code == -16

    def test_unregistered_cannot_send(self, make_pair):
        client, server = make_pair()
        server.register()
        with pytest.raises(PartnerGone):
            client.send(INIT)

    def test_free_of_what_is_not_registered(self, make_pair):
        make_pair()[0].free()

    def test_free_tells_the_partner(self, pair):
        client, server = pair
        client.send(INIT)
        client.free()
        assert server.poll() == [INIT, event(2)]
        assert not server.connected
        with pytest.raises(PartnerGone):
            server.send(INIT)

    def test_free_is_not_told_to_nobody(self, make_pair):
        client, server = make_pair()
        client.register()
        client.free()
        server.register()
        assert server.poll() == []

    def test_again(self, pair):
        client, server = pair
        for turn in range(300):  # more often than the queue has slots
            server.send(element(turn))
            client.free()
            assert client.poll() == []
            assert client.register() is True
            assert client.poll() == []
            client.send(element(turn))
            assert server.poll() == [event(2), element(turn)]
            server.send(element(1000 + turn))
            assert client.poll() == [element(1000 + turn)]

    def test_close_is_final(self, pair):
        client, server = pair
        client.close()
        client.close()
        assert server.poll() == [event(2)]
        for call in (
            client.register,
            client.poll,
            client.fileno,
            lambda: client.send(INIT),
            lambda: client.wait(0),
        ):
            with pytest.raises(ValueError, match="closed"):
                call()
        client.wake()

    def test_server_port_and_the_end_of_its_client(self, transport, pair, stack):
        client, server = pair
        client.close()
        assert server.wait(60)
        if transport.outlives_client:
            assert server.poll() == [event(2)]
            assert not server.ended
            assert server.partner is None
            client = transport.client(stack)
            assert client.register() is True
            client.send(INIT)
            assert server.poll() == [INIT]
            server.send(element(1))
            assert client.poll() == [element(1)]
            return
        while not server.ended:
            server.poll()
        assert server.wait(None)
        assert server.partner is None


class TestElements:
    def test_untouched(self, pair):
        client, server = pair
        sent = [bytes([head]) + bytes(range(1, 16)) for head in (0x80, 0x81, 0xC0, 0xFE)]
        for one in sent:
            client.send(one)
        assert server.poll() == sent

    @pytest.mark.parametrize("head", [0x00, 0x01, 0x7F, 0xFF])
    def test_headers_that_may_not_be_sent(self, pair, head):
        with failure(ReturnCode.H_PARAMETER):
            pair[0].send(bytes([head]) + bytes(15))
        assert pair[1].poll() == []

    @pytest.mark.parametrize("size", [0, 15, 17])
    def test_size(self, pair, size):
        with pytest.raises(ValueError, match="16 bytes"):
            pair[0].send(b"\x80" * size)

    def test_both_ways_and_any_buffer(self, pair):
        client, server = pair
        client.send(bytearray(element(1)))
        server.send(memoryview(element(2)))
        assert server.poll() == [element(1)]
        assert client.poll() == [element(2)]

    def test_order_over_the_wrap(self, pair):
        client, server = pair
        number = 0
        for burst in (1, 255, 256, 3, 200, 200, 256, 7):
            batch = [element(number + i) for i in range(burst)]
            for one in batch:
                client.send(one)
            assert server.poll(1000) == batch
            number += burst

    def test_poll_takes_no_more_than_asked(self, pair):
        client, server = pair
        assert client.send_many(map(element, range(10))) == 10
        assert server.poll(0) == []
        assert server.poll(3) == [element(0), element(1), element(2)]
        assert server.poll(100) == [element(i) for i in range(3, 10)]

    def test_full(self, pair):
        client, server = pair
        slots = server.queue_size // 16
        for i in range(slots):
            client.send(element(i))
        with pytest.raises(QueueFull):
            client.send(element(slots))
        assert client.send_many([element(slots)]) == 0
        assert server.poll(1) == [element(0)]
        client.send(element(slots))
        assert server.poll(slots + 1) == [element(i) for i in range(1, slots + 1)]

    def test_send_many_stops_where_it_must(self, pair):
        client, server = pair
        slots = server.queue_size // 16
        assert client.send_many(element(i) for i in range(slots + 5)) == slots
        assert len(server.poll(slots + 5)) == slots
        assert client.send_many([element(1), bytes(16), element(2)]) == 1
        with failure(ReturnCode.H_PARAMETER):
            client.send_many([bytes(16), element(2)])
        with pytest.raises(ValueError, match="16 bytes"):
            client.send_many([element(3), b"short"])
        assert server.poll() == [element(1), element(3)]
        server.free()
        with pytest.raises(PartnerGone):
            client.send_many([element(1)])

    @pytest.mark.parametrize("offset", [0, 1, 100])
    def test_event_overwrites_the_last_of_a_full_queue(self, pair, offset):
        client, server = pair
        slots = server.queue_size // 16
        for i in range(offset):
            client.send(element(i))
        server.poll()
        for i in range(slots):
            client.send(element(i))
        client.free()
        got = server.poll(slots + 1)
        assert got == [element(i) for i in range(slots - 1)] + [event(2, status=0x20)]

    def test_larger_queue(self, transport, make_pair):
        client, server = make_pair(queue_size=3 * transport.page)
        client.register()
        server.register()
        assert server.queue_size == 3 * transport.page
        slots = server.queue_size // 16
        for turn in range(3):
            assert client.send_many(map(element, range(slots + 100))) == slots
            assert server.poll(slots + 100) == [element(i) for i in range(slots)], turn

    def test_queue_is_rounded_up(self, transport, make_pair):
        client, _ = make_pair(queue_size=PAGE_SIZE)
        assert client.queue_size == transport.page


class TestSuspension:
    def test_suspended(self, transport, pair):
        client, server = pair
        server.send(element(1))
        transport.suspend(client)
        with pytest.raises(PartnerGone):
            server.send(element(2))
        assert client.wait(0)
        assert client.poll() == [element(1), event(6)]
        client.enable()
        server.send(element(3))
        client.send(element(4))
        assert client.poll() == [element(3)]
        assert server.poll() == [element(4)]

    def test_event_overwrites(self, transport, pair):
        client, server = pair
        slots = client.queue_size // 16
        assert server.send_many(map(element, range(slots + 5))) == slots
        transport.suspend(client)
        assert client.poll(slots + 5) == [element(i) for i in range(slots - 1)] + [event(6, status=0x20)]

    def test_enable_of_what_is_enabled(self, pair):
        pair[0].enable()
        assert pair[0].connected


class TestInjection:
    """What a hypervisor may answer on a bad day."""

    @pytest.mark.parametrize(
        "code",
        [
            ReturnCode.H_BUSY,
            ReturnCode.H_LONG_BUSY_10_MSEC,
            ReturnCode.H_LONG_BUSY_100_SEC,
            ReturnCode.H_HARDWARE,
        ],
    )
    def test_busy(self, transport, pair, code):
        client, server = pair
        client.send(INIT)
        assert server.poll() == [INIT]
        transport.inject(client, "H_FREE_CRQ", code, times=2)
        transport.inject(client, "H_ENABLE_CRQ", ReturnCode.H_IN_PROGRESS)
        for _ in range(2):
            with failure(code):
                client.free()
        with failure(ReturnCode.H_IN_PROGRESS):
            client.enable()
        assert client.connected
        client.enable()
        client.free()
        assert server.poll() == [event(2)]

    def test_swallowed(self, transport, pair):
        client, server = pair
        transport.inject(client, "H_SEND_CRQ", times=2)
        for i in range(3):
            client.send(element(i))
        assert server.poll() == [element(2)]

    def test_every_call(self, transport, make_pair):
        client, server = make_pair()
        client.register()
        memory = server.allocate(16)
        calls = {
            "H_REG_CRQ": server.register,
            "H_ENABLE_CRQ": server.enable,
            "H_VIO_SIGNAL": lambda: server.signal(True),
            "H_SEND_CRQ": lambda: server.send(INIT),
            "H_COPY_RDMA": lambda: server.copy_in(0, memory),
            "H_PUT_TCE": lambda: server.allocate(1),
            "H_FREE_CRQ": server.free,
        }
        assert set(transport.calls) <= set(calls)
        for name, call in calls.items():
            if name not in transport.calls:
                continue
            transport.inject(server, name, ReturnCode.H_RESCINDED)
            with pytest.raises(HcallError, match=f"{name}: H_RESCINDED"):
                call()
            if name == "H_REG_CRQ":
                assert call() is True
        with pytest.raises(ValueError):
            transport.inject(server, "H_NONSENSE")

    def test_close_does_not_mind(self, transport, pair):
        client, server = pair
        transport.inject(client, "H_FREE_CRQ", ReturnCode.H_BUSY, times=transport.rounds // 2)
        client.close()
        assert server.poll() == [event(2)]


class TestWaiting:
    def test_looks(self, pair):
        client, server = pair
        assert server.wait(0) is False
        client.send(INIT)
        assert server.wait(0) is True
        assert server.wait(None) is True
        server.poll()
        assert server.wait(0.001) is False

    @pytest.mark.parametrize("spin", [0, 20000])
    def test_ping_pong_between_threads(self, transport, pair, spin):
        client, server = pair
        if spin not in transport.spins:
            assert not hasattr(client, "spin")
            return
        client.spin = server.spin = spin
        rounds = transport.rounds

        def answer():
            left = rounds
            while left:
                assert server.wait(60)
                for one in server.poll():
                    server.send(one)
                    left -= 1

        thread = threading.Thread(target=answer)
        thread.start()
        for i in range(rounds):
            client.send(element(i))
            got = []
            while not got:
                assert client.wait(60)
                got = client.poll()
            assert got == [element(i)]
        thread.join()

    def test_stream_between_threads(self, pair):
        client, server = pair
        total = 50000

        def produce():
            sent = 0
            while sent < total:
                sent += client.send_many(element(i) for i in range(sent, min(total, sent + 300)))

        thread = threading.Thread(target=produce)
        thread.start()
        got = []
        while len(got) < total:
            assert server.wait(60)
            got += server.poll(1000)
        thread.join()
        assert got == [element(i) for i in range(total)]

    def test_many_descriptors(self, descriptors, pair):
        client, server = pair
        assert server.fileno() > 1023
        server.signal(True)
        assert server.wait(0.01) is False
        client.send(INIT)
        assert server.wait(60)
        server.poll()
        server.wake()
        assert server.wait(60)

    def test_wake_before(self, pair):
        pair[0].wake()
        assert pair[0].wait(None) is True
        assert pair[0].poll() == []

    def test_wake_from_a_thread(self, pair):
        woken = threading.Event()

        def sleep():
            assert pair[0].wait(None)
            woken.set()

        thread = threading.Thread(target=sleep)
        thread.start()
        pair[0].wake()
        thread.join()
        assert woken.is_set()

    def test_selector(self, pair):
        client, server = pair
        server.signal(True)
        assert server.poll() == []
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            for number in range(5):
                assert not selector.select(0)
                client.send(element(number))
                assert selector.select(60)
                assert server.poll() == [element(number)]
                server.poll()

    def test_readable_until_seen_empty(self, pair):
        client, server = pair
        server.signal(True)
        server.poll()
        client.send_many(map(element, range(5)))
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            for number in range(5):
                assert selector.select(60)
                assert server.poll(1) == [element(number)]
            assert server.poll(1) == []
            server.poll()
            assert not selector.select(0)

    def test_no_signal_unless_wanted(self, pair):
        client, server = pair
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            client.send(INIT)
            assert not selector.select(0)
            server.signal(True)
            assert not selector.select(0)  # nothing in retrospect
            assert server.poll() == [INIT]
            client.send(INIT)
            assert selector.select(60)
            server.poll()
            server.poll()
            server.signal(False)
            client.send(INIT)
            assert not selector.select(0)

    def test_wake_is_readable(self, pair):
        with selectors.DefaultSelector() as selector:
            selector.register(pair[0], selectors.EVENT_READ)
            pair[0].wake()
            assert selector.select(60)

    def test_asyncio(self, pair):
        client, server = pair

        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            got = []

            def ready():
                got.extend(server.poll())
                if len(got) == 1000:
                    done.set_result(None)

            server.signal(True)
            loop.add_reader(server.fileno(), ready)
            sent = 0
            while sent < 1000:
                sent += client.send_many(map(element, range(sent, min(1000, sent + 64))))
                await asyncio.sleep(0)
            await asyncio.wait_for(done, 60)
            loop.remove_reader(server.fileno())
            return got

        assert asyncio.run(main()) == [element(i) for i in range(1000)]


class TestMemory:
    def test_allocated(self, pair):
        memory = pair[0].allocate(5000)
        assert len(memory) == 5000
        assert memory.address % PAGE_SIZE == 0
        assert memory.address > 0
        view = memoryview(memory)
        assert view.nbytes == 5000
        assert not view.readonly
        assert bytes(view) == bytes(5000)

    def test_no_two_share_a_page(self, pair):
        pieces = [pair[0].allocate(size) for size in (1, 4096, 4097, 10000, 1)]
        pages = [p for m in pieces for p in range(m.address, m.address + len(m), PAGE_SIZE)]
        assert len(set(pages)) == len(pages)

    def test_freed_is_used_again_and_zero(self, transport, pair):
        port = pair[0]
        addresses = set()
        for _ in range(3):
            memory = port.allocate(3 * PAGE_SIZE)
            assert bytes(memory) == bytes(len(memory))
            addresses.add(memory.address)
            memoryview(memory)[:] = b"x" * len(memory)
            memory.free()
            memory.free()
        assert len(addresses) == 1 or not transport.compacts

    def test_window_full(self, transport, pair):
        port = pair[0]

        def fill():
            with failure(ReturnCode.H_NO_MEM):
                while True:
                    pieces.append(port.allocate(PAGE_SIZE))

        pieces = []
        fill()
        count = len(pieces)
        assert count > 200
        for memory in pieces[::2] + pieces[1::2]:
            memory.free()
        pieces.clear()
        if transport.compacts:
            whole = port.allocate(count * PAGE_SIZE)
            assert len(whole) == count * PAGE_SIZE
            whole.free()
        fill()
        assert len(pieces) == count

    def test_forgotten_memory_comes_back(self, transport, pair):
        port = pair[0]
        for _ in range(10):
            port.allocate(transport.largest)
        gc.collect()

    def test_not_freed_under_a_view(self, transport, pair):
        memory = pair[0].allocate(100)
        view = memoryview(memory)
        with pytest.raises(BufferError):
            memory.free()
        view.release()
        memory.free()
        with pytest.raises(transport.freed):
            memoryview(memory)

    def test_outlives_its_port(self, pair):
        memory = pair[0].allocate(100)
        view = memoryview(memory)
        pair[0].close()
        view[:3] = b"abc"
        assert bytes(view[:3]) == b"abc"

    @pytest.mark.parametrize("size", [0, -1])
    def test_sizes(self, pair, size):
        with pytest.raises(ValueError):
            pair[0].allocate(size)


class TestCopy:
    @pytest.fixture
    def memories(self, pair):
        client, server = pair
        remote, local = client.allocate(400000), server.allocate(400000)
        memoryview(remote)[:] = bytes(i * 7 % 251 for i in range(400000))
        return server, remote, local

    @pytest.mark.parametrize("length", [1, 4095, 4096, 4097, 131072, 131073, 400000])
    def test_any_length(self, memories, length):
        server, remote, local = memories
        server.copy_in(remote.address, local, 0, length)
        assert memoryview(local)[:length] == memoryview(remote)[:length]
        assert bytes(local)[length:] == bytes(400000 - length)
        memoryview(remote)[:] = bytes(400000)
        server.copy_out(local, remote.address, 0, length)
        assert memoryview(local)[:length] == memoryview(remote)[:length]
        assert bytes(remote)[length:] == bytes(400000 - length)

    def test_any_alignment(self, memories):
        server, remote, local = memories
        server.copy_in(remote.address + 4001, local, 33, 9000)
        assert memoryview(local)[33:9033] == memoryview(remote)[4001:13001]
        server.copy_out(local, remote.address + 5, 33, 9000)
        assert memoryview(local)[33:9033] == memoryview(remote)[5:9005]

    def test_to_the_end(self, memories):
        server, remote, local = memories
        server.copy_in(remote.address, local, 399990)
        assert bytes(memoryview(local)[399990:]) == bytes(memoryview(remote)[:10])

    def test_nothing(self, memories):
        server, remote, local = memories
        server.copy_in(remote.address, local, 0, 0)
        server.copy_in((1 << 64) - 1, local, 400000)
        server.copy_out(local, (1 << 64) - 1, 400000, 0)

    def test_outside_local(self, memories):
        server, remote, local = memories
        for offset, length in ((400001, 0), (0, 400001), (399999, 2), (1 << 63, 1)):
            with pytest.raises(ValueError):
                server.copy_in(remote.address, local, offset, length)

    @pytest.mark.parametrize("length", [1, 100, 4096, 200000])
    def test_outside_the_window(self, pair, memories, length):
        server, _, local = memories
        end = pair[0].window_size
        for address in (
            end,
            end + 1,
            (1 << 32) - 1,
            1 << 52,
            (1 << 63) - 50,
            (1 << 64) - 4096,
            (1 << 64) - 1,
        ):
            with failure(ReturnCode.H_SOURCE_PARM):
                server.copy_in(address, local, 0, length)
            with failure(ReturnCode.H_DEST_PARM):
                server.copy_out(local, address, 0, length)

    def test_over_the_end_of_the_window(self, pair, memories):
        server, _, local = memories
        with failure(ReturnCode.H_SOURCE_PARM):
            server.copy_in(pair[0].window_size - 100, local, 0, 101)

    def test_not_mapped(self, pair, memories):
        server, _, local = memories
        for address in (0, pair[0].window_size - 100):
            with failure(ReturnCode.H_PERMISSION):
                server.copy_in(address, local, 0, 100)
            with failure(ReturnCode.H_PERMISSION):
                server.copy_out(local, address, 0, 100)

    def test_freed(self, pair):
        client, server = pair
        memory, local = client.allocate(8192), server.allocate(8192)
        server.copy_in(memory.address, local)
        memory.free()
        with failure(ReturnCode.H_PERMISSION):
            server.copy_in(memory.address, local)

    @pytest.mark.parametrize("access", list(Access.__members__.values())[:4])
    def test_access(self, transport, pair, access):
        client, server = pair
        granted = transport.granted(access)
        if granted is None:
            with pytest.raises(ValueError, match="memory"):
                client.allocate(8192, access)
            return
        memory, local = client.allocate(8192, access), server.allocate(8192)
        for bit, call in (
            (Access.READ, lambda: server.copy_in(memory.address, local)),
            (Access.WRITE, lambda: server.copy_out(local, memory.address)),
        ):
            if granted & bit:
                call()
            else:
                with failure(ReturnCode.H_PERMISSION):
                    call()

    def test_one_page_of_many_forbids_all(self, transport, pair):
        """Two pieces side by side, which few transports promise: then some that happen to be."""
        client, server = pair
        size = 65536  # Linux leaves gaps between smaller ones
        pieces = []
        while True:
            first, second = client.allocate(size), client.allocate(size, Access.READ)
            if second.address == first.address + size:
                break
            pieces.append((first, second))
            assert not transport.compacts
            assert len(pieces) < 100
        local = server.allocate(200)
        memoryview(local)[:] = b"n" * 200
        server.copy_in(second.address - 100, local)
        with failure(ReturnCode.H_PERMISSION):
            server.copy_out(local, second.address - 100)
        assert bytes(first) == bytes(size)
        server.copy_out(local, second.address - 200)

    def test_only_while_both_are_registered(self, pair):
        client, server = pair
        remote, local = client.allocate(100), server.allocate(100)
        client.free()
        with failure(ReturnCode.H_PERMISSION):
            server.copy_in(remote.address, local)
        client.register()
        server.copy_in(remote.address, local)
        server.free()
        with failure(ReturnCode.H_PERMISSION):
            server.copy_in(remote.address, local)

    def test_client_has_no_second_pane(self, pair):
        client, server = pair
        local, remote = client.allocate(100), server.allocate(100)
        with failure(ReturnCode.H_SOURCE_PARM):
            client.copy_in(remote.address, local)
        with failure(ReturnCode.H_DEST_PARM):
            client.copy_out(local, remote.address)

    def test_memory_of_another_port(self, pair):
        client, server = pair
        with pytest.raises(ValueError):
            server.copy_in(0, client.allocate(100))
        with pytest.raises(TypeError):
            server.copy_in(0, bytearray(100))


class TestTogether:
    """Several copies, and then elements."""

    @pytest.fixture
    def work(self, pair):
        client, server = pair
        remote, local = client.allocate(400000), server.allocate(400000)
        memoryview(remote)[:1000] = bytes(i * 7 % 251 for i in range(1000))
        far = remote.address
        pieces = [
            (False, local, 10, far, 100),
            (False, local, 5000, far + 500, 500),
            (True, local, 10, far + 300000, 100),
        ]
        return server, remote, local, pieces

    def test_in_order(self, pair, work):
        client, (server, remote, local, pieces) = pair[0], work
        elements = [element(n) for n in range(3)]
        assert server.together(pieces, elements) == (3, 3)
        assert client.poll() == elements
        assert bytes(memoryview(local)[10:110]) == bytes(memoryview(remote)[:100])
        assert bytes(memoryview(local)[5000:5500]) == bytes(memoryview(remote)[500:1000])
        assert bytes(memoryview(remote)[300000:300100]) == bytes(memoryview(remote)[:100])
        assert server.together(pieces) == (3, 0)
        assert server.together([], elements[:1]) == (0, 1)
        assert server.together([]) == (0, 0)
        assert client.poll() == elements[:1]
        assert client.together([], [INIT]) == (0, 1)
        assert server.poll() == [INIT]

    def test_more_than_the_kernel_takes_at_once(self, pair, work):
        client, (server, remote, _, pieces) = pair[0], work
        memoryview(remote)[:1000] = bytes(1000)
        count = min(300, client.queue_size // 16 - 1)
        elements = [element(n) for n in range(count)]
        assert server.together(pieces * 200, elements) == (600, count)
        taken = []
        while found := client.poll():
            taken += found
        assert taken == elements

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_a_copy_that_fails(self, pair, work, which):
        """Nothing behind it is done, and nothing sent."""
        client, (server, _, _, pieces) = pair[0], work
        outward, local, offset, _, length = pieces[which]
        pieces[which] = outward, local, offset, 1 << 50, length
        assert server.together(pieces, [INIT]) == (which, 0)
        assert client.poll() == []
        pieces[which] = outward, local, offset, (1 << 64) - 1, length
        assert server.together(pieces, [INIT]) == (which, 0)

    def test_nothing_of_a_copy(self, work):
        server, _, local, pieces = work
        assert server.together([(False, local, 0, 0, 0), pieces[0]]) == (2, 0)

    def test_what_is_refused(self, transport, pair, work):
        client, (server, _, local, pieces) = pair[0], work
        for offset, length in ((400001, 1), (399999, 2)):
            with pytest.raises(ValueError):
                server.together([pieces[0], (False, local, offset, pieces[0][3], length)], [INIT])
        with pytest.raises(ValueError, match="16 bytes"):
            server.together(pieces, [INIT[:15]])
        with failure(ReturnCode.H_PARAMETER):
            server.together(pieces, [bytes(16)])
        assert client.poll() == []
        transport.inject(server, "H_SEND_CRQ", ReturnCode.H_DROPPED, 1)
        assert server.together(pieces, [INIT]) == (3, 0)
        client.free()
        with pytest.raises(PartnerGone):
            server.together([], [INIT])

    def test_a_closed_port(self, work):
        server, _, _, pieces = work
        server.close()
        with pytest.raises(ValueError, match="closed"):
            server.together(pieces, [INIT])


class TestWindow:
    """For transports that share memory; the others always answer None."""

    @pytest.fixture(autouse=True)
    def shared(self, transport, pair):
        if not transport.shares:
            client, server = pair
            memory = client.allocate(100)
            assert server.window(memory.address, 100) is None
            assert server.window(client.window_size, 1, Access.WRITE) is None
            assert server.windows([(memory.address, 100)]) is None
            assert server.windows([]) == []
            pytest.skip("no window, as it should be")

    def test_is_the_memory(self, pair):
        client, server = pair
        memory = client.allocate(10000)
        view = server.window(memory.address + 10, 9000, Access.BOTH)
        view[:4] = b"abcd"
        assert bytes(memoryview(memory)[10:14]) == b"abcd"
        assert view.nbytes == 9000

    def test_read_only(self, pair):
        client, server = pair
        memory = client.allocate(100, Access.READ)
        view = server.window(memory.address, 100)
        assert view.readonly
        with failure(ReturnCode.H_PERMISSION):
            server.window(memory.address, 100, Access.WRITE)

    def test_refuses_as_copies_do(self, pair):
        client, server = pair
        memory = client.allocate(100)
        end = client.window_size
        for address, length, access, code in (
            (end, 1, Access.READ, ReturnCode.H_SOURCE_PARM),
            (end, 1, Access.WRITE, ReturnCode.H_DEST_PARM),
            ((1 << 64) - 1, 2, Access.READ, ReturnCode.H_SOURCE_PARM),
            (memory.address, 1 << 63, Access.READ, ReturnCode.H_SOURCE_PARM),
            (memory.address, 4097, Access.READ, ReturnCode.H_PERMISSION),
            (0, 1, Access.READ, ReturnCode.H_PERMISSION),
        ):
            with failure(code):
                server.window(address, length, access)
        assert bytes(server.window(0, 0)) == b""
        client.free()
        with failure(ReturnCode.H_PERMISSION):
            server.window(memory.address, 100)

    def test_several_stretches(self, pair):
        client, server = pair
        memory = client.allocate(10000)
        here = memory.address
        views = server.windows([(here, 3), (here + 9000, 4, "what follows")], Access.WRITE)
        for view, text in zip(views, (b"abc", b"defg"), strict=True):
            view[:] = text
        assert bytes(memoryview(memory)[:3]) + bytes(memoryview(memory)[9000:9004]) == b"abcdefg"
        assert server.windows([]) == []
        assert [view.readonly for view in server.windows([(here, 3)])] == [True]
        with failure(ReturnCode.H_SOURCE_PARM):
            server.windows([(here, 3), (client.window_size, 1)])
        for wrong in 5, [5], [()], [(here,)]:
            with pytest.raises((TypeError, IndexError)):
                server.windows(wrong)

    def test_outlives_everything(self, pair):
        client, server = pair
        memory = client.allocate(100)
        view = server.window(memory.address, 100, Access.BOTH)
        client.close()
        server.close()
        view[:2] = b"ok"
        assert bytes(view[:2]) == b"ok"
