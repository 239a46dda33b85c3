"""One READ(10) by the engine, followed from file to file: few of them, and each entered once.

An entry is a call that comes from another file; to return to a caller is none, nor is it to make a record, whose
constructor is in no file. The way down ends where the medium is
asked. The way back begins there, or with the loop that hears of a completion, and ends when the answer is sent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import pysrp
from pysrp.backends import Ram
from pysrp.target.disk import Disk
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, Loop, Medium, MediumChannel, MediumRequest
from target_rig import BLOCK, MIB, Rig

ROOT = Path(pysrp.__file__).parent
MOST = 8
"""Files on each way."""

Entry = tuple[str, str]
"""A file below src/pysrp, and the function by which it is entered."""


class Walk:
    """The entries of one way. ``ends`` is called where the way ends, whoever calls there."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.over = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or self.over:
            return
        here = Path(frame.f_code.co_filename)
        if ROOT not in here.parents:
            return
        if frame.f_back is None or frame.f_back.f_code.co_filename != frame.f_code.co_filename:
            self.entries.append((str(here.relative_to(ROOT)), frame.f_code.co_name))

    def ends(self) -> None:
        self.over = True

    @property
    def files(self) -> list[str]:
        return [file for file, _ in self.entries]

    def check(self) -> None:
        listing = "\n".join(f"    {file:32}{name}" for file, name in self.entries)
        assert self.over, f"the way does not end:\n{listing}"
        again = sorted({file for file in self.files if self.files.count(file) > 1})
        assert not again, f"entered more than once: {', '.join(again)}:\n{listing}"
        assert len(self.files) <= MOST, f"{len(self.files)} files, {MOST} at most:\n{listing}"


class Journey:
    """A READ, and what is asked of the medium and of the port on its way."""

    def __init__(self) -> None:
        self.down, self.back = Walk(), Walk()
        self.now: Walk | None = None

    def asked(self) -> None:
        """The medium is asked: the way down ends, and what follows is the way back."""
        if self.now is self.down:
            self.down.ends()
            self.now = self.back
            sys.setprofile(self.back)

    def sent(self) -> None:
        """The answer is sent."""
        if self.now is self.back:
            self.back.ends()

    def go(self, rig: Rig, walk: Walk) -> None:
        """Let the target do what it has to, on this way at first."""
        self.now = walk
        sys.setprofile(walk)
        try:
            rig.target.process(rig.now)
        finally:
            sys.setprofile(None)
        rig.run()


class Told:
    """A port that tells when elements are sent."""

    def __init__(self, port: Any, sent: Callable[[], None]) -> None:
        self._port, self._sent = port, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def send_many(self, elements: Any) -> Any:
        sent = self._port.send_many(elements)
        self._sent()
        return sent


class Asked(Ram):
    """A RAM disk that says when it is asked."""

    asked: Callable[[], None]

    def read_into(self, offset: int, view: memoryview) -> None:
        self.asked()
        super().read_into(offset, view)


class Blocking(Asked):
    """One whose calls may sleep, so that workers make them."""

    blocking = True


class Worker:
    """Somebody else's thread, that works when it is told to: and says so to the loop."""

    def __init__(self) -> None:
        self.work: list[tuple[Callable[[], None], Callable[[Exception | None], None]]] = []
        self.asked: Callable[[], None] = lambda: None

    def submit(
        self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]
    ) -> Worker:
        self.asked()
        self.work.append((work, ended))
        return self

    def abandon(self) -> bool:
        raise AssertionError("nothing is aborted here")

    def go(self) -> None:
        for work, ended in self.work:
            work()
            ended(None)


class Late(Medium, MediumChannel):
    """A medium of its own kind, that is over when it is told to be."""

    features = Feature.VOLATILE

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.bytes = memoryview(bytearray(size))
        self.asked: Callable[[], None] = lambda: None
        self.requests: list[MediumRequest] = []
        self.loop: Any = None

    def channel(self, loop: Loop) -> MediumChannel:
        self.loop = loop
        return self

    def submit(self, request: MediumRequest) -> Later | None:
        self.asked()
        self.requests.append(request)
        return PENDING

    def go(self) -> None:
        for request in self.requests:
            self.loop.post(lambda request=request: self._over(request))

    def _over(self, request: MediumRequest) -> None:
        request.buffers[0][:] = self.bytes[request.offset : request.offset + request.length]
        request.done = request.length
        request.over(request)


