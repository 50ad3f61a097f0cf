//! Why an exchange failed, as far as it is known: what kind of failure, and whether the request may have gone out.

use std::fmt;
use std::io;

use super::{TransportError, TransportErrorKind};

/// A failure on its way through ureq, which carries it as [`ureq::Error::Other`].
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: TransportErrorKind,
    pub(super) may_have_been_sent: bool,
    pub(super) cause: String,
}

impl Failure {
    /// One that happened before a byte of the request left.
    pub(super) fn unsent(kind: TransportErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, may_have_been_sent: false, cause: cause.into() }
    }

    /// The error as callers see it.
    pub(super) fn about(self, host: &str) -> TransportError {
        let Self { kind, may_have_been_sent, cause } = self;
        let message = match kind {
            TransportErrorKind::Resolve => format!("the host {host} does not resolve: {cause}"),
            TransportErrorKind::Forbidden => format!("egress to {host} is refused: {cause}"),
            TransportErrorKind::Connect => format!("no connection to {host}: {cause}"),
            TransportErrorKind::Tls => format!("no secure connection to {host}: {cause}"),
            TransportErrorKind::Timeout => format!("{host} did not answer in time: {cause}"),
            TransportErrorKind::Protocol => format!("the exchange with {host} broke off: {cause}"),
        };
        TransportError { kind, may_have_been_sent, message }
    }

    /// What went wrong while a connection was opened: nothing of the request was sent yet.
    pub(super) fn while_connecting(error: ureq::Error) -> Self {
        let (kind, cause) = match error {
            ureq::Error::Timeout(_) => {
                (TransportErrorKind::Timeout, "the connection was not open before the deadline".to_owned())
            }
            ureq::Error::Rustls(error) => (TransportErrorKind::Tls, error.to_string()),
            ureq::Error::Tls(cause) => (TransportErrorKind::Tls, cause.to_owned()),
            ureq::Error::ConnectProxyFailed(cause) => (TransportErrorKind::Connect, cause),
            ureq::Error::Io(error) => match tls_cause(&error) {
                Some(cause) => (TransportErrorKind::Tls, cause),
                None => (TransportErrorKind::Connect, io_cause(&error)),
            },
            ureq::Error::HostNotFound => (TransportErrorKind::Resolve, "no address".to_owned()),
            ureq::Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(failure) => return *failure,
                Err(_) => (TransportErrorKind::Connect, "the connection could not be opened".to_owned()),
            },
            _ => (TransportErrorKind::Connect, "the connection could not be opened".to_owned()),
        };
        Self::unsent(kind, cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for ureq::Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

impl From<ureq::Error> for Failure {
    /// What is no [`Failure`] of the connector or resolver happened after the connection stood.
    fn from(error: ureq::Error) -> Self {
        let (kind, cause) = match error {
            ureq::Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(failure) => return *failure,
                Err(_) => (TransportErrorKind::Protocol, "an unknown failure".to_owned()),
            },
            ureq::Error::Timeout(ureq::Timeout::PerRead) => {
                (TransportErrorKind::Timeout, "nothing came for too long".to_owned())
            }
            ureq::Error::Timeout(_) => (TransportErrorKind::Timeout, "the deadline passed".to_owned()),
            ureq::Error::Io(error) => (TransportErrorKind::Protocol, io_cause(&error)),
            ureq::Error::LargeResponseHeader(..) => {
                (TransportErrorKind::Protocol, "the head of the answer is longer than 64 KiB".to_owned())
            }
            ureq::Error::Protocol(error) => {
                (TransportErrorKind::Protocol, format!("the answer is not valid HTTP ({error})"))
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                return Self::unsent(TransportErrorKind::Protocol, "the request cannot be written as HTTP");
            }
            _ => (TransportErrorKind::Protocol, "an unknown failure".to_owned()),
        };
        Self { kind, may_have_been_sent: true, cause }
    }
}

impl From<io::Error> for Failure {
    /// While a body is read, ureq wraps its own errors, and decoding wraps these.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::from(ureq::Error::from(error)),
        }
    }
}

fn tls_cause(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<rustls::Error>().map(ToString::to_string)
}

/// The kind in words; the operating system's own text where there is one.
pub(super) fn io_cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed before the answer was complete".to_owned(),
        io::ErrorKind::BrokenPipe => "the connection was closed while the request was sent".to_owned(),
        kind => kind.to_string(),
    }
}
