//! The rule table that joins scope files, with its locks (H16).
