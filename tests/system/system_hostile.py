"""A client whose IUs and descriptor tables change all the time, while the target works on them.

    system_hostile.py URL SEED COMMANDS

Says how often it was thrown out, how many answers came, and whether memory that the target may not touch
is as it was.
"""

import json
import random
import struct
import sys
import threading

from pysrp import crq, srp
from pysrp.errors import TransportError
from pysrp.fabric import Access
from system_rig import MIB, Raw, at

TABLE = 512 << 10
"""Where the descriptor tables are, behind the IUs."""


def main(url: str, seed: int, count: int) -> None:
    """Send what a client sends, and change it behind its own back."""
    rng = random.Random(seed)
    client = Raw(url)
    untouchable = client.port.allocate(MIB, Access.NONE)
    readable = client.port.allocate(MIB, Access.READ)
    for memory in untouchable, readable:
        memoryview(memory)[:] = b"\x5a" * MIB
    places = [client.data(), untouchable.address, readable.address, client.base, 0, 1 << 32, (1 << 64) - 512]
    stop = threading.Event()

    def meddle() -> None:
        own = random.Random(seed + 1)
        while not stop.is_set():
            slot = 256 * own.randrange(64)
            what = own.randrange(4)
            if what == 0:
                client.view[slot + own.randrange(48)] = own.randrange(256)
            elif what == 1:
                client.view[slot + 48 : slot + 64] = struct.pack(
                    ">QII", own.choice(places), 0, own.getrandbits(own.randrange(33))
                )
            elif what == 2:
                where = TABLE + 16 * own.randrange(64)
                client.view[where : where + 16] = struct.pack(
                    ">QII", own.choice(places) + own.randrange(4096), 0, own.getrandbits(own.randrange(33))
                )
            else:
                client.view[slot : slot + 64] = own.randbytes(64)

    answers = thrown_out = 0
    client.enter()
    thread = threading.Thread(target=meddle)
    thread.start()
    for number in range(count):
        lun = rng.choice((256, 512))
        blocks = rng.choice((1, 8, 64))
        write = rng.random() < 0.5
        cdb = struct.pack(">BxIxHx", 0x2A if write else 0x28, rng.randrange(1024), blocks)
        for entry in range(64):
            client.view[TABLE + 16 * entry : TABLE + 16 * entry + 16] = struct.pack(
                ">QII", client.data(4096 * entry), 0, 512
            )
        form = rng.randrange(2)
        room = 512 * blocks
        field = (client.data(), room) if form else [(client.data(4096 * i), 512) for i in range(blocks)]
        if not form and blocks > 8:
            table = struct.pack(">QIII", client.base + TABLE, 0, 16 * blocks, room)
            iu = bytearray(srp.Cmd.build(tag=number + 1, lun=at(lun), cdb=cdb.ljust(16, b"\0")))
            iu[5] = 0x20 if write else 0x02
            raw = bytes(iu) + table
        else:
            data = {"data_out": field} if write else {"data_in": field}
            raw = bytes(srp.Cmd.build(tag=number + 1, lun=at(lun), cdb=cdb.ljust(16, b"\0"), **data))
        try:
            client._slot %= 64 * 256
            client.send(raw)
            if number % 8 == 0 and not client.port.wait(0.05):
                continue
            client.take()
        except TransportError:
            client.port.wait(1)
            client.take()
        answers += sum(each[0] == 0x80 for each in client.answers)
        if any(each[0] == crq.Valid.TRANSPORT_EVENT for each in client.answers):
            thrown_out += 1
            while client.answers and client.answers.popleft()[0] != crq.Valid.TRANSPORT_EVENT:
                pass
            try:
                client.greet()
                # Its own login request may be spoilt, too: then the target closes the queue once more.
                tag = client.tag()
                client.send(bytes(srp.LoginReq.build(tag=tag, req_it_iu_len=256, req_buf_fmt=6)))
                client.port.wait(1)
                client.take()
            except TransportError:
                client.take()
            if any(each[0] == crq.Valid.TRANSPORT_EVENT for each in client.answers):
                continue
        client.answers.clear()
    stop.set()
    thread.join()
    kept = all(bytes(memory) == b"\x5a" * MIB for memory in (untouchable, readable))
    print(json.dumps({"answers": answers, "thrown_out": thrown_out, "kept": kept}), flush=True)
    client.close()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
