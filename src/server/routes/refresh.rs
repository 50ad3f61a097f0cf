//! `GET` and `POST /v1/refresh`.

use crate::access::envelope;

use super::super::router::{Exchange, Outcome};
use super::json;

/// Fetches every source again and says what came of those that the caller may see.
pub fn refresh(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let snapshot = app.state.refresh();
    let envelope = envelope::of(principal, &snapshot.shelf.catalog, &snapshot.served.config.policy);
    Ok(json(&snapshot.refreshed(principal, &envelope.intersect(&snapshot.shelf.listed))))
}
