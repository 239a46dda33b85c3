#!/bin/sh
# make deb: the Debian packages of packaging/debian, built by dpkg-buildpackage in a clean root of suite $1, judged by
# lintian, installed in another clean root and used there. They end up in dist/debian/. Needs root, mmdebstrap, and
# Debian's mirror. A suite must have Cython 3.1: forky, sid. The roots' archive is kept in ~/.cache/pysrp-deb.
set -eu
suite=${1:-sid}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
out=$here/dist/debian
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pysrp-deb

[ "$(id -u)" = 0 ] || { echo "make deb: only root can make a root to build in" >&2; exit 1; }
for program in mmdebstrap unshare; do
    command -v "$program" >/dev/null || { echo "make deb: apt-get install mmdebstrap util-linux" >&2; exit 1; }
done

# The archive of a minimal system of that suite.
mirror=$(sed -n 's/^URIs: *//p; s/^deb \([^[ ]*\) .*/\1/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1)
archive=$cache/$suite-base.tar
mkdir -p "$cache" "$out"
if [ ! -s "$archive" ]; then
    # a mirror may lag behind, above all for sid; its lists are still signed, so their age is not checked
    mmdebstrap --quiet --mode=root --variant=minbase --format=tar --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$archive.new" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main"
    mv "$archive.new" "$archive"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# root NAME: unpack a clean one. inside NAME COMMAND: run that in it, as a shell's words.
root() {
    mkdir "$work/$1"
    tar -C "$work/$1" -xf "$archive"
    cp /etc/resolv.conf "$work/$1/etc/resolv.conf"
    # no service of a new package is started
    printf '#!/bin/sh\nexit 101\n' >"$work/$1/usr/sbin/policy-rc.d"
    chmod 755 "$work/$1/usr/sbin/policy-rc.d"
}

# A mount namespace of its own: nothing stays mounted, however this ends.
inside() {
    # shellcheck disable=SC2016  # the inner shell's $0 and $@
    unshare --mount --pid --fork --kill-child sh -ec 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            chroot "$0" sh -ec "$1"' "$work/$1" "$2"
}

# The source to build: the sdist of this commit, with its packaging/debian.
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/src/pysrp/__init__.py")
tree=$work/build/srv/pysrp-$version
root build
mkdir "$tree"
git -C "$here" ls-files -z | (cd "$here" && tar --null --files-from=- --sort=name --owner=0 --group=0 -cf - \
    --mtime="@$(git -C "$here" log -1 --format=%ct)") | tar -C "$tree" -xf -
tar -C "$work/build/srv" --sort=name -czf "$work/build/srv/pysrp_$version.orig.tar.gz" "pysrp-$version"
cp -a "$tree/packaging/debian" "$tree/debian"

echo "deb: building in a clean $suite"
inside build "apt-get -qq update
    cd /srv/pysrp-$version
    { apt-get -qq build-dep --no-install-recommends ./ && apt-get -qq install --no-install-recommends lintian; } >/srv/apt.log 2>&1 \
        || { tail -20 /srv/apt.log; exit 1; }
    nice -n 5 dpkg-buildpackage -us -uc >/srv/build.log 2>&1 || { tail -60 /srv/build.log; exit 1; }
    lintian --allow-root --fail-on error,warning /srv/*.changes"
rm -rf "${out:?}"/*
find "$work/build/srv" -maxdepth 1 -type f ! -name apt.log -exec cp -t "$out" {} +
rm -rf "$work/build"

echo "deb: installing in a clean $suite"
root clean
mkdir "$work/clean/srv/debs"
cp "$out"/pysrp_*.deb "$out"/python3-pysrp_*.deb "$work/clean/srv/debs"
cp "$here/packaging/debian/tests/installed" "$work/clean/srv/installed"
# a minimal system leaves manual pages out
rm -f "$work"/clean/etc/dpkg/dpkg.cfg.d/*nodoc* "$work"/clean/etc/dpkg/dpkg.cfg.d/*docker*
inside clean "apt-get -qq update
    apt-get -qq install --no-install-recommends /srv/debs/*.deb man-db >/srv/apt.log 2>&1 || { tail -20 /srv/apt.log; exit 1; }
    sh /srv/installed"
echo "deb: $(cd "$out" && echo ./*.deb)"
