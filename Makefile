# Everything a person does with a checkout. `make` alone explains it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# One thread a process: the suite runs on several processes, and small networks are slower on two threads than on one.
# With .pyc files, even where the environment forbids them: a hundred processes of tests import the same modules.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt

.PHONY: help setup train test check campaign mutants fmt bench defaults board report clean
.DEFAULT_GOAL := help

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## make .venv and install everything into it; nothing to do a second time

train: $(READY)  ## train a network: make train ARGS="model=resnet50 optimizer=adam"
	@$(BIN)/python train.py $(ARGS)

test: $(READY)  ## the test suite, in under eight minutes: make test ARGS="-k resnet"
	@$(PYTEST) --durations 20 $(ARGS)

check: $(READY)  ## what every commit passes, in under three minutes: format, lint, types, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(PYTEST) tests/unit $(ARGS)

campaign: $(READY)  ## everything, in about 40 minutes; goes on after an interruption, and writes the table in docs/faults.md
	@$(INSTALL) --editable '.[dev,campaign]'
	@$(PYTEST) -p support.campaign $(if $(ARGS),,--table docs/faults.md) \
		tests/unit tests/integration tests/system tests/campaign $(ARGS)

mutants: $(READY)  ## which mistakes in the source would the unit tests not see? make mutants ARGS="netyard.losses*"
	@$(INSTALL) --editable '.[dev,mutants]'
	@OMP_NUM_THREADS=1 $(BIN)/python tests/mutants.py $(ARGS)

fmt: $(READY)  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## measure the speed, beside bare loops
	@for file in bench/*.py; do echo $$file; $(BIN)/python $$file; done

defaults: $(READY)  ## what each default reaches, five seeds; goes on after an interruption: make defaults ARGS="model=mlp"
	@OMP_NUM_THREADS=1 $(BIN)/python tests/defaults.py $(ARGS)

board: $(READY)  ## TensorBoard over outputs/, on localhost
	@$(BIN)/netyard board

report: $(READY)  ## a table of all runs in outputs/: make report ARGS="output=report"
	@$(BIN)/netyard report outputs $(ARGS)

clean:  ## remove .venv and every cache; outputs/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .campaign mutants
	find . -name __pycache__ -type d -not -path './outputs/*' -exec rm -rf {} +

# Every start without .pyc files is three times slower, and some environments forbid Python to write them. The tests
# write those that they need, in a third of the time that all of them take.
setup train: INSTALL += --compile-bytecode

# uv installs in seconds what takes pip minutes.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $$($(PYTHON) --version) is too old; netyard needs 3.10 or later; try make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(INSTALL) --editable '.[dev]'
	@touch $@
