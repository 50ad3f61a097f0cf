//! The audit file: append, make durable, read back.
