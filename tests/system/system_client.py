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
from pysrp.initiator.session import WRITE, Session


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
            if not session.connected:
                return
            for lba, pending in flying:
                pending.result()
                print(json.dumps([lba]), flush=True)


if __name__ == "__main__":
    # TimedOut: a command that is tried again when the server has gone waits for the next one.
    with contextlib.suppress(PartnerGone, TimedOut):
        main(sys.argv[1], int(sys.argv[2]), int((*sys.argv, 1)[3]))
