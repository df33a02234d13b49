# `make help` lists the targets. Nothing but Python 3.11 or 3.12 and Java 17, 21 or 25 is needed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --quiet --frozen

.PHONY: help setup demo dashboard docs test test-all mutants server check bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Install uv if it is missing, and the locked packages; check Java
	@scripts/setup.sh "$(UV)"

demo: setup ## Land real rides and an invented gym, build, and print the gold tables
	@$(RUN) scripts/demo.sh

dashboard: setup ## Show the lakehouse's pages in a browser
	@$(RUN) fitness dashboard

docs: setup ## Write dbt's docs as one page: tables, columns, macros, lineage
	@$(RUN) python -m fitness.docs

test: setup ## Run all tests but the long ones
	@$(RUN) pytest -n 2 -m "not slow"

test-all: setup ## Run all tests
	@$(RUN) pytest -n 2

mutants: setup ## Plant defects one by one and see that the tests find each
	@$(RUN) python -m tests.mutants

server: setup ## Serve the lakehouse to dbt's target `server` and to JDBC clients
	@$(RUN) fitness server

check: setup ## Lint, types, SQL style, YAML, dbt's own checks
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) yamllint --strict .
	@$(RUN) scripts/check_dbt.sh
	@$(RUN) sqlfluff lint --disable-progress-bar models tests/silver tests/gold

bench: setup ## Measure speed and memory; write benchmarks/RESULTS.md
	@$(RUN) python -m benchmarks

clean: ## Remove what builds and demos have made: data, logs, target
	rm -rf data logs target
