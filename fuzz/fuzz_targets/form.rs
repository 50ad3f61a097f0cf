//! Forms and queries, with any bytes that may be sent.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("form", bytes));
