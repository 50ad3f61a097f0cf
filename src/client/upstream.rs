//! A login at an upstream: the runtime prepares it and gets the token, the browser here carries the code.
//!
//! The code is of no use to anybody else: the runtime has the PKCE verifier, and takes the code from this caller alone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use crate::base::url::{Url, is_loopback_host};
use crate::contract::{UpstreamFinishRequest, UpstreamLogin, UpstreamStartRequest, UpstreamStarted};
use crate::oauth::flow::{Doors, FlowError, Sent, Way};

use super::runtime::{ClientError, Runtime};

/// Why nobody is logged in.
#[derive(Clone, Debug)]
pub enum UpstreamError {
    /// The runtime.
    Runtime(ClientError),
    /// The browser, or what came back with it.
    Flow(FlowError),
    /// The runtime named an address that no browser is sent to.
    Address(String),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => error.fmt(f),
            Self::Flow(error) => error.fmt(f),
            Self::Address(cause) => write!(f, "the runtime's answer cannot be followed: {cause}"),
        }
    }
}

impl std::error::Error for UpstreamError {}

impl From<ClientError> for UpstreamError {
    fn from(error: ClientError) -> Self {
        Self::Runtime(error)
    }
}

impl From<FlowError> for UpstreamError {
    fn from(error: FlowError) -> Self {
        Self::Flow(error)
    }
}

/// Logs the caller in at an upstream.
pub fn log_in(
    runtime: &Runtime<'_>,
    ask: UpstreamStartRequest,
    doors: Doors<'_>,
) -> Result<UpstreamLogin, UpstreamError> {
    let way = Way::open((Ipv4Addr::LOCALHOST, 0).into())?;
    let proposed = way.addr();
    let config_path = ask.config_path.clone();
    let ask = UpstreamStartRequest { callback_port: NonZeroU16::new(proposed.port()), ..ask };
    let started = runtime.start_upstream_login(&ask)?;
    let (url, back) = addresses(&started)?;
    let way = match listening_at(&back)? {
        addr if addr == proposed => way,
        // The configuration has an address of its own.
        addr => Way::open(addr)?,
    };
    let limit = doors.limit.min(Duration::from_secs(started.expires_in));
    let sent = Sent { url: &url, state: &started.state, issuer: started.issuer.as_deref(), path: back.path() };
    let code = way.lead(&sent, Doors { limit, ..doors })?;
    let finish = UpstreamFinishRequest { config_path, state: started.state, code: code.expose().clone() };
    Ok(runtime.finish_upstream_login(&finish)?)
}

/// Where the browser goes, and where it comes back to.
fn addresses(started: &UpstreamStarted) -> Result<(Url, Url), UpstreamError> {
    let url = |name: &str, text: &str| {
        let url = Url::parse(text).ok().filter(Url::is_http);
        url.ok_or_else(|| UpstreamError::Address(format!("its {name} is no http or https URL")))
    };
    Ok((url("authorizationURL", &started.authorization_url)?, url("redirectURI", &started.redirect_uri)?))
}

fn listening_at(back: &Url) -> Result<SocketAddr, UpstreamError> {
    if back.scheme() != "http" || !is_loopback_host(back.host()) {
        return Err(UpstreamError::Address("its redirectURI is not on this machine".to_owned()));
    }
    let literal = back.host().trim_matches(['[', ']']).parse::<IpAddr>();
    let address = match literal {
        Ok(IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
        Ok(address) => address,
        Err(_) => Ipv4Addr::LOCALHOST.into(),
    };
    Ok(SocketAddr::new(address, back.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(authorization_url: &str, redirect_uri: &str, expected: Result<&str, &str>) {
        let (authorization_url, redirect_uri) = (authorization_url.to_owned(), redirect_uri.to_owned());
        let started = UpstreamStarted { authorization_url, redirect_uri, ..UpstreamStarted::default() };
        match (addresses(&started).and_then(|(_, back)| listening_at(&back)), expected) {
            (Ok(addr), Ok(expected)) => assert_eq!(addr.to_string(), expected),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_browser_is_sent_to_web_addresses_and_back_to_this_machine() {
        check("https://i/a", "http://127.0.0.1:5/callback", Ok("127.0.0.1:5"));
        check("https://i/a", "http://localhost:5/x", Ok("127.0.0.1:5"));
        check("https://i/a", "http://[::1]:5/x", Ok("[::1]:5"));
        check("javascript:alert(1)", "http://127.0.0.1:5/callback", Err("authorizationURL"));
        check("file:///etc/passwd", "http://127.0.0.1:5/callback", Err("authorizationURL"));
        check("https://i/a", "http://evil.example:5/callback", Err("not on this machine"));
        check("https://i/a", "https://127.0.0.1:5/callback", Err("not on this machine"));
        check("https://i/a", "", Err("redirectURI"));
    }
}
