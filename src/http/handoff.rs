//! What passes between the front and the workers.
//!
//! A request goes over a private connection as HTTP, since tiny_http reads it: a head the front has made, with one field of its own
//! that carries the request's number and the client's address. The answer comes back in memory ([`Returns`]) under that number, so that
//! a large one is not copied and a slow client keeps no worker; one whose number is not waited for any more reaches nobody (H46). A
//! stream comes piece by piece through a [`Pipe`], which makes its worker wait while the client does not take what is there.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use super::Halt;
use crate::base::host::lock;

/// The field that only the front may set; what clients send under this name is dropped.
pub(super) const FIELD: &str = "X-Open-Cli-Front";
/// What a new connection is greeted with, in place of a client's address.
const GREETING: &str = "hello";
/// A pipe with this many bytes takes no more.
const FULL: usize = 64 << 10;

/// Whom a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A client.
    Client(SocketAddr),
    /// The front, which wants to see whether anybody is there.
    Greeting,
}

/// The field's line, with its CRLF.
pub(super) fn line(number: u64, sender: Sender) -> String {
    match sender {
        Sender::Client(addr) => format!("{FIELD}: {number} {addr}\r\n"),
        Sender::Greeting => format!("{FIELD}: {number} {GREETING}\r\n"),
    }
}

/// Reads the field's value.
pub(super) fn read_line(value: &str) -> Option<(u64, Sender)> {
    let (number, sender) = value.split_once(' ')?;
    let sender = match sender {
        GREETING => Sender::Greeting,
        addr => Sender::Client(addr.parse().ok()?),
    };
    Some((number.parse().ok()?, sender))
}

/// A client's socket, as far as workers may use it: what can be written at once is written.
pub(super) trait Socket: Send + Sync {
    /// As [`std::io::Write::write`], without blocking.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// What a worker needs to send a small answer itself, which saves waking the front in between.
pub(super) struct Delivery {
    pub(super) socket: Arc<dyn Socket>,
    /// The last lines of the head.
    pub(super) last_lines: &'static [u8],
    /// Whether the connection ends behind the answer, which the front does and the client waits for.
    pub(super) ends: bool,
}

/// Deliveries that nobody has begun, by the numbers of their requests. Who takes one out is the only one who may write to that client.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<BTreeMap<u64, Delivery>>);

impl Deliveries {
    pub(super) fn offer(&self, number: u64, delivery: Delivery) {
        lock(&self.0).insert(number, delivery);
    }

