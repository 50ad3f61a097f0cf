//! Blocking HTTP out, with deadlines, limits and the egress check. The one room that names ureq.
//!
//! Key type: [`HttpClient`], a [`Transport`]. `resolver` turns names into addresses and refuses forbidden ones before
//! anything connects; `tls` opens connections and holds the authorities. Redirects, retries, caching and cookies are
//! not here; no status is an error; the environment is not read. `coding` takes gzip and deflate off what comes; asking for them is the
//! caller's.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use ureq::config::Config;
use ureq::{Agent, Body, Proxy};

use crate::base::host::Env;
use crate::base::url::Origin;

use super::{
    Headers, Limits, Method, Opened, Probe, Reach, Request, Response, StreamLimits, Transport, TransportError,
    TransportErrorKind, wire,
};

mod certificate;
mod coding;
mod failure;
mod opened;
mod probe;
mod resolver;
mod steady;
mod tls;

use coding::{Coding, Decoded};
use failure::Failure;
use resolver::{Lookup, Names};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Longest head of an answer.
const MAX_HEAD: usize = 64 << 10;

/// Room for a body that is made because its length was told; more only as it comes.
const FORESEEN: u64 = 64 << 10;

/// How to go out.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `--ca-cert`: a PEM file of further authorities. Unreadable or empty: an error at once.
    pub ca_file: Option<PathBuf>,
    /// Through what.
    pub proxy: ProxyChoice,
    /// How many idle connections are kept, in all and for each host; at least one.
    pub connections: usize,
    /// Sent when a request has no `User-Agent` of its own, and to proxies.
    pub user_agent: String,
    /// `SSL_CERT_FILE`: as `ca_file`.
    pub env_ca: Option<PathBuf>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ca_file: None,
            proxy: ProxyChoice::None,
            connections: 16,
            user_agent: format!("open-cli/{}", crate::VERSION),
            env_ca: None,
        }
    }
}

/// Through which proxy requests go; it is asked for a tunnel (`CONNECT`) for every scheme. The URL may hold `user:password@`.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// Straight to the host.
    #[default]
    None,
    /// As `--proxy` says.
    Url(String),
    /// As the environment says.
    FromEnv {
        /// `HTTPS_PROXY`.
        https_proxy: Option<String>,
        /// `NO_PROXY`: hosts and domains that are reached straight, separated by commas.
        no_proxy: Option<String>,
    },
}

impl ProxyChoice {
    /// Takes `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case.
    pub fn from_env(env: &Env) -> Self {
        let variable = |name: &str| env.var(name).or_else(|| env.var(&name.to_lowercase())).map(str::to_owned);
        Self::FromEnv { https_proxy: variable("HTTPS_PROXY"), no_proxy: variable("NO_PROXY") }
    }

    fn resolve(&self) -> Result<Option<Proxy>, ClientError> {
        let (url, no_proxy) = match self {
            Self::None | Self::FromEnv { https_proxy: None, .. } => return Ok(None),
            Self::Url(url) => (url, None),
            Self::FromEnv { https_proxy: Some(url), no_proxy } => (url, no_proxy.as_ref()),
        };
        let parsed = Proxy::new(url).map_err(|_| ClientError::Proxy("it is not a proxy URL like http://host:3128"))?;
        if !matches!(parsed.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https) {
            return Err(ClientError::Proxy("only http and https proxies are supported"));
        }
        let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
        if let Some(user) = parsed.username() {
            builder = builder.username(user);
        }
        if let Some(password) = parsed.password() {
            builder = builder.password(password);
        }
        for host in no_proxy.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|host| !host.is_empty()) {
            builder = builder.no_proxy(host);
        }
        builder.build().map(Some).map_err(|_| ClientError::Proxy("it is not a proxy URL like http://host:3128"))
    }
}

impl fmt::Debug for ProxyChoice {
    /// Without the URL, which may hold a password (H24).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None | Self::FromEnv { https_proxy: None, .. } => "no proxy",
            Self::Url(_) => "a proxy",
            Self::FromEnv { .. } => "a proxy of the environment",
        })
    }
}

