# Everything a person or CI does here, by name. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup dev demo sandbox test faults test-all check fix lint types layers size hunt bench golden pictures samples reference docs wheel sbom platforms windows release-check release release-page lock clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN    := $(VENV)/.run
DEV    := $(VENV)/.dev
NODE   := build/node
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK   := pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url
ARGS   ?=
TAGGED  = v$(shell sed -n 's/^RELEASE = "\(.*\)"/\1/p' release/version.py)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(RUN) ## Make .venv and install what running needs; the command is then .venv/bin/importer

$(RUN): requirements-run.lock pyproject.toml release/version.py
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name it with: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	@echo "Installing $$(grep -c '==' requirements-run.lock) libraries into $(VENV). This takes about a minute."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements-run.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(RUN)

dev: $(DEV) ## Install the tools for tests, style and docs as well; the targets below do it

$(DEV): $(RUN) requirements.lock
	@echo "Installing the tools for development."
	@$(PIP) --require-hashes -r requirements.lock
	@touch $(DEV)

demo: setup ## Plan and apply a sample roster against a practice Alma
	$(BIN)/importer demo

sandbox: setup ## Run a practice Alma until Ctrl-C
	$(BIN)/importer sandbox

test: dev ## Run the tests, without the long searches for faults
	$(BIN)/pytest -n auto -m "not faults" $(ARGS)

faults: dev ## Search for faults: kills, full disks, planted bugs, any order, every page
	$(BIN)/pytest -n auto -m faults $(ARGS)

test-all: test faults ## Run all tests that CI runs

check: lint types layers size test ## Style, types, layers, sizes and the quick tests

lint: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: dev $(NODE)/.done
	$(BIN)/mypy
	$(NODE)/bin/node $(NODE)/node_modules/typescript/bin/tsc -p .ci/node

$(NODE)/.done: requirements-scripts.lock .ci/node/package.json .ci/node/package-lock.json
	@echo "Installing Node.js and TypeScript into $(NODE), for the types of the page's scripts."
	@$(PYTHON) -m venv $(NODE)
	@$(NODE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@cp .ci/node/package.json .ci/node/package-lock.json $(NODE)
	@cd $(NODE) && bin/npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

layers: dev
	$(BIN)/lint-imports

size: dev ## Compare the sizes with their ceilings, which only sink (ARGS=--lower lowers them)
	$(BIN)/python -m release.size $(ARGS)

fix: dev ## Format and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hunt: dev ## The same searches for a night (ARGS narrows them)
	$(BIN)/pytest -m hunt $(ARGS)

bench: dev ## Measure, as ratios in one run (ARGS picks a part)
	$(BIN)/python -m benchmarks $(ARGS)

golden: dev ## Rewrite the golden files; read the diff before keeping it
	$(BIN)/pytest -q tests/golden --update-golden $(ARGS) || true
	git diff --stat -- tests/golden

pictures: dev ## Make the guide's pictures of the local page, and the moving one; build/pictures gets every state
	mkdir -p build/pictures
	$(BIN)/pytest -q -n 0 tests/web/test_looks.py --pictures build/pictures $(ARGS)
	$(BIN)/python -m docs.tools.movie

samples: dev ## Make the sample rosters again
	$(BIN)/python samples/make_samples.py

reference: dev ## Write the reference pages from the code
	$(BIN)/python -m docs.tools.reference

wheel: dev ## Build the wheel and the source archive, and try the wheel in a new environment and empty folders
	rm -rf dist build/wheel
	$(BIN)/python -m hatchling build
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet --require-hashes -r requirements-run.lock
	build/wheel/bin/python -m pip install --quiet --no-deps dist/*.whl
	IMPORTER=$(CURDIR)/build/wheel/bin/importer $(BIN)/pytest -q -n 0 tests/packaging

sbom: build/release/.done ## Write build/sbom.cdx.json: the locked libraries of every system, with licenses
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) build/release/bin/python -W ignore::UserWarning -m cyclonedx_py requirements requirements-run.lock --pyproject pyproject.toml --output-reproducible -o build/sbom.cdx.json
	@$(PYTHON) -m release.sbom build/sbom.cdx.json
	@echo "The list is in build/sbom.cdx.json."

build/release/.done: requirements-release.lock
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

platforms: build/release/.done ## See that every locked library has a wheel for Windows and macOS
	@set -e; for system in x86_64-pc-windows-msvc aarch64-apple-darwin; do for python in 3.11 3.12 3.13 3.14; do \
	  echo "$$system, Python $$python:"; \
	  build/release/bin/uv pip install --quiet --dry-run --no-deps --only-binary :all: --require-hashes --target build/none \
	    --python-platform $$system --python-version $$python -r requirements-run.lock; done; done

windows: wheel build/release/.done ## One zip with its own Python: make windows PYTHON_ZIP=python-3.13.1-embed-amd64.zip SHA256=…
	$(BIN)/python -m release.windows "$(PYTHON_ZIP)" "$(SHA256)" dist/*.whl build/release/bin/uv

release-check: dev ## See that changelog, version and tag agree (TAG=v1.2.3)
	$(BIN)/python -m release.checks "$$TAG"

release: release-check ## Make the tag of this version, here
	git tag -a $(TAGGED) -m "Release"

release-page: ## Publish the page of this release, with dist/ and the list of components (gh, signed in)
	$(PYTHON) -m release.checks notes > build/notes.md
	gh release create $(TAGGED) --verify-tag --title $(TAGGED) --notes-file build/notes.md dist/* build/sbom.cdx.json

docs: dev ## Build the guide into site/
	$(BIN)/zensical build --clean --strict

lock: build/release/.done ## Resolve the libraries again
	build/release/bin/uv pip compile $(LOCK) --extra sftp --group dev -o requirements.lock
	build/release/bin/uv pip compile $(LOCK) --extra sftp --group build -c requirements.lock -o requirements-run.lock
	build/release/bin/uv pip compile --group pyproject.toml:release $(wordlist 2,99,$(LOCK)) -o requirements-release.lock
	build/release/bin/uv pip compile --group pyproject.toml:scripts $(wordlist 2,99,$(LOCK)) -o requirements-scripts.lock

clean: ## Remove what was built
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
