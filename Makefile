# make run      the main job: every source to tensors, then the analyses
# make test     the tests in minutes: a sample of every kind of check
# make test-all every test; make test-rest what `make test` leaves out
# make lint     ruff, mypy, import-linter
# make bench    the benchmarks, side by side (half an hour; BENCH="book rows": these sections)
# make docs     docs/catalog.md and docs/catalog.schema.json, from the options of the kinds
# make faults   the fault tests at full size: kills, failing disks, lost power, a schedule (an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
SAMPLE := data/sample

PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
# of the slow ones many wait: for a clock, a server, what was killed
PYTEST_SLOW := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile

.PHONY: setup run test test-all test-rest lint docs bench faults

setup: $(VENV)/.dev

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

# torch first and pinned: a looser request would take a much larger build
$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (some minutes the first time) ..."
	@$(PIP) "$$(grep '^torch==' constraints.txt)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@$(PIP) --editable ".[dev]"
	@touch $@

run: $(VENV)/.run
	@if $(BIN)/ptm data pull; then $(BIN)/ptm run; else \
	  echo; \
	  echo "*** The book's data cannot be had here: going on with GENERATED SAMPLE DATA. ***"; \
	  echo "*** Its figures mean nothing. For the book's: PTM_DATA_MIRROR=... make run   ***"; \
	  echo; \
	  $(BIN)/ptm data sample --data $(SAMPLE) && $(BIN)/ptm run --data $(SAMPLE); fi
	@command -v ptm >/dev/null || echo "The command is $(BIN)/ptm; to have it as ptm: . $(BIN)/activate"

test: $(VENV)/.dev
	$(PYTEST) -m "not slow"

test-all: test test-rest

test-rest: $(VENV)/.dev
	$(PYTEST_SLOW) -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python -m tests.support.reference

bench: $(VENV)/.dev
	PTM_BENCH_PEERS=1 $(BIN)/python -m tests.benchmarks $(BENCH)

faults: $(VENV)/.dev
	PTM_FAULTS=1000 $(BIN)/python -m pytest -s tests/faults tests/ptm/test_concurrent.py \
	  tests/ptm/test_index.py tests/ptm/test_damage.py tests/ptm/test_bounded_memory.py \
	  tests/ptm/test_split_catalogs.py \
	  tests/flows/test_schedule.py tests/flows/test_history.py tests/flows/test_lost.py \
	  tests/production/test_topology.py
