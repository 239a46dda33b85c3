#!/bin/sh
# Run a command in an interpreter that was not built with the sanitizers, on extensions that were.
set -eu
runtime=$(${CC:-gcc} -print-file-name=libasan.so)
stdcxx=$(${CC:-gcc} -print-file-name=libstdc++.so.6)
# The interpreter never frees what it allocates at start, so leaks are the leak test's business. A thread that it ends when it
# ends itself goes by pthread_exit(), and ASan takes its own last call there, of sigaltstack(), for an overflow.
export LD_PRELOAD="$runtime $stdcxx" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:use_sigaltstack=0 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONMALLOC=malloc PYSRP_SANITIZED=1
exec "$@"
