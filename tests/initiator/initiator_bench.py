"""The initiator's engine on a bench: memory, a clock that tests set, and the server's part played by hand."""

from __future__ import annotations

from typing import Any

from pysrp import crq, mad, srp
from pysrp.initiator.requests import Command, Request
from pysrp.lun import Lun
from pysrp.scsi import cdb
from pysrp.vscsi.client import ClientAdapter
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import State

BASE = 0x10000
DISK = Lun.logical_unit(1)
OTHER = Lun.logical_unit(2)
READ = bytes(cdb.Read10.build(lba=8, transfer_length=8))
INIT = bytes(crq.Element.init())
INIT_COMPLETE = bytes(crq.Element.init_complete())


def event(code: int, status: int = 0) -> bytes:
    """A transport event."""
    return bytes(crq.Element.transport_event(code, status))


class Bench:
    """An engine, and what a server does to it. ``now`` is the time of everything that happens."""

    def __init__(self, slots: int = 32, segments: int = 16, **options: Any) -> None:
        self.memory = bytearray(ClientAdapter.memory_size(slots, segments))
        self.engine = ClientAdapter(
            memoryview(self.memory),
            BASE,
            slots=slots,
            segments=segments,
            name="30000028",
            options=Options(**options),
        )
        self.now = 1000.0

    def sent(self) -> list[Any]:
        """Take the elements that are to be sent: IUs and datagrams as views of copies, others as elements."""
        found = []
        while self.engine.output:
            element = crq.Element(self.engine.output.pop(0))
            if element.valid != crq.Valid.CMD_RESP or element.kind is crq.Format.MESSAGE_IN_CRQ:
                found.append(bytes(element))
                continue
            assert element.IU_length == 256
            at = element.IU_data_ptr - BASE
            parse = mad.parse if element.kind is crq.Format.MAD else srp.parse
            found.append(parse(bytes(self.memory[at : at + element.IU_length])))
        return found

    def one(self, kind: type) -> Any:
        """The one thing that is to be sent."""
        (found,) = self.sent()
        assert isinstance(found, kind), found
        return found

    def slot_of(self, tag: int) -> int:
        """Where in memory the IU of a tag is."""
        return (tag & 0xFFFF) * 256

    def put(
        self, tag: int, data: Any, *, length: int | None = None, form: int = crq.Format.SRP, status: int = 0
    ) -> bytes:
        """Write an answer over its request; its element."""
        data = bytes(data)
        at = self.slot_of(tag)
        self.memory[at : at + len(data)] = data
        size = len(data) if length is None else length
        make = crq.Element.srp if form == crq.Format.SRP else crq.Element.mad
        return bytes(make(tag, size, status=status))

    def answer(self, tag: int, data: Any, **more: Any) -> list[Request]:
        """Answer a tag; what has ended by that."""
        return self.take(self.put(tag, data, **more))

    def rsp(self, iu: Any, delta: int = 1, **fields: Any) -> list[Request]:
        """Answer a command or task management function with an SRP_RSP."""
        return self.answer(iu.tag, srp.Rsp.build(tag=iu.tag, req_lim_delta=delta, **fields))

    def take(self, *elements: bytes) -> list[Request]:
        """Deliver elements; what has ended by that."""
        self.engine.receive(elements, self.now)
        return self.ended()

    def ended(self) -> list[Request]:
        """What has ended since the last look."""
        ended, self.engine.srp.ended = self.engine.srp.ended, []
        for request in ended:
            assert request.ended
        return ended

    def pass_time(self, seconds: float) -> list[Request]:
        """Let time pass, calling tick when the engine asked for it."""
        end = self.now + seconds
        ended = []
        while self.engine.deadline() <= end:
            self.now = max(self.now, self.engine.deadline())
            self.engine.tick(self.now)
            ended += self.ended()
        self.now = end
        return ended

    # The handshake.

    def info(self, **fields: Any) -> None:
        """Write the server's adapter info."""
        given = {
            "partition_name": "VIOS3-P6",
            "partition_number": 40,
            "os_type": 2,
            "port_max_txu": (67108864,) + 7 * (0,),
        }
        at = self.engine._info
        data = bytes(mad.AdapterInfoData.build(**{**given, **fields}))
        self.memory[at : at + len(data)] = data

    def begin(self) -> mad.AdapterInfo:
        """Open, answer INIT; the adapter info that comes then."""
        self.engine.opened(self.now)
        assert self.sent() == [INIT]
        assert self.take(INIT_COMPLETE) == []
        assert self.engine.state is State.ADAPTER_INFO
        request: mad.AdapterInfo = self.one(mad.AdapterInfo)
        return request

    def mad_answer(self, request: mad.Mad, status: int = 0) -> None:
        """Answer a datagram by its header."""
        answer = request.copy()
        answer.status = status
        self.answer(request.tag, bytes(answer)[:24], form=crq.Format.MAD)

    def at_login(self) -> srp.LoginReq:
        """All up to the login request."""
        request = self.begin()
        self.info()
        self.mad_answer(request)
        login: srp.LoginReq = self.one(srp.LoginReq)
        return login

    def login(self, limit: int = 22, **fields: Any) -> Bench:
        """All of the handshake."""
        self.grant(self.at_login(), limit, **fields)
        return self

    def grant(self, login: srp.LoginReq, limit: int = 22, **fields: Any) -> None:
        """Answer the login."""
        given = {"max_it_iu_len": 256, "max_ti_iu_len": 256, "buf_fmt": 6}
        assert not self.answer(
            login.tag, srp.LoginRsp.build(tag=login.tag, req_lim_delta=limit, **{**given, **fields})
        )
        assert self.engine.state is State.LOGGED_IN

    # Commands.

    def read(self, lun: Lun = DISK, **more: Any) -> Command:
        """Submit a READ(10) of 8 blocks into one segment."""
        command = Command(lun, READ, data_in=[(0x40000, 4096)], **{"block_size": 512, "timeout": 30, **more})
        self.engine.srp.submit(command, self.now)
        return command
