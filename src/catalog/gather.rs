//! The effect file of a catalog build: config to inputs through fetch.
