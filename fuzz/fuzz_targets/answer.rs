//! Answers of an issuer, with any bytes that one may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("answer", bytes));
