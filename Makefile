# make run: everything a first try needs. make help: the rest.

.DEFAULT_GOAL := help
.PHONY: help install run test check fix openapi bench soak reliability

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest -n 2 --dist loadfile
DOCUMENT := $(PYTHON) manage.py spectacular --validate --fail-on-warn
RUNTIME := $(VENV)/.installed-runtime
DEVELOPMENT := $(VENV)/.installed-development

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

install: $(RUNTIME) ## make .venv and install what the server needs

run: $(RUNTIME) ## start the server; Ctrl-C stops it
	@exec $(PYTHON) manage.py serve $(ARGS)

# What comes to the database only by way of the server, or starts one with a PostgreSQL of its own.
ONCE := backup/test_embedded.py client browser compat demo deploy docs evaluation faults flows \
	keys/test_two_servers.py monitoring serve soak upgrades

test: $(DEVELOPMENT) ## run the tests; with TEST_DATABASE_URL once more on that server
	$(PYTEST) $(ARGS)
ifdef TEST_DATABASE_URL
	TEST_DATABASE=external $(PYTEST) $(ONCE:%=--ignore=tests/%) $(ARGS)
endif

check: $(DEVELOPMENT) ## formatting, lint, types, layers, migrations, holes, Compose file, API document
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports
	$(PYTHON) -W "ignore:Got an error checking:RuntimeWarning" manage.py makemigrations --check --dry-run
	$(VENV)/bin/bandit --quiet --configfile pyproject.toml --severity-level medium --confidence-level medium --recursive \
		dcm projects routing messaging sessions_app realtime client/src
	$(PYTHON) -m tests.upgrades.lint
	$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	.ci/audit
	@$(DOCUMENT) | diff docs/openapi.yaml - || { echo "docs/openapi.yaml is stale: make openapi"; exit 1; }

fix: $(DEVELOPMENT) ## mend formatting and what lint can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

openapi: $(DEVELOPMENT) ## write docs/openapi.yaml anew
	$(DOCUMENT) --file docs/openapi.yaml

bench: $(DEVELOPMENT) ## measure; ARGS=--write keeps the report
	$(PYTHON) -m tests.benchmarks $(ARGS)

soak: $(DEVELOPMENT) ## five minutes of mixed load; ARGS="--minutes 10 --rate 200 --write"
	$(PYTHON) -m tests.soak $(ARGS)

reliability: $(DEVELOPMENT) ## run the proofs of docs/reliability.md and write it anew
	$(PYTHON) -m tests.faults.report --write

# Stamps: installed again only when the list of packages changes.
$(RUNTIME): requirements.txt | $(PYTHON)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt client/pyproject.toml $(RUNTIME)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(PYTHON):
	@.ci/make-venv $(VENV)
