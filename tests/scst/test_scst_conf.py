"""scst.conf: its syntax, loading in scstadmin's order, saving what has a [key] line (facts 6.15)."""

import contextlib
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.errors import ConfigError
from pysrp.scst import Client, Control, Tree, TreeError, load, save
from pysrp.scst.conf import parse


def words(text):
    return [one.words for one in parse(text).inside]


def test_the_syntax():
    assert words("a b\n\n   \n\tc  d\te") == [["a", "b"], ["c", "d", "e"]]
    assert words('prod_id "VDASD blkdev"') == [["prod_id", "VDASD blkdev"]]
    assert words('a ""') == [["a", ""]]
    assert words(r"a b\ c \"d\\") == [["a", "b c", '"d\\']]
    assert words(r'a "q\"uoted \\"') == [["a", 'q"uoted \\']]
    assert words("# all\na b # tail\nc d\\#e\n#\n") == [["a", "b"], ["c", "d#e"]]
    # The character before the hash goes too: SCST's own warning.
    assert words("a bc#d") == [["a", "b"]]
    assert words("a { # opens\n} # closes\n") == [["a"]]


def test_blocks():
    root = parse("HANDLER h {\n\tDEVICE d {\n\t\tx 1\n\t}\n}\nsetup_id 1\n")
    (handler, setup_id) = root.inside
    assert (handler.words, handler.line, handler.opens) == (["HANDLER", "h"], 1, True)
    assert handler.inside[0].inside[0].words == ["x", "1"]
    assert (setup_id.words, setup_id.line) == (["setup_id", "1"], 6)


@pytest.mark.parametrize(
    ("text", "line"),
    [("}", 1), ("HANDLER h {\n", 1), ("{", 1), ("a\n{\n}", 2), ('x "open', 1), ("ok\nx \\", 2),
     ("[HANDLER vdisk]", 1), ("HANDLER h {\nDEVICE d {\n}\n", 1)],
)  # fmt: skip
def test_what_is_no_such_file(text, line):
    with pytest.raises(ConfigError, match=rf"^line {line}: "):
        parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_file_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        parse(text)


CONF = """
setup_id 0x51
HANDLER vdisk_fileio {{
    DEVICE payroll {{
        filename {image}
        t10_vend_id ACME
        prod_id "payroll disk"
        prod_rev_lvl 0007
        read_only 1            # note: the character before the hash is dropped
    }}
}}
HANDLER vdisk_ram {{
    DEVICE scratch {{
        size_mb 2
        usn 4711
        blocksize 4096
    }}
}}
TARGET_DRIVER ibmvstgt {{
    TARGET ibmvstgt_target_0 {{
        enabled 1
        comment "with \\"quotes\\" and \\# and \\\\"
        addr_method FLAT
        LUN 256 payroll
        LUN 512 scratch {{
            read_only 1
        }}
        rel_tgt_id 7
    }}
}}
"""


@pytest.fixture
def conf(tmp_path):
    image = tmp_path / "payroll.img"
    image.write_bytes(bytes(1 << 16))
    return CONF.format(image=image)


def loaded(tree, path):
    assert tree.ls("devices") == ["payroll", "scratch"]
    assert tree.read("setup_id") == "0x51\n[key]\n"
    assert tree.read("devices/payroll/t10_vend_id") == "ACME\n[key]\n"
    assert tree.read("devices/payroll/prod_id") == "payroll disk\n[key]\n"
    assert tree.read("devices/payroll/read_only") == "1\n[key]\n"
    assert tree.read("devices/payroll/usn").startswith("51")
    assert tree.read("devices/scratch/usn") == "4711\n[key]\n"
    assert tree.read("devices/scratch/size") == "2097152\n[key]\n"
    assert tree.ls(f"{path}/luns") == ["256", "512", "mgmt"]
    assert tree.read(f"{path}/luns/512/read_only") == "1\n[key]\n"
    assert tree.read(f"{path}/addr_method") == "FLAT\n[key]\n"
    assert tree.read(f"{path}/rel_tgt_id") == "7\n[key]\n"
    assert tree.read(f"{path}/comment") == 'with "quotes" and # and \\\n[key]\n'
    assert tree.read(f"{path}/enabled") == "1\n"


def test_loading_and_loading_again(tree, target, conf):
    load(tree, conf)
    loaded(tree, target.path)
    load(tree, conf)
    loaded(tree, target.path)


def test_what_is_saved_loads_to_the_same(tree, target, conf, serve):
    load(tree, conf)
    text = save(tree)
    assert "enabled 1" in text
    assert "blocksize 4096" in text
    assert "size_mb" not in text
    load(tree, text)
    loaded(tree, target.path)
    assert save(tree) == text
    # Into an empty tree, all but the target, which the driver makes.
    with contextlib.closing(Tree()) as other:
        load(other, text.partition("TARGET_DRIVER")[0])
        assert save(other).partition("TARGET_DRIVER")[0] == text.partition("TARGET_DRIVER")[0]


def test_through_the_control_socket(tree, target, conf, tmp_path):
    with Control(tree, tmp_path / "c.scst"), Client(tmp_path / "c.scst") as client:
        load(client, conf)
        loaded(client, target.path)
        assert save(client) == save(tree)


def test_targets_are_enabled_when_everything_else_is_done(serve, tree):
    one, two = serve(), serve()
    text = f"""HANDLER vdisk_ram {{
        DEVICE d {{
        }}
    }}
    TARGET_DRIVER ibmvstgt {{
        TARGET {one.path.rpartition("/")[2]} {{
            enabled 1
        }}
        TARGET {two.path.rpartition("/")[2]} {{
            LUN 0 gone
        }}
    }}"""
    with pytest.raises(TreeError, match=r"line 10: .*no device 'gone'"):
        load(tree, text)
    assert one.show("enabled") == "0\n"
    assert tree.ls("devices") == ["d"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("HANDLER vcdrom {\nDEVICE d {\n}\n}", "no handler vcdrom"),
        ("HANDLER vdisk_ram {\nsize 1\n}", "DEVICE blocks only"),
        ("HANDLER vdisk_ram {\nDEVICE {\n}\n}", "takes one name"),
        ("DEVICE_GROUP g {\n}", "no meaning here"),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_0 {\nGROUP g {\n}\n}\n}", "no meaning here"),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_0 {\nLUN 0\n}\n}", "a number and a device"),
    ],
)
def test_what_has_no_place_here(tree, target, text, why):
    with pytest.raises(ConfigError, match=why):
        load(tree, text)


def test_a_refusal_names_the_line(tree, target):
    for text, code, line in (
        ("\nthreads 4", errno.ENOENT, 2),
        ("setup_id x", errno.EINVAL, 1),
        ("HANDLER vdisk_ram {\nDEVICE d {\nsize 1\n}\n}", errno.EINVAL, 2),
        ("HANDLER vdisk_ram {\nDEVICE d {\nnonsense 1\n}\n}", errno.ENOENT, 3),
        ("HANDLER vdisk_ram {\nDEVICE d {\nprod_id 12345678901234567\n}\n}", errno.EINVAL, 3),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_9 {\nenabled 1\n}\n}", errno.ENOENT, 3),
    ):
        with pytest.raises(TreeError, match=f"line {line}: ") as caught:
            load(tree, text)
        assert caught.value.errno == code
