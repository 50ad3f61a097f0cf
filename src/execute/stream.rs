//! An upstream's answer as it comes, in the wire's form: lines of JSON (contract 7, 9).
//!
//! Key types: [`Teller`], which makes lines out of pieces (pure), and [`Answering`], which reads the pieces. The first line says status and
//! headers, the last one how it ended. Text that comes in lines is passed on line by line, everything else as it arrives. What a tool's
//! redactions cannot be applied to is left out and counted.

use std::borrow::Cow;
use std::io::{self, Read};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::memchr;

use super::redact::Redactions;
use super::run::MAX_ANSWER;
use crate::contract::{ErrorCode, ExecuteResponse, StreamEnd, StreamError, StreamPiece};
use crate::http::{TransportError, TransportErrorKind, is_json, media_type};

/// How long an upstream may say nothing, unless its service may take longer to begin.
pub const IDLE: Duration = Duration::from_secs(120);

/// How long a stream may last.
pub const WHOLE: Duration = Duration::from_secs(3600);

/// The longest line that is passed on in one piece.
pub const MAX_LINE: usize = 1 << 20;

/// Begins each text of a sequence (RFC 7464).
const SEPARATOR: char = '\u{1e}';

/// What is read from the upstream at once.
const READ: usize = 16 << 10;

/// In which pieces an answer is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    /// Server-sent events, line by line.
    Events,
    /// JSON texts, one a line.
    Lines,
    /// JSON texts behind record separators, each of one or more lines (RFC 7464).
    Sequence,
    /// Other text, line by line.
    Text,
    /// As they arrive.
    Bytes,
    /// At its end: one JSON text, of which parts are hidden.
    Whole,
}

impl Pieces {
    fn of(content_type: &str, redactions: &Redactions) -> Self {
        match media_type(content_type).as_str() {
            "text/event-stream" => Self::Events,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Self::Lines
            }
            "application/json-seq" => Self::Sequence,
            media if media.starts_with("text/") => Self::Text,
            _ if is_json(content_type) && !redactions.is_empty() => Self::Whole,
            _ => Self::Bytes,
        }
    }
}

/// Makes lines of the wire.
#[derive(Debug)]
pub struct Teller {
    pieces: Pieces,
    redactions: Redactions,
    /// What has come of a line that has no end yet.
    held: Vec<u8>,
    /// Whether the line began in an earlier piece.
    continued: bool,
    /// Whether a line was kept back that may be the beginning of a JSON text of several lines: what comes next may be a part of it.
    torn: bool,
    told: StreamEnd,
}

impl Teller {
    /// For an answer of this media type.
    pub fn new(content_type: &str, redactions: Redactions) -> Self {
        let pieces = Pieces::of(content_type, &redactions);
        let told = StreamEnd { end: true, ..StreamEnd::default() };
        Self { pieces, redactions, held: Vec::new(), continued: false, torn: false, told }
    }

