"""C that somebody else wrote from native.h alone: compiled, and in a capsule."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pysrp

cffi = pytest.importorskip("cffi", reason="there is no cffi for this Python")


def compiled(folder: str | Path, name: str, calls: str, source: str, libraries: tuple[str, ...] = ()) -> Any:
    """That source as a module of this name; ``calls`` is what of it can be called."""
    ffi = cffi.FFI()
    ffi.cdef(calls)
    ffi.set_source(
        name,
        source,
        include_dirs=[pysrp.get_include()],
        extra_compile_args=["-Wno-unused-parameter"],
        libraries=list(libraries),
    )
    spec = importlib.util.spec_from_file_location(name, ffi.compile(tmpdir=str(folder)))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(words: Sequence[object]) -> subprocess.CompletedProcess[str]:
    """Run a program that has sanitizers of its own: without those that make sanitize preloads."""
    alone = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, env=alone)


NAMES: dict[bytes, ctypes.c_char_p] = {}
"""A capsule keeps the address of its name."""


DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def capsule(address: int, name: bytes, destructor: Any = None) -> Any:
    """A capsule of that name around a struct; ``destructor`` is a DESTRUCTOR, and stays as long as the capsule."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make(address, NAMES.setdefault(name, ctypes.c_char_p(name)), destructor)
