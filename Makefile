# Two commands matter: `make reproduce` and `make test`. Both set up .venv first, once.
# Needs Python 3.11 or newer and make. Another interpreter: make PYTHON=/path/to/python3 reproduce

PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
JOBS ?= 2

# Many processes import the same modules: without bytecode each of them would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help ready ready-test ready-dev setup reproduce test lint lock refresh verify bench site docs coverage mutants reliability clean
.DEFAULT_GOAL := help

help:
	@echo "make reproduce  set everything up, then run the whole study"
	@echo "make test       set everything up, then run the tests and execute the chapters, once each"
	@echo "make lint       ruff and mypy"
	@echo "make refresh    rewrite the committed outputs of the chapters and reference/"
	@echo "make verify     execute the committed chapters again and list what moved"
	@echo "make bench      time the study against other packages, into benchmarks/RESULTS.md"
	@echo "make coverage   lines and branches that the tests reach; fails below the floor in pyproject.toml"
	@echo "make mutants    a sample of wrong programs: do the tests notice? into reference/mutation.json"
	@echo "make site       run the study, then build its public site in site/"
	@echo "make docs       write the generated pages of docs/, run no chapter"
	@echo "make lock       the locks, the table of their wheels and environment.yml from pyproject.toml"
	@echo "make reliability every test in full, not in samples: what they try to break, into docs/reliability.md"
	@echo "make clean      remove results and caches (not .venv)"

# Always run: they notice a moved folder, another Python and missing files, in a third of a second.
# Each installs what its name says and those before it.
ready ready-test ready-dev:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not found. Install Python 3.11 or newer, or: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" tools/setup.py $(patsubst ready-%,%,$(@:ready=run))

setup: ready

reproduce: ready
	@$(BIN)/ikm-pmi reproduce

test: ready-test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --nbval tests notebooks

lint: ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

refresh verify: ready
	@$(BIN)/ikm-pmi $@

bench: ready-test
	@$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .venv-bench -r benchmarks/requirements.txt || echo "without specification_curve"
	@PYTHONPATH=.venv-bench OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/run.py

# The tests start other processes, chapters among them; what those reach counts (pyproject.toml).
# nbval's own kernels do not start while they are measured.
coverage: ready-test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --cov --cov-report=json:.mutants/coverage.json --cov-report=term:skip-covered tests
	@$(BIN)/python tools/mutants.py --coverage .mutants/coverage.json

mutants: ready-dev
	$(BIN)/python tools/mutants.py --sample 700 --seed 3 --jobs $(JOBS)

site: reproduce
	@$(BIN)/ikm-pmi site

docs: ready
	@$(BIN)/python tools/docs.py --write

lock: ready-dev
	$(BIN)/python tools/lock.py

reliability: ready-test
	@$(BIN)/python tools/reliability.py --jobs $(JOBS)

clean:
	rm -rf results site dist .mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
