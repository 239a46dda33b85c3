"""``device_groups/``: SCST's ALUA tree, what initiators see of it, and scst.conf (facts 6.14)."""

import errno

import pytest

from pysrp.errors import CheckCondition, ConfigError
from pysrp.lun import scst_pack
from pysrp.scsi import parse_sense
from pysrp.scsi.params import parse_rtpg
from pysrp.scst import Tree, TreeError, load, save
from pysrp.target.units.port_groups import PortGroup

GROUP = "device_groups/dg"
LUN0 = scst_pack(0, "LUN")
RTPG = bytes.fromhex("a30a00000000000000ff0000")


def refused(tree, path, text):
    with pytest.raises(TreeError) as caught:
        tree.write(path, text)
    return caught.value.errno


@pytest.fixture
def group(tree, disks):
    tree.write("device_groups/mgmt", "create dg\n")
    tree.write(f"{GROUP}/devices/mgmt", "add ram000\n")
    for name in "here", "there":
        tree.write(f"{GROUP}/target_groups/mgmt", f"add {name}\n")
    return tree


def show(tree, file):
    return tree.read(f"{GROUP}/target_groups/{file}")


def put(tree, file, text):
    tree.write(f"{GROUP}/target_groups/{file}", text + "\n")


def test_a_tree_of_groups(group):
    tree = group
    assert tree.ls("device_groups") == ["dg", "mgmt"]
    assert tree.ls(GROUP) == ["devices", "target_groups"]
    assert tree.ls(f"{GROUP}/devices") == ["mgmt", "ram000"]
    assert tree.readlink(f"{GROUP}/devices/ram000") == "../../../devices/ram000"
    assert tree.ls(f"{GROUP}/target_groups") == ["here", "mgmt", "there"]
    assert tree.ls(f"{GROUP}/target_groups/here") == ["group_id", "mgmt", "preferred", "state"]
    assert [show(tree, f"{name}/group_id") for name in ("here", "there")] == ["1\n[key]\n", "2\n[key]\n"]
    assert (show(tree, "here/state"), show(tree, "here/preferred")) == ("active\n[key]\n", "0\n")
    assert tree.read("device_groups/mgmt").count("\n") == 3
    assert "create" not in tree.read(f"{GROUP}/devices/mgmt")
    put(tree, "mgmt", "del there")
    put(tree, "mgmt", "create other")
    assert show(tree, "other/group_id") == "2\n[key]\n"
    tree.write("device_groups/mgmt", "del dg")
    assert tree.ls("device_groups") == ["mgmt"]


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("device_groups/mgmt", "create dg", errno.EEXIST),
        ("device_groups/mgmt", "create mgmt", errno.EEXIST),
        ("device_groups/mgmt", "create a/b", errno.EINVAL),
        ("device_groups/mgmt", "create", errno.EINVAL),
        ("device_groups/mgmt", "create x y", errno.EINVAL),
        ("device_groups/mgmt", f"create {'x' * 256}", errno.EINVAL),
        ("device_groups/mgmt", "del other", errno.EINVAL),
        ("device_groups/mgmt", "make x", errno.EINVAL),
        (f"{GROUP}/devices/mgmt", "create ram001", errno.EINVAL),
        (f"{GROUP}/devices/mgmt", "add ram000", errno.EEXIST),
        (f"{GROUP}/devices/mgmt", "add ram002", errno.EINVAL),
        (f"{GROUP}/devices/mgmt", "del ram001", errno.EINVAL),
        (f"{GROUP}/target_groups/mgmt", "add here", errno.EEXIST),
        (f"{GROUP}/target_groups/here/group_id", "2", errno.EINVAL),
        (f"{GROUP}/target_groups/here/group_id", "65536", errno.EINVAL),
        (f"{GROUP}/target_groups/here/state", "Active", errno.EINVAL),
        (f"{GROUP}/target_groups/here/state", "standby now", errno.EINVAL),
        (f"{GROUP}/target_groups/here/state", "", errno.EINVAL),
        (f"{GROUP}/target_groups/here/preferred", "yes", errno.EINVAL),
        (f"{GROUP}/target_groups/here/preferred", "2", errno.EINVAL),
        (f"{GROUP}/target_groups/here/mgmt", "add state", errno.EEXIST),
        (f"{GROUP}/target_groups/here/mgmt", "del x", errno.EINVAL),
    ],
)
def test_what_is_refused(group, file, text, code):
    before = save(group)
    assert refused(group, file, text) == code
    assert save(group) == before


