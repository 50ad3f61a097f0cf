//! One client's connection: its bytes in and out, and where it stands.
//!
//! Key types: [`Client`] and [`Phase`]. It decides nothing about others and knows no time; sockets never block.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;

use super::answer::Framing;
use super::outbox::Outbox;
use super::request::{Reader, Request};
use crate::http::handoff::{Outlet, Socket};

/// Where a client stands. All but [`Phase::AtWork`] have a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two requests.
    Idle,
    /// Connected, or in the middle of a head.
    Head,
    /// In the middle of a body.
    Body,
    /// Its request waits for a worker.
    Queued,
    /// Its request, under this number, is with the workers.
    AtWork(u64),
    /// Its answer is here and is being sent; and whether the connection goes on after it.
    Answering(After),
    /// Everything is said; what it still sends is thrown away, so that it sees the answer and not a reset.
    Lingering,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another request may.
    Next,
    /// The end of the connection.
    End,
}

/// How a read or a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Io {
    /// So many bytes.
    Some(usize),
    /// Nothing more for now.
    Later,
    /// The other side has closed its half.
    End,
    /// The connection is broken.
    Broken,
}

impl Io {
    pub(super) fn of(result: io::Result<usize>) -> Self {
        match result {
            Ok(0) => Self::End,
            Ok(length) => Self::Some(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Later,
            Err(_) => Self::Broken,
        }
    }
}

/// Reads, past interruptions.
pub(super) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Io {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Io::of(result),
        }
    }
}

/// A client's socket, which a worker may hold while it sends an answer.
#[derive(Debug)]
pub(super) struct Stream(pub(super) TcpStream);

impl Socket for Stream {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut &self.0, bytes)
    }
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: Arc<Stream>,
    pub(super) addr: SocketAddr,
    pub(super) phase: Phase,
    pub(super) reader: Reader,
    /// Bytes that came and are not used yet.
    pub(super) input: Vec<u8>,
    /// Whether the socket may have more.
    pub(super) readable: bool,
    /// Whether its end is known to come behind what is there.
    pub(super) closing: bool,
    pub(super) outbox: Outbox,
    /// The stream that fills the outbox, under the number of its request.
    pub(super) stream_of: Option<(u64, Outlet)>,
    /// The request while it waits, and how it wants its answer.
    pub(super) request: Option<Box<Request>>,
    pub(super) bodiless: bool,
    pub(super) told: Vec<u8>,
    pub(super) framing: Framing,
    /// Distinguishes this wait in the queue from others.
    pub(super) ticket: u64,
    /// Bytes it brought or took since its time began to run.
    pub(super) moved: u64,
    /// When it last took something of an answer, or when that began.
    pub(super) took: Option<Instant>,
    /// What it was last counted to hold.
    pub(super) held: usize,
}

impl Client {
    pub(super) fn new(stream: TcpStream, addr: SocketAddr, max_body: usize) -> Self {
        Self {
            stream: Arc::new(Stream(stream)),
            addr,
            phase: Phase::Head,
            reader: Reader::new(max_body),
            input: Vec::new(),
            readable: false,
            closing: false,
            outbox: Outbox::default(),
            stream_of: None,
            request: None,
            bodiless: false,
            told: Vec::new(),
            framing: Framing { one_zero: false, keep_alive: false },
            ticket: 0,
            moved: 0,
            took: None,
            held: 0,
        }
    }

    /// Whether its bytes are wanted now.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head | Phase::Body)
    }

    /// Memory that it holds.
    pub(super) fn memory(&self) -> usize {
        let request = self.request.as_ref().map_or(0, |request| request.body.memory() + request.head.handed.capacity());
        self.input.capacity() + self.reader.held() + self.outbox.memory() + self.told.capacity() + request
    }

    /// Sends what can be sent, but no more than `most` bytes; how many went, or that it is gone.
    pub(super) fn flush(&mut self, most: usize) -> Result<usize, ()> {
        let written = self.outbox.flush(&mut &self.stream.0, most)?;
        self.moved += written as u64;
        Ok(written)
    }

    /// Tells it that nothing more comes.
    pub(super) fn say_end(&self) {
        // It may be gone, which is an end too.
        self.stream.0.shutdown(Shutdown::Write).ok();
    }
}
