"""SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER and WRITE BUFFER (SPC-4, 6.18, 6.27, 6.42 and 6.49)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import LogPage, ReadBufferMode, SelfTestCode, SenseKey, WriteBufferMode
from pysrp.scsi.log import LogParameter
from pysrp.target.effects import GOOD, Begin, Effect, Fetch, NextTurn, Reply
from pysrp.target.fault import Fault
from pysrp.target.task import Nexus, Task
from pysrp.target.units.blocks import LogPages, in_binary
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import LONG, Conflict, command
from pysrp.target.units.jobs import Do, Job
from pysrp.target.units.verifying import CHUNK, Comparing

__all__ = ["BUFFER", "ECHO", "DiagnosticCommands"]

ECHO = 4096
"""Bytes of the echo buffer, of which each nexus has one: so nobody overwrites another's (EBOS)."""

BUFFER = 64 << 10
"""Bytes of the buffer with number 0, which all have together."""

SUPPORTED_PAGES = bytes((0, 0, 0, 1, 0))
"""The one diagnostic page that there is, which lists itself (SPC-4, 7.2.14)."""

ENTIRE = frozenset({SelfTestCode.FOREGROUND_EXTENDED, SelfTestCode.BACKGROUND_EXTENDED})
BACKGROUND = frozenset({SelfTestCode.BACKGROUND_SHORT, SelfTestCode.BACKGROUND_EXTENDED})
TESTS = frozenset({SelfTestCode.FOREGROUND_SHORT}) | ENTIRE | BACKGROUND

RESULTS = 20
"""Self-tests whose results are kept (SPC-4, 7.3.16)."""

PASSED, STOPPED, ABORTED, FIRST_FAILED, GOES_ON = 0, 1, 2, 5, 15
"""SELF-TEST RESULTS: without an error; aborted by SEND DIAGNOSTIC, or otherwise; the first stretch failed, 6: the second."""

NOWHERE = 0xFFFFFFFFFFFFFFFF
"""ADDRESS OF FIRST FAILURE of a test that found none."""


class SelfTest(Job):
    """A self-test in the background: what other commands ask for is done beside it (SPC-5, 5.15.4).

    But for other self-tests, which are refused, and what ends it: FORMAT UNIT, SANITIZE, START STOP UNIT.
    """

    closes = False
    gives_way = True

    def __init__(self, backend: Any, steps: Generator[Any, Any, None], code: int) -> None:
        super().__init__(backend, steps, SenseCode.SELF_TEST_IN_PROGRESS)
        self.test = code
        self.told_to = False
        """Whether SEND DIAGNOSTIC has said that it is to stop."""

    def _run(self, do: Do) -> None:
        next(self._steps)  # so that the steps know how they end, even where none is taken
        super()._run(do)


