//! Lines of an audit file, with any bytes that may stand there.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("audit", bytes));
