"""scst.conf: its syntax, loading in scstadmin's order, saving what has a [key] line (facts 6.15)."""

import contextlib
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.errors import ConfigError
from pysrp.scst import Client, Control, Tree, TreeError, load, quote, save
from pysrp.scst.conf import parse
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server


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
    [("a b }", 1), ("HANDLER h { DEVICE d {\n}", 1), ('a "b"c', 1), ('a\nb"c"', 2), ("}", 1), ("HANDLER h {\n", 1), ("{", 1), ("a\n{\n}", 2), ('x "open', 1), ("ok\nx \\", 2),
     ("[HANDLER vdisk]", 1), ("HANDLER h {\nDEVICE d {\n}\n", 1)],
)  # fmt: skip
def test_what_is_no_such_file(text, line):
    with pytest.raises(ConfigError, match=rf"^line {line}: "):
        parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_file_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "HANDLER h { DEVICE d { x 1 } }",
        "HANDLER h {\nDEVICE d { x 1 } }",
        "HANDLER h { DEVICE d {\nx 1\n}\n}",
        "HANDLER h{\nDEVICE d{\nx 1 }}",
        "\ufeffHANDLER h {\r\n\tDEVICE d { x 1 } # {\r\n}\r\n",
    ],
)
def test_blocks_on_one_line(text):
    (handler,) = parse(text).inside
    (device,) = handler.inside
    (x,) = device.attributes()
    assert (handler.words, device.words, x.words, x.value) == (
        ["HANDLER", "h"],
        ["DEVICE", "d"],
        ["x", "1"],
        "1",
    )


def test_braces_that_are_none():
    assert words('a "{" "}"') == [["a", "{", "}"]]
    assert words(r"a \{ \} b\{") == [["a", "{", "}", "b{"]]
    assert words("a x{y}z") == [["a", "x{y}z"]]


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
        ("HANDLER vcdrom {\nDEVICE d {\n}\n}", "line 1: there is no handler vcdrom"),
        ("\nHANDLER vdisk_nosuch {\n}", "line 2: there is no handler vdisk_nosuch"),
        ("HANDLER vdisk_ram extra words {\n}", "line 1: HANDLER takes one name"),
        ("HANDLER vdisk_ram {\nDEVICE d {\n}\nDEVICE d {\n}\n}", "line 4: DEVICE d is there twice"),
        ("HANDLER vdisk_ram { DEVICE d { size 1048576 read_only 1 } }", "line 1: size has 3 values"),
        ("HANDLER vdisk_ram {\nDEVICE d {\nusn\n}\n}", "line 3: usn has no value"),
        (
            "TARGET_DRIVER ibmvstgt { TARGET ibmvstgt_target_0 { enabled 1 LUN 0 d } }",
            "line 1: enabled has 4 values",
        ),
        (
            "TARGET_DRIVER ibmvstgt { TARGET ibmvstgt_target_0 {\nLUN 1 d\nLUN 0x1 d\n} }",
            "line 3: LUN 1 is in line 2, too",
        ),
        ("HANDLER vdisk_ram {\nsize 1\n}", "DEVICE blocks only"),
        ("HANDLER vdisk_ram {\nDEVICE {\n}\n}", "takes one name"),
        ("DEVICES g {\n}", "no meaning here"),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_0 {\nGROUP g {\n}\n}\n}", "no meaning here"),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_0 {\nLUN 0\n}\n}", "a number and a device"),
    ],
)
def test_what_has_no_place_here(tree, target, text, why):
    with pytest.raises(ConfigError, match=why):
        load(tree, text)
    # Nothing is done by halves.
    with pytest.raises(ConfigError):
        load(tree, f"HANDLER vdisk_nullio {{ DEVICE other {{ }} }}\n{text}")
    assert tree.ls("devices") == []


def test_a_refusal_names_the_line(tree, target):
    for text, code, line in (
        ("\nthreads 4", errno.ENOENT, 2),
        ("setup_id x", errno.EINVAL, 1),
        ("HANDLER vdisk_ram {\nDEVICE d {\nsize 1\n}\n}", errno.EINVAL, 2),
        ("HANDLER vdisk_ram {\nDEVICE d {\nnonsense 1\n}\n}", errno.ENOENT, 3),
        ("HANDLER vdisk_ram {\nDEVICE d {\nprod_id 12345678901234567\n}\n}", errno.EINVAL, 3),
        ("TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_9 {\nenabled 1\n}\n}", errno.ENOENT, 2),
    ):
        with pytest.raises(TreeError, match=f"line {line}: ") as caught:
            load(tree, text)
        assert caught.value.errno == code


