# The commands of this project. `make help` lists them; each says what it installs before it installs it.

# Everything that is built or downloaded lies here, outside the checkout, so that a second checkout starts warm.
BALEEN_CACHE ?= $(HOME)/.cache/baleen
CARGO_TARGET_DIR ?= $(BALEEN_CACHE)/target
PIP_CACHE_DIR ?= $(BALEEN_CACHE)/pip
PREFIX ?= /usr/local
export BALEEN_CACHE CARGO_TARGET_DIR PIP_CACHE_DIR
# A toolchain that rustup has just installed is not on the PATH of the shell it was installed from.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help demo install test clients torture bench fmt clippy deps
.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build the release, start the server and catch real packets into a bucket
	@scripts/deps.sh demo
	@scripts/demo.sh

install: ## put the release on the PATH: /usr/local/bin (PREFIX names another place)
	@scripts/deps.sh build
	@cargo build --release --locked --package baleen
	@install -d "$(DESTDIR)$(PREFIX)/bin"
	@install -m 755 "$(CARGO_TARGET_DIR)/release/baleen" "$(DESTDIR)$(PREFIX)/bin/baleen"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/baleen"

test: ## everything that continuous integration runs
	@scripts/deps.sh test
	@cargo xtask ci

clients: ## only the tests with real clients (ARGS='-k boto3' goes to pytest)
	@scripts/deps.sh test
	@cargo build --workspace --bins --examples --locked
	@tests/clients/run.sh $(ARGS)

torture: ## the tests with many more random cases; half an hour and more
	@scripts/deps.sh test
	@cargo xtask torture

bench: ## measure speed against other tools
	@scripts/deps.sh test
	@scripts/bench.sh

fmt: ## format the sources
	@cargo fmt --all

clippy: ## lint the sources
	@scripts/deps.sh build
	@cargo clippy --workspace --all-targets --locked -- -D warnings

deps: ## install what building and testing need (also done by the other commands)
	@scripts/deps.sh test
