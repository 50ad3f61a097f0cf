//! Requests out of a connection's bytes, however they are cut.
//!
//! Key types: [`Reader`], which is given what is there and says what it used and what it found, and [`Request`]. It reads nothing and
//! knows no time. After a rejection the connection has no further requests, since nobody knows where the next one would begin.

use super::body::Body;
use super::chunked::Chunked;
use super::head::{Head, Scan};
use crate::http::framing::Length;
use crate::http::rejection::Rejection;

/// Empty lines that may stand before a request line (RFC 9112 section 2.2).
const MAX_EMPTY_LINES: u8 = 4;

/// A complete request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Request {
    /// Its head.
    pub(in crate::http) head: Head,
    /// Its body, decoded.
    pub(in crate::http) body: Body,
}

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Step {
    /// More bytes are needed.
    More,
    /// The head is here and its sender waits for `100 Continue`.
    Waits,
    /// A whole request.
    Request(Request),
    /// No request; with the head it came with, when that could be read.
    Rejected(Rejection, Option<Box<Head>>),
}

#[derive(Debug)]
enum State {
    Head(Scan, u8),
    Body(Head, Rest, Body),
    Over,
}

#[derive(Debug)]
enum Rest {
    Fixed(usize),
    Chunked(Chunked),
}

/// Where the reading of one connection stands.
#[derive(Debug)]
pub(in crate::http) struct Reader {
    state: State,
    max_body: usize,
}

impl Reader {
    /// For bodies of up to `max_body` bytes.
    pub(in crate::http) fn new(max_body: usize) -> Self {
        Self { state: State::Head(Scan::default(), 0), max_body }
    }

    /// Looks at the bytes that are there: those of before that were not used, and new ones. Gives how many it used.
    pub(in crate::http) fn advance(&mut self, bytes: &[u8]) -> (usize, Step) {
        match &mut self.state {
            State::Head(..) => self.head(bytes),
            State::Body(..) => self.body(bytes),
            State::Over => (bytes.len(), Step::More),
        }
    }

    /// Whether a request has begun and is not complete.
    pub(in crate::http) fn in_body(&self) -> bool {
        matches!(self.state, State::Body(..))
    }

    /// The bytes of memory that an unfinished body takes.
    pub(in crate::http) fn held(&self) -> usize {
        if let State::Body(_, _, body) = &self.state { body.memory() } else { 0 }
    }

    /// Gives up what was begun.
    pub(in crate::http) fn give_up(&mut self) -> Option<Box<Head>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Body(head, ..) => Some(Box::new(head)),
            State::Head(..) | State::Over => None,
        }
    }

    fn head(&mut self, bytes: &[u8]) -> (usize, Step) {
        let State::Head(scan, empty_lines) = &mut self.state else { return (0, Step::More) };
        let mut skipped = 0;
        while bytes[skipped..].starts_with(b"\r\n") {
            skipped += 2;
            *empty_lines += 1;
            if *empty_lines > MAX_EMPTY_LINES {
                return (
                    bytes.len(),
                    self.reject(Rejection::Malformed("there are empty lines instead of a request"), None),
                );
            }
        }
        let rest = &bytes[skipped..];
        if rest == b"\r" {
            return (skipped, Step::More);
        }
        let length = match scan.advance(rest) {
            Ok(Some(length)) => length,
            Ok(None) => return (skipped, Step::More),
            Err(rejection) => return (bytes.len(), self.reject(rejection, None)),
        };
        let head = match Head::read(&rest[..length]) {
            Ok(head) => head,
            Err(rejection) => return (bytes.len(), self.reject(rejection, None)),
        };
        let used = skipped + length;
        let (more, step) = self.begin_body(head, &bytes[used..]);
        (used + more, step)
    }

    fn begin_body(&mut self, head: Head, bytes: &[u8]) -> (usize, Step) {
        let rest = match head.length {
            Length::None => {
                self.state = State::Head(Scan::default(), 0);
                return (0, Step::Request(Request { head, body: Body::default() }));
            }
            Length::Fixed(length) => match usize::try_from(length).ok().filter(|length| *length <= self.max_body) {
                Some(length) => Rest::Fixed(length),
                None => return (bytes.len(), self.reject(Rejection::BodyTooLarge(self.max_body), Some(head))),
            },
            Length::Chunked => Rest::Chunked(Chunked::default()),
        };
        let waits = head.waits && bytes.is_empty();
        self.state = State::Body(head, rest, Body::default());
        if waits { (0, Step::Waits) } else { self.body(bytes) }
    }

    fn body(&mut self, bytes: &[u8]) -> (usize, Step) {
        let max = self.max_body;
        let State::Body(_, rest, body) = &mut self.state else { return (0, Step::More) };
        let fed = match rest {
            Rest::Fixed(left) => {
                let length = bytes.len().min(*left);
                body.extend(&bytes[..length]);
                *left -= length;
                Ok((length, *left == 0))
            }
            Rest::Chunked(chunked) => chunked.feed(bytes, body, max),
        };
        match fed {
            Ok((used, false)) => (used, Step::More),
            Ok((used, true)) => (used, self.complete()),
            Err(rejection) => {
                let head = self.give_up();
                (bytes.len(), Step::Rejected(rejection, head))
            }
        }
    }

    fn complete(&mut self) -> Step {
        match std::mem::replace(&mut self.state, State::Head(Scan::default(), 0)) {
            State::Body(head, _, body) => Step::Request(Request { head, body }),
            State::Head(..) | State::Over => Step::More,
        }
    }

    fn reject(&mut self, rejection: Rejection, head: Option<Head>) -> Step {
        self.state = State::Over;
        Step::Rejected(rejection, head.map(Box::new))
    }
}
