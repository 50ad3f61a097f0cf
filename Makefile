# The commands of this project; `make help` lists them. CI runs `make check`, `make interop`, `make integration` and `make demo`
# (.ci/run).

.DEFAULT_GOAL := help
.PHONY: help build check fmt clippy test doc interop integration crash bench soak fuzz man dist demo clean

help: ## Print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

build: ## Build the programs for release into ./bin (on Linux static)
	@scripts/build.sh bin

check: fmt clippy test doc ## Everything CI checks: format, lints, tests, docs

fmt: ## Check the format
	cargo fmt --all -- --check

clippy: ## Check the lints
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --test interop --test crash --test replicas --test prism --locked -- -D warnings

test: ## Run all tests
	cargo test --locked

doc: ## Check the API docs
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

interop: ## Test against an issuer and a browser of others (needs Node.js and Chromium)
	@scripts/interop.sh

integration: build ## Test the built programs with others' tools (.ci/run installs them)
	@scripts/integration.sh

crash: ## Kill the toolbox CRASHES times (50) under load and see that its audit trail lost nothing
	@scripts/integration/crash.sh

bench: build ## Measure; results and budgets are explained in docs/benchmarks.md
	@scripts/bench.sh

soak: build ## Hold the toolbox under mixed load for SOAK seconds (1,800), see whether it stays flat
	@scripts/soak.sh

fuzz: ## Feed made-up bytes to TARGET (all of fuzz/fuzz_targets) for FUZZ seconds each (60; needs cargo-fuzz)
	@scripts/fuzz.sh

man: ## Write the manual pages into ./man
	@scripts/man.sh man

dist: ## Build, check and checksum the programs and their manual pages into ./dist
	@scripts/build.sh dist
	@scripts/man.sh dist/man
	@scripts/check-dist.sh dist

demo: build ## Show a real API behind a governed runtime, from start to stop
	@scripts/demo.sh bin

clean: ## Remove what was built
	cargo clean
	rm -rf bin dist man