def test_what_is_for_other_drivers_is_left_out_and_said(tree, target):
    text = """TARGET_DRIVER iscsi {
        enabled 1
        TARGET iqn.2006-10.net.vlnb:tgt {
            LUN 0 gone
            GROUP x {
            }
        }
    }
    HANDLER vdisk_ram { DEVICE d { size 1M } }
    TARGET_DRIVER qla2x00t { }
    """
    assert load(tree, text) == [
        "line 1: TARGET_DRIVER iscsi is left out: only ibmvstgt is here",
        "line 10: TARGET_DRIVER qla2x00t is left out: only ibmvstgt is here",
    ]
    assert tree.read("devices/d/size") == "1048576\n[key]\n"


def test_a_target_that_is_not_there(tree, target):
    before = tree.read("setup_id")
    with pytest.raises(TreeError, match="line 2: .*no target ibmvstgt_target_7: ibmvstgt_target_0 is there"):
        load(tree, "TARGET_DRIVER ibmvstgt {\nTARGET ibmvstgt_target_7 {\n}\n}\nsetup_id 7")
    assert tree.read("setup_id") == before != "0x7\n[key]\n"


def test_sizes_that_are_the_file_s(tree, tmp_path):
    """What was saved of a file that has grown since still loads, and it is said."""
    image = tmp_path / "image"
    image.write_bytes(bytes(4096))
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image}")
    text = save(tree)
    assert "size 4096" in text
    image.write_bytes(bytes(8192))
    tree.write("handlers/vdisk_fileio/mgmt", "del_device f")
    with contextlib.closing(Tree()) as other:
        (line,) = load(other, text)
        assert line.endswith("size is left out: the file of f has 8192")
        assert load(other, save(other)) == []


def test_a_lun_that_is_to_be_read_only_becomes_so(tree, target, disks):
    conf = "TARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{\nLUN 0x5 ram000 {{ read_only {} }}\n}} }}".format
    for wanted in 1, 1, 0, 1:
        assert load(tree, conf(wanted)) == []
        assert target.show("luns/5/read_only")[0] == str(wanted)


def test_a_device_that_is_there_is_compared_by_value(tree):
    load(tree, "HANDLER vdisk_ram { DEVICE d { size 1M } }")
    for size in "1M", "0x100000", "1048576", "1024k":
        assert load(tree, f"HANDLER vdisk_ram {{ DEVICE d {{ size {size} }} }}") == []
    with pytest.raises(TreeError, match="line 1: .*can only be read"):
        load(tree, "HANDLER vdisk_ram { DEVICE d { size 2M } }")


def test_loading_again_disturbs_nobody(tree, target, login, attentions):
    conf = "HANDLER vdisk_nullio {{\nDEVICE d {{\nsize 1M\nusn {}\nprod_id x\n}}\n}}\nTARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{\nLUN 1 d\nenabled 1\n}} }}".format
    load(tree, conf("010"))
    with login(target) as session:
        load(tree, conf("010"))
        assert attentions(session, 1) == []
        load(tree, conf("8"))  # a text, whatever number it may be read as
        assert attentions(session, 1) == ["3f/03"]
        assert tree.read("devices/d/usn") == "8\n[key]\n"


# Whatever is in a value or a name that a tree takes.

VALUES = st.text(st.characters(exclude_characters="\n\0"), max_size=24) | st.text(
    ' "\\;={}#\ta\r', max_size=12
)
TEXTS = (
    "t10_vend_id",
    "prod_id",
    "prod_rev_lvl",
    "vend_specific_id",
    "scsi_device_name",
    "t10_dev_id",
    "usn",
    "inq_vend_specific",
)


def state(tree, path):
    """All that is to be read below a directory, but links and what is no configuration."""
    found = {}
    for name in tree.ls(path):
        here = f"{path}/{name}".lstrip("/")
        kind, mode = tree.stat(here)
        if kind == "directory":
            found.update(state(tree, here))
        elif kind == "link":
            found[here] = tree.readlink(here)
        elif mode & 0o400 and name not in ("last_sysfs_mgmt_res", "version"):
            found[here] = tree.read(here)
    return found


@contextlib.contextmanager
def a_tree():
    with contextlib.closing(Tree()) as tree, Server("local:conf", luns := LunMap(), enabled=False) as server:
        tree.add_target(server, luns)
        yield tree


