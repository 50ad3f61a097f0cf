//! A tool and arguments to a request. Pure: everything is checked here, before a secret is read or anything is sent (H20).
//!
//! Key types: [`Draft`], the request without credentials; [`Credential`], what is added to it; [`RequestError`]. The draft keeps
//! query and cookies as pairs, so that a credential can take the place of whatever a caller put there.

use std::fmt;

use serde_json::Value;

use super::body::{self, Body, BodyError};
use super::check::{Checks, Findings, MAX_PROBLEMS, Problem};
use super::path;
use super::style::{self, Datum};
use super::value;
use crate::base::name::nearest;
use crate::base::redacted::Redacted;
use crate::base::url::{Url, decode, encode_query};
use crate::catalog::{Parameter, Place, Tool};
use crate::contract::ExecuteRequest;
use crate::http::{CODINGS, HeaderError, Headers, Method, Request};

pub mod follow;

/// JSON first, anything else behind.
const ACCEPT: &str = "application/json, */*;q=0.8";

/// Streams first, for an upstream that goes by it.
const ACCEPT_STREAM: &str = "text/event-stream, application/x-ndjson, application/json;q=0.9, */*;q=0.8";

const USER_AGENT: &str = concat!("open-cli-toolbox/", env!("CARGO_PKG_VERSION"));

/// Header fields that belong to the connection; nobody sets them by a parameter.
const FRAMING: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "keep-alive",
    "proxy-authorization",
];

/// A request without its credentials.
#[derive(Clone, Debug)]
pub struct Draft {
    method: Method,
    /// Scheme, authority and path, encoded.
    address: String,
    /// Name unencoded, and the encoded pair.
    query: Vec<(String, String)>,
    headers: Headers,
    cookies: Vec<(String, String)>,
    body: Option<Body>,
}

/// Something secret to add to a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The security scheme it is for; stands for the value in what people see.
    pub scheme: String,
    /// Where it goes.
    pub place: CredentialPlace,
    /// The value as it is sent, without the prefix.
    pub value: Redacted<String>,
}

/// Where a credential goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// A header field, its value behind a prefix such as `Bearer `.
    Header {
        /// The field.
        name: String,
        /// Empty for none.
        prefix: &'static str,
    },
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
}

/// What is wrong with the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// Too few path arguments; the first that is missing.
    PathMissing(String),
    /// Too many path arguments.
    PathTooMany {
        /// How many were given.
        given: usize,
        /// What the path takes.
        takes: Vec<String>,
    },
    /// A path argument that is empty, `.` or `..`, alone or with what stands beside it.
    PathSegment(String),
    /// The description's path cannot be filled.
    Template,
    /// No such flag, and the nearest there is.
    UnknownFlag {
        /// As given.
        name: String,
        /// A likely slip.
        nearest: Option<String>,
    },
    /// Original names of several flags are the same.
    AmbiguousFlag {
        /// As given.
        name: String,
        /// What to use instead.
        flags: Vec<String>,
    },
    /// One flag under two names.
    Twice(String),
    /// Required flags that were not given.
    Missing(Vec<String>),
    /// Values that the schemas do not allow; at most [`MAX_PROBLEMS`].
    Invalid(Vec<Problem>),
    /// A value that cannot be written into a header or cookie.
    Unsendable(String),
    /// A header that is not the caller's to set.
    Framing(String),
    /// A key for a tool that has no header for one.
    NoIdempotencyKey,
    /// The body.
    Body(BodyError),
    /// The whole is no URL that can be sent.
    Url(String),
    /// The tool's method is not one that is sent.
    Method,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathMissing(name) => write!(f, "the path argument `{name}` is missing"),
            Self::PathTooMany { given, takes } if takes.is_empty() => {
                write!(f, "{given} path arguments were given, but this tool takes none")
            }
            Self::PathTooMany { given, takes } => {
                write!(
                    f,
                    "{given} path arguments were given, but this tool takes {}: {}",
                    takes.len(),
                    takes.join(", ")
                )
            }
            Self::PathSegment(name) => {
                write!(f, "the path argument `{name}` is empty, `.` or `..`, which would lead to another path")
            }
            Self::Template => f.write_str("the description's path template cannot be filled"),
            Self::UnknownFlag { name, nearest: Some(nearest) } => {
                write!(f, "there is no flag `{name}`; did you mean `{nearest}`?")
            }
            Self::UnknownFlag { name, nearest: None } => write!(f, "there is no flag `{name}`"),
            Self::AmbiguousFlag { name, flags } => {
                write!(f, "`{name}` is the original name of several flags; use one of {}", flags.join(", "))
            }
            Self::Twice(name) => write!(f, "the flag `{name}` is given twice, by its own and by its original name"),
            Self::Missing(names) => write!(f, "required flags are missing: {}", names.join(", ")),
            Self::Invalid(problems) => {
                let said: Vec<String> = problems.iter().map(Problem::to_string).collect();
                let more = if problems.len() < MAX_PROBLEMS { "" } else { "; there may be more" };
                write!(f, "{}{more}", said.join("; "))
            }
            Self::Unsendable(name) => write!(f, "the value of `{name}` has characters that may not be sent there"),
            Self::Framing(name) => write!(f, "the header `{name}` belongs to the connection and cannot be set"),
            Self::NoIdempotencyKey => f.write_str("this tool declares no header that takes an idempotency key"),
            Self::Body(error) => error.fmt(f),
            Self::Url(cause) => write!(f, "the request's URL cannot be sent: {cause}"),
            Self::Method => f.write_str("the tool's method is not one that can be sent"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            _ => None,
        }
    }
}

