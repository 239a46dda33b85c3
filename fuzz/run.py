"""Fuzz the parsers with atheris, one after the other, each in a process of its own.

    python fuzz/run.py --seconds 600            every parser for ten minutes
    python fuzz/run.py --only iu cdb            some of them
    python fuzz/fuzz_iu.py -runs=1000           one, with libFuzzer's own flags

``make fuzz`` runs this on a build with ASan and UBSan.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run what the command line asks for; 1 if anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=20, help="time for each parser (default: 20)")
    parser.add_argument("--only", nargs="+", default=[], help="parsers to run (default: all)")
    chosen = parser.parse_args()
    known = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))
    unknown = set(chosen.only) - set(known)
    if unknown:
        parser.error(f"no parser is named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = []
    for name in chosen.only or known:
        command = [sys.executable, str(HERE / f"fuzz_{name}.py")]
        flags = [
            f"-max_total_time={chosen.seconds}",
            "-max_len=1024",
            "-timeout=10",
            "-rss_limit_mb=4096",
            "-print_final_stats=1",
        ]
        result = subprocess.run([*command, *flags], capture_output=True, text=True)
        stats = dict(
            line.removeprefix("stat::").split(":", 1)
            for line in result.stderr.splitlines()
            if line.startswith("stat::")
        )
        runs = stats.get("number_of_executed_units", "?").strip()
        print(
            f"{name:<14} {runs:>9} inputs in {chosen.seconds} s  {'ok' if result.returncode == 0 else 'FAILED'}",
            flush=True,
        )
        if result.returncode:
            failed.append(name)
            print(result.stderr[-8000:], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
