"""The POWER lab for pytest: the session fixture `lab` (see lab/__init__.py)."""

import contextlib
import os

import pytest

from lab import REPO, Lab, LabUnavailable, cross

NO_LAB = "no POWER lab: "


@contextlib.contextmanager
def available(suite=""):
    """Skips, naming what is missing, if the lab cannot be had; PYSRP_LAB_REQUIRED=1 makes that a failure.

    Not for sid, of which a mirror may lack half at any time.
    """
    try:
        yield
    except LabUnavailable as error:
        if os.environ.get("PYSRP_LAB_REQUIRED", "") not in ("", "0") and suite != "sid":
            pytest.fail(f"POWER lab required, but {error}", pytrace=False)
        pytest.skip(f"{NO_LAB}{error}")


@pytest.fixture(scope="session")
def lab():
    """The lab, set up."""
    with available():
        lab = Lab()
        lab.setup()
    return lab


@pytest.fixture
def kernel(lab, request):
    """For lab.run(kernel=): a Debian suite by indirect parameter, whose kernel and modules are ready."""
    with available(request.param):
        lab.setup_kernel(request.param)
    return request.param


def pytest_collection_modifyitems(items):
    """The long ones first, so that two workers end together."""
    order = ("test_target", "test_initiator", "test_contract", "test_big_endian")
    items.sort(key=lambda item: order.index(item.path.stem) if item.path.stem in order else len(order))


def pytest_terminal_summary(terminalreporter):
    """A lab that is skipped is not passed over in silence."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    without = [reason.partition(NO_LAB)[2].partition("\n")[0] for reason in reasons if NO_LAB in reason]
    if without:
        bold = {"red": True, "bold": True}
        terminalreporter.section("THE POWER LAB WAS SKIPPED", sep="!", **bold)
        terminalreporter.line(
            f"{len(without)} tests with real peers on POWER did not run: {without[0]}", **bold
        )
        terminalreporter.line("make power, as root, installs what it needs; docs/power.md says what it does.")


@pytest.fixture(scope="session")
def door(lab):
    """Folder with `_door`, a binding of the door's header that owes nothing to pysrp."""
    script = REPO / "tests/power/guest/door_build.py"
    return cross.build_cffi(lab.debian, lab.cache, script, "ppc64el", REPO / "kernel/include/vscsi_crq.h")
