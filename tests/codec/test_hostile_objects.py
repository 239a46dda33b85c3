"""Python objects that run code while they are measured, and memory that changes while it is read: an error, or an answer."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from pysrp._fast import crq_link, fabric, lane, queue

from pysrp import srp
from pysrp.errors import DecodeError, EncodeError
from pysrp.scsi.inquiry import Inquiry


class Runs:
    """An integer that does something when it is asked for."""

    def __init__(self, work: Any, value: int = 1) -> None:
        self.work, self.value = work, value

    def __index__(self) -> int:
        self.work()
        return self.value

    __int__ = __index__


def test_an_index_that_is_no_integer() -> None:
    class Itself:
        def __index__(self) -> Any:
            return self

    for call in (
        lambda: srp.Cmd.build(tag=Itself()),
        lambda: setattr(srp.Cmd.build(), "tag", Itself()),
        lambda: srp.Cmd.build(data_in=(Itself(), 1)),
        lambda: Inquiry.build(version_descriptors=[Itself()]),
    ):
        with pytest.raises(TypeError):
            call()


def test_trailing_bytes_that_grow_while_they_are_written() -> None:
    trailing = bytearray(4)
    with pytest.raises(BufferError):  # nobody may change what is being looked at, or
        with memoryview(trailing):
            trailing.extend(b"A")
    with pytest.raises(EncodeError):  # it no longer fits where it was measured to be
        srp.Cmd.build(tag=Runs(lambda: trailing.extend(b"A" * 4000)), trailing=trailing)
    shrinking = bytearray(4000)
    made = srp.Cmd.build(tag=Runs(shrinking.clear), trailing=shrinking)
    assert len(made) == srp.Cmd.SIZE + 4000


def test_a_sequence_that_lies_about_its_length() -> None:
    class Short(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 0

    with pytest.raises(EncodeError, match="integers"):
        Inquiry.build(version_descriptors=Short([0x4141] * 50000))


def test_an_array_that_changes_while_its_numbers_are_asked_for() -> None:
    numbers: list[Any] = []
    numbers += [Runs(lambda: numbers.extend([1] * 50000)), 2]
    assert Inquiry.build(version_descriptors=numbers).version_descriptors[:2] == (1, 2)
    emptied: list[Any] = [1, 2]
    emptied[0] = Runs(emptied.clear)
    assert Inquiry.build(version_descriptors=emptied).version_descriptors[:2] == (1, 2)


def test_a_descriptor_list_that_changes_between_measuring_and_writing() -> None:
    grown: list[Any] = [(1, 1)]
    with pytest.raises(EncodeError, match="changed while it was written"):
        srp.Cmd.build(data_out=[(Runs(lambda: grown.extend([(0x41, 1)] * 40000)), 1)], data_in=grown)
    emptied: list[Any] = []
    emptied += [(Runs(emptied.clear), 1)] + [(i, 1) for i in range(200)]
    made = srp.Cmd.build(data_out=emptied)
    assert len(made.data_out.desc_list) == 201


def test_the_same_objects_written_into_memory_of_the_caller() -> None:
    memory = bytearray(256)
    grown: list[Any] = [(1, 1)]
    with pytest.raises(EncodeError):
        srp.Cmd.pack_into(
            memory, 0, data_out=[(Runs(lambda: grown.extend([(0x41, 1)] * 40000)), 1)], data_in=grown
        )

    def shrink() -> None:
        with contextlib.suppress(BufferError):
            memory.clear()

    srp.Cmd.pack_into(memory, 0, tag=Runs(shrink))
    assert len(memory) == 256, "memory that is written to cannot be taken away"


@pytest.mark.parametrize(
    "cls",
    [
        lane.Lane,
        crq_link.CrqLink,
        queue.ClientLane,
        fabric.Adapter,
        fabric.Crq,
        fabric.Waiter,
        fabric.Window,
        fabric.Region,
        fabric.Memory,
    ],
)
def test_a_constructor_that_refuses(cls: Any) -> None:
    """It leaves nothing behind, and closes no descriptor that is somebody else's."""
    before = os.fstat(0)
    for arguments in ((None,), (), (None,) * 40, ("x",), (object(), 1, 2)):
        with contextlib.suppress(TypeError, ValueError, OSError, OverflowError):
            cls(*arguments)
    with contextlib.suppress(TypeError):
        cls.__new__(cls)
    gc.collect()
    assert os.fstat(0).st_ino == before.st_ino


CHANGING = """
import mmap, sys
memory = mmap.mmap(int(sys.argv[1]), 4096)
while True:
    memory[5] = 1; memory[5] = 0; memory[5] = 15; memory[5] = 0x22; memory[6] = 255; memory[7] = 0; memory[7] = 9
"""


def test_a_descriptor_in_memory_that_a_partner_changes() -> None:
    fd = os.memfd_create("shared")
    os.ftruncate(fd, 4096)
    memory = mmap.mmap(fd, 4096)
    memory[:64] = bytes(srp.Cmd.build(data_in=(1, 512)))
    partner = subprocess.Popen([sys.executable, "-c", CHANGING, str(fd)], pass_fds=[fd])
    try:
        view = srp.Cmd(memoryview(memory)[:256])
        kinds = set()
        while memory[5] == 1:
            pass  # until it has begun
        for _ in range(200_000):
            for name in ("data_in", "data_out"):
                try:
                    found = getattr(view, name)
                except DecodeError:
                    found = DecodeError
                kinds.add(found if found is None or found is DecodeError else type(found))
        assert kinds <= {None, DecodeError, srp.DirectBuf, srp.IndirectBuf, *srp.Cmd.data_in.kinds}
        assert len(kinds) > 1
    finally:
        partner.send_signal(signal.SIGKILL)
        partner.wait()
        os.close(fd)


