# Two commands: `make demo` and `make test`. Everything they need is set up in .venv first, once.
# Python >= 3.11 with venv and pip, and make, are all that must be there before.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
ARGS ?=

# Where Python may not keep what it compiled, every command of ours starts by compiling all of us anew: half a second.
unexport PYTHONDONTWRITEBYTECODE

# Debian's newest Python is not always its `python3`.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

.PHONY: help
help: ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# --- set-up: again only when what is to be installed has changed -----------------------------------------------------

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: apt-get install python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setting up $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || \
		{ echo "pip is missing: apt-get install python3-pip" >&2; exit 1; }
	@touch $@

# The lock is the truth: its versions and hashes, exported once for pip, so that no other tool is needed.
$(VENV)/.run: $(VENV)/.python requirements.txt pyproject.toml
	@echo "installing what a node needs …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/python -m compileall -q schemas federation service
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Chromium and a Chinese font, where this user may install packages; elsewhere those tests are skipped by name.
$(VENV)/.chromium: | $(VENV)/.python
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Chromium and a Chinese font …"; \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y --no-install-recommends chromium fonts-noto-cjk; } >$(VENV)/chromium.log 2>&1 || \
			echo "Chromium could not be installed (see $(VENV)/chromium.log)"; \
	fi
	@command -v chromium >/dev/null || \
		echo "without Chromium the browser tests are skipped: apt-get install chromium fonts-noto-cjk"
	@! command -v chromium >/dev/null || touch $@

.PHONY: setup setup-dev
setup: $(VENV)/.run ## install what a node needs
setup-dev: $(VENV)/.dev $(VENV)/.chromium ## install what the tests need, too

# --- the two commands -----------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.run ## two paired nodes with invented people (ARGS=--once plays the story and ends)
	@exec $(BIN)/tonglu demo $(ARGS)

.PHONY: test
test: setup-dev ## all tests (ARGS goes to pytest)
	@$(PYTEST) -n 3 $(ARGS)

# --- and what one needs now and then --------------------------------------------------------------------------------

.PHONY: test-long
test-long: setup-dev ## the tests at their full sizes
	@$(PYTEST) -m "long or not long" $(ARGS)

.PHONY: chaos
chaos: setup-dev ## three nodes under SIGKILL, resets and a partition (CHAOS_MESSAGES=5000, CHAOS_SEED=1, …)
	@$(PYTEST) -m long -s tests/chaos/test_chaos.py $(ARGS)

.PHONY: bench
bench: setup-dev ## the benchmarks: bench/results.json and docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## formatting, lints, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## put the code into form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: migration
migration: $(VENV)/.dev ## draft the next revision of the database (M="what changes")
	@$(BIN)/python -m service.migrations.draft "$(M)"

.PHONY: docs
docs: $(VENV)/.dev ## write the parts of docs/reference that are made from the code
	@$(BIN)/python -m tests.docs.reference

.PHONY: pictures
pictures: setup-dev ## take the pictures in docs/images anew, of the pages as their tests use them
	@TONGLU_TEST_PICTURES=1 $(PYTEST) tests/acceptance -m browser $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev ## lock the versions anew, after a change in pyproject.toml
	@$(BIN)/uv lock
	@$(MAKE) --no-print-directory requirements

.PHONY: requirements
requirements:
	@$(BIN)/uv export --quiet --no-emit-project --no-header --no-annotate --output-file requirements.txt
	@$(BIN)/uv export --quiet --no-emit-project --no-header --no-annotate --extra dev --output-file requirements-dev.txt
