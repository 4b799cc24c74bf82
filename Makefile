# One command per habit. Each sets up what it needs, from nothing but python3 (3.11+) and make.

UV_VERSION := 0.13.8
BIN := .venv/bin
UV := $(BIN)/uv
LOWEST := .venv-lowest
COMPILED := .venv-compiled
# What tests and benchmarks run for real, as PROGRAM=PACKAGE of Debian.
PROGRAMS := nginx=nginx-light caddy=caddy chromium=chromium slowhttptest=slowhttptest curl=curl \
	pgbouncer=pgbouncer haproxy=haproxy
# What a compiler needs, in the same form. Python's headers lie where Python says.
COMPILER = cc=gcc /usr/include/stdio.h=libc6-dev $(shell $(BIN)/python -c \
	'import sysconfig; print(sysconfig.get_path("include"))')/Python.h=python3-dev
TESTED_COMPILED := tests/contract tests/house tests/api/lane tests/core tests/runtime tests/service tests/fuzz
PYTEST := python -m pytest -n auto --maxprocesses 8

# A stamp says that a step is done; it lies inside what it speaks of, so that deleting that undoes it.
UV_READY := .venv/.uv-$(UV_VERSION)
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
LOWEST_READY := $(LOWEST)/.ready
COMPILED_READY := $(COMPILED)/.ready
WHEEL_READY := build/wheel/.ready
NODE := tests/clients tests/typing web web/tests
NODE_READY := $(NODE:=/node_modules/.ready)

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# Trust whom the machine trusts, as pip does: a company's own authority is known to it and not to uv.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= 1
endif
unexport VIRTUAL_ENV
unexport UV_PROJECT_ENVIRONMENT

.PHONY: help serve test test-main test-compiled test-lowest wheel check fix types web shots docs bench chaos mutate released release-check lock clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

serve: $(RUN_READY) ## start the server on ./tokenry-data
	$(BIN)/tokenry serve

test: test-main test-compiled test-lowest ## every test, then parts on the compiled form and on the lowest dependencies

test-main: $(DEV_READY) $(NODE_READY)
	.ci/debian $(PROGRAMS) go=golang-go $(COMPILER)
	$(BIN)/$(PYTEST)

test-compiled: $(DEV_READY)
	.ci/debian $(COMPILER)
	$(MAKE) --no-print-directory $(COMPILED_READY)
	TOKENRY_TEST_STORES=sqlite $(COMPILED)/bin/$(PYTEST) $(TESTED_COMPILED)

test-lowest: $(LOWEST_READY) | test-main
	TOKENRY_TEST_STORES=sqlite $(LOWEST)/bin/$(PYTEST) tests/contract

wheel: $(WHEEL_READY) ## build a wheel for this platform with a compiled hot path, in build/wheel

check: $(DEV_READY) ## lint, format, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

fix: $(DEV_READY) ## repair what ruff can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(DEV_READY) ## write the operations of the clients in TypeScript and Go, after a change of the operations
	$(BIN)/python -m web.typescript
	$(BIN)/python -m web.golang

web: $(DEV_READY) web/node_modules/.ready types ## build the console and the key page, which ship in the package, and the TypeScript client
	web/node_modules/.bin/tsc --project web/console
	web/node_modules/.bin/tsc --project web/keys
	node web/build.mjs
	web/node_modules/.bin/tsc --project web/client

shots: $(DEV_READY) ## take pictures of every screen of the console, in build/shots
	.ci/debian chromium=chromium
	$(BIN)/python -m tests.web.shots build/shots

docs: $(DEV_READY) ## build the documentation as a site, in build/docs/site
	$(BIN)/python -m web.site

bench: $(DEV_READY) ## measure
	.ci/debian $(PROGRAMS) wrk=wrk
	$(BIN)/python -m bench

chaos: $(DEV_READY) ## kills, freezes, races and fuzzing, with the long counts
	.ci/debian $(PROGRAMS)
	TOKENRY_CHAOS=1 $(BIN)/python -m pytest tests/chaos tests/processes tests/fence tests/model tests/fuzz \
		tests/store/test_starting.py tests/ext/test_tabs.py

mutate: $(DEV_READY) ## break the code in one place after another, and print what no test notices
	nice -n 19 $(BIN)/python -m mutate

released: $(DEV_READY) ## keep the OpenAPI document of this release: later ones must not break its clients
	$(BIN)/python -m tests.api.reference.released

release-check: $(DEV_READY) ## build what would be published, twice, and use it in clean environments
	.ci/debian $(COMPILER)
	nice $(BIN)/python -m release

lock: $(UV_READY) ## resolve dependencies anew, after a change in pyproject.toml
	$(UV) lock --default-index https://pypi.org/simple
	$(UV) pip compile --quiet --resolution lowest-direct --universal --generate-hashes --no-header --no-annotate \
		--all-extras --group test --default-index https://pypi.org/simple \
		--output-file tests/lowest.txt pyproject.toml

clean: ## remove environments, caches and build results, never data
	rm -rf .venv .venv-lowest .venv-compiled .venv-peers $(NODE:=/node_modules) web/client/dist build dist htmlcov .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(UV_READY):
	.ci/venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

# Running needs no test tools; --inexact keeps them when they are there already.
$(RUN_READY): pyproject.toml uv.lock $(UV_READY)
	$(UV) sync --quiet --frozen --all-extras --no-default-groups --inexact
	touch $@

$(DEV_READY): pyproject.toml uv.lock $(UV_READY)
	$(UV) sync --quiet --frozen --all-extras
	touch $@ $(RUN_READY)

# OAuth clients that nobody here wrote, the type checker pyright, and what builds `web`, at the versions of the lock files.
%/node_modules/.ready: %/package.json %/package-lock.json
	.ci/debian node=nodejs npm=npm
	cd $* && npm ci --silent --ignore-scripts
	touch $@

$(LOWEST_READY): pyproject.toml tests/lowest.txt $(UV_READY)
	$(UV) venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(UV) pip sync --quiet --python $(LOWEST)/bin/python --require-hashes tests/lowest.txt
	$(UV) pip install --quiet --python $(LOWEST)/bin/python --no-deps --editable .
	touch $@

$(WHEEL_READY): hatch_build.py pyproject.toml $(shell find src -name '*.py') $(DEV_READY)
	rm -rf build
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 $(UV) build --wheel --no-build-isolation --python $(BIN)/python --out-dir $(@D)
	touch $@

$(COMPILED_READY): $(WHEEL_READY)
	UV_PROJECT_ENVIRONMENT=$(COMPILED) $(UV) sync --quiet --frozen --all-extras --no-install-project --python $(BIN)/python
	$(UV) pip install --quiet --python $(COMPILED)/bin/python --no-deps --reinstall build/wheel/*.whl
	touch $@