IN_A_PROCESS = """
from pysrp._fast import crq, fabric, srp as parts, view
from pysrp import srp
from pysrp.errors import *
class Fixed(view.Structure):
    a = view.U64(0)
    n = view.U8(8)
    part = view.Part(9, n)
"""


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("view.View.tobytes(3)", "TypeError"),  # methods without their object
        ("fabric.Adapter.wake(3)", "TypeError"),
        ("crq.Ring.take(3)", "TypeError"),
        ("Fixed.a.__init__(10**9)", "TypeError"),  # a field that moves when its table has been made
        ("Fixed.part.__init__(Fixed.part)", "TypeError"),
        ("Fixed._layout.__init__(srp.Cmd)", "TypeError"),
        ("view.Layout(int)", "TypeError"),
        ("view.U64(2**63 - 4)", "ValueError"),  # places whose sums and products wrap around
        ("view.Array(0, 8, 2**61 + 1)", "ValueError"),
        ("view.Bits(0, 2**32 - 1, 2)", "ValueError"),
        ("view.Int(0, 1, 8)", "ValueError"),
        ("view.Part(0, unit=2**62)", "ValueError"),
        ("class S(view.Structure, size=-5): a = view.U8(0)", "ValueError"),
        ("class S(view.Structure, size=2**62): pass", "ValueError"),
        ("class S(view.Structure, size=8): a = view.Part(0, view.U32(10**6))", "TypeError"),  # its count is not there
        ("class S(view.Structure, size=8): a = view.Part(0, None, when=(view.U32(10**6), 1))", "TypeError"),
        ("view.Part(8, view.U32(1000)).__set__(srp.Cmd(bytearray(48)), bytes(40))", "DecodeError"),
        ("view.Dispatch('x', -(10**9), 1)", "ValueError"),
        ("view.Dispatch('x', 0, 1, 0, 99)", "ValueError"),
        ("view.Dispatch('x', 0, 1, 99)", "ValueError"),
        ("d = view.Dispatch('x', 0); d.add(0, d); d.classes(); d.parse(bytes(4))", "TypeError"),
        ("class F: _layout = srp.Cmd._layout\\nd = view.Dispatch('x', 0); d.add(0, F); d.parse(bytes(48))", "TypeError"),
        ("class F(int): _layout = srp.Cmd._layout\\nview.Struct(0, F)", "TypeError"),
        ("class F: _layout = srp.Cmd._layout\\nview.List(0, item=F)", "TypeError"),
        ("parts.Descriptor(0, None, None, ())", "TypeError"),
        ("f = view.U8(0); parts.Descriptor(0, f, f, ())", "ValueError"),
        ("parts.Descriptor.__new__(parts.Descriptor).__get__(srp.Cmd(bytes(48)), None)", "TypeError"),
        ("view.Struct.__new__(view.Struct).__get__(srp.Cmd(bytes(48)), None)", "TypeError"),
        ("view.Part(view.Part.__new__(view.Part))", "TypeError"),
        ("v = srp.Cmd(bytearray(48)); p = view.Part.__new__(view.Part); p.__set__(v, b'')", "EncodeError"),
        ("f = view.U8(10**6)\\nprint(parts.Descriptor(0, f, f, (None,) * 3).__get__(srp.Cmd(bytes(48)), None))", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(code: str, error: str) -> None:
    """In a process of its own: none of these is an answer but a crash where it is not looked at."""
    run = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS + code.replace("\\n", "\n")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == bool(error), run.stderr
    assert error in (run.stderr or " ").splitlines()[-1] if error else not run.stderr


def test_memory_of_the_structure_itself() -> None:
    """A value may lie in the memory that it is written to, and a column in that which is read."""
    memory = bytearray(range(48))
    memory[31] = 0  # no additional CDB
    srp.Cmd(memory).cdb = memoryview(memory)[16:32]
    assert memory[32:48] == memory[16:32]
    srp.Cmd(memory).cdb = memoryview(memory)[30:46]
    assert memory[32:48] == b"\x1e\0" + memory[16:30]
    memory = bytearray(range(192))
    columns = srp.Cmd.columns(memory, 48, ["cdb"], out={"cdb": memory})
    assert bytes(columns["cdb"][:16]) == bytes(range(32, 48))


@pytest.mark.parametrize("odd", range(8))
def test_columns_at_any_address(odd: int) -> None:
    raw = b"".join(bytes(srp.Cmd.build(tag=i << 40 | i, lun=f"{0x8100 + i:04x}")) for i in range(10))
    fields = ["tag", "lun", "task_attr", "cdb"]
    lent = {name: memoryview(bytearray(200))[odd:] for name in fields}
    found = srp.Cmd.columns(raw, 48, fields, out=lent)
    assert {name: bytes(column) for name, column in found.items()} == {
        name: bytes(column) for name, column in srp.Cmd.columns(raw, 48, fields).items()
    }
    assert bytes(found["tag"]) == bytes(lent["tag"][:80])
