"""A client to kill: writes blocks and says which ones were acknowledged.

    system_client.py URL LIFE [ID]

The blocks are those of integrity.py, of run LIFE. Half of the writes go through a workload.
"""

import contextlib
import json
import random
import sys

from integrity import content
from pysrp.errors import PartnerGone
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.session import WRITE, Pending, Session

LOOK = 0.2
"""Seconds after which a client that waits looks whether its server is there."""


def is_written(session: Session, pending: Pending) -> bool:
    """Wait for a write. False when the server went before it was sent: it waits for the next one."""
    while not pending.done:
        if not session.connected:
            return False
        with contextlib.suppress(TimedOut):
            session.wait(pending, LOOK)
    pending.outcome()
    return True


def main(url: str, life: int, target: int) -> None:
    """Write until killed, or until the server has gone."""
    rng = random.Random(life)
    with Session(url, window_size=64 << 20) as session:
        (disk,) = session.scan(channels=[0], ids=[target])
        blocks, _ = disk.capacity()
        print(json.dumps("ready"), flush=True)
        while True:
            some = rng.sample(range(blocks), 64)
            data = {lba: content(life, lba, life) for lba in some}
            if not session.connected:
                return  # what begins after the server has gone waits for the next one
            if rng.random() < 0.5:
                assert disk.run(WRITE, some, 1, data=b"".join(data.values())).errors == {}
                print(json.dumps(some), flush=True)
                continue
            flying = [(lba, disk.submit_write(lba, data[lba])) for lba in some]
            for lba, pending in flying:
                if not is_written(session, pending):
                    return
                print(json.dumps([lba]), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(PartnerGone):
        main(sys.argv[1], int(sys.argv[2]), int((*sys.argv, 1)[3]))
