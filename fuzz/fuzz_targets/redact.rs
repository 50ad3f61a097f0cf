//! Answers of tools with redactions, with any bytes that an upstream may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("redact", bytes));
