//! One private connection to the workers.
//!
//! Key types: [`Pair`] and [`Duty`]. A pair carries one request at a time, and nothing ever comes back over it: when something does, or
//! when it ends, it is not as it should be and is closed, and another one takes its place.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Instant;

use mio::net::UnixStream;

/// What a pair is doing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Duty {
    /// It was greeted with this number, which nobody has heard yet.
    Greeted(u64),
    /// Nothing.
    Free,
    /// Carrying a request.
    Busy(Errand),
}

/// A request whose answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) number: u64,
    /// `None` once the client has gone.
    pub(super) client: Option<usize>,
    /// Memory that the request takes here and at the worker.
    pub(super) reserved: usize,
}

/// A pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) stream: UnixStream,
    pub(super) duty: Duty,
    /// When its duty began.
    pub(super) since: Instant,
    /// Whether it is watched for room to write.
    pub(super) watched: bool,
    parts: VecDeque<Vec<u8>>,
    at: usize,
}

impl Pair {
    pub(super) fn new(stream: UnixStream, greeting: u64, now: Instant) -> Self {
        let duty = Duty::Greeted(greeting);
        Self { stream, duty, since: now, watched: false, parts: VecDeque::new(), at: 0 }
    }

    /// Hands over a request: its head and the pieces of its body.
    pub(super) fn hand_over(&mut self, head: Vec<u8>, body: Vec<Vec<u8>>) -> Result<(), ()> {
        self.parts = std::iter::once(head).chain(body).collect();
        self.at = 0;
        self.flush()
    }

    /// Goes on handing over.
    pub(super) fn flush(&mut self) -> Result<(), ()> {
        while let Some(part) = self.parts.front() {
            while self.at < part.len() {
                match self.stream.write(&part[self.at..]) {
                    Ok(0) => return Err(()),
                    Ok(written) => self.at += written,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(_) => return Err(()),
                }
            }
            self.parts.pop_front();
            self.at = 0;
        }
        Ok(())
    }

    /// Whether something is still to be handed over.
    pub(super) fn is_pending(&self) -> bool {
        !self.parts.is_empty()
    }
}
