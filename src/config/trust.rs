//! Which discovered files a person has vouched for.
