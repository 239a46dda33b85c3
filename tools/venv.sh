#!/bin/sh
# Make the virtual environment $1 with a Python that can build extensions; if there is none, print what is missing.
set -eu
venv=$1
python=${PYTHON:-}
version='import sys; print("%d.%d" % sys.version_info[:2])'
# One whose making was interrupted has a python, and no pip or an old one.
if "$venv/bin/python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))' 2>/dev/null; then
    has=$("$venv/bin/python" -c "$version")
    wanted=$([ -z "$python" ] || "$python" -c "$version")
    [ "${wanted:-$has}" = "$has" ] && exit 0
    echo "$venv has Python $has, and not $wanted: remove it, or give another one, make ... VENV=.venv-$wanted BASE_PYTHON=$python" >&2
    exit 1
fi
if [ -z "$python" ]; then
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || { echo "pysrp needs Python 3.10 or newer: apt-get install python3" >&2; exit 1; }

usable() {
    "$python" -c 'import ensurepip, pathlib, sysconfig, sys
sys.exit(not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").exists())' 2>/dev/null
}

if ! usable; then
    echo "$python lacks the venv module or its C headers" >&2
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv and python3-dev" >&2
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv python3-dev >/dev/null
    fi
    usable || { echo "install them first, on Debian: apt-get install python3-venv python3-dev" >&2; exit 1; }
fi
compiler=${CC:-gcc} # may be several words
command -v "${compiler%% *}" >/dev/null || { echo "a C compiler is needed, on Debian: apt-get install gcc" >&2; exit 1; }
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
