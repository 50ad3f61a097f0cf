//! A request's head, from bytes to what a worker is handed: strict where leniency lets two readers disagree.
//!
//! Key types: [`Scan`], which finds the end of a head as its bytes come and refuses early what no head may hold, and [`Head`], what
//! a whole head says. RFC 9112 sections 2 to 7, RFC 9110 sections 7 and 10.1.1. Folded lines, bare CR or LF, control characters,
//! bytes outside ASCII, and everything that gives a body two lengths are refused.

use crate::http::framing::Length;
use crate::http::handoff;
use crate::http::is_token_byte;
use crate::http::rejection::{Rejection, TOLD};

/// Most bytes of a head, its last empty line included.
pub(in crate::http) const MAX_HEAD: usize = 16 << 10;
/// Most fields of a head, and of a trailer section.
pub(in crate::http) const MAX_FIELDS: usize = 64;

/// Looks for the end of a head.
#[derive(Debug, Default)]
pub(in crate::http) struct Scan {
    at: usize,
    line_start: usize,
    lines: usize,
    after_cr: bool,
    past_method: bool,
}

impl Scan {
    /// Goes on where it stopped, in the bytes of before with more behind them; the length of the head once it is all there.
    pub(in crate::http) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, Rejection> {
        while let Some(&byte) = bytes.get(self.at) {
            if self.at >= MAX_HEAD || self.lines > MAX_FIELDS + 1 {
                return Err(if self.lines == 0 { Rejection::TargetTooLong } else { Rejection::HeadTooLarge });
            }
            if byte == b'\n' {
                if !self.after_cr {
                    return Err(Rejection::Malformed("a line of the head ends without CR"));
                }
                self.after_cr = false;
                let empty = self.at == self.line_start + 1;
                self.at += 1;
                if empty {
                    return Ok(Some(self.at));
                }
                self.line_start = self.at;
                self.lines += 1;
                continue;
            }
            self.check(byte)?;
            self.after_cr = byte == b'\r';
            self.at += 1;
        }
        Ok(None)
    }

    /// A byte that is no LF.
    fn check(&mut self, byte: u8) -> Result<(), Rejection> {
        let first_of_line = self.at == self.line_start;
        match byte {
            _ if self.after_cr => Err(Rejection::Malformed("the head holds a CR that ends no line")),
            0x16 if self.at == 0 => {
                Err(Rejection::Malformed("this looks like TLS, and this address speaks plain HTTP"))
            }
            b'\r' if self.lines == 0 && !self.past_method => {
                Err(Rejection::Malformed("the request line is not complete"))
            }
            b'\r' => Ok(()),
            b' ' | b'\t' if first_of_line && self.lines > 0 => Err(Rejection::Malformed("a header line is folded")),
            b'\t' if self.lines > 0 => Ok(()),
            0..0x20 | 0x7f => Err(Rejection::Malformed("the head holds a control character")),
            0x80.. => Err(Rejection::Malformed("the head holds a byte outside ASCII")),
            b' ' if self.lines == 0 && !first_of_line => {
                self.past_method = true;
                Ok(())
            }
            _ if self.lines == 0 && !self.past_method && !is_token_byte(byte) => {
                Err(Rejection::Malformed("the request does not begin with a method"))
            }
            _ => Ok(()),
        }
    }
}

/// What a head says, and the head that a worker is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Head {
    /// How long the body is.
    pub(in crate::http) length: Length,
    /// HTTP/1.0: no chunks in the answer.
    pub(in crate::http) one_zero: bool,
    /// Whether the connection may serve another request.
    pub(in crate::http) keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(in crate::http) waits: bool,
    /// HEAD: the answer has no body.
    pub(in crate::http) bodiless: bool,
    /// The lines of [`TOLD`], for answers that the front gives by itself.
    pub(in crate::http) told: Vec<u8>,
    /// Request line and fields in origin form, each with its CRLF, without framing and without the last empty line.
    pub(in crate::http) handed: Vec<u8>,
}