def test_as_many_target_groups_as_there_are_numbers(group):
    """Their numbers have two bytes (SPC-5, 6.36)."""
    groups = group._find(f"{GROUP}/target_groups").groups
    groups._replace(tuple(PortGroup(number) for number in range(1, 65536) if number != 1000))
    put(group, "mgmt", "add one")
    assert show(group, "one/group_id") == "1000\n[key]\n"
    assert refused(group, f"{GROUP}/target_groups/mgmt", "add two") == errno.ENOSPC
    assert "two" not in group.ls(f"{GROUP}/target_groups")


def test_a_target_group_that_is_full(group):
    """What is one too many is refused when it comes, and not by whatever is done next."""
    for port in range(1, 256):
        put(group, "here/mgmt", f"add t{port}")
        put(group, f"here/t{port}/rel_tgt_id", str(port))
    before = save(group)
    assert refused(group, f"{GROUP}/target_groups/here/mgmt", "add t256") == errno.EINVAL
    assert save(group) == before
    put(group, "there/mgmt", "add t256")
    put(group, "there/t256/rel_tgt_id", "256")
    put(group, "here/mgmt", "del t9")
    put(group, "here/mgmt", "add t9")


def test_a_device_that_goes_and_comes_again_is_in_no_group(group):
    tree = group
    tree.write("device_groups/mgmt", "create other")
    assert refused(tree, "device_groups/other/devices/mgmt", "add ram000") == errno.EEXIST
    tree.write("handlers/vdisk_ram/mgmt", "del_device ram000")
    assert tree.ls(f"{GROUP}/devices") == ["mgmt"]
    tree.write("handlers/vdisk_ram/mgmt", "add_device ram000 size_mb=1")
    assert tree.ls(f"{GROUP}/devices") == ["mgmt"]
    tree.write("device_groups/other/devices/mgmt", "add ram000")
    tree.write("device_groups/other/devices/mgmt", "del ram000")
    tree.write(f"{GROUP}/devices/mgmt", "add ram000")
    assert tree.ls(f"{GROUP}/devices") == ["mgmt", "ram000"]


def ports(session):
    """By group: state, whether it is preferred, and its ports."""
    return {
        each.target_port_group: (
            int(each.asymmetric_access_state),
            bool(each.pref),
            [port.relative_target_port_identifier for port in each.target_ports],
        )
        for each in parse_rtpg(session.execute(LUN0, RTPG, data_in_length=255).data).groups
    }


def test_targets_come_and_go(group, serve):
    tree = group
    first, second = serve(), serve()
    names = [each.path.rpartition("/")[2] for each in (first, second)]
    for name in (names[0], "elsewhere"):
        put(tree, "here/mgmt", f"add {name}")
    put(tree, "there/mgmt", f"add {names[1]}")
    assert tree.readlink(f"{GROUP}/target_groups/here/{names[0]}").endswith(first.path)
    assert show(tree, "here/elsewhere/rel_tgt_id") == "0\n"
    disk = tree._targets.devices.by_name["ram000"].disk

    def seen():
        return {each.number: each.ports for each in disk.port_groups}

    assert seen() == {1: (), 2: ()}, "nobody knows their numbers yet"
    put(tree, "here/elsewhere/rel_tgt_id", "7")
    assert seen() == {1: (7,), 2: ()}
    for each in first, second:
        each.tree.write(f"{each.path}/enabled", "1")
    assert seen() == {1: (1, 7), 2: (2,)}
    put(tree, "here/elsewhere/rel_tgt_id", "9")
    assert seen() == {1: (1, 9), 2: (2,)}
    assert refused(tree, f"{GROUP}/target_groups/here/elsewhere/rel_tgt_id", "2") == errno.EBADSLT
    assert seen() == {1: (1, 9), 2: (2,)}
    tree.write(f"{second.path}/rel_tgt_id", "9")
    assert seen() == {1: (1,), 2: (9,)}, "it is a target's of this tree"
    put(tree, "there/mgmt", f"del {names[1]}")
    assert seen() == {1: (1, 9), 2: ()}
    tree.remove_target(names[0])
    assert seen() == {1: (9,), 2: ()}
    assert show(tree, f"here/{names[0]}/rel_tgt_id") == "0\n"
    put(tree, "here/group_id", "5")
    put(tree, "here/group_id", "5")
    assert seen() == {2: (), 5: (9,)}


