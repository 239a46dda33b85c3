"""python -m lab missing | setup | run SCRIPT [ARGS]: the lab without pytest."""

from __future__ import annotations

import sys
import time

from . import Lab, LabUnavailable, missing


def main(arguments: list[str]) -> int:
    match arguments:
        case ["missing"]:
            print(*missing())
        case ["setup"]:
            start = time.monotonic()
            lab = Lab()
            lab.setup()
            print(f"kernel {lab.kernel.version}, all in {lab.cache}, {time.monotonic() - start:.1f} s")
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
