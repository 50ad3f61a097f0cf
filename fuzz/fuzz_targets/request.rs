//! Arguments of an execution, with any that a caller may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("request", bytes));
