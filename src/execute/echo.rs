//! Keys in a query that an upstream repeats in addresses, as in the `Link` to its next page. Pure.
//!
//! Only headers are looked at: a body is passed on as its very bytes.

use serde_json::{Map, Value};

use super::request::{Credential, CredentialPlace, plain};
use crate::base::url::encode_query;

/// Puts the scheme's name in angle brackets where a header has such a key (H24); encoded, so that the address stays one.
pub(super) fn hide(headers: &mut Map<String, Value>, credentials: &[Credential]) {
    for credential in credentials {
        let CredentialPlace::Query(name) = &credential.place else { continue };
        let value = credential.value.expose();
        for header in headers.values_mut() {
            let Value::String(text) = header else { continue };
            for name in [name.clone(), encode_query(name)] {
                for value in [encode_query(value), value.clone()] {
                    let pair = format!("{name}={value}");
                    if text.contains(&pair) {
                        *text = text.replace(&pair, &format!("{name}=%3C{}%3E", plain(&credential.scheme)));
                    }
                }
            }
        }
    }
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
}
