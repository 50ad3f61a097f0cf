//! One connection of the crowd: what it is to do, and how far it is.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use super::TURN;

/// What one connection does.
pub(crate) struct Manner {
    /// Sent at once.
    pub(crate) head: Vec<u8>,
    /// Sent after it, over and over.
    pub(crate) rest: Cow<'static, [u8]>,
    /// How much of the rest is sent at a time, how often, and in all. Without a pause it is sent as fast as it is taken.
    pub(crate) piece: u64,
    pub(crate) every: Duration,
    pub(crate) most: u64,
    /// Whether what comes back is read.
    pub(crate) reads: bool,
    /// Whether the kernel is kept from taking much that is not read.
    pub(crate) small_window: bool,
    pub(crate) leave: Leave,
    /// How long its place stays empty after it.
    pub(crate) pause: Duration,
}

/// When a client goes by itself, counted from when its head is sent.
#[derive(Clone, Copy)]
pub(crate) enum Leave {
    Never,
    Close(Duration),
    Reset(Duration),
}

/// One that sends this and then waits without reading.
impl From<Vec<u8>> for Manner {
    fn from(head: Vec<u8>) -> Self {
        Self {
            head,
            rest: Cow::Borrowed(&[]),
            piece: 0,
            every: Duration::ZERO,
            most: u64::MAX,
            reads: false,
            small_window: false,
            leave: Leave::Never,
            pause: Duration::from_millis(50),
        }
    }
}

/// An open connection.
pub(super) struct Line {
    stream: TcpStream,
    manner: Manner,
    sent: u64,
    allowed: u64,
    grows: Option<Instant>,
    leaves: Option<Instant>,
    /// The earliest time that is noted for it.
    noted: Option<Instant>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, manner: Manner) -> Self {
        let allowed = manner.head.len() as u64;
        Self { stream, manner, sent: 0, allowed, grows: None, leaves: None, noted: None }
    }

    /// How long its place stays empty after it.
    pub(super) fn pause(&self) -> Duration {
        self.manner.pause
    }

    /// The time that was noted has come.
    pub(super) fn fired(&mut self, when: Instant) {
        self.noted = self.noted.filter(|noted| *noted != when);
    }

    /// Reads what is there, up to a turn's worth.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        if !self.manner.reads {
            return Ok(0);
        }
        match self.stream.read(scratch) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => or_nothing(other),
        }
    }

    /// Writes what may be sent by now, up to a turn's worth.
    pub(super) fn write(&mut self, now: Instant) -> io::Result<usize> {
        let head = self.manner.head.len() as u64;
        if self.grows.is_some_and(|when| when <= now) {
            self.grows = None;
            self.allowed = (self.allowed + self.manner.piece).min(head.saturating_add(self.manner.most));
        }
        let mut moved = 0;
        while self.sent < self.allowed && moved < TURN {
            let left = usize::try_from(self.allowed - self.sent).unwrap_or(usize::MAX);
            let text = if self.sent < head { &self.manner.head[self.sent as usize..] } else { self.rest(head) };
            let n = or_nothing((&self.stream).write(&text[..left.min(text.len())]))?;
            if n == 0 {
                break;
            }
            self.sent += n as u64;
            moved += n;
        }
        Ok(moved)
    }

    fn rest(&self, head: u64) -> &[u8] {
        let at = (self.sent - head) % self.manner.rest.len() as u64;
        &self.manner.rest[at as usize..]
    }

    /// When it is to be tended again, unless that is noted already; it moved so much this time.
    pub(super) fn next(&mut self, now: Instant, moved: usize) -> Option<Instant> {
        let head = self.manner.head.len() as u64;
        let more = !self.manner.rest.is_empty() && self.allowed < head.saturating_add(self.manner.most);
        if self.sent >= self.allowed && more && self.grows.is_none() {
            if self.manner.every.is_zero() {
                self.allowed = head.saturating_add(self.manner.most);
                return Some(now);
            }
            self.grows = Some(now + self.manner.every);
        }
        if self.sent >= head && self.leaves.is_none() {
            match self.manner.leave {
                Leave::Never => {}
                Leave::Close(after) | Leave::Reset(after) => self.leaves = Some(now + after),
            }
        }
        let again = (moved >= TURN).then_some(now);
        let next = [self.grows, self.leaves, again].into_iter().flatten().min()?;
        if self.noted.is_some_and(|noted| noted <= next) {
            return None;
        }
        self.noted = Some(next);
        self.noted
    }

    /// Whether it goes now, and if so in its way.
    pub(super) fn leaves(&self, now: Instant) -> bool {
        let leaves = self.leaves.is_some_and(|when| when <= now);
        if leaves && matches!(self.manner.leave, Leave::Reset(_)) {
            sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).ok();
        }
        leaves
    }
}

fn or_nothing(moved: io::Result<usize>) -> io::Result<usize> {
    match moved {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
