# Everything a person or CI does here, by name. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo test faults test-all check fix lint types layers hunt bench golden samples reference docs wheel lock clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv and install everything; the command is then .venv/bin/importer

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name it with: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## Check, plan and apply the community sample against the sandbox
	$(BIN)/importer demo

test: setup ## Run the tests, without the long searches for faults
	$(BIN)/pytest -n auto -m "not faults" $(ARGS)

faults: setup ## Search for faults: kills, full disks, planted bugs, people in any order
	$(BIN)/pytest -n auto -m faults $(ARGS)

test-all: test faults ## Run all tests that CI runs

check: lint types layers test ## Style, types, layers and the quick tests

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

fix: setup ## Format and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hunt: setup ## The same searches for a night (ARGS narrows them)
	$(BIN)/pytest -m hunt $(ARGS)

bench: setup ## Measure, as ratios in one run (ARGS picks a part)
	$(BIN)/python -m benchmarks $(ARGS)

golden: setup ## Rewrite the golden files; read the diff before keeping it
	$(BIN)/pytest -q tests/golden --update-golden $(ARGS) || true
	git diff --stat -- tests/golden

samples: setup ## Make the sample rosters again
	$(BIN)/python samples/make_samples.py

reference: setup ## Write the reference pages from the code
	$(BIN)/python -m docs.tools.reference

wheel: setup ## Build the wheel, and try it in a new environment and an empty folder
	rm -rf dist build/wheel build/empty
	$(BIN)/python -m hatchling build -t wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	mkdir build/empty
	cd build/empty && ../wheel/bin/importer demo
	cd build/empty && ../wheel/bin/importer mapping ready community --sample
	cd build/empty && ../wheel/bin/importer mapping new community-patrons.xlsx -o mine.yaml

docs: setup ## Build the guide into site/
	$(BIN)/zensical build --clean --strict

lock: ## Resolve the libraries again (needs uv)
	uv pip compile pyproject.toml --extra sftp --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock

clean: ## Remove what was built
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
