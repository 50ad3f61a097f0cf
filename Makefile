.PHONY: check fmt clippy test doc
check: fmt clippy test doc
fmt:
	cargo fmt --all -- --check
clippy:
	cargo clippy --all-targets --locked -- -D warnings
test:
	cargo test --locked
doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
