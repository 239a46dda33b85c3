#!/bin/bash -eu
# How OSS-Fuzz builds the targets, in its base-builder-python image: $SRC/pysrp is this repository.
cd "$SRC/pysrp"
pip3 install .
for target in fuzz/fuzz_*.py; do
    compile_python_fuzzer "$target" --paths fuzz
done
