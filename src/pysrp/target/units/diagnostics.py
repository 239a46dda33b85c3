"""SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER and WRITE BUFFER (SPC-4, 6.18, 6.27, 6.42 and 6.49)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from pysrp.errors import Busy
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
"""Bytes of the echo buffer. Each nexus has its own, which no other nexus overwrites (EBOS)."""

BUFFER = 64 << 10
"""Bytes of the buffer with number 0, which all nexuses share."""

SUPPORTED_PAGES = bytes((0, 0, 0, 1, 0))
"""The only diagnostic page, the list of supported pages (SPC-4, 7.2.14)."""

ENTIRE = frozenset({SelfTestCode.FOREGROUND_EXTENDED, SelfTestCode.BACKGROUND_EXTENDED})
BACKGROUND = frozenset({SelfTestCode.BACKGROUND_SHORT, SelfTestCode.BACKGROUND_EXTENDED})
TESTS = frozenset({SelfTestCode.FOREGROUND_SHORT}) | ENTIRE | BACKGROUND

RESULTS = 20
"""Self-tests whose results are kept (SPC-4, 7.3.16)."""

PASSED, STOPPED, ABORTED, FIRST_FAILED, GOES_ON = 0, 1, 2, 5, 15
"""SELF-TEST RESULTS: without an error; aborted by SEND DIAGNOSTIC, or otherwise; the first segment failed (6: the second); in
progress."""

NOWHERE = 0xFFFFFFFFFFFFFFFF
"""ADDRESS OF FIRST FAILURE of a test without a failure."""


class SelfTest(Job):
    """A self-test in the background: other commands are carried out meanwhile (SPC-5, 5.15.4).

    Except other self-tests, which are refused. FORMAT UNIT, SANITIZE and START STOP UNIT end it.
    """

    closes = False
    gives_way = True

    def __init__(self, backend: Any, steps: Generator[Any, Any, None], code: int) -> None:
        super().__init__(backend, steps, SenseCode.SELF_TEST_IN_PROGRESS)
        self.test = code
        self.told_to = False
        """Whether SEND DIAGNOSTIC has asked it to stop."""

    def _run(self, do: Do) -> None:
        next(self._steps)  # into the generator's try: it notes the result even if it is closed at once
        super()._run(do)


class DiagnosticCommands(Comparing):
    """SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER(10), WRITE BUFFER(10)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._echoes: dict[Nexus, bytes] = {}
        self._buffer = b""
        """The data written to buffer 0, up to the last byte written; zeros follow."""
        self._tests: deque[bytes] = deque(maxlen=RESULTS)
        """The results of the last self-tests as log parameter values, the latest first."""

    def log_pages(self) -> LogPages:
        """The Self-Test Results page, with all of its parameters even if some are empty, and the pages of the other parts."""
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
        """SEND DIAGNOSTIC: the default self-test, foreground and background self-tests, which only read; the list of pages.

        A short test reads the first and the last block, an extended one all blocks. While one runs in the background no other
        one begins (02/04/09). 100b ends it, and so do FORMAT UNIT, SANITIZE and START STOP UNIT (SPC-5, 5.15.4).
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
        """The steps of a background self-test, whose result only the log page reports."""
        try:
            yield 0.0
        except GeneratorExit:
            self._note_test(code, self._cut_short(), Fault(SenseKey.NO_SENSE, SenseCode.NONE))
            raise
        with suppress(Fault, Busy):
            yield from self._test(code, lambda progress: progress)

    def _cut_short(self) -> int:
        job = self._job
        return STOPPED if isinstance(job, SelfTest) and job.told_to else ABORTED

    def _test(self, code: int, pause: Callable[[float], Any]) -> Generator[Any, Any, None]:
        """Read the blocks of a self-test; raise Fault where one cannot be read. The result is kept, except of the default test.

        ``pause`` makes of the progress, from 0 to 1, what this generator yields between two pieces.
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
            if fault.key == SenseKey.NOT_READY:  # for example, a SANITIZE has begun: no failure of the medium
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
        except Busy:  # the medium, which says nothing of its blocks
            ended = ABORTED
            raise
        finally:
            if code:
                self._note_test(code, ended, cause)

    def _note_test(self, code: int, ended: int, cause: Fault) -> None:
        """Keep the result of a self-test. Its TIMESTAMP is 0, as power on hours are not counted."""
        where = NOWHERE if cause.information is None else cause.information
        sense = bytes((cause.key, cause.code >> 8, cause.code & 0xFF, 0))
        with self._lock:
            self._tests.appendleft(_result(code, ended, where, sense))

    @command(cdbs.ReceiveDiagnosticResults, ignores=["obsolete_lun"])
    def receive_diagnostic_results(self, task: Task, cdb: cdbs.ReceiveDiagnosticResults) -> Effect:
        """RECEIVE DIAGNOSTIC RESULTS: always the list of supported pages."""
        if cdb.page_code:
            raise invalid(cdbs.ReceiveDiagnosticResults, "page_code")
        return Reply(SUPPORTED_PAGES, cdb.allocation_length)

    @command(cdbs.WriteBuffer10, refuses=["mode_specific"])
    def write_buffer(self, task: Task, cdb: cdbs.WriteBuffer10) -> Generator[Effect, Any, Effect]:
        """WRITE BUFFER: data to the echo buffer or to buffer 0. Microcode modes are refused."""
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
        """READ BUFFER: a buffer's data, or its size."""
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
        """Bytes of buffer 0 from BUFFER OFFSET on. Raises Fault for another buffer, and for an offset past its end."""
        if cdb.buffer_id:
            raise invalid(type(cdb), "buffer_id")
        if cdb.buffer_offset > BUFFER:
            raise invalid(type(cdb), "buffer_offset")
        return BUFFER - int(cdb.buffer_offset)


def _result(code: int, ended: int, where: int, sense: bytes) -> bytes:
    """The log parameter value for a self-test (SPC-4, 7.3.16)."""
    return bytes((code << 5 | ended, 0, 0, 0)) + where.to_bytes(8, "big") + sense
