"""The guest's kernel: Debian's image and modules, ours, and drivers redirected to the lab's hypervisor."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from .debian import Debian, LabUnavailable, digest, digest_files, made, run

CROSS = "powerpc64le-linux-gnu-"

# What a redirected driver imports instead (tests/power/hyp/vscsi_lab.c).
REDIRECT = {
    "plpar_hcall_norets": "vscsi_lab_hcall_norets",
    "vio_enable_interrupts": "vscsi_lab_enable_interrupts",
    "vio_disable_interrupts": "vscsi_lab_disable_interrupts",
    "request_threaded_irq": "vscsi_lab_request_irq",
    "free_irq": "vscsi_lab_free_irq",
}


class Kernel:
    """A ppc64el kernel of Debian's: the suite's current one, or if the mirror lacks it, the newest it has.

    `version` as in uname -r, `image` to boot, `tree` the unpacked packages (tree/lib/modules/<version>),
    `build` to build modules against.
    """

    def __init__(self, debian: Debian) -> None:
        records = debian.resolve(digest("kernel", debian.suite, debian.native), lambda: self._ask(debian))
        self.version = records[0]["Package"].removeprefix("linux-image-")
        self.key = digest([r["SHA256"] for r in records], 3)
        self.tree = made(debian.cache / f"kernel-{self.key}", lambda to: self._make(debian, records, to))
        places = f"boot/vmlinux-{self.version}", f"lib/modules/{self.version}/vmlinuz"  # newest last
        self.image = next(self.tree / place for place in places if (self.tree / place).exists())
        self.build = self.tree / f"usr/src/linux-headers-{self.version}"

    @staticmethod
    def _ask(debian: Debian) -> list[dict[str, str]]:
        """Packages that the mirror has: it may list a kernel before it has it for every architecture."""
        (meta,) = debian.show("linux-image-powerpc64le:ppc64el")
        (current,) = re.findall(r"linux-image-(\d\S*-powerpc64le)\b", meta["Depends"])
        names = run("apt-cache", "pkgnames", "linux-image-", env=debian.environment)
        others = set(re.findall(r"^linux-image-(\d\S*-powerpc64le)$", names, re.M)) - {current}
        failures = []
        for version in [current, *sorted(others, key=_numbers, reverse=True)]:
            try:
                records = Kernel._packages(debian, version)
                debian.fetch(records)
            except (LabUnavailable, RuntimeError) as error:
                failures.append(str(error))
            else:
                return records
        raise LabUnavailable("\n".join(failures))

    @staticmethod
    def _packages(debian: Debian, version: str) -> list[dict[str, str]]:
        """Image, headers and build tools, all of the image's exact version, and what the tools run with."""
        (image,) = debian.show(f"linux-image-{version}:ppc64el")
        exact = image["Version"]
        # Since Linux 7 the image is a package that only names others.
        parts = re.findall(
            rf"linux-(?:base|binary|modules)-{re.escape(version)}(?![\w.+-])", image["Depends"]
        )
        (headers,) = debian.show(f"linux-headers-{version}:ppc64el={exact}")
        needs = re.findall(r"linux-(?:headers-\S+-common|kbuild-[^\s,]+)", headers["Depends"])
        tools = [
            f"{name}:{'all' if name.endswith('-common') else debian.native}={exact}"
            for name in dict.fromkeys(needs)
        ]
        pieces = [f"{name}:ppc64el={exact}" for name in dict.fromkeys(parts)]
        return [image, headers, *debian.show(*pieces, *tools, f"libc6:{debian.native}")]

    @staticmethod
    def _make(debian: Debian, records: list[dict[str, str]], tree: Path) -> None:
        debian.unpack(records, tree)
        # The headers' Makefile names the place they would be installed in.
        (headers,) = tree.glob("usr/src/linux-headers-*-powerpc64le")
        makefile = headers / "Makefile"
        makefile.write_text(makefile.read_text().replace("/usr/src/", "../"))
        # For type information of modules, which would take a tool that nothing else needs.
        (headers / "vmlinux").unlink(missing_ok=True)
        _run_with_own_libc(tree)
        merged = tree / "usr/lib/modules"
        if merged.exists():
            (tree / "lib").mkdir(exist_ok=True)
            merged.rename(tree / "lib/modules")
        (modules,) = (tree / "lib/modules").iterdir()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_decompress, modules.rglob("*.ko.xz")))
        (modules / "load-order.json").write_text(json.dumps(load_order(modules)))

    @cached_property
    def load_order(self) -> dict[str, list[str]]:
        """Module name to the files to insert, in order, relative to lib/modules/<version>."""
        return dict(json.loads((self.tree / "lib/modules" / self.version / "load-order.json").read_text()))


