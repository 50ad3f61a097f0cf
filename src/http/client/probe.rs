//! A connection looked at step by step: name, address, handshake. Nothing of a request is sent over it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection};

use super::Parts;
use super::certificate;
use super::failure::{Failure, io_cause};
use crate::base::host::Deadline;
use crate::base::url::Origin;
use crate::http::{Probe, Reach, Secured, TlsTrouble, TransportError, TransportErrorKind};

impl Parts {
    /// Each step may take `each`.
    pub(super) fn probe(&self, origin: &Origin, each: Duration) -> Probe {
        if let Some(proxy) = self.proxy_to(origin) {
            return Probe { proxy: Some(proxy), ..Probe::default() };
        }
        let host = origin.host.as_str();
        let addresses = match self.names.allowed(host, Reach::Named, each) {
            Ok(addresses) => addresses,
            Err(failure) => return Probe { addresses: Some(Err(failure.about(host))), ..Probe::default() },
        };
        let mut probe = Probe { addresses: Some(Ok(addresses.clone())), ..Probe::default() };
        let places = addresses.iter().map(|address| SocketAddr::new(*address, origin.port));
        let stream = match connect(host, places, Deadline::after(each)) {
            Ok((stream, place)) => {
                probe.connected = Some(Ok(place));
                stream
            }
            Err(error) => {
                probe.connected = Some(Err(error));
                return probe;
            }
        };
        if origin.scheme == "https" {
            probe.secured = Some(self.handshake(host, stream, Deadline::after(each)));
        }
        probe
    }

    /// `host:port` of the proxy that requests to `origin` go through.
    fn proxy_to(&self, origin: &Origin) -> Option<String> {
        let proxy = self.proxy.as_ref()?;
        let uri = origin.to_string().parse::<ureq::http::Uri>().ok()?;
        (!proxy.is_no_proxy(&uri)).then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    fn handshake(&self, host: &str, stream: TcpStream, deadline: Deadline) -> Result<Secured, (TlsTrouble, String)> {
        let other = |cause: &str| (TlsTrouble::Other, cause.to_owned());
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|_| (TlsTrouble::OtherName, "no certificate can be issued for that name".to_owned()))?;
        let mut connection =
            ClientConnection::new(self.trust.config(), name).map_err(|error| other(&error.to_string()))?;
        let mut socket = Bounded { stream, deadline };
        connection.complete_io(&mut socket).map_err(|error| trouble(&error))?;
        let version = connection.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
        let leaf = connection.peer_certificates().and_then(|chain| chain.first());
        let secured =
            Secured { version: version.replace('_', "."), ends: leaf.and_then(|leaf| certificate::ends(leaf)) };
        connection.send_close_notify();
        // The connection is of no further use, however it ends.
        connection.write_tls(&mut socket).ok();
        Ok(secured)
    }
}

/// The first address that takes a connection; else why the last did not.
fn connect(
    host: &str,
    places: impl ExactSizeIterator<Item = SocketAddr>,
    deadline: Deadline,
) -> Result<(TcpStream, SocketAddr), TransportError> {
    let timeout = || Failure::unsent(TransportErrorKind::Timeout, "the connection was not open before the deadline");
    let mut left = places.len();
    let mut last = timeout();
    for place in places {
        // One address that does not answer must not use up the time of the others.
        let share = deadline.left() / u32::try_from(left).unwrap_or(u32::MAX);
        left -= 1;
        if share.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&place, share) {
            Ok(stream) => return Ok((stream, place)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => last = timeout(),
            Err(error) => last = Failure::unsent(TransportErrorKind::Connect, format!("{place}: {}", io_cause(&error))),
        }
    }
    Err(last.about(host))
}

fn trouble(error: &io::Error) -> (TlsTrouble, String) {
    if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        return (TlsTrouble::Silent, "no answer to the handshake came in time".to_owned());
    }
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return (TlsTrouble::NotTls, format!("the handshake broke off ({})", io_cause(error)));
    };
    let trouble = match error {
        rustls::Error::InvalidCertificate(cause) => match cause {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsTrouble::Dated,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsTrouble::OtherName
            }
            CertificateError::UnknownIssuer => TlsTrouble::Untrusted,
            _ => TlsTrouble::Other,
        },
        rustls::Error::InvalidMessage(_) => TlsTrouble::NotTls,
        _ => TlsTrouble::Other,
    };
    (trouble, error.to_string())
}

/// A socket all of whose reads and writes end at one moment.
struct Bounded {
    stream: TcpStream,
    deadline: Deadline,
}

impl Bounded {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.left() {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(into)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
