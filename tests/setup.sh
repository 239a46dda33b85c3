#!/bin/sh
# What the tests need on this host besides Python, from Debian's packages: sg3_utils, FUSE, NBD, Ceph, the tools whose output
# pysrp decode reads, the tools of the POWER lab;
# then everything that the lab builds once. As root it installs what is missing, otherwise it says what root has to run.
# Exit 1: there is no lab, and its tests will say so.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/power"
python=${PYTHON:-python3}

lab=$("$python" -m lab missing)
missing="$lab $("$python" -m lab peers)"
if [ "$missing" = " " ]; then
    :
elif [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing on this host; on Debian, as root:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends $missing" >&2
    [ -z "$lab" ] || exit 1
else
    echo "installing $missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086  # a list of words
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -20 "$log" >&2
        exit 1
    fi
fi
"$python" -m lab setup