def test_initiators_see_states_and_change_them(group, target, login, attentions):
    tree = group
    target.luns("add ram000 0")
    put(tree, "here/mgmt", f"add {target.path.rpartition('/')[2]}")
    put(tree, "there/mgmt", "add elsewhere")
    put(tree, "there/elsewhere/rel_tgt_id", "2")
    put(tree, "there/state", "standby")
    put(tree, "here/preferred", "1")
    tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        attentions(session, 0)
        assert ports(session) == {1: (0, True, [1]), 2: (2, False, [2])}
        put(tree, "here/state", "standby")
        put(tree, "here/state", "standby")
        with pytest.raises(CheckCondition) as caught:
            session.execute(LUN0, bytes(6))
        assert (parse_sense(caught.value.sense).asc, parse_sense(caught.value.sense).ascq) == (0x2A, 6)
        with pytest.raises(CheckCondition) as caught:
            session.execute(LUN0, bytes.fromhex("28000000000000000100"), data_in_length=512)
        assert (parse_sense(caught.value.sense).asc, parse_sense(caught.value.sense).ascq) == (4, 0x0B)
        stpg = bytes.fromhex("a40a000000000000000c0000")
        session.execute(LUN0, stpg, data_out=bytes.fromhex("00000000 01000001 03000002"))
        assert show(tree, "here/state") == "nonoptimized\n[key]\n"
        assert show(tree, "there/state") == "unavailable\n[key]\n"
        assert "state unavailable" in save(tree)


CONF = """HANDLER vdisk_ram {{
	DEVICE ram7 {{
		size_mb 1
	}}
}}
TARGET_DRIVER ibmvstgt {{
	TARGET {target} {{
		enabled 1
		rel_tgt_id 3
	}}
}}
DEVICE_GROUP "two words" {{
	DEVICE ram7
	TARGET_GROUP a {{
		group_id 4
		preferred 1
		state nonoptimized
		TARGET {target}
	}}
	TARGET_GROUP b {{
		group_id 2
		state standby
		TARGET far {{
			rel_tgt_id 0x10
		}}
		TARGET farther
	}}
}}
"""


def test_a_file_that_is_loaded_and_saved_and_loaded_again(tree, serve):
    target = serve()
    text = CONF.format(target=target.path.rpartition("/")[2])
    assert load(tree, text) == []
    disk = tree._targets.devices.by_name["ram7"].disk
    found = {(each.number, each.ports, int(each.state), each.preferred) for each in disk.port_groups}
    assert found == {(4, (3,), 1, True), (2, (16,), 2, False)}
    saved = save(tree)
    assert saved[saved.index("DEVICE_GROUP") :] == text[text.index("DEVICE_GROUP") :].replace("0x10", "16")
    told = []
    disk.access_changed = lambda but=None: told.append(but)
    assert load(tree, saved) == []
    assert not told, "what is so already is not written"
    assert save(tree) == saved
    with Tree() as other:  # without that target: it is another server's, whose number nobody has said
        assert load(other, saved[: saved.index("TARGET_DRIVER")] + saved[saved.index("DEVICE_GROUP") :]) == []
        assert save(other)[save(other).index("DEVICE_GROUP") :] == saved[saved.index("DEVICE_GROUP") :]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("DEVICE_GROUP {\n}", "takes one name"),
        ("DEVICE_GROUP g {\nx 1\n}", "holds DEVICE and TARGET_GROUP only"),
        ("DEVICE_GROUP g {\nDEVICE\n}", "takes one name"),
        ("DEVICE_GROUP g {\nTARGET_GROUP t {\nLUN 1\n}\n}", "no place"),
        ("DEVICE_GROUP g {\nTARGET_GROUP t {\nTARGET\n}\n}", "takes one name"),
        ("DEVICE_GROUP g {\nTARGET_GROUP t {\nTARGET x {\nrel_tgt_id\n}\n}\n}", "has no value"),
    ],
)
def test_files_that_mean_nothing_do_nothing(tree, text, problem):
    with pytest.raises(ConfigError, match=problem):
        load(tree, text)
    assert tree.ls("device_groups") == ["mgmt"]


def test_a_refusal_names_the_line(tree):
    with pytest.raises(TreeError, match="line 2: .*no device 'd'"):
        load(tree, "DEVICE_GROUP g {\n\tDEVICE d\n}\n")
    with pytest.raises(TreeError, match=r"line 3: .*state 'x'"):
        load(tree, "DEVICE_GROUP g {\n\tTARGET_GROUP t {\n\t\tstate x\n\t}\n}\n")
    with pytest.raises(TreeError, match="line 3: "):
        load(tree, "DEVICE_GROUP g {\n\tTARGET_GROUP t {\n\t\tnothing 1\n\t}\n}\n")


def test_loading_that_is_stopped_makes_no_groups(tree):
    load(tree, "DEVICE_GROUP g {\n\tTARGET_GROUP t {\n\t\tstate standby\n\t}\n}\n", stop=lambda: True)
    assert tree.ls("device_groups") == ["mgmt"]
