"""The generic rules of SCST's files (facts 6.2): numbers, words, [key], permissions, the worker's EAGAIN."""

import errno
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.errors import ConfigError, SrpError
from pysrp.scst.files import Filesystem
from pysrp.scst.grammar import BLANKS, CommandText, TreeError, flag, number, quote, refuse, within
from pysrp.scst.nodes import Directory, Folder, Symlink, attribute, by_number, line, store_only

NUMBERS = [
    ("0", 0), ("256", 256), ("256\n", 256), ("0x100", 256), ("0X1f", 31), ("0400", 256), ("+7", 7), ("00", 0),
    ("18446744073709551615", 2**64 - 1), ("0xffffffffffffffff", 2**64 - 1),
    ("01777777777777777777777", 2**64 - 1), ("0" * 2000 + "17", 15), ("0x" + "0" * 2000 + "f", 15),
]  # fmt: skip
BAD = [
    "",
    "\n",
    " 1",
    "1 ",
    "1\n\n",
    "08",
    "0x",
    "x",
    "1_000",
    "-1",
    "--1",
    "1.0",
    "\u0661",
    "0b1",
    "1;",
    "0o7",
]
TOO_BIG = ["18446744073709551616", "0x10000000000000000", "02000000000000000000000", "9" * 4000]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers_are_base_0(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_number_is_einval(text):
    with pytest.raises(TreeError) as caught:
        number(text)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("text", TOO_BIG)
def test_a_number_beyond_64_bits_is_erange(text):
    with pytest.raises(TreeError) as caught:
        number(text)
    assert caught.value.errno == errno.ERANGE


def test_signed_numbers_flags_and_ranges():
    assert number("-0x10\n", signed=True) == -16
    assert [flag(x) for x in ("0", "1", "0x10")] == [False, True, True]
    assert within("7", 7, 9) == 7
    for text in ("6", "10"):
        with pytest.raises(TreeError) as caught:
            within(text, 7, 9)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(TreeError) as caught:
        number(str(-(2**63) - 1), signed=True)
    assert caught.value.errno == errno.ERANGE


@given(st.text(max_size=40))
def test_number_is_a_number_or_a_tree_error(text):
    try:
        assert 0 <= number(text) < 2**64
    except TreeError as problem:
        code = problem.errno
    else:
        return
    assert code in (errno.EINVAL, errno.ERANGE)


def test_words_end_at_space_or_equals_and_parameters_at_semicolon_or_newline():
    command = CommandText("  ADD\tram0 =0x100  Read_Only=1;x 2\n\n ; y =3 ;")
    assert command.keyword("add", "del") == "add"
    assert [command.word(), command.word()] == ["ram0", "0x100"]
    assert command.parameters() == [("read_only", "1"), ("x", "2"), ("y", "3")]
    command.end()
    assert command.word() == ""


@pytest.mark.parametrize("text", ["read_only", "read_only=", "a=1;read_only", "read_only=1 2", "a b=c"])
def test_a_parameter_has_exactly_one_value(text):
    with pytest.raises(TreeError) as caught:
        CommandText(text).parameters()
    assert caught.value.errno == errno.EINVAL


@given(st.text(max_size=60) | st.text('a" \\;=\n\t', max_size=20))
def test_any_text_is_taken_apart_or_refused(text):
    command = CommandText(text)
    try:
        word = command.word()
        if text.strip(BLANKS)[:1] != '"':
            assert not set(word) & set(BLANKS)
        assert "\n" not in word
        assert not any("\n" in name + value for name, value in command.parameters())
    except TreeError as problem:
        code = problem.errno
    else:
        return
    assert code == errno.EINVAL


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=4) | st.just([]))
def test_words_in_quotes_are_any_words(pairs):
    """What quote() makes of a word is read as that word, whatever is in it but a line break."""
    pairs = [(name.replace("\n", "a").lower(), value.replace("\n", "")) for name, value in pairs]
    pairs = [pair for pair in pairs if pair[0] == pair[0].lower()]
    text = ";".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    command = CommandText(f"add {quote('a b')} {text}")
    assert (command.keyword("add"), command.word()) == ("add", "a b")
    assert command.parameters() == pairs
    for _, value in pairs:
        command = CommandText(f"{quote(value)} end\n")
        assert (command.word(), command.word()) == (value, "end")
        command.end()


def test_quotes():
    assert CommandText('"a \\" b"=c').word() == 'a " b'
    assert quote("a;b") == '"a;b"'
    assert quote('a"b\\') == 'a"b\\'  # SCST's own word, as it is
    with pytest.raises(ConfigError, match="line break"):
        quote("a\nb")
    for text in ('"a"b', '"a" "b"c'):
        with pytest.raises(TreeError, match="no blank behind the quote"):
            CommandText(text).parameters()


def test_names_are_listed_with_numbers_in_their_order():
    assert by_number(["mgmt", "1024", "256", "ram10", "ram9", "2:0:0:0"]) == [
        "2:0:0:0", "256", "1024", "mgmt", "ram9", "ram10",
    ]  # fmt: skip


