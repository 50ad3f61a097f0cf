//! The published JSON Schema of a config file.
