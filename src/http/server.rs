//! The one file that names tiny_http: a pool of workers that hand complete requests to one handler.
//!
//! A handler sees a whole request and gives a whole answer or a stream; connections, framing and limits are decided here.
//! Only loopback addresses are bound.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Headers;

/// A complete request, as a handler sees it.
#[derive(Debug)]
pub struct Inbound {
    /// Upper case; may be one that nobody serves.
    pub method: String,
    /// Path without query, as sent.
    pub path: String,
    /// Query without `?`, as sent; empty for none.
    pub query: String,
    /// All headers.
    pub headers: Headers,
    /// The whole body, within the limit.
    pub body: Vec<u8>,
    /// Who is connected.
    pub client: SocketAddr,
}

/// What a handler answers.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers but those of framing.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
pub enum Body {
    /// Bytes that may be shared by many answers.
    Bytes(Arc<[u8]>),
    /// Read until its end and sent in chunks as it comes.
    Stream(Box<dyn Read + Send>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("stream"),
        }
    }
}

impl Answer {
    /// An answer with a body of one media type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Arc<[u8]>>) -> Self {
        Self { status, headers: Headers::new().with("Content-Type", content_type), body: Body::Bytes(body.into()) }
    }

    /// An answer without body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Body::Bytes(Arc::from([])) }
    }
}

/// What answers requests; called from many threads at once. A panic inside becomes a 500.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Inbound) -> Answer;
}
