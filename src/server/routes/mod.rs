//! The handlers, one file per group of endpoints. Each only sequences calls: select, decide, do, record, answer.

pub mod audit;
pub mod catalog;
pub mod description;
pub mod execute;
pub mod health;
pub mod metrics;
pub mod policy;
pub mod refresh;
pub mod runtime;
pub mod session;
pub mod sources;
pub mod upstream;

use serde::Serialize;

use crate::base::json::Position;
use crate::contract::ErrorCode;
use crate::http::Headers;
use crate::http::server::Answer;

use super::error::Failure;
use super::snapshot::Ready;

/// A 200 with a JSON body that is not to be kept.
fn json(value: &impl Serialize) -> Answer {
    json_of_size(value, 0)
}

/// As [`json`], where it is known about how many bytes there will be.
fn json_of_size(value: &impl Serialize, size: usize) -> Answer {
    let mut body = Vec::with_capacity(size);
    serde_json::to_writer(&mut body, value).expect("the contract's types serialize");
    json_bytes(body)
}

/// A 200 with a validator, or a 304 when the caller has these very bytes (RFC 9110 section 13.1.2).
fn validated(ready: &Ready, headers: &Headers) -> Answer {
    let known = headers.all("If-None-Match").flat_map(|list| list.split(',')).map(str::trim);
    let mut known = known.map(|tag| tag.strip_prefix("W/").unwrap_or(tag));
    let mut answer = match known.any(|tag| tag == ready.etag || tag == "*") {
        true => Answer::empty(304),
        false => Answer::new(200, "application/json", std::sync::Arc::clone(&ready.bytes)),
    };
    for (name, value) in [("ETag", ready.etag.as_str()), ("Cache-Control", "private, no-cache")] {
        answer.headers.append(name, value).expect("a validator is printable");
    }
    answer
}

/// Reads a JSON body; the error says where it goes wrong.
fn body<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    // The derived reader would take an array too, and give its items meaning by their place.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(Failure::new(
            ErrorCode::BadRequest,
            "the body is wrong at line 1, column 1: it must be a JSON object",
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let Position { line, column } = Position { line: error.line(), column: error.column() };
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Failure::new(ErrorCode::BadRequest, format!("the body is wrong at line {line}, column {column}: {message}"))
    })
}

/// A body put together from pieces of JSON.
fn json_bytes(bytes: Vec<u8>) -> Answer {
    let mut answer = Answer::new(200, "application/json", bytes);
    answer.headers = std::mem::take(&mut answer.headers).with("Cache-Control", "no-store");
    answer
}
