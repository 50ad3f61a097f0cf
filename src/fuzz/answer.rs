//! Answers of an issuer (`oauth`): a body from its token, introspection and metadata endpoints, and a redirect's query.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::base::form::Form;
use crate::http::{Headers, Response};
use crate::oauth::answer::{self, Expected, GrantError, is_token};
use crate::oauth::introspection::{self, Trouble};
use crate::oauth::jwt::Rules;
use crate::oauth::metadata::{Metadata, locations};
use crate::oauth::redirect::{Verdict, judge, query_of};

const ISSUER: &str = "https://issuer.example";
/// What was sent to the issuer in confidence.
const SECRET: &str = "s3cret+&value";

pub(super) fn answer(bytes: &[u8]) {
    for status in [200, 400] {
        check_grant(&Response { status, headers: Headers::new(), body: bytes.to_vec(), truncated: false });
    }
    check_introspection(&Response { status: 200, headers: Headers::new(), body: bytes.to_vec(), truncated: false });
    check_metadata(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_redirect(text);
    }
}

fn check_grant(response: &Response) {
    for expected in [Expected::Token, Expected::Exchanged] {
        match answer::read("https://issuer.example/token", response, expected, &[SECRET]) {
            Ok(granted) => {
                assert_eq!(response.status, 200);
                assert!(is_token(granted.token.expose()), "no token can be sent so");
                assert!(granted.refresh.is_none_or(|token| is_token(token.expose())), "no token can be sent so");
            }
            Err(error) => check_shown(&error),
        }
    }
}

/// What an issuer says is shown without control characters, cut, and without what was told to it (H24).
fn check_shown(error: &GrantError) {
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.chars().count() < 600, "{shown}");
    assert!(!format!("{shown} {error:?}").contains(SECRET), "{shown}");
}

/// Only an answer that says so, for this audience, now, and of somebody, lets anybody in (H07).
fn check_introspection(response: &Response) {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let skew = Duration::from_secs(60);
    let rules = Rules { issuer: ISSUER.to_owned(), audience: "open-cli".to_owned(), algorithms: Vec::new(), skew };
    let found = introspection::read(response, &rules, now);
    let said: Option<Value> = serde_json::from_slice(&response.body).ok();
    let active = said.as_ref().and_then(|said| said.get("active")?.as_bool());
    match found {
        Ok(Ok(claims)) => {
            let said = said.expect("an answer is JSON");
            assert_eq!(active, Some(true));
            assert!(said.get("iss").and_then(Value::as_str).is_none_or(|issuer| issuer.is_empty() || issuer == ISSUER));
            let audience = &said["aud"];
            let listed = audience.as_array().is_some_and(|all| all.iter().any(|one| one == "open-cli"));
            assert!(audience == "open-cli" || listed, "for {audience}");
            let late = said["exp"].as_f64().is_some_and(|end| seconds(now) >= end.floor() + 60.0);
            assert!(!late, "expired at {}", said["exp"]);
            assert!(claims.subject.or(claims.client).is_some_and(|name| !name.is_empty()), "nobody");
        }
        Ok(Err(_)) => assert!(active.is_some()),
        Err(trouble) => assert_eq!(trouble, Trouble::Malformed),
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn check_metadata(bytes: &[u8]) {
    let Ok(found) = Metadata::read(bytes, ISSUER) else { return };
    let said: Value = serde_json::from_slice(bytes).expect("metadata is JSON");
    assert_eq!((found.issuer.as_str(), &said["issuer"]), (ISSUER, &Value::from(ISSUER)));
    for url in [found.jwks, found.authorization, found.token].into_iter().flatten() {
        assert!(url.is_http(), "{url}");
        assert!(locations(&url).iter().all(|place| place.shares_origin(&url)), "{url} is asked elsewhere");
    }
}

/// A code counts only with this login's state, and not from another issuer (RFC 9207).
fn check_redirect(pasted: &str) {
    let query = query_of(pasted);
    let form = Form::parse(query);
    let verdict = judge(query, "state-1", Some(ISSUER));
    let one = |name: &str| form.one(name).unwrap_or_else(|_| panic!("{name} stands twice in {query}"));
    match verdict {
        Verdict::Foreign(_) => {}
        Verdict::WrongIssuer(_) => assert!(one("state") == Some("state-1") && one("iss") != Some(ISSUER)),
        Verdict::Denied(text) => {
            assert!(one("state") == Some("state-1") && one("error").is_some(), "{text}");
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        Verdict::Code(code) => {
            assert_eq!((one("state"), one("error")), (Some("state-1"), None), "{query}");
            assert_eq!(one("code"), Some(code.expose().as_str()));
            assert!(one("iss").is_none_or(|issuer| issuer == ISSUER), "{query}");
        }
    }
}
