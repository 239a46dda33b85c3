"""Check that every public name has a known type: pyright --verifytypes on the installed package.

A type that pyright calls ambiguous, since another checker may infer another type, counts as unknown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def verify() -> dict[str, Any]:
    """pyright's report on the package as this Python has it installed."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [scripts / "pyright", "--verifytypes", "pysrp", "--ignoreexternal", "--outputjson"]
    with (
        tempfile.TemporaryDirectory() as nowhere
    ):  # started in the source tree, pyright would check the sources
        run = subprocess.run(command, cwd=nowhere, env=environment, capture_output=True, text=True)
    try:
        found: dict[str, Any] = json.loads(run.stdout)["typeCompleteness"]
    except (ValueError, KeyError):
        raise SystemExit(f"pyright failed:\n{run.stdout}{run.stderr}") from None
    return found


def holes(found: dict[str, Any]) -> list[str]:
    """One line for each public name whose type, or part of it, is unknown."""
    lines = []
    for symbol in found["symbols"]:
        if not symbol["isTypeKnown"]:
            said = [diagnostic["message"].replace("\xa0", " ") for diagnostic in symbol["diagnostics"]]
            lines.append(f"{symbol['name']}: {'; '.join(said) or 'built from one of these'}")
    return lines


def main() -> int:
    """Print the holes; 1 if there are any, or nothing was found at all."""
    found = verify()
    counts = found["exportedSymbolCounts"]
    known = counts["withKnownType"]
    lines = holes(found)
    for line in lines:
        print(line)
    if not known:
        print("pyright found no public names: is pysrp installed, with py.typed?")
    elif lines:
        print(f"{len(lines)} public names without a known type: annotate them, or make them private")
    else:
        print(f"pyright: {known} public names, all of a known type")
    return bool(lines) or not known


if __name__ == "__main__":
    sys.exit(main())
