# make demo     the main job, embedded, no root
# make test     the test suite
# Both set up what they need in .venv; CONTRIBUTING.md explains the rest.

VENV   ?= .venv
PYTHON  = $(VENV)/bin/python
PIP     = $(PYTHON) -m pip --disable-pip-version-check --quiet
EXTRAS  = cli,fuse,numpy
SECONDS_PER_PARSER ?= 20

sources := $(shell find src setup.py pyproject.toml Makefile -type f -not -name '*.so' -not -path '*/__pycache__/*' -not -path '*.egg-info/*')

.PHONY: demo test bench fuzz lint corpus mutants changes debug sanitize power clean
.DELETE_ON_ERROR:

$(VENV)/installed: $(sources)
	@tools/venv.sh $(VENV)
	@echo "building and installing pysrp into $(VENV)"
	@rm -rf build/lib* build/bdist* build/temp*
	@$(PIP) install '.[$(EXTRAS)]'
	@touch $@

$(VENV)/test: $(VENV)/installed pyproject.toml
	@$(PIP) install --group test
	@touch $@

demo: $(VENV)/installed
	@$(VENV)/bin/pysrp demo

SETUP   = PYTHON="$(abspath $(PYTHON))" tests/setup.sh
LAB     = $(PYTHON) -m pytest -m power -n 2 --maxschedchunk 1 tests/power

# All tests. The POWER lab is among them where its packages can be had; otherwise its tests are skipped, loudly.
test: $(VENV)/test
	@$(SETUP) || true
	$(PYTHON) -m pytest
	$(LAB)

# The POWER lab alone, real drivers and a real target in QEMU, and nothing of it skipped.
power: $(VENV)/test
	@$(SETUP)
	PYSRP_LAB_REQUIRED=1 $(LAB)

bench: $(VENV)/test
	@$(PIP) install --group bench
	$(PYTHON) -m pytest benchmarks --benchmark-json=build/benchmarks.json -q

lint: $(VENV)/test
	@$(PIP) install --group lint --group changes
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	PATH="$(abspath $(VENV))/bin:$$PATH" cython-lint --max-line-length=120 src/_fast
	$(VENV)/bin/mypy
	$(VENV)/bin/towncrier build --draft --version next >build/changes.md
	cd build && ../$(VENV)/bin/stubtest pysrp._fast --mypy-config-file ../pyproject.toml --allowlist ../tools/stubtest.allow --ignore-unused-allowlist --ignore-disjoint-bases

# What the next version will say in CHANGELOG.md, from the files in changes/.
changes: $(VENV)/test
	@$(PIP) install --group changes
	@$(VENV)/bin/towncrier build --draft --version next

# What both engines answer to some three thousand sequences, and how many of their lines these reach.
corpus: $(VENV)/test
	@$(PIP) install 'coverage>=7'
	$(PYTHON) tests/corpus/corpus.py check
	$(PYTHON) tests/corpus/corpus.py coverage

# A sample of N changes of the engines, units, data path and codecs: do the tests notice?
N ?= 100
SEED ?= 0
mutants: $(VENV)/test
	$(PYTHON) tools/mutants.py --number $(N) --seed $(SEED)

# Bounds checks and line tracing in every Cython module, then the test suite on that build.
debug:
	@tools/venv.sh .venv-debug
	@rm -rf build/lib* build/temp* build/cython
	@PYSRP_DEBUG=1 .venv-debug/bin/python -m pip --disable-pip-version-check --quiet install '.[$(EXTRAS)]' --group test
	@rm -rf build/lib* build/temp* build/cython
	.venv-debug/bin/python -m pytest

# ASan and UBSan in every C file, then the test suite on that build.
.venv-asan/installed: $(sources)
	@tools/venv.sh .venv-asan
	@rm -rf build/lib* build/temp*
	@PYSRP_SANITIZE=1 .venv-asan/bin/python -m pip --disable-pip-version-check --quiet install '.[$(EXTRAS)]' --group test
	@rm -rf build/lib* build/temp*
	@touch $@

sanitize: .venv-asan/installed
	tools/sanitized.sh .venv-asan/bin/python -m pytest

# Each parser for SECONDS_PER_PARSER under ASan and UBSan.
fuzz: .venv-asan/installed
	@.venv-asan/bin/python -m pip --disable-pip-version-check --quiet install --group fuzz
	tools/sanitized.sh .venv-asan/bin/python fuzz/run.py --seconds $(SECONDS_PER_PARSER)

clean:
	rm -rf build dist .venv .venv-debug .venv-asan src/*.egg-info
