//! Asking the issuer about a token (RFC 7662): the request, and what its answer means.
//!
//! Pure. An answer counts only when it is a whole 200 with a JSON object that says `active`; everything else is trouble at the
//! issuer's, which lets nobody in and says nothing about the token (H07).

use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use super::claims::Claims;
use super::client::Client;
use super::jwt::{Rejection, Rules};
use crate::base::form::Form;
use crate::base::json;
use crate::base::url::Url;
use crate::http::{Request, Response};

/// Why an answer says nothing about the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The issuer does not accept the toolbox's own credentials.
    NotLetIn,
    /// Another status than 200.
    Status(u16),
    /// No JSON object with `active`, or one that is cut.
    Malformed,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLetIn => f.write_str("the introspection endpoint refuses the toolbox's client id and secret"),
            Self::Status(status) => write!(f, "the introspection endpoint answered {status}"),
            Self::Malformed => f.write_str("the introspection endpoint's answer is no RFC 7662 answer"),
        }
    }
}

/// What to ask; `client` is the toolbox as the issuer knows it.
pub fn request(endpoint: &Url, token: &str, client: &Client) -> Request {
    let form = Form::new().with("token", token).with("token_type_hint", "access_token");
    client.post(endpoint, form)
}

/// What an answer says: the token's claims, why it is refused, or that nothing is known. `rules.issuer` may be empty, when the
/// configuration names none.
pub fn read(answer: &Response, rules: &Rules, now: SystemTime) -> Result<Result<Claims, Rejection>, Trouble> {
    match answer.status {
        200 if !answer.truncated => {}
        200 => return Err(Trouble::Malformed),
        401 | 403 => return Err(Trouble::NotLetIn),
        status => return Err(Trouble::Status(status)),
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| Trouble::Malformed)?;
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Err(Trouble::Malformed) };
    if !json::duplicate_members(text).is_empty() {
        return Err(Trouble::Malformed);
    }
    match members.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(Err(Rejection::Inactive)),
        _ => return Err(Trouble::Malformed),
    }
    let Ok(claims) = Claims::read(&members) else { return Ok(Err(Rejection::Claim)) };
    Ok(check(&claims, rules, now).map(|()| claims))
}

fn check(claims: &Claims, rules: &Rules, now: SystemTime) -> Result<(), Rejection> {
    let issuer_fits = rules.issuer.is_empty() || claims.issuer.as_ref().is_none_or(|issuer| *issuer == rules.issuer);
    if !issuer_fits {
        return Err(Rejection::Issuer);
    }
    if !claims.is_for(&rules.audience) {
        return Err(Rejection::Audience);
    }
    claims.check_time(now, rules.skew)?;
    if claims.subject.is_none() && claims.client.is_none() {
        return Err(Rejection::NoPrincipal);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    fn rules(issuer: &str) -> Rules {
        Rules {
            issuer: issuer.to_owned(),
            audience: "open-cli".to_owned(),
            algorithms: vec![],
            skew: Duration::from_secs(60),
        }
    }

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Headers::new(), body: body.as_bytes().to_vec(), truncated: false }
    }

    #[track_caller]
    fn check_body(body: &Value, expected: Result<&str, Rejection>) {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let found = read(&answer(200, &body.to_string()), &rules("https://i.example"), now).unwrap();
        let found = found.as_ref().map(|claims| claims.subject.as_deref().or(claims.client.as_deref()).unwrap());
        assert_eq!(found.map_err(|reason| *reason), expected, "{body}");
    }

    #[test]
    fn h07_an_active_answer_is_checked() {
        let with = |name: &str, value: Value| {
            let mut body = json!({"active": true, "sub": "ada", "aud": "open-cli", "exp": 2_000, "scope": "bundle:a"});
            body[name] = value;
            body
        };
        check_body(&with("exp", json!(2_000)), Ok("ada"));
        check_body(&with("exp", json!(1_000.5)), Ok("ada"));
        check_body(&with("exp", json!(939.5)), Err(Rejection::Expired));
        check_body(&with("exp", json!("2000")), Err(Rejection::Claim));
        check_body(&with("exp", Value::Null), Ok("ada"));
        check_body(&with("nbf", json!(5_000)), Err(Rejection::NotYet));
        check_body(&with("aud", json!(["x", "open-cli"])), Ok("ada"));
        check_body(&with("aud", json!("")), Err(Rejection::Audience));
        check_body(&with("aud", Value::Null), Err(Rejection::Audience));
        check_body(&with("iss", json!("https://i.example")), Ok("ada"));
        check_body(&with("iss", json!("https://evil.example")), Err(Rejection::Issuer));
        check_body(&with("active", json!(false)), Err(Rejection::Inactive));
        check_body(&json!({"active": true, "client_id": "ci", "aud": "open-cli"}), Ok("ci"));
        check_body(&json!({"active": true, "aud": "open-cli"}), Err(Rejection::NoPrincipal));
    }

    #[test]
    fn h07_trouble_is_no_answer() {
        let now = UNIX_EPOCH;
        let trouble = |answer: &Response| read(answer, &rules(""), now).unwrap_err();
        for status in [400, 404, 429, 500, 503, 302, 204] {
            assert_eq!(trouble(&answer(status, "{\"active\":true}")), Trouble::Status(status));
        }
        assert_eq!(trouble(&answer(401, "{\"active\":false}")), Trouble::NotLetIn);
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            "{\"active\":\"true\"}",
            "{\"active\":1}",
            "{\"active\":null}",
            "{\"active\":false,\"active\":true}",
        ] {
            assert_eq!(trouble(&answer(200, body)), Trouble::Malformed, "{body}");
        }
        let cut = Response { truncated: true, ..answer(200, "{\"active\":true}") };
        assert_eq!(trouble(&cut), Trouble::Malformed);
    }

    #[test]
    fn the_token_stands_in_the_form() {
        let endpoint = Url::parse("https://i.example/introspect").unwrap();
        let request = request(&endpoint, "a+b", &Client::unknown());
        assert_eq!(request.body, b"token=a%2Bb&token_type_hint=access_token");
        assert_eq!(request.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
    }
}
