//! Failures of the HTTP API and the answers they become (contract 4).
//!
//! The body is the bare code as text; callers whose `Accept` names JSON get RFC 9457 problem details.

use crate::access::policy::Refusal;
use crate::base::host;
use crate::contract::{ErrorCode, Problem};
use crate::http::Headers;
use crate::http::server::{Answer, Rejection};

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: ErrorCode,
    /// For the caller: what and what to do; never a secret, a path of this machine or an upstream's words to anonymous callers.
    pub detail: String,
    /// `Allow` of a 405.
    pub allow: Option<String>,
    /// Whether a request came without any token; RFC 6750 section 3.1 wants no error code then.
    pub no_token: bool,
}

impl Failure {
    /// A failure with words for the caller.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), allow: None, no_token: false }
    }

    /// The `WWW-Authenticate` of a 401, and of a 403 that other scopes would change (RFC 6750 section 3); `metadata` is where RFC 9728
    /// metadata is.
    pub fn challenge(&self, metadata: Option<&str>) -> Option<String> {
        let error = match self.code {
            ErrorCode::AuthnFailed if self.no_token => None,
            ErrorCode::AuthnFailed => Some("invalid_token"),
            ErrorCode::AuthzDenied => Some("insufficient_scope"),
            _ => return None,
        };
        let mut parts = vec!["realm=\"open-cli\"".to_owned()];
        if let Some(error) = error {
            // A quoted string (RFC 9110 section 5.6.4) of the characters that RFC 6750 allows.
            let safe = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
            parts.push(format!("error=\"{error}\""));
            parts.push(format!("error_description=\"{}\"", self.detail.chars().filter(safe).collect::<String>()));
        }
        parts.extend(metadata.map(|url| format!("resource_metadata=\"{url}\"")));
        Some(format!("Bearer {}", parts.join(", ")))
    }

    /// The answer, without `X-Request-ID`; `challenge` is for 401 and 403.
    pub fn answer(&self, accept: Option<&str>, request_id: &str, challenge: Option<&str>) -> Answer {
        self.worded(self.code.row().status, accept, request_id, challenge)
    }

    /// The answer with a status that says more about HTTP than the code's own, and with `X-Request-ID`.
    fn answer_as(&self, status: u16, accept: Option<&str>, request_id: &str) -> Answer {
        let mut answer = self.worded(status, accept, request_id, None);
        answer.headers = answer.headers.with("X-Request-ID", request_id);
        answer
    }

    fn worded(&self, status: u16, accept: Option<&str>, request_id: &str, challenge: Option<&str>) -> Answer {
        let row = self.code.row();
        let mut answer = if accept.is_some_and(names_json) {
            let problem = Problem {
                kind: "about:blank".to_owned(),
                title: row.title.to_owned(),
                status,
                detail: self.detail.clone(),
                code: row.text.to_owned(),
                request_id: request_id.to_owned(),
            };
            let body = serde_json::to_vec(&problem).expect("a struct of texts serializes");
            Answer::new(status, "application/problem+json", body)
        } else {
            Answer::new(status, "text/plain; charset=utf-8", row.text.as_bytes())
        };
        let headers = std::mem::take(&mut answer.headers).with("Cache-Control", "no-store");
        answer.headers = match status {
            503 => headers.with("Retry-After", "5"),
            _ => headers,
        };
        if let Some(challenge) = challenge {
            answer.headers = answer.headers.with("WWW-Authenticate", challenge);
        }
        if let Some(allow) = &self.allow {
            answer.headers = answer.headers.with("Allow", allow);
        }
        answer
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.detail)
    }
}

/// Whether `Accept` names JSON; `*/*` does not.
fn names_json(accept: &str) -> bool {
    accept.split(',').any(crate::http::is_json)
}

/// An answer that says which request it is to.
pub fn with_request_id(mut answer: Answer, id: &str) -> Answer {
    // The id was made here, or checked to be printable.
    answer.headers.append("X-Request-ID", id).ok();
    answer
}

/// The caller's own id when it is printable and at most 128 characters, else a new one.
pub fn request_id(headers: &Headers, make: impl FnOnce() -> String) -> String {
    let given = headers.get("X-Request-ID").unwrap_or("");
    if !given.is_empty() && given.len() <= 128 && given.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return given.to_owned();
    }
    make()
}

/// The answers that the HTTP server gives by itself.
pub fn framing_answer(rejection: Rejection, headers: &Headers) -> Answer {
    // Without randomness requests cannot be told apart, which is no reason to refuse them.
    let id = request_id(headers, || host::random_id().unwrap_or_else(|_| "unknown".to_owned()));
    framing(rejection).answer_as(rejection.status(), headers.get("Accept"), &id)
}

