//! Opens connections: through the proxy or straight, and TLS above it. Everything that fails here fails before the request.
//!
//! The authorities are the public ones and what `--ca-cert` and `SSL_CERT_FILE` add; they are put together at the first
//! `https` request, so that plain HTTP pays nothing.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, TcpConnector,
    Transport, TransportAdapter,
};

use super::failure::Failure;
use super::steady::SteadyConnector;
use crate::base::disk;
use crate::http::TransportErrorKind;

/// Largest file of authorities; the usual bundle of a system has 230 kB.
const MAX_AUTHORITIES: usize = 4 << 20;

/// What opens connections for an agent.
pub(super) fn connector(trust: Trust) -> impl Connector<(), Out = impl Transport> {
    Opening(ConnectProxyConnector::default().chain(TcpConnector::default()).chain(SteadyConnector).chain(Tls(trust)))
}

/// Reads a PEM file of authorities; the error says why it cannot be used.
pub(super) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = disk::read(path, MAX_AUTHORITIES).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|_| "it is not a valid PEM file".to_owned())?;
    if found.is_empty() {
        return Err("it holds no certificate in PEM form".to_owned());
    }
    let mut usable = RootCertStore::empty();
    match usable.add_parsable_certificates(found.iter().cloned()) {
        (0, _) => Err("none of its certificates can be read".to_owned()),
        _ => Ok(found),
    }
}

/// Whom to trust, made once and shared.
#[derive(Clone)]
pub(super) struct Trust(Arc<(Vec<CertificateDer<'static>>, OnceLock<Arc<ClientConfig>>)>);

impl Trust {
    pub(super) fn new(extra: Vec<CertificateDer<'static>>) -> Self {
        Self(Arc::new((extra, OnceLock::new())))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let (extra, made) = &*self.0;
        Arc::clone(made.get_or_init(|| {
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            roots.add_parsable_certificates(extra.iter().cloned());
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("ring serves the default versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
            Arc::new(config)
        }))
    }
}

/// Marks every error of the connectors inside: nothing of the request was sent.
#[derive(Debug)]
struct Opening<C>(C);

impl<C: Connector<()>> Connector<()> for Opening<C> {
    type Out = C::Out;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<C::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(|error| Failure::while_connecting(error).into())
    }
}

struct Tls(Trust);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Secured>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(plain) = chained else { return Ok(None) };
        if !details.needs_tls() || plain.is_tls() {
            return Ok(Some(Either::A(plain)));
        }
        let host = details.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let unusable = |_| Failure::unsent(TransportErrorKind::Tls, "no certificate can be issued for that name");
        let name = ServerName::try_from(host.to_owned()).map_err(unusable)?;
        let mut connection = ClientConnection::new(self.0.config(), name)?;
        let boxed: Box<dyn Transport> = Box::new(plain);
        let mut socket = TransportAdapter::new(boxed, Arc::clone(&details.current_time));
        socket.set_timeout(left(details));
        connection.complete_io(&mut socket).map_err(handshake)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Secured { buffers, stream: StreamOwned::new(connection, socket) })))
    }
}

/// Time for the handshake: what opening the connection has left of the whole.
fn left(details: &ConnectionDetails) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Instant::Exact(began), Instant::Exact(now), Duration::Exact(whole)) =
        (details.now, (details.current_time)(), timeout.after)
    {
        timeout.after = Duration::Exact(whole.saturating_sub(now.saturating_duration_since(began)));
    }
    timeout
}

/// A handshake that breaks off is a failure of TLS, unless the deadline ended it.
fn handshake(error: std::io::Error) -> ureq::Error {
    match ureq::Error::from(error) {
        timeout @ ureq::Error::Timeout(_) => timeout,
        ureq::Error::Io(error) => {
            let cause = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => error.to_string(),
                None => format!("the handshake broke off ({})", error.kind()),
            };
            Failure::unsent(TransportErrorKind::Tls, cause).into()
        }
        other => other,
    }
}

/// A connection with TLS.
struct Secured {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
