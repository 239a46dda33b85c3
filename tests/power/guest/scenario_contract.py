"""The contract suite of pysrp.fabric (tests/fabric) on vio:, where the lab has both sides of a connection."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from labguest import PATIENCE, check, insmod, main, record
from scenario_vio import Vio, hypervisor

import fabric_rig
from pysrp.errors import HcallError

FOLDER = Path(fabric_rig.__file__).parent


class Report:
    """Brings every test back; one that was left out too, with its reason."""

    def pytest_runtest_logreport(self, report):
        if report.failed:
            check(f"{report.nodeid} {report.when}", False, got=str(report.longrepr)[-1500:])
        elif report.skipped:
            record(report.nodeid, skipped=report.longrepr[2])
        elif report.when == "call":
            record(report.nodeid, seconds=round(report.duration, 2))
            print("ok  ", report.nodeid, flush=True)


def contract():
    insmod("vscsi_lab")
    insmod("vscsi_crq_lab")
    fabric_rig.TRANSPORTS.clear()
    fabric_rig.TRANSPORTS["vio"] = Vio()
    arguments = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(FOLDER)]
    status = pytest.main([*arguments, str(FOLDER / "test_fabric_contract.py")], [Report()])
    check("pytest", status == 0, got=status)


def own_kernel_resumes():
    """Interrupts may have been lost: the owner is woken, looks, and is ready for the next one."""
    with ExitStack() as stack:
        client, server = Vio().pair(stack, None)
        client.register()
        server.register()
        server.signal(True)
        check("sleeps", server.poll() == [] and not server.wait(0.1))
        hypervisor.power(2)
        check("woken", server.wait(PATIENCE) and server.poll() == [])
        check("sleeps again", not server.wait(0.1))
        client.send(fabric_rig.INIT)
        check("and hears", server.wait(PATIENCE) and server.poll() == [fabric_rig.INIT])


def left_from_before_kexec():
    """The hypervisor knows a queue that the door does not: it is freed, once."""
    with ExitStack() as stack:
        client, server = Vio().pair(stack, None)
        server.register()
        hypervisor.answer("client", "reg", -16)
        check("registered all the same", client.register())
        client.free()
        hypervisor.answer("client", "reg", -16, 2)
        try:
            client.register()
            check("not for ever", False)
        except HcallError as error:
            check("not for ever", error.code == -16, got=str(error))
        check("then it can", client.register())


main(contract, own_kernel_resumes, left_from_before_kexec)
