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


@pytest.mark.parametrize(
    ("cpus", "machine", "kernel", "page"),
    [(1, "", "bookworm", 65536), (2, "ic-mode=xics", "trixie", 4096)],
    indirect=["kernel"],
    ids=["1cpu-xive-bookworm", "2cpus-xics-trixie"],
)
def test_door(lab, door, image, cpus, machine, kernel, page):
    result = lab.run(
        "door.py",
        0x30000028,
        path=[door],
        adapters={0x30000028: [image]},
        cpus=cpus,
        machine=machine,
        kernel=kernel,
    )
    result.check()
    assert result.record("info")["page_size"] == page
    assert image.read_bytes()[7 * 512 : 8 * 512] == b"from the guest!!" * 32
