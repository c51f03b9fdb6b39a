# Everything runs in .venv, made here from the locked requirements. `make help` lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-quality test-system lock docs tools system-tools clean
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
DEMO_READY := .venv/.ready-demo
ALL_READY := .venv/.ready-all
QUALITY := .venv-quality
QUALITY_READY := $(QUALITY)/.ready
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(DEMO_READY)  ## a simulated line that fails silently, watched live; ARGS="--seed 7", "--no-fault", "--fast"
	$(BIN)/linewarden demo $(ARGS)

test: $(ALL_READY) tools  ## every test but the slow system tests; ARGS="-k mqtt"
	$(BIN)/pytest -m "not system" $(ARGS)

check: $(ALL_READY)  ## style, types, architecture, generated files, lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint Dockerfile.arm64
	$(BIN)/pytest tests/architecture
	$(BIN)/python -m agent.config.reference --check
	@! grep -nE '://|--(extra-)?index|--find-links|--trusted-host' requirements/* || { echo "requirements/ must name no index" >&2; exit 1; }

bench: $(ALL_READY)  ## first speed figures, as ratios measured in the same run
	@for file in benchmarks/speed/[a-z]*.py; do module=$$(basename $$file .py); \
	  echo "benchmarks.speed.$$module"; $(BIN)/python -m benchmarks.speed.$$module $(ARGS) || exit 1; done

bench-quality: $(QUALITY_READY)  ## false alarms and delay beside other libraries (an hour and more, resumable); ARGS="defaults"
	$(QUALITY)/bin/python -m benchmarks.quality $(or $(ARGS),all) --results out/quality
	$(QUALITY)-numpy1/bin/python -m benchmarks.quality $(or $(ARGS),all) --results out/quality
	$(QUALITY)/bin/python -m benchmarks.quality page --results out/quality

test-system: $(ALL_READY) tools system-tools  ## slow tests: the service under a real systemd, the arm64 image, long replays
	$(BIN)/pytest -m system $(ARGS)

docs: $(ALL_READY)  ## write the generated files: sample, option reference, schema, channel table
	$(BIN)/python -m agent.config.reference --write

lock: $(ALL_READY)  ## resolve requirements/*.txt again from pyproject.toml; ARGS=--upgrade
	$(PIP) uv
	$(COMPILE) pyproject.toml requirements/build.in --extra demo --extra dev -o requirements/lock.txt $(ARGS)
	$(COMPILE) pyproject.toml requirements/build.in --extra demo -c requirements/lock.txt -o requirements/demo.txt
	$(COMPILE) pyproject.toml requirements/build.in -c requirements/lock.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml requirements/build.in requirements/quality.in -o requirements/quality.txt $(ARGS)
	$(COMPILE) requirements/build.in requirements/quality-numpy1.in -o requirements/quality-numpy1.txt $(ARGS)

tools:  # real broker and Prometheus for the tests
	@.ci/tools

system-tools:  # a real systemd and an arm64 emulator for the system tests
	@.ci/system-tools

clean:  ## remove the environment and caches
	rm -rf .venv .venv-quality* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "needs Python 3.11 or newer: make PYTHON=python3.11 …" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "missing here: apt-get install -y python3-venv" >&2; exit 1; }

$(DEMO_READY): requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "installing what the demo needs into .venv …"
	@$(PIP) --require-hashes -r requirements/demo.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(ALL_READY): requirements/lock.txt pyproject.toml | $(BIN)/python
	@echo "installing the locked requirements into .venv …"
	@$(PIP) --require-hashes -r requirements/lock.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(DEMO_READY) $@

$(QUALITY_READY): requirements/quality.txt requirements/quality-numpy1.txt | $(BIN)/python
	@echo "installing the peers of benchmarks/quality into $(QUALITY) and $(QUALITY)-numpy1 …"
	@for name in "" -numpy1; do $(PYTHON) -m venv $(QUALITY)$$name && $(QUALITY)$$name/bin/python -m pip -qq --disable-pip-version-check \
	  install --require-hashes --no-deps -r requirements/quality$$name.txt || exit 1; done  # no-deps: the lock is whole, and strips extras
	@$(QUALITY)/bin/python -m pip -qq --disable-pip-version-check install --no-deps --no-build-isolation -e .
	@touch $@
