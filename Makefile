# make help     all targets. They set up what they need in .venv; CONTRIBUTING.md explains them.
#
# VENV=.venv-3.12 BASE_PYTHON=python3.12 does the same with another Python.

VENV   ?= .venv
BASE_PYTHON ?=
PYTHON  = $(VENV)/bin/python
PIP     = $(PYTHON) -m pip --disable-pip-version-check --quiet
EXTRAS  = cli,fuse,numpy
SECONDS_PER_PARSER ?= 20

sources := $(shell find src setup.py pyproject.toml Makefile -type f -not -name '*.so' -not -path '*/__pycache__/*' -not -path '*.egg-info/*')

.PHONY: help setup free-threaded wheels deb demo test host quick soak takeovers orders power conformance check environment bench bench-all bench-compare bench-smoke counts counts-accept coverage fuzz lint types docs corpus mutants changes release debug sanitize clean
.DELETE_ON_ERROR:

help:  ## these lines
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1 \2/p' Makefile | awk '{printf "  make %-15s", $$2; $$1 = $$2 = ""; sub(/^ +/, " "); print}'

# One build at a time: they share build/.
LOCKED = mkdir -p build && flock build/lock

# Who had to wait for another make that did the same has nothing left to do.
$(VENV)/installed: $(sources)
	@$(LOCKED) sh -c 'PYTHON="$(BASE_PYTHON)" tools/venv.sh $(VENV) || exit 1; \
	    make --question $@ 2>/dev/null && exit; \
	    echo "building and installing pysrp into $(VENV)"; \
	    rm -rf build/lib* build/bdist* build/temp* && $(PIP) install ".[$(EXTRAS)]" && touch $@'

$(VENV)/test: $(VENV)/installed pyproject.toml
	@$(LOCKED) $(PIP) install --group test
	@touch $@

$(VENV)/tools: $(VENV)/test
	@$(LOCKED) $(PIP) install --group lint --group changes --group bench
	@touch $@

environment: $(VENV)/tools  ## .venv with all that the targets below use

demo: $(VENV)/installed  ## the main job, embedded, no root
	@$(VENV)/bin/pysrp demo

SETUP   = PYTHON="$(abspath $(PYTHON))" tests/setup.sh
# Twice as many as there are processors: half of their time tests wait for another process. Who has none left takes another's.
WORKERS = -n $(shell expr 2 '*' $$(nproc)) --maxprocesses 8 --dist worksteal
HOST    = $(PYTHON) -m pytest $(WORKERS) --durations=20 --durations-min=5
LAB     = $(PYTHON) -m pytest -m power -n 2 --maxschedchunk 1 -o faulthandler_timeout=1200 tests/power

setup: $(VENV)/test  ## what the tests need of this host besides Python, and the POWER lab
	@$(SETUP)

# All tests. The POWER lab is among them where its packages can be had; otherwise its tests are skipped, loudly.
test: $(VENV)/test  ## every test, here and in the POWER lab
	@$(SETUP) || true
	$(HOST)
	$(LAB)

# The tests on this host, without the lab; and those of them that are over in a minute.
host: $(VENV)/test  ## the tests of this host, without the lab
	$(HOST)

quick: $(VENV)/test  ## those that are over in a minute
	$(HOST) $(QUICK)

QUICK = tests/codec tests/test_stubs.py tests/scsi tests/fabric tests/target tests/scst -m 'not power and not slow'

# Servers and clients are killed ROUNDS times, under the integrity checker: a quarter of an hour.
ROUNDS ?= 300

soak: $(VENV)/test  ## ROUNDS=300: servers and clients are killed so often
	PYSRP_SOAK_ROUNDS=$(ROUNDS) $(PYTHON) -m pytest -n 2 -o faulthandler_timeout=3600 tests/system/test_integrity.py tests/system/test_nbd_disk.py tests/system/test_rbd_disk.py -k "killed or reservations"

# Two servers with one Ceph image take it over from each other: how long each time, and that nothing answered is lost.
TAKEOVERS ?= 50

takeovers: $(VENV)/test  ## TAKEOVERS=50: two servers take over one Ceph image
	PYSRP_SOAK_ROUNDS=$(TAKEOVERS) $(PYTHON) -m pytest -s -n 0 -o faulthandler_timeout=3600 tests/system/test_rbd_disk.py -k takes_over

# On a free-threaded CPython, which is built if need be (a quarter of an hour), with the GIL off. There is no cffi for 3.13t:
# vio: is left out there, and tests that compile C of their own are skipped.
FREE_TESTS = tests/codec tests/fabric tests/target/test_target_threads.py tests/target/test_lane_media_served.py tests/target/test_persistent_crash.py \
    tests/initiator/test_initiator_crash.py

