# Everything here needs one thing: Python 3.11 or newer (with venv). The rest is installed
# into $(VENV) when it is first needed.

VENV ?= .venv
PYTHON ?=
PYTEST ?= $(VENV)/bin/pytest -n auto --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help dev lint format test soak quickstart bench package clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

dev: $(VENV)/.dev ## make the virtual environment with everything for developing

lint: $(VENV)/.dev ## check style, format, types and who imports whom
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev ## format the code
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

test: $(VENV)/.dev ## run every test
	$(PYTEST)

soak: $(VENV)/.dev ## run the long forms: 3,000 kills, every call failing in every way (hours)
	HYPOTHESIS_PROFILE=soak $(PYTEST) -m soak

quickstart: $(VENV)/.runtime ## plan and apply a small hierarchy, and plan it again
	@PATH="$(abspath $(VENV))/bin:$$PATH" sh examples/quickstart/demo.sh

bench: $(VENV)/.dev ## measure stacks of 100 to 10,000 keys
	$(VENV)/bin/python benchmarks/bench_core.py

package: $(VENV)/.dev ## build wheel and source distribution, and check their contents
	rm -rf dist
	$(VENV)/bin/python -m build
	$(VENV)/bin/check-wheel-contents dist

clean: ## remove what was built, not what was installed
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then python=$$(sh .ci/find-python) || exit 1; fi; \
	echo "$$python -m venv $(VENV)"; \
	"$$python" -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.runtime
