//! What an upstream said, in the wire's form (contract 4, H23). Pure.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::redact::Redactions;
use crate::contract::ExecuteResponse;
use crate::http::{Headers, Response};

/// Headers passed on, besides those that begin with one of [`PREFIXES`]. Never one that sets or holds a credential.
/// `content-encoding` is there when the way out does not know the coding, and the body is coded bytes then.
const PASSED: [&str; 9] = [
    "content-encoding",
    "etag",
    "location",
    "link",
    "retry-after",
    "x-request-id",
    "deprecation",
    "sunset",
    "content-disposition",
];

/// Rate limits come in several spellings.
const PREFIXES: [&str; 2] = ["x-ratelimit-", "ratelimit"];

/// Why nothing is shown of what cannot be looked into.
pub const WITHHELD: &str = "the tool's redactions can be applied to JSON only, and this is none";
const WITHHELD_CUT: &str = "the tool's redactions can be applied to whole answers only, and this was cut at the limit";

/// The answer with its body: JSON as its very bytes, else text, else base64.
pub fn answer(response: Response, retries: u32) -> ExecuteResponse {
    let mut answer =
        ExecuteResponse { truncated: response.truncated, ..head(response.status, &response.headers, retries) };
    if response.body.is_empty() {
        return answer;
    }
    match String::from_utf8(response.body) {
        Ok(text) if !response.truncated => match serde_json::from_str::<&RawValue>(&text) {
            Ok(json) => {
                answer.around = around(&text);
                answer.body = Some(json.to_owned());
            }
            Err(_) => answer.text = Some(text),
        },
        Ok(text) => answer.text = Some(text),
        Err(bytes) => answer.body_base64 = Some(BASE64_STANDARD.encode(bytes.as_bytes())),
    }
    answer
}

/// Keeps from callers what is redacted, and what cannot be looked into.
pub fn hide(answer: &mut ExecuteResponse, redactions: &Redactions) {
    if redactions.is_empty() {
        return;
    }
    if let Some(json) = answer.body.take() {
        answer.body = Some(shown(json, redactions));
    }
    if answer.text.take().is_some() | answer.body_base64.take().is_some() {
        answer.withheld = Some(if answer.truncated { WITHHELD_CUT } else { WITHHELD }.to_owned());
    }
}

/// The answer without its body.
pub fn head(status: u16, headers: &Headers, retries: u32) -> ExecuteResponse {
    ExecuteResponse {
        status_code: status,
        content_type: headers.get("content-type").unwrap_or_default().to_owned(),
        headers: passed(headers),
        retries,
        ..ExecuteResponse::default()
    }
}

fn shown(json: Box<RawValue>, redactions: &Redactions) -> Box<RawValue> {
    let replaced = match redactions.of_valid_json(json.get()) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    };
    let raw = |text| RawValue::from_string(text).expect("a value of valid JSON was replaced by another one");
    replaced.map_or(json, raw)
}

/// The white space of JSON (RFC 8259 section 2) before and after its text.
fn around(text: &str) -> Option<(String, String)> {
    const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
    let begun = text.trim_start_matches(SPACE);
    let json = begun.trim_end_matches(SPACE);
    let (before, after) = (&text[..text.len() - begun.len()], &begun[json.len()..]);
    (json.len() < text.len()).then(|| (before.to_owned(), after.to_owned()))
}

fn passed(headers: &Headers) -> Map<String, Value> {
    let mut passed = Map::new();
    for (name, value) in headers.iter() {
        if !is_passed(name) {
            continue;
        }
        let name = name.to_ascii_lowercase();
        match passed.get_mut(&name) {
            Some(Value::String(all)) => all.extend([", ", value]),
            _ => drop(passed.insert(name, value.into())),
        }
    }
    passed
}

fn is_passed(name: &str) -> bool {
    let begins = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    PASSED.iter().any(|passed| passed.eq_ignore_ascii_case(name)) || PREFIXES.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content_type: &str, body: &[u8]) -> Response {
        let headers = Headers::new().with("Content-Type", content_type);
        Response { status: 200, headers, body: body.to_vec(), truncated: false }
    }

    /// Serializes the answer and compares its body part.
    #[track_caller]
    fn check(content_type: &str, body: &[u8], expected: &str) {
        let wire = serde_json::to_string(&answer(response(content_type, body), 0)).unwrap();
        assert!(wire.contains(expected), "{wire}");
        assert_eq!(wire.matches("\"body").count() + wire.matches("\"text\"").count(), usize::from(!body.is_empty()));
    }

    #[test]
    fn h24_what_redactions_cannot_look_into_is_withheld() {
        let redactions = Redactions::of(&["token".to_owned()]);
        let answer = |response| {
            let mut answer = answer(response, 0);
            hide(&mut answer, &redactions);
            answer
        };
        let json = answer(response("text/plain", b" {\"token\": 1.50, \"n\": 1.50}\n"));
        assert_eq!(json.body.unwrap().get(), "{\"token\": \"[redacted]\", \"n\": 1.50}");
        for body in [&b"token: s3cret"[..], b"s3cret\xff", b"{\"token\": s3cret}"] {
            let answer = answer(response("text/plain", body));
            assert_eq!((answer.withheld.as_deref(), answer.status_code), (Some(WITHHELD), 200));
            assert!(!serde_json::to_string(&answer).unwrap().contains("s3cret"));
        }
        let cut = Response { truncated: true, ..response("application/json", b"{\"token\": \"s3cret") };
        let cut = answer(cut);
        assert!(cut.truncated && cut.withheld.is_some() && cut.text.is_none());
        assert_eq!(answer(response("text/plain", b"")).withheld, None);
    }

    #[test]
    fn h23_json_passes_as_its_very_bytes() {
        check(
            "application/json",
            b"{\"b\": 1.0,\n \"a\":1e400, \"b\":2}",
            "\"body\":{\"b\": 1.0,\n \"a\":1e400, \"b\":2}",
        );
        check("text/plain", b"[1]", "\"body\":[1]");
        check("application/json", b"\r\n [1]\n", r#""body":[1],"around":["\r\n ","\n"]"#);
        check("application/json", b"12345678901234567890123", "\"body\":12345678901234567890123");
    }

    #[test]
    fn h23_other_answers_survive() {
        check("application/json", b"{\"a\": tru", "\"text\":\"{\\\"a\\\": tru\"");
        check("text/plain", "gr\u{fc}n".as_bytes(), "\"text\":\"gr\u{fc}n\"");
        check("image/png", b"\x89PNG\xFF\0", "\"bodyBase64\":\"iVBOR/8A\"");
        check("application/json", b"", "\"statusCode\":200");
        let mut cut = response("application/json", b"[1]");
        cut.truncated = true;
        let cut = answer(cut, 2);
        assert_eq!((cut.text.as_deref(), cut.body.is_none(), cut.truncated, cut.retries), (Some("[1]"), true, true, 2));
    }

    #[test]
    fn h24_only_harmless_headers_pass() {
        let mut headers = Headers::new();
        for (name, value) in [
            ("ETag", "\"1\""),
            ("Set-Cookie", "session=s3cret"),
            ("Authorization", "s3cret"),
            ("X-RateLimit-Remaining", "5"),
            ("Link", "<a>; rel=next"),
            ("link", "<b>; rel=last"),
            ("Server", "x"),
        ] {
            headers.append(name, value).unwrap();
        }
        let passed = Value::Object(passed(&headers));
        let expected =
            serde_json::json!({"etag": "\"1\"", "x-ratelimit-remaining": "5", "link": "<a>; rel=next, <b>; rel=last"});
        assert_eq!(passed, expected);
    }
}