impl From<BodyError> for RequestError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

/// Builds the request of a tool below a base URL, and as it is without credentials. `checks` remembers the schemas of earlier calls.
pub fn build(
    tool: &Tool,
    request: &ExecuteRequest,
    base: &Url,
    checks: &Checks,
) -> Result<(Draft, Request), RequestError> {
    build_with_key(tool, request, base, checks, None)
}

/// As [`build`], with an idempotency key that is not among the flags.
pub fn build_with_key(
    tool: &Tool,
    request: &ExecuteRequest,
    base: &Url,
    checks: &Checks,
    key: Option<(&Parameter, &Value)>,
) -> Result<(Draft, Request), RequestError> {
    let findings = Findings::new(checks, !request.no_validate);
    let (path, template_query) = path::fill(tool, &request.path_args, &findings)?;
    let mut draft = Draft {
        method: Method::parse(&tool.method).ok_or(RequestError::Method)?,
        address: format!("{}{path}", base.public().trim_end_matches('/')),
        query: base.query().into_iter().chain(template_query.as_deref()).flat_map(pairs).collect(),
        headers: headers(request)?,
        cookies: Vec::new(),
        body: None,
    };
    let mut given = flags(tool, request)?;
    given.extend(key);
    let mut content_type = None;
    for (flag, value) in &given {
        if flag.location == Place::Header && flag.original_name.eq_ignore_ascii_case("content-type") {
            content_type = Some(style::text(value));
        } else {
            draft.add(flag, value, &findings)?;
        }
    }
    draft.body = body::body(tool, request, content_type.as_deref(), &findings)?;
    missing(tool.flags.iter(), &given, draft.body.is_some())?;
    let problems = findings.finish();
    if !problems.is_empty() {
        return Err(RequestError::Invalid(problems));
    }
    let bare = draft.finish(&[])?;
    Ok((draft, bare))
}

/// What goes along with every request; a parameter may take its place.
fn headers(request: &ExecuteRequest) -> Result<Headers, RequestError> {
    // Coded text comes in the coder's pieces, not in the upstream's.
    let (wanted, codings) = if request.stream { (ACCEPT_STREAM, "identity") } else { (ACCEPT, CODINGS) };
    let accept = request.accept.as_deref().filter(|accept| !accept.is_empty());
    let mut headers = Headers::new();
    headers.append("Accept", accept.unwrap_or(wanted)).map_err(|_| RequestError::Unsendable("accept".to_owned()))?;
    Ok(headers.with("Accept-Encoding", codings).with("User-Agent", USER_AGENT))
}

