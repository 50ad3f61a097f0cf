//! `GET /v1/audit/events`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::access::bearer::{self, Bearer};
use crate::audit::EventType;
use crate::audit::read::{Filter, Next, Own, find};
use crate::base::form::Form;
use crate::base::name::nearest;
use crate::base::redacted::Redacted;
use crate::base::time::parse_rfc3339;
use crate::contract::{ErrorCode, path};
use crate::http::server::{Answer, Body, Stream};

use super::super::describe;
use super::super::error::Failure;
use super::super::follow::{Follow, Rights};
use super::super::router::{Exchange, Outcome};
use super::json_bytes;

/// How many records one answer holds when nothing is said, how many a stream begins with, and how many there are at most.
const LIMIT: usize = 1_000;
const FIRST: usize = 10;
const MAX_LIMIT: usize = 10_000;

/// Records as an array, oldest first, each with the very bytes of its line; without `runtime:admin` a token shows its own alone (H10),
/// and of these what its envelope does not hide (H09).
pub fn events(exchange: &Exchange<'_>) -> Outcome {
    known(&exchange.query)?;
    let follows = match exchange.query.get("follow") {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Failure::new(ErrorCode::BadRequest, "`follow` is neither `0` nor `1`")),
    };
    let mut filter = filter(&exchange.query, if follows { FIRST } else { LIMIT })?;
    if let Some(caller) = exchange.principal.caller().filter(|_| !exchange.is_admin()) {
        filter.own = Some(Own {
            principal: caller.value.clone(),
            kind: caller.kind.as_str().to_owned(),
            issuer: caller.issuer.clone(),
            tools: visible_tools(exchange),
            harmless_reason: ErrorCode::AuthzDenied.as_str(),
        });
    }
    // What was only counted so far belongs to the newest records too; that it could not be written is told by the log. Who goes on behind
    // a record may ask every second, and does not make a record of what is counted for ten.
    if filter.after.is_none()
        && let Err(error) = exchange.app.audit.flush()
    {
        exchange.app.log.error("audit records not kept", &[("error", &error)]);
    }
    if follows {
        return follow(exchange, filter);
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
    let mut answer = json_bytes(out);
    if let Some(next) = found.next {
        // Escaped as it came, so that it can stand there.
        answer.headers.append("Link", &format!("<{}?{}>; rel=\"next\"", path::AUDIT, next_query(exchange, next))).ok();
    }
    Ok(answer)
}

/// The same question about the next page.
fn next_query(exchange: &Exchange<'_>, next: Next) -> String {
    let (name, number) = match next {
        Next::After(number) => ("after", number),
        Next::Before(number) => ("before", number),
    };
    let mut query = Form::new();
    exchange.query.pairs().filter(|(given, _)| *given != name).for_each(|(name, value)| query.push(name, value));
    query.with(name, &number.to_string()).encode()
}

/// Records as they come, as server-sent events whose ids are the records' numbers: after `Last-Event-ID` or `after`, else the newest ones
/// first, as many as `limit` says.
fn follow(exchange: &Exchange<'_>, mut filter: Filter) -> Outcome {
    if filter.before.is_some() || filter.until.is_some() {
        return Err(Failure::new(
            ErrorCode::BadRequest,
            "`follow` has no end, so neither `before` nor `until` goes with it",
        ));
    }
    if let Some(last) = exchange.request.headers.get("Last-Event-ID") {
        let number =
            last.parse().map_err(|_| Failure::new(ErrorCode::BadRequest, "`Last-Event-ID` is no record's number"))?;
        filter.after = Some(number);
    }
    let source = Box::new(Follow::new(Arc::clone(&exchange.app.audit), filter, rights(exchange)));
    let mut answer = Answer::new(200, "text/event-stream", []);
    answer.body = Body::Stream(Stream::new(source, exchange.owner_of_streams()));
    answer.headers = std::mem::take(&mut answer.headers).with("Cache-Control", "no-store");
    Ok(answer)
}

/// Whether who began a stream may go on as before: with the configuration of its beginning in force, and a token that is still good and
/// has the same scopes. Otherwise it ends, and whoever follows asks again.
fn rights(exchange: &Exchange<'_>) -> Rights {
    let (state, served) = (Arc::clone(&exchange.app.state), exchange.app.state.served());
    let validator = served.validator.clone();
    let token = match bearer::read(&exchange.request.headers) {
        Bearer::Token(token) => Some(Redacted::new(token.to_owned())),
        _ => None,
    };
    let begun = exchange.principal.clone();
    Rights {
        in_force: Box::new(move || Arc::ptr_eq(&served, &state.served())),
        let_in: Box::new(move || match (&validator, &token) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(validator), Some(token)) => {
                validator.authenticate(token.expose()).is_ok_and(|admitted| begun.caller() == Some(&*admitted.caller))
            }
        }),
    }
}

/// Ids of the envelope; none while there is no catalog.
fn visible_tools(exchange: &Exchange<'_>) -> BTreeSet<String> {
    let Some(snapshot) = exchange.app.state.snapshot() else { return BTreeSet::new() };
    let shelf = &snapshot.shelf;
    let envelope = shelf.visible(&exchange.principal, &snapshot.served.config.policy);
    envelope.indexes().map(|index| shelf.catalog.tool(index).id.to_string()).collect()
}

/// A filter that is spelled wrong must not show everything.
fn known(query: &Form) -> Result<(), Failure> {
    let names: Vec<&str> = describe::table::AUDIT.query_names().collect();
    let Some((unknown, _)) = query.pairs().find(|(name, _)| !names.contains(name)) else { return Ok(()) };
    let near = nearest(unknown, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    let message = format!("there is no parameter `{}`{}", unknown.escape_debug(), near.unwrap_or_default());
    Err(Failure::new(ErrorCode::BadRequest, message))
}

fn filter(query: &Form, usual: usize) -> Result<Filter, Failure> {
    let wrong = |name: &str, needs: &str| Failure::new(ErrorCode::BadRequest, format!("`{name}` needs {needs}"));
    let time = |name: &str| -> Result<Option<SystemTime>, Failure> {
        let read = |text| parse_rfc3339(text).ok_or_else(|| wrong(name, "a time like 2026-01-31T12:00:00Z"));
        query.get(name).map(read).transpose()
    };
    let number = |name: &str| -> Result<Option<u64>, Failure> {
        query.get(name).map(|text| text.parse().map_err(|_| wrong(name, "a whole number"))).transpose()
    };
    let event_type = query.get("eventType").map(|text| {
        let names: Vec<_> = EventType::ALL.iter().map(|event| event.as_str()).collect();
        EventType::parse(text).ok_or_else(|| wrong("eventType", &format!("one of {}", names.join(", "))))
    });
    let decision = query.get("decision").map(|text| match text {
        "allowed" | "denied" | "error" => Ok(text.to_owned()),
        _ => Err(wrong("decision", "one of allowed, denied, error")),
    });
    let limit = match number("limit")? {
        None => usual,
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
        before: number("before")?,
        limit,
    })
}
