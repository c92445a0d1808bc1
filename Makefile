# Thin verbs only; the work is in the package. Everything is built into .venv and build/.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test test-unit test-long wheel image e2e lint format crds charts charts-test kind-image lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## virtual environment with everything, from the hash-locked requirements

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "policloud needs Python 3.11 or newer, this is %d.%d; name another: make setup PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## one hub and eight micro-clouds on this machine, six checked scenes (KEEP=1, SITES=3)
	@exec $(BIN)/policloud local demo --dir build/demo $(if $(SITES),--sites $(SITES)) $(if $(KEEP),--keep)

test: setup ## every test but the long ones
	$(BIN)/pytest -m "not long" $(ARGS)

test-unit: setup ## seconds: no API server
	$(BIN)/pytest tests/unit tests/property tests/architecture $(ARGS)

test-long: setup ## the rest
	$(BIN)/pytest -m long $(ARGS)

lint: setup ## style, types, import contracts, file sizes, drift of generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	$(BIN)/pytest -q tests/architecture

format: setup ## let ruff fix what it can
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

crds: setup ## regenerate crds/ and docs/reference/api/ from the Pydantic models
	$(BIN)/python -m policloud.crdgen crds --docs docs/reference/api

charts: setup ## regenerate the generated half of charts/ from typed values, crds/ and the manifests
	$(BIN)/python -m policloud.chartgen charts

charts-test: setup ## every combination of two switches through the real helm, no cluster
	$(BIN)/pytest tests/charts $(ARGS)

e2e: setup ## scenarios with the real helm, on kind with real pods where Docker can be had (CLUSTER=kind, local; SMOKE=1)
	@CLUSTER=$(CLUSTER) SMOKE=$(SMOKE) $(BIN)/python hack/e2e.py $(ARGS)

kind-image: setup ## node image for end-to-end tests on kind: the official one if it can be had, else built here
	@$(BIN)/python -m policloud.testing.kind image

wheel: setup ## the wheel in build/dist, the same bytes from the same sources (SOURCE_DATE_EPOCH)
	@$(BIN)/python hack/image/inputs.py

image: setup ## the container image of all programs, in the Docker daemon; prints its name (IMAGE_BASE=debootstrap)
	@$(BIN)/python hack/image/build.py

lock: ## resolve requirements.lock again, and of it what the programs need: requirements.runtime.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --all-extras --group test --group lint hack/build-requirements.txt pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --constraints requirements.lock pyproject.toml -o requirements.runtime.lock

clean: ## remove what make built here (not the shared cache of binaries)
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
