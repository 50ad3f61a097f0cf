//! Idempotency keys: which header of a tool takes one, and what one looks like. Pure but for the random bytes of a new one.
//!
//! An upstream that takes such a key does a repeated call once, so that a call with one is repeated as an idempotent operation is.

use super::request::RequestError;
use crate::base::host;
use crate::catalog::{Parameter, Place, Tool};
use crate::contract::ExecuteRequest;

/// Names of headers that take a key.
const NAMES: [&str; 4] = ["idempotency-key", "x-idempotency-key", "idempotency-token", "x-idempotency-token"];

/// What a dry run shows for a key that was made for it: each call has another one.
pub(super) const PLACEHOLDER: &str = "<idempotency-key>";

/// The tool's header that takes a key: one of the usual names, or one that its description calls `idempotency-key` by `x-cli-name`.
pub fn parameter(tool: &Tool) -> Option<&Parameter> {
    let is_named = |name: &str| NAMES.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_key = |flag: &&Parameter| {
        let by_hint = flag.name.strip_suffix("-param").unwrap_or(&flag.name) == NAMES[0];
        flag.location == Place::Header && (is_named(&flag.original_name) || by_hint)
    };
    tool.flags.iter().find(is_key)
}

/// The key of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Key<'a> {
    /// Which header takes it.
    pub parameter: &'a Parameter,
    /// Its value; `None` when it is among the call's flags.
    pub value: Option<String>,
    /// Whether it was made here.
    pub is_made: bool,
}

/// The key that a call of this tool has: the caller's, else a new one; `None` when the tool takes none.
pub fn key<'a>(tool: &'a Tool, request: &ExecuteRequest) -> Result<Option<Key<'a>>, RequestError> {
    let Some(parameter) = parameter(tool) else {
        return match request.idempotency_key {
            Some(_) => Err(RequestError::NoIdempotencyKey),
            None => Ok(None),
        };
    };
    let by_flag = [&parameter.name, &parameter.original_name].map(|name| request.flags.get(name));
    let is_flag = by_flag.into_iter().flatten().any(|value| !value.is_null());
    let key = |value, is_made| Ok(Some(Key { parameter, value, is_made }));
    match &request.idempotency_key {
        Some(_) if is_flag => Err(RequestError::Twice(parameter.name.clone())),
        Some(given) => key(Some(given.clone()), false),
        None if is_flag => key(None, false),
        // Without randomness the call goes without, as the required flag that it then may lack says.
        None => random().map_or(Ok(None), |made| key(Some(made), true)),
    }
}

/// A random UUID (RFC 9562 section 5.4), the form that upstreams ask for.
pub fn random() -> Option<String> {
    let mut bytes: [u8; 16] = host::random().ok()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = crate::base::digest::hex(&bytes);
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tool(name: &str, original: &str, place: &str) -> Tool {
        let flag = json!({"name": name, "originalName": original, "location": place, "required": true});
        Tool { flags: vec![serde_json::from_value(flag).unwrap()], ..Tool::default() }
    }

    #[track_caller]
    fn check_parameter(name: &str, original: &str, place: &str, expected: bool) {
        assert_eq!(parameter(&tool(name, original, place)).is_some(), expected, "{name} {original} {place}");
    }

    #[test]
    fn headers_that_take_a_key_are_known() {
        check_parameter("idempotency-key-param", "Idempotency-Key", "header", true);
        check_parameter("key", "X-IDEMPOTENCY-KEY", "header", true);
        check_parameter("token", "idempotency-token", "header", true);
        check_parameter("idempotency-key", "X-Once", "header", true);
        check_parameter("idempotency-key", "Idempotency-Key", "query", false);
        check_parameter("x-request-id", "X-Request-Id", "header", false);
    }

    #[track_caller]
    fn check(flags: &Value, member: Option<&str>, expected: Result<Option<&str>, RequestError>) {
        let request = ExecuteRequest {
            flags: flags.as_object().unwrap().clone(),
            idempotency_key: member.map(str::to_owned),
            ..ExecuteRequest::default()
        };
        let tool = tool("k", "Idempotency-Key", "header");
        let found = key(&tool, &request).map(|key| key.unwrap().value);
        assert_eq!(found, expected.map(|value| value.map(str::to_owned)));
    }

    #[test]
    fn the_callers_key_comes_first() {
        check(&json!({}), Some("mine"), Ok(Some("mine")));
        check(&json!({"k": "mine"}), None, Ok(None));
        check(&json!({"Idempotency-Key": "mine"}), None, Ok(None));
        check(&json!({"k": null}), Some("mine"), Ok(Some("mine")));
        check(&json!({"k": "mine"}), Some("mine"), Err(RequestError::Twice("k".into())));
    }

    #[test]
    fn a_new_key_is_a_uuid_and_never_the_same() {
        let request = ExecuteRequest::default();
        let made = || key(&tool("k", "Idempotency-Key", "header"), &request).unwrap().unwrap().value.unwrap();
        let (one, other) = (made(), made());
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[14..15], one.matches('-').count()), (36, "4", 4));
    }

    #[test]
    fn a_key_that_nothing_takes_is_refused() {
        let request = ExecuteRequest { idempotency_key: Some("k".into()), ..ExecuteRequest::default() };
        assert_eq!(key(&Tool::default(), &request), Err(RequestError::NoIdempotencyKey));
        assert_eq!(key(&Tool::default(), &ExecuteRequest::default()), Ok(None));
    }
}
