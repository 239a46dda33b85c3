"""Make a release: the version, CHANGELOG.md from changes/, sdist and wheel, a commit and a tag. Nothing is sent anywhere.

::

    make release VERSION=0.2.0

Everything is looked at before anything is changed. What is left to do afterwards is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION_FILE = ROOT / "src" / "pysrp" / "__init__.py"
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def run(*command: str | Path) -> str:
    """Standard output; SystemExit with what the command said if it fails."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def fault(version: str) -> str | None:
    """Why that version cannot be released now; None if it can."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return f"{version!r} is no version such as 1.2.3"
    current = VERSION.search(VERSION_FILE.read_text())
    assert current
    if numbers(version) < numbers(current[1]) or f"v{version}" in run("git", "tag").split():
        return f"{version} is not newer than {current[1]}"
    if run("git", "status", "--porcelain"):
        return "the tree has changes that are not committed"
    if run("git", "branch", "--show-current").strip() != "main":
        return "releases are made on main"
    if not any((ROOT / "changes").glob("*.md")):
        return "changes/ is empty: there is nothing to release"
    return None


def numbers(version: str) -> tuple[int, ...]:
    """For comparing."""
    return tuple(int(part) for part in version.split("."))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 0.2.0")
    version = parser.parse_args().version
    if why := fault(version):
        raise SystemExit(f"not released: {why}")
    VERSION_FILE.write_text(VERSION.sub(f'__version__ = "{version}"', VERSION_FILE.read_text()))
    scripts = Path(sys.executable).parent
    print(run(scripts / "towncrier", "build", "--yes", "--version", version).strip().splitlines()[-1])
    run("git", "add", "--all", "changes", "CHANGELOG.md", VERSION_FILE)
    run("git", "commit", "--quiet", "--message", f"release {version}")
    run("git", "tag", "--annotate", f"v{version}", "--message", f"pysrp {version}")
    run(sys.executable, "-m", "build", "--outdir", ROOT / "dist")
    print(f"committed and tagged v{version}; dist/ has the sdist and a wheel. What is left:")
    print("  make check")
    print(f"  git push origin main v{version}")
    print(f"  twine upload dist/pysrp_vscsi-{version}.tar.gz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
