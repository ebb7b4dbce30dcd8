# Everything a developer or a stranger starts. `make help` lists it.
# A target does its own set-up: needed are only make and Python >= 3.11.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
# The first interpreter that is new enough; empty when there is none.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

BIN := $(VENV)/bin
RUN_READY := $(VENV)/.ready-to-run
TEST_READY := $(VENV)/.ready-to-test
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV := uv>=0.13,<0.14

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/%/NAME/; s/:.*## /\t/' | expand -t 14

# --- set-up ---------------------------------------------------------------------------------------------------------

$(BIN)/python:
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Tuila needs Python 3.11 or newer; found: $$("$(or $(PYTHON),python3)" --version 2>&1 || true)."; \
		echo "Install it, or name one: make PYTHON=<path of a newer python3> ..."; exit 1; fi >&2
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "==> This Python has no venv module: installing Debian's python3-venv with apt-get"; \
			apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
		else echo "This Python has no venv module. On Debian: apt-get install python3-venv" >&2; exit 1; fi; fi
	@echo "==> Making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv $(VENV)

$(RUN_READY): requirements.lock pyproject.toml | $(BIN)/python
	@echo "==> Installing the locked dependencies (requirements.lock)"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_READY): requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "==> Installing the locked dependencies and test tools (requirements-dev.lock)"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN_READY)

.PHONY: browser
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "==> No Chromium here: installing Debian's chromium with apt-get, for the browser tests"; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
	else echo "==> No Chromium here, and no right to install it: the browser tests will be skipped"; fi

# --- running --------------------------------------------------------------------------------------------------------

.PHONY: run
run: $(RUN_READY) ## start the demo: migrates, loads, serves, prints its links
	@echo "==> Starting the demo: migrates the database, loads demo subscribers, starts the gateway and the stand-ins"
	@exec $(BIN)/tuila demo

bench-%: $(TEST_READY) ## run the benchmark NAME (bench/NAME.py)
	@exec $(BIN)/python -m bench.$*

# --- checking -------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(TEST_READY) browser lint docs-test ## every check: style, types, imports, documented commands, tests
	@echo "==> pytest"
	@$(BIN)/pytest -n 2

.PHONY: lint
lint: $(TEST_READY) ## style, types and import directions
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; run: make format"; $(BIN)/ruff format --check .; }
	@echo "==> mypy"
	@$(BIN)/mypy
	@echo "==> import-linter"
	@$(BIN)/lint-imports --no-logo

.PHONY: docs-test
docs-test: $(TEST_READY) ## run the commands shown in README.md and docs/
	@echo "==> documented commands"
	@$(BIN)/python docs/run_examples.py

.PHONY: format
format: $(TEST_READY) ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

# --- keeping --------------------------------------------------------------------------------------------------------

# Versions already locked are kept; UPGRADE=1 takes the newest that pyproject.toml allows.
.PHONY: lock
lock: | $(BIN)/python ## write the lock files anew from pyproject.toml
	@$(PIP) install --quiet '$(UV)'
	@compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) --extra build "$$@" pyproject.toml; }; \
	compile --output-file requirements.lock; \
	compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock

.PHONY: clean
clean: ## remove the environment and everything checks left behind
	@rm -rf $(VENV) build *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
