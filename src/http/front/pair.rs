//! One private connection to the workers.
//!
//! Key types: [`Pair`] and [`Duty`]. Nothing ever comes back over a pair: when something does, or when it ends, it is not as it should be
//! and is closed, and another one takes its place.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Instant;

use mio::net::UnixStream;

use crate::http::handoff::write_some;

/// A part of what waits to be handed over grows up to this size, so that many requests go in one write.
const PART: usize = 32 << 10;

/// What a pair is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// It was greeted with this number, which nobody has heard yet.
    Greeted(u64),
    /// All small requests, one behind the other: tiny_http reads each whole before it gives it to a worker.
    Shared,
    /// A large request at a time: tiny_http leaves its body to the worker, who may come later than the next request.
    Free,
    /// The one with this number.
    Carrying(u64),
}

/// A pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) stream: UnixStream,
    pub(super) duty: Duty,
    /// When it was opened.
    pub(super) since: Instant,
    /// Whether it is watched for room to write.
    pub(super) watched: bool,
    parts: VecDeque<Vec<u8>>,
    at: usize,
}

impl Pair {
    pub(super) fn new(stream: UnixStream, now: Instant) -> Self {
        Self { stream, duty: Duty::Free, since: now, watched: false, parts: VecDeque::new(), at: 0 }
    }

    /// Puts bytes behind what is to be handed over.
    pub(super) fn put(&mut self, bytes: Vec<u8>) {
        match self.parts.back_mut() {
            Some(last) if last.len() + bytes.len() <= PART => last.extend_from_slice(&bytes),
            _ => self.parts.push_back(bytes),
        }
    }

    /// Hands over what can be handed over now.
    pub(super) fn flush(&mut self) -> Result<(), ()> {
        while let Some(part) = self.parts.front() {
            self.at += write_some(&part[self.at..], |rest| self.stream.write(rest))?;
            if self.at < part.len() {
                return Ok(());
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
