//! Puts a catalog together.

use std::fmt;

use crate::base::id::SourceId;

/// How bad a problem of a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something is left out.
    Error,
    /// Everything is there, but not quite as published.
    Warning,
}

/// One thing that a person who runs the toolbox, or publishes the description, should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whose description.
    pub source: SourceId,
    /// How bad.
    pub severity: Severity,
    /// Where in it: a JSON pointer, or an address with one; empty for the whole.
    pub place: String,
    /// What is wrong and what was done about it.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `source petstore: warning: message (at /paths/~1pets)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "source {}: {severity}: {}", self.source, self.message)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " (at {})", self.place) }
    }
}
