# The two commands are `make demo` and `make test`; `make help` lists the rest. Both set up what they need, say what they
# do, and may be run again. Needs: cargo 1.95 or newer, Python 3.11 or newer, make. On Debian the rest is installed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# One target directory for demo, tests and CI, outside the clone, so that a fresh clone finds its dependencies built.
export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(HOME)/.cache/atalaya/target)
# Loops over a few crates select other features; their own directory keeps them from rebuilding the shared one.
INNER := $(CARGO_TARGET_DIR)/inner
INNER_CRATES := atalaya-stats atalaya-model atalaya-domain atalaya-log atalaya-store atalaya-testkit xtask
PYTHON ?= python3
VENV := .venv
BIN := $(CARGO_TARGET_DIR)/debug/atalaya
# Seconds for each target of `make fuzz`.
SECONDS := 60
# Further arguments: `make demo ARGS="--json summary.json"`, `make e2e ARGS="-k kill"`.
ARGS ?=

STEPS := system fetch venv format tidy lint build unit e2e

.PHONY: help check test demo release dist fuzz clean-venv $(STEPS)

help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s%s\n", $$1, $$2 }'

demo: system fetch ## build once, then run the main job end to end (ARGS="--json FILE")
	@echo "demo: building atalaya. The first build compiles some 470 crates: expect 12 minutes on two cores;"
	@echo "demo: later builds take seconds. Outputs go to $(CARGO_TARGET_DIR)."
	cargo build --locked --workspace --bin atalaya
	$(BIN) demo --exit $(ARGS)

test: ## every check, in the order and with the settings of CI
	@.ci/steps $(STEPS)

check: format tidy ## the quick loop: format, tidy, lints, and the tests that link no lake
	CARGO_TARGET_DIR=$(INNER) cargo clippy --locked $(addprefix -p ,$(INNER_CRATES)) --all-targets -- -D warnings
	CARGO_TARGET_DIR=$(INNER) cargo test --locked $(addprefix -p ,$(INNER_CRATES)) $(ARGS)

release: system fetch ## an optimised binary
	@echo "release: a full optimised build; expect several times the time of the first demo build."
	cargo build --locked --release --workspace --bin atalaya
	@echo "release: $(CARGO_TARGET_DIR)/release/atalaya"

dist: system fetch ## the binary that is shipped and that figures are measured with: crates are optimised together
	@echo "dist: the optimised build with thin LTO; expect an hour or more on two cores."
	cargo build --locked --profile dist --workspace --bin atalaya
	@echo "dist: $(CARGO_TARGET_DIR)/dist/atalaya"

system: ## install missing system packages (Debian, as root or with sudo), check cargo and Python
	@PYTHON=$(PYTHON) .ci/system

fetch: ## download the crates of Cargo.lock
	cargo fetch --locked

venv: ## create .venv with the pinned clients of tests/requirements.txt
	@PYTHON=$(PYTHON) .ci/venv $(VENV) tests/requirements.txt

format: ## check the formatting
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --all --check; \
	else echo "format: SKIPPED, rustfmt is not installed (rustup component add rustfmt)"; fi

tidy: ## hold the repository's own rules
	cargo xtask tidy

lint: ## clippy, warnings are errors
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --locked --workspace --all-targets -- -D warnings; \
	else echo "lint: SKIPPED, clippy is not installed (rustup component add clippy)"; fi

build: ## build the program and every test
	cargo build --locked --workspace --all-targets

# The tests that need Python must run here: a missing one is a failure, not a skip.
unit: export ATALAYA_TEST_PYTHON := $(CURDIR)/$(VENV)/bin/python
unit: ## unit, integration and doc tests
	@if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --locked --workspace && cargo test --locked --workspace --doc; \
	else cargo test --locked --workspace; fi

e2e: ## the real Python clients against the built program (ARGS="-k registry")
	ATALAYA_BIN=$(BIN) $(VENV)/bin/python -m pytest tests $(ARGS)

fuzz: ## fuzz every reader of foreign bytes, with nightly and cargo-fuzz (SECONDS=600, ARGS="pickle onnx")
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz fuzz/run.sh $(SECONDS) $(ARGS)

clean-venv: ## remove .venv
	rm -rf $(VENV)