free-threaded:  ## tests on a CPython without the GIL
	@python=$$(tools/cpython.sh free-threaded) || exit 1; PYTHON="$$python" tools/venv.sh .venv-free
	@.venv-free/bin/python -m pip --disable-pip-version-check --quiet install 'setuptools>=77' 'cython>=3.1,<4' 'pytest>=9' 'pytest-xdist>=3.5' 'hypothesis>=6.100' 'click>=8.1' 'rich>=13'
	@.venv-free/bin/python -m pip --disable-pip-version-check --quiet install 'cffi>=2' || echo 'free-threaded: no cffi for this Python: without vio:' >&2
	@$(LOCKED) sh -c 'rm -rf build/lib* build/bdist* build/temp* && .venv-free/bin/python -m pip --disable-pip-version-check --quiet install --no-build-isolation --no-deps .'
	PYTHON_GIL=0 .venv-free/bin/python -m pytest $(WORKERS) $(FREE_TESTS)

# Every execution that C11 allows of the gate, the queue and the doorbell, and what the model itself can do.
orders: $(VENV)/test  ## the orders of memory, every execution that C11 allows
	$(PYTHON) -m pytest -s -v tests/memory

# The POWER lab alone, real drivers and a real target in QEMU, and nothing of it skipped.
power: $(VENV)/test  ## the POWER lab, nothing of it skipped
	@$(SETUP)
	PYSRP_LAB_REQUIRED=1 $(LAB)

# libiscsi's suite on every kind of unit, through our own initiator and, in the POWER lab, through Debian's ibmvscsi: an hour.
conformance: setup  ## a public SCSI suite, through our initiator and ibmvscsi
	PYSRP_LAB_REQUIRED=1 $(PYTHON) -m pytest -s -n 0 -m conformance -o faulthandler_timeout=7200 tests/conformance tests/power

# What has to hold before anything lands: most of what is here, side by side.
check:  ## what has to hold before anything lands
	@.ci/run

# The rows that a change is judged by, each twice: under five minutes. With all rivals, and how far the aims are met: ten.
BENCH = $(PYTHON) -m pytest benchmarks -q --benchmark-json
BOUND ?= 1.1

bench: $(VENV)/tools  ## the rows that a change is judged by
	$(BENCH)=build/benchmarks.json --own --pairs

bench-all: $(VENV)/tools  ## the same with all rivals
	$(BENCH)=build/benchmarks-all.json

# make bench, held against the report BASE of an earlier one.
bench-compare: $(VENV)/tools  ## BASE=FILE BOUND=1.1: against an earlier report
	@test -f "$(BASE)" || { echo 'make bench-compare BASE=FILE: FILE is an earlier build/benchmarks.json' >&2; exit 2; }
	$(BENCH)=build/benchmarks-now.json --own --pairs
	$(PYTHON) benchmarks/compare.py --bound $(BOUND) "$(BASE)" build/benchmarks-now.json

# Every row once, side by side. What they say is not looked at; that they run is.
bench-smoke: $(VENV)/tools  ## every row once
	$(PYTHON) -m pytest benchmarks --benchmark-disable -q -n 2

# What the tests carry out of the Python, the Cython and the headers: build/coverage/report.txt and html/. All tests
# are held against the floors of tests/coverage.toml, which were measured on the newest Python; TESTS="some" are not.
# The tenth round of what is killed again and again reaches no line that the third has not.
COVERAGE = .venv-coverage/bin/python
TESTS ?= tests
# These take long and reach no line that is counted: artifacts are built of a second tree, models of memory and rows of
# benchmarks run in processes of their own.
UNCOUNTED = tests/test_artifacts.py tests/test_benchmarks.py tests/memory

coverage:  ## TESTS=tests: lines and branches, against the floors
	@python='$(or $(BASE_PYTHON),$(shell python3 tools/checks.py --newest))'; \
	    [ "$$($(COVERAGE) -V 2>/dev/null)" = "$$("$$python" -V)" ] || rm -rf .venv-coverage; \
	    PYTHON="$$python" tools/venv.sh .venv-coverage
	@$(LOCKED) sh -c 'rm -rf build/coverage && mkdir -p build/coverage/data && PYSRP_COVERAGE=1 \
	    $(COVERAGE) -m pip --disable-pip-version-check --quiet install ".[$(EXTRAS)]" --group coverage --group test'
	@find build/coverage -name '*.gcda' -delete
	PYSRP_SOAK_ROUNDS=3 $(COVERAGE) -m coverage run --rcfile=tests/coverage.toml -m pytest $(WORKERS) $(if $(filter-out tests,$(TESTS)),,$(addprefix --ignore=,$(UNCOUNTED))) $(TESTS)
	$(COVERAGE) tools/covered.py $(if $(filter-out tests,$(TESTS)),report,check)

# Instructions of hot paths under valgrind: 3 % more or fewer than benchmarks/counts.json is a change to look at.
counts: $(VENV)/test  ## instructions of hot paths, against counts.json
	$(PYTHON) benchmarks/counts.py check

counts-accept: $(VENV)/test  ## REASON="why": what they are now is right
	$(PYTHON) benchmarks/counts.py accept --reason "$(REASON)"

lint: $(VENV)/tools  ## ruff, cython-lint, codespell, the files in changes/
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	PATH="$(abspath $(VENV))/bin:$$PATH" cython-lint src/_fast
	$(VENV)/bin/codespell
	$(VENV)/bin/towncrier build --draft --version next >build/changes.md 2>build/changes.log || \
	    { cat build/changes.log; echo 'changes/SLUG.TYPE.md: TYPE is added, changed, fixed or removed'; exit 1; }
	@echo "lint: nothing to say"

