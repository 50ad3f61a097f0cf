//! Absolute URLs of the three schemes this project knows: `http`, `https`, `file` (RFC 3986).
//!
//! Parsing and reference resolution are fluent-uri's; this file adds what every caller here wants: lenient
//! input (characters that a publisher forgot to encode are encoded), normal form, origins, and percent
//! encoding by place.

use std::fmt;
use std::path::{Path, PathBuf};

use fluent_uri::{Uri, UriRef};

/// Longest URL, as it comes in and in its normal form, so that each can be read again.
const MAX_BYTES: usize = 8192;

/// An absolute, normalized URL with a host (`http`, `https`) or a path (`file`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(String);

/// Why a text is no URL here. Never holds the text, which may carry credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not parse, or a relative reference stands where an absolute URL is needed.
    Malformed,
    /// A scheme other than `http`, `https` and `file`.
    Scheme(String),
    /// No host, or a port that is no number up to 65535.
    Authority,
    /// `user:password@` in the URL; credentials belong in `secrets`.
    UserInfo,
    /// Longer than 8,192 bytes.
    TooLong,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not an absolute URL"),
            Self::Scheme(scheme) => write!(f, "the scheme `{scheme}` is not one of http, https, file"),
            Self::Authority => f.write_str("the URL needs a host, and a port up to 65535 if any"),
            Self::UserInfo => f.write_str("the URL holds a user name or password; put credentials into `secrets`"),
            Self::TooLong => f.write_str("the URL is longer than 8,192 bytes"),
        }
    }
}

impl std::error::Error for UrlError {}

/// Scheme, host (lower case, IPv6 in brackets) and port: what credentials and tokens are bound to (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// Lower case; an IPv6 address keeps its brackets.
    pub host: String,
    /// Always filled; the scheme's default when the URL names none.
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

