"""The codecs on a big-endian machine: Debian's s390x Python under qemu-user, pysrp cross-built for it."""

import pytest

from lab import REPO

pytestmark = pytest.mark.power


def test_codec_suite(lab):
    assert lab.s390x.python("-c", "import sys; print(sys.byteorder)", pysrp=False).stdout == "big\n"
    done = lab.s390x.pytest(REPO / "tests/codec", "-q")
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