    /// For whoever begins, or wants nobody to begin.
    pub(super) fn take(&self, number: u64) -> Option<Delivery> {
        lock(&self.0).remove(&number)
    }
}

impl Delivery {
    /// Sends an answer as far as that goes at once; what is left, or that the client is gone.
    pub(super) fn send(&self, mut answer: Vec<u8>) -> Result<Vec<u8>, ()> {
        let sent = write_some(&answer, |rest| self.socket.write(rest))?;
        answer.drain(..sent);
        Ok(answer)
    }
}

/// Writes as much of `bytes` as goes without blocking; how much, or that the other side is gone.
pub(super) fn write_some(bytes: &[u8], mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> Result<usize, ()> {
    let mut sent = 0;
    while sent < bytes.len() {
        match write(&bytes[sent..]) {
            Ok(0) => return Err(()),
            Ok(written) => sent += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => return Err(()),
        }
    }
    Ok(sent)
}

/// What a worker gives back.
#[derive(Debug)]
pub(super) enum Return {
    /// It has heard this greeting.
    Hello(u64),
    /// The answer to this request.
    Answer(u64, Reply),
    /// The answer to this request was sent but for these bytes; an error when the client is gone.
    Sent(u64, Result<Vec<u8>, ()>),
    /// There is something in the pipe of this request's stream.
    News(u64),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// Status line and fields, each with its CRLF, without those of the connection.
    pub(super) head: Vec<u8>,
    pub(super) body: Payload,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Payload {
    Bytes(Arc<[u8]>),
    Pieces(Outlet),
}

/// Everything that workers have given back and the front has not taken.
#[derive(Default)]
pub(super) struct Returns {
    waiting: Mutex<Vec<Return>>,
    /// Whether the front has to be woken.
    asleep: AtomicBool,
    /// How many answers that were sent may wait for it before it has to be woken.
    patience: AtomicUsize,
    /// What workers may send themselves.
    pub(super) deliveries: Deliveries,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Returns {
    /// Whom to wake; said once.
    pub(super) fn wakes(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.wake.get_or_init(|| wake);
    }

    /// Says that a delivery was made, but for the rest. When that was all, the front may learn of it later, as it has said.
    pub(super) fn sent(&self, number: u64, delivery: &Delivery, rest: Result<Vec<u8>, ()>) {
        let is_all = !delivery.ends && rest.as_ref().is_ok_and(Vec::is_empty);
        let waiting = {
            let mut waiting = lock(&self.waiting);
            waiting.push(Return::Sent(number, rest));
            waiting.len()
        };
        if !is_all || waiting > self.patience.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Gives something back.
    pub(super) fn give(&self, given: Return) {
        lock(&self.waiting).push(given);
        self.ring();
    }

    fn ring(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// Takes all that is there.
    pub(super) fn take(&self) -> Vec<Return> {
        self.asleep.store(false, Ordering::SeqCst);
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// From now on the front has to be woken, by answers that were sent only when there are more than `patience`; false when there is
    /// something for it already.
    pub(super) fn fall_asleep(&self, patience: usize) -> bool {
        self.patience.store(patience, Ordering::SeqCst);
        self.asleep.store(true, Ordering::SeqCst);
        lock(&self.waiting).is_empty()
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// In the middle; the client must not take it for whole.
    Broken,
}

/// The pieces of one stream between its worker and the front.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    inside: Mutex<Inside>,
    room: Condvar,
}

#[derive(Default)]
struct Inside {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    end: Option<End>,
    closed: bool,
    /// What wakes a worker that waits for more.
    halt: Option<Halt>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {:?}", self.bytes, self.end)
    }
}

/// What a pipe had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Piece(Vec<u8>),
    /// Nothing for now.
    Nothing,
    End(End),
}

impl Pipe {
    /// One whose worker is to be halted when nobody reads any more.
    pub(super) fn halting(halt: Option<Halt>) -> Self {
        Self { inside: Mutex::new(Inside { halt, ..Inside::default() }), room: Condvar::new() }
    }

    /// Puts a piece in, as soon as there is room; whether the front is to be told, or `None` when nobody reads any more.
    pub(super) fn put(&self, piece: Vec<u8>) -> Option<bool> {
        let full = |inside: &mut Inside| inside.bytes >= FULL && !inside.closed;
        let mut inside = self.room.wait_while(lock(&self.inside), full).unwrap_or_else(PoisonError::into_inner);
        if inside.closed {
            return None;
        }
        let first = inside.pieces.is_empty();
        inside.bytes += piece.len();
        inside.pieces.push_back(piece);
        Some(first)
    }

    /// Nothing more comes.
    pub(super) fn end(&self, end: End) {
        let mut inside = lock(&self.inside);
        (inside.end, inside.halt) = (Some(end), None);
    }
}

/// The end of a pipe that is read. When it goes, however it goes, its worker waits for nobody any more.
#[derive(Debug)]
pub(super) struct Outlet(Arc<Pipe>);

impl Outlet {
    pub(super) fn of(pipe: &Arc<Pipe>) -> Self {
        Self(Arc::clone(pipe))
    }

    /// The next piece, or the end behind the last one.
    pub(super) fn take(&self) -> Taken {
        let mut inside = lock(&self.0.inside);
        match (inside.pieces.pop_front(), inside.end) {
            (Some(piece), _) => {
                inside.bytes -= piece.len();
                self.0.room.notify_one();
                Taken::Piece(piece)
            }
            (None, Some(end)) => Taken::End(end),
            (None, None) => Taken::Nothing,
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let mut inside = lock(&self.0.inside);
        inside.closed = true;
        inside.pieces.clear();
        let halt = inside.halt.take();
        drop(inside);
        self.0.room.notify_one();
        if let Some(halt) = halt {
            halt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host;

    #[test]
    fn what_is_written_is_read() {
        for sender in [Sender::Greeting, Sender::Client("[::1]:80".parse().unwrap())] {
            let line = line(7, sender);
            let value = line.strip_prefix(&format!("{FIELD}: ")).unwrap().trim_end();
            assert_eq!(read_line(value), Some((7, sender)));
        }
        for value in ["", "7", "7 ", "x 1.2.3.4:5", "7 1.2.3.4", "-7 hello"] {
            assert_eq!(read_line(value), None, "{value}");
        }
    }

    #[test]
    fn the_front_is_woken_once_and_only_when_it_sleeps() {
        let (returns, woken) = (Returns::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&woken);
        returns.wakes(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        returns.give(Return::Hello(1));
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        assert!(!returns.fall_asleep(usize::MAX), "there is something already");
        assert_eq!(returns.take().len(), 1);
        assert!(returns.fall_asleep(usize::MAX));
        returns.give(Return::News(2));
        returns.give(Return::News(3));
        assert_eq!((woken.load(Ordering::SeqCst), returns.take().len()), (1, 2));
    }

    struct Narrow;

    impl Socket for Narrow {
        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > 3 { Ok(bytes.len() - 3) } else { Err(io::ErrorKind::WouldBlock.into()) }
        }
    }

    /// Whether a delivery wakes a front that sleeps.
    #[track_caller]
    fn check_wakes(ends: bool, rest: Result<&[u8], ()>, patience: usize, expected: bool) {
        let (returns, woken) = (Returns::default(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&woken);
        returns.wakes(Box::new(move || told.store(true, Ordering::SeqCst)));
        assert!(returns.fall_asleep(patience));
        let delivery = Delivery { socket: Arc::new(Narrow), last_lines: b"", ends };
        returns.sent(1, &delivery, rest.map(<[u8]>::to_vec));
        assert_eq!((woken.load(Ordering::SeqCst), returns.take().len()), (expected, 1), "{ends} {rest:?} {patience}");
    }

    #[test]
    fn a_delivery_wakes_the_front_when_somebody_waits_for_what_it_does_next() {
        check_wakes(false, Ok(b""), 1, false);
        check_wakes(true, Ok(b""), 1, true);
        check_wakes(false, Ok(b"rest"), 1, true);
        check_wakes(false, Err(()), 1, true);
        check_wakes(false, Ok(b""), 0, true);
    }

    #[test]
    fn a_delivery_gives_back_what_did_not_fit() {
        let delivery = Delivery { socket: Arc::new(Narrow), last_lines: b"", ends: false };
        assert_eq!(delivery.send(b"abcdef".to_vec()), Ok(b"def".to_vec()));
    }

    #[test]
    fn a_pipe_keeps_order_makes_its_worker_wait_and_lets_it_go() {
        let pipe = Arc::new(Pipe::default());
        let outlet = Outlet::of(&pipe);
        assert_eq!((pipe.put(b"a".to_vec()), pipe.put(vec![b'b'; FULL])), (Some(true), Some(false)));
        let other = Arc::clone(&pipe);
        let waits =
            host::spawn("worker", move || (other.put(b"c".to_vec()), other.put(vec![0; FULL]), other.put(vec![1])));
        assert_eq!(outlet.take(), Taken::Piece(b"a".to_vec()));
        assert_eq!(outlet.take(), Taken::Piece(vec![b'b'; FULL]));
        while outlet.take() != Taken::Piece(b"c".to_vec()) {}
        drop(outlet);
        let (first, _, last) = waits.unwrap().join().unwrap();
        assert_eq!((first, last), (Some(true), None));
    }

    #[test]
    fn the_end_comes_behind_the_last_piece() {
        let pipe = Arc::new(Pipe::default());
        let outlet = Outlet::of(&pipe);
        assert_eq!(outlet.take(), Taken::Nothing);
        pipe.put(b"a".to_vec());
        pipe.end(End::Broken);
        assert_eq!((outlet.take(), outlet.take()), (Taken::Piece(b"a".to_vec()), Taken::End(End::Broken)));
    }
}
