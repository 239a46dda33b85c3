"""local: as the reference model: every hypervisor call and return code of PAPR that VSCSI meets."""

import pytest

from fabric_rig import CLIENT, INIT, SERVER, element
from pysrp import fabric
from pysrp.errors import ConfigError, HcallError, PartnerGone
from pysrp.fabric import PAGE_SIZE, Access, ReturnCode, local

H = ReturnCode
UNIT = CLIENT.unit_address
WINDOW = 1 << 20


@pytest.fixture
def ends():
    client, server = local.pair(CLIENT, SERVER, window_size=WINDOW)
    with client, server:
        yield client, server


@pytest.fixture
def registered(ends):
    ends[0].register()
    ends[1].register()
    return ends


class TestRegister:
    def test_success_and_closed(self, ends):
        client, server = ends
        queue = client.allocate(8192)
        assert client.h_reg_crq(UNIT, queue.address, 8192) is H.H_CLOSED
        other = server.allocate(4096)
        assert server.h_reg_crq(SERVER.unit_address, other.address, 4096) is H.H_SUCCESS

    def test_elements_lie_in_the_partition_s_memory(self, ends):
        client, server = ends
        queue = client.allocate(4096)
        assert client.h_reg_crq(UNIT, queue.address, 4096) is H.H_CLOSED
        server.register()
        server.send(element(1))
        server.send(element(2))
        assert bytes(memoryview(queue)[:32]) == element(1) + element(2)
        assert client.poll() == [element(1), element(2)]
        assert memoryview(queue)[0] == memoryview(queue)[16] == 0  # the headers, for the slots to be free

    @pytest.mark.parametrize(
        ("unit", "offset", "length"),
        [
            (UNIT + 1, 0, 4096),
            (0, 0, 4096),
            (UNIT, 16, 4096),
            (UNIT, 0, 0),
            (UNIT, 0, 100),
            (UNIT, 0, 4096 + 16),
            (UNIT, 0, WINDOW * 2),
            (UNIT, WINDOW, 4096),
            (UNIT, 4096, 4096),
            (UNIT, 0, 8192),
        ],
    )
    def test_parameter(self, ends, unit, offset, length):
        queue = ends[0].allocate(4096)
        assert ends[0].h_reg_crq(unit, queue.address + offset, length) is H.H_PARAMETER

    def test_resource(self, registered):
        queue = registered[0].allocate(4096)
        assert registered[0].h_reg_crq(UNIT, queue.address, 4096) is H.H_RESOURCE

    def test_not_found(self, ends):
        ends[0].peer = None
        with pytest.raises(HcallError, match="H_NOT_FOUND") as caught:
            ends[0].register()
        assert caught.value.code == -7

    def test_queue_of_another_size_starts_at_its_first_slot(self, registered):
        client, server = registered
        server.send_many(map(element, range(100)))
        client.free()
        queue = client.allocate(16384)
        assert client.h_reg_crq(UNIT, queue.address, 16384) is H.H_SUCCESS
        assert server.send_many(map(element, range(2000))) == 1024
        assert bytes(memoryview(queue)[:16]) == element(0)
        assert client.poll(2000) == [element(i) for i in range(1024)]


