//! What a request's head says about its framing, where tiny_http has read it, and the head of an answer.
//!
//! Key type: [`Head`]. Strict where leniency lets two readers disagree about where a request ends.

use crate::http::Headers;
use crate::http::framing::{Length, head_lines, status_has_body};

/// Target, names and values together may have this many bytes.
pub(super) const MAX_HEAD: usize = 32 << 10;

/// How many header fields a request may have.
const MAX_FIELDS: usize = 100;

/// What decides how a request is read and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How long the body is.
    pub(super) length: Length,
    /// HTTP/1.0: no chunks in the answer.
    pub(super) one_zero: bool,
    /// Whether the answer's body stays away.
    head: bool,
    /// Whether the connection ends after the answer.
    close: bool,
}

impl Head {
    /// Checks a head; `None` is a 400.
    pub(super) fn read(method: &str, target: &str, headers: &Headers, one_zero: bool) -> Option<Self> {
        let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let host_count = headers.all("Host").count();
        let host_fits = host_count == 1 || (one_zero && host_count == 0);
        let target_is_text = target.bytes().all(|b| b.is_ascii_graphic());
        if !token(method) || !host_fits || !target_is_text || headers.iter().count() > MAX_FIELDS {
            return None;
        }
        // The server crate decides by the first field of this name, and so must the answer.
        let connection = headers.get("Connection").unwrap_or("").to_ascii_lowercase();
        let upgrade = connection.contains("upgrade");
        let length = length(headers, one_zero)?;
        if upgrade && length == Length::Chunked {
            // The crate hands out the raw stream of such a request, so nobody would decode the chunks.
            return None;
        }
        let close = upgrade || connection.contains("close") || (one_zero && !connection.contains("keep-alive"));
        Some(Self { length, one_zero, head: method == "HEAD", close })
    }

    /// For answers after which nothing more is read.
    pub(super) fn closing() -> Self {
        Self { length: Length::None, one_zero: false, head: false, close: true }
    }

    /// Whether an answer of this status carries its body.
    pub(super) fn takes_body(&self, status: u16) -> bool {
        !self.head && status_has_body(status)
    }
}

/// How long a request's body is; `None` when two readers could disagree about it.
pub(super) fn length(headers: &Headers, one_zero: bool) -> Option<Length> {
    let mut lengths = headers.all("Content-Length");
    let mut encodings = headers.all("Transfer-Encoding");
    match (lengths.next(), encodings.next()) {
        (None, None) => Some(Length::None),
        (Some(length), None) if lengths.next().is_none() => {
            let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            match length.parse() {
                Ok(0) if digits => Some(Length::None),
                Ok(length) if digits => Some(Length::Fixed(length)),
                _ => None,
            }
        }
        (None, Some(encoding)) if encodings.next().is_none() && !one_zero => {
            encoding.eq_ignore_ascii_case("chunked").then_some(Length::Chunked)
        }
        _ => None,
    }
}

/// Status line and headers; `length` is `None` for a stream.
pub(super) fn answer_head(head: &Head, status: u16, headers: &Headers, length: Option<usize>) -> Vec<u8> {
    let mut out = head_lines(status, headers, length);
    let mut put = |line: &str| out.extend_from_slice(line.as_bytes());
    if length.is_none() && !head.one_zero && status_has_body(status) {
        put("Transfer-Encoding: chunked\r\n");
    }
    match (head.close, head.one_zero) {
        (true, _) => put("Connection: close\r\n"),
        (false, true) => put("Connection: keep-alive\r\n"),
        (false, false) => {}
    }
    put("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: Option<Length>) {
        let mut all = vec![("Host", "localhost")];
        all.extend_from_slice(lines);
        let head = Head::read("POST", "/", &headers(&all), false);
        assert_eq!(head.map(|head| head.length), expected, "{lines:?}");
    }

    #[test]
    fn a_request_has_one_reading_of_its_length() {
        check(&[], Some(Length::None));
        check(&[("Content-Length", "0")], Some(Length::None));
        check(&[("Content-Length", "12")], Some(Length::Fixed(12)));
        check(&[("Transfer-Encoding", "Chunked")], Some(Length::Chunked));
        check(&[("Content-Length", "12"), ("Content-Length", "12")], None);
        check(&[("Content-Length", "+12")], None);
        check(&[("Content-Length", "12, 12")], None);
        check(&[("Content-Length", "")], None);
        check(&[("Content-Length", "99999999999999999999")], None);
        check(&[("Content-Length", "12"), ("Transfer-Encoding", "chunked")], None);
        check(&[("Transfer-Encoding", "gzip, chunked")], None);
        check(&[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], None);
        check(&[("Transfer-Encoding", "chunked"), ("Connection", "upgrade")], None);
        check(&[("Host", "other")], None);
    }

    #[test]
    fn odd_heads_are_refused() {
        let host = headers(&[("Host", "localhost")]);
        assert!(Head::read("GET", "/", &host, false).is_some());
        assert!(Head::read("G\0T", "/", &host, false).is_none());
        assert!(Head::read("GET", "/\u{1}", &host, false).is_none());
        assert!(Head::read("GET", "/", &Headers::new(), false).is_none());
        assert!(Head::read("GET", "/", &Headers::new(), true).is_some());
        let mut many = host;
        for _ in 0..MAX_FIELDS {
            many.append("X", "y").unwrap();
        }
        assert!(Head::read("GET", "/", &many, false).is_none());
        assert!(Head::read("POST", "/", &headers(&[("Transfer-Encoding", "chunked")]), true).is_none());
    }

    #[track_caller]
    fn check_answer(
        method: &str,
        one_zero: bool,
        connection: &str,
        status: u16,
        length: Option<usize>,
        expected: &str,
    ) {
        let lines = headers(&[("Host", "localhost"), ("Connection", connection)]);
        let head = Head::read(method, "/", &lines, one_zero).unwrap();
        let text = answer_head(&head, status, &headers(&[("A", "b")]), length);
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn answers_say_how_they_end() {
        let ok = "HTTP/1.1 200 OK\r\nA: b\r\n";
        check_answer("GET", false, "", 200, Some(3), &format!("{ok}Content-Length: 3\r\n\r\n"));
        check_answer("HEAD", false, "", 200, Some(3), &format!("{ok}Content-Length: 3\r\n\r\n"));
        check_answer(
            "GET",
            false,
            "close",
            200,
            Some(0),
            &format!("{ok}Content-Length: 0\r\nConnection: close\r\n\r\n"),
        );
        check_answer("GET", false, "", 200, None, &format!("{ok}Transfer-Encoding: chunked\r\n\r\n"));
        check_answer("GET", false, "", 304, Some(3), "HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n");
        check_answer("GET", true, "", 200, None, "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n");
        check_answer(
            "GET",
            true,
            "Keep-Alive",
            200,
            Some(1),
            "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
        );
    }
}