/// Why there can be no client.
#[derive(Debug)]
pub enum ClientError {
    /// A file of authorities cannot be used.
    Authorities {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The proxy cannot be used; its URL is not shown, it may hold a password.
    Proxy(&'static str),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorities { path, cause } => {
                write!(f, "the certificate authorities in {} cannot be used: {cause}", path.display())
            }
            Self::Proxy(cause) => write!(f, "the proxy setting cannot be used: {cause}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// Sends requests; cheap to share between threads. Connections are pooled apart for each [`Reach`], so that one opened to a
/// private address for a named host is never reused for a request that may not go there.
pub struct HttpClient {
    named: Agent,
    public: Agent,
    parts: Parts,
}

/// What agents are made of.
struct Parts {
    user_agent: String,
    connections: usize,
    trust: tls::Trust,
    names: Names,
    proxy: Option<Proxy>,
}

impl Parts {
    fn agent(&self, reach: Reach, stream: Option<StreamLimits>) -> Agent {
        let lookup = Lookup { names: self.names.clone(), reach, proxy: self.proxy.clone() };
        Agent::with_parts(self.config(stream), tls::connector(self.trust.clone()), lookup)
    }

    /// Of a stream, each step to the head gets what is left until then, and a silence of the body may last as long as one before the head.
    /// Exchanges have a limit each instead.
    fn config(&self, stream: Option<StreamLimits>) -> Config {
        let left = stream.map(|limits| limits.head.left());
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(self.proxy.clone())
            .user_agent(&self.user_agent)
            .accept("")
            .accept_encoding("")
            .max_response_header_size(MAX_HEAD)
            .max_idle_connections(self.connections)
            .max_idle_connections_per_host(self.connections)
            .max_idle_age(IDLE)
            .timeout_global(stream.map(|limits| limits.whole))
            .timeout_resolve(left)
            .timeout_connect(left)
            .timeout_send_request(left)
            .timeout_send_body(left)
            .timeout_recv_response(left)
            .timeout_per_read(stream.map(|limits| limits.idle.max(limits.head.left())))
            .build()
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("proxied", &self.parts.proxy.is_some()).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Reads the authorities and prepares; connects to nothing.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let ClientOptions { ca_file, proxy, connections, user_agent, env_ca } = options;
        let mut extra = Vec::new();
        for path in [ca_file, env_ca].into_iter().flatten() {
            extra.extend(tls::authorities(&path).map_err(|cause| ClientError::Authorities { path, cause })?);
        }
        let trust = tls::Trust::new(extra);
        let proxy = proxy.resolve()?;
        let parts = Parts { user_agent, connections: connections.max(1), trust, names: Names::default(), proxy };
        Ok(Self { named: parts.agent(Reach::Named, None), public: parts.agent(Reach::PublicOnly, None), parts })
    }

    /// What is known to be wrong before anything is opened.
    fn judge(&self, request: &Request, limits: Limits) -> Result<(), Failure> {
        if !request.url.is_http() {
            return Err(Failure::unsent(TransportErrorKind::Forbidden, "only http and https URLs are sent"));
        }
        if limits.deadline.passed() {
            return Err(Failure::unsent(TransportErrorKind::Timeout, "the deadline passed before it was sent"));
        }
        if self.parts.proxy.is_some() {
            self.parts.names.judge_for_proxy(request.url.host(), limits)?;
        }
        Ok(())
    }

    fn exchange(&self, request: &Request, limits: Limits) -> Result<Response, Failure> {
        self.judge(request, limits)?;
        let agent = if limits.reach == Reach::Named { &self.named } else { &self.public };
        let answer = if sends_body(request) {
            let ready = agent.configure_request(head(request)?.map(|()| request.body.as_slice()));
            agent.run(ready.timeout_global(Some(limits.deadline.left())).build())
        } else {
            let ready = agent.configure_request(head(request)?);
            agent.run(ready.timeout_global(Some(limits.deadline.left())).build())
        };
        read(request.method, answer.map_err(Failure::from)?, limits.max_body)
    }
}

impl Transport for HttpClient {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        self.exchange(request, limits).map_err(|failure| failure.about(request.url.host()))
    }

    fn open(&self, request: &Request, limits: StreamLimits) -> Result<Opened, TransportError> {
        self.begin(request, limits).map_err(|failure| failure.about(request.url.host()))
    }

    fn probe(&self, origin: &Origin, each: Duration) -> Probe {
        self.parts.probe(origin, each)
    }
}

fn sends_body(request: &Request) -> bool {
    matches!(request.method, Method::Post | Method::Put | Method::Patch) || !request.body.is_empty()
}

fn head(request: &Request) -> Result<ureq::http::Request<()>, Failure> {
    let malformed = |_| Failure::unsent(TransportErrorKind::Protocol, "the request cannot be written as HTTP");
    let mut builder =
        ureq::http::Request::builder().method(request.method.as_str()).uri(request.url.without_fragment());
    for (name, value) in request.headers.iter().filter(|(name, _)| !wire::is_framing(name)) {
        builder = builder.header(name, value.as_bytes());
    }
    builder.body(()).map_err(malformed)
}

fn read(method: Method, answer: ureq::http::Response<Body>, max_body: usize) -> Result<Response, Failure> {
    let (parts, body) = answer.into_parts();
    let status = parts.status.as_u16();
    let mut headers = received(&parts.headers);
    let limit = max_body.saturating_add(1) as u64;
    let told = body.content_length().unwrap_or(0).min(limit).min(FORESEEN);
    let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or(0));
    let body = body.into_with_config().limit(u64::MAX).reader();
    match take_coding(method, status, &mut headers) {
        None => body.take(limit).read_to_end(&mut bytes),
        Some(coding) => Decoded::new(coding, body, coding::most_coded(max_body)).take(limit).read_to_end(&mut bytes),
    }
    .map_err(Failure::from)?;
    let truncated = bytes.len() > max_body;
    bytes.truncate(max_body);
    Ok(Response { status, headers, body: bytes, truncated })
}

fn received(fields: &ureq::http::HeaderMap) -> Headers {
    let mut headers = Headers::with_room(fields.len());
    for (name, value) in fields {
        let appended = match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => headers.append(name.as_str(), text),
            Err(_) => {
                let text: String = value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
                headers.append(name.as_str(), &text)
            }
        };
        // A field that could not be passed on is worth nothing; the rest of the answer is.
        appended.ok();
    }
    headers
}

/// The coding to take off, and no word of it left in the headers: they speak of the text then.
fn take_coding(method: Method, status: u16, headers: &mut Headers) -> Option<Coding> {
    let coding = Coding::of(method, status, headers)?;
    headers.remove("Content-Encoding");
    headers.remove("Content-Length");
    Some(coding)
}

#[cfg(test)]
mod tests;
