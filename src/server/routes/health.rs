//! `GET /healthz` and `GET /readyz`.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use crate::contract::ErrorCode;

/// The process answers.
pub fn live(_exchange: &Exchange<'_>) -> Outcome {
    Ok(super::json(&json!({"status": "ok"})))
}

/// A catalog is served that has something of at least one source (H25), and will be for a while.
pub fn ready(exchange: &Exchange<'_>) -> Outcome {
    if !exchange.app.snapshot()?.serves_something() {
        return Err(Failure::new(ErrorCode::CatalogUnavailable, "no source could be loaded; the log says why"));
    }
    if exchange.app.leaving.load(Ordering::SeqCst) {
        return Err(Failure::new(ErrorCode::Overloaded, "the runtime is about to stop"));
    }
    Ok(super::json(&json!({"status": "ready"})))
}
