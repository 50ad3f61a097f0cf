//! The reading of requests, with any bytes that a client may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::http::fuzz::framing(bytes));
