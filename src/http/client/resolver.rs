//! Names to addresses: literals at once, `localhost` by ourselves, the rest through the system with a small cache, and the
//! egress check on what comes out (H27). As the check is on the very addresses that are connected to, an answer that changes
//! between two look-ups gains nothing.
#![expect(clippy::disallowed_methods, reason = "the age of remembered answers is measured on the monotonic clock")]

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use ureq::Proxy;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::failure::Failure;
use crate::base::host;
use crate::http::egress::{self, Denied};
use crate::http::{Limits, Reach, TransportErrorKind};

/// How long an answer of the system is used.
const TTL: Duration = Duration::from_secs(5);

/// How many names are remembered.
const REMEMBERED: usize = 256;

/// How many look-ups may run at once; each holds a thread until the system answers.
const LOOKUPS: usize = 64;

/// How many addresses of one name are used; ureq takes no more.
const ADDRESSES: usize = 16;

/// The resolver of the agent for one [`Reach`].
pub(super) struct Lookup {
    pub(super) names: Names,
    pub(super) reach: Reach,
    pub(super) proxy: Option<Proxy>,
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({:?})", self.reach)
    }
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        // The proxy is the operator's own choice, whatever goes through it; targets behind it are judged before.
        let is_proxy = self.proxy.as_ref().is_some_and(|proxy| proxy.uri().authority() == uri.authority());
        let reach = if is_proxy { Reach::Named } else { self.reach };
        let addresses = self.names.allowed(host, reach, *timeout.after)?;
        let mut resolved = self.empty();
        for address in addresses.into_iter().take(ADDRESSES) {
            resolved.push(SocketAddr::new(address, port));
        }
        Ok(resolved)
    }
}

/// Remembered names, shared by both agents.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<Shared>);

#[derive(Default)]
struct Shared {
    remembered: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
    running: AtomicUsize,
}

impl Names {
    /// The addresses of a host that may be reached, in the order of the system; never empty.
    pub(super) fn allowed(&self, host: &str, reach: Reach, within: Duration) -> Result<Vec<IpAddr>, Failure> {
        let all = self.addresses(host, within)?;
        let mut denied: Option<Denied> = None;
        let mut allowed = Vec::new();
        for address in all {
            match egress::judge(address, reach) {
                Ok(()) => allowed.push(address),
                Err(reason) => denied = Some(reason),
            }
        }
        match (allowed.is_empty(), denied) {
            (false, _) => Ok(allowed),
            (true, Some(reason)) => {
                Err(Failure::unsent(TransportErrorKind::Forbidden, format!("the host has {reason}")))
            }
            (true, None) => Err(Failure::unsent(TransportErrorKind::Resolve, "it has no address")),
        }
    }

    /// A proxy resolves names itself, so what it will reach is judged by what the name resolves to here. A name that does not
    /// resolve here cannot be judged: a named host passes, any other is refused.
    pub(super) fn judge_for_proxy(&self, host: &str, limits: Limits) -> Result<(), Failure> {
        match self.allowed(host, limits.reach, limits.deadline.left()) {
            Err(failure) if failure.kind == TransportErrorKind::Resolve => match limits.reach {
                Reach::Named => Ok(()),
                Reach::PublicOnly => Err(Failure::unsent(
                    TransportErrorKind::Forbidden,
                    "its address cannot be checked, since only the proxy resolves it; name the host in policy.egress.allow",
                )),
            },
            other => other.map(drop),
        }
    }

    fn addresses(&self, host: &str, within: Duration) -> Result<Vec<IpAddr>, Failure> {
        if let Some(known) = without_asking(host) {
            return Ok(known);
        }
        let now = Instant::now();
        if let Some(found) = self.remembered(host, now) {
            return Ok(found);
        }
        let found = self.ask(host, within)?;
        self.remember(host, now, &found);
        Ok(found)
    }