def _numbers(version: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", version)]


def _decompress(file: Path) -> None:
    file.with_suffix("").write_bytes(lzma.decompress(file.read_bytes()))
    file.unlink()


def _run_with_own_libc(tree: Path) -> None:
    """Build tools of a newer suite than this host's want its C library: scripts in their place see to it."""
    (loader,) = (p for lib in ("lib", "usr/lib") for p in tree.glob(f"{lib}/*-linux-gnu*/ld-linux*.so.*"))
    final = tree.with_name(tree.name.removesuffix(".new"))  # see debian.made
    loader = final / loader.relative_to(tree)
    for tool in [p for p in tree.glob("usr/lib/linux-kbuild-*/**/*") if p.is_file() and not p.is_symlink()]:
        with tool.open("rb") as file:
            if not os.access(tool, os.X_OK) or file.read(4) != b"\x7fELF":
                continue
        tool.rename(tool.with_name(tool.name + ".elf"))
        command = f'{loader} --library-path {loader.parent} --argv0 "$0" "$0.elf" "$@"'
        tool.write_text(f"#!/bin/sh\nexec {command}\n")
        tool.chmod(0o755)


def load_order(folder: Path) -> dict[str, list[str]]:
    """What depmod would find out: for each module the files to insert in order, none for what is built in."""
    files: dict[str, Path] = {}
    needs: dict[str, list[str]] = {}
    aliases: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*.ko")):
        name = file.stem.replace("-", "_")
        data = file.read_bytes()
        depends = re.search(rb"\0?depends=([^\0]*)\0", data)
        soft = re.findall(rb"softdep=pre: ([^\0]*)\0", data)
        files[name] = file
        for alias in re.findall(rb"\0alias=([\w-]+)\0", data):
            aliases.setdefault(alias.decode().replace("-", "_"), []).append(name)
        needs[name] = [
            n.replace("-", "_")
            for n in (depends[1].decode().split(",") if depends else []) + b" ".join(soft).decode().split()
            if n
        ]
    builtin = (folder / "modules.builtin").read_text().split()
    order: dict[str, list[str]] = {Path(b).stem.replace("-", "_"): [] for b in builtin}

    def visit(name: str) -> list[str]:
        if name not in order and name not in files and name in aliases:
            # Of those that do the same, one that asks for no special processor.
            name = min(aliases[name], key=lambda module: not module.endswith("_generic"))
        if name not in order and name in files:
            order[name] = []
            before = [f for n in needs[name] for f in visit(n)]
            order[name] = [*dict.fromkeys(before), str(files[name].relative_to(folder))]
        return order.get(name, [])

    for name in files:
        visit(name)
    return order


def build(kernel: Kernel, cache: Path, repo: Path) -> Path:
    """Our modules for the guest's kernel, and the drivers redirected to vscsi_lab."""
    door, hyp = repo / "kernel", repo / "tests/power/hyp"
    sources = [
        p for p in [*door.rglob("*"), *hyp.iterdir()] if p.suffix in (".c", ".h") or p.name == "Kbuild"
    ]
    key = digest(kernel.key, digest_files(sources), digest_files([Path(__file__)]))
    return made(cache / f"modules-{key}", lambda to: _build(kernel, door, hyp, to))


def _build(kernel: Kernel, door: Path, hyp: Path, target: Path) -> None:
    work = target / "build"
    ignore = shutil.ignore_patterns("*.o", "*.ko", "*.mod*", ".*.cmd", "Module.symvers")
    shutil.copytree(door, work / "kernel", ignore=ignore)
    shutil.copytree(hyp, work / "hyp", ignore=ignore)
    make = ["make", "-s", "ARCH=powerpc", f"CROSS_COMPILE={CROSS}", f"CC={CROSS}gcc"]
    warnings = ["-Werror"]
    made_by = re.search(r"^CONFIG_GCC_VERSION=(\d+)\d{4}$", (kernel.build / ".config").read_text(), re.M)
    if made_by and int(made_by[1]) > int(run(f"{CROSS}gcc", "-dumpversion").partition(".")[0]):
        # This compiler does not know some attributes, nor the one option, and puts the other's bytes where r2 is
        # computed wrongly.
        warnings.append("-Wno-attributes")
        make += ["CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=", "CC_FLAGS_FTRACE="]
    make += ["W=1", f"KCFLAGS={' '.join(warnings)}"]
    run(*make, "-C", work / "kernel", f"KDIR={kernel.build}")
    run(*make, "-C", kernel.build, f"M={work / 'hyp'}", f"DOOR={work / 'kernel'}", "modules")
    symbols = _versions(work / "hyp/Module.symvers")
    for module in (work / "kernel/vscsi_crq.ko", work / "hyp/vscsi_lab.ko"):
        run(CROSS + "strip", "-g", module, "-o", target / module.name)
    drivers = kernel.tree / "lib/modules" / kernel.version / "kernel/drivers"
    redirect(drivers / "scsi/ibmvscsi/ibmvscsi.ko", target / "ibmvscsi_lab.ko", symbols)
    redirect(target / "vscsi_crq.ko", target / "vscsi_crq_lab.ko", symbols)
    shutil.rmtree(work)


def _versions(symvers: Path) -> dict[str, int]:
    return {line.split("\t")[1]: int(line.split("\t")[0], 16) for line in symvers.read_text().splitlines()}


def redirect(driver: Path, target: Path, versions: dict[str, int]) -> None:
    """Copy a module, with the imports of `REDIRECT` renamed; nothing else of it changes.

    Kernels that check versions want one of every import: records of 64 bytes, a checksum and a name, in the
    section __versions. They get the new name and the checksum that `versions` has for it.
    """
    names = [word for old, new in REDIRECT.items() for word in ("--redefine-sym", f"{old}={new}")]
    run(CROSS + "objcopy", "--strip-debug", *names, driver, target)
    data = bytearray(target.read_bytes())
    start, size = _section(data, "__versions") if any(versions.values()) else (0, 0)
    for at in range(start, start + size, 64):
        name = data[at + 8 : at + 64].rstrip(b"\0").decode()
        if name in REDIRECT:
            struct.pack_into("<Q56s", data, at, versions[REDIRECT[name]], REDIRECT[name].encode())
    target.write_bytes(data)


def _section(elf: bytes, name: str) -> tuple[int, int]:
    """Offset and size of a section of a 64-bit little-endian ELF file."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    entry, count, strings = struct.unpack_from("<HHH", elf, 58)

    def header(index: int) -> tuple[int, int, int]:
        word, _, _, _, offset, size = struct.unpack_from("<IIQQQQ", elf, table + index * entry)
        return word, offset, size

    _, names, _ = header(strings)
    for index in range(count):
        word, offset, size = header(index)
        if elf[names + word : names + word + len(name) + 1] == name.encode() + b"\0":
            return offset, size
    raise ValueError(f"no section {name}")