impl Origin {
    /// Whether it can only be on this machine: a loopback address, `localhost`, or a name below it (RFC 6761 section 6.3).
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

impl Url {
    /// Parses and normalizes an absolute URL. Spaces, braces and other characters that may not stand in a URL
    /// are percent-encoded first.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES {
            return Err(UrlError::TooLong);
        }
        let text = encode_illegal(text.trim());
        let uri = Uri::parse(text.as_str()).map_err(|_| UrlError::Malformed)?;
        Self::checked(uri.normalize())
    }

    /// Resolves a reference against this URL (RFC 3986 section 5).
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        if reference.len() > MAX_BYTES {
            return Err(UrlError::TooLong);
        }
        let reference = encode_illegal(reference.trim());
        let reference = UriRef::parse(reference.as_str()).map_err(|_| UrlError::Malformed)?;
        let base = Uri::parse(self.without_fragment()).map_err(|_| UrlError::Malformed)?;
        let joined = reference.resolve_against(&base).map_err(|_| UrlError::Malformed)?;
        Self::checked(joined.normalize())
    }

    fn checked(uri: Uri<String>) -> Result<Self, UrlError> {
        let scheme = uri.scheme().as_str();
        let authority = uri.authority();
        match scheme {
            "http" | "https" => {
                let authority = authority.ok_or(UrlError::Authority)?;
                if authority.has_userinfo() {
                    return Err(UrlError::UserInfo);
                }
                if authority.host().is_empty() || authority.port_to_u16().is_err() {
                    return Err(UrlError::Authority);
                }
            }
            "file" => {
                if authority.is_some_and(|a| !a.host().is_empty() && a.host() != "localhost") {
                    return Err(UrlError::Authority);
                }
            }
            other => return Err(UrlError::Scheme(other.to_owned())),
        }
        // Encoding makes it longer, and so does what a reference is joined to.
        if uri.as_str().len() > MAX_BYTES { Err(UrlError::TooLong) } else { Ok(Self(uri.into_string())) }
    }

    /// The `file` URL of an absolute path.
    pub fn from_file_path(path: &Path) -> Option<Self> {
        let text = path.to_str()?;
        path.is_absolute().then(|| Self(format!("file://{}", encode_with(text, PATH))))
    }

    /// The path that a `file` URL names.
    pub fn to_file_path(&self) -> Option<PathBuf> {
        (self.scheme() == "file").then(|| PathBuf::from(decode(self.path())))
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `http`, `https` or `file`.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// Whether this is `http` or `https`.
    pub fn is_http(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// Host in lower case, IPv6 addresses in brackets; empty for `file`.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rfind(':') {
            Some(at) if !authority[at..].contains(']') => &authority[..at],
            _ => authority,
        }
    }

    /// The port written, or the scheme's default.
    pub fn port(&self) -> u16 {
        let default = if self.scheme() == "http" { 80 } else { 443 };
        self.authority()[self.host().len()..].trim_start_matches(':').parse().unwrap_or(default)
    }

    /// Whether there is nothing behind scheme, host and port but perhaps a slash.
    pub fn is_bare_origin(&self) -> bool {
        self.is_http() && self.path() == "/" && self.query().is_none() && self.fragment().is_none()
    }

    /// Scheme, host and port; `None` for `file`.
    pub fn origin(&self) -> Option<Origin> {
        self.is_http().then(|| Origin {
            scheme: self.scheme().to_owned(),
            host: self.host().to_ascii_lowercase(),
            port: self.port(),
        })
    }

    /// Whether both are `http` or `https` and have one origin.
    pub fn shares_origin(&self, other: &Self) -> bool {
        let same_place = || self.host().eq_ignore_ascii_case(other.host()) && self.port() == other.port();
        self.is_http() && self.scheme() == other.scheme() && (self.authority() == other.authority() || same_place())
    }

    /// Host, and port if there is one, as written; empty for `file`.
    pub fn authority(&self) -> &str {
        let rest = self.0[self.scheme().len()..].strip_prefix("://").unwrap_or("");
        &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
    }

    /// The path, `/` at least for `http` and `https`.
    pub fn path(&self) -> &str {
        let rest = self.without_fragment();
        let rest = &rest[self.scheme().len() + 1..];
        let path = rest.strip_prefix("//").map_or(rest, |rest| &rest[self.authority().len()..]);
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path.is_empty() { "/" } else { path }
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.without_fragment().split_once('?').map(|(_, query)| query)
    }

    /// The fragment without its `#`, still percent-encoded.
    pub fn fragment(&self) -> Option<&str> {
        self.0.split_once('#').map(|(_, fragment)| fragment)
    }

    /// The URL up to its `#`.
    pub fn without_fragment(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(url, _)| url)
    }

    /// The same document without fragment.
    pub fn document(&self) -> Self {
        Self(self.without_fragment().to_owned())
    }

    /// The URL as it may be shown to people and kept in records: no query, no fragment, which may carry keys.
    pub fn public(&self) -> &str {
        let url = self.without_fragment();
        url.split_once('?').map_or(url, |(url, _)| url)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.public())
    }
}

/// Characters besides letters, digits and `-._~` that stay as they are in each place.
const PATH: &str = "/!$&'()*+,;=:@";
const RESERVED: &str = ":/?#[]@!$&'()*+,;=";

/// Whether a URL's host can only be this machine: a loopback address, `localhost`, or a name below it (RFC 6761 section 6.3). Other
/// names are not looked up.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Encodes a text as one path segment: nothing in it can end the segment (H19).
pub fn encode_segment(text: &str) -> String {
    encode_with(text, "!$'()*,:@")
}

/// Encodes a name or value of a query: everything but unreserved characters.
pub fn encode_query(text: &str) -> String {
    encode_with(text, "")
}

/// Encodes a text but keeps the reserved characters of RFC 3986 section 2.2 (`allowReserved`), and percent
/// triples that are already there.
pub fn encode_reserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&encode_with(&rest[..at], RESERVED));
        let triple = rest.as_bytes().get(at + 1..at + 3).is_some_and(|t| t.iter().all(u8::is_ascii_hexdigit));
        let taken = if triple { &rest[at..at + 3] } else { "%25" };
        out.push_str(taken);
        rest = &rest[at + if triple { 3 } else { 1 }..];
    }
    out.push_str(&encode_with(rest, RESERVED));
    out
}

/// Decodes percent triples; bytes that are no UTF-8 become U+FFFD, broken triples stay as they are.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let triple = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match triple.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode_with(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) {
            out.push(c);
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
}

