"""Only what pyproject.toml cannot say: the Cython modules, and the package view that Cython needs.

Switches: PYSRP_DEBUG=1 (bounds checks, line tracing), PYSRP_SANITIZE=1 (ASan and UBSan), PYSRP_COVERAGE=1 (gcov;
tools/covered.py reads what it counts), PYSRP_WERROR=1 (the project's own CI; a newer compiler must not break
somebody's install).
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
FAST = Path("src/_fast")
BINDINGS = Path("src/pysrp/fabric/_power_build.py")


def switch(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def package_view() -> str:
    """Cython finds pysrp/_fast/*.pxd only under a folder of that name, and without it ignores them silently."""
    view = HERE / "build" / "pyx"
    (view / "pysrp").mkdir(parents=True, exist_ok=True)
    (view / "pysrp" / "__init__.py").touch()
    link = view / "pysrp" / "_fast"
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(HERE / FAST, link.parent), target_is_directory=True)
    return str(view.relative_to(HERE)) if Path.cwd() == HERE else str(view)


def describes() -> bool:
    """Whether the package is only described or packed (an sdist, metadata for pip): that needs no C."""
    words = set(sys.argv[1:])
    return bool(words & {"dist_info", "egg_info", "sdist"}) and not any(
        word.startswith(("bdist", "build", "develop", "editable", "install")) for word in words
    )


debug, sanitize, coverage = map(switch, ("PYSRP_DEBUG", "PYSRP_SANITIZE", "PYSRP_COVERAGE"))
# gcov counts beside the object files, which therefore stay, and in a place of their own.
build = "build/coverage/build" if coverage else "build"
cflags = ["-std=gnu11", "-Werror=implicit-function-declaration", "-fvisibility=hidden"]
cflags += ["-O0", "-g", "-UNDEBUG"] if debug else ["-O2", "-g0"]
ldflags = []
macros = [("CYTHON_TRACE_NOGIL", "1")] if debug else []
if sanitize:
    # Cython's own tables hold function pointers of unlike types: not ours to mend. Reports name lines, which -g1 has; -g
    # takes a third of the compiler's time.
    cflags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g1", "-O1"]
    ldflags += ["-fsanitize=address,undefined"]
if coverage:
    # What nobody calls is compiled, or it would not be counted as not run; and left out by the linker,
    # as Python's own headers have such functions too, which call what is not exported.
    cflags += [
        "--coverage",
        "-O0",
        "-fkeep-inline-functions",
        "-fkeep-static-functions",
        "-ffunction-sections",
    ]
    ldflags += ["--coverage", "-Wl,--gc-sections"]
if switch("PYSRP_WERROR"):
    cflags += ["-Werror", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]

directives = {
    "language_level": 3,
    "boundscheck": debug,
    "wraparound": debug,
    "initializedcheck": debug,
    "linetrace": debug,
    "cdivision": True,
    "auto_pickle": False,
    # Cython's own functions do not look whether self is of their class: View.tobytes(3) would read what is not there.
    "binding": False,
    "embedsignature": True,
    "embedsignature.format": "python",
    "warn.unused": True,
    # Shared between threads are ports that are woken, memory, gates, media and what codecs make at first use: these have
    # critical sections (nothing where there is a GIL) or atomic words. All else has one owner at a time.
    "freethreading_compatible": True,
}

extensions = [
    Extension(
        f"pysrp._fast.{source.stem}",
        [str(source)],
        include_dirs=[str(FAST)],
        depends=[str(header) for header in FAST.glob("*.h")],
        extra_compile_args=cflags,
        extra_link_args=ldflags,
        define_macros=macros,
    )
    for source in sorted(FAST.glob("*.pyx"))
]
if not describes():
    extensions = cythonize(
        extensions,
        include_path=[package_view()],
        build_dir=f"{build}/cython",
        compiler_directives=directives,
    )
# The longest first: two compilers end at about the same time then.
extensions.sort(key=lambda extension: -sum(Path(each).stat().st_size for each in extension.sources))

setup(
    options={"build": {"build_base": build}, "build_ext": {"parallel": os.cpu_count()}},
    ext_modules=extensions,
    packages=[
        "pysrp._fast",
        *(
            ".".join(p.parent.relative_to("src").parts)
            for p in sorted(Path("src/pysrp").rglob("__init__.py"))
        ),
    ],
    package_dir={"": "src", "pysrp._fast": "src/_fast"},
    package_data={
        "pysrp": ["py.typed", "**/*.pyi", "**/*.csv", "**/*.lua"],
        "pysrp._fast": ["*.pxd", "*.pyi", "*.h"],
    },
    data_files=[
        (str(folder), [str(each) for each in sorted(folder.iterdir()) if each.is_file()])
        for folder in sorted({page.parent for page in Path("share").rglob("*") if page.is_file()})
    ],
    exclude_package_data={"": ["*.c", "*.pyx", "*.pxi"]},
    cffi_modules=[f"{BINDINGS}:ffibuilder"] if BINDINGS.exists() else [],
)
