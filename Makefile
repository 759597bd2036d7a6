# make demo   a whole desk on loopback, no root needed
# make test   everything that must hold; installs what the tests need when run by root
# See docs/development.md.

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint bench bench-stages score torture clean python

help:
	@echo "make demo    run a whole desk on this machine (no root, no server packages)"
	@echo "make test    lint, types and all tests, against real mail servers"
	@echo "make torture the long fault runs: a thousand mails, sixty kills, power cuts (an hour or so)"
	@echo "make lint    ruff and mypy alone"
	@echo "make bench   the real daemon from end to end, beside floors measured in the same run (BENCH=--quick)"
	@echo "make bench-stages  what each stage of a mail costs by itself"
	@echo "make score   how well mail is read: tests/corpus, or SCORE=folder of your own (docs/reading.md)"
	@echo "make clean   remove what these made"

demo: $(VENV)/.stamp-run
	@$(BIN)/python -m gateway demo

test: python
	@bash .ci/install-test-needs.sh
	@$(MAKE) --no-print-directory $(VENV)/.stamp-test
	@JOBS=$(JOBS) bash .ci/check all

lint: $(VENV)/.stamp-test
	@bash .ci/check lint

torture: python
	@bash .ci/install-test-needs.sh
	@$(MAKE) --no-print-directory $(VENV)/.stamp-test
	@$(BIN)/python -m pytest -o python_files='torture_*.py' --timeout 7200 tests/torture

bench: $(VENV)/.stamp-test
	@$(BIN)/python -m bench $(BENCH)

bench-stages: $(VENV)/.stamp-test
	@$(BIN)/python -m bench.stages

score: $(VENV)/.stamp-run
	@$(BIN)/python -m gateway score $(or $(SCORE),tests/corpus) $(SCORE_OPTIONS)

clean:
	rm -rf $(VENV) .bench demo-state build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or later is needed; \"$(PYTHON)\" is $$($(PYTHON) --version 2>/dev/null || echo missing)."; \
	  echo "On Debian 12 or later: apt-get install git make python3-venv. Another one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "\"$(PYTHON)\" cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.stamp-run: pyproject.toml constraints.txt | python
	@echo "Installing the libraries into $(VENV) (once; a minute or so) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.stamp-test: pyproject.toml constraints.txt | python
	@echo "Installing the libraries and the test tools into $(VENV) (once; a minute or so) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.stamp-run