class TestCalls:
    @pytest.mark.parametrize("slots", [(0,), (1,), (3, 4, 5), (7, 255), range(256)])
    def test_what_was_written_over_a_queue_is_gone_when_it_is_registered_again(self, ends, slots):
        """By a READ of the owner's, say, whose data it let come to its own queue."""
        client, server = ends
        queue = client.allocate(4096)
        client.h_reg_crq(UNIT, queue.address, 4096)
        server.register()
        written = server.allocate(4096)
        memoryview(written)[:] = b"\xc1" * 4096
        for slot in slots:
            server.copy_out(written, queue.address + 16 * slot, 0, 16)
        client.poll()
        for _ in range(2):
            client.h_free_crq(UNIT)
            assert client.h_reg_crq(UNIT, queue.address, 4096) is H.H_SUCCESS
            for i in range(600):
                server.send(element(i % 256))
                assert client.poll() == [element(i % 256)]

    def test_units(self, registered):
        client, _ = registered
        for call in (client.h_free_crq, client.h_enable_crq):
            assert call(UNIT + 1) is H.H_PARAMETER
        assert client.h_vio_signal(UNIT + 1, 1) is H.H_PARAMETER
        assert client.h_send_crq(UNIT + 1, 0x80 << 56, 0) is H.H_PARAMETER
        assert client.is_open

    def test_send(self, registered):
        client, server = registered
        assert client.h_send_crq(UNIT, 0x8001 << 48, 0x1122334455667788) is H.H_SUCCESS
        assert server.poll() == [bytes.fromhex("80010000000000001122334455667788")]
        for header in (0, 1, 0x7F, 0xFF):
            assert client.h_send_crq(UNIT, header << 56, 0) is H.H_PARAMETER
        for _ in range(256):
            assert client.h_send_crq(UNIT, 0x80 << 56, 0) is H.H_SUCCESS
        assert client.h_send_crq(UNIT, 0x80 << 56, 0) is H.H_DROPPED
        assert server.h_free_crq(SERVER.unit_address) is H.H_SUCCESS
        assert client.h_send_crq(UNIT, 0x80 << 56, 0) is H.H_CLOSED
        assert client.h_send_crq(UNIT, 0, 0) is H.H_PARAMETER

    @pytest.mark.parametrize(("mode", "code"), [(0, 0), (1, 0), (2, -4), (3, -4), (1 << 63, -4)])
    def test_vio_signal(self, registered, mode, code):
        assert registered[0].h_vio_signal(UNIT, mode) == code

    def test_free_and_enable(self, registered):
        client, server = registered
        client.inject("H_FREE_CRQ", H.H_LONG_BUSY_1_SEC)
        assert client.h_free_crq(UNIT) is H.H_LONG_BUSY_1_SEC
        assert client.h_free_crq(UNIT) is H.H_SUCCESS
        assert client.h_free_crq(UNIT) is H.H_SUCCESS
        assert [one[:2] for one in server.poll()] == [b"\xff\x02"]
        client.inject("H_ENABLE_CRQ", H.H_IN_PROGRESS)
        assert client.h_enable_crq(UNIT) is H.H_IN_PROGRESS


class TestTce:
    def test_put_and_get(self, ends):
        client, _ = ends
        assert client.h_put_tce(client.liobn, 0x80000, 0x5000 | Access.READ) is H.H_SUCCESS
        assert client.h_get_tce(client.liobn, 0x80FFF) == (H.H_SUCCESS, 0x5001)
        assert client.h_get_tce(client.liobn, WINDOW) == (H.H_PARAMETER, 0)
        assert client.h_get_tce(client.liobn + 1, 0)[0] is H.H_PARAMETER

    @pytest.mark.parametrize(
        ("liobn", "ioba", "tce"),
        [(1, 0, 3), (0, WINDOW, 3), (0, 1 << 63, 3), (0, 0, WINDOW | 1), (0, 0, 1 << 63 | 2)],
    )
    def test_parameter(self, ends, liobn, ioba, tce):
        client, _ = ends
        assert client.h_put_tce(client.liobn + liobn, ioba, tce) is H.H_PARAMETER

    def test_a_page_that_faults_may_name_any_page(self, ends):
        client, _ = ends
        assert client.h_put_tce(client.liobn, 0, 1 << 63) is H.H_SUCCESS

    def test_stuff(self, ends):
        client, _ = ends
        liobn = client.liobn
        assert client.h_stuff_tce(liobn, 0x10000, 0x3003, 4) is H.H_SUCCESS
        assert [client.h_get_tce(liobn, 0x10000 + i * PAGE_SIZE)[1] for i in range(5)] == [0x3003] * 4 + [0]
        assert client.h_stuff_tce(liobn, 0, 0, 513) is H.H_P4
        assert client.h_stuff_tce(liobn, WINDOW - 8192, 0x3003, 3) is H.H_PARAMETER
        assert client.h_get_tce(liobn, WINDOW - 8192)[1] == 0
        assert client.h_stuff_tce(liobn + 1, 0, 0, 1) is H.H_PARAMETER

    def test_indirect(self, ends):
        client, _ = ends
        liobn, page = client.liobn, client.allocate(4096)
        tces = [0x3003, 0x4001, 0x5002]
        memoryview(page)[:24] = b"".join(tce.to_bytes(8, "big") for tce in tces)
        assert client.h_put_tce_indirect(liobn, 0x20000, page.address, 3) is H.H_SUCCESS
        assert [client.h_get_tce(liobn, 0x20000 + i * PAGE_SIZE)[1] for i in range(4)] == [*tces, 0]
        memoryview(page)[16:24] = (WINDOW | 3).to_bytes(8, "big")
        assert client.h_put_tce_indirect(liobn, 0x30000, page.address, 3) is H.H_PARAMETER
        assert client.h_get_tce(liobn, 0x30000)[1] == 0  # all are looked at before one is stored
        assert client.h_put_tce_indirect(liobn, 0x20000, page.address + 8, 1) is H.H_PARAMETER
        assert client.h_put_tce_indirect(liobn, 0x20000, 0x90000, 1) is H.H_PARAMETER
        assert client.h_put_tce_indirect(liobn, 0x20000, page.address, 513) is H.H_PARAMETER


