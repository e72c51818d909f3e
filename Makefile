# Every target brings up what it needs; a second run finds the stamps and does nothing.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
UV_VERSION := 0.13.9
WORKERS := 2

# ape-vyper looks for the compiler on PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
# Without bytecode files ape takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

VENV_STAMP := $(VENV)/.stamp-venv-$(UV_VERSION)
LOCK_STAMP := $(VENV)/.stamp-lock
PY_STAMP := $(VENV)/.stamp-py
NPM_STAMP := node_modules/.stamp-npm
COMPILED_STAMP := .build/.stamp-compiled
NODE := $(shell command -v npm)

SOURCES = $(shell find contracts -name '*.vy' -o -name '*.vyi')
# natrix compiles what it reads, and a module that uses another one compiles only inside a root
ROOTS = $(wildcard contracts/*.vy contracts/testing/*.vy)
ALONE = $(ROOTS) $(shell grep -L '^uses: ' $(wildcard contracts/modules/*.vy) /dev/null)
# mamushi 0.1.2 cannot read an `initializes` over several lines, not even as it writes it itself
UNREADABLE = contracts/MarginEngine.vy contracts/MarginEngineExt.vy contracts/MarginEngineSettlement.vy contracts/MarginEngineLiquidation.vy contracts/MarginEngineAdmin.vy contracts/RiskModel.vy

.PHONY: help setup demo demo-anvil test test-slow lint lint-contracts format gas gas-update lock suite clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(COMPILED_STAMP) $(if $(NODE),$(NPM_STAMP)) ## make the environment, compile; with node there, the nodes too

$(VENV_STAMP):
	for python in python3 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	    $$python -m venv $(VENV); break; \
	  fi; \
	done
	test -x $(VENV)/bin/python || { echo "plimsoll needs Python 3.11 or 3.12"; exit 1; }
	$(VENV)/bin/python -m pip install --quiet uv==$(UV_VERSION)
	touch $@

$(LOCK_STAMP): $(VENV_STAMP) requirements.lock
	$(VENV)/bin/uv pip sync --quiet --python $(VENV)/bin/python requirements.lock
	touch $@

$(PY_STAMP): $(LOCK_STAMP) pyproject.toml
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-deps -e .
	touch $@

$(NPM_STAMP): package-lock.json .npmrc
	command -v npm >/dev/null || { echo "this target needs node and npm (Node 20 or later)"; exit 1; }
	npm ci --no-fund --no-audit --loglevel=error
	touch $@

# what is missing here is compiled when it is needed, one contract after the other
$(COMPILED_STAMP): $(PY_STAMP) $(SOURCES)
	$(VENV)/bin/plimsoll compile
	touch $@

demo: $(COMPILED_STAMP) ## the story in a minute, on the embedded chain
	$(VENV)/bin/plimsoll demo

demo-anvil: $(COMPILED_STAMP) $(NPM_STAMP) ## the same story on Anvil
	$(VENV)/bin/plimsoll demo --network anvil

test: lint gas suite ## what has to pass before a commit

suite: setup
	$(VENV)/bin/pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-slow: setup ## the long campaigns
	$(VENV)/bin/pytest -m slow

lint: lint-contracts ## style, types, and the Vyper linter and formatter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

lint-contracts: $(PY_STAMP)
	printf '%s\n' $(filter-out /dev/null,$(ALONE)) | xargs -n 2 -P $(WORKERS) $(VENV)/bin/natrix lint -p contracts --
	$(VENV)/bin/mamushi --check --line-length 100 $(filter-out $(UNREADABLE),$(SOURCES))

format: $(PY_STAMP) ## bring Python and Vyper into form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/mamushi --line-length 100 $(filter-out $(UNREADABLE),$(SOURCES))

gas: $(COMPILED_STAMP) $(NPM_STAMP) ## compare gas and sizes with docs/gas.md
	$(VENV)/bin/plimsoll gas --check docs/gas.md

gas-update: $(COMPILED_STAMP) $(NPM_STAMP) ## measure again and write docs/gas.md
	$(VENV)/bin/plimsoll gas --write docs/gas.md

lock: $(VENV_STAMP) ## resolve pyproject.toml anew into requirements.lock
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --output-file requirements.lock >/dev/null

clean: ## drop what was built, keep the environments
	rm -rf .build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
