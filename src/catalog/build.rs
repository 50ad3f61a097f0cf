//! Inputs to one sorted catalog with its fingerprint and diagnostics (pure).