class DiagnosticCommands(Comparing):
    """SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER(10), WRITE BUFFER(10)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._echoes: dict[Nexus, bytes] = {}
        self._buffer = b""
        """What has been written there; zeros follow."""
        self._tests: deque[bytes] = deque(maxlen=RESULTS)
        """The last ones, as their log parameters have them: the latest first."""

    def log_pages(self) -> LogPages:
        """The last self-tests, and those of the others. Each page has all of its parameters, be they empty."""
        return {**super().log_pages(), LogPage.SELF_TEST_RESULTS: self._test_results}

    def _test_results(self) -> list[LogParameter]:
        with self._lock:
            found = list(self._tests)
            if isinstance(self._job, SelfTest):
                found = [_result(self._job.test, GOES_ON, NOWHERE, bytes(4)), *found][:RESULTS]
        found += [bytes(16)] * (RESULTS - len(found))
        return [in_binary(code, value) for code, value in enumerate(found, 1)]

    def _left(self, nexus: Nexus) -> None:
        super()._left(nexus)
        self._echoes.pop(nexus, None)

    def _was_reset(self) -> None:
        super()._was_reset()
        self._echoes.clear()
        self._buffer = b""

    @command(cdbs.SendDiagnostic, ignores=["obsolete_lun", "devoffl", "unitoffl"], timeout=LONG)
    def send_diagnostic(self, task: Task, cdb: cdbs.SendDiagnostic) -> Generator[Effect, Any, Effect]:
        """SEND DIAGNOSTIC: the default self-test, those in the foreground and in the background, which read; the list of pages.

        The short ones read the first block and the last, the extended ones all. While one goes on in the background there is
        no other one (02/04/09). 100b ends it, and so do FORMAT UNIT, SANITIZE and START STOP UNIT (SPC-5, 5.15.4).
        """
        code, length = cdb.self_test_code, cdb.parameter_list_length
        if code == SelfTestCode.ABORT_BACKGROUND and not cdb.selftest and not length:
            return self._stop_test()
        if code and (cdb.selftest or code not in TESTS):
            raise invalid(cdbs.SendDiagnostic, "self_test_code")
        if length and (cdb.selftest or code or not cdb.pf):
            raise invalid(cdbs.SendDiagnostic, "parameter_list_length")
        if length:
            data = yield Fetch(length)
            if len(data) < min(length, 4):
                raise short()
            for at in range(min(len(data), 4)):
                if data[at]:
                    raise unfit(at)
            if length != 4:
                raise short()
        elif cdb.selftest or code:
            if isinstance(job := self._job, SelfTest):
                raise job.fault()
            if code in BACKGROUND:
                return Begin(SelfTest(self.backend, self._test_beside(code), code))
            yield from self._test(code, lambda progress: NextTurn())
        return GOOD

    def _stop_test(self) -> Effect:
        job = self._job
        if not isinstance(job, SelfTest):
            raise invalid(cdbs.SendDiagnostic, "self_test_code")
        job.told_to = True
        job.stop()
        return GOOD

    def _test_beside(self, code: int) -> Generator[Any, Any, None]:
        """The steps of one in the background, whose end the log page tells alone."""
        try:
            yield 0.0
        except GeneratorExit:
            self._note_test(code, self._cut_short(), Fault(SenseKey.NO_SENSE, SenseCode.NONE))
            raise
        with suppress(Fault):
            yield from self._test(code, lambda progress: progress)

    def _cut_short(self) -> int:
        job = self._job
        return STOPPED if isinstance(job, SelfTest) and job.told_to else ABORTED

    def _test(self, code: int, pause: Callable[[float], Any]) -> Generator[Any, Any, None]:
        """Raise Fault where a block cannot be read. How it ended is kept, but of the default self-test.

        ``pause``: what it yields between two pieces, of how much is done, from 0 to 1.
        """
        size = self.block_size
        ends = [(0, size), ((self.blocks - 1) * size, size)]
        ended, cause = ABORTED, Fault(SenseKey.NO_SENSE, SenseCode.NONE)
        try:
            for number, (start, length) in enumerate([(0, self.blocks * size)] if code in ENTIRE else ends):
                ended = FIRST_FAILED + number
                for at in range(0, length, CHUNK):
                    yield from self._found(start + at, min(CHUNK, length - at))
                    yield pause(min(1, (start + at + CHUNK) / (self.blocks * size)))
            ended = PASSED
        except Fault as fault:
            cause = fault
            if fault.key == SenseKey.NOT_READY:  # a SANITIZE has begun, say: that is no failure
                ended = ABORTED
                raise
            raise Fault(
                SenseKey.HARDWARE_ERROR,
                SenseCode.LOGICAL_UNIT_FAILED_SELF_TEST,
                information=fault.information,
            ) from fault
        except GeneratorExit:
            ended = self._cut_short()
            raise
        finally:
            if code:
                self._note_test(code, ended, cause)

    def _note_test(self, code: int, ended: int, cause: Fault) -> None:
        """Keep how a self-test ended. Its hour is 0: nothing here counts those that a medium has been in use."""
        where = NOWHERE if cause.information is None else cause.information
        sense = bytes((cause.key, cause.code >> 8, cause.code & 0xFF, 0))
        with self._lock:
            self._tests.appendleft(_result(code, ended, where, sense))

    @command(cdbs.ReceiveDiagnosticResults, ignores=["obsolete_lun"])
    def receive_diagnostic_results(self, task: Task, cdb: cdbs.ReceiveDiagnosticResults) -> Effect:
        """RECEIVE DIAGNOSTIC RESULTS: the list of pages, whatever was sent last."""
        if cdb.page_code:
            raise invalid(cdbs.ReceiveDiagnosticResults, "page_code")
        return Reply(SUPPORTED_PAGES, cdb.allocation_length)

    @command(cdbs.WriteBuffer10, refuses=["mode_specific"])
    def write_buffer(self, task: Task, cdb: cdbs.WriteBuffer10) -> Generator[Effect, Any, Effect]:
        """WRITE BUFFER: into the echo buffer, or the one buffer that there is. There is no microcode."""
        offset, length = cdb.buffer_offset, cdb.parameter_list_length
        if cdb.mode == WriteBufferMode.WRITE_DATA_TO_ECHO_BUFFER:
            room, offset = ECHO, 0
        elif cdb.mode == WriteBufferMode.DATA:
            room = self._room(cdb)
        else:
            raise invalid(cdbs.WriteBuffer10, "mode")
        if length > room:
            raise invalid(cdbs.WriteBuffer10, "parameter_list_length")
        data = bytes((yield Fetch(length)))
        if len(data) < length:
            raise short()
        with self._lock:
            if cdb.mode == WriteBufferMode.DATA:
                before = self._buffer.ljust(offset, b"\0")
                self._buffer = before[:offset] + data + before[offset + length :]
            elif task.nexus in self._nexuses:
                self._echoes[task.nexus] = data
        return GOOD

    @command(cdbs.ReadBuffer10, conflicts=Conflict.EXCLUSIVE_ACCESS, refuses=["mode_specific"])
    def read_buffer(self, task: Task, cdb: cdbs.ReadBuffer10) -> Effect:
        """READ BUFFER: what was written into a buffer, or how large it is."""
        if cdb.mode == ReadBufferMode.ECHO_BUFFER_DESCRIPTOR:
            data = bytes((1, 0, *ECHO.to_bytes(2, "big")))  # EBOS
        elif cdb.mode == ReadBufferMode.DESCRIPTOR:
            data = b"\0" + (0 if cdb.buffer_id else BUFFER).to_bytes(3, "big")
        elif cdb.mode == ReadBufferMode.READ_DATA_FROM_ECHO_BUFFER:
            with self._lock:
                found = self._echoes.get(task.nexus)
            if found is None:
                raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.COMMAND_SEQUENCE_ERROR)
            data = found
        elif cdb.mode == ReadBufferMode.DATA:
            room = self._room(cdb)
            with self._lock:
                data = self._buffer.ljust(BUFFER, b"\0")[BUFFER - room :]
        else:
            raise invalid(cdbs.ReadBuffer10, "mode")
        return Reply(data, cdb.allocation_length)

    @staticmethod
    def _room(cdb: Any) -> int:
        """How much of the buffer there is from the offset on."""
        if cdb.buffer_id:
            raise invalid(type(cdb), "buffer_id")
        if cdb.buffer_offset > BUFFER:
            raise invalid(type(cdb), "buffer_offset")
        return BUFFER - int(cdb.buffer_offset)


def _result(code: int, ended: int, where: int, sense: bytes) -> bytes:
    """What a log parameter tells of a self-test (SPC-4, 7.3.16)."""
    return bytes((code << 5 | ended, 0, 0, 0)) + where.to_bytes(8, "big") + sense
