//! What a publisher's headers say about keeping a document, with any bytes that one may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("cache", bytes));
