# Five commands do the daily work: setup, check, test, serve, docs. Each sets up what it needs. `make help` lists all.
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= auto
ARGS ?=
KILLS ?= 1000
BIN := .venv/bin
READY := .venv/.ready
FUZZ_SECONDS ?= 60

# An environment that was copied here together with the folder points to the old place: set up again.
ifneq ($(shell cat .venv/.place 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-population serve test test-kill test-population check check-deploy format bench bench-population docs site engine-million metamorphic mutate-knowledge replay fuzz test-reference-engine sbom lock clean

help: ## List the commands
	@sed -n 's/^\([a-z][a-z<>-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

setup: $(READY) ## Make the virtual environment in .venv from requirements.lock

$(READY): requirements.lock pyproject.toml tools/setup.sh
	@sh tools/setup.sh

setup-population: .venv/.ready-population ## Add Spark (450 MB) for `nmcds screen` and its tests; needs Java 17 or newer

serve: $(READY) ## Run the service (HOST=127.0.0.1 PORT=8000)
	@$(BIN)/nmcds serve --host "$(HOST)" --port "$(PORT)"

test: $(READY) ## Run every test; optional programs that are missing are named at the end (ARGS="-k name")
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/population $(ARGS)
	@echo "left out: whole runs on Spark (make test-population)"

test-population: .venv/.ready-population ## Run the tests of `nmcds screen` on Spark, alone: they need every core
	@$(BIN)/python -m pytest tests/population $(ARGS)

test-%: $(READY) ## (as test-<name>)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/$* $(ARGS)

test-kill: $(READY) ## Kill the service a thousand times while feedback is written, and PostgreSQL too (KILLS=1000)
	@$(BIN)/python -m tests.faults.kill --kills $(KILLS)

test-reference-engine: $(READY) ## Run the tests that evaluate rules without durable_rules, on the reference engine alone
	@TEST_ENGINE=reference $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/fixtures tests/protocol tests/recognition tests/unit tests/vignettes $(ARGS)

check: $(READY) ## Check style, types, import contracts, purity, knowledge and docs
	@BIN=$(BIN) sh tools/check.sh

format: $(READY) ## Lay out the code the one way
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

bench: $(READY) ## Measure CPU per call, latency and memory; results go to bench/results
	@$(BIN)/python -m bench

bench-population: .venv/.ready-population ## Measure `nmcds screen` (ARGS="1000 10000 100000": patients; long)
	@$(BIN)/python -m bench.population $(or $(ARGS),1000 10000)

docs: $(READY) ## Generate the reference pages, check every link and example, build the site
	@$(BIN)/python -m tools.docs
	@$(BIN)/python -m pytest -q tests/docs
	@$(MAKE) --no-print-directory site

site: .venv/.ready-docs ## Build the documentation site in build/site; a dead link stops it
	@rm -rf build/site
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -c docs -d build/doctrees . build/site
	@$(BIN)/python -m tools.check_site build/site

check-deploy: .venv/.ready-deploy ## Check deploy/ and the Dockerfile with the linters of their formats
	@BIN=$(BIN) sh tools/check_deploy.sh

# What only these few need is added to the environment from its own lock file, which has the same versions of everything else.
.venv/.ready-%: requirements-%.lock $(READY)
	@echo "adding the packages of requirements-$*.lock to .venv (once)"
	@$(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --no-deps --no-build-isolation -r requirements-$*.lock
	@touch $@

engine-million: $(READY) ## Compare both engines on a million random cases (long)
	@$(BIN)/python -m tests.generative.engine.million 1000000

metamorphic: $(READY) ## Ask about every invented patient changed in ways that mean nothing (half a minute)
	@$(BIN)/python -m tests.generative.metamorphic.everyone

mutate-knowledge: $(READY) ## Plant faults in every rule; which ones no vignette notices (ARGS="--only RULE --named")
	@$(BIN)/python -m tools.mutate $(ARGS)

replay: $(READY) ## What an earlier build said of every invented patient, against this one (FROM=v0.1.0)
	@$(BIN)/python -m tools.replay "$(or $(FROM),$(error say which build: make replay FROM=<tag or commit>))"

fuzz: .venv/.ready-assurance ## Fuzz bodies, feedback, extraction, rules and every endpoint (FUZZ_SECONDS=60 for each)
	@for target in body request feedback extraction evaluation; do $(BIN)/python -m tests.fuzz.run $$target $(FUZZ_SECONDS) || exit 1; done
	@$(BIN)/python -m tests.fuzz.schema $(FUZZ_SECONDS)

sbom: .venv/.ready-supply ## List every package of the container with version, hashes and licence (build/sbom.cdx.json, CycloneDX)
	@$(BIN)/python -m tools.sbom build/sbom.cdx.json

lock: $(READY) ## Pin every dependency again with hashes (needs uv)
	@sh tools/lock.sh

clean: ## Remove the virtual environment and everything generated
	@rm -rf .venv build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