/// What such an answer says.
pub fn framing(rejection: Rejection) -> Failure {
    let (code, detail) = match rejection {
        Rejection::Malformed(what) => (ErrorCode::BadRequest, format!("the request cannot be read: {what}")),
        Rejection::TooSlow => (ErrorCode::BadRequest, "the request did not come in time".to_owned()),
        Rejection::LengthRequired => {
            (ErrorCode::BadRequest, "a request with a body needs a Content-Length in HTTP/1.0".to_owned())
        }
        Rejection::BodyTooLarge(most) => (ErrorCode::BodyTooLarge, format!("the body is larger than {most} bytes")),
        Rejection::TargetTooLong => (ErrorCode::BadRequest, "the address is too long".to_owned()),
        Rejection::Expectation => (ErrorCode::BadRequest, "of Expect only 100-continue is known".to_owned()),
        Rejection::HeadTooLarge => {
            (ErrorCode::BadRequest, "the headers are larger than 16 KiB, or more than 64".to_owned())
        }
        Rejection::UnknownCoding => (ErrorCode::BadRequest, "of Transfer-Encoding only chunked is known".to_owned()),
        Rejection::Overloaded => (ErrorCode::Overloaded, "there is too much to do at the moment; try again".to_owned()),
        Rejection::Unanswered => {
            let detail = "the runtime did not answer in time; what was asked for may have been done";
            (ErrorCode::ExecutionTimeout, detail.to_owned())
        }
        Rejection::Version => (ErrorCode::BadRequest, "only HTTP/1.1 and HTTP/1.0 are spoken here".to_owned()),
        Rejection::Failed => (ErrorCode::Internal, "the runtime failed; its log may say why".to_owned()),
    };
    Failure::new(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::server::Body;

    fn text(answer: &Answer) -> String {
        match &answer.body {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Stream(_) => panic!("errors are bytes"),
        }
    }

    #[test]
    fn errors_are_bare_codes_or_problem_details() {
        let failure = Failure::new(ErrorCode::ManagedDeny, "no");
        for accept in [None, Some("*/*"), Some("text/html, */*;q=0.1")] {
            let answer = failure.answer(accept, "r1", None);
            assert_eq!((answer.status, text(&answer).as_str()), (403, "managed_deny"), "{accept:?}");
        }
        for accept in ["application/json", "text/html, application/problem+json;q=0.5"] {
            let answer = failure.answer(Some(accept), "r1", None);
            assert_eq!(answer.headers.get("Content-Type"), Some("application/problem+json"));
            let problem: Problem = serde_json::from_str(&text(&answer)).unwrap();
            assert_eq!((problem.code.as_str(), problem.status, problem.detail.as_str()), ("managed_deny", 403, "no"));
            assert_eq!(problem.request_id, "r1");
        }
    }

    #[test]
    fn statuses_carry_their_headers() {
        let header =
            |code, name: &str| Failure::new(code, "").answer(None, "", None).headers.get(name).map(str::to_owned);
        assert_eq!(header(ErrorCode::AuditUnavailable, "Retry-After").as_deref(), Some("5"));
        assert_eq!(header(ErrorCode::BadRequest, "Retry-After"), None);
    }

    #[track_caller]
    fn check_challenge(failure: &Failure, expected: Option<&str>) {
        assert_eq!(failure.challenge(Some("https://t.example/m")).as_deref(), expected);
    }

    #[test]
    fn challenges_are_those_of_rfc_6750_and_rfc_9728() {
        let failed = |detail: &str| Failure::new(ErrorCode::AuthnFailed, detail);
        let none = Failure { no_token: true, ..failed("no token came") };
        check_challenge(&none, Some("Bearer realm=\"open-cli\", resource_metadata=\"https://t.example/m\""));
        check_challenge(
            &failed("the \"token\" is\r\nbad \\ ü"),
            Some(
                "Bearer realm=\"open-cli\", error=\"invalid_token\", error_description=\"the token isbad  \", \
                 resource_metadata=\"https://t.example/m\"",
            ),
        );
        let denied = Failure::new(ErrorCode::AuthzDenied, "no").challenge(None).unwrap();
        assert_eq!(denied, "Bearer realm=\"open-cli\", error=\"insufficient_scope\", error_description=\"no\"");
        check_challenge(&Failure::new(ErrorCode::PolicyDeny, "no"), None);
        let answer = none.answer(None, "r1", none.challenge(None).as_deref());
        assert_eq!(answer.headers.get("WWW-Authenticate"), Some("Bearer realm=\"open-cli\""));
    }

    #[test]
    fn request_ids_are_taken_or_made() {
        let id = |text: &str| request_id(&Headers::new().with("X-Request-ID", text), || "m".repeat(32));
        assert_eq!(id("abc 1"), "abc 1");
        for bad in ["", &"x".repeat(129), "ü"] {
            let made = id(bad);
            assert_eq!(made.len(), 32, "{made}");
        }
        let answer = framing_answer(Rejection::BodyTooLarge(9), &Headers::new().with("X-Request-ID", "mine"));
        assert_eq!((text(&answer).as_str(), answer.headers.get("X-Request-ID")), ("body_too_large", Some("mine")));
    }
}
