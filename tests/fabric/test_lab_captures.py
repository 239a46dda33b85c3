"""What Recorder wrote down in the POWER lab, with real peers: it decodes, and says what their documents say."""

from pathlib import Path

import pytest

from pysrp import crq, mad, srp
from pysrp.cli import records

FOLDER = Path(__file__).parents[1] / "vectors/captures/lab"
FILES = ["ibmvscsi_linux", "ibmvscsi_aix", "initiator_qemu"]
BOTH_RESIDUALS = "at once"


def decoded(name):
    """(record, view) of every record of a file that is not data without a structure."""
    found = []
    for record in records.read((FOLDER / f"{name}.jsonl").read_bytes()):
        assert not record.error, record.where
        view = records.decode(record)
        if view is not None:
            found.append((record, view))
    return found


def test_none_is_forgotten():
    assert sorted(path.stem for path in FOLDER.glob("*.jsonl")) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_decodes(name):
    for record, view in decoded(name):
        view.extent()
        if record.kind in ("crq", "iu", "mad"):
            wrong = [p for p in view.problems() if BOTH_RESIDUALS not in p.message]
            assert not wrong, record.where


@pytest.mark.parametrize("name", FILES)
def test_only_our_answers_to_ibmvscsi_have_both_residuals(name):
    both = [r for r, v in decoded(name) if any(BOTH_RESIDUALS in p.message for p in v.problems())]
    assert bool(both) is name.startswith("ibmvscsi")
    assert all(r.extra["dir"] == "t2i" for r in both)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ibmvscsi_linux", [mad.AdapterInfo, srp.LoginReq]),
        ("ibmvscsi_aix", [mad.AdapterInfo, mad.EnableFastFail, mad.Capabilities, srp.LoginReq]),
        ("initiator_qemu", [mad.AdapterInfo, srp.LoginReq]),
    ],
)
def test_how_it_begins(name, asked):
    """Initialization, datagrams as the server's os_type has them, login, the first command."""
    views = decoded(name)
    elements = [v for _, v in views if isinstance(v, crq.Element)]
    assert {(e.valid, e.format) for e in elements[:2]} <= {(crq.Valid.INIT, 1), (crq.Valid.INIT, 2)}
    units = [v for r, v in views if r.kind in ("iu", "mad") and r.extra["dir"] == "i2t"]
    assert [type(u) for u in units[: len(asked)]] == asked
    assert isinstance(units[len(asked)], srp.Cmd)


@pytest.mark.parametrize("name", FILES)
def test_what_is_in_it(name):
    units = [v for r, v in decoded(name) if r.kind == "iu"]
    commands = {bytes(v.cdb)[0] for v in units if isinstance(v, srp.Cmd)}
    assert {0x12, 0x28, 0x2A, 0x35, 0xA0, 0x00} <= commands
    assert any(isinstance(v, srp.TskMgmt) and v.tsk_mgmt_func == srp.TskMgmtFunc.LUN_RESET for v in units)
    senses = [bytes(v.sense) for v in units if isinstance(v, srp.Rsp) and v.status == 2]
    assert any(s[2] & 15 == 5 and s[12] == 0x21 for s in senses), "read beyond the end"
    assert any(s[2] & 15 == 6 and s[12] == 0x29 for s in senses), "reset occurred"
    logins = [v for v in units if isinstance(v, srp.LoginRsp)]
    assert all(v.req_lim_delta >= 20 for v in logins)


@pytest.mark.parametrize("name", FILES[:2])
def test_what_no_capture_of_others_has(name):
    """An aborted task, and a login that is rejected while the target is disabled and accepted afterwards."""
    views = [v for _, v in decoded(name)]
    aborts = [
        v for v in views if isinstance(v, srp.TskMgmt) and v.tsk_mgmt_func == srp.TskMgmtFunc.ABORT_TASK
    ]
    commands = {v.tag for v in views if isinstance(v, srp.Cmd)}
    answered = {v.tag for v in views if isinstance(v, srp.Rsp)}
    assert aborts
    for abort in aborts:
        assert abort.task_tag in commands - answered, "an aborted command is never answered"
        assert abort.tag in answered
    logins = [v for v in views if isinstance(v, (srp.LoginRsp, srp.LoginRej))]
    assert [type(v) for v in logins] == [srp.LoginRsp, srp.LoginRej, srp.LoginRsp]
    assert logins[1].reason == srp.LoginRejReason.INSUFFICIENT_RESOURCES
    events = [v.format for v in views if isinstance(v, crq.Element) and v.valid == crq.Valid.TRANSPORT_EVENT]
    assert events[-1] == crq.TransportEvent.PARTNER_DEREGISTERED, "the driver was unloaded"
