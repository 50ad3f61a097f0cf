//! `GET /v1/audit/events`.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::access::ADMIN;
use crate::audit::EventType;
use crate::audit::read::{Filter, Own, find};
use crate::base::form::Form;
use crate::base::time::parse_rfc3339;
use crate::contract::ErrorCode;

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::json_bytes;

/// How many records one answer holds when nothing is said, and at most.
const LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

/// Records as an array, oldest first, each with the very bytes of its line; without `runtime:admin` a token shows its own alone (H10),
/// and of these what its envelope does not hide (H09).
pub fn events(exchange: &Exchange<'_>) -> Outcome {
    let mut filter = filter(&exchange.query)?;
    if let Some(caller) = exchange.principal.caller().filter(|caller| !caller.scopes.has(ADMIN)) {
        filter.own = Some(Own {
            principal: caller.value.clone(),
            kind: caller.kind.as_str().to_owned(),
            issuer: caller.issuer.clone(),
            tools: visible_tools(exchange),
            harmless_reason: ErrorCode::AuthzDenied.as_str(),
        });
    }
    // What was only counted so far belongs to the answer too; that it could not be written is told by the log.
    if let Err(error) = exchange.app.audit.flush() {
        exchange.app.log.error("audit records not kept", &[("error", &error)]);
    }
    let found = find(exchange.app.audit.path(), &filter).map_err(|error| {
        exchange.app.log.error("audit file not read", &[("error", &error)]);
        Failure::new(ErrorCode::Internal, "the audit file could not be read; the runtime's log says why")
    })?;
    let mut out = Vec::with_capacity(2 + found.lines.iter().map(|line| line.len() + 1).sum::<usize>());
    out.push(b'[');
    for (at, line) in found.lines.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(line);
    }
    out.push(b']');
    Ok(json_bytes(out))
}

/// Ids of the envelope; none while there is no catalog.
fn visible_tools(exchange: &Exchange<'_>) -> BTreeSet<String> {
    let Some(snapshot) = exchange.app.state.snapshot() else { return BTreeSet::new() };
    let shelf = &snapshot.shelf;
    let envelope = shelf.visible(&exchange.principal, &snapshot.served.config.policy);
    envelope.indexes().map(|index| shelf.catalog.tool(index).id.to_string()).collect()
}

fn filter(query: &Form) -> Result<Filter, Failure> {
    let wrong = |name: &str, needs: &str| Failure::new(ErrorCode::BadRequest, format!("`{name}` needs {needs}"));
    let time = |name: &str| -> Result<Option<SystemTime>, Failure> {
        let read = |text| parse_rfc3339(text).ok_or_else(|| wrong(name, "a time like 2026-01-31T12:00:00Z"));
        query.get(name).map(read).transpose()
    };
    let number = |name: &str| -> Result<Option<u64>, Failure> {
        query.get(name).map(|text| text.parse().map_err(|_| wrong(name, "a whole number"))).transpose()
    };
    if query.get("follow").is_some_and(|follow| follow != "0") {
        return Err(Failure::new(
            ErrorCode::BadRequest,
            "`follow` is not supported by this version; ask again with `after`",
        ));
    }
    let event_type = query.get("eventType").map(|text| {
        let names: Vec<_> = EventType::ALL.iter().map(|event| event.as_str()).collect();
        EventType::parse(text).ok_or_else(|| wrong("eventType", &format!("one of {}", names.join(", "))))
    });
    let decision = query.get("decision").map(|text| match text {
        "allowed" | "denied" | "error" => Ok(text.to_owned()),
        _ => Err(wrong("decision", "one of allowed, denied, error")),
    });
    let limit = match number("limit")? {
        None => LIMIT,
        Some(limit) => usize::try_from(limit).unwrap_or(MAX_LIMIT).clamp(1, MAX_LIMIT),
    };
    Ok(Filter {
        since: time("since")?,
        until: time("until")?,
        event_type: event_type.transpose()?,
        principal: query.get("principal").map(str::to_owned),
        own: None,
        tool_id: query.get("toolId").map(str::to_owned),
        decision: decision.transpose()?,
        after: number("after")?,
        limit,
    })
}
