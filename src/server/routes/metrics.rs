//! `GET /metrics`.

use crate::http::server::Answer;

use super::super::metrics::{CONTENT_TYPE, table};
use super::super::router::{Exchange, Outcome};

/// Numbers about all callers' work, so they are for administrators (H10).
pub fn page(exchange: &Exchange<'_>) -> Outcome {
    exchange.admin_only("reading metrics")?;
    let mut answer = Answer::new(200, CONTENT_TYPE, table::page(exchange.app).into_bytes());
    answer.headers = std::mem::take(&mut answer.headers).with("Cache-Control", "no-store");
    Ok(answer)
}
