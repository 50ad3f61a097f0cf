//! Pieces of HTTP/1.1 that both sides of the server share, as values (RFC 9112).

use super::Headers;

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none.
    None,
    /// By `Content-Length`.
    Fixed(u64),
    /// By `Transfer-Encoding: chunked`.
    Chunked,
}

/// Whether answers of this status have a body.
pub(super) fn status_has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// Path and query of a request target, in origin or absolute form.
pub(super) fn split_target(target: &str) -> (&str, &str) {
    let rest = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    rest.split_once('?').unwrap_or((rest, ""))
}

/// Status line and fields of an answer, each with its CRLF, without those of the connection; `length` is `None` for a stream.
pub(super) fn head_lines(status: u16, headers: &Headers, length: Option<usize>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut put = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    put(&["HTTP/1.1 ", &status.to_string(), " ", reason(status), "\r\n"]);
    for (name, value) in headers.iter() {
        put(&[name, ": ", value, "\r\n"]);
    }
    // RFC 9110 section 8.6: neither 1xx nor 204 have one; 304 would have to tell the 200's.
    if let Some(length) = length.filter(|_| status_has_body(status)) {
        put(&["Content-Length: ", &length.to_string(), "\r\n"]);
    }
    out
}

/// The reason phrase of a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_split() {
        for (target, expected) in [
            ("/a?b=c?d", ("/a", "b=c?d")),
            ("/a", ("/a", "")),
            ("http://h:1/a?b", ("/a", "b")),
            ("HTTP://h?b", ("", "b")),
            ("http://h", ("/", "")),
            ("/a?u=http://x/", ("/a", "u=http://x/")),
            ("*", ("*", "")),
        ] {
            assert_eq!(split_target(target), expected, "{target}");
        }
    }

    #[test]
    fn heads_of_answers_tell_their_length() {
        let headers = Headers::new().with("A", "b");
        let lines = |status, length| String::from_utf8(head_lines(status, &headers, length)).unwrap();
        assert_eq!(lines(200, Some(3)), "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n");
        assert_eq!(lines(200, None), "HTTP/1.1 200 OK\r\nA: b\r\n");
        assert_eq!(lines(304, Some(3)), "HTTP/1.1 304 Not Modified\r\nA: b\r\n");
    }
}
