//! Merged JSON to the strict types.
