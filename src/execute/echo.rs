//! Keys in a query that an upstream repeats in addresses, as in the `Link` to its next page. Pure.
//!
//! Only headers are looked at: a body is passed on as its very bytes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::request::{Credential, CredentialPlace, plain};
use crate::base::url::decode;

/// How often an address may stand encoded in another one.
const DEPTH: usize = 3;

/// What ends a part of an address, or the address.
const ENDS: [char; 9] = ['?', '&', '#', ';', ' ', '<', '>', '"', '\''];

/// Puts the scheme's name in angle brackets where a header has such a key, however it is encoded (H24); encoded itself, so that the address
/// stays one.
pub(super) fn hide(headers: &mut Map<String, Value>, credentials: &[Credential]) {
    for credential in credentials {
        let CredentialPlace::Query(name) = &credential.place else { continue };
        let value = credential.value.expose();
        let shown = format!("=%3C{}%3E", plain(&credential.scheme));
        for header in headers.values_mut() {
            let Value::String(text) = header else { continue };
            // As it is, whatever stands in it; then in every other spelling.
            let bare = text.replace(&format!("{name}={value}"), &format!("{name}{shown}"));
            let told: String = bare.split_inclusive(ENDS).map(|part| hidden(part, name, value, &shown)).collect();
            *text = told;
        }
    }
}

/// One part of an address, with what ended it.
fn hidden<'a>(part: &'a str, name: &str, value: &str, shown: &str) -> Cow<'a, str> {
    let (inner, end) = part.split_at(part.trim_end_matches(ENDS).len());
    let Some((left, _)) = inner.split_once('=').or_else(|| inner.split_once('%')) else { return Cow::Borrowed(part) };
    let holds = |text: &str| {
        let decoded = std::iter::successors(Some(decode(text)), |text| text.contains('%').then(|| decode(text)));
        decoded.take(DEPTH).any(|text| has_pair(&text, &format!("{name}={value}")))
    };
    match holds(inner) || (inner.contains('+') && holds(&inner.replace('+', "%20"))) {
        true => Cow::Owned(format!("{left}{shown}{end}")),
        false => Cow::Borrowed(part),
    }
}

/// Whether a decoded text has the pair from one end to the other.
fn has_pair(text: &str, pair: &str) -> bool {
    text.match_indices(pair).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + pair.len()..]);
        (before.is_empty() || before.ends_with(ENDS)) && (after.is_empty() || after.starts_with(ENDS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::redacted::Redacted;
    use serde_json::json;

    #[test]
    fn h24_a_key_that_comes_back_in_an_address_is_not_passed_on() {
        let key = Credential {
            scheme: "api key".to_owned(),
            place: CredentialPlace::Query("key[]".to_owned()),
            value: Redacted::new("s3/cret".to_owned()),
        };
        let mut headers = json!({
            "link": "<https://h/b?key%5B%5D=s3%2Fcret&page=2>; rel=next, <https://h/c?key[]=s3/cret>; rel=last",
            "etag": "\"s3\"",
        });
        hide(headers.as_object_mut().unwrap(), &[key]);
        let expected =
            "<https://h/b?key%5B%5D=%3Capi_key%3E&page=2>; rel=next, <https://h/c?key[]=%3Capi_key%3E>; rel=last";
        assert_eq!(headers, json!({"link": expected, "etag": "\"s3\""}));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let key = Credential {
            scheme: "k".to_owned(),
            place: CredentialPlace::Query("key".to_owned()),
            value: Redacted::new("a b/c+d=\u{e9}".to_owned()),
        };
        let mut headers = json!({ "location": text });
        hide(headers.as_object_mut().unwrap(), &[key]);
        assert_eq!(headers["location"], expected);
    }

    #[test]
    fn h24_no_spelling_of_a_key_is_passed_on() {
        for spelled in [
            "a%20b%2Fc%2Bd%3D%C3%A9",
            "a+b%2Fc%2Bd%3D%C3%A9",
            "a%20b/c%2bd=%c3%a9",
            "%61%20%62%2F%63%2B%64%3D%C3%A9",
            "a%20b/c+d=\u{e9}",
            "a b/c+d=\u{e9}",
        ] {
            check(&format!("https://h/x?key={spelled}&n=1#f"), "https://h/x?key=%3Ck%3E&n=1#f");
            check(&format!("</x?n=1&key={spelled}>; rel=\"next\""), "</x?n=1&key=%3Ck%3E>; rel=\"next\"");
        }
        check("/login?to=%2Fx%3Fkey%3Da%2520b%252Fc%252Bd%253D%25C3%25A9", "/login?to=%3Ck%3E");
        for other in ["/x?key=a%20b%2Fc", "/x?akey=a%20b%2Fc%2Bd%3D%C3%A9", "/x?n=%zz&key=", "\"etag%\""] {
            check(other, other);
        }
    }
}
