//! The API's description of itself: OpenAPI 3.1, made from the route table.
//!
//! Key types: [`Operation`], what is said of one method of a path; `router::ROUTES` takes no method without one. [`document`] puts
//! the whole together: what every route shares (request ids, codes, what the framing of HTTP refuses) is added here, schemas are
//! those of `contract::schema`. It says what this version does, not how one toolbox is configured, so it is the same for all.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::error;
use super::router::{ROUTES, Route, Token};
use crate::contract::{ErrorCode, STREAM_TYPE, schema};
use crate::http::rejection::Rejection;

pub mod table;

/// What is said of one method of a path.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`; that of HEAD has a suffix.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it belongs to.
    pub tag: &'static str,
    /// The scope that a token needs besides.
    pub scope: Option<&'static str>,
    /// Besides `config` and `If-None-Match`.
    pub parameters: &'static [Parameter],
    /// The schema of the body, and whether there must be one.
    pub body: Option<(&'static str, bool)>,
    /// What a 200 holds.
    pub content: Content,
    /// Whether a 200 has a validator, so that there is a 304.
    pub validated: bool,
    /// What it refuses, besides what [`failures`] adds.
    pub codes: &'static [ErrorCode],
}

/// What a 200 holds.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// JSON of one of these schemas.
    Json(&'static [&'static str]),
    /// Audit records, whole pages with a link to the next one, or as a stream.
    Records,
    /// What an execution answers: at once, or as a stream of lines.
    Execution,
    /// The page for monitors.
    Metrics,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    name: &'static str,
    place: &'static str,
    required: bool,
    value: Value,
    description: &'static str,
}

/// What the value of a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// Any text.
    Text,
    /// Any text that is there.
    Filled,
    /// A whole number of 64 bits.
    Number,
    /// RFC 3339 in UTC, from 1970 on.
    Time,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// As this schema says.
    Named(&'static str),
}

impl Operation {
    /// What may stand in the query.
    pub fn query_names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.parameters.iter().filter(|parameter| parameter.place == "query").map(|parameter| parameter.name)
    }
}

impl Parameter {
    const fn query(name: &'static str, value: Value, description: &'static str) -> Self {
        Self { name, place: "query", required: false, value, description }
    }

    const fn header(name: &'static str, description: &'static str) -> Self {
        Self { name, place: "header", required: false, value: Value::Text, description }
    }

    fn json(&self) -> Json {
        let Self { name, place, required, description, .. } = self;
        let schema = self.value.schema();
        let mut out =
            json!({"name": name, "in": place, "required": required, "description": description, "schema": schema});
        if *place == "query" && !required {
            // An empty one counts as absent.
            out["allowEmptyValue"] = true.into();
        }
        out
    }
}

impl Value {
    fn schema(self) -> Json {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Filled => json!({"type": "string", "minLength": 1}),
            Self::Number => json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
            Self::Time => {
                json!({"type": "string", "format": "date-time", "pattern": "^(19[7-9]|[2-9][0-9]{2})[0-9]-.*Z$"})
            }
            Self::OneOf(values) => json!({"type": "string", "enum": values}),
            Self::Named(name) => named(name),
        }
    }
}

/// Codes by status.
pub type Failures = BTreeMap<u16, Vec<ErrorCode>>;

const CONFIG: Parameter = Parameter::query("config", Value::Text, "The served configuration's path, or nothing.");
const IF_NONE_MATCH: Parameter = Parameter::header("If-None-Match", "An ETag that the caller has.");

/// Every refusal of an operation. Codes are answered with their own status, what cannot be read as HTTP with one that says more.
pub fn failures(route: &Route, operation: &Operation) -> Failures {
    let all = [ErrorCode::BadRequest, ErrorCode::ForbiddenOrigin, ErrorCode::Overloaded, ErrorCode::Internal];
    let tokens: &[ErrorCode] = match route.token {
        Token::Needed => &[ErrorCode::AuthnFailed, ErrorCode::AuthnUnavailable, ErrorCode::RuntimeAttachMismatch],
        Token::Welcome => &[ErrorCode::AuthnFailed, ErrorCode::AuthnUnavailable],
        Token::Ignored => &[],
    };
    let codes = all.iter().chain(tokens).chain(operation.codes).map(|code| (code.status(), *code));
    let framing = Rejection::ALL.map(|rejection| (rejection.status(), error::framing(rejection).code));
    let mut failures = Failures::new();
    for (status, code) in codes.chain(framing) {
        let known = failures.entry(status).or_default();
        if !known.contains(&code) {
            known.push(code);
        }
    }
    failures
}

/// The whole description.
pub fn document() -> Json {
    let mut shared = Map::new();
    let paths: Map<_, _> = ROUTES.iter().map(|route| (route.path.to_owned(), path_item(route, &mut shared))).collect();
    // No described method is answered so, but every path is.
    share(&mut shared, 405, &[ErrorCode::MethodNotAllowed]);
    let schemas: Json = serde_json::from_str(schema::json()).expect("a file of this source, which a test reads");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "open-cli toolbox",
            "version": crate::VERSION,
            "description": "A governed runtime for the tools of HTTP APIs. Errors are the bare code as text, or RFC 9457 problem \
                            details for callers whose Accept names JSON. A method that a path does not list is answered as the \
                            response `405.method_not_allowed` says. X-Request-ID is taken over when it is printable and at most \
                            128 characters. A toolbox without runtime auth asks for no token.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "RFC 6750."}},
            "headers": headers(),
            "responses": shared,
            "schemas": schemas,
        },
    })
}

