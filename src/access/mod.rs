//! Who may do what (contract 5): principals, envelopes as bit masks over a catalog's tools, and the policy's decision.

use std::fmt;

pub mod envelope;
pub mod policy;

/// Who calls. Keyed by kind, issuer and value: a `sub` never equals another's `client_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Auth is off; the envelope is every tool.
    Anonymous,
    /// A token's subject or client.
    Token {
        /// Which claim names it.
        kind: PrincipalKind,
        /// `iss`.
        issuer: String,
        /// The claim's value.
        value: String,
        /// All scopes of the token, sorted.
        scopes: Vec<String>,
    },
}

/// Which claim names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// `sub`
    Subject,
    /// `client_id`
    Client,
}

impl Principal {
    /// What audit and `runtime/info` show; `None` for the anonymous one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::Token { value, .. } => Some(value),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("anonymous"))
    }
}
