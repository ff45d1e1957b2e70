# Both targets work from a clean clone with nothing else done: they create .venv and install into it.
SHELL := /bin/bash
VENV := .venv
OLDEST := .venv-oldest
OLDEST_TENSORFLOW := 2.15.1
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)

# Two processes of tests: more would want more than two cores each, as TensorFlow and the workers of one test do.
PARALLEL := --numprocesses 2 --dist loadscope

WITHOUT_RUNTIME := echo "larq-igp-runtime is left out, as it needs a C++ compiler; Larq Compute Engine runs the files instead."

# TensorFlow 2.15 has no wheels for Python 3.12.
OLDEST_PYTHON ?= $(shell for p in python3 python3.11 python3.10; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 12))' 2>/dev/null && echo $$p && break; done)

.PHONY: help demo test test-all runtime oldest lint hooks golden docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/installed ## train, convert, verify and time a small IGP-ResNet on real images
	$(VENV)/bin/python experiments/demo.py

test: $(VENV)/installed-test lint ## run the tests, but the slow ones
	$(VENV)/bin/python -m pytest $(PARALLEL) -m "not slow"

test-all: $(VENV)/installed-test lint ## run every test
	$(VENV)/bin/python -m pytest $(PARALLEL)

runtime: $(VENV)/installed-test ## run the tests of the edge runtime, aarch64 under qemu included
	$(VENV)/bin/python -m pytest $(PARALLEL) runtime/tests -c runtime/pyproject.toml -m "not slow"

oldest: $(OLDEST)/installed-test ## import, build, train and convert on the oldest TensorFlow that is supported
	$(OLDEST)/bin/python -m pytest tests/cli/test_commands.py -k "summary or train or convert or evaluate"

lint: $(VENV)/installed-test ## check style, types and what may import what
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q -m "not slow" tests/test_imports.py

hooks: $(VENV)/installed-test ## check the same before every commit
	$(VENV)/bin/pre-commit install

golden: $(VENV)/installed-test ## write tests/golden again; review the difference
	$(VENV)/bin/python -m tests.golden

docs: $(VENV)/installed-test ## write the tables of README and docs again; review the difference
	$(VENV)/bin/python -m experiments.fashion_mnist report
	$(VENV)/bin/python -m tests.docs

clean: ## remove what the targets made
	rm -rf $(VENV) $(OLDEST) build *.egg-info .pytest_cache .ruff_cache .mypy_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed and none was found: install it, or name it with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$@ -m pip install --quiet --upgrade pip

$(OLDEST)/bin/python:
	@test -n "$(OLDEST_PYTHON)" || { echo "Python 3.10 or 3.11 is needed for TensorFlow $(OLDEST_TENSORFLOW) and none was found: name it with make OLDEST_PYTHON=..."; exit 2; }
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$@ -m pip install --quiet --upgrade pip

$(VENV)/installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable .
	$(VENV)/bin/python -m pip install --quiet ./runtime || $(WITHOUT_RUNTIME)
	@touch $@

$(VENV)/installed-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	$(VENV)/bin/python -m pip install --quiet './runtime[test,wheels]' || $(WITHOUT_RUNTIME)
	@touch $(VENV)/installed $@

$(OLDEST)/installed-test: setup.cfg pyproject.toml | $(OLDEST)/bin/python
	$(OLDEST)/bin/python -m pip install --quiet --editable '.[test]' tensorflow==$(OLDEST_TENSORFLOW)
	@touch $@
