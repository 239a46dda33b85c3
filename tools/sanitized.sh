#!/bin/sh
# Run a command in an interpreter built without the sanitizers, with extensions that were built with them.
set -eu
runtime=$(${CC:-gcc} -print-file-name=libasan.so)
stdcxx=$(${CC:-gcc} -print-file-name=libstdc++.so.6)
# The interpreter never frees what it allocates at start, so leaks are not looked for here: the leak test does that. A thread
# that the interpreter ends at its own end goes through pthread_exit(), where ASan takes its own last sigaltstack() for an overflow.
export LD_PRELOAD="$runtime $stdcxx" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:use_sigaltstack=0 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONMALLOC=malloc PYSRP_SANITIZED=1
exec "$@"