fn path_item(route: &Route, shared: &mut Map<String, Json>) -> Json {
    let operations = route.operations().into_iter();
    operations.map(|(method, says)| (method.to_lowercase(), operation(route, method, says, shared))).collect()
}

fn operation(route: &Route, method: &str, says: &Operation, shared: &mut Map<String, Json>) -> Json {
    let head = method == "HEAD";
    let config = (route.token == Token::Needed).then_some(&CONFIG);
    let validator = says.validated.then_some(&IF_NONE_MATCH);
    let mut out = json!({
        "operationId": format!("{}{}", says.id, if head { "Head" } else { "" }),
        "summary": says.summary,
        "tags": [says.tag],
        "security": security(route.token, says.scope),
        "parameters": says.parameters.iter().chain(config).chain(validator).map(Parameter::json).collect::<Vec<_>>(),
    });
    if let Some((name, required)) = says.body {
        out["requestBody"] = json!({"required": required, "content": {"application/json": {"schema": named(name)}}});
    }
    let mut responses = Map::new();
    responses.insert("200".to_owned(), success(says, head));
    if says.validated {
        let described = json!({"description": "The caller has it.", "headers": carried(&["X-Request-ID", "ETag"])});
        responses.insert("304".to_owned(), described);
    }
    for (status, codes) in failures(route, says) {
        let name = share(shared, status, &codes);
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    out["responses"] = responses.into();
    out
}

/// The outer list is OR; an empty alternative is no token.
fn security(token: Token, scope: Option<&str>) -> Json {
    let bearer = json!({"bearer": Vec::from_iter(scope)});
    match token {
        Token::Needed => json!([bearer]),
        Token::Welcome => json!([{}, bearer]),
        Token::Ignored => json!([]),
    }
}

fn success(says: &Operation, head: bool) -> Json {
    let mut names = vec!["X-Request-ID"];
    names.extend(says.validated.then_some("ETag"));
    let content = match says.content {
        Content::Json([name]) => json!({"application/json": {"schema": named(name)}}),
        Content::Json(names) => {
            let schemas: Vec<_> = names.iter().map(|name| named(name)).collect();
            json!({"application/json": {"schema": {"oneOf": schemas}}})
        }
        Content::Records => {
            names.push("Link");
            let records = json!({"type": "array", "items": named("AuditRecord")});
            // Of a stream, the schema is that of each event.
            json!({"application/json": {"schema": records}, "text/event-stream": {"schema": named("FollowedRecord")}})
        }
        Content::Execution => {
            let whole = ["ExecuteResponse", "DryRunResponse"].map(named);
            let lines = ["ExecuteResponse", "StreamPiece", "StreamEnd"].map(named);
            // Of a stream, the schema is that of each line.
            json!({"application/json": {"schema": {"oneOf": whole}}, STREAM_TYPE: {"schema": {"anyOf": lines}}})
        }
        Content::Metrics => json!({"text/plain": {"schema": {"type": "string"}}}),
    };
    let mut out = json!({"description": says.summary, "headers": carried(&names)});
    if !head {
        out["content"] = content;
    }
    out
}

/// Puts a refusal where every operation may point to, and gives its name there.
fn share(shared: &mut Map<String, Json>, status: u16, codes: &[ErrorCode]) -> String {
    let texts: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let name = format!("{status}.{}", texts.join("."));
    let titles: Vec<_> = codes.iter().map(|code| code.row().title).collect();
    let headers = match status {
        401 => carried(&["X-Request-ID", "WWW-Authenticate"]),
        403 if codes.contains(&ErrorCode::AuthzDenied) => {
            let mut headers = carried(&["X-Request-ID"]);
            headers["WWW-Authenticate"] = json!({"$ref": "#/components/headers/Insufficient-Scope"});
            headers
        }
        405 => carried(&["X-Request-ID", "Allow"]),
        503 => carried(&["X-Request-ID", "Retry-After"]),
        _ => carried(&["X-Request-ID"]),
    };
    let problem = json!({
        "allOf": [named("Problem")],
        "properties": {"status": {"const": status}, "code": {"enum": texts}},
    });
    shared.entry(name.clone()).or_insert_with(|| {
        json!({
            "description": titles.join("; "),
            "headers": headers,
            "content": {
                "text/plain": {"schema": {"type": "string", "enum": texts}},
                "application/problem+json": {"schema": problem},
            },
        })
    });
    name
}

fn carried(names: &[&str]) -> Json {
    names.iter().map(|name| (*name, json!({"$ref": format!("#/components/headers/{name}")}))).collect()
}

fn headers() -> Json {
    let header = |required: bool, description: &str, schema: Json| json!({"required": required, "description": description, "schema": schema});
    let text = || json!({"type": "string"});
    json!({
        "X-Request-ID": header(true, "The caller's, or made here.", json!({"type": "string", "minLength": 1, "maxLength": 128})),
        "ETag": header(true, "A strong validator.", json!({"type": "string", "pattern": "^\"[0-9a-f]{32}\"$"})),
        "Link": header(false, "The address of the next page, with `rel=\"next\"`, whenever there may be one.", text()),
        "Retry-After": header(true, "Seconds.", json!({"type": "integer", "minimum": 0})),
        "WWW-Authenticate": header(true, "RFC 6750, with RFC 9728 metadata.", json!({"type": "string", "pattern": "^Bearer "})),
        "Insufficient-Scope": header(false, "With `authz_denied`: RFC 6750.", json!({"type": "string", "pattern": "^Bearer "})),
        "Allow": header(true, "The methods of the path.", text()),
    })
}

fn named(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests;
