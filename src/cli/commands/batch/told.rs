//! What a batch says of one call: one line of JSON.
//!
//! Pure. An upstream's JSON stays as it came, but for line breaks between its tokens, which would end the line, and what is redacted.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::catalog::Tool;
use crate::cli::commands::answer::{cut, withheld};
use crate::cli::report::{self, Failure};
use crate::contract::ExecuteResponse;
use crate::execute::redact::Redactions;

/// A call that is over, or was none.
pub(super) struct Told<'a> {
    /// The number of its line, from 1.
    pub(super) number: u64,
    /// As its line gave it.
    pub(super) id: Option<&'a RawValue>,
    /// Which tool, as far as it was found.
    pub(super) tool: Option<&'a Tool>,
    /// What the runtime answered.
    pub(super) response: Option<&'a ExecuteResponse>,
    /// What is wrong.
    pub(super) failure: Option<&'a Failure>,
    /// The runtime's id of the exchange.
    pub(super) request_id: Option<&'a str>,
    /// How long it took.
    pub(super) took: Duration,
}

/// What an answer means for the exit code; `None` when all is well.
pub(super) fn failure(tool: &Tool, response: &ExecuteResponse) -> Option<Failure> {
    Failure::upstream(response.status_code, tool.id.as_str(), "this line")
        .or_else(|| response.withheld.is_some().then(|| withheld(tool, response)))
        .or_else(|| response.truncated.then(|| cut(tool)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: Option<&'a RawValue>,
    line: u64,
    ok: bool,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    request_id: Option<&'a str>,
    duration_ms: f64,
}

impl Told<'_> {
    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        let body = self.response.and_then(|response| response.body.as_deref());
        let redactions = self.tool.map_or_else(|| Redactions::of(&[]), |tool| Redactions::of(&tool.output.redactions));
        let body = body.map(|json| on_one_line(redactions.of_valid_json(json.get())));
        // What was JSON before is JSON now.
        let body = body.as_deref().and_then(|json| serde_json::from_str::<&RawValue>(json).ok());
        let id = self.id.map(|id| on_one_line(Cow::Borrowed(id.get())));
        let line = Line {
            id: id.as_deref().and_then(|id| serde_json::from_str(id).ok()),
            line: self.number,
            ok: self.failure.is_none(),
            exit: self.failure.map_or(report::OK, |failure| failure.exit),
            tool: self.tool.map(|tool| tool.id.as_str()),
            status: self.response.map(|response| response.status_code),
            content_type: self.response.map_or("", |response| response.content_type.as_str()),
            headers: self.response.map(|response| &response.headers).filter(|headers| !headers.is_empty()),
            body,
            text: self.response.and_then(|response| response.text.as_deref()),
            body_base64: self.response.and_then(|response| response.body_base64.as_deref()),
            truncated: self.response.is_some_and(|response| response.truncated),
            error: self.failure.map(Failure::as_json),
            request_id: self.request_id.or(self.failure.and_then(|failure| failure.request_id.as_deref())),
            duration_ms: (self.took.as_secs_f64() * 1e4).round() / 10.0,
        };
        let mut bytes = serde_json::to_vec(&line).expect("a line is JSON");
        bytes.push(b'\n');
        bytes
    }
}

/// JSON without line breaks, which can only stand between its tokens.
fn on_one_line(json: Cow<'_, str>) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        true => Cow::Owned(json.replace(['\n', '\r'], " ")),
        false => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(response: &Value, redactions: &Value) -> String {
        let tool: Tool = serde_json::from_value(json!({
            "id": "s:t", "serviceId": "s", "method": "GET", "path": "/", "group": "g", "command": "c",
            "output": {"redactions": redactions},
            "safety": {"readOnly": true, "destructive": false, "requiresApproval": false, "idempotent": true}
        }))
        .unwrap();
        let response: ExecuteResponse = serde_json::from_str(&response.to_string()).unwrap();
        let failure = failure(&tool, &response);
        let id = serde_json::from_str::<Box<RawValue>>("{\"a\":\n1}").unwrap();
        let told = Told {
            number: 3,
            id: Some(&id),
            tool: Some(&tool),
            response: Some(&response),
            failure: failure.as_ref(),
            request_id: Some("r"),
            took: Duration::from_micros(1234),
        };
        String::from_utf8(told.line()).unwrap()
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let body: Box<RawValue> = serde_json::from_str("{ \"a\" : 1.0,\r\n \"b\\n\": [\n] }").unwrap();
        let response = json!({"statusCode": 200, "contentType": "application/json", "headers": {"etag": "e"}});
        let text = serde_json::to_string(&response).unwrap();
        let response: ExecuteResponse = serde_json::from_str(&text).unwrap();
        let response = ExecuteResponse { body: Some(body), ..response };
        let told = Told {
            number: 1,
            id: None,
            tool: None,
            response: Some(&response),
            failure: None,
            request_id: None,
            took: Duration::ZERO,
        };
        assert_eq!(
            String::from_utf8(told.line()).unwrap(),
            "{\"id\":null,\"line\":1,\"ok\":true,\"exit\":0,\"status\":200,\"contentType\":\"application/json\",\"headers\":{\"etag\":\"e\"},\"body\":{ \"a\" : 1.0,   \"b\\n\": [ ] },\"requestId\":null,\"durationMs\":0.0}\n"
        );
    }

    #[test]
    fn an_answer_that_is_no_success_is_a_failure_with_its_body() {
        let line = told(&json!({"statusCode": 404, "text": "no\nsuch"}), &json!([]));
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&said["ok"], &said["exit"], &said["text"]), (&json!(false), &json!(8), &json!("no\nsuch")));
        assert_eq!(said["error"]["code"], "upstream_client_error");
        assert_eq!(
            (&said["id"], &said["durationMs"], &said["requestId"]),
            (&json!({"a": 1}), &json!(1.2), &json!("r"))
        );
        let line = told(&json!({"statusCode": 200, "truncated": true, "text": "half"}), &json!([]));
        assert!(line.contains("\"truncated\":true") && line.contains("\"exit\":1"), "{line}");
    }

    #[test]
    fn h24_what_is_redacted_is_not_told() {
        let line = told(&json!({"statusCode": 200, "body": {"token": "hunter2", "a": 1}}), &json!(["token"]));
        assert!(!line.contains("hunter2") && line.contains("[redacted]"), "{line}");
    }
}