DATA = bytes(range(256)) * 2


@pytest.fixture
def journey() -> Journey:
    return Journey()


@pytest.fixture
def make(journey: Journey) -> Iterator[Callable[..., Rig]]:
    rigs = []

    def made(backend: Any, workers: Any = None) -> Rig:
        rig = Rig(LunMap([(256, Disk(backend, "disk"))]), workers=workers, fast=False)
        rigs.append(rig)
        rig.login()
        for _ in range(2):  # what is made for the first command is there, as in a session that is in use
            tag = rig.client.read(256, 0, 1)
            rig.run()
            if workers is not None or isinstance(backend, Late):
                (workers or backend).go()
                (workers.work if workers else backend.requests).clear()
                rig.run()
            assert rig.client.answer(tag).status == 0
        rig.target.queue.port = Told(rig.target.queue.port, journey.sent)
        (workers or backend).asked = journey.asked
        return rig

    yield made
    for rig in rigs:
        rig.close()


def drawn() -> list[str]:
    """The files of this walk in ARCHITECTURE.md, in order."""
    section = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text().split("## One READ(10)")[1]
    target = re.split(r"^ *-{60,}.*\n", section, flags=re.MULTILINE)[1]
    files = re.findall(r"  (\w+/[\w/]+)$", target, re.MULTILINE)
    return files[files.index("vscsi/server") :]


def read(rig: Rig) -> int:
    return rig.client.read(256, 7, 1)


def arrived(rig: Rig, tag: int) -> None:
    assert rig.client.answer(tag).status == 0
    assert rig.client.peek(BLOCK) == DATA


def test_a_disk_in_memory(make: Callable[..., Rig], journey: Journey) -> None:
    """It is over at once: both ways are in one turn of the loop."""
    ram = Asked(MIB)
    ram.asked = lambda: None
    ram.write_from(7 * BLOCK, memoryview(DATA))
    rig = make(ram)
    tag = read(rig)
    journey.go(rig, journey.down)
    arrived(rig, tag)
    journey.down.check()
    journey.back.check()
    assert journey.down.files[0] == "vscsi/server.py"
    assert drawn() == [file.removesuffix(".py") for file in journey.down.files + journey.back.files]


def test_a_backend_that_blocks(make: Callable[..., Rig], journey: Journey) -> None:
    """A worker does it, and the loop hears of that."""
    ram = Blocking(MIB)
    ram.asked = lambda: None
    ram.write_from(7 * BLOCK, memoryview(DATA))
    worker = Worker()
    rig = make(ram, worker)
    tag = read(rig)
    journey.go(rig, journey.down)
    worker.go()
    journey.back = Walk()  # what a worker did is on neither way
    journey.go(rig, journey.back)
    arrived(rig, tag)
    journey.down.check()
    journey.back.check()


def test_a_medium_that_takes_its_time(make: Callable[..., Rig], journey: Journey) -> None:
    """It tells the loop itself."""
    medium = Late(MIB)
    medium.bytes[7 * BLOCK : 8 * BLOCK] = DATA
    rig = make(medium)
    tag = read(rig)
    journey.go(rig, journey.down)
    medium.go()
    journey.back = Walk()  # on which the submitting one returns
    journey.go(rig, journey.back)
    arrived(rig, tag)
    journey.down.check()
    journey.back.check()
    assert journey.back.files[0] == "vscsi/server.py"


def test_what_is_entered_twice_is_listed(journey: Journey) -> None:
    walk = journey.down
    walk.entries = [("a.py", "one"), ("b.py", "two"), ("a.py", "three")]
    walk.ends()
    with pytest.raises(AssertionError, match=r"more than once: a\.py:\n +a\.py +one\n +b\.py +two"):
        walk.check()


def test_too_many_files_are_listed(journey: Journey) -> None:
    walk = journey.down
    walk.entries = [(f"{letter}.py", "f") for letter in "abcdefghi"]
    walk.ends()
    with pytest.raises(AssertionError, match=r"9 files, 8 at most:\n +a\.py +f\n"):
        walk.check()
