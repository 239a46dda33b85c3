"""Interposer: each element and IU is seen once, and what was changed is what the other end gets."""

from __future__ import annotations

import pytest

from pysrp import crq, srp
from pysrp.errors import ConfigError, QueueFull
from pysrp.fabric import interposer, local
from pysrp.fabric.interposer import Interposer


def joined(edit):
    """A client's end with its interposer, and the server's end, both registered."""
    client, server = local.pair()
    port = Interposer(client, edit)
    port.register()
    server.register()
    return port, server


def test_each_way_is_edited() -> None:
    seen = []

    def edit(direction, element, iu):
        seen.append((direction, bytes(iu) if iu else iu))
        if iu:
            iu[16:20] = b"ours" if direction == "i2t" else b"back"
        element[4] ^= 1

    port, server = joined(edit)
    with port, server:
        memory = port.allocate(4096)
        with memoryview(memory) as view:
            view[:16] = bytes(srp.TskMgmt.build(tag=9))[:16]
            port.send(bytes(crq.Element.srp(memory.address, 32)))
            (element,) = server.poll()
            near = server.allocate(4096)
            server.copy_in(memory.address, near, 0, 32)
            assert element[4] == 1
            assert bytes(memoryview(near)[16:20]) == b"ours"
            server.send(bytes(crq.Element.srp(9, 4096)))  # a lie: there is room for 32
            (answer,) = port.poll()
            assert (answer[4], bytes(view[16:20])) == (1, b"back")
            server.send(bytes(crq.Element.srp(9, 24)))
            port.poll()
    assert [(way, len(iu) if iu else iu) for way, iu in seen] == [("i2t", 32), ("t2i", 32), ("t2i", None)]


@pytest.mark.parametrize("many", [False, True])
def test_what_the_partner_had_no_room_for_is_edited_once(many: bool) -> None:
    def edit(direction, element, iu):
        if iu:
            iu[31] += 1

    port, server = joined(edit)
    with port, server:
        memory = port.allocate(4096)
        one = bytes(crq.Element.srp(memory.address, 32))
        full = bytes(crq.Element.init())
        while port.port.send_many([full] * 256):
            pass
        with memoryview(memory) as view:
            for _ in range(3):
                if many:
                    assert port.send_many([one]) == 0
                else:
                    with pytest.raises(QueueFull):
                        port.send(one)
            assert view[31] == 1
            view[31] = 7  # another IU in its place
            server.poll()
            port.send(one)
            assert view[31] == 8
            port.send(one)
            assert view[31] == 9


def test_requests_without_an_answer_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest first; the same element twice in a batch is one request."""
    monkeypatch.setattr(interposer, "MOST_REQUESTS", 2)
    answers = []

    def edit(direction, element, iu):
        if direction == "t2i":
            answers.append(bytes(iu) if iu else None)

    port, server = joined(edit)
    with port, server:
        memory = port.allocate(4096)
        with memoryview(memory) as view:
            for tag in range(3):
                view[64 * tag : 64 * tag + 16] = bytes(srp.TskMgmt.build(tag=tag))[:16]
                one = bytes(crq.Element.srp(memory.address + 64 * tag, 32))
                assert port.send_many([one, one]) == 2
            assert len(server.poll()) == 6
            for tag in range(3):
                server.send(bytes(crq.Element.srp(tag, 32)))
            port.poll()
            assert answers == [None, bytes(view[64:96]), bytes(view[128:160])]


@pytest.mark.parametrize("cut", ["element", "iu"])
def test_lengths_stay(cut: str) -> None:
    def edit(direction, element, iu):
        del (element if cut == "element" else iu)[-1:]

    port, server = joined(edit)
    with port, server:
        memory = port.allocate(4096)
        with pytest.raises(ValueError):
            port.send(bytes(crq.Element.srp(memory.address, 32)))
        assert server.poll() == []


def test_a_server_is_refused() -> None:
    client, server = local.pair()
    with client, server, pytest.raises(ConfigError):
        Interposer(server, print)
