//! The front towards its clients: bytes become requests or rejections, answers leave, connections end.

use super::client::{After, Client, Io, Phase, read};
use super::dispatch::SMALL;
use super::head::Head;
use super::reactor::{Reactor, list};
use super::request::{Request, Step};
use crate::http::Headers;
use crate::http::handoff::{End, Taken};
use crate::http::rejection::Rejection;

/// Bytes read at once while there is no body: enough for most requests, and little to keep for those who send many at once.
const HEAD_PIECE: usize = 4 << 10;
/// Bytes read of one client in one turn.
const QUOTA: usize = 32 << 10;
/// Bytes sent to one client at once: about as much as the system keeps for one that does not read.
const AT_ONCE: usize = 512 << 10;
/// Bytes of bodies read in one turn of all clients, and of large answers sent: those who ask for little must not wait for those who send
/// or want much.
pub(super) const TURN: usize = 1 << 20;
/// How often a client that takes everything is given more of its stream in one turn.
const PULLS: usize = 4;
/// A client with more than this to take is given no more of its stream.
const HIGH: usize = 64 << 10;

impl Reactor {
    /// Does for a client what can be done now.
    pub(super) fn serve_client(&mut self, place: usize) {
        match self.clients.get(place).and_then(Option::as_ref).map(|client| client.phase) {
            Some(Phase::Idle | Phase::Head | Phase::Body) => self.read_requests(place),
            Some(Phase::Answering(_)) => self.pull(place),
            Some(Phase::Lingering) => self.discard(place),
            // What it sends meanwhile stays where it is until its turn comes.
            Some(Phase::Queued | Phase::AtWork(_)) | None => {}
        }
    }

    fn client(&mut self, place: usize) -> Option<&mut Client> {
        self.clients.get_mut(place).and_then(Option::as_mut)
    }

    fn read_requests(&mut self, place: usize) {
        // A leave to go on may not have fitted.
        if self.client(place).is_some_and(|client| client.outbox.pending() > 0 && client.flush(AT_ONCE).is_err()) {
            return self.remove(place);
        }
        let mut quota = QUOTA;
        while let Some(client) = self.clients[place].as_mut().filter(|client| client.is_reading() && client.readable) {
            if quota == 0 {
                self.turns.add(place);
                break;
            }
            if client.reader.in_body() && self.spent >= TURN {
                self.turns.put_off(place);
                break;
            }
            let size = if client.reader.in_body() { self.scratch.len().min(quota) } else { HEAD_PIECE.min(quota) };
            match read(&mut &client.stream.0, &mut self.scratch[..size]) {
                Io::Some(length) => {
                    client.readable = length == size || client.closing;
                    client.moved += length as u64;
                    quota -= length;
                    self.spent += length;
                    self.parts.counts.bytes_in.add(length as u64);
                    self.take_in(place, length);
                }
                Io::Later => client.readable = false,
                Io::End | Io::Broken => return self.hung_up(place),
            }
        }
        self.account(place);
    }

    /// It ended its half, or broke off, while it owed a request.
    fn hung_up(&mut self, place: usize) {
        if self.client(place).is_some_and(|client| client.reader.in_body() || !client.input.is_empty()) {
            self.parts.counts.gone.bump();
        }
        self.remove(place);
    }

