//! One request with its query and path variable read, and the answers a handler can give.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::base::form::Form;
use crate::http::server::{Answer, Inbound};

/// A request that a route was found for.
pub(super) struct Call<'a> {
    /// As it arrived.
    pub(super) request: &'a Inbound,
    /// The path variable, decoded; empty for routes without one.
    pub(super) variable: String,
    query: Form,
}

/// What a handler decides: an answer, and how long it is held back.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// Waited for before the answer leaves.
    pub wait: Duration,
}

/// A refusal, as the answer it becomes.
pub(super) type Refused = Box<Reply>;

impl<'a> Call<'a> {
    /// Reads the query.
    pub(super) fn new(request: &'a Inbound, variable: String) -> Self {
        Self { request, variable, query: Form::parse(&request.query) }
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.pairs().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All values of a query parameter.
    pub(super) fn query_all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.query.pairs().filter(move |(found, _)| *found == name).map(|(_, value)| value)
    }

    /// A number in the query, within bounds.
    pub(super) fn number<T>(&self, name: &str, least: T, most: T, absent: T) -> Result<T, Refused>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let Some(text) = self.query(name) else { return Ok(absent) };
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(bad(&format!("`{name}` must be a number from {least} to {most}"))),
        }
    }

    /// The body as JSON of one shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_slice(&self.request.body).map_err(|error| bad(&format!("the body does not fit: {error}")))
    }
}

impl Reply {
    /// At once.
    pub(super) fn now(answer: Answer) -> Self {
        Self { answer, wait: Duration::ZERO }
    }

    /// JSON.
    pub(super) fn json(status: u16, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("the demo API's values have text keys only");
        Self::now(Answer::new(status, "application/json", bytes))
    }

    /// RFC 9457.
    pub(super) fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
        Self::now(Answer::new(status, "application/problem+json", body.to_string().into_bytes()))
    }

    /// With one more header, whose value has no control characters.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.answer.headers.append(name, value).expect("the demo API makes its header values of plain text");
        self
    }
}

/// 400.
pub(super) fn bad(detail: &str) -> Refused {
    Box::new(Reply::problem(400, "The request does not fit the description", detail))
}

/// 404.
pub(super) fn missing(what: &str) -> Refused {
    Box::new(Reply::problem(404, "Not found", &format!("there is no such {what}")))
}
