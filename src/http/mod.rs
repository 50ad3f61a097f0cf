//! HTTP as values: requests and responses, and the seams they cross.
//!
//! Key types: [`Request`], [`Response`], [`Headers`], and [`Transport`], the one way out. `client` is the only room that
//! names ureq, `server` the only one that names tiny_http, `front` the only one that names mio: it owns the connections of clients. Nothing here follows a redirect or adds a header by itself.

use std::fmt;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::base::host::Deadline;
use crate::base::url::{Origin, Url};

pub mod client;
pub mod counts;
pub mod egress;
mod framing;
#[cfg(unix)]
mod front;
#[cfg(unix)]
pub mod fuzz;
#[cfg(unix)]
mod handoff;
pub mod link;
pub mod rejection;
pub mod server;
pub mod wire;

/// The codings that the way out takes off answers, for `Accept-Encoding`.
pub const CODINGS: &str = "gzip, deflate";

/// The methods this project sends and serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Options, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Upper case, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Reads a method in upper case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Repeating it has no further effect (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Header fields in order; names compare without case. A name or value that could break the framing cannot be put in (H20).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// A header name or value that may not be sent: CR, LF, NUL or other control characters, or a name that is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The name of the field, when it is printable.
    pub name: String,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the header `{}` has a name or value with characters that may not be sent", self.name)
    }
}

impl std::error::Error for HeaderError {}

impl Headers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// None, with room for so many.
    pub(crate) fn with_room(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// Adds a field, after those of the same name.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let name_is_token = !name.is_empty() && name.bytes().all(is_token_byte);
        let value_is_text = value.chars().all(|c| c == '\t' || !c.is_control());
        if !name_is_token || !value_is_text {
            return Err(HeaderError { name: name.escape_default().to_string() });
        }
        self.0.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        Ok(())
    }

    /// Replaces all fields of this name by one.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        self.remove(name);
        self.append(name, value)
    }

    /// As [`Headers::set`], for names and values written in this source.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value).expect("a header written in this source can be sent");
        self
    }

    /// Removes all fields of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Headers {
    /// Names only: values may be credentials (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A request as it will be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to; `http` or `https`.
    pub url: Url,
    /// All headers but those of framing and `Host`.
    pub headers: Headers,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET without headers.
    pub fn get(url: Url) -> Self {
        Self { method: Method::Get, url, headers: Headers::new(), body: Vec::new() }
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// 100 to 999.
    pub status: u16,
    /// All headers; values that are no UTF-8 are decoded as Latin-1.
    pub headers: Headers,
    /// Up to the limit.
    pub body: Vec<u8>,
    /// Whether the body was longer than the limit.
    pub truncated: bool,
}

/// Which addresses a request may reach once its host name is resolved (contract 7, Egress). Link-local and cloud metadata
/// addresses are never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The config names this host: loopback and private addresses are fine.
    Named,
    /// A fetched document led here: public addresses only.
    PublicOnly,
}

/// What bounds one exchange; there is no exchange without.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When the whole answer must be here.
    pub deadline: Deadline,
    /// How many bytes of body are taken, decompressed.
    pub max_body: usize,
    /// Which addresses are allowed.
    pub reach: Reach,
}

/// Ends, from any thread and at once, something that waits for another side.
pub type Halt = Arc<dyn Fn() + Send + Sync>;

/// What bounds an answer that is read as it comes; how many bytes are taken is its reader's matter.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// When its head must be here.
    pub head: Deadline,
    /// How long nothing may come.
    pub idle: Duration,
    /// How long the whole may take.
    pub whole: Duration,
    /// Which addresses are allowed.
    pub reach: Reach,
}

/// An answer whose body is still to come.
pub struct Opened {
    /// The status.
    pub status: u16,
    /// All headers but those of framing.
    pub headers: Headers,
    /// The body, decoded. An error of it that holds a [`TransportError`] says why it broke off.
    pub body: Box<dyn Read + Send>,
    /// Ends the exchange, and a read that waits; the body is then an error.
    pub halt: Halt,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("status", &self.status).field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// The one way out: sends one request and reads one answer. No redirects, no retries, no status is an error.
pub trait Transport: Send + Sync {
    /// Sends it.
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError>;

