//! Overlays, with any document that they may be applied to.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("overlay", bytes));
