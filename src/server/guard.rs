//! Keeps browser pages away from a loopback toolbox (H11): a page may make its reader's browser send requests here, under a
//! name that resolves to this machine or from an origin of its own.

use crate::base::url::{Origin, Url, is_loopback_host};
use crate::http::Headers;

/// Whether a request may come from where it says it comes. `port` is the toolbox's own, `public` the origin clients use.
pub fn allows(headers: &Headers, port: u16, public: Option<&Url>) -> bool {
    let cross_site = headers.all("Sec-Fetch-Site").any(|site| site.eq_ignore_ascii_case("cross-site"));
    let host_fits = headers.all("Host").all(|host| host_is_ours(host, public));
    let origin_fits = headers.all("Origin").all(|origin| origin_is_ours(origin, port, public));
    !cross_site && host_fits && origin_fits
}

fn host_is_ours(host: &str, public: Option<&Url>) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else {
        return false;
    };
    is_loopback_host(url.host()) || public.is_some_and(|public| public.host() == url.host())
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
    fn check(lines: &[(&str, &str)], expected: bool) {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        let public = Url::parse("https://tools.example.com").unwrap();
        assert_eq!(allows(&headers, 8765, Some(&public)), expected, "{lines:?}");
    }

    #[test]
    fn h11_pages_cannot_drive_the_toolbox() {
        for host in ["localhost:8765", "LOCALHOST", "127.0.0.1:8765", "127.1.2.3", "[::1]:8765", "tools.example.com"] {
            check(&[("Host", host)], true);
        }
        for host in ["evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "a b"] {
            check(&[("Host", host)], false);
        }
        check(&[], true);
        let host = ("Host", "localhost:8765");
        for origin in ["http://localhost:8765", "http://127.0.0.1:8765", "https://tools.example.com"] {
            check(&[host, ("Origin", origin)], true);
        }
        for origin in ["http://localhost:3000", "https://localhost:8765", "http://evil.example", "null", ""] {
            check(&[host, ("Origin", origin)], false);
        }
        check(&[host, ("Sec-Fetch-Site", "cross-site")], false);
        check(&[host, ("Sec-Fetch-Site", "same-origin")], true);
    }
}
