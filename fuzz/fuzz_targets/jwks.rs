//! Key sets, with any bytes that an issuer may send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| open_cli::fuzz::run("jwks", bytes));
