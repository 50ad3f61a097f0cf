//! `GET /v1/catalog/effective` and `GET /v1/tools`.

use crate::access::policy;
use crate::audit::{EventType, Verdict};
use crate::catalog::view::Detail;
use crate::contract::ErrorCode;

use super::super::app::event_of;
use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::super::snapshot::Ready;
use super::validated;

/// The catalog as the caller may see it, and the view that the request selects.
pub fn effective(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, request, query, principal, .. } = exchange;
    let detail = match query.get("detail") {
        None | Some("full") => Detail::Full,
        Some("summary") => Detail::Summary,
        Some(_) => return Err(Failure::new(ErrorCode::BadRequest, "`detail` is neither `full` nor `summary`")),
    };
    let snapshot = app.snapshot()?;
    let (served, shelf) = (&snapshot.served, &snapshot.shelf);
    let selection = snapshot.select(principal, query.get("mode"), query.get("agentProfile"))?;
    let envelope = shelf.visible(principal, &served.config.policy);
    if envelope != shelf.listed {
        let event = event_of(EventType::CatalogFiltered, Verdict::Allowed, principal, request);
        app.audit.count(event);
    }
    let ready = shelf
        .effective(&envelope, &selection.view, detail)
        .ok_or_else(|| Failure::new(ErrorCode::Internal, "the catalog has no view of that name"))?;
    Ok(validated(&ready, &request.headers))
}

/// One tool, whole. What the caller may not see does not exist.
pub fn tool(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, request, query, principal, .. } = exchange;
    let Some(id) = query.get("id") else {
        return Err(Failure::new(ErrorCode::BadRequest, "the query needs `id`, a tool's id"));
    };
    let snapshot = app.snapshot()?;
    let shelf = &snapshot.shelf;
    let envelope = shelf.visible(principal, &snapshot.served.config.policy);
    match shelf.catalog.find(id).filter(|index| envelope.contains(*index)) {
        Some(index) => Ok(validated(&Ready::new(shelf.catalog.tool_json(index)), &request.headers)),
        None => Err(policy::unknown_tool(principal).into()),
    }
}