class Thing(Directory):
    """A value, and one file of every kind of permission."""

    def __init__(self):
        self.text = "x"
        self.gate = threading.Event()

    @attribute
    def value(self):
        return line(self.text, self.text != "x")

    @value.store
    def value_store(self, text):
        match text:
            case "wait\n":
                self.gate.wait()
            case "config\n":
                raise ConfigError("not like that")
            case "os\n":
                raise FileNotFoundError(errno.ENOENT, "No such file", "/srv/none")
            case "memory\n":
                raise MemoryError
            case "refuse\n":
                raise refuse(errno.EBADSLT, "taken")
        self.text = text.strip()

    @attribute
    def fixed(self):
        return line(1)

    @store_only
    def trigger(self, text):
        self.text = text


@pytest.fixture
def thing():
    thing = Thing()
    yield thing
    thing.gate.set()


@pytest.fixture
def tree(thing):
    root = Folder(
        lambda: {
            "a": Folder(lambda: {"thing": thing, "up": Symlink("a"), "loop": Symlink("a/loop")}),
            "alias": Symlink("a/thing/value"),
            "last": Folder(dict),
        }
    )
    tree = Filesystem(root)
    yield tree
    thing.gate.set()
    tree.close()


def failing(errno_wanted, call, *args):
    with pytest.raises(OSError) as caught:
        call(*args)
    problem = caught.value
    assert problem.errno == errno_wanted, problem
    assert isinstance(problem, TreeError)
    assert isinstance(problem, SrpError)
    return problem


def test_paths(tree):
    assert tree.ls() == tree.ls("/") == ["a", "alias", "last"]
    paths = """a/thing/value  /a//thing/./value  a/up/up/thing/value  a/thing/../thing/value  alias
        ../../a/thing/value  /sys/kernel/scst_tgt/a/thing/value"""
    assert {tree.read(path) for path in paths.split()} == {"x\n"}
    assert tree.ls("a/up") == tree.ls("/sys/kernel/scst_tgt/a")
    assert tree.readlink("alias") == "a/thing/value"
    assert tree.readlink("a/up") == "."
    assert tree.stat("alias") == ("link", 0o777)
    assert tree.stat("a") == ("directory", 0o755)
    modes = [tree.stat(f"a/thing/{name}").mode for name in tree.ls("a/thing")]
    assert modes == [0o444, 0o200, 0o644]


def test_what_is_not_there_or_not_of_that_kind(tree):
    failing(errno.ENOENT, tree.read, "nope")
    failing(errno.ENOENT, tree.ls, "a/nope")
    failing(errno.ENOENT, tree.write, "a/nope/value", "1")
    failing(errno.ENOTDIR, tree.read, "a/thing/value/more")
    failing(errno.ENOTDIR, tree.ls, "a/thing/value")
    failing(errno.EISDIR, tree.read, "a")
    failing(errno.EISDIR, tree.write, "a", "1")
    failing(errno.EINVAL, tree.readlink, "a")
    failing(errno.ELOOP, tree.read, "a/loop")
    failing(errno.EACCES, tree.read, "a/thing/trigger")
    failing(errno.EACCES, tree.write, "a/thing/fixed", "2")


def test_a_value_that_is_not_the_default_carries_the_key_mark(tree):
    assert tree.read("a/thing/value") == "x\n"
    tree.write("a/thing/value", "y\n")
    assert tree.read("a/thing/value") == "y\n[key]\n"


def test_whatever_goes_wrong_is_an_errno_with_the_path(tree):
    codes = {"config": errno.EINVAL, "os": errno.ENOENT, "memory": errno.ENOMEM, "refuse": errno.EBADSLT}
    for text, code in codes.items():
        problem = failing(code, tree.write, "a/thing/value", f"{text}\n")
        assert problem.filename == "a/thing/value"
        assert tree.last_result() == -code
    assert "/srv/none" in failing(errno.ENOENT, tree.write, "a/thing/value", "os\n").strerror
    failing(errno.EINVAL, tree.write, "a/thing/value", "x" * 4097)
    failing(errno.EINVAL, tree.write, "a/thing/value", "\u20ac" * 1400)
    failing(errno.EINVAL, tree.write, "a/thing/value", "a\0b")
    tree.write("a/thing/value", "x" * 4096)
    assert tree.last_result() == 0


def test_a_write_that_takes_too_long_is_eagain_and_goes_on(thing):
    tree = Filesystem(Folder(lambda: {"thing": thing}), patience=0)
    failing(errno.EAGAIN, tree.write, "thing/value", "wait\n")
    failing(errno.EAGAIN, tree.last_result)
    failing(errno.EAGAIN, tree.write, "thing/value", "behind it\n")
    assert tree.read("thing/value") == "x\n"
    thing.gate.set()
    tree.close()
    assert tree.read("thing/value") == "behind it\n[key]\n"
    assert tree.last_result() == 0
    failing(errno.ENODEV, tree.write, "thing/value", "1")
    tree.close()


def test_the_result_is_known_when_the_writer_returns(tree):
    for i in range(300):
        if i % 2:
            failing(errno.EBADSLT, tree.write, "a/thing/value", "refuse\n")
        else:
            tree.write("a/thing/value", "fine\n")
        assert tree.last_result() == (-errno.EBADSLT if i % 2 else 0)