impl Head {
    /// Reads a whole head.
    pub(in crate::http) fn read(bytes: &[u8]) -> Result<Self, Rejection> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Rejection::Malformed("the head is not complete")),
            Err(httparse::Error::TooManyHeaders) => return Err(Rejection::HeadTooLarge),
            Err(httparse::Error::Version) => return Err(other_version(bytes)),
            Err(httparse::Error::HeaderName) => return Err(Rejection::Malformed("a header has a name that is none")),
            Err(httparse::Error::HeaderValue) => return Err(Rejection::Malformed("a header has a value that is none")),
            Err(_) => return Err(Rejection::Malformed("the request line is not well formed")),
        }
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(Rejection::Malformed("the request line is not complete"));
        };
        let said = Said::by(request.headers)?;
        let one_zero = minor == 0;
        let target = Target::read(method, target)?;
        let length = said.length(method, one_zero)?;
        let waits = said.expectation(one_zero)? && length != Length::None;
        let host = said.host(one_zero)?;
        let keep_alive = !said.close && (!one_zero || said.keep_alive);
        let handed = hand_on(method, &target, host, request.headers);
        let (bodiless, told) = (method == "HEAD", tell(request.headers));
        Ok(Self { length, one_zero, keep_alive, waits, bodiless, told, handed })
    }
}

/// Some other version, or none at all.
fn other_version(bytes: &[u8]) -> Rejection {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line.rsplit(|byte| *byte == b' ').next() {
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Rejection::Version
        }
        _ => Rejection::Malformed("the request line does not end with a version of HTTP"),
    }
}

/// What the fields say about framing, the connection and the host.
#[derive(Default)]
struct Said<'a> {
    lengths: Vec<&'a str>,
    codings: Vec<&'a str>,
    expectations: Vec<&'a str>,
    hosts: Vec<&'a str>,
    close: bool,
    keep_alive: bool,
}

impl<'a> Said<'a> {
    fn by(fields: &[httparse::Header<'a>]) -> Result<Self, Rejection> {
        let mut said = Self::default();
        for field in fields {
            let value = std::str::from_utf8(field.value).map_err(|_| Rejection::Malformed("a header is not ASCII"))?;
            let value = value.trim_matches([' ', '\t']);
            match field.name {
                name if name.eq_ignore_ascii_case("Content-Length") => said.lengths.push(value),
                name if name.eq_ignore_ascii_case("Transfer-Encoding") => said.codings.push(value),
                name if name.eq_ignore_ascii_case("Expect") => said.expectations.push(value),
                name if name.eq_ignore_ascii_case("Host") => said.hosts.push(value),
                name if name.eq_ignore_ascii_case("Connection") => {
                    said.close |= lists(value, "close");
                    said.keep_alive |= lists(value, "keep-alive");
                }
                _ => {}
            }
        }
        Ok(said)
    }

    /// RFC 9112 section 6.3, and stricter: one field, one value.
    fn length(&self, method: &str, one_zero: bool) -> Result<Length, Rejection> {
        match (self.lengths.as_slice(), self.codings.as_slice()) {
            ([], []) if one_zero && matches!(method, "POST" | "PUT" | "PATCH") => Err(Rejection::LengthRequired),
            ([], []) => Ok(Length::None),
            ([length], []) => fixed(length),
            ([], _) if one_zero => Err(Rejection::Malformed("HTTP/1.0 has no Transfer-Encoding")),
            ([], codings) => chunked(codings),
            ([..], []) => Err(Rejection::Malformed("there is more than one Content-Length")),
            ([..], [..]) => Err(Rejection::Malformed("there are both Content-Length and Transfer-Encoding")),
        }
    }

    /// RFC 9110 section 10.1.1; a client of HTTP/1.0 cannot wait.
    fn expectation(&self, one_zero: bool) -> Result<bool, Rejection> {
        match self.expectations.as_slice() {
            _ if one_zero => Ok(false),
            [] => Ok(false),
            [one] if one.eq_ignore_ascii_case("100-continue") => Ok(true),
            _ => Err(Rejection::Expectation),
        }
    }

    /// RFC 9112 section 3.2: exactly one, also beside an absolute target.
    fn host(&self, one_zero: bool) -> Result<Option<&'a str>, Rejection> {
        match self.hosts.as_slice() {
            [] if one_zero => Ok(None),
            [] => Err(Rejection::Malformed("there is no Host")),
            [host] if host.bytes().all(is_authority) => Ok(Some(host)),
            [_] => Err(Rejection::Malformed("the Host is none")),
            _ => Err(Rejection::Malformed("there is more than one Host")),
        }
    }
}

