"""A port has one owner, but its memory is let go of, and it is woken, by whatever thread."""

import threading

import pytest

from pysrp.errors import HcallError
from pysrp.fabric import Access, local
from threads import ROUNDS, THREADS, each, together
from waiting import PATIENCE

PAGE = 4096
FOR_EVER = 10**15
"""Nanoseconds."""


@pytest.fixture
def ends():
    client, server = local.pair()
    yield client, server
    client.close()
    server.close()


def test_views_are_counted(ends):
    """None is lost, or the memory would be freed under somebody; none is left over, or it could not be."""
    client, _server = ends
    memory = client.allocate(PAGE)
    kept = memoryview(memory)

    def look(_number):
        for _ in range(50 * ROUNDS):
            with memoryview(memory) as view:
                assert len(view) == PAGE

    each(look)
    with pytest.raises(BufferError, match="still alive"):
        memory.free()
    kept.release()
    memory.free()
    with pytest.raises(BufferError, match="freed"):
        memoryview(memory)


def test_memory_goes_in_any_thread(ends):
    """Its pages come back all the same: as much can be had as before."""
    client, _server = ends

    def largest():
        held = []
        size = client.window_size
        while size >= PAGE:
            try:
                held.append(client.allocate(size))
            except HcallError:
                size //= 2
        return sum(len(each) for each in held)

    before = largest()
    for _ in range(ROUNDS):
        shares = [[client.allocate(PAGE * (1 + at % 3)) for at in range(8)] for _ in range(THREADS - 1)]

        def give_up(shares=shares):
            share = shares.pop()
            while share:
                share.pop()

        # The owner goes on allocating meanwhile.
        together(*[give_up] * (THREADS - 1), lambda: [client.allocate(PAGE) for _ in range(8)] and None)
    assert largest() == before


def test_copies_hold_their_memory(ends):
    """Whoever frees what is being copied to or from is refused, or is late."""
    client, server = ends
    assert client.register() is False
    assert server.register() is True
    size = 1 << 20
    far = client.allocate(size)
    for _ in range(ROUNDS):
        near = server.allocate(size)

        def copy(near=near):
            try:
                server.copy_in(far.address, near)
            except ValueError:
                return False  # it had been freed before
            return True

        def free(near=near):
            try:
                near.free()
            except BufferError:
                return False
            return True

        copied, freed = together(copy, free)
        assert copied or freed
        if not freed:
            near.free()


def test_who_wakes_a_port_that_closes():
    for _ in range(ROUNDS // 5):
        client, server = local.pair()
        gone = threading.Event()

        def own(client=client, gone=gone):
            for _ in range(5):
                client.wait(0.001)
            client.close()
            gone.set()

        def wake(client=client, gone=gone):
            while not gone.is_set():
                client.wake()
                gone.wait(0.0005)
            client.wake()

        together(own, wake, wake)
        server.close()


def test_windows_that_several_look_through(ends):
    """Each view of the partner's memory stands for itself."""
    client, server = ends
    client.register()
    server.register()
    far = client.allocate(16 * PAGE)
    memoryview(far)[:] = bytes(range(256)) * (16 * PAGE // 256)

    def look(_number):
        for at in range(20 * ROUNDS):
            page = far.address + at % 16 * PAGE
            assert bytes(server.window(page, 256)[:4]) == b"\0\1\2\3"
            (view,) = server.windows([(page, PAGE)], Access.READ)
            assert view[255] == 255
        return True

    assert all(each(look))


def test_an_end_learns_for_how_long_to_look(ends):
    """What came within the time that it may look is looked for so long the next time, and what did not is not."""
    _client, server = ends

    def until_it_is(soon, spin):
        while server.soon is not soon:
            server.spin = 1
            waiter = threading.Thread(target=server.wait, args=(PATIENCE,))
            waiter.start()
            waiter.join(0.01)  # it sleeps then, or this is done once more
            server.spin = spin
            server.wake()
            waiter.join()

    assert not server.soon
    until_it_is(True, FOR_EVER)
    until_it_is(False, 1)
    until_it_is(True, FOR_EVER)
