# Every target does its own set-up: a virtual environment in .venv with exactly the versions of the
# lock files, and warmboot itself installed there (not editable: tests see what users get).

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pip -qq --disable-pip-version-check
# Wheels only: what is installed runs no code of its own before its hash was looked at. The lock files
# are complete, and Debian 12's pip 23.0 takes no pin for a requirement with extras (name[extra]).
WHEELS := --require-hashes --only-binary=:all: --no-deps
# Folders too: their times change when a file goes, and what is gone must not stay installed.
SOURCES := $(shell find core tui themes ansible \( -name __pycache__ -o -name '.*' \) -prune -o -print) \
	pyproject.toml README.md LICENSE $(wildcard man/* install/completions/*)
SANDBOX := .cache/sandbox

# What is tested: a folder or a file below tests/.
T ?= tests

.PHONY: help coverage dist deb collection sdist rescue rescue-deb release run test test-deps lint bench e2e e2e-all fuzz pictures prebuilt manual lock clean
.DEFAULT_GOAL := help

help:
	@echo 'To begin with:'
	@echo '  make run        open warmboot on a simulated machine; nothing real can break'
	@echo '  make test       lint, check types, run all tests'
	@echo '  make test T=tests/boot   the same with one part of the tests (a folder or a file)'
	@echo
	@echo 'Further:'
	@echo '  make coverage   run all tests and measure what of the program they reach: 90 % or more'
	@echo '  make lint       lint and check types only'
	@echo '  make test-deps  install the Debian packages that some tests run (as root)'
	@echo '  make e2e        boot real kernels in QEMU and restart them into one another'
	@echo '  make e2e-all    the same and the slow ones; their results are kept in tests/e2e/PROVEN.md'
	@echo '  make bench      measure warmboot against gzip, zstd, kexec-tools and bootctl; fails where a bound is missed'
	@echo '  make fuzz       look for inputs that break a parser or cost too much, for FUZZ_SECONDS=60'
	@echo '  make pictures   draw every screen in three sizes and themes; UPDATE=1 keeps them for the tests'
	@echo '  make prebuilt   rebuild the BPF parsers that come with warmboot'
	@echo '  make manual     write the parts of the manual that are made from the source'
	@echo '  make deb        a Debian package; dist (wheel), sdist, collection (Ansible)'
	@echo '  make rescue     the program without Python: a folder and one file; rescue-deb for initramfs'
	@echo '  make release    check version, changelog and tag, then build all of these'
	@echo '  make lock       update the lock files to the newest versions'
	@echo '  make clean      remove everything that these targets made in this folder'
	@echo
	@echo 'Each target first sets up what it needs: Python packages in $(VENV), at the versions of'
	@echo 'the lock files. test, bench and prebuilt also install Debian packages where they run as'
	@echo 'root, and say which; e2e fetches kernels. CONTRIBUTING.md tells how the code is laid out.'

run: $(VENV)/installed
	@$(BIN)/warmboot sandbox $(SANDBOX) >/dev/null
	@$(BIN)/warmboot --root $(SANDBOX)

test: lint test-deps
	@$(BIN)/pytest -n 3 --dist worksteal $(T)

# By itself: measuring takes half as long again.
coverage: $(VENV)/installed $(VENV)/dev test-deps
	@$(BIN)/pytest -n 2 --cov --cov-report=term:skip-covered tests

test-deps:
	@tests/tools.sh

lint: $(VENV)/installed $(VENV)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@cd tests && MYPYPATH= ../$(BIN)/mypy --config-file ../pyproject.toml \
		-p warmboot.core -p warmboot.tui -p warmboot.themes
	@$(BIN)/mypy --config-file pyproject.toml tests

bench: $(VENV)/installed $(VENV)/dev
	@tests/tools.sh bench
	@tests/e2e/setup.sh
	@$(BIN)/python tests/bench/measure.py; missed=$$?; $(BIN)/python tests/bench/load.py && exit $$missed

e2e: $(VENV)/installed $(VENV)/dev
	@tests/e2e/setup.sh
	@WARMBOOT_E2E=1 $(BIN)/pytest -n 2 -q -rA -m 'not slow_guest' tests/e2e

e2e-all: $(VENV)/installed $(VENV)/dev
	@tests/e2e/setup.sh all
	@WARMBOOT_E2E=1 $(BIN)/pytest -n 2 -q -rA tests/e2e

FUZZ_SECONDS ?= 60
fuzz: $(VENV)/installed $(VENV)/dev
	@$(BIN)/python tests/fuzz/target.py -max_total_time=$(FUZZ_SECONDS) $(FUZZ_OPTIONS)

# Looked at on one sheet; UPDATE=1 keeps what is drawn as what the tests compare with, and for the
# manual. SCREENS="plan help" draws only some.
pictures: $(VENV)/installed $(VENV)/dev
	@tests/tools.sh pictures
	@$(BIN)/python tests/pictures/draw.py $(if $(UPDATE),--keep) $(SCREENS)

prebuilt: $(VENV)/installed
	@tests/tools.sh
	@$(BIN)/python -m warmboot.core.bpf.prebuild core/bpf/prebuilt

manual: $(VENV)/installed $(VENV)/dev
	@$(BIN)/python -m warmboot.tui.manual man
	@$(BIN)/python install/completions.py install/completions

lock: $(VENV)/python
	@$(PIP) install pip-tools
	@$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-header --upgrade -o requirements.lock \
		--extra build pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-header --upgrade -c requirements.lock \
		--extra dev --extra rescue -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .cache .coverage build *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(VENV)/python:
	@[ -n '$(PYTHON)' ] || { echo 'warmboot needs Python 3.11 or later (apt-get install python3)'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'Python has no venv here. What is missing: apt-get install python3-venv'; \
		[ "$$(id -u)" = 0 ] && apt-get -qq update \
		&& apt-get -qq install -y python3-venv >/dev/null; } || exit 1
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/deps: requirements.lock | $(VENV)/python
	@echo 'installing what warmboot needs into $(VENV) (requirements.lock)'
	@$(PIP) install $(WHEELS) -r requirements.lock
	@touch $@

# The order only keeps two pips from working in one environment at a time under make -j.
$(VENV)/dev: requirements-dev.lock $(VENV)/deps | $(VENV)/installed
	@echo 'installing what its tests need into $(VENV) (requirements-dev.lock)'
	@$(PIP) install $(WHEELS) -r requirements-dev.lock
	@touch $@

$(VENV)/installed: $(SOURCES) $(VENV)/deps
	@rm -rf build *.egg-info
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@sed -i '1s|^#!.*/python[0-9.]*$$|& -I|' $(BIN)/warmboot
	@rm -rf build *.egg-info
	@touch $@

# The wheel as it is installed everywhere; see install/.
dist: $(VENV)/installed
	@rm -rf build *.egg-info dist/*.whl && mkdir -p dist
	@$(PIP) wheel --no-deps --no-build-isolation -w dist . && rm -rf build *.egg-info

collection: $(VENV)/installed $(VENV)/dev
	@$(BIN)/ansible-galaxy collection build --force --output-path dist ansible

# The source archive: all that is needed to build, and to run the tests.
sdist: $(VENV)/installed
	@mkdir -p dist && $(BIN)/python install/release.py sdist

# The whole program for a machine without Python: a folder with hooks for initramfs-tools and
# dracut, and a single file.
rescue: $(VENV)/installed $(VENV)/dev
	@$(BIN)/python install/rescue/build.py dist

# warmboot for every architecture, and, from the rescue build, the package that puts it into the
# initramfs of this one.
deb: dist
	@$(BIN)/python install/deb.py dist/warmboot-*.whl dist

rescue-deb: rescue
	@$(BIN)/python install/rescue/package.py dist

# Everything that a release has, into dist/; says first what is not as it must be.
release: $(VENV)/installed $(VENV)/dev
	@$(BIN)/python install/release.py check
	@rm -rf dist
	@for part in sdist dist deb collection rescue-deb; do $(MAKE) --no-print-directory $$part || exit 1; done
	@$(BIN)/python install/release.py sums
