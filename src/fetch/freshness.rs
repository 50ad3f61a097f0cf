//! What to do with a cached entry, and what an answer makes of it (RFC 9111), without a clock of its own.
