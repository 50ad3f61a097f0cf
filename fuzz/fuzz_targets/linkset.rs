//! Linksets, `Link` fields and walks through them, with any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("linkset", bytes));
