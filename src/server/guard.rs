//! Keeps browser pages away from the toolbox (H11): a page may make its reader's browser send requests here, under a name that resolves
//! to this machine or from an origin of its own.
//!
//! Key type: [`Reach`], from where requests can come at all, which decides what `Host` may say.

use std::net::IpAddr;

use crate::base::url::{Origin, Url, is_loopback_host};
use crate::http::Headers;

/// From where requests can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine: `Host` is a loopback name or the public one.
    Loopback,
    /// From anywhere, with a token, which no page of another site has: any `Host`.
    Guarded,
    /// From anywhere, without a token: `Host` is no name that a stranger could have pointed here, so an address, a name without dots, or
    /// the public one.
    Open,
}

impl Reach {
    /// Of a toolbox that listens at this address.
    pub fn of(listening: Option<IpAddr>, auth: bool) -> Self {
        match (listening.is_none_or(|ip| ip.is_loopback()), auth) {
            (true, _) => Self::Loopback,
            (false, true) => Self::Guarded,
            (false, false) => Self::Open,
        }
    }
}

/// Whether a request may come from where it says it comes. `port` is the toolbox's own, `public` the origin clients use.
pub fn allows(headers: &Headers, port: u16, public: Option<&Url>, reach: Reach) -> bool {
    let cross_site = headers.all("Sec-Fetch-Site").any(|site| site.eq_ignore_ascii_case("cross-site"));
    let host_fits = headers.all("Host").all(|host| host_is_ours(host, public, reach));
    let origin_fits = headers.all("Origin").all(|origin| origin_is_ours(origin, port, public));
    !cross_site && host_fits && origin_fits
}

fn host_is_ours(host: &str, public: Option<&Url>, reach: Reach) -> bool {
    if is_plainly_loopback(host) {
        return true;
    }
    let Ok(url) = Url::parse(&format!("http://{host}/")) else {
        return false;
    };
    let name = url.host();
    let by_reach = match reach {
        Reach::Loopback => false,
        Reach::Guarded => true,
        Reach::Open => is_address(name) || is_single_label(name),
    };
    by_reach || is_loopback_host(name) || public.is_some_and(|public| public.host() == name)
}

/// The usual names of this machine with a port or without; what is less usual takes the longer way.
fn is_plainly_loopback(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    matches!(name, "127.0.0.1" | "localhost") && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name that only the local network knows.
fn is_single_label(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_address(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn origin_is_ours(origin: &str, port: u16, public: Option<&Url>) -> bool {
    let Some(origin) = Url::parse(origin).ok().and_then(|url| url.origin()) else {
        return false;
    };
    let Origin { scheme, host, port: origin_port } = &origin;
    let own = scheme == "http" && *origin_port == port && is_loopback_host(host);
    own || public.and_then(Url::origin).is_some_and(|public| public == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reach: Reach, lines: &[(&str, &str)], expected: bool) {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        let public = Url::parse("https://tools.example.com").unwrap();
        assert_eq!(allows(&headers, 8765, Some(&public), reach), expected, "{reach:?} {lines:?}");
    }

    #[test]
    fn h11_pages_cannot_drive_the_toolbox() {
        for host in ["localhost:8765", "LOCALHOST", "127.0.0.1:8765", "127.1.2.3", "[::1]:8765", "tools.example.com"] {
            for reach in [Reach::Loopback, Reach::Guarded, Reach::Open] {
                check(reach, &[("Host", host)], true);
            }
        }
        for host in ["evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b"] {
            check(Reach::Loopback, &[("Host", host)], false);
            check(Reach::Open, &[("Host", host)], false);
        }
        for (host, open) in [("10.0.0.1:8765", true), ("[fd00::1]", true), ("toolbox:8765", true), ("a.lan", false)] {
            check(Reach::Loopback, &[("Host", host)], false);
            check(Reach::Guarded, &[("Host", host)], true);
            check(Reach::Open, &[("Host", host)], open);
        }
        check(Reach::Loopback, &[], true);
        let host = ("Host", "localhost:8765");
        for reach in [Reach::Loopback, Reach::Guarded, Reach::Open] {
            for origin in ["http://localhost:8765", "http://127.0.0.1:8765", "https://tools.example.com"] {
                check(reach, &[host, ("Origin", origin)], true);
            }
            for origin in ["http://localhost:3000", "https://localhost:8765", "http://evil.example", "null", ""] {
                check(reach, &[host, ("Origin", origin)], false);
            }
            check(reach, &[host, ("Sec-Fetch-Site", "cross-site")], false);
            check(reach, &[host, ("Sec-Fetch-Site", "same-origin")], true);
        }
    }

    #[test]
    fn reach_follows_from_address_and_auth() {
        let at = |ip: &str| Some(ip.parse().unwrap());
        assert_eq!(Reach::of(None, false), Reach::Loopback);
        assert_eq!(Reach::of(at("127.0.0.9"), true), Reach::Loopback);
        assert_eq!(Reach::of(at("0.0.0.0"), true), Reach::Guarded);
        assert_eq!(Reach::of(at("::"), false), Reach::Open);
    }
}
