# `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 7700
# A log of one's own, or the real one where it lies beside the project; without either the demo brings its own.
CHAT ?= $(firstword $(wildcard ../shared/data/ubuntu-irc))
VENV := .venv
BIN := $(VENV)/bin
CODEGEN := .venv-codegen
# Code that is compiled once starts, and runs the tests, sooner.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up test mutation fault soak demo check bench bench-full protos image audit sbom lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.runtime ## Make .venv with what the suite runs on

setup-dev: $(VENV)/.dev

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml sdk/pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./sdk -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

$(CODEGEN)/.ready: requirements/codegen.lock
	@test -x $(CODEGEN)/bin/python || $(PYTHON) -m venv $(CODEGEN)
	$(CODEGEN)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/codegen.lock
	@touch $@

up: setup ## Start the suite on 127.0.0.1:7700 (PORT=, DATA=)
	@$(BIN)/ombud up --port $(PORT) $(if $(DATA),--data $(DATA))

demo: setup ## Play the whole story on a chat log and prove what happened (CHAT=, DATA=)
	@$(BIN)/ombud demo $(if $(CHAT),--chat $(CHAT)) $(if $(DATA),--data $(DATA))

test: setup-dev ## Run every test, PostgreSQL included
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

mutation: setup-dev ## Take every guard of due process away in turn, and see the attack on it succeed
	$(BIN)/python -m pytest tests/mutation -o 'python_files=test_*.py through_api.py'

fault: setup-dev ## Kill, hang and cut off processes, step their clocks, fill their disks; 100,000 odd requests (FUZZ=)
	$(BIN)/python -m pytest tests/fault --all-faults --stop-seconds 10
	$(BIN)/python -m pytest tests/contract/test_fuzz.py --fuzz $(or $(FUZZ),40)

soak: setup-dev ## Let each of the log's writes fail, kill it 1,000 times under load, flip its every byte (KILLS=)
	$(BIN)/python -m pytest tests/fault/test_writer.py tests/fault/test_database.py --all-faults
	$(BIN)/python -m pytest tests/integration/retention/test_kill.py --kills $(or $(KILLS),1000)
	$(BIN)/python -m pytest tests/integration/retention/test_fsck.py --flips 1000000

check: setup-dev $(CODEGEN)/.ready ## Lint, types, import rules, contract rules, generated code in step
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(CODEGEN)/bin/python tools/check_protos.py $(BIN)/buf

bench: setup-dev ## Print one JSON object a benchmark (CHAT=)
	@$(BIN)/python -m bench $(if $(CHAT),--chat $(CHAT))

bench-full: setup-dev ## The benchmarks that take longer, too
	@$(BIN)/python -m bench --full $(if $(CHAT),--chat $(CHAT))

protos: $(CODEGEN)/.ready ## Generate the SDK's code and docs/access.md from protos/
	$(CODEGEN)/bin/python tools/gen_protos.py
	$(CODEGEN)/bin/python tools/gen_access.py

image: setup-dev ## Do what the Containerfile says without an engine, and run what comes of it (needs Linux, root, the network)
	$(BIN)/python -m pytest tests/deploy/test_image_runs.py --all-faults

audit: setup-dev ## Ask the index for known weaknesses of what the image holds (needs the network)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements/image.lock --progress-spinner off

sbom: setup-dev ## Write the image's bill of materials, CycloneDX, to build/sbom.cdx.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements/image.lock --pyproject pyproject.toml --output-reproducible -o build/sbom.cdx.json

lock: ## Pin the dependencies anew (needs uv)
	cd requirements && pin="uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11" && \
	  $$pin runtime.in -o runtime.lock && $$pin codegen.in -o codegen.lock && \
	  $$pin -c runtime.lock image.in -o image.lock && $$pin -c runtime.lock dev.in -o dev.lock

clean: ## Remove the environments and caches
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf $(VENV) $(CODEGEN) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
