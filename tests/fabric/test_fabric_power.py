"""vio: on a machine without the real CRQ: what is missing is said precisely. The rest is proven in tests/power."""

import os
import platform

import pytest

from descriptors import none_left
from pysrp import fabric
from pysrp.errors import ConfigError, UnavailableError
from pysrp.fabric import power

URL = "vio:30000003"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine's /dev and /sys, empty."""
    monkeypatch.setattr(power, "DEVICES", tmp_path / "dev")
    monkeypatch.setattr(power, "SYSTEM", tmp_path / "sys")
    (tmp_path / "dev").mkdir()
    return tmp_path


@pytest.fixture
def partition(machine):
    """One with a virtual I/O bus and a slot."""
    (machine / "sys/bus/vio/devices/30000003").mkdir(parents=True)
    return machine


@pytest.fixture(params=["connect", "listen"])
def open_it(request):
    return getattr(fabric, request.param)


def test_this_machine(open_it):
    if platform.machine().startswith("ppc64"):
        pytest.skip("this may be a POWER partition")
    with pytest.raises(
        UnavailableError, match=rf"{platform.machine()}\) is not a POWER partition.*unix:PATH"
    ):
        open_it(URL)


@pytest.mark.parametrize("unit", ["", "xyz", "30000003 and more"])
def test_no_address(open_it, unit):
    with pytest.raises(ConfigError, match="hexadecimal"):
        open_it(f"vio:{unit}")


@pytest.mark.parametrize("size", [0, -4096, 100])
def test_queue_of_no_pages(open_it, size):
    with pytest.raises(ConfigError, match="multiple of 4096"):
        open_it(URL, queue_size=size)


def test_module_not_loaded(partition, open_it):
    with pytest.raises(UnavailableError, match=r"vscsi_crq is not loaded: modprobe vscsi_crq.*docs/power.md"):
        open_it(URL)


def test_no_such_unit(partition, open_it):
    (partition / "dev/vscsi_crq-30000007").touch()
    (partition / "dev/vscsi_crq-30000005").touch()
    with pytest.raises(
        UnavailableError, match=r"vio:99: no such unit here; there are vio:30000005, vio:30000007"
    ) as e:
        open_it("vio:99")
    assert "profile has no such slot" in str(e.value)


def test_no_unit_at_all(partition, open_it):
    (partition / "sys/module/vscsi_crq").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="loaded but has no adapter$"):
        open_it(URL)


def test_another_driver_has_it(partition, open_it):
    (partition / "sys/module/vscsi_crq").mkdir(parents=True)
    drivers = partition / "sys/bus/vio/drivers"
    (drivers / "ibmvscsi").mkdir(parents=True)
    (partition / "sys/bus/vio/devices/30000003/driver").symlink_to(drivers / "ibmvscsi")
    with pytest.raises(
        UnavailableError, match=r"ibmvscsi has this adapter: echo 30000003 > \S*/ibmvscsi/unbind"
    ):
        open_it("vio:0x30000003")


def test_no_permission(partition, open_it):
    (partition / "dev/vscsi_crq-30000003").touch(mode=0o600)
    user = os.geteuid()
    if not user:
        os.seteuid(65534)
    else:
        (partition / "dev/vscsi_crq-30000003").chmod(0)
    try:
        with pytest.raises(UnavailableError, match="no permission to open .*run as root, or .*udev"):
            open_it(URL)
    finally:
        if not user:
            os.seteuid(user)


def test_a_file_that_is_no_door(partition, open_it):
    """As from a module so different that it has no such ioctl."""
    (partition / "dev/vscsi_crq-30000003").touch()
    with pytest.raises(
        UnavailableError, match="no version that is known here .*build kernel/ of this release"
    ):
        open_it(URL)


def test_device_that_cannot_be_opened(partition, open_it):
    (partition / "dev/vscsi_crq-30000003").mkdir()
    with pytest.raises(UnavailableError, match="cannot be opened: Is a directory"):
        open_it(URL)


def test_other_version():
    power._check_version(URL, 1)
    with pytest.raises(UnavailableError, match="speaks version 2 of its interface, this pysrp version 1"):
        power._check_version(URL, 2)


def test_descriptors_do_not_leak(partition):
    (partition / "dev/vscsi_crq-30000003").touch()
    with none_left():
        for _ in range(3):
            with pytest.raises(UnavailableError):
                fabric.connect(URL)