    /// Takes what has come; whether more may come.
    pub fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) -> bool {
        let room = MAX_ANSWER.saturating_sub(usize::try_from(self.told.bytes).unwrap_or(usize::MAX));
        let taken = &piece[..piece.len().min(room)];
        self.told.bytes += taken.len() as u64;
        self.told.truncated = taken.len() < piece.len();
        match self.pieces {
            Pieces::Bytes if self.redactions.is_empty() => self.data(taken, out),
            Pieces::Bytes => self.told.withheld = 1,
            Pieces::Whole => self.held.extend_from_slice(taken),
            Pieces::Events | Pieces::Lines | Pieces::Sequence | Pieces::Text => self.lines(taken, out),
        }
        !self.told.truncated
    }

    /// Tells how it ended.
    pub fn end(&mut self, error: Option<StreamError>, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            match self.pieces {
                Pieces::Whole => self.whole(&held, error.is_none(), out),
                // The end of an answer ends its last line; where it was cut, nobody knows what was to come.
                _ => self.line(&held, true, error.is_some() || self.told.truncated, out),
            }
        }
        self.told.error = error;
        put(&self.told, out);
    }

    fn lines(&mut self, mut rest: &[u8], out: &mut Vec<u8>) {
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            match self.held.is_empty() {
                true => self.long_line(line, out),
                false => {
                    let mut held = std::mem::take(&mut self.held);
                    held.extend_from_slice(line);
                    self.long_line(&held, out);
                }
            }
            rest = after;
        }
        self.held.extend_from_slice(rest);
        while self.held.len() > MAX_LINE {
            let held = std::mem::take(&mut self.held);
            let (part, rest) = held.split_at(cut(&held));
            self.line(part, true, true, out);
            self.continued = true;
            self.held = rest.to_vec();
        }
    }

    /// A line that has its end, in as many pieces as it takes.
    fn long_line(&mut self, mut line: &[u8], out: &mut Vec<u8>) {
        while line.len() > MAX_LINE {
            let (part, rest) = line.split_at(cut(line));
            self.line(part, true, true, out);
            (self.continued, line) = (true, rest);
        }
        self.line(line, false, self.continued, out);
        self.continued = false;
    }

    /// One piece; `broken` when it is not the whole line.
    fn line(&mut self, line: &[u8], partial: bool, broken: bool, out: &mut Vec<u8>) {
        let text = std::str::from_utf8(line).ok();
        if !self.redactions.is_empty() {
            match text.and_then(|text| self.looked_into(text, broken || self.continued)) {
                Some(shown) => self.piece(&StreamPiece { line: Some(shown.into_owned()), partial, data: None }, out),
                None => {
                    self.told.withheld += 1;
                    self.torn |= text.is_none_or(|text| self.may_go_on(text));
                }
            }
            return;
        }
        match text {
            Some(text) => self.piece(&StreamPiece { line: Some(text.to_owned()), partial, data: None }, out),
            None => {
                let end: &[u8] = if partial { b"" } else { b"\n" };
                self.data(&[line, end].concat(), out);
            }
        }
    }

    /// A line of a tool with redactions, when all of it can be looked into.
    fn looked_into<'a>(&mut self, text: &'a str, broken: bool) -> Option<Cow<'a, str>> {
        let begins = match self.pieces {
            Pieces::Events => text.trim().is_empty(),
            Pieces::Sequence => text.starts_with(SEPARATOR),
            _ => self.pieces == Pieces::Lines,
        };
        self.torn &= !begins;
        if broken { None } else { self.shown(text) }
    }

    /// Whether what is behind a line that was kept back may be the rest of one JSON text.
    fn may_go_on(&self, text: &str) -> bool {
        match self.pieces {
            Pieces::Events => text.starts_with("data") || is_several(text),
            pieces => pieces != Pieces::Lines,
        }
    }

    /// The fields of an event that hold no data say nothing of a document's members.
    fn shown<'a>(&self, line: &'a str) -> Option<Cow<'a, str>> {
        let is_field = |names: &[&str]| {
            names
                .iter()
                .any(|name| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
        };
        let (before, json) = match self.pieces {
            _ if line.trim().is_empty() => return Some(Cow::Borrowed(line)),
            _ if self.torn => return None,
            Pieces::Events if is_several(line) => return None,
            Pieces::Events if is_field(&["event", "id", "retry"]) => return Some(Cow::Borrowed(line)),
            Pieces::Events => line.split_at(line.strip_prefix("data:").map(|_| "data:".len())?),
            _ => line.split_at(line.len() - line.trim_start_matches(SEPARATOR).len()),
        };
        let shown = self.redactions.of_json(json)?;
        Some(Cow::Owned(format!("{before}{shown}")))
    }

    fn whole(&mut self, bytes: &[u8], complete: bool, out: &mut Vec<u8>) {
        let text = std::str::from_utf8(bytes).ok().filter(|_| complete && !self.told.truncated);
        match text.and_then(|text| self.redactions.of_json(text)) {
            Some(shown) => self.data(shown.as_bytes(), out),
            None => self.told.withheld = 1,
        }
    }

    fn data(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !bytes.is_empty() {
            self.piece(&StreamPiece { data: Some(BASE64_STANDARD.encode(bytes)), ..StreamPiece::default() }, out);
        }
    }

    fn piece(&mut self, piece: &StreamPiece, out: &mut Vec<u8>) {
        self.told.pieces += 1;
        put(piece, out);
    }
}

/// Whether a line of events is several lines: a carriage return alone ends one, too (WHATWG HTML section 9.2.5).
fn is_several(line: &str) -> bool {
    line.strip_suffix('\r').unwrap_or(line).contains('\r')
}

/// Where a long line is cut: behind a whole character, if it is text.
fn cut(line: &[u8]) -> usize {
    let is_boundary = |at: &usize| line.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    (MAX_LINE - 3..=MAX_LINE).rev().find(is_boundary).unwrap_or(MAX_LINE)
}

fn put(line: &impl serde::Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, line).expect("a line of a stream is JSON");
    out.push(b'\n');
}

/// The answer of one execution, read as it comes.
pub struct Answering {
    body: Box<dyn Read + Send>,
    teller: Teller,
    ended: bool,
    /// What is to be given next, and how much of it was given.
    text: Vec<u8>,
    given: usize,
}

impl Answering {
    /// Tells of `head`, which has no body, and then of what `body` brings.
    pub fn new(head: &ExecuteResponse, body: Box<dyn Read + Send>, redactions: Redactions) -> Self {
        let teller = Teller::new(&head.content_type, redactions);
        let mut text = Vec::new();
        put(head, &mut text);
        Self { body, teller, ended: false, text, given: 0 }
    }

    /// Waits for more to tell; an upstream that breaks off is told of as well.
    fn advance(&mut self) {
        self.text.clear();
        self.given = 0;
        let mut buffer = [0; READ];
        while self.text.is_empty() && !self.ended {
            match self.body.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => self.end(None),
                Ok(read) => {
                    if !self.teller.take(&buffer[..read], &mut self.text) {
                        self.end(None);
                    }
                }
                Err(error) => self.end(Some(broken(&error))),
            }
        }
    }

    fn end(&mut self, error: Option<StreamError>) {
        self.teller.end(error, &mut self.text);
        self.ended = true;
        // The connection goes now, not when the last line has been taken.
        self.body = Box::new(io::empty());
    }
}

fn broken(error: &io::Error) -> StreamError {
    let transport = error.get_ref().and_then(|inner| inner.downcast_ref::<TransportError>());
    let code = match transport {
        Some(TransportError { kind: TransportErrorKind::Timeout, .. }) => ErrorCode::ExecutionTimeout,
        _ => ErrorCode::ExecutionError,
    };
    let detail = transport.map_or_else(|| "the upstream's answer broke off".to_owned(), |error| error.message.clone());
    StreamError { code: code.to_string(), detail }
}

impl Read for Answering {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() && !self.ended {
            self.advance();
        }
        let rest = &self.text[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