impl Draft {
    /// How many bytes of body are sent.
    pub fn body_size(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.bytes.len())
    }

    fn add(&mut self, flag: &Parameter, value: &Value, findings: &Findings<'_>) -> Result<(), RequestError> {
        let fitted = fitted(&flag.name, flag, value, findings);
        // A text that a nullable schema reads as `null` is undefined like `null` itself (RFC 6570 section 2.3).
        if fitted.is_null() && flag.content_type.is_none() {
            return Ok(());
        }
        // A parameter of a media type is one text, whatever it holds.
        let fitted = if flag.content_type.is_some() { fitted.to_string().into() } else { fitted };
        let datum = || Datum::from_json(&fitted);
        let (name, unsendable) = (&flag.original_name, || RequestError::Unsendable(flag.name.clone()));
        match flag.location {
            Place::Path => {}
            Place::Query => {
                self.query.extend(style::in_query(name, flag.style, flag.explode, flag.allow_reserved, &fitted));
            }
            Place::Header if is_framing(name) => {
                return Err(RequestError::Framing(name.clone()));
            }
            Place::Header => {
                let written = style::in_header(flag.style, flag.explode, &datum());
                self.headers.set(name, &written).map_err(|_| unsendable())?;
            }
            Place::Cookie => {
                let cookies = style::in_cookie(name, flag.style, flag.explode, &datum()).ok_or_else(unsendable)?;
                self.cookies.extend(cookies);
            }
        }
        Ok(())
    }

    /// Puts a placeholder in place of a header that is there, for what is shown.
    pub(super) fn stand_in(&mut self, header: &str, placeholder: &str) {
        if self.headers.get(header).is_some() {
            self.headers.set(header, placeholder).ok();
        }
    }

    /// The request with its credentials, which take the place of anything of the same name.
    pub fn finish(&self, credentials: &[Credential]) -> Result<Request, RequestError> {
        let (url, headers) =
            self.assemble(credentials, |credential| credential.value.expose().clone(), encode_query)?;
        let url = Url::parse(&url).map_err(|error| RequestError::Url(error.to_string()))?;
        let body = self.body.as_ref().map(|body| body.bytes.clone()).unwrap_or_default();
        Ok(Request { method: self.method, url, headers, body })
    }

    /// URL and headers as people may see them: each credential is its scheme's name in angle brackets (H24).
    pub fn shown(&self, credentials: &[Credential]) -> Result<(String, Headers), RequestError> {
        self.assemble(credentials, |credential| format!("<{}>", plain(&credential.scheme)), str::to_owned)
    }

    fn assemble(
        &self,
        credentials: &[Credential],
        value: impl Fn(&Credential) -> String,
        encode: impl Fn(&str) -> String,
    ) -> Result<(String, Headers), RequestError> {
        let (mut query, mut headers, mut cookies) = (self.query.clone(), self.headers.clone(), self.cookies.clone());
        if let Some(body) = &self.body {
            let unsendable = |_: HeaderError| RequestError::Unsendable("contentType".to_owned());
            headers.set("Content-Type", &body.content_type).map_err(unsendable)?;
        }
        // One field holds all cookies (RFC 6265 section 5.4), so that a header parameter of that name cannot stand before a
        // credential.
        let sent: Vec<String> = headers.all("Cookie").flat_map(|field| field.split(';')).map(str::to_owned).collect();
        headers.remove("Cookie");
        cookies.extend(sent.iter().filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            Some((name.trim().to_owned(), value.to_owned()))
        }));
        for credential in credentials {
            match &credential.place {
                CredentialPlace::Header { name, .. } => headers.remove(name),
                CredentialPlace::Query(name) => query.retain(|(other, _)| other != name),
                CredentialPlace::Cookie(name) => cookies.retain(|(other, _)| other != name),
            }
        }
        for credential in credentials {
            let value = value(credential);
            let unsendable = |_: HeaderError| RequestError::Unsendable(credential.scheme.clone());
            match &credential.place {
                CredentialPlace::Header { name, prefix } => {
                    headers.append(name, &format!("{prefix}{value}")).map_err(unsendable)?;
                }
                CredentialPlace::Query(name) => {
                    query.push((name.clone(), format!("{}={}", encode_query(name), encode(&value))));
                }
                CredentialPlace::Cookie(name) => cookies.push((name.clone(), value)),
            }
        }
        if !cookies.is_empty() {
            let joined = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            headers.append("Cookie", &joined).map_err(|_| RequestError::Unsendable("Cookie".to_owned()))?;
        }
        let query = query.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        Ok((format!("{}{mark}{query}", self.address), headers))
    }

    /// The method, for what is shown.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The body, for what is shown.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_ref().map(|body| body.bytes.as_slice())
    }
}

