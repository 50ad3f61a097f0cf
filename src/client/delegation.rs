//! Whether an exchanged token may stand for the one it was made from: it must not show more (contract 1, H44).
//!
//! Pure. Everything that is said about a token counts: the issuer's answer, and the claims of the token itself, which are what a
//! toolbox goes by. What nobody says counts as too much.

use crate::oauth::peek::Unproven;
use crate::oauth::scope::{BUNDLE, PROFILE, Scopes, TOOL};
use crate::oauth::store::Entry;

use super::auth::AuthError;

/// Checks `child` against `parent`, and against the scopes that were asked for, if any: an issuer that does not look at them would give
/// back all that the parent has.
pub fn check(child: &Entry, parent: &Entry, asked: &Scopes) -> Result<(), AuthError> {
    let (of_child, of_parent) = (statements(child), statements(parent));
    let refused = |child: Option<&Scopes>, parent: Option<&Scopes>| AuthError::NotASubset {
        child: child.cloned(),
        parent: parent.cloned(),
    };
    let (Some(of_child), Some(of_parent)) = (&of_child, &of_parent) else {
        let first = |said: &Option<Vec<Scopes>>| said.as_ref().and_then(|said| said.first().cloned());
        return Err(refused(first(&of_child).as_ref(), first(&of_parent).as_ref()));
    };
    for child in of_child {
        if let Some(parent) = of_parent.iter().find(|parent| !child.is_subset_of(parent)) {
            return Err(refused(Some(child), Some(parent)));
        }
        let shows: Scopes = child.iter().filter(|scope| counts(scope)).collect();
        if !(asked.is_empty() || shows.is_empty() || shows.is_subset_of(asked)) {
            return Err(AuthError::NotNarrowed { child: child.clone(), asked: asked.clone() });
        }
    }
    Ok(())
}

/// Whether a scope means something to a runtime. Issuers add others by themselves.
fn counts(scope: &str) -> bool {
    [BUNDLE, PROFILE, TOOL, "runtime:"].iter().any(|prefix| scope.starts_with(prefix))
}

/// All that is said about a token's scopes; `None` when nobody says anything, or something that cannot be read.
fn statements(entry: &Entry) -> Option<Vec<Scopes>> {
    let claims = Unproven::of(entry.token.expose());
    let mut said = match claims.map(|claims| claims.scopes()) {
        None => Vec::new(),
        Some(read) => read.ok()?,
    };
    said.extend(entry.scopes.clone());
    Some(said).filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::redacted::Redacted;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use std::time::{Duration, UNIX_EPOCH};

    /// A token with claims or an opaque one, and what the answer said.
    fn entry(claims: Option<Value>, said: Option<&str>) -> Entry {
        let token = claims
            .map_or("opaque".to_owned(), |claims| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string())));
        Entry {
            token: Redacted::new(token),
            obtained_at: UNIX_EPOCH,
            expires_at: UNIX_EPOCH + Duration::from_secs(60),
            scopes: said.map(Scopes::parse),
            refresh: None,
            login: None,
            parent: None,
        }
    }

    #[track_caller]
    fn passes(child: &Entry, parent: &Entry, expected: bool) {
        match check(child, parent, &Scopes::default()) {
            Ok(()) => assert!(expected),
            Err(error) => assert!(!expected, "{error}"),
        }
    }

    #[test]
    fn h44_answer_and_claims_must_both_pass() {
        let parent = entry(None, Some("bundle:a bundle:b"));
        let claims = |scope: &str| Some(json!({ "scope": scope }));
        passes(&entry(None, Some("bundle:a")), &parent, true);
        passes(&entry(None, Some("bundle:c")), &parent, false);
        passes(&entry(claims("bundle:a"), Some("bundle:a")), &parent, true);
        passes(&entry(claims("bundle:c"), Some("bundle:a")), &parent, false);
        passes(&entry(claims("bundle:a"), Some("bundle:c")), &parent, false);
        passes(&entry(Some(json!({"scope": "bundle:a", "scp": ["bundle:c"]})), None), &parent, false);
        passes(&entry(claims("bundle:a"), None), &parent, true);
        let narrow = entry(claims("bundle:a tool:a:x"), Some("bundle:a tool:a:x bundle:b"));
        passes(&entry(None, Some("bundle:a")), &narrow, false);
        passes(&entry(None, Some("bundle:a tool:a:x")), &narrow, true);
        passes(&entry(None, Some("bundle:b tool:a:x")), &narrow, false);
    }

    #[test]
    fn h44_an_issuer_gives_no_more_than_was_asked_for() {
        let parent = entry(None, Some("bundle:a email runtime:admin"));
        let asked = |scopes: &str, child: &str| {
            let child = entry(Some(json!({ "scope": child })), Some(child));
            check(&child, &parent, &Scopes::parse(scopes)).map_err(|error| error.to_string())
        };
        assert_eq!(asked("tool:a:x", "tool:a:x email"), Ok(()), "what means nothing to a runtime is no matter");
        assert_eq!(asked("tool:a:x", "email"), Ok(()));
        assert_eq!(asked("", "bundle:a"), Ok(()));
        for (scopes, child) in [("tool:a:x", "bundle:a"), ("bundle:a", "bundle:a runtime:admin")] {
            assert!(asked(scopes, child).unwrap_err().contains("beyond those asked for"), "{child}");
        }
    }

    #[test]
    fn h44_what_nobody_says_is_too_much() {
        let known = entry(None, Some("bundle:a"));
        let unknown = entry(None, None);
        passes(&unknown, &known, false);
        passes(&known, &unknown, false);
        passes(&entry(Some(json!({})), None), &known, false);
        passes(&entry(Some(json!({"scope": 7})), Some("bundle:a")), &known, false);
        let error = check(&unknown, &known, &Scopes::default()).unwrap_err().to_string();
        assert!(error.contains("delegated unknown, parent bundle:a"), "{error}");
    }
}
