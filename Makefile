# `make demo` and `make test` set up all they need: Python 3.11+ and make are enough.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
ARGS ?=

.PHONY: demo dev fmt lint quick test bench bench-formats bench-functions bench-fanout bench-state campaign golden docs clean

demo: $(INSTALLED)  ## The main job on the embedded log, some 20 seconds.
	@$(BIN)/merganser demo $(ARGS)

dev: $(READY)  ## The environment and the hooks before a commit.
	@$(BIN)/pre-commit install

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "merganser needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || { echo "Making a virtual environment in $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing merganser and what it needs (a minute the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(READY): pyproject.toml $(INSTALLED)
	@echo "Installing what development and tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

fmt: $(READY)  ## Formats the code.
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix --quiet

lint: $(READY)  ## Lint, format, types, import rules.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: $(READY)  ## Tests without Kafka and without the slow ones.
	$(BIN)/python -m pytest -m "not kafka and not slow and not conformance" $(ARGS)

test: lint  ## All that CI runs.
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

bench: $(READY)  ## Against Kafka Streams on this machine; needs a JVM and Maven.
	$(BIN)/python -m bench $(ARGS)

bench-formats: $(READY)  ## Records and bytes a second that formats read and write.
	$(BIN)/python -m bench.formats $(ARGS)

bench-fanout: $(READY)  ## One stream, a thousand subscribers over real connections.
	$(BIN)/python -m bench.fanout $(ARGS)

bench-server: $(READY)  ## Pull and push queries, start, memory, idle CPU of a server.
	$(BIN)/python -m bench.server $(ARGS)

bench-functions: $(READY)  ## Rows a second of every scalar function.
	$(BIN)/python -m bench.functions $(ARGS)

bench-state: $(READY)  ## A small epoch against states of 1 k to 10 M keys.
	$(BIN)/python -m bench.state $(ARGS)

campaign: $(READY)  ## Random queries against the plain reference, some ten minutes.
	MERGANSER_NIGHTLY=1 $(BIN)/python -m pytest tests/property/test_reference.py $(ARGS)

golden: $(READY)  ## Rewrites golden files; look at the diff.
	$(BIN)/python -m pytest tests/golden --update-golden $(ARGS)

docs: $(READY)  ## Makes the pages that come from registries.
	$(BIN)/python -m merganser.engine.functions.reference > docs/functions.md

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