/// Whether a header field belongs to the connection.
pub(super) fn is_framing(name: &str) -> bool {
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

/// A publisher's name as a placeholder: letters, digits, `.`, `_`, `-`.
pub(super) fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let name = |pair: &str| decode(pair.split('=').next().unwrap_or_default());
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| (name(pair), pair.to_owned())).collect()
}

/// A value as the parameter's schema wants it. A parameter of a media type takes JSON, or a text that is not JSON as a string.
pub(super) fn fitted(name: &str, parameter: &Parameter, value: &Value, findings: &Findings<'_>) -> Value {
    let parsed = match (value, &parameter.content_type) {
        (Value::String(text), Some(_)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let value = parsed.as_ref().unwrap_or(value);
    let Some(schema) = &parameter.schema else { return value.clone() };
    let schema = findings.compiled(schema);
    match value::fit(value, &schema.schema) {
        Ok(fitted) => {
            findings.parameter(name, &schema, &fitted);
            fitted
        }
        Err(must_be) => {
            findings.unfit(name, &must_be);
            value.clone()
        }
    }
}

/// The flags given, each once, in the tool's order; `null` means not given.
fn flags<'a>(tool: &'a Tool, request: &'a ExecuteRequest) -> Result<Vec<(&'a Parameter, &'a Value)>, RequestError> {
    let mut given: Vec<Option<&Value>> = vec![None; tool.flags.len()];
    for (name, value) in &request.flags {
        let at = find(tool, name)?;
        if given[at].replace(value).is_some() {
            return Err(RequestError::Twice(tool.flags[at].name.clone()));
        }
    }
    let all = tool.flags.iter().zip(given);
    Ok(all.filter_map(|(flag, value)| Some((flag, value?))).filter(|(_, value)| !value.is_null()).collect())
}

/// By the name people type, else by the original one.
fn find(tool: &Tool, name: &str) -> Result<usize, RequestError> {
    if let Some(at) = tool.flags.iter().position(|flag| flag.name == name) {
        return Ok(at);
    }
    let by_original: Vec<usize> = (0..tool.flags.len()).filter(|&at| tool.flags[at].original_name == name).collect();
    match by_original.as_slice() {
        [at] => Ok(*at),
        [] => {
            let nearest = nearest(name, tool.flags.iter().map(|flag| flag.name.as_str())).map(str::to_owned);
            Err(RequestError::UnknownFlag { name: name.to_owned(), nearest })
        }
        several => Err(RequestError::AmbiguousFlag {
            name: name.to_owned(),
            flags: several.iter().map(|&at| tool.flags[at].name.clone()).collect(),
        }),
    }
}

/// A required `Content-Type` is filled from the body, and is nobody's to give.
fn missing<'a>(
    flags: impl Iterator<Item = &'a Parameter>,
    given: &[(&Parameter, &Value)],
    has_body: bool,
) -> Result<(), RequestError> {
    let is_filled = |flag: &Parameter| {
        has_body && flag.location == Place::Header && flag.original_name.eq_ignore_ascii_case("content-type")
    };
    let is_given = |flag: &Parameter| given.iter().any(|(other, _)| std::ptr::eq(*other, flag));
    let missing: Vec<String> = flags
        .filter(|flag| flag.required && !is_given(flag) && !is_filled(flag))
        .map(|flag| flag.name.clone())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(RequestError::Missing(missing)) }
}

#[cfg(test)]
mod tests;
