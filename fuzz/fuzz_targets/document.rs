//! JSON and YAML, with any bytes that may be published.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("document", bytes));
