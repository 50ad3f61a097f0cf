//! API descriptions, OpenAPI 3 and Swagger 2.0, to operations (pure).
//!
//! `document` checks what a document is, `refs` resolves `$ref`s without fetching anything (it says which documents it
//! wants), `schemas` makes every schema stand alone, `servers` resolves base URLs, `security` reads what credentials are needed,
//! `parameters` and `encoding` what is sent, and `operations` lists operations in document order with everything resolved. What Swagger 2.0
//! says in its own way is in `swagger2`, and what pages that show a description say of it in `page`.
//!
//! [`read`] is the way in. A problem of one operation is reported and costs at most that operation.

use std::fmt;

pub mod document;
pub mod encoding;
mod examples;
mod names;
pub mod operations;
pub mod page;
pub mod parameters;
pub mod refs;
pub mod schemas;
pub mod security;
pub mod servers;
mod swagger2;
mod template;

pub use document::{Document, NotOpenApi, Unreadable};
pub use encoding::Encoding;
pub use operations::{Description, Operation, read};
pub use parameters::{Parameter, Place, Style};
pub use refs::Resolver;
pub use security::{AuthAlternative, AuthRequirement, OAuthFlow};

/// How bad a problem of a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something is left out.
    Error,
    /// Everything is there, but not quite as published.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing about a description that whoever runs or publishes it should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// A JSON pointer into the description; for other documents their address with a pointer; empty for the whole.
    pub place: String,
    /// What is wrong and what was done about it.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `warning: message (at /paths/~1pets)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.as_str(), self.message)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " (at {})", self.place) }
    }
}

#[cfg(test)]
mod tests;
