# Everything a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2  # processes that run tests; each computes on one thread
# a file is one worker's; tests/longest.py has their order
SHARE := --dist loadfile --no-loadscope-reorder

unexport PYTHONDONTWRITEBYTECODE  # else each process of a test compiles our modules anew

.DEFAULT_GOAL := help
.PHONY: help setup docs demo test test-all check bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(READY) ## .venv with gsu and its tools in it (a few minutes, once)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("gsu needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Name another one: make setup PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing gsu into $(VENV) (torch is large: two to four minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,joblib]'
	@touch $@

docs: $(READY) ## the docs as a site, build/site/index.html
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html; its search needs a server: python3 -m http.server -d build/site"

demo: $(READY) ## forget the ones, on real digits, with the weights that ship
	$(BIN)/gsu unlearn dataset=mnist dataset.download=false forget.class=1

test: $(READY) ## the tests, without the long ones
	$(BIN)/python -m pytest -q -n $(WORKERS) $(SHARE) -m "not slow"

test-all: $(READY) ## all tests
	$(BIN)/python -m pytest -q -n $(WORKERS) $(SHARE)

check: $(READY) ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## speed, as ratios within one run
	$(BIN)/python scripts/bench.py

clean: ## removes .venv and caches, never outputs
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
