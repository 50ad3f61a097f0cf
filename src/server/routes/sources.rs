//! `GET /v1/sources`.

use super::super::router::{Exchange, Outcome};
use super::json;
use crate::access::ADMIN;

/// How the sources fare, as the last looks at them found. Whoever administers the runtime sees all of them, also those that give
/// nothing.
pub fn list(exchange: &Exchange<'_>) -> Outcome {
    let snapshot = exchange.app.snapshot()?;
    let principal = &exchange.principal;
    let visible = snapshot.shelf.visible(principal, &snapshot.served.config.policy);
    Ok(json(&snapshot.sources(principal, principal.has_scope(ADMIN), &visible)))
}