# mypy --strict of the sources, of who uses them by the stubs, and of what they promise; the stubs against the tables and
# the modules; what the installed package tells a user's checker.
STUBBED = pysrp._fast pysrp.srp pysrp.mad pysrp.crq pysrp.scsi pysrp.wireshark.captured

types: $(VENV)/tools  ## mypy, the stubs, the public types
	$(PYTHON) tools/stubs.py
	$(PYTHON) tools/stubs.py --sources build/sources
	MYPYPATH=build/sources $(VENV)/bin/mypy
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --warn-unused-ignores tests/codec/typed_use.py
	cd build && ../$(VENV)/bin/stubtest $(STUBBED) --mypy-config-file ../pyproject.toml --allowlist ../tools/stubtest.allow --ignore-unused-allowlist --ignore-disjoint-bases
	$(PYTHON) tools/public_types.py

# The documentation as a site, build/docs/index.html; whatever it warns of is an error.
$(VENV)/docs: $(VENV)/installed pyproject.toml
	@$(PIP) install --group docs
	@touch $@

docs: $(VENV)/docs  ## the site, build/docs/index.html
	$(PYTHON) -m sphinx -W --keep-going -q docs build/docs
	@echo "docs: build/docs/index.html"

# What the next version will say in CHANGELOG.md, from the files in changes/.
changes: $(VENV)/tools  ## what the next version will say in CHANGELOG.md
	@$(VENV)/bin/towncrier build --draft --version next

# The version, CHANGELOG.md, a commit, a tag, sdist and wheel: make release VERSION=0.2.0
release: $(VENV)/tools  ## VERSION=0.2.0: changelog, commit, tag, sdist
	@$(PYTHON) tools/release.py "$(VERSION)"

# The sdist and a wheel of each Python here, audited, installed and tested, in dist/: PYTHONS="3.11 3.13" for some,
# MUSL=1 for musllinux as well. Ten minutes for four Pythons. ARCHS="aarch64 ppc64le s390x": of 3.11 for these processors
# instead, tested under QEMU.
wheels:  ## PYTHONS="3.11 3.13" MUSL=1, or ARCHS=aarch64: sdist and wheels, tested
	@PYTHON="$(BASE_PYTHON)" tools/venv.sh .venv-wheels
	@.venv-wheels/bin/python -m pip --disable-pip-version-check --quiet install --group wheels
	.venv-wheels/bin/python $(if $(ARCHS),tools/foreign.py,tools/wheels.py) $(if $(MUSL),--musl) $(or $(ARCHS),$(PYTHONS))

# The Debian packages, built in a clean Debian, judged by lintian, installed in another and used there: dist/debian/.
SUITE ?= sid

deb:  ## SUITE=sid: the Debian packages
	tools/deb.sh $(SUITE)

# What both engines answer to some three thousand sequences, and how many of their lines these reach.
corpus: $(VENV)/tools  ## what both engines answer to thousands of sequences
	$(PYTHON) tests/corpus/corpus.py coverage

# A sample of N changes of the engines, units, data path and codecs: do the tests notice?
N ?= 100
SEED ?= 0
mutants: $(VENV)/test  ## N=100 SEED=1: do the tests notice changes?
	$(PYTHON) tools/mutants.py --number $(N) --seed $(SEED)

# Bounds checks and line tracing in every Cython module, then the test suite on that build.
debug:  ## the tests with bounds checks in every Cython module
	@tools/venv.sh .venv-debug
	@rm -rf build/lib* build/temp* build/cython
	@PYSRP_DEBUG=1 .venv-debug/bin/python -m pip --disable-pip-version-check --quiet install '.[$(EXTRAS)]' --group test
	@rm -rf build/lib* build/temp* build/cython
	.venv-debug/bin/python -m pytest

# ASan and UBSan in every C file, then the test suite on that build.
.venv-asan/installed: $(sources)
	@PYTHON="$(BASE_PYTHON)" tools/venv.sh .venv-asan
	@$(LOCKED) sh -c 'rm -rf build/lib* build/temp* && PYSRP_SANITIZE=1 $(ASAN_PIP) install ".[$(EXTRAS)]" --group test --group fuzz; \
	    status=$$?; rm -rf build/lib* build/temp*; exit $$status'
	@touch $@

ASAN_PIP = .venv-asan/bin/python -m pip --disable-pip-version-check --quiet

sanitize: .venv-asan/installed  ## the tests under ASan and UBSan
	tools/sanitized.sh .venv-asan/bin/python -m pytest

# Each parser for SECONDS_PER_PARSER under ASan and UBSan.
fuzz: .venv-asan/installed  ## SECONDS_PER_PARSER=20: every parser, likewise
	tools/sanitized.sh .venv-asan/bin/python fuzz/run.py --seconds $(SECONDS_PER_PARSER)

clean:  ## without build/, dist/, the environments
	rm -rf build dist .venv .venv-* src/*.egg-info
