//! Patterns over tool ids, with any that may be configured.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("pattern", bytes));
