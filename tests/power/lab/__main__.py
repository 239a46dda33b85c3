"""python -m lab missing | setup | run SCRIPT [ARGS]: the lab without pytest."""

from __future__ import annotations

import sys
import time

from . import Lab, LabUnavailable, missing
from .host import missing_peers

MORE_KERNELS = ("trixie",)
"""Suites whose kernels some tests want besides."""


def say(text: str) -> None:
    """A line of progress."""
    print(f"POWER lab: {text}", flush=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["missing"]:
            print(*missing(), *missing_peers())
        case ["setup"]:
            start = time.monotonic()
            lab = Lab()
            lab.setup(say)
            for suite in MORE_KERNELS:
                say(f"the kernel of {suite} and its modules")
                try:
                    lab.setup_kernel(suite)
                except LabUnavailable as error:
                    say(f"none: {error}")
            say(f"ready in {time.monotonic() - start:.0f} s, all in {lab.cache}")
        case ["run", script, *rest]:
            result = Lab().run(script, *rest)
            print(result.output, end="")
            print(f"-- {result.seconds:.1f} s, exit {result.status}, files in {result.folder}")
            print(*result.problems(), sep="\n")
            return 1 if result.problems() else 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabUnavailable as error:
        sys.exit(str(error))