    fn remembered(&self, host: &str, now: Instant) -> Option<Vec<IpAddr>> {
        let remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, addresses) = remembered.get(host)?;
        (now.saturating_duration_since(*at) < TTL).then(|| addresses.clone())
    }

    fn remember(&self, host: &str, now: Instant, found: &[IpAddr]) {
        let mut remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (at, _)| now.saturating_duration_since(*at) < TTL);
        }
        if remembered.len() < REMEMBERED {
            remembered.insert(host.to_owned(), (now, found.to_vec()));
        }
    }

    /// Asks the system on a thread of its own, since it knows no deadline.
    fn ask(&self, host: &str, within: Duration) -> Result<Vec<IpAddr>, Failure> {
        let failed = |cause: &str| Failure::unsent(TransportErrorKind::Resolve, cause);
        let running = Running::begin(&self.0).ok_or_else(|| failed("too many look-ups are under way"))?;
        let (answer, answered) = mpsc::sync_channel(1);
        let name = host.to_owned();
        let work = move || {
            let running = running;
            let found = (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect::<Vec<_>>());
            drop(running);
            // Whoever asked may have given up.
            answer.send(found).ok();
        };
        host::spawn("resolve", work).map_err(|_| failed("no thread for the look-up"))?;
        match answered.recv_timeout(within) {
            Ok(Ok(found)) => Ok(distinct(found)),
            Ok(Err(_)) => Err(failed("the name is not known")),
            Err(_) => {
                Err(Failure::unsent(TransportErrorKind::Timeout, "its name was not resolved before the deadline"))
            }
        }
    }
}

/// One look-up under way.
struct Running(Arc<Shared>);

impl Running {
    fn begin(shared: &Arc<Shared>) -> Option<Self> {
        let before = shared.running.fetch_add(1, Ordering::Relaxed);
        let running = Self(Arc::clone(shared));
        (before < LOOKUPS).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Literals, and `localhost` with all below it (RFC 6761 section 6.3), also where no `/etc/hosts` is.
fn without_asking(host: &str) -> Option<Vec<IpAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Some(vec![address]);
    }
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    (name == "localhost" || name.ends_with(".localhost"))
        .then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

fn distinct(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut kept = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn literals_and_localhost_need_nobody() {
        assert_eq!(without_asking("[::1]").unwrap(), [IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        assert_eq!(without_asking("10.1.2.3").unwrap(), [IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))]);
        for name in ["localhost", "LOCALHOST.", "api.localhost"] {
            assert_eq!(without_asking(name).unwrap().len(), 2, "{name}");
        }
        assert_eq!(without_asking("localhost.example.com"), None);
    }

    #[test]
    fn h27_the_resolved_address_is_judged_not_the_name() {
        let names = Names::default();
        let now = Instant::now();
        names.remember("rebound.example", now, &["169.254.169.254".parse().unwrap(), "127.0.0.1".parse().unwrap()]);
        names.remember("mixed.example", now, &["10.0.0.1".parse().unwrap(), "1.1.1.1".parse().unwrap()]);
        let named = names.allowed("rebound.example", Reach::Named, SOON).unwrap();
        assert_eq!(named, ["127.0.0.1".parse::<IpAddr>().unwrap()], "only the address that may be reached is left");
        let refused = names.allowed("rebound.example", Reach::PublicOnly, SOON).unwrap_err();
        assert_eq!(refused.kind, TransportErrorKind::Forbidden);
        assert!(!refused.may_have_been_sent);
        assert_eq!(
            names.allowed("mixed.example", Reach::PublicOnly, SOON).unwrap(),
            ["1.1.1.1".parse::<IpAddr>().unwrap()]
        );
    }

    #[test]
    fn the_memory_for_names_is_bounded_and_short() {
        let names = Names::default();
        let now = Instant::now();
        for i in 0..REMEMBERED + 50 {
            names.remember(&format!("h{i}"), now, &[Ipv4Addr::LOCALHOST.into()]);
        }
        assert_eq!(names.0.remembered.lock().unwrap().len(), REMEMBERED);
        assert!(names.remembered("h1", now).is_some());
        assert!(names.remembered("h1", now + TTL).is_none());
        names.remember("late", now + TTL, &[Ipv4Addr::LOCALHOST.into()]);
        assert_eq!(names.0.remembered.lock().unwrap().len(), 1);
    }

    #[test]
    fn look_ups_under_way_are_bounded() {
        let names = Names::default();
        let running: Vec<_> = (0..LOOKUPS).map(|_| Running::begin(&names.0).unwrap()).collect();
        assert!(Running::begin(&names.0).is_none());
        drop(running);
        assert_eq!(names.0.running.load(Ordering::Relaxed), 0);
    }
}
