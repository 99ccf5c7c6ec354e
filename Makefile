# Everything a person does with a checkout. `make` alone explains it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# One thread a process: the suite runs on several processes, and small networks are slower on two threads than on one.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help setup train test check fmt bench board report clean
.DEFAULT_GOAL := help

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## make .venv and install everything into it; nothing to do a second time

train: $(READY)  ## train a network: make train ARGS="model=resnet50 optimizer=adam"
	@$(BIN)/python train.py $(ARGS)

test: $(READY)  ## run the whole test suite: make test ARGS="-k resnet"
	@$(TEST) -n 2 $(ARGS)

check: $(READY)  ## what every commit passes: format, lint, types, and the tests that are not slow
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(TEST) -n 2 -m "not slow" $(ARGS)

fmt: $(READY)  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## measure the speed, beside bare loops
	@for file in bench/*.py; do echo $$file; $(BIN)/python $$file; done

board: $(READY)  ## TensorBoard over outputs/, on localhost
	@$(BIN)/tensorboard --logdir "$${NETYARD_OUTPUTS:-outputs}" --host localhost

report: $(READY)  ## a table of all runs in outputs/: make report ARGS="output=report"
	@$(BIN)/netyard report outputs $(ARGS)

clean:  ## remove .venv and every cache; outputs/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './outputs/*' -exec rm -rf {} +

# uv installs in seconds what takes pip minutes; compiled at once, for every start without .pyc files is three times slower.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $$($(PYTHON) --version) is too old; netyard needs 3.10 or later; try make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint constraints.txt --editable '.[dev]'
	@touch $@