class TestRdma:
    @pytest.fixture
    def copy(self, registered):
        client, server = registered
        remote, mine = client.allocate(16384), server.allocate(16384)
        memoryview(remote)[:] = bytes(i % 253 for i in range(16384))

        def call(length, source=0, dest=0, source_liobn=server.riobn, dest_liobn=server.liobn):
            return server.h_copy_rdma(
                length, source_liobn, remote.address + source, dest_liobn, mine.address + dest
            )

        call.client, call.server, call.remote, call.mine = client, server, remote, mine
        return call

    def test_success(self, copy):
        assert copy(10000, 17, 4095 - 17) is H.H_SUCCESS
        assert memoryview(copy.mine)[4078:14078] == memoryview(copy.remote)[17:10017]
        assert copy(0, WINDOW) is H.H_SOURCE_PARM
        assert copy(0) is H.H_SUCCESS

    def test_parameters(self, copy):
        assert copy(copy.server.max_transfer + 1) is H.H_PARAMETER
        assert copy(1, source_liobn=99) is H.H_SOURCE_PARM
        assert copy(1, dest_liobn=99) is H.H_DEST_PARM
        assert copy(1, source=WINDOW) is H.H_SOURCE_PARM
        assert copy(1, dest=WINDOW) is H.H_DEST_PARM
        assert copy(2, source=(1 << 64) - 1 - copy.remote.address) is H.H_SOURCE_PARM

    def test_within_the_server_and_within_the_client(self, copy):
        assert copy(100, dest=5000, dest_liobn=copy.server.riobn) is H.H_SUCCESS
        assert memoryview(copy.remote)[5000:5100] == memoryview(copy.remote)[:100]
        assert copy(100, source_liobn=copy.server.liobn) is H.H_SUCCESS

    def test_permissions(self, copy):
        client, page = copy.client, copy.remote.address + PAGE_SIZE
        client.h_put_tce(client.liobn, page, page | Access.WRITE)
        assert copy(PAGE_SIZE + 1) is H.H_PERMISSION
        assert bytes(copy.mine) == bytes(16384)
        assert copy(PAGE_SIZE) is H.H_SUCCESS
        client.h_put_tce(client.liobn, page, 0)
        assert copy(1, source=PAGE_SIZE) is H.H_PERMISSION

    def test_the_other_direction(self, copy):
        client, server, page = copy.client, copy.server, copy.remote.address
        client.h_put_tce(client.liobn, page, page | Access.READ)
        out = server.liobn, copy.mine.address, server.riobn
        assert server.h_copy_rdma(1, *out, page) is H.H_PERMISSION
        assert server.h_copy_rdma(1, *out, page + PAGE_SIZE) is H.H_SUCCESS
        assert memoryview(copy.remote)[PAGE_SIZE] == 0

    def test_own_pages_too(self, copy):
        server, page = copy.server, copy.mine.address
        server.h_put_tce(server.liobn, page, page | Access.READ)
        assert copy(1) is H.H_PERMISSION

    def test_partner_gone(self, copy):
        copy.client.free()
        assert copy(1) is H.H_PERMISSION
        assert copy(1, source_liobn=copy.server.liobn) is H.H_SUCCESS

    def test_pages_in_any_order(self, copy):
        client, server = copy.client, copy.server
        first, second = copy.remote.address, copy.remote.address + PAGE_SIZE
        client.h_put_tce(client.liobn, 0x80000, second | Access.BOTH)
        client.h_put_tce(client.liobn, 0x81000, first | Access.BOTH)
        swapped = bytes(memoryview(copy.remote)[4096:8192]) + bytes(memoryview(copy.remote)[:4096])
        server.copy_in(0x80000, copy.mine, 0, 8192)
        assert bytes(memoryview(copy.mine)[:8192]) == swapped
        server.copy_out(copy.mine, 0x80000 + 4000, 0, 200)
        assert bytes(memoryview(copy.remote)[8096:8192]) == swapped[:96]
        assert bytes(memoryview(copy.remote)[:104]) == swapped[96:200]
        assert server.window(0x80000, 4096) is not None
        assert server.window(0x80000, 4097) is None  # allowed, but not in one piece
        assert server.windows([(0x80000, 4096), (0x80000, 4097)]) is None


