"""pysrp's initiator, over vio: and real hypervisor calls, against a target that nobody here wrote: QEMU's."""

import random
import struct

import pytest

from lab import Disk, cross

pytestmark = pytest.mark.power

UNIT = 0x30000028
BLOCKS = 65536


@pytest.mark.parametrize(("cpus", "machine"), [(1, ""), (2, "ic-mode=xics")], ids=["1cpu-xive", "2cpus-xics"])
def test_against_qemu(lab, tmp_path, cpus, machine):
    images = [tmp_path / f"disk{n}.img" for n in range(4)]
    first = b"".join(struct.pack(">I", n) * 128 for n in range(BLOCKS))
    images[0].write_bytes(first)
    images[1].write_bytes(bytes(2048 * 512))
    images[2].write_bytes(bytes(256 * 4096))
    images[3].write_bytes(b"".join(bytes([n % 256]) * 2048 for n in range(512)))
    places = [
        # Long reads wait for tokens, and the short commands behind them overtake: QEMU alone may be too quick.
        Disk(
            images[0],
            id=1,
            lun=0,
            options="serial=LAB-1",
            drive="throttling.iops-total=4000,throttling.iops-size=4096",
        ),
        Disk(images[1], id=1, lun=3),
        Disk(images[2], id=2, channel=1, options="logical_block_size=4096,physical_block_size=4096"),
        Disk(images[3], id=3, channel=2, cdrom=True),
    ]
    result = lab.run(
        "scenario_initiator.py",
        hex(UNIT),
        BLOCKS,
        adapters={UNIT: places},
        pysrp=True,
        path=[cross.wheels(lab.cache, "click>=8.1")],
        cpus=cpus,
        machine=machine,
    )
    result.check()

    # What the guest wrote is in the image: everywhere else it is as it was.
    expected = bytearray(first)
    random.seed(5)
    for number, size in enumerate((512, 1024, 4096, 65536 + 512, 1 << 20, 2 << 20)):
        at = (BLOCKS // 2 + number * 4096) * 512
        expected[at : at + size] = random.randbytes(size)
    at = (BLOCKS - 8192) * 512
    expected[at : at + 64 * 512] = first[5 * 512 : 69 * 512]
    at = (BLOCKS - 64) * 512
    expected[at : at + 16 * 512] = first[512 : 17 * 512]
    assert images[0].read_bytes() == expected
    assert images[2].read_bytes()[3 * 4096 : 4 * 4096] == b"4k" * 2048
