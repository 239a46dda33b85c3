"""Make a release: the version, CHANGELOG.md from changes/, a commit, a tag, the sdist. Nothing is pushed or uploaded.

::

    make release VERSION=0.2.0

All checks come before the first change. The remaining steps are printed at the end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path

import wheels

ROOT = Path(__file__).resolve().parents[1]
VERSION_FILE = ROOT / "src" / "pysrp" / "__init__.py"
DKMS = ROOT / "kernel" / "dkms.conf"
DEBIAN = ROOT / "packaging" / "debian" / "changelog"
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def run(*command: str | Path) -> str:
    """Run a command; returns its standard output. SystemExit with its output if it fails."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def fault(version: str) -> str | None:
    """The reason why that version cannot be released now; None if it can."""
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


def packages(version: str, date: str) -> None:
    """Write the version into DKMS' configuration and Debian's changelog. ``date`` has the format of e-mail."""
    DKMS.write_text(re.sub(r'(?m)^(PACKAGE_VERSION=").*"$', rf'\g<1>{version}"', DKMS.read_text()))
    before = DEBIAN.read_text()
    sender = re.search(r"^ -- (.+>)  ", before, re.MULTILINE)
    assert sender
    entry = f"pysrp ({version}-1) unstable; urgency=medium\n\n  * New version.\n\n -- {sender[1]}  {date}\n\n"
    if not before.startswith(f"pysrp ({version}-"):
        DEBIAN.write_text(entry + before)


def numbers(version: str) -> tuple[int, ...]:
    """A version as a tuple of numbers, for comparison."""
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
    packages(version, format_datetime(datetime.now(timezone.utc)))
    scripts = Path(sys.executable).parent
    print(run(scripts / "towncrier", "build", "--yes", "--version", version).strip().splitlines()[-1])
    run("git", "add", "--all", "changes", "CHANGELOG.md", VERSION_FILE, DKMS, DEBIAN)
    run("git", "commit", "--quiet", "--message", f"release {version}")
    run("git", "tag", "--annotate", f"v{version}", "--message", f"pysrp {version}")
    sdist = wheels.make_sdist(ROOT / "dist")
    print(f"committed and tagged v{version}; dist/ has {sdist.name}. What is left:")
    print("  make check")
    print("  make wheels deb")
    print(f"  git push origin main v{version}")
    print(
        "  fetch the wheels of the other architectures from the forge: the artifacts of its run of that tag"
    )
    print(f"  twine upload dist/pysrp_vscsi-{version}*")
    return 0


if __name__ == "__main__":
    sys.exit(main())