fn encode_illegal(text: &str) -> String {
    encode_reserved(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn urls_normalize_and_take_apart() {
        let url = parsed("HTTPS://API.Example.com:8443/a/../b c?q=1#frag");
        assert_eq!(url.as_str(), "https://api.example.com:8443/b%20c?q=1#frag");
        assert_eq!((url.host(), url.port(), url.path()), ("api.example.com", 8443, "/b%20c"));
        assert_eq!((url.query(), url.fragment()), (Some("q=1"), Some("frag")));
        assert_eq!(url.public(), "https://api.example.com:8443/b%20c");
        let v6 = parsed("http://[::1]:80/");
        assert_eq!((v6.host(), v6.port()), ("[::1]", 80));
        assert_eq!(v6.origin().unwrap().to_string(), "http://[::1]");
        assert_eq!(parsed("http://h").path(), "/");
        let colons = parsed("file:/a://b/c");
        assert_eq!((colons.host(), colons.path()), ("", "/a://b/c"));
        let query = parsed("http://h?to=http://g/x#://f");
        assert_eq!((query.host(), query.path(), query.query()), ("h", "/", Some("to=http://g/x")));
    }

    #[test]
    fn urls_share_an_origin_when_their_origins_are_equal() {
        let urls = [
            "http://h/a",
            "http://h:80/b?c#d",
            "HTTP://H",
            "http://h:81",
            "https://h",
            "https://h:443",
            "http://g",
            "http://[::1]",
            "http://[::1]:80/x",
            "http://h.evil",
        ];
        for (one, other) in urls.iter().flat_map(|one| urls.iter().map(move |other| (parsed(one), parsed(other)))) {
            assert_eq!(one.shares_origin(&other), one.origin() == other.origin(), "{one} {other}");
        }
        assert!(!parsed("file:///a").shares_origin(&parsed("file:///a")), "files have none");
    }

    #[test]
    fn references_resolve() {
        let base = parsed("https://h/a/openapi.json?v=2#x");
        for (reference, expected) in [
            ("schemas/pet.yaml#/Pet", "https://h/a/schemas/pet.yaml#/Pet"),
            ("../../../v1", "https://h/v1"),
            ("#/x", "https://h/a/openapi.json?v=2#/x"),
            ("//other/p", "https://other/p"),
            ("/v 1/{id}", "https://h/v%201/%7Bid%7D"),
        ] {
            assert_eq!(base.join(reference).unwrap().as_str(), expected, "{reference}");
        }
    }

    #[test]
    fn what_is_no_url_here_is_refused() {
        for (text, error) in [
            ("/relative", UrlError::Malformed),
            ("ftp://h/", UrlError::Scheme("ftp".into())),
            ("http://u:p@h/", UrlError::UserInfo),
            ("http:///x", UrlError::Authority),
            ("http://h:99999/", UrlError::Authority),
            ("file://remote/share", UrlError::Authority),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
        assert_eq!(Url::parse(&format!("http://h/{}", "a".repeat(9000))), Err(UrlError::TooLong));
        let spaces = format!("http://h/{}x", " ".repeat(4000));
        assert_eq!(Url::parse(&spaces), Err(UrlError::TooLong), "what it becomes could not be read again");
        let long = parsed(&format!("http://h/{}/", "a".repeat(5000)));
        assert_eq!(long.join(&"b".repeat(5000)), Err(UrlError::TooLong));
    }

    #[test]
    fn loopback_is_told_from_what_looks_like_it() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("localhost", true),
            ("a.localhost", true),
            ("127.0.0.1.example", false),
            ("notlocalhost", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback_host(host), expected, "{host}");
        }
    }

    #[test]
    fn files_round_trip() {
        let path = Path::new("/tmp/a b/ü#.json");
        let url = Url::from_file_path(path).unwrap();
        assert_eq!(url.as_str(), "file:///tmp/a%20b/%C3%BC%23.json");
        assert_eq!(url.to_file_path().unwrap(), path);
    }

    #[test]
    fn h19_a_segment_stays_one_segment() {
        assert_eq!(encode_segment("../a?b#c%2f"), "..%2Fa%3Fb%23c%252f");
        assert_eq!(encode_query("a&b=c d"), "a%26b%3Dc%20d");
        assert_eq!(encode_reserved("a/b?c d%20e%"), "a/b?c%20d%20e%25");
        assert_eq!(decode("a%20b%zz%"), "a b%zz%");
    }
}
