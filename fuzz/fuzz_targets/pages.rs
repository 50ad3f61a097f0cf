//! Pages of lists and `Link` fields, with any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("pages", bytes));
