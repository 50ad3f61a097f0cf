//! Which addresses may be reached (contract 7, Egress). Pure: it judges one resolved address.
//!
//! Addresses that carry an IPv4 address inside (mapped, compatible, 6to4, NAT64) are judged by that one, so that no spelling
//! of a forbidden address gets through. Names are not judged here: only what they resolve to counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reach;
use crate::base::url::is_loopback_host;

/// What kind of address this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// Anybody's.
    Public,
    /// The machine's or the site's own; reached only when the config names it. The text says which.
    Private(&'static str),
    /// Reached by nobody. The text says why.
    Never(&'static str),
}

/// An address that may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// `link-local`, `loopback`, ..
    pub kind: &'static str,
    /// Whether naming the host in the config would allow it.
    pub can_be_named: bool,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.can_be_named {
            true => write!(f, "a {} address, which only a host named in the config may have", self.kind),
            false => write!(f, "a {} address, which is never reached", self.kind),
        }
    }
}

/// Whether `address` may be reached.
pub fn judge(address: IpAddr, reach: Reach) -> Result<(), Denied> {
    match (kind(address), reach) {
        (AddressKind::Public, _) | (AddressKind::Private(_), Reach::Named) => Ok(()),
        (AddressKind::Private(kind), Reach::PublicOnly) => Err(Denied { kind, can_be_named: true }),
        (AddressKind::Never(kind), _) => Err(Denied { kind, can_be_named: false }),
    }
}

/// Whether a URL's host is this machine, or written as an address of the site's own. What other names resolve to is judged when they are
/// reached.
pub fn is_private_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    is_loopback_host(host) || address.is_ok_and(|address| matches!(kind(address), AddressKind::Private(_)))
}

/// Classifies an address.
pub fn kind(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
}

/// Addresses at which clouds hand credentials to whoever asks, outside the link-local range.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn kind_v4(address: Ipv4Addr) -> AddressKind {
    if METADATA_V4.contains(&address) {
        return AddressKind::Never("cloud metadata");
    }
    match address.octets() {
        [0, ..] => AddressKind::Never("unspecified"),
        [127, ..] => AddressKind::Private("loopback"),
        [10, ..] | [192, 168, ..] => AddressKind::Private("private"),
        [172, b, ..] if (16..32).contains(&b) => AddressKind::Private("private"),
        [100, b, ..] if (64..128).contains(&b) => AddressKind::Private("carrier-grade NAT"),
        [198, 18 | 19, ..] => AddressKind::Private("benchmarking"),
        [169, 254, ..] => AddressKind::Never("link-local"),
        [192, 0, 0, _] => AddressKind::Never("protocol assignment"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressKind::Never("documentation"),
        [192, 88, 99, _] => AddressKind::Never("6to4 relay"),
        [255, 255, 255, 255] => AddressKind::Never("broadcast"),
        [224..=239, ..] => AddressKind::Never("multicast"),
        [240..=255, ..] => AddressKind::Never("reserved"),
        _ => AddressKind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> AddressKind {
    if METADATA_V6.contains(&address) {
        return AddressKind::Never("cloud metadata");
    }
    if address == Ipv6Addr::LOCALHOST {
        return AddressKind::Private("loopback");
    }
    if address == Ipv6Addr::UNSPECIFIED {
        return AddressKind::Never("unspecified");
    }
    if let Some(inside) = embedded(address) {
        return kind_v4(inside);
    }
    match address.segments() {
        [0xfe80..=0xfebf, ..] => AddressKind::Never("link-local"),
        [0xfec0..=0xfeff, ..] => AddressKind::Never("site-local"),
        [0xff00..=0xffff, ..] => AddressKind::Never("multicast"),
        [0xfc00..=0xfdff, ..] => AddressKind::Private("private"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressKind::Never("documentation"),
        [0x2001, 2, 0, ..] => AddressKind::Private("benchmarking"),
        [0x2001, 0, ..] => AddressKind::Never("Teredo"),
        [0x2001, 0x10..=0x3f, ..] => AddressKind::Never("ORCHID"),
        [0x100, 0, 0, 0, ..] => AddressKind::Never("discard-only"),
        [0x64, 0xff9b, 1, ..] => AddressKind::Never("local NAT64"),
        // Only 2000::/3 is given out (RFC 4291 section 2.4).
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Never("reserved"),
    }
}

/// The IPv4 address that an IPv6 address stands for: `::ffff:a.b.c.d`, `::a.b.c.d`, `::ffff:0:a.b.c.d` (RFC 2765),
/// `2002:aabb:ccdd::/48` (RFC 3056), `64:ff9b::a.b.c.d` (RFC 6052).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => (high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `named` and `public`: whether the address is reached by a named host and by one that a document led to.
    #[track_caller]
    fn check(address: &str, named: bool, public: bool) {
        let parsed: IpAddr = address.parse().unwrap();
        assert_eq!(judge(parsed, Reach::Named).is_ok(), named, "{address} named");
        assert_eq!(judge(parsed, Reach::PublicOnly).is_ok(), public, "{address} public");
    }

    #[test]
    fn h27_public_addresses_are_reached() {
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
        {
            check(address, true, true);
        }
        check("64:ff9b::101:101", true, true);
        check("2002:101:101::1", true, true);
        check("::ffff:1.1.1.1", true, true);
    }

    #[test]
    fn h27_private_addresses_need_a_name() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "fd12::1",
            "fc00::1",
            "2001:2::1",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::ffff:10.1.2.3",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
        ] {
            check(address, true, false);
        }
    }

    #[test]
    fn h27_some_addresses_are_never_reached() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.9",
            "192.88.99.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "100::1",
            "64:ff9b:1::1",
            "fd00:ec2::254",
            "4000::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::",
        ] {
            check(address, false, false);
        }
    }

    #[test]
    fn the_reason_is_told() {
        let denied = judge("fd12::1".parse().unwrap(), Reach::PublicOnly).unwrap_err();
        assert_eq!(denied.to_string(), "a private address, which only a host named in the config may have");
    }
}
