//! The demo API: a small stock room, so that a runtime has something real to call.
//!
//! `openapi.yaml` beside this file describes it, and is served at `/openapi.json` and `/openapi.yaml`. Key types: [`DemoApi`],
//! and [`Reply`], an answer with the time it is held back. Pure: it never waits, reads a clock or opens anything.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::digest::of_bytes;
use crate::base::document;
use crate::base::url::{decode, encode_query};
use crate::http::server::{Answer, Body, Inbound};

mod call;
mod credentials;
mod stock;

use call::{Call, Refused, bad, missing};
use stock::{ItemChange, NewItem, Search, Sort, State, Stock};

pub use call::Reply;

const DOCUMENT: &str = include_str!("openapi.yaml");

/// A picture of one transparent pixel; binary, with bytes that are no UTF-8.
const PICTURE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1,
    0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

type Handle = fn(&DemoApi, &Call<'_>) -> Result<Reply, Refused>;

/// Method, template, handler; a template has at most one variable, its last segment.
const ROUTES: &[(&str, &str, Handle)] = &[
    ("GET", "/items", DemoApi::list_items),
    ("POST", "/items", DemoApi::create_item),
    ("GET", "/items/{itemId}", DemoApi::get_item),
    ("PUT", "/items/{itemId}", DemoApi::replace_item),
    ("PATCH", "/items/{itemId}", DemoApi::update_item),
    ("DELETE", "/items/{itemId}", DemoApi::delete_item),
    ("GET", "/search", DemoApi::search_items),
    ("POST", "/exports", DemoApi::start_export),
    ("GET", "/exports/{exportId}", DemoApi::get_export),
    ("GET", "/slow", DemoApi::wait_a_while),
    ("GET", "/files/report", DemoApi::read_report),
    ("GET", "/files/picture", |_, _| Ok(Reply::now(Answer::new(200, "image/png", PICTURE)))),
    ("GET", "/faults/unauthorized", |_, _| Ok(unauthorized("this operation lets nobody in"))),
    ("GET", "/faults/forbidden", |_, _| Ok(Reply::problem(403, "Forbidden", "this operation is closed to everybody"))),
    ("GET", "/faults/too-many-requests", DemoApi::fail_too_many_requests),
    ("GET", "/faults/error", |_, _| Ok(Reply::problem(500, "Internal error", "this operation always fails"))),
    ("GET", "/faults/flaky", DemoApi::fail_sometimes),
    ("GET", "/access/bearer", |_, call| access("bearer", credentials::bearer(call))),
    ("GET", "/access/basic", |_, call| access("basic", credentials::basic(call))),
    ("GET", "/access/key-header", |_, call| access("key-header", credentials::key_in_header(call))),
    ("GET", "/access/key-query", |_, call| access("key-query", credentials::key_in_query(call))),
    ("GET", "/access/key-cookie", |_, call| access("key-cookie", credentials::key_in_cookie(call))),
    ("GET", "/access/several", |_, call| {
        let both = credentials::basic(call) && credentials::key_in_header(call);
        access("several", credentials::bearer(call) || both)
    }),
    ("GET", "/access/optional", |_, call| access(if credentials::bearer(call) { "bearer" } else { "anonymous" }, true)),
    ("POST", "/echo", |_, call| Ok(echo(call))),
    ("GET", "/echo/{segment}", |_, call| Ok(echo(call))),
    ("GET", "/openapi.json", |api, call| Ok(api.json_document.answer(call))),
    ("GET", "/openapi.yaml", |api, call| Ok(api.yaml_document.answer(call))),
];

/// The demo API with its stock.
#[derive(Debug)]
pub struct DemoApi {
    stock: Mutex<Stock>,
    json_document: Document,
    yaml_document: Document,
}

impl Default for DemoApi {
    fn default() -> Self {
        Self::new()
    }
}

impl DemoApi {
    /// A fresh stock room.
    pub fn new() -> Self {
        let value = document::parse(DOCUMENT.as_bytes()).expect("the demo API's document is valid YAML");
        let json = serde_json::to_vec_pretty(&value).expect("a JSON value always serializes");
        Self {
            stock: Mutex::new(Stock::new()),
            json_document: Document::new("application/json", &json),
            yaml_document: Document::new("application/yaml", DOCUMENT.as_bytes()),
        }
    }

    /// Answers one request.
    pub fn answer(&self, request: &Inbound) -> Reply {
        let fitting: Vec<_> =
            ROUTES.iter().filter_map(|route| Some((route, variable(route.1, &request.path)?))).collect();
        let Some((route, variable)) = fitting.iter().find(|(route, _)| route.0 == request.method) else {
            let allowed: BTreeSet<&str> = fitting.iter().map(|(route, _)| route.0).collect();
            return no_route(allowed);
        };
        let call = Call::new(request, variable.clone());
        (route.2)(self, &call).unwrap_or_else(|refused| *refused)
    }

    fn stock(&self) -> std::sync::MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_items(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let limit = call.number("limit", 1, 100, 20)?;
        let page = self.stock().page(call.query("cursor"), limit);
        let (items, more) = page.ok_or_else(|| bad("`cursor` is none that this API gave out"))?;
        let Some(last) = items.last().filter(|_| more) else { return Ok(Reply::json(200, &json!({ "items": items }))) };
        let next = format!("</items?limit={limit}&cursor={}>; rel=\"next\"", encode_query(&last.id));
        Ok(Reply::json(200, &json!({ "items": items, "nextCursor": last.id })).header("Link", &next))
    }

    fn create_item(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let fields = named(call.json()?)?;
        let full = || Box::new(Reply::problem(409, "Conflict", "the stock room is full; remove an item first"));
        let item = self.stock().add(fields).ok_or_else(full)?;
        Ok(Reply::json(201, &item).header("Location", &format!("/items/{}", item.id)))
    }

    fn get_item(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let item = self.stock().item(&call.variable).ok_or_else(|| missing("item"))?;
        Ok(Reply::json(200, &item))
    }

    fn replace_item(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let fields = named(call.json()?)?;
        let item = self.stock().replace(&call.variable, fields).ok_or_else(|| missing("item"))?;
        Ok(Reply::json(200, &item))
    }

    fn update_item(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let change: ItemChange = call.json()?;
        let item = self.stock().change(&call.variable, change).ok_or_else(|| missing("item"))?;
        Ok(Reply::json(200, &item))
    }

    fn delete_item(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        self.stock().remove(&call.variable).ok_or_else(|| missing("item"))?;
        Ok(Reply::now(Answer::empty(204)))
    }

    fn search_items(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let state = |text| State::parse(text).ok_or_else(|| bad("`state` is available, reserved or retired"));
        let search = Search {
            text: call.query("q").unwrap_or_default().to_owned(),
            states: call.query_all("state").map(state).collect::<Result<_, _>>()?,
            tags: call.query_all("tag").map(str::to_owned).collect(),
            min_quantity: call.number("minQuantity", 0, u32::MAX, 0)?,
            sort: match call.query("sort") {
                None | Some("id") => Sort::Id,
                Some("name") => Sort::Name,
                Some("quantity") => Sort::Quantity,
                Some(_) => return Err(bad("`sort` is id, name or quantity")),
            },
        };
        Ok(Reply::json(200, &json!({ "items": self.stock().search(&search) })))
    }

    fn start_export(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let body: Value = if call.request.body.is_empty() { json!({}) } else { call.json()? };
        let polls = match &body["polls"] {
            Value::Null => 1,
            value => value.as_u64().filter(|polls| *polls <= 100).ok_or_else(|| bad("`polls` is 0 to 100"))?,
        };
        let status = self.stock().start_export(u32::try_from(polls).expect("it is at most 100"));
        let place = format!("/exports/{}", status.id);
        Ok(Reply::json(202, &status).header("Location", &place).header("Retry-After", "0"))
    }

    fn get_export(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let status = self.stock().poll_export(&call.variable).ok_or_else(|| missing("export"))?;
        Ok(Reply::json(200, &status))
    }

    fn wait_a_while(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let seconds = call.number("seconds", 0.0, 60.0, f64::NAN)?;
        let wait = Duration::try_from_secs_f64(seconds).map_err(|_| bad("`seconds` is needed"))?;
        Ok(Reply { wait, ..Reply::json(200, &json!({ "waitedSeconds": seconds })) })
    }

    fn read_report(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let items = self.stock().search(&Search::default());
        let rows = items.iter().map(|item| (&item.fields.name, item.fields.quantity));
        let (media_type, text) = match call.query("format") {
            None | Some("text") => {
                ("text/plain; charset=utf-8", rows.map(|(name, n)| format!("{n} of {name}\n")).collect::<String>())
            }
            Some("csv") => ("text/csv; charset=utf-8", rows.map(|(name, n)| format!("{name},{n}\r\n")).collect()),
            Some(_) => return Err(bad("`format` is text or csv")),
        };
        Ok(Reply::now(Answer::new(200, media_type, text.into_bytes())))
    }

    fn fail_too_many_requests(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let seconds = call.number("retryAfter", 0, 60, 1)?;
        let reply = Reply::problem(429, "Too many requests", "this operation is always busy");
        Ok(reply.header("Retry-After", &seconds.to_string()))
    }

    fn fail_sometimes(&self, call: &Call<'_>) -> Result<Reply, Refused> {
        let key =
            call.query("key").filter(|key| key.len() <= 100).ok_or_else(|| bad("`key` is needed, up to 100 bytes"))?;
        let failures = call.number("failures", 0, 10, 1)?;
        let attempts = self.stock().attempt(key);
        if attempts > failures {
            return Ok(Reply::json(200, &json!({ "attempts": attempts })));
        }
        Ok(Reply::problem(503, "Unavailable", "it recovers when asked again").header("Retry-After", "0"))
    }
}

/// The document in one syntax, with its ETag.
#[derive(Debug)]
struct Document {
    media_type: &'static str,
    etag: String,
    bytes: Arc<[u8]>,
}

impl Document {
    fn new(media_type: &'static str, bytes: &[u8]) -> Self {
        Self { media_type, etag: format!("\"{}\"", &of_bytes(bytes)[..16]), bytes: bytes.into() }
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        let known = call.request.headers.get("If-None-Match") == Some(&self.etag);
        let mut answer = if known { Answer::empty(304) } else { Answer::new(200, self.media_type, []) };
        if !known {
            answer.body = Body::Bytes(Arc::clone(&self.bytes));
        }
        Reply::now(answer).header("ETag", &self.etag).header("Cache-Control", "no-cache")
    }
}

/// The decoded variable when a path as sent fits a template; empty for a template without variable.
fn variable(template: &str, path: &str) -> Option<String> {
    match template.split_once('{') {
        None => (template == path).then(String::new),
        Some((prefix, _)) => {
            path.strip_prefix(prefix).filter(|rest| !rest.is_empty() && !rest.contains('/')).map(decode)
        }
    }
}

fn no_route(allowed: BTreeSet<&str>) -> Reply {
    if allowed.is_empty() {
        return *missing("path");
    }
    let allowed = Vec::from_iter(allowed).join(", ");
    Reply::problem(405, "Method not allowed", &format!("this path takes {allowed}")).header("Allow", &allowed)
}

fn named(fields: NewItem) -> Result<NewItem, Refused> {
    if fields.name.is_empty() { Err(bad("`name` may not be empty")) } else { Ok(fields) }
}

fn access(kind: &str, granted: bool) -> Result<Reply, Refused> {
    if granted {
        Ok(Reply::json(200, &json!({ "access": kind })))
    } else {
        Ok(unauthorized("the credentials do not fit"))
    }
}

fn unauthorized(detail: &str) -> Reply {
    Reply::problem(401, "Unauthorized", detail).header("WWW-Authenticate", "Bearer realm=\"demo\"")
}

fn echo(call: &Call<'_>) -> Reply {
    let request = call.request;
    let headers: Vec<_> = request.headers.iter().collect();
    let body = String::from_utf8_lossy(&request.body);
    let seen = json!({
        "method": request.method, "path": request.path, "query": request.query, "headers": headers, "body": body,
    });
    Reply::json(200, &seen)
}

#[cfg(test)]
mod tests;