fn lists(value: &str, option: &str) -> bool {
    value.split(',').any(|each| each.trim_matches([' ', '\t']).eq_ignore_ascii_case(option))
}

fn fixed(length: &str) -> Result<Length, Rejection> {
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Rejection::Malformed("the Content-Length is no number"));
    }
    match length.parse() {
        Ok(0) => Ok(Length::None),
        Ok(length) => Ok(Length::Fixed(length)),
        // Digits that do not fit are a length all the same, and more than anybody takes.
        Err(_) => Ok(Length::Fixed(u64::MAX)),
    }
}

/// RFC 9112 sections 6.1 and 6.3: `chunked` must be the last coding, once; others cannot be decoded here.
fn chunked(codings: &[&str]) -> Result<Length, Rejection> {
    let all: Vec<&str> =
        codings.iter().flat_map(|value| value.split(',')).map(|one| one.trim_matches([' ', '\t'])).collect();
    let is_chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    match all.as_slice() {
        [only] if is_chunked(only) => Ok(Length::Chunked),
        [others @ .., last] if is_chunked(last) && !others.iter().any(is_chunked) && !others.contains(&"") => {
            Err(Rejection::UnknownCoding)
        }
        _ => Err(Rejection::Malformed("the Transfer-Encoding does not end with one chunked")),
    }
}

/// A byte of `host[:port]`; no user, no path.
fn is_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
}

/// What is asked for: in origin form, with the host that an absolute form names (RFC 9112 section 3.2).
struct Target<'a> {
    host: Option<&'a str>,
    path: &'a str,
    query_alone: bool,
}

impl<'a> Target<'a> {
    fn read(method: &str, target: &'a str) -> Result<Self, Rejection> {
        if target.contains('#') {
            return Err(Rejection::Malformed("the request target has a fragment"));
        }
        if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
            return Ok(Self { host: None, path: target, query_alone: false });
        }
        let absolute = target
            .split_once("://")
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"));
        let Some((_, rest)) = absolute.filter(|_| method != "CONNECT") else {
            return Err(Rejection::Malformed("the request target is neither a path nor an http address"));
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if host.is_empty() || !host.bytes().all(is_authority) {
            return Err(Rejection::Malformed("the request target names no host"));
        }
        Ok(Self { host: Some(host), path, query_alone: !path.starts_with('/') })
    }
}

/// Fields that end at this hop (RFC 9110 section 7.6.1), or that the front has dealt with.
const KEPT_BACK: &[&str] = &[
    "Host",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
    "Content-Length",
    handoff::FIELD,
];

fn tell(fields: &[httparse::Header<'_>]) -> Vec<u8> {
    let mut told = Vec::new();
    for field in fields {
        if TOLD.iter().any(|name| name.eq_ignore_ascii_case(field.name)) {
            told.extend_from_slice(&[field.name.as_bytes(), b": ", field.value.trim_ascii(), b"\r\n"].concat());
        }
    }
    told
}

fn hand_on(method: &str, target: &Target<'_>, host: Option<&str>, fields: &[httparse::Header<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    put(&[
        method.as_bytes(),
        b" ",
        if target.query_alone { b"/" } else { b"" },
        target.path.as_bytes(),
        b" HTTP/1.1\r\n",
    ]);
    if let Some(host) = target.host.or(host) {
        put(&[b"Host: ", host.as_bytes(), b"\r\n"]);
    }
    for field in fields.iter().filter(|field| !KEPT_BACK.iter().any(|name| name.eq_ignore_ascii_case(field.name))) {
        put(&[field.name.as_bytes(), b": ", field.value.trim_ascii(), b"\r\n"]);
    }
    out
}
