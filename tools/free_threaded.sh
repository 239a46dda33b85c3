#!/bin/sh
# A free-threaded CPython: print its path; where there is none, build it from Debian's source package, a quarter of an hour.
#
#   tools/free_threaded.sh          the one in the cache, or a new one
#   tools/free_threaded.sh --have   the one in the cache; exit 1 where there is none, and nothing is built
#
# It is kept in $PYSRP_CACHE (~/.cache/pysrp) as python-3.14t. Debian's development suites have 3.14 and newer, and keep
# one version of each: lists that are older than its source find nothing there. Then it is 3.13 of Debian 13, as
# python-3.13t, for which there is no cffi: vio: is left out.
set -eu
cache=${PYSRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pysrp}

free() { # an interpreter without the lock, that can build extensions
    "$1" -c 'import pathlib, ssl, sys, sysconfig, venv
sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED")
    or not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").exists())' 2>/dev/null
}

for version in 3.14 3.13; do
    for candidate in "$cache/python-${version}t/bin/python${version}t" "$(command -v "python${version}t" || :)"; do
        if [ -n "$candidate" ] && free "$candidate"; then
            echo "$candidate"
            exit 0
        fi
    done
done
[ "${1:-}" != --have ] || exit 1

missing() {
    echo "no free-threaded CPython: $1" >&2
    exit 1
}

command -v apt-get >/dev/null || missing "apt-get is needed for its source, or put a python3.14t into PATH"
command -v make >/dev/null || missing "make and a C compiler are needed"
site=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian|//p' | grep -v security | head -n 1)
[ -n "$site" ] || missing "apt has no Debian sources here"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
for suite in unstable trixie; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main"
done >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::State "$work/state";
Dir::Cache "$work/cache";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
cd "$work"
export APT_CONFIG="$work/apt.conf"
log=$work/log
apt-get update >"$log" 2>&1 || { tail -n 5 "$log" >&2; missing "apt-get update failed"; }

source() { # the newest source of python$1 that is really there
    for found in $(apt-cache showsrc --only-source "python$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru); do
        apt-get source --download-only --tar-only "python$1=$found" >"$log" 2>&1 && return 0
    done
    return 1
}

for version in 3.14 3.13; do
    if source "$version"; then
        break
    fi
    echo "python$version: Debian's lists have it, its archive has not (or the other way round)" >&2
done
archive=$(ls python3.*.orig.tar.* 2>/dev/null | grep -v '\.asc$' | head -n 1)
[ -n "$archive" ] || { tail -n 5 "$log" >&2; missing "its source cannot be had"; }

prefix=$cache/python-${version}t
echo "building ${archive} into $prefix" >&2
mkdir tree
tar -xf "$archive" -C tree --strip-components=1
cd tree
for step in "./configure --disable-gil --disable-test-modules --prefix=$prefix" "make -j$(nproc)" "make install"; do
    # shellcheck disable=SC2086  # words
    nice -n 5 $step >"$log" 2>&1 || { tail -n 20 "$log" >&2; missing "$step failed"; }
done
free "$prefix/bin/python${version}t" || missing "what was built cannot be used: headers of OpenSSL, zlib, libffi are needed (libssl-dev, zlib1g-dev, libffi-dev)"
echo "$prefix/bin/python${version}t"
