//! The hash chain over audit lines.
