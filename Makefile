# Both targets work from a clean clone with nothing else done: they create .venv and install into it.
SHELL := /bin/bash
VENV := .venv
OLDEST := .venv-oldest
NEWEST := .venv-newest
RELEASE := .venv-release
DIST ?= dist

# The first Python 3.$(1) to 3.$(2): python3, those with a version in their name, pyenv's.
python_of = $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 \
	$$(ls -d "$$(pyenv root 2>/dev/null)"/versions/3.1[0-3].*/bin/python3 2>/dev/null | sort -rV); do \
	$$p -c 'import sys; sys.exit(not (3, $(1)) <= sys.version_info[:2] <= (3, $(2)))' 2>/dev/null && echo $$p && break; done)
NO_PYTHON = { echo "$(1) is needed and was not found: install it, or name it with make $(2)=..."; exit 2; }
PYTHON ?= $(call python_of,10,13)
# TensorFlow 2.15 has no wheels for Python 3.12.
OLDEST_PYTHON ?= $(or $(call python_of,10,10),$(call python_of,11,11))
NEWEST_PYTHON ?= $(call python_of,13,13)

# docs/platforms.md says which versions were tried together. Every test runs on these; on Python 3.13 pip takes the newest.
TENSORFLOW ?= tensorflow$(if $(shell $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && echo 13),,==2.19.*)
# Larq and larq-zoo pin NumPy and protobuf below what newer TensorFlow needs. They work without these pins.
WITHOUT_PINS := --no-deps 'larq>=0.14,<0.15' 'larq-zoo>=2.4,<3' zookeeper typeguard

# Two processes of tests: more would want more than two cores each, as TensorFlow and the workers of one test do.
PARALLEL := --numprocesses 2 --dist loadscope

WITHOUT_RUNTIME := echo "larq-igp-runtime is left out, as it needs a C++ compiler: Larq Compute Engine runs the files, where it is installed."

.PHONY: help demo test test-all runtime oldest newest dist lint hooks golden docs site clean

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

oldest: $(OLDEST)/installed-test ## run the essential tests on the oldest Python and TensorFlow that are supported
	$(OLDEST)/bin/python -m pytest $(PARALLEL) -m "essential and not slow"

newest: $(NEWEST)/installed-test ## run the essential tests on the newest Python and TensorFlow that are supported
	$(NEWEST)/bin/python -m pytest $(PARALLEL) -m "essential and not slow"

dist: $(RELEASE)/installed ## build the source archives and wheels of both packages into dist/, and check them
	rm -rf $(DIST)
	$(RELEASE)/bin/python -m build --quiet --no-isolation --outdir $(DIST) .
	$(RELEASE)/bin/python -m build --quiet --no-isolation --sdist --outdir $(DIST) runtime
	$(MAKE) -C runtime wheels DIST=$(abspath $(DIST)) PYTHON=$(abspath $(RELEASE)/bin/python)
	$(RELEASE)/bin/python -m twine check --strict $(DIST)/*

lint: $(VENV)/installed-test ## check style, types and what may import what
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/clang-format --dry-run -Werror $$(git ls-files "runtime/*.cc" "runtime/*.h" "runtime/*.hpp" "runtime/*.c")
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q -m "not slow" tests/test_imports.py

hooks: $(VENV)/installed-test ## check the same before every commit
	$(VENV)/bin/pre-commit install

golden: $(VENV)/installed-test ## write tests/golden again; review the difference
	$(VENV)/bin/python -m tests.golden

docs: $(VENV)/installed-test ## write the tables of README and docs again; review the difference
	$(VENV)/bin/python -m experiments.fashion_mnist report
	$(VENV)/bin/python -m tests.docs

site: $(VENV)/installed-test ## build the documentation as a site, in build/site
	$(VENV)/bin/sphinx-build -q -W --keep-going -b html -c docs/site . build/site

clean: ## remove what the targets made
	rm -rf $(VENV) $(OLDEST) $(NEWEST) $(RELEASE) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || $(call NO_PYTHON,Python 3.10 to 3.13,PYTHON)
	$(PYTHON) -m venv $(VENV)
	$@ -m pip install --quiet --upgrade pip

$(OLDEST)/bin/python:
	@test -n "$(OLDEST_PYTHON)" || $(call NO_PYTHON,Python 3.10 or 3.11,OLDEST_PYTHON)
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$@ -m pip install --quiet --upgrade pip

$(NEWEST)/bin/python:
	@test -n "$(NEWEST_PYTHON)" || $(call NO_PYTHON,Python 3.13,NEWEST_PYTHON)
	$(NEWEST_PYTHON) -m venv $(NEWEST)
	$@ -m pip install --quiet --upgrade pip

$(VENV)/installed: setup.cfg pyproject.toml Makefile | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable '.[datasets,report]' '$(TENSORFLOW)'
	$(VENV)/bin/python -m pip install --quiet $(WITHOUT_PINS)
	$(VENV)/bin/python -m pip install --quiet ./runtime || $(WITHOUT_RUNTIME)
	@touch $@

$(VENV)/installed-test: setup.cfg pyproject.toml Makefile | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]' '$(TENSORFLOW)'
	$(VENV)/bin/python -m pip install --quiet $(WITHOUT_PINS)
	$(VENV)/bin/python -m pip install --quiet './runtime[test,wheels]' || $(WITHOUT_RUNTIME)
	@touch $(VENV)/installed $@

$(OLDEST)/installed-test: setup.cfg pyproject.toml Makefile | $(OLDEST)/bin/python
	$(OLDEST)/bin/python -m pip install --quiet --editable '.[test]' tensorflow==2.15.1 'larq-zoo>=2.4,<3'
	$(OLDEST)/bin/python -m pip install --quiet ./runtime || $(WITHOUT_RUNTIME)
	@touch $@

$(NEWEST)/installed-test: setup.cfg pyproject.toml Makefile | $(NEWEST)/bin/python
	$(NEWEST)/bin/python -m pip install --quiet --editable '.[test]' 'tensorflow==2.21.*' 'numpy>=2'
	$(NEWEST)/bin/python -m pip install --quiet $(WITHOUT_PINS)
	$(NEWEST)/bin/python -m pip install --quiet ./runtime || $(WITHOUT_RUNTIME)
	@touch $@

$(RELEASE)/bin/python:
	@test -n "$(PYTHON)" || $(call NO_PYTHON,Python 3.10 to 3.13,PYTHON)
	$(PYTHON) -m venv $(RELEASE)

$(RELEASE)/installed: Makefile | $(RELEASE)/bin/python
	$(RELEASE)/bin/python -m pip install --quiet --upgrade pip build twine 'setuptools>=77' $(shell sed -n 's/^    \(ziglang\|auditwheel\)/\1/p' runtime/setup.cfg | xargs printf "'%s' ")
	@touch $@
