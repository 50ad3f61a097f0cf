//! `GET /healthz` and `GET /readyz`.

use serde_json::json;

use super::super::router::{Exchange, Outcome};

/// The process answers.
pub fn live(_exchange: &Exchange<'_>) -> Outcome {
    Ok(super::json(&json!({"status": "ok"})))
}

/// A catalog is served.
pub fn ready(exchange: &Exchange<'_>) -> Outcome {
    exchange.app.snapshot()?;
    Ok(super::json(&json!({"status": "ready"})))
}
