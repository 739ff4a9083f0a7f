# Two commands do everything on a fresh machine: `make demo` and `make test`.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: demo test lint bench chaos scenarios conformance bundle release-check clean format generate views

demo: $(RUN_STAMP)  ## Install, and play the main job on the built-in sandbox
	@$(BIN)/python -m benchmarks.demo

test: $(DEV_STAMP)  ## Install, and run the tests
	@bash tests/views/setup_chromium.sh || true
	$(BIN)/python -m pytest

lint: $(DEV_STAMP)  ## Style, types, generated files, budgets of the tool lists
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m benchmarks.generate --check
	$(BIN)/python -m benchmarks.contract
	$(BIN)/python -m benchmarks.tool_budget

bench: $(DEV_STAMP)  ## Figures: tools and tokens, start-up, one diagnosis, what the client adds to a call, the gate, kills
	$(BIN)/python -m benchmarks.tool_budget
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.diagnosis
	$(BIN)/python -m benchmarks.client_latency
	$(BIN)/python -m benchmarks.gate_matrix
	$(BIN)/python -m benchmarks.kill_table
	$(BIN)/python -m benchmarks.kill_rollback

chaos: $(DEV_STAMP)  ## Thousands of calls under random faults: what was told against what happened; nexla-sdk beside it
	$(BIN)/python -m benchmarks.chaos

scenarios: $(DEV_STAMP)  ## Known and unseen incidents and healthy flows, judged and timed; 500 flows next to nexla-sdk; 1 below target
	$(BIN)/python -m benchmarks.scenarios
	$(BIN)/python -m benchmarks.triage_500

conformance: $(DEV_STAMP)  ## The official MCP conformance suite and the Inspector against our HTTP server; needs npm
	$(BIN)/python -m benchmarks.conformance

bundle: $(DEV_STAMP)  ## The MCP bundle dist/nexla-mcp-*.mcpb, validated by the official tool; needs npm
	$(BIN)/python -m release.bundle

release-check: $(DEV_STAMP)  ## Everything that has to hold before a release; needs npm; publishes nothing
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,release]'
	@$(BIN)/python -m release.check

format: $(DEV_STAMP)  ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(DEV_STAMP)  ## Rewrite what is generated from the records
	$(BIN)/python -m benchmarks.generate

views:  ## Build the pages of the views from apps/
	cd apps && npm ci && npm run build

clean:  ## Remove everything that was made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then uv venv --quiet --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi

$(RUN_STAMP): pyproject.toml | $(BIN)/python
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -e .; else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e .; fi
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -e '.[dev]'; else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; fi
	@touch $@ $(RUN_STAMP)
