//! The ways out: to each address the one that proxy, authorities and addresses want.
//!
//! Key type: [`Ways`]. What is sent is not its business, and nothing is sent here.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::host::Env;
use crate::base::url::Origin;
use crate::http::client::{ClientOptions, ProxyChoice};
use crate::http::{Limits, Request, Response, Transport, TransportError, TransportErrorKind};

use super::report::{self, Failure};

/// Makes the way out; tests hand in another.
pub type TransportFactory<'a> = &'a dyn Fn(ClientOptions) -> Result<Arc<dyn Transport>, String>;

/// The ways out, each as its destination wants it.
pub struct Ways<'a> {
    /// What makes them.
    pub transports: TransportFactory<'a>,
    /// The environment, which names proxies and authorities.
    pub env: Env,
    /// `--ca-cert`
    pub ca_file: Option<PathBuf>,
    /// Idle connections that are kept.
    pub connections: usize,
}

impl Ways<'_> {
    /// The way to one address; the error is a cause.
    pub fn to(&self, origin: &Origin) -> Result<Arc<dyn Transport>, String> {
        let proxy = match origin.is_loopback() {
            true => ProxyChoice::None,
            false => ProxyChoice::from_env(&self.env),
        };
        // The system's authorities cost half a millisecond to read; without TLS and without a proxy nobody needs them.
        let plain = origin.scheme == "http" && proxy == ProxyChoice::None;
        let env_ca = self.env.var("SSL_CERT_FILE").filter(|_| !plain).map(PathBuf::from);
        let ca_file = self.ca_file.clone();
        let connections = self.connections;
        (self.transports)(ClientOptions { ca_file, env_ca, proxy, connections, ..ClientOptions::default() })
    }

    /// As [`Ways::to`], with what to do when there is none.
    pub fn to_or_fail(&self, origin: &Origin) -> Result<Arc<dyn Transport>, Failure> {
        self.to(origin).map_err(|cause| {
            Failure::new(report::USAGE, "client", cause).hint("see --ca-cert, SSL_CERT_FILE and HTTPS_PROXY")
        })
    }

    /// The way to any address.
    pub fn to_all(&self) -> Result<Arc<dyn Transport>, Failure> {
        let to = |host: &str| self.to_or_fail(&Origin { scheme: "https".to_owned(), host: host.to_owned(), port: 443 });
        Ok(Arc::new(ByPlace { here: to("localhost")?, elsewhere: to("elsewhere.invalid")? }))
    }
}

/// Loopback addresses are never proxied; all others are reached as the environment says.
struct ByPlace {
    here: Arc<dyn Transport>,
    elsewhere: Arc<dyn Transport>,
}

impl Transport for ByPlace {
    fn send(&self, request: &Request, limits: Limits) -> Result<Response, TransportError> {
        let is_here = request.url.origin().is_some_and(|origin| origin.is_loopback());
        if is_here { self.here.send(request, limits) } else { self.elsewhere.send(request, limits) }
    }
}

/// There is no way.
pub fn unusable(message: String) -> TransportError {
    TransportError { kind: TransportErrorKind::Connect, may_have_been_sent: false, message }
}
