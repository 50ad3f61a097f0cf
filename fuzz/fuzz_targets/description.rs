//! API descriptions, with any bytes that a publisher may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("description", bytes));
