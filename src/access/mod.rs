//! Who may do what (contract 5): principals, envelopes as bit masks over a catalog's tools, and the policy's decision.

use std::fmt;

#[cfg(test)]
mod docs_test;
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

    /// Whether a token carries a scope, compared as text; the anonymous principal carries none.
    pub fn has_scope(&self, scope: &str) -> bool {
        matches!(self, Self::Token { scopes, .. } if scopes.iter().any(|have| have == scope))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("anonymous"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Principal, PrincipalKind};
    use crate::base::id::ToolId;
    use crate::catalog::view::ReadyCatalog;
    use crate::catalog::{CATALOG_VERSION, Catalog, Tool, View, ViewTool};

    /// `a:get`, `a:put`, `b:get`, and a profile `readers` with the two GETs.
    pub(super) fn catalog() -> ReadyCatalog {
        let tool = |id: &str| Tool { id: id.into(), service_id: id[..1].into(), ..Tool::default() };
        let view = |name: &str, ids: &[&str]| View {
            name: name.to_owned(),
            mode: "curated".to_owned(),
            tools: ids.iter().map(|id| ViewTool { id: ToolId::from(*id) }).collect(),
        };
        ReadyCatalog::new(Catalog {
            catalog_version: CATALOG_VERSION.to_owned(),
            generated_at: String::new(),
            source_fingerprint: String::new(),
            sources: vec![],
            services: vec![],
            tools: ["a:get", "a:put", "b:get"].map(tool).into(),
            workflows: vec![],
            effective_views: vec![view("discover", &["a:get", "a:put", "b:get"]), view("readers", &["a:get", "b:get"])],
        })
    }

    pub(super) fn token(scopes: &[&str]) -> Principal {
        Principal::Token {
            kind: PrincipalKind::Subject,
            issuer: "https://issuer.example".to_owned(),
            value: "agent-1".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }

    #[test]
    fn principals_are_kept_apart_by_kind_and_issuer() {
        let Principal::Token { issuer, value, scopes, .. } = token(&[]) else { panic!("a token") };
        let client = Principal::Token { kind: PrincipalKind::Client, issuer, value, scopes };
        assert_ne!(client, token(&[]));
        assert!(!Principal::Anonymous.has_scope("runtime:admin"));
        assert!(token(&["runtime:admin"]).has_scope("runtime:admin"));
    }
}
