//! Who may do what (contract 5): tokens to principals, principals to envelopes (bit masks over a catalog's tools), and the policy's
//! decision.
//!
//! `validator` with `keystore` and `remembered` finds out who calls, `bearer` where the token stands in a request, `envelope` what
//! that one may see and run, `policy` whether it may do so now, and `explain` why; `idle` finds what of a
//! configuration does nothing.

use std::fmt;
use std::sync::Arc;

use crate::audit::Lineage;
use crate::base::digest::of_parts;
use crate::oauth::claims::{Claims, Delegation};
use crate::oauth::scope::Scopes;

pub mod bearer;
#[cfg(test)]
mod docs_test;
pub mod envelope;
pub mod explain;
pub mod idle;
mod keystore;
pub mod policy;
mod remembered;
#[cfg(test)]
mod security_test;
pub mod validator;

pub use remembered::TokenHash;

/// The scope of those who may stop the runtime and see what others did (H10).
pub const ADMIN: &str = "runtime:admin";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Auth is off; the envelope is every tool. With auth on, somebody at an endpoint that needs no token.
    Anonymous,
    /// Whoever a token stands for.
    Token(Arc<Caller>),
}

/// Who a token stands for. Keyed by kind, issuer and value: a `sub` never equals another's `client_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Which claim names it.
    pub kind: PrincipalKind,
    /// `iss`.
    pub issuer: String,
    /// The claim's value.
    pub value: String,
    /// All scopes of the token.
    pub scopes: Scopes,
    /// On whose behalf, for the audit trail only.
    pub lineage: Option<Lineage>,
}

/// Which claim names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// `sub`
    Subject,
    /// `client_id`
    Client,
}

impl PrincipalKind {
    /// The claim's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "sub",
            Self::Client => "client_id",
        }
    }
}

impl Caller {
    /// From a token's claims, which name a subject or a client.
    pub fn new(issuer: String, claims: Claims) -> Self {
        let (kind, value) = match (claims.subject, claims.client) {
            (Some(subject), _) => (PrincipalKind::Subject, subject),
            (None, client) => (PrincipalKind::Client, client.unwrap_or_default()),
        };
        Self { kind, issuer, value, scopes: claims.scopes, lineage: lineage(claims.delegation) }
    }
}

fn lineage(delegation: Delegation) -> Option<Lineage> {
    let Delegation { delegated_by, delegation_id, mut actors } = delegation;
    if delegated_by.is_none() && delegation_id.is_none() && actors.is_empty() {
        return None;
    }
    let actor = if actors.is_empty() { None } else { Some(actors.remove(0)) };
    Some(Lineage { delegated_by, delegation_id, actor, actors })
}

impl Principal {
    /// The caller, when there is a token.
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Anonymous => None,
            Self::Token(caller) => Some(caller),
        }
    }

    /// Whether it is the same caller, perhaps with another token and other scopes.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    fn key(&self) -> Option<(PrincipalKind, &str, &str)> {
        self.caller().map(|caller| (caller.kind, caller.issuer.as_str(), caller.value.as_str()))
    }

    /// Who it is, as one text: the same for every token of a principal, and no other's (H18).
    pub fn holder(&self) -> String {
        match self.key() {
            None => "anonymous".to_owned(),
            Some((kind, issuer, value)) => of_parts(&[kind.as_str(), issuer, value]),
        }
    }

    /// What audit and `runtime/info` show; `None` for the anonymous one.
    pub fn name(&self) -> Option<&str> {
        self.caller().map(|caller| caller.value.as_str())
    }

    /// Whether a token carries a scope, compared as text; the anonymous principal carries none.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.caller().is_some_and(|caller| caller.scopes.has(scope))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("anonymous"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::id::ToolId;
    use crate::catalog::view::ReadyCatalog;
    use crate::catalog::{Catalog, Tool, View, ViewTool};
    use serde_json::json;

    /// `a:get`, `a:put`, `b:get`, and a profile `readers` with the two GETs.
    pub(super) fn catalog() -> ReadyCatalog {
        let tool = |id: &str| Tool { id: id.into(), service_id: id[..1].into(), ..Tool::default() };
        let view = |name: &str, ids: &[&str]| View {
            name: name.to_owned(),
            mode: "curated".to_owned(),
            tools: ids.iter().map(|id| ViewTool { id: ToolId::from(*id) }).collect(),
        };
        ReadyCatalog::new(Catalog {
            tools: ["a:get", "a:put", "b:get"].map(tool).into(),
            effective_views: vec![view("discover", &["a:get", "a:put", "b:get"]), view("readers", &["a:get", "b:get"])],
            ..Catalog::default()
        })
    }

    pub(crate) fn caller(scopes: &[&str]) -> Arc<Caller> {
        Arc::new(Caller {
            kind: PrincipalKind::Subject,
            issuer: "https://issuer.example".to_owned(),
            value: "agent-1".to_owned(),
            scopes: scopes.iter().copied().collect(),
            lineage: None,
        })
    }

    pub(crate) fn token(scopes: &[&str]) -> Principal {
        Principal::Token(caller(scopes))
    }

    #[test]
    fn principals_are_kept_apart_by_kind_and_issuer() {
        let of = |claims: serde_json::Value| {
            Caller::new("https://i.example".to_owned(), Claims::read(claims.as_object().unwrap()).unwrap())
        };
        let (by_subject, by_client) = (of(json!({"sub": "x", "client_id": "y"})), of(json!({"client_id": "x"})));
        assert_eq!((by_subject.value.as_str(), by_client.value.as_str()), ("x", "x"));
        assert_ne!(by_subject, by_client);
        assert!(!Principal::Anonymous.has_scope(ADMIN));
        assert!(token(&[ADMIN]).has_scope(ADMIN));
    }

    #[test]
    fn lineage_says_who_acts_now_and_who_did_before() {
        let lineage = |claims: serde_json::Value| {
            Caller::new(String::new(), Claims::read(claims.as_object().unwrap()).unwrap()).lineage
        };
        assert_eq!(lineage(json!({"sub": "x"})), None);
        let nested =
            lineage(json!({"sub": "x", "delegated_by": "x", "act": {"sub": "b", "act": {"sub": "a"}}})).unwrap();
        assert_eq!((nested.actor.as_deref(), nested.actors.as_slice()), (Some("b"), ["a".to_owned()].as_slice()));
        assert_eq!(nested.delegated_by.as_deref(), Some("x"));
    }
}
