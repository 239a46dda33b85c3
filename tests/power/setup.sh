#!/bin/sh
# What the POWER lab needs on this host, from Debian's packages; then everything it builds once.
# As root it installs what is missing; otherwise it says what root has to run.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"
python=${PYTHON:-python3}

missing=$("$python" -m lab missing)
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing on this host; run as root:" >&2
        echo "    apt-get update && apt-get install --no-install-recommends $missing" >&2
        exit 1
    fi
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
exec "$python" -m lab setup
