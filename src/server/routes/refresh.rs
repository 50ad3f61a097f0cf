//! `GET` and `POST /v1/refresh`.

use crate::access::Principal;
use crate::contract::ErrorCode;

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::json;

/// Fetches every source again and says what came of those that the caller may see. Whoever sees none has nothing refreshed.
pub fn refresh(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let before = app.snapshot()?;
    let visible = before.shelf.visible(principal, &before.served.config.policy);
    if *principal != Principal::Anonymous && visible.count() == 0 {
        return Ok(json(&before.refreshed(principal, &visible)));
    }
    let snapshot = app.state.refresh().ok_or_else(|| {
        Failure::new(ErrorCode::Overloaded, "a refresh is under way, and enough callers wait for it; try again")
    })?;
    let visible = snapshot.shelf.visible(principal, &snapshot.served.config.policy);
    Ok(json(&snapshot.refreshed(principal, &visible)))
}
