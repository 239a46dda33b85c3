#!/bin/sh
# Print the path of a CPython that Debian does not package; if there is none, build it from Debian's source package.
#
#   tools/cpython.sh free-threaded          without the GIL: from the cache, from PATH, or a new build (15 minutes)
#   tools/cpython.sh musl                   with Debian's musl for its C library, to run musllinux wheels
#   tools/cpython.sh KIND --have            only one that exists; exit status 1 if there is none, nothing is built
#
# They are kept in $PYSRP_CACHE (~/.cache/pysrp), as python-3.14t and python-3.13-musl.
#
# Free-threaded: Debian's development suites have 3.14 and newer, one version of each. If this machine's package lists do not
# match the archive, nothing is found there. Then an earlier 3.14 may still be in it; else it is 3.13 of Debian 13, for which
# there is no cffi, so that vio: is left out.
#
# musl: 3.13 of Debian 13, compiled by musl-gcc (musl-tools), with the kernel's headers and the static libffi and zlib of this
# machine, which call no function that musl lacks. It has no OpenSSL and no pip: another Python's pip installs into it.
set -eu
cache=${PYSRP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pysrp}
kind=${1:-}
case $kind in
    free-threaded) versions="3.14 3.13" suffix=t program=t ;;
    musl) versions="3.13" suffix=-musl program='' ;;
    *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac

good() { # $1 is an interpreter of that kind, that can build extensions
    case $kind in
        free-threaded) wanted='sysconfig.get_config_var("Py_GIL_DISABLED") and importlib.import_module("ssl")' ;;
        musl) wanted='sysconfig.get_config_var("SOABI").endswith("-musl") and importlib.import_module("ctypes")' ;;
    esac
    "$1" -c "import importlib, pathlib, sys, sysconfig, venv, zlib
sys.exit(not ($wanted and pathlib.Path(sysconfig.get_paths()['include'], 'Python.h').exists()))" 2>/dev/null
}

for version in $versions; do
    for candidate in "$cache/python-$version$suffix/bin/python$version$program" "$(command -v "python$version$suffix" || :)"; do
        if [ -n "$candidate" ] && good "$candidate"; then
            echo "$candidate"
            exit 0
        fi
    done
done
[ "${2:-}" != --have ] || exit 1

missing() {
    echo "no $kind CPython: $1" >&2
    exit 1
}

command -v apt-get >/dev/null || missing "apt-get is needed for its source, or put a python${versions%% *}$suffix into PATH"
command -v make >/dev/null || missing "make and a C compiler are needed"
[ "$kind" != musl ] || command -v musl-gcc >/dev/null || missing "apt-get install musl-tools"
site=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian|//p' | grep -v security | head -n 1)
[ -n "$site" ] || missing "apt has no Debian sources here"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
for suite in unstable trixie; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main"
done >"$work/sources.list"
cat >"$work/apt.conf" <<END_OF_CONF
Dir::State "$work/state";
Dir::Cache "$work/cache";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
END_OF_CONF
cd "$work"
export APT_CONFIG="$work/apt.conf"
log=$work/log
apt-get update >"$log" 2>&1 || { tail -n 5 "$log" >&2; missing "apt-get update failed"; }

source() { # the newest source of python$1 that is really there
    listed=$(apt-cache showsrc --only-source "python$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru)
    for found in $listed; do
        apt-get source --download-only --tar-only "python$1=$found" >"$log" 2>&1 && return 0
    done
    [ -n "$listed" ] || return 1
    patch=${listed%%-*}
    patch=${patch##*.}
    while [ "$patch" -gt 0 ]; do
        patch=$((patch - 1))
        earlier "python$1" "$1.$patch" && return 0
    done
    return 1
}

earlier() { # version $2 of $1 is no longer in the lists, but in the archive: who made the package has signed what it is
    dsc=$1_$2-1.dsc archive=$1_$2.orig.tar.xz
    from=${site%/}/pool/main/p/$1
    get=/usr/lib/apt/apt-helper
    "$get" download-file "$from/$dsc" "$work/$dsc" >"$log" 2>&1 || return 1
    gpgv --keyring /usr/share/keyrings/debian-keyring.gpg --output signed "$dsc" >"$log" 2>&1 || {
        tail -n 3 "$log" >&2
        echo "$dsc: its signature cannot be checked (apt-get install gpgv debian-keyring)" >&2
        return 1
    }
    sum=$(sed -n "/^Checksums-Sha256:/,/^Files:/s/^ \([0-9a-f]\{64\}\) [0-9]* $archive\$/\1/p" signed)
    [ -n "$sum" ] && "$get" download-file "$from/$archive" "$work/$archive" "SHA256:$sum" >"$log" 2>&1
}

for version in $versions; do
    if source "$version"; then
        break
    fi
    echo "python$version: Debian's lists have it, its archive has not (or the other way round)" >&2
done
archive=$(ls python3.*.orig.tar.* 2>/dev/null | grep -v '\.asc$' | head -n 1)
[ -n "$archive" ] || { tail -n 5 "$log" >&2; missing "its source cannot be had"; }

prefix=$cache/python-$version$suffix
options="--disable-test-modules --prefix=$prefix"
export OPT="-DNDEBUG -O3" # nobody debugs it: without -g it is done sooner
case $kind in
    free-threaded) options="--disable-gil $options" ;;
    musl)
        # Files that a compiler needs to build extensions for this Python are kept with it.
        parts=$prefix/musl
        triplet=$(gcc -print-multiarch)
        mkdir -p "$parts/include" "$parts/lib"
        for name in linux asm-generic "$triplet/asm" mtd zlib.h zconf.h "$triplet/ffi.h" "$triplet/ffitarget.h"; do
            ln -sf "/usr/include/$name" "$parts/include/"
        done
        ln -sf "/usr/lib/$triplet/libffi_pic.a" "$parts/lib/libffi.a"
        ln -sf "/usr/lib/$triplet/libz.a" "$parts/lib/libz.a"
        # configure wants the compiler and the C library to agree about the system's name
        printf '#!/bin/sh\n[ "$*" != --print-multiarch ] || { echo %s-linux-musl; exit; }\nexec musl-gcc "$@"\n' "$(uname -m)" >"$parts/cc"
        chmod 755 "$parts/cc"
        options="$options --without-ensurepip"
        OPT="-DNDEBUG -O1" # nobody measures it
        # musl's threads have 128 KiB of stack, too little for the interpreter: distributions with musl set 1 MiB
        export CC="$parts/cc" CPPFLAGS="-idirafter $parts/include -DTHREAD_STACK_SIZE=0x100000" LDFLAGS="-L$parts/lib" PKG_CONFIG=false
        export LIBFFI_CFLAGS=" " LIBFFI_LIBS=-lffi ZLIB_CFLAGS=" " ZLIB_LIBS=-lz
        ;;
esac
echo "building ${archive} into $prefix" >&2
mkdir tree
tar -xf "$archive" -C tree --strip-components=1
cd tree
# Debian's libz.a may be linked into a program, and not into a module that is a file of its own.
[ "$kind" != musl ] || printf '*static*\nzlib zlibmodule.c -lz\n' >Modules/Setup.local
for step in "./configure $options" "make -j$(nproc)" "make install"; do
    # shellcheck disable=SC2086  # words
    nice -n 5 $step >"$log" 2>&1 || { tail -n 20 "$log" >&2; missing "$step failed"; }
done
good "$prefix/bin/python$version$program" || missing "what was built cannot be used: headers of OpenSSL, zlib, libffi are needed (libssl-dev, zlib1g-dev, libffi-dev)"
echo "$prefix/bin/python$version$program"