    /// Makes what can be made of the bytes that were left, and of so many new ones.
    fn take_in(&mut self, place: usize, length: usize) {
        let Some(client) = self.clients[place].as_mut() else { return };
        let mut kept = std::mem::take(&mut client.input);
        let fresh = &self.scratch[..length];
        let step = if kept.is_empty() {
            let (used, step) = client.reader.advance(fresh);
            client.input.extend_from_slice(&fresh[used..]);
            step
        } else {
            kept.extend_from_slice(fresh);
            let (used, step) = client.reader.advance(&kept);
            kept.drain(..used);
            // What was needed once must not be kept for as long as the connection is.
            kept.shrink_to_fit();
            client.input = kept;
            step
        };
        match step {
            Step::More => self.note_progress(place),
            Step::Waits => {
                self.note_progress(place);
                let Some(client) = self.client(place) else { return };
                client.outbox.put(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
                if client.flush(AT_ONCE).is_err() {
                    self.remove(place);
                }
            }
            Step::Request(request) => self.enqueue(place, request),
            Step::Rejected(rejection, head) => {
                match rejection {
                    Rejection::BodyTooLarge(_) => self.parts.counts.too_large.bump(),
                    _ => self.parts.counts.malformed.bump(),
                }
                self.reject_head(place, rejection, head);
            }
        }
    }

    /// Its time runs from the first byte of a head, and anew from that of a body.
    fn note_progress(&mut self, place: usize) {
        let Some(client) = self.clients[place].as_mut() else { return };
        let (phase, list) = match (client.reader.in_body(), client.phase) {
            (true, _) => (Phase::Body, list::BODY),
            (false, Phase::Idle) if client.input.is_empty() => return,
            (false, _) => (Phase::Head, list::HEAD),
        };
        if phase != client.phase {
            (client.phase, client.moved) = (phase, 0);
            self.lists.enter(place as u32, list, self.now);
        }
    }

    fn enqueue(&mut self, place: usize, mut request: Request) {
        self.parts.counts.requests.bump();
        self.numbers += 1;
        let (ticket, leaving) = (self.numbers, self.leaving);
        let Some(client) = self.clients[place].as_mut() else { return };
        client.framing.one_zero = request.head.one_zero;
        client.framing.keep_alive = request.head.keep_alive && !leaving;
        (client.bodiless, client.told) = (request.head.bodiless, std::mem::take(&mut request.head.told));
        let is_large = request.body.len() > SMALL;
        client.request = Some(Box::new(request));
        (client.phase, client.ticket) = (Phase::Queued, ticket);
        self.lists.enter(place as u32, list::QUEUED, self.now);
        if self.lists.len(list::QUEUED) > self.parts.limits.max_queued {
            self.parts.counts.overloaded.bump();
            return self.reject(place, Rejection::Overloaded);
        }
        let queue = if is_large { &mut self.large } else { &mut self.queue };
        queue.push_back((place, ticket));
    }

    /// Answers in place of a worker, and ends the connection.
    pub(super) fn reject(&mut self, place: usize, rejection: Rejection) {
        let Some(client) = self.client(place) else { return };
        let head = client.reader.give_up();
        self.reject_head(place, rejection, head);
    }

    /// As above; a head that did not become a request tells how the answer should look.
    fn reject_head(&mut self, place: usize, rejection: Rejection, head: Option<Box<Head>>) {
        let Some(client) = self.clients[place].as_mut() else { return };
        if let Some(head) = head {
            (client.bodiless, client.told) = (head.bodiless, head.told);
        }
        let bytes = (self.parts.reject)(rejection, &headers_of(&client.told), client.bodiless);
        (client.input, client.told, client.request) = (Vec::new(), Vec::new(), None);
        client.moved = 0;
        client.phase = Phase::Answering(After::End);
        client.outbox.put(bytes);
        self.lists.enter(place as u32, list::ANSWERING, self.now);
        self.flush(place);
    }

    /// Sends what waits to be sent, and goes on once that is all.
    pub(super) fn flush(&mut self, place: usize) {
        let Some(client) = self.clients[place].as_ref() else { return };
        let is_large = client.outbox.pending() > HIGH;
        if is_large && self.sendable == 0 && !self.is_dear(place) {
            self.turns.put_off(place);
            return self.account(place);
        }
        let Some(client) = self.clients[place].as_mut() else { return };
        match client.flush(AT_ONCE) {
            Ok(sent) => {
                self.sendable = self.sendable.saturating_sub(sent);
                if sent >= AT_ONCE {
                    // It may have room for more, of which nobody tells.
                    self.turns.add(place);
                }
                self.parts.counts.bytes_out.add(sent as u64);
                client.took = client.took.filter(|_| sent == 0).or(Some(self.now));
            }
            Err(()) => return self.remove(place),
        }
        // Nobody half-closes a connection and reads a stream for ever.
        if client.stream_of.is_some() && client.closing {
            return self.remove(place);
        }
        self.account(place);
        self.answered(place);
    }

    /// Whether what this client has to get takes so much memory that others would have to give way to it: sent, it takes the system's.
    fn is_dear(&self, place: usize) -> bool {
        let Some(client) = &self.clients[place] else { return false };
        let all = self.held - client.held + client.memory();
        client.outbox.memory() > 0 && all > self.parts.limits.max_held / 2
    }

    /// Takes from a client's stream what the client has room for, as long as it takes all of it at once.
    pub(super) fn pull(&mut self, place: usize) {
        for _ in 0..PULLS {
            let more = self.fill(place);
            self.flush(place);
            let taken = |client: &&mut Client| client.outbox.pending() == 0 && client.stream_of.is_some();
            if !more || self.client(place).filter(taken).is_none() {
                return;
            }
        }
        self.turns.add(place);
    }

    /// Fills a client's outbox; whether the stream had more than fitted.
    fn fill(&mut self, place: usize) -> bool {
        let Some(client) = self.clients[place].as_mut() else { return false };
        while let Some((number, pipe)) = client.stream_of.as_ref().filter(|_| client.outbox.pending() <= HIGH) {
            match pipe.take() {
                Taken::Piece(piece) => client.outbox.put(client.framing.piece(piece)),
                // Whoever puts something into the empty pipe tells.
                Taken::Nothing => return false,
                Taken::End(end) => {
                    self.streams.remove(number);
                    client.stream_of = None;
                    if end == End::Broken {
                        // What there was is given, but must not look whole.
                        client.flush(AT_ONCE).ok();
                        self.remove(place);
                    } else {
                        client.outbox.put(client.framing.last_piece().to_vec());
                    }
                    return false;
                }
            }
        }
        client.stream_of.is_some()
    }

    /// What follows once a client has taken all of an answer.
    fn answered(&mut self, place: usize) {
        let done = |client: &&mut Client| client.outbox.pending() == 0 && client.stream_of.is_none();
        let Some(client) = self.clients[place].as_mut().filter(done) else { return };
        let Phase::Answering(after) = client.phase else { return };
        client.moved = 0;
        if after == After::End || self.stopping {
            client.say_end();
            client.phase = Phase::Lingering;
            // Whatever it has sent meanwhile is to be read past.
            client.readable = true;
            self.lists.enter(place as u32, list::LINGERING, self.now);
            return self.discard(place);
        }
        client.phase = Phase::Idle;
        let (more, readable) = (!client.input.is_empty(), client.readable);
        self.lists.enter(place as u32, list::IDLE, self.now);
        if more {
            self.take_in(place, 0);
            self.account(place);
        }
        if readable {
            self.turns.add(place);
        }
    }

    fn discard(&mut self, place: usize) {
        let mut quota = QUOTA;
        while let Some(client) = self.clients[place].as_mut().filter(|client| client.readable) {
            if quota == 0 {
                return self.turns.add(place);
            }
            if self.spent >= TURN {
                return self.turns.put_off(place);
            }
            match read(&mut &client.stream.0, &mut self.scratch[..quota]) {
                Io::Some(length) => {
                    quota -= length;
                    self.spent += length;
                }
                Io::Later => client.readable = false,
                Io::End | Io::Broken => return self.remove(place),
            }
        }
    }

    /// Counts what it holds, and makes others give way when that is too much.
    pub(super) fn account(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let (before, now) = (client.held, client.memory());
        client.held = now;
        self.held = self.held + now - before;
        if now > before {
            self.relieve();
        }
    }
}

/// The headers of lines that were read as headers before.
fn headers_of(lines: &[u8]) -> Headers {
    let mut headers = Headers::new();
    let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    for (name, value) in lines.filter_map(|line| line.trim_end_matches('\r').split_once(": ")) {
        headers.append(name, value).ok();
    }
    headers
}
