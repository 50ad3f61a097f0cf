//! What an access token says about itself, believed for nothing but housekeeping.
//!
//! A client may not trust a token that it was given, and need not understand it. It reads `exp` to know when to ask for another
//! one, the caller's names to tell one caller's cache from another's, and scopes to refuse a token, never to accept one. Signatures
//! are checked in `jwt`, by those whom the token is for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwt::MAX_TOKEN;
use super::scope::Scopes;

/// The claims of something that looks like a JWT.
#[derive(Clone, PartialEq)]
pub struct Unproven(Map<String, Value>);

impl Unproven {
    /// Reads them; `None` for tokens that are no JWT.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || token.len() > MAX_TOKEN {
            return None;
        }
        object(header)?;
        object(payload).map(Self)
    }

    /// `exp`, in whole seconds since 1970.
    pub fn expires_at(&self) -> Option<u64> {
        let seconds = self.0.get("exp")?.as_f64()?;
        // A fraction does not matter here, and what is far away is cut.
        (seconds >= 0.0).then(|| seconds.min(1e11) as u64)
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// `aud`, one or several; none when it is not there.
    pub fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            one => one.and_then(Value::as_str).into_iter().collect(),
        }
    }

    /// What `scope` and `scp` say, each on its own; `Err` when one is there and is no scope claim.
    pub fn scopes(&self) -> Result<Vec<Scopes>, Unreadable> {
        let claims = ["scope", "scp"].iter().filter_map(|name| self.0.get(*name));
        claims.map(|claim| Scopes::from_claim(claim).ok_or(Unreadable)).collect()
    }
}

/// A scope claim of another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.sig", part(&json!({"alg": "ES256"})), part(claims))
    }

    #[test]
    fn claims_are_read_and_what_is_no_jwt_is_not() {
        let claims = Unproven::of(&token(&json!({"exp": 1790000000.5, "sub": "ada", "iss": 7}))).unwrap();
        assert_eq!(
            (claims.expires_at(), claims.text("sub"), claims.text("iss")),
            (Some(1_790_000_000), Some("ada"), None)
        );
        let audiences = |aud: Value| Unproven::of(&token(&json!({"aud": aud}))).unwrap().audiences().join(" ");
        assert_eq!([json!("a"), json!(["a", 1, "b"]), json!(1)].map(audiences), ["a", "a b", ""]);
        let huge = token(&json!({"x": "y".repeat(MAX_TOKEN)}));
        for text in ["", "opaque", "a.b", "a.b.c", "e30.e30", "e30.e30.x.y", "e30.W10.x", huge.as_str()] {
            assert!(Unproven::of(text).is_none(), "{text}");
        }
        assert_eq!(Unproven::of("e30.e30.").unwrap().expires_at(), None);
        for exp in [json!(-1), json!("1790000000"), json!(null)] {
            assert_eq!(Unproven::of(&token(&json!({"exp": exp}))).unwrap().expires_at(), None);
        }
    }

    #[test]
    fn h06_scopes_are_what_each_claim_says() {
        let scopes = |claims: Value| Unproven::of(&token(&claims)).unwrap().scopes();
        assert_eq!(scopes(json!({"scope": "b a"})), Ok(vec![Scopes::parse("a b")]));
        assert_eq!(scopes(json!({"scope": "a", "scp": ["b"]})), Ok(vec![Scopes::parse("a"), Scopes::parse("b")]));
        assert_eq!(scopes(json!({"scope": {"a": 1}})), Err(Unreadable));
        assert_eq!(scopes(json!({})), Ok(vec![]));
    }
}