@given(
    st.dictionaries(VALUES, st.dictionaries(st.sampled_from(TEXTS), VALUES, max_size=3), max_size=3), VALUES
)
def test_whatever_is_saved_loads_to_the_same(devices, comment):
    target = "targets/ibmvstgt/ibmvstgt_target_0"
    with a_tree() as tree:
        for lun, (name, texts) in enumerate(devices.items()):
            try:
                tree.write("handlers/vdisk_ram/mgmt", f"add_device {quote(name)} size=512")
            except TreeError:
                continue  # empty, too long, with a slash
            tree.write(f"{target}/luns/mgmt", f"add {quote(name)} {lun}")
            for attribute, value in texts.items():
                with contextlib.suppress(TreeError):
                    tree.write(f"devices/{name}/{attribute}", value)
        with contextlib.suppress(TreeError):
            tree.write(f"{target}/comment", comment)
        before, text = state(tree, ""), save(tree)
    with a_tree() as tree:
        assert load(tree, text) == []
        assert state(tree, "") == before
        assert save(tree) == text
        assert load(tree, text) == []
        assert state(tree, "") == before


@pytest.mark.parametrize(
    "value", ["", "a b", "a;b", "a=b", "a#b", 'a"b', "a\\b", "a{", "}", " lead", "trail ", "a  b"]
)
def test_values_that_need_quotes(tree, target, value, tmp_path):
    """Through every way in: attributes, parameters of add_device, names of devices, paths."""
    image = tmp_path / f"image{value}"
    image.write_bytes(bytes(512))
    name = value or "empty"
    tree.write(
        "handlers/vdisk_fileio/mgmt",
        f"add_device {quote(name)} t10_dev_id={quote(value)};filename={quote(str(image))}",
    )
    tree.write(f"{target.path}/luns/mgmt", f"add {quote(name)} 3 read_only=1")
    assert tree.ls("devices") == [name]
    for attribute in "t10_dev_id", "usn", "prod_id":
        tree.write(f"devices/{name}/{attribute}", value)
        assert tree.read(f"devices/{name}/{attribute}") == f"{value}\n[key]\n"
    assert tree.read(f"devices/{name}/filename") == f"{image}\n[key]\n"
    before, text = state(tree, "devices"), save(tree)
    tree.write("handlers/vdisk_fileio/mgmt", f"del_device {quote(name)}")
    with a_tree() as other:
        assert load(other, text) == []
        assert state(other, "devices") == before


# Thousands.


@pytest.mark.slow
def test_many_luns_are_few_jobs_and_one_attention(serve, tree, login, attentions):
    """The time that it takes grows as the number of LUNs does: no step looks at all that are there."""
    target, count = serve(), 3000
    devices = "".join(f"DEVICE n{i} {{ size 512 }}\n" for i in range(count))
    luns = "".join(f"LUN {i} n{i}\n" for i in range(1, count))
    conf = f"HANDLER vdisk_nullio {{\n{devices}}}\nTARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{\n{luns}}} }}"
    jobs = []

    class Counted:
        """Notes what is asked of the tree."""

        def __getattr__(self, name):
            def call(*arguments):
                jobs.append((name, *arguments[:1]))
                return getattr(tree, name)(*arguments)

            return call

    tree.write("handlers/vdisk_ram/mgmt", "add_device first size=512")
    target.luns("add first 0")
    tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        assert load(Counted(), conf) == []
        assert len(jobs) < 50, jobs
        assert len(tree.ls(f"{target.path}/luns")) == count + 1
        assert attentions(session, 0) == ["3f/0e"]
        assert attentions(session, count - 1) == ["3f/0e"]
    assert save(tree).count("LUN ") == count
    # Loaded again, each that is there is looked at by itself.
    jobs.clear()
    assert load(Counted(), conf) == []
    assert sum(name == "ls" for name, *_ in jobs) < 20
    assert not any(name.startswith("write") for name, *_ in jobs)


def test_loading_can_be_stopped(tree, target):
    luns = "".join(f"LUN {i} n\n" for i in range(5000))
    conf = f"HANDLER vdisk_nullio {{ DEVICE n {{ size 512 }} }}\nTARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{\n{luns}enabled 1\n}} }}"
    asked = []

    def stop():
        asked.append(len(tree.ls(f"{target.path}/luns")))
        return asked[-1] > 1

    load(tree, conf, stop=stop)
    assert 2 < len(tree.ls(f"{target.path}/luns")) < 5000
    assert target.show("enabled") == "0\n"


def test_the_line_that_is_refused_in_the_midst_of_many(tree, target, tmp_path):
    lines = [f"LUN {i} n" for i in range(3000)]
    lines[2222] = "LUN 2222 gone"
    conf = "HANDLER vdisk_nullio { DEVICE n { size 512 } }\nTARGET_DRIVER ibmvstgt { TARGET ibmvstgt_target_0 {\n%s\n} }"
    with Control(tree, tmp_path / "c.scst"), Client(tmp_path / "c.scst") as client:
        for files in client, tree:
            with pytest.raises(TreeError, match=f"line {2222 + 3}: .*no device 'gone'"):
                load(files, conf % "\n".join(lines))
            assert len(tree.ls(f"{target.path}/luns")) == 2222 + 1
            target.luns("clear")
