//! Scopes: how they are written, and when one set is a part of another (contract 1, RFC 6749 section 3.3).
//!
//! The subset rule is about what a runtime's envelope would show, not about text: leaving out a `tool:` scope widens. CLI and
//! evaluation broker ask this one function, and `access` tests it against the envelope itself.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// All tools of a service.
pub const BUNDLE: &str = "bundle:";
/// What a profile may see.
pub const PROFILE: &str = "profile:";
/// One tool.
pub const TOOL: &str = "tool:";

/// A set of scopes, ordered; each is printable ASCII without space, `"` and `\`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Reads words that spaces separate. Other white space separates nothing, and a scope with some in it is kept, so that it goes on
    /// narrowing what stands beside it.
    pub fn parse(text: &str) -> Self {
        text.split(' ').filter(|scope| !scope.is_empty()).collect()
    }

    /// Reads a claim: a text of words, or an array of scopes, each taken whole. `None`: it is something else.
    pub fn from_claim(claim: &Value) -> Option<Self> {
        match claim {
            Value::String(text) => Some(Self::parse(text)),
            Value::Array(items) => {
                let texts = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
                // A scope with a space in it names nothing, but must neither become two nor vanish: a `tool:` scope that is
                // left out would widen the rest (H08).
                Some(texts.into_iter().filter(|text| !text.is_empty()).collect())
            }
            _ => None,
        }
    }

    /// Whether a scope is in, compared as text.
    pub fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What stands behind a prefix, of every scope that has it.
    pub fn named<'a>(&'a self, prefix: &'static str) -> impl Iterator<Item = &'a str> {
        self.iter().filter_map(move |scope| scope.strip_prefix(prefix))
    }

    /// Those that `granted` lacks.
    pub fn missing_in(&self, granted: &Self) -> Self {
        Self(self.0.difference(&granted.0).cloned().collect())
    }

    /// Whether a token with these scopes shows no more than one with the scopes of `parent`.
    ///
    /// It names no `bundle:` or `profile:` that the parent lacks; if the parent has `tool:` scopes it has at least one and only
    /// the parent's. A set of `tool:` scopes alone, under a parent that has bundles or profiles, must lie inside the parent's
    /// bundles: what such a parent shows is an intersection, and a tool that it names but does not show must not appear.
    /// Everything else compares as text.
    pub fn is_subset_of(&self, parent: &Self) -> bool {
        let wide = |scopes: &Self| scopes.named(BUNDLE).chain(scopes.named(PROFILE)).next().is_some();
        let narrow = |scopes: &Self| scopes.named(TOOL).next().is_some();
        let as_text = |scope: &str| scope.starts_with(TOOL) || parent.has(scope);
        if !self.iter().all(as_text) {
            return false;
        }
        if narrow(parent) && !(narrow(self) && self.named(TOOL).all(|tool| parent.has(&format!("{TOOL}{tool}")))) {
            return false;
        }
        if narrow(self) && !narrow(parent) && !wide(parent) {
            return false;
        }
        let inside =
            |tool: &str| tool.split_once(':').is_some_and(|(service, _)| parent.has(&format!("{BUNDLE}{service}")));
        !narrow(self) || wide(self) || !wide(parent) || self.named(TOOL).all(inside)
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(str::to_owned).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(child: &str, parent: &str, expected: bool) {
        let found = Scopes::parse(child).is_subset_of(&Scopes::parse(parent));
        assert_eq!(found, expected, "{child:?} of {parent:?}");
    }

    #[test]
    fn h44_a_child_shows_no_more_than_its_parent() {
        check("bundle:a", "bundle:a bundle:b", true);
        check("bundle:a bundle:b", "bundle:a", false);
        check("profile:p", "bundle:a profile:p", true);
        check("profile:q", "bundle:a profile:p", false);
        check("bundle:a", "bundle:a tool:a:x", false);
        check("bundle:a tool:a:x", "bundle:a tool:a:x tool:a:y", true);
        check("bundle:a tool:a:z", "bundle:a tool:a:x", false);
        check("tool:a:x", "tool:a:x tool:b:y", true);
        check("tool:a:z", "tool:a:x", false);
        check("tool:a:x", "bundle:a", true);
        check("bundle:a tool:a:x", "bundle:a", true);
        check("tool:b:x", "bundle:a", false);
        check("tool:a:x", "profile:p", false);
        check("profile:p tool:a:x", "profile:p", true);
        check("tool:a:x", "bundle:a tool:a:x", true);
        check("tool:b:y", "bundle:a tool:b:y", false);
        check("tool:a:x", "openid", false);
        check("tool:a", "bundle:a", false);
    }

    #[test]
    fn h44_other_scopes_compare_as_text() {
        check("openid", "openid runtime:admin", true);
        check("runtime:admin", "openid", false);
        check("bundle:a runtime:admin", "bundle:a", false);
        check("", "bundle:a", true);
        check("", "tool:a:x", false);
        check("", "", true);
        check("Bundle:a", "bundle:a", false);
    }

    #[test]
    fn h06_claims_are_texts_or_arrays() {
        let read = |claim: Value| Scopes::from_claim(&claim).map(|scopes| scopes.to_string());
        assert_eq!(read(json!("b  a b")).as_deref(), Some("a b"));
        assert_eq!(read(json!(["b", "a"])).as_deref(), Some("a b"));
        let joined = Scopes::from_claim(&json!(["bundle:a runtime:admin", ""])).unwrap();
        assert!(!joined.has("runtime:admin") && !joined.has("bundle:a") && !joined.is_empty());
        assert_eq!(read(json!("bundle:a\ttool:a:x\n b")).as_deref(), Some("b bundle:a\ttool:a:x\n"));
        assert_eq!(read(json!([1])), None);
        assert_eq!(read(json!({})), None);
        assert_eq!(read(json!(null)), None);
    }

    #[test]
    fn what_was_not_granted_is_named() {
        let (asked, granted) = (Scopes::parse("a b c"), Scopes::parse("b d"));
        assert_eq!(asked.missing_in(&granted).to_string(), "a c");
    }
}
