//! Arazzo documents, with any bytes that may stand for them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("arazzo", bytes));
