"""kernel/: the door to the CRQ, against QEMU's own target by real hypervisor calls."""

import struct

import pytest

pytestmark = pytest.mark.power


@pytest.fixture
def image(tmp_path):
    """1 MiB; every 4 bytes of a sector are its number."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(struct.pack(">I", n) * 128 for n in range(2048)))
    return path


@pytest.mark.parametrize(("cpus", "machine"), [(1, ""), (2, "ic-mode=xics")], ids=["1cpu-xive", "2cpus-xics"])
def test_door(lab, door, image, cpus, machine):
    result = lab.run(
        "door.py", 0x30000028, path=[door], adapters={0x30000028: [image]}, cpus=cpus, machine=machine
    )
    result.check()
    assert image.read_bytes()[7 * 512 : 8 * 512] == b"from the guest!!" * 32
