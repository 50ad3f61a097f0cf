//! What a token says, whether it said so itself (RFC 9068) or the issuer was asked (RFC 7662): read once, strictly, into [`Claims`].
//!
//! Nothing here knows what a token must say; `jwt` and `introspection` compare.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::scope::Scopes;

/// Longest `sub`, `client_id` or actor, in characters.
const MAX_NAME: usize = 512;
/// Most scopes of one token.
const MAX_SCOPES: usize = 1_000;
/// How deep `act` may nest (RFC 8693 section 4.1).
const MAX_ACTORS: usize = 8;
/// The last second of the year 9999: later times are mistakes.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// A member that has another type or form than its specification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// On whose behalf, from the token (RFC 8693 section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegation {
    /// `delegated_by`
    pub delegated_by: Option<String>,
    /// `delegation_id`
    pub delegation_id: Option<String>,
    /// `act`: who acts now first, then those before.
    pub actors: Vec<String>,
}

/// The members that matter here; all others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`
    pub issuer: Option<String>,
    /// `sub`
    pub subject: Option<String>,
    /// `client_id`
    pub client: Option<String>,
    /// `aud`, without empty ones.
    pub audiences: Vec<String>,
    /// `scope`, else `scp`.
    pub scopes: Scopes,
    /// `exp`
    pub expires_at: Option<SystemTime>,
    /// `nbf`
    pub not_before: Option<SystemTime>,
    /// `iat`
    pub issued_at: Option<SystemTime>,
    /// `act`, `delegated_by`, `delegation_id`
    pub delegation: Delegation,
}

/// Why the time of a token does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimely {
    /// `exp` has passed.
    Expired,
    /// `nbf` is still to come.
    NotYet,
    /// `iat` lies in the future.
    FromTheFuture,
}

impl Claims {
    /// Reads a payload or an introspection answer.
    pub fn read(members: &Map<String, Value>) -> Result<Self, Malformed> {
        let scopes = match (members.get("scope"), members.get("scp")) {
            (Some(claim), _) | (None, Some(claim)) => Scopes::from_claim(claim).ok_or(Malformed("scope"))?,
            (None, None) => Scopes::default(),
        };
        if scopes.iter().count() > MAX_SCOPES {
            return Err(Malformed("scope"));
        }
        Ok(Self {
            issuer: text(members, "iss")?,
            subject: text(members, "sub")?,
            client: text(members, "client_id")?,
            audiences: audiences(members)?,
            scopes,
            expires_at: time(members, "exp")?,
            not_before: time(members, "nbf")?,
            issued_at: time(members, "iat")?,
            delegation: Delegation {
                delegated_by: text(members, "delegated_by")?,
                delegation_id: text(members, "delegation_id")?,
                actors: actors(members)?,
            },
        })
    }

    /// Whether `aud` contains an audience; an empty one is contained nowhere (H06).
    pub fn is_for(&self, audience: &str) -> bool {
        !audience.is_empty() && self.audiences.iter().any(|found| found == audience)
    }

    /// Whether `exp`, `nbf` and `iat` fit the present time, as far as they are there.
    pub fn check_time(&self, now: SystemTime, skew: Duration) -> Result<(), Untimely> {
        let late = |at: SystemTime| at.checked_add(skew).is_some_and(|end| end <= now);
        let early = |at: SystemTime| now.checked_add(skew).is_none_or(|latest| at > latest);
        if self.expires_at.is_some_and(late) {
            return Err(Untimely::Expired);
        }
        if self.not_before.is_some_and(early) {
            return Err(Untimely::NotYet);
        }
        if self.issued_at.is_some_and(early) {
            return Err(Untimely::FromTheFuture);
        }
        Ok(())
    }
}

/// A text that is not empty.
fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Malformed> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().nth(MAX_NAME).is_none() => Ok(Some(text.clone())),
        Some(_) => Err(Malformed(name)),
    }
}

fn audiences(members: &Map<String, Value>) -> Result<Vec<String>, Malformed> {
    let one = |value: &Value| value.as_str().map(str::to_owned).ok_or(Malformed("aud"));
    let all = match members.get("aud") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().map(one).collect::<Result<_, _>>()?,
        Some(value) => vec![one(value)?],
    };
    Ok(all.into_iter().filter(|audience| !audience.is_empty()).collect())
}

/// RFC 7519 `NumericDate`: a number, whole or not, never a text (H05). A part of a second is cut off.
fn time(members: &Map<String, Value>, name: &'static str) -> Result<Option<SystemTime>, Malformed> {
    let seconds = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds)).ok_or(Malformed(name))?,
    };
    // Not negative and below 2^38.
    Ok(UNIX_EPOCH.checked_add(Duration::from_secs(seconds as u64)))
}

