//! Time stamps, with any bytes that may stand for one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("time", bytes));