    /// Sends it, and gives the answer as soon as its head is there. What cannot do that gives a body that has come already.
    fn open(&self, request: &Request, limits: StreamLimits) -> Result<Opened, TransportError> {
        let StreamLimits { head: deadline, reach, .. } = limits;
        let Response { status, headers, body, .. } =
            self.send(request, Limits { deadline, max_body: MAX_OPENED, reach })?;
        Ok(Opened { status, headers, body: Box::new(io::Cursor::new(body)), halt: Arc::new(|| {}) })
    }

    /// Looks at a connection to `origin` step by step, each of which may take `each`, and closes it. What opens no connections
    /// itself has nothing to tell.
    fn probe(&self, origin: &Origin, each: Duration) -> Probe {
        let _ = (origin, each);
        Probe::default()
    }
}

/// What a connection to an origin comes to, step by step; a step that was not taken is not there. For people who ask why nothing answers.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// The proxy that stands in between, as `host:port`: then only it could tell of the steps.
    pub proxy: Option<String>,
    /// The addresses of the host.
    pub addresses: Option<Result<Vec<IpAddr>, TransportError>>,
    /// The address that took the connection.
    pub connected: Option<Result<SocketAddr, TransportError>>,
    /// What the handshake of TLS came to; only for `https`.
    pub secured: Option<Result<Secured, (TlsTrouble, String)>>,
}

/// A handshake that was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// `TLSv1.3`
    pub version: String,
    /// When the server's certificate ends, as far as it can be read.
    pub ends: Option<SystemTime>,
}

/// Why a handshake was not finished, as far as people do different things about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsTrouble {
    /// Nobody who is trusted has signed the certificate.
    Untrusted,
    /// The certificate has ended, or not begun.
    Dated,
    /// The certificate is for another host.
    OtherName,
    /// What answers speaks no TLS.
    NotTls,
    /// Nothing came in time.
    Silent,
    /// Something else.
    Other,
}

/// How much of a body is read by a transport that knows whole answers only.
const MAX_OPENED: usize = 64 << 20;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What kind of failure.
    pub kind: TransportErrorKind,
    /// Whether the other side may have seen the request; false only when that is certain.
    pub may_have_been_sent: bool,
    /// For the log and for people: host and cause, never a URL's query or a header.
    pub message: String,
}

/// Kinds of failure, as far as callers treat them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The host name does not resolve.
    Resolve,
    /// Egress forbids the address.
    Forbidden,
    /// Nothing accepts connections there.
    Connect,
    /// The certificate or handshake failed.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection broke or the answer is no HTTP.
    Protocol,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

/// A byte of a token: of a method, and of the name of a field (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A media type without its parameters, lower case: `application/json`.
pub fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Whether a media type is JSON: `application/json`, `text/json` or any `+json` (RFC 6839).
pub fn is_json(content_type: &str) -> bool {
    let media = media_type(content_type);
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

/// Whether a declared media type or range takes the one asked for; parameters do not count.
pub fn covers(declared: &str, asked: &str) -> bool {
    let (declared, asked) = (media_type(declared), media_type(asked));
    let range = declared.strip_suffix('*').filter(|range| range.ends_with('/'));
    declared == "*/*" || declared == asked || range.is_some_and(|range| asked.starts_with(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h20_headers_refuse_what_breaks_framing() {
        let mut headers = Headers::new();
        for (name, value) in [("a", "b\r\nc: d"), ("a", "b\0"), ("a b", "c"), ("", "c"), ("a:", "c")] {
            assert!(headers.append(name, value).is_err(), "{name:?}: {value:?}");
        }
        headers.append("X-A", " 1 ").unwrap();
        headers.append("x-a", "2").unwrap();
        assert_eq!(headers.all("X-a").collect::<Vec<_>>(), ["1", "2"]);
        headers.set("x-A", "3").unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("x-A", "3")]);
        assert_eq!(format!("{headers:?}"), "[\"x-A\"]");
    }

    #[test]
    fn media_types_compare_without_parameters() {
        assert!(is_json("application/problem+JSON; charset=utf-8"));
        assert!(!is_json("text/plain"));
        assert!(covers("Image/*", "image/png; q=1") && covers("*/*", "a/b") && covers("a/b; c=d", "A/B"));
        assert!(!covers("image/*", "images/png") && !covers("*", "a/b") && !covers("a/b", "a/bc"));
    }
}
