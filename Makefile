# The doorbells. A recipe is a line or two; whatever has a condition in it is Rust (tests/tidy, bus/src/bin, countersign).
.DEFAULT_GOAL := help
.PHONY: help demo run test check bench schemas coverage build nats-server

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build nats-server ## play the whole story on real JetStream and SQLite, check every step, leave nothing running
	@target/debug/countersign demo

run: build nats-server ## serve on 127.0.0.1:8080, data in ./data, JetStream as in the demo
	@target/debug/countersign serve --data data --nats child

test: build nats-server ## everything, real nats-server and PostgreSQL included
	cargo test --workspace --no-fail-fast

check: ## format, lints, documentation: what must be clean before a commit
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

bench: nats-server ## start the real service, drive it over HTTP, write target/bench/confirm.json
	cargo build --release -p countersign -p tests --bin countersign --bin bench
	@target/release/bench

schemas: ## write the generated documents: error list, JSON Schemas, AsyncAPI, OpenAPI, fixtures
	cargo run --quiet -p schemas --bin emit
	cargo run --quiet -p countersign -- contract openapi > docs/openapi.json

coverage: build nats-server ## write docs/coverage.md: which story over HTTP touches which setting, flag, word and code
	@rm -rf target/coverage
	cargo test -p tests --test e2e
	@cargo run --quiet -p tests --bin coverage

build:
	@cargo build --workspace

nats-server:
	@cargo run --quiet -p bus --bin fetch-nats-server
