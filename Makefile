# Needs python3 >= 3.11 with venv and pip; everything else goes into .venv, and no compiler is needed.
PYTHON ?= python3
VENV ?= .venv
# More arguments for pytest: make test ARGS="-k braille"
ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
SPHINX := $(VENV)/.sphinx

.DEFAULT_GOAL := help
.PHONY: help test braille lint docs hooks clean

help:
	@echo "make test     run the whole test suite, doctests included"
	@echo "make braille  store and recall Braille letters on a crossbar; writes results/braille"
	@echo "make lint     ruff and mypy"
	@echo "make docs     build the pages of docs, and run the tutorials; writes build/docs/index.html"
	@echo "make hooks    let git look through each commit with ruff before it is made"
	@echo "make clean    remove the environment, results and caches"

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

braille: $(INSTALLED)
	$(BIN)/neuro run braille --preset paper --out results/braille

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict neuro

docs: $(SPHINX)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

hooks: $(TOOLS)
	$(BIN)/pre-commit install

# badcrossbar without what it requires, because pycairo only draws and needs a system library; and without the package
# `tests` that its wheel brings along, which would hide ours.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "neuro needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group test
	$(BIN)/python -m pip install --quiet --no-deps "badcrossbar==1.1.0"
	rm -rf $(VENV)/lib/python*/site-packages/tests
	@touch $@

$(TOOLS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(SPHINX): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

clean:
	rm -rf $(VENV) results dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find neuro tasks tests -name __pycache__ -type d -prune -exec rm -rf {} +