fn actors(members: &Map<String, Value>) -> Result<Vec<String>, Malformed> {
    let mut found = Vec::new();
    let mut members = members;
    while let Some(act) = members.get("act").filter(|act| !act.is_null()) {
        let Value::Object(actor) = act else { return Err(Malformed("act")) };
        if found.len() == MAX_ACTORS {
            return Err(Malformed("act"));
        }
        let name = text(actor, "sub")?.or(text(actor, "client_id")?);
        found.push(name.ok_or(Malformed("act"))?);
        members = actor;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Claims, Malformed> {
        let Value::Object(members) = value else { panic!("an object") };
        Claims::read(&members)
    }

    #[test]
    fn h06_audiences_and_scopes_come_in_every_form() {
        let for_x = |aud: Value| read(json!({"aud": aud})).map(|claims| claims.is_for("x"));
        assert_eq!(for_x(json!("x")), Ok(true));
        assert_eq!(for_x(json!(["y", "x"])), Ok(true));
        assert_eq!(for_x(json!("y x")), Ok(false));
        assert_eq!(for_x(json!([])), Ok(false));
        assert_eq!(for_x(json!(7)), Err(Malformed("aud")));
        assert_eq!(for_x(json!(["x", 7])), Err(Malformed("aud")));
        assert!(!read(json!({"aud": ["", "x"]})).unwrap().is_for(""));
        let scopes = |claims: Value| read(claims).map(|claims| claims.scopes.to_string());
        assert_eq!(scopes(json!({"scope": "b a"})).as_deref(), Ok("a b"));
        assert_eq!(scopes(json!({"scope": ["a", "b"]})).as_deref(), Ok("a b"));
        assert_eq!(scopes(json!({"scp": ["a"]})).as_deref(), Ok("a"));
        assert_eq!(scopes(json!({"scp": "a b"})).as_deref(), Ok("a b"));
        assert_eq!(scopes(json!({"scope": "a", "scp": "b"})).as_deref(), Ok("a"), "`scope` is the standard's");
        assert_eq!(scopes(json!({})).as_deref(), Ok(""));
        assert_eq!(scopes(json!({"scope": {"a": 1}})), Err(Malformed("scope")));
        let many: Vec<String> = (0..=MAX_SCOPES).map(|n| n.to_string()).collect();
        assert_eq!(scopes(json!({"scope": many})), Err(Malformed("scope")));
    }

    #[test]
    fn h06_actors_nest() {
        let delegation = |claims: Value| read(claims).map(|claims| claims.delegation);
        let nested = delegation(json!({
            "act": {"sub": "b", "act": {"client_id": "a"}}, "delegated_by": "ada", "delegation_id": "d-1"
        }))
        .unwrap();
        assert_eq!(nested.actors, ["b", "a"]);
        assert_eq!((nested.delegated_by.as_deref(), nested.delegation_id.as_deref()), (Some("ada"), Some("d-1")));
        assert_eq!(delegation(json!({"act": "b"})), Err(Malformed("act")));
        assert_eq!(delegation(json!({"act": {"name": "b"}})), Err(Malformed("act")));
        let deep = (0..=MAX_ACTORS).fold(json!({"sub": "x"}), |inner, _| json!({"sub": "x", "act": inner}));
        assert_eq!(delegation(json!({"act": deep})), Err(Malformed("act")));
    }

    #[track_caller]
    fn check_time(claims: &Value, expected: Result<(), Untimely>) {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let found = read(claims.clone()).unwrap().check_time(now, Duration::from_secs(60));
        assert_eq!(found, expected, "{claims}");
    }

    #[test]
    fn times_are_judged_with_some_tolerance() {
        check_time(&json!({"exp": 941}), Ok(()));
        check_time(&json!({"exp": 940}), Err(Untimely::Expired));
        check_time(&json!({"exp": 940.9}), Err(Untimely::Expired));
        check_time(&json!({"exp": 941.5}), Ok(()));
        check_time(&json!({"nbf": 1060, "iat": 1060}), Ok(()));
        check_time(&json!({"nbf": 1061}), Err(Untimely::NotYet));
        check_time(&json!({"iat": 1061}), Err(Untimely::FromTheFuture));
        check_time(&json!({"exp": 253_402_300_799_u64}), Ok(()));
        check_time(&json!({}), Ok(()));
    }

    #[test]
    fn h05_times_are_numbers() {
        for wrong in [json!("1000"), json!(-1), json!(1e300), json!([1]), json!(true)] {
            assert_eq!(read(json!({"exp": wrong})), Err(Malformed("exp")), "{wrong}");
        }
        assert_eq!(read(json!({"sub": "x".repeat(MAX_NAME + 1)})), Err(Malformed("sub")));
        assert_eq!(read(json!({"sub": 7})), Err(Malformed("sub")));
        assert_eq!(read(json!({"sub": ""})).unwrap().subject, None);
    }
}
