"""The rows of the system benchmark, and what each of them should reach."""

from __future__ import annotations

from typing import Any, NamedTuple


class Aim(NamedTuple):
    """The result that pysrp should reach, compared with a rival in the same run."""

    rival: str
    ratio: float
    """pysrp's figure divided by the rival's: a lower limit for the rate, an upper limit for other figures."""
    of: str = "iops"
    """``iops``, ``cpu_us``, or a percentile of the latency."""


class Row(NamedTuple):
    """One load for all contestants."""

    name: str
    kind: str
    """``read``, ``write`` or ``mixed`` (70 % reads)."""
    order: str
    """``random`` or ``sequential``."""
    size: int
    """Bytes of a command."""
    depth: int
    """Commands under way, of each client."""
    on: str = "RAM"
    """The group of contestants, by their medium: a key of ``contestants.CONTESTANTS``."""
    clients: int = 1
    aims: tuple[Aim, ...] = ()

    @property
    def cores(self) -> int:
        """The least number of cores for a useful row. A client and its loop need one each; for two clients, CPU time is used."""
        return 2 * self.clients if self.clients > 2 else 1


KIB, MIB = 1 << 10, 1 << 20
URING, PSYNC, NBDKIT, FLOOR = "fio io_uring", "fio psync", "nbdkit + fio", "floor"
FIO_RBD = "fio rbd"
COLUMNS = "pysrp (columns)"
ONE_CLIENT, OWN_SERVERS, NONE_SLOW = "pysrp (one client)", "pysrp (a server each)", "pysrp (none slow)"
AHEAD = (Aim("tgtd + libiscsi", 1), Aim("tgtd + iscsi-perf", 1), Aim(NBDKIT, 1))


def aims(**ratios: float) -> tuple[Aim, ...]:
    """Aims for the rate, by rival."""
    known = {"uring": URING, "psync": PSYNC, "nbdkit": NBDKIT, "floor": FLOOR}
    return tuple(Aim(known[rival], ratio) for rival, ratio in ratios.items())


def _ram() -> list[Row]:
    rows = [
        Row(
            f"{size // KIB} KiB {order} {kind} at depth {depth}",
            kind,
            order,
            size,
            depth,
            aims=AHEAD + (aims(floor=0.5 if depth == 1 else 0.95) if order == "random" else ()),
        )
        for size, order in ((4 * KIB, "random"), (256 * KIB, "sequential"))
        for kind in ("read", "write")
        for depth in (1, 32)
    ]
    small = "512 byte random read at depth 32"
    return [*rows, Row(small, "read", "random", 512, 32, aims=AHEAD + aims(floor=0.95))]


def _calls() -> list[Row]:
    """Rows with a call and a result for each command, compared with columns in the same run."""

    def row(what: str, how: str, *aims: Aim, kind: str = "read", size: int = 4 * KIB, depth: int = 32) -> Row:
        return Row(f"a call each: {what}", kind, "random", size, depth, f"RAM, {how}", aims=aims)

    third, twelfth = Aim(COLUMNS, 1 / 3), Aim(COLUMNS, 1 / 12)
    return [
        row("4 KiB submit_read at depth 32", "call", third),
        row("4 KiB submit_write at depth 32", "call", third, kind="write"),
        row("4 KiB submit at depth 32", "execute", third),
        row("4 KiB read()", "read", Aim(NBDKIT, 3), depth=1),
        row("256 KiB submit_read at depth 32", "call", Aim(NBDKIT, 1), size=256 * KIB),
        row("256 KiB submit_read into buffers at depth 32", "buffers", Aim(NBDKIT, 1), size=256 * KIB),
        row("256 KiB submit_write at depth 32", "call", Aim(NBDKIT, 1), kind="write", size=256 * KIB),
        row("4 KiB asyncio, 32 tasks", "asyncio", twelfth),
        row("4 KiB asyncio, 200 sessions", "sessions", twelfth, depth=200),
    ]


