//! Scope files that are merged, with any bytes that may stand in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("merge", bytes));
