//! Bearer tokens, with any bytes that a caller may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("token", bytes));