def _clients() -> list[Row]:
    """Rows of several clients of one disk in RAM. With few cores, CPU time shows how much they slow each other down."""
    cheap, quick = Aim(ONE_CLIENT, 1.3, "cpu_us"), Aim(OWN_SERVERS, 2, "99")
    apart = Aim(OWN_SERVERS, 0.9)
    return [
        Row(
            f"{clients} clients on one RAM disk, 4 KiB random read at depth {depth}",
            "read",
            "random",
            4 * KIB,
            depth,
            "RAM, clients",
            clients,
            ((cheap,) if clients == 2 and depth == 32 else ())
            + ((apart,) if clients == 7 else ())
            + ((quick,) if clients == 7 and depth == 1 else ()),
        )
        for clients in (2, 4, 7)
        for depth in (32, 1)
    ]


def _files() -> list[Row]:
    def row(what: str, kind: str, size: int, depth: int, clients: int = 1, **ratios: float) -> Row:
        order = "sequential" if "in order" in what else "random"
        return Row(f"cached file, {what}", kind, order, size, depth, "file", clients, aims(**ratios))

    return [
        row("4 KiB random read at depth 32", "read", 4 * KIB, 32, uring=0.6, nbdkit=2),
        row("4 KiB random write at depth 32", "write", 4 * KIB, 32, uring=0.8, psync=0.8),
        row("4 KiB random read at depth 1", "read", 4 * KIB, 1, psync=0.25, nbdkit=4),
        row("4 KiB random write at depth 1", "write", 4 * KIB, 1, nbdkit=2),
        row("4 KiB random, 70 % reads, at depth 32", "mixed", 4 * KIB, 32, uring=0.8),
        row("256 KiB random read at depth 32", "read", 256 * KIB, 32, uring=0.8),
        row("256 KiB random write at depth 32", "write", 256 * KIB, 32, uring=0.8),
        row("1 MiB read in order at depth 8", "read", MIB, 8, uring=0.8),
        row("1 MiB write in order at depth 8", "write", MIB, 8, uring=0.8),
        row("2 clients, 4 KiB random read at depth 32", "read", 4 * KIB, 32, 2, uring=0.8),
        row("2 clients, 4 KiB random write at depth 32", "write", 4 * KIB, 32, 2, uring=0.8),
    ]


def _elsewhere(on: str, rival: str) -> list[Row]:
    """Rows of one nbdkit with memory, or a Ceph cluster: through pysrp, and by fio directly."""
    return [
        Row(
            f"{on}, {'' if clients == 1 else f'{clients} clients, '}{size // KIB} KiB random {kind} at depth {depth}",
            kind,
            "random",
            size,
            depth,
            on,
            clients,
            (Aim(rival, 0.8),),
        )
        for size, depth, clients in ((4 * KIB, 1, 1), (4 * KIB, 32, 1), (256 * KIB, 8, 1), (4 * KIB, 32, 2))
        for kind in ("read", "write")
    ]


ROWS = [
    *_ram(),
    *_calls(),
    *_clients(),
    *_files(),
    *_elsewhere("NBD", NBDKIT),
    *_elsewhere("RBD", FIO_RBD),
    *(
        Row(
            f"loop device, O_DIRECT, 4 KiB random {kind} at depth 32",
            kind,
            "random",
            4 * KIB,
            32,
            "loop",
            aims=aims(uring=0.9),
        )
        for kind in ("read", "write")
    ),
    Row(
        "63 of 64 LUNs while one is slow, 4 KiB random read",
        "read",
        "random",
        4 * KIB,
        1,
        "LUNs",
        aims=(Aim(NONE_SLOW, 0.8), Aim(NONE_SLOW, 2, "99.9")),
    ),
]


def _figure(result: dict[str, Any], of: str) -> float:
    return float(result[of] or 0 if of in result else result["us"].get(of, 0))


def held(row: str, results: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence for each aim of a row whose rival was measured; those that are missed begin with MISSED."""
    found = []
    for aim in next((known.aims for known in ROWS if known.name == row), ()):
        if "pysrp" not in results or aim.rival not in results:
            continue
        own, other = (_figure(results[who], aim.of) for who in ("pysrp", aim.rival))
        if not own or not other:
            continue
        ratio, rate = own / other, aim.of == "iops"
        met = ratio >= aim.ratio if rate else ratio <= aim.ratio
        what = {"iops": "rate", "cpu_us": "CPU time"}.get(aim.of, f"p{aim.of}")
        bound = f"at {'least' if rate else 'most'} {aim.ratio:g}"
        found.append(
            f"{'met' if met else 'MISSED'}: {row}: {what} {ratio:.2f} x that of {aim.rival}, aim {bound}"
        )
    return found