class TestPartitions:
    def test_crash(self, registered):
        client, server = registered
        memory, mine = client.allocate(100), server.allocate(100)
        client.send(INIT)
        client.crash()
        assert server.poll() == [INIT, bytes([0xFF, 1]) + bytes(14)]
        assert not server.ended
        for call in (lambda: server.send(INIT), lambda: client.send(INIT)):
            with pytest.raises(PartnerGone):
                call()
        assert client.register() is True
        with pytest.raises(HcallError, match="H_PERMISSION"):
            server.copy_in(memory.address, mine)
        server.send(INIT)
        assert client.poll() == [INIT]

    def test_crash_with_the_partner_s_queue_full(self, registered):
        client, server = registered
        client.send_many([INIT] * 256)
        client.crash()
        assert server.poll(300)[-1] == bytes([0xFF, 1, 0, 0x20]) + bytes(12)

    @pytest.mark.parametrize("code", [1, 2, 9, 10])
    def test_events(self, registered, code):
        client, server = registered
        client.post_event(code)
        assert server.wait(0)
        assert server.poll() == [bytes([0xFF, code]) + bytes(14)]

    def test_mappings_survive_the_partner(self, registered):
        client, server = registered
        memory, mine = client.allocate(100), server.allocate(100)
        memoryview(memory)[:2] = b"ok"
        server.crash()
        mine = server.allocate(100)
        server.register()
        server.copy_in(memory.address, mine, 0, 2)
        assert bytes(memoryview(mine)[:2]) == b"ok"


class TestUrl:
    def test_connect_and_listen(self):
        with fabric.listen("local:there", identity=SERVER) as listener:
            assert listener.accept(0) is None
            with fabric.connect("local:there", identity=CLIENT) as client, listener.accept(0) as server:
                assert server.partner == CLIENT
                assert client.register() is False
                assert server.register() is True
            with pytest.raises(ConfigError):
                fabric.listen("local:there")
            waiting = fabric.connect("local:there")
        assert waiting.partner is None
        waiting.close()
        with pytest.raises(PartnerGone):
            fabric.connect("local:there")

    def test_many_descriptors(self, descriptors):
        with fabric.listen("local:there") as listener:
            assert listener.fileno() > 1023
            assert listener.accept(0) is None
            assert listener.accept(0.01) is None
            with fabric.connect("local:there"), listener.accept(60) as server:
                assert server is not None

    @pytest.mark.parametrize("url", ["", "local", "/run/x", "tcp:1", "Local:x"])
    def test_nonsense(self, url):
        with pytest.raises(ConfigError, match="begins with one of"):
            fabric.connect(url)

    @pytest.mark.parametrize(
        "sizes", [{"window_size": 4097}, {"window_size": 0}, {"queue_size": 100}, {"queue_size": 1 << 40}]
    )
    def test_sizes(self, sizes):
        with pytest.raises(ConfigError, match="multiple of 4096"):
            local.pair(**sizes)
