"""The contract suite of pysrp.fabric (tests/fabric) on vio:, where the lab has both sides of a connection.

python3.11 scenario_contract.py FOLDER_OF_TESTS
"""

import sys
from pathlib import Path

import pytest
from labguest import check, insmod, main, record

FOLDER = Path(sys.argv[1])

NOT_HERE = {
    "test_first_hears_that_the_partner_is_missing": "nor does the first hear that it has come, before it speaks",
    "test_event_overwrites_the_last_of_a_full_queue": "it does, but this hypervisor does not set status 20h",
    "test_not_freed_under_a_view": "it is not, but a view of what was freed is Python's mmap's ValueError",
    "test_facts": "the test's identities and window; a platform has its own",
    "test_server_port_ends_with_its_client": "a slot of the platform does not end with its partner",
    "TestInjection": "the simulated transports' own",
    "test_larger_queue": "three pages of 4 KiB; the machine's pages have 64",
    "test_window_full": "the door has its own limit, and pieces of it need not lie together",
    "test_forgotten_memory_comes_back": "sizes of the test's window",
    "test_access": "the door maps for both directions",
    "test_one_page_of_many_forbids_all": "the door maps for both directions",
    "test_freed_is_used_again_and_zero": "which address comes next is the kernel's affair",
    "test_outside_the_window": "the test's window; its like is in hyp.py",
    "test_over_the_end_of_the_window": "the test's window",
    "test_not_mapped": "the test's window",
    "test_ping_pong_between_threads[vio-20000]": "no spinning here",
    "TestSuspension": "the simulated transports' own way to suspend",
    "TestWindow": "there is no window",
}


class Plugin:
    """Leaves out what is not here, and reports."""

    def pytest_collection_modifyitems(self, items):
        gone = [item for item in items if any(name in item.nodeid for name in NOT_HERE)]
        items[:] = [item for item in items if item not in gone]

    def pytest_runtest_logreport(self, report):
        if report.failed:
            check(f"{report.nodeid} {report.when}", False, got=str(report.longrepr)[-1500:])
        elif report.when == "call" and report.passed:
            record(report.nodeid)
            print("ok  ", report.nodeid, flush=True)


def contract():
    insmod("vscsi_lab")
    insmod("vscsi_crq_lab")
    sys.path.insert(0, str(FOLDER))
    arguments = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    status = pytest.main(
        [*arguments, "--rootdir", str(FOLDER), str(FOLDER / "test_fabric_contract.py")], [Plugin()]
    )
    check("pytest", status == 0, got=status)


main(contract)
