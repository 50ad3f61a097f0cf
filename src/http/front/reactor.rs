//! The front's one thread: waits for readiness, accepts, watches the clock, makes room.
#![expect(clippy::disallowed_methods, reason = "the thread that waits reads the clock")]

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::client::{Client, Phase};
use super::dispatch::Errand;
use super::limit::Limit;
use super::lists::Lists;
use super::pair::Pair;
use super::reception::TURN;
use super::turns::Turns;
use super::{Limits, Orders, Parts};
use crate::http::handoff::Returns;
use crate::http::rejection::Rejection;
use crate::http::server::Spans;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST: usize = 2;

/// Connections taken in one turn, so that those that are there get theirs.
const ACCEPTED_IN_A_TURN: usize = 128;
/// The listener's queue of connections that were not accepted yet; 128 make bursts wait for a second.
const BACKLOG: i32 = 4096;

/// Bytes of an answer that the system keeps for each client.
const SEND_BUFFER: usize = 256 << 10;
/// In each span of flow a body, or an answer, has to move by so many bytes or come to its end.
const STEP: u64 = 512 << 10;
/// A client that has something to take and took nothing for so long stands still; among so many who have been answered for longest one is
/// looked for when there is no place.
const STILL: Duration = Duration::from_secs(3);
const LOOKED_AT: usize = 256;
/// One that has taken something within this time takes its answer.
const SLACK: Duration = Duration::from_secs(1);
/// How many times as much as others those may hold who take their answers.
const PATIENCE: usize = 4;
/// Clients that hold less are not sent away for their memory: it would free next to nothing.
const LITTLE: usize = 1 << 10;
/// How often pairs are looked at while some are at work.
const LOOK: Duration = Duration::from_millis(100);
/// How soon something is tried again that could not be done, or is given to one more worker.
const SOON: Duration = Duration::from_millis(5);

/// The lists of clients by what they are waited for.
pub(super) mod list {
    pub(in super::super) const IDLE: u8 = 0;
    pub(in super::super) const HEAD: u8 = 1;
    pub(in super::super) const BODY: u8 = 2;
    pub(in super::super) const QUEUED: u8 = 3;
    pub(in super::super) const ANSWERING: u8 = 4;
    pub(in super::super) const LINGERING: u8 = 5;
    pub(in super::super) const ALL: usize = 6;
}

/// Everything the thread owns.
pub(super) struct Reactor {
    poll: Poll,
    listener: Option<TcpListener>,
    acceptable: bool,
    pub(super) parts: Workplace,
    orders: Arc<Orders>,
    /// Whether every answer is to say that its connection ends.
    pub(super) leaving: bool,
    pub(super) stopping: bool,
    pub(super) now: Instant,
    pub(super) clients: Vec<Option<Client>>,
    vacant: Vec<usize>,
    /// Places left in this turn; events of this turn may still name them.
    left: Vec<usize>,
    pub(super) lists: Lists<{ list::ALL }>,
    /// Clients to look at in the next turn.
    pub(super) turns: Turns,
    /// Bytes read in this turn.
    pub(super) spent: usize,
    /// Bytes that may still be sent in this turn before large answers are put off.
    pub(super) sendable: usize,
    /// Bytes of unfinished and waiting requests and of untaken answers.
    pub(super) held: usize,
    /// More than this makes clients give way: the limit, or a little more than there was when none of them could.
    bearable: usize,
    /// Bytes of requests that are with the workers.
    pub(super) reserved: usize,
    /// Who waits for a worker, with which ticket; those with large bodies apart.
    pub(super) queue: VecDeque<(usize, u64)>,
    pub(super) large: VecDeque<(usize, u64)>,
    /// Greetings in a row that idle workers did not hear, and when that was mended last.
    pub(super) unheard: u8,
    pub(super) renewed: Instant,
    pub(super) pairs: Vec<Option<Pair>>,
    /// The pair of all small requests.
    pub(super) shared: Option<usize>,
    /// Pairs for large ones that carry none.
    pub(super) free: Vec<usize>,
    /// Requests that are with the workers, by their numbers.
    pub(super) errands: BTreeMap<u64, Errand>,
    /// Who reads the stream that answers this request.
    pub(super) streams: BTreeMap<u64, usize>,
    pub(super) greeting: Option<usize>,
    /// Microseconds since `start` at which those at work began, summed.
    pub(super) began: u128,
    pub(super) start: Instant,
    pub(super) limit: Limit,
    pub(super) numbers: u64,
    pub(super) scratch: Vec<u8>,
    looked: Instant,
}

/// What the front was given and does not change.
pub(super) struct Workplace {
    pub(super) door: super::Door,
    pub(super) directories: Vec<PathBuf>,
    pub(super) crew: Arc<dyn super::Crew>,
    pub(super) returns: Arc<Returns>,
    pub(super) reject: super::Reject,
    pub(super) counts: Arc<super::Counts>,
    pub(super) limits: Limits,
}

impl Reactor {
    pub(super) fn new(parts: Parts, orders: Arc<Orders>) -> io::Result<(Self, Arc<Waker>)> {
        let Parts { listener, door, directories, crew, returns, reject, counts, limits } = parts;
        rustix::net::listen(&listener, BACKLOG)?;
        // Accepted connections inherit it; without it clients wait for delayed acknowledgements.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        // Inherited too, so that a client which vanished does not read a quiet stream for ever.
        rustix::net::sockopt::set_socket_keepalive(&listener, true)?;
        // Inherited too. The system would keep megabytes for each client that does not read; this is enough for a fast and distant one.
        rustix::net::sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let bell = Arc::clone(&waker);
        // Without it the front finds by itself, a little later, what is there.
        returns.wakes(Box::new(move || drop(bell.wake())));
        let now = Instant::now();
        let mut reactor = Self {
            poll,
            listener: Some(listener),
            acceptable: true,
            parts: Workplace { door, directories, crew, returns, reject, counts, limits },
            orders,
            leaving: false,
            stopping: false,
            now,
            clients: Vec::new(),
            vacant: Vec::new(),
            left: Vec::new(),
            lists: Lists::new(),
            turns: Turns::default(),
            spent: 0,
            sendable: TURN,
            held: 0,
            bearable: limits.max_held,
            reserved: 0,
            queue: VecDeque::new(),
            large: VecDeque::new(),
            unheard: 0,
            renewed: now,
            pairs: Vec::new(),
            shared: None,
            free: Vec::new(),
            errands: BTreeMap::new(),
            streams: BTreeMap::new(),
            greeting: None,
            began: 0,
            start: now,
            limit: Limit::new(limits.floor, limits.shares.workers, now),
            numbers: 0,
            scratch: vec![0; 64 << 10],
            looked: now,
        };
        reactor.open_pair()?;
        Ok((reactor, waker))
    }

    /// Until a stop has come to its end, or until nothing can be heard any more.
    pub(super) fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        let mut is_new = false;
        loop {
            let round = catch_unwind(AssertUnwindSafe(|| {
                if std::mem::take(&mut is_new) {
                    self.start_over();
                }
                self.round(&mut events)
            }));
            match round {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => is_new = true,
            }
        }
    }

    /// Waits for news and does what there is to do; whether there is more to come.
    fn round(&mut self, events: &mut Events) -> bool {
        let wait = if self.parts.returns.fall_asleep(self.patience()) { self.wait() } else { Some(Duration::ZERO) };
        match self.poll.poll(events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return false,
            _ => {}
        }
        self.now = Instant::now();
        self.note(events);
        self.turn();
        !(self.stopping && self.is_over())
    }

    /// After a bug of its own nothing that it knows can be trusted: every connection ends, and the next ones find it as at the start.
    fn start_over(&mut self) {
        self.parts.counts.failed.bump();
        for client in self.clients.iter().flatten() {
            self.unwatch(client);
        }
        for number in std::mem::take(&mut self.errands).into_keys() {
            self.parts.returns.deliveries.take(number);
            self.parts.crew.give_up(number);
        }
        self.clients = Vec::new();
        self.pairs = Vec::new();
        self.lists = Lists::new();
        (self.vacant, self.left, self.turns, self.free) = (Vec::new(), Vec::new(), Turns::default(), Vec::new());
        (self.queue, self.large, self.streams) = (VecDeque::new(), VecDeque::new(), BTreeMap::new());
        (self.shared, self.greeting) = (None, None);
        (self.held, self.reserved, self.began) = (0, 0, 0);
        self.bearable = self.parts.limits.max_held;
        self.acceptable = true;
        // The look at pairs tries again when it cannot be done now.
        self.open_pair().ok();
    }

    /// Marks what is ready.
    fn note(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                LISTENER => self.acceptable = true,
                WAKER => {}
                Token(token) if (token - FIRST).is_multiple_of(2) => {
                    let place = (token - FIRST) / 2;
                    self.serve_pair(place, event.is_readable() || event.is_read_closed());
                }
                Token(token) => {
                    let place = (token - FIRST) / 2;
                    if let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) {
                        client.closing |= event.is_read_closed() || event.is_error();
                        client.readable |= event.is_readable() || client.closing;
                        self.turns.add(place);
                    }
                }
            }
        }
    }

    fn turn(&mut self) {
        // Large answers that are new line up behind those that were put off.
        let lines_up = self.turns.has_put_off();
        (self.spent, self.sendable) = (0, if lines_up { 0 } else { TURN });
        // First, since it frees workers.
        self.take_returns();
        if lines_up {
            self.sendable = TURN;
        }
        for place in self.turns.take() {
            self.serve_client(place);
        }
        if !self.leaving && self.orders.leaving.load(Ordering::SeqCst) {
            self.leave();
        }
        if !self.stopping && self.orders.stopping.load(Ordering::SeqCst) {
            self.begin_stop();
        }
        self.accept(ACCEPTED_IN_A_TURN);
        self.expire();
        self.dispatch();
        self.adapt();
        if self.now.saturating_duration_since(self.looked) >= LOOK {
            self.looked = self.now;
            self.look_at_pairs();
            self.bearable = self.parts.limits.max_held;
            self.relieve();
        }
        self.vacant.append(&mut self.left);
        let counts = &self.parts.counts;
        counts.connections.set(self.clients.len() - self.vacant.len());
        counts.queued.set(self.lists.len(list::QUEUED));
        counts.at_work.set(self.at_work());
        counts.streaming.set(self.streams.len());
        counts.held_bytes.set(self.held + self.reserved);
    }

    /// How many answers may have been sent before that has to be known: none when a client waits for what comes after its own, and some
    /// while workers have more before them.
    fn patience(&self) -> usize {
        let has_more = |client: &Client| client.readable || !client.input.is_empty();
        let mut clients = self.errands.values().filter_map(|errand| self.clients[errand.client?].as_ref());
        if self.leaving || clients.any(has_more) {
            0
        } else if self.lists.len(list::QUEUED) > 0 {
            self.at_work().saturating_sub(self.limit.now()) / 2
        } else {
            usize::MAX
        }
    }

    /// How long there is nothing to do without news.
    fn wait(&self) -> Option<Duration> {
        if !self.turns.is_empty() {
            return Some(Duration::ZERO);
        }
        let lists = (0..).zip(self.spans()).filter_map(|(list, span)| self.lists.left(list, span, self.now));
        let short = self.is_short() && self.limit.can_grow();
        let soon = (self.acceptable && self.listener.is_some()) || short;
        let busy = self.at_work() > 0
            || self.lists.len(list::QUEUED) > 0
            || self.stopping
            || self.greeting.is_some()
            || self.shared.is_none()
            || self.held > self.parts.limits.max_held
            || self.limit.can_fall();
        let further = [soon.then_some(SOON), busy.then_some(LOOK)];
        // A millisecond more, since the system rounds down.
        lists.chain(further.into_iter().flatten()).min().map(|left| left + Duration::from_millis(1))
    }

    /// How long members may be in each list.
    fn spans(&self) -> [Duration; list::ALL] {
        let Spans { idle, head, flow, queued, linger } = self.parts.limits.spans;
        [idle, head, flow, queued, flow, linger]
    }

    fn accept(&mut self, most: usize) {
        for _ in 0..most {
            let Some(listener) = self.listener.as_ref().filter(|_| self.acceptable) else { return };
            let full = self.connections() >= self.parts.limits.shares.connections;
            if full && self.least_missed().is_none() {
                // Somebody has to leave first.
                return;
            }
            match listener.accept() {
                Ok((stream, addr)) => {
                    if full {
                        self.make_room();
                    }
                    self.welcome(Client::new(stream, addr, self.parts.limits.max_body));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.acceptable = false,
                Err(error) if is_of_the_connection(&error) => {}
                Err(_) => {
                    self.parts.counts.accept_failures.bump();
                    self.make_room();
                    return;
                }
            }
        }
    }

    fn connections(&self) -> usize {
        self.clients.len() - self.vacant.len() - self.left.len()
    }

    fn welcome(&mut self, client: Client) {
        let place = self.vacant.pop().unwrap_or(self.clients.len());
        let (token, interest) = (Token(FIRST + 2 * place + 1), Interest::READABLE | Interest::WRITABLE);
        if self.poll.registry().register(&mut SourceFd(&client.stream.0.as_raw_fd()), token, interest).is_err() {
            self.parts.counts.accept_failures.bump();
            if place < self.clients.len() {
                self.vacant.push(place);
            }
            return;
        }
        self.parts.counts.accepted.bump();
        if place == self.clients.len() {
            self.clients.push(None);
        }
        self.clients[place] = Some(client);
        self.lists.enter(place as u32, list::HEAD, self.now);
    }

    /// Registers a new pair.
    pub(super) fn watch(&mut self, mut pair: Pair) -> io::Result<usize> {
        let place = self.pairs.iter().position(Option::is_none).unwrap_or(self.pairs.len());
        let token = Token(FIRST + 2 * place);
        // Not for room to write: a Unix socket tells of that each time the other side has read.
        self.poll.registry().register(&mut pair.stream, token, Interest::READABLE)?;
        if place == self.pairs.len() {
            self.pairs.push(None);
        }
        self.pairs[place] = Some(pair);
        Ok(place)
    }

    /// Sees to it that a pair which could not take all is told when it can take more.
    pub(super) fn watch_for_room(&mut self, place: usize) {
        let Some(pair) = self.pairs[place].as_mut().filter(|pair| pair.is_pending() != pair.watched) else { return };
        pair.watched = !pair.watched;
        let interest = if pair.watched { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let token = Token(FIRST + 2 * place);
        // What is not told is found by the look at late pairs.
        self.poll.registry().reregister(&mut pair.stream, token, interest).ok();
    }

    /// The connection that is missed least: one that has nothing more to get, then the one silent for longest, then the one that has been
    /// longest about its request, then one that does not take its answer. Whoever waits for an answer is left alone.
    fn least_missed(&self) -> Option<usize> {
        let order = [list::LINGERING, list::IDLE, list::HEAD, list::BODY];
        let oldest = order.iter().find_map(|list| self.lists.oldest(*list)).map(|(member, _)| member as usize);
        oldest.or_else(|| {
            self.lists
                .members(list::ANSWERING)
                .take(LOOKED_AT)
                .map(|member| member as usize)
                .find(|place| self.stands_still(*place))
        })
    }

    fn stands_still(&self, place: usize) -> bool {
        let Some(client) = self.clients[place].as_ref().filter(|client| client.outbox.pending() > 0) else {
            return false;
        };
        client.took.is_some_and(|took| self.now.saturating_duration_since(took) >= STILL)
    }

    fn make_room(&mut self) {
        if let Some(place) = self.least_missed() {
            self.parts.counts.evicted.bump();
            self.remove(place);
        }
    }

    /// Gives memory back when there is too much in use: the clients that hold most have to go, until an eighth is free again, so that the
    /// next look at all of them comes only after that much has come. One that takes its answer may keep it, as long as all of those do not
    /// hold several times as much.
    pub(super) fn relieve(&mut self) {
        let (most, part) = (self.parts.limits.max_held, self.parts.limits.max_held / 8);
        if self.held <= self.bearable {
            return;
        }
        let patient = self.held <= PATIENCE * most;
        let lists = [list::BODY, list::ANSWERING, list::HEAD, list::QUEUED, list::IDLE, list::LINGERING];
        let members = lists.iter().flat_map(|list| self.lists.members(*list)).map(|member| member as usize);
        let candidates = members.filter(|place| !(patient && self.takes_its_answer(*place)));
        let held = |place: usize| (self.clients[place].as_ref().map_or(0, |client| client.held), place);
        let mut holders: Vec<(usize, usize)> = candidates.map(held).filter(|(held, _)| *held >= LITTLE).collect();
        holders.sort_unstable();
        // While they go nobody else is looked for.
        self.bearable = usize::MAX;
        while let Some((_, place)) = holders.pop().filter(|_| self.held > most - part) {
            self.parts.counts.out_of_memory.bump();
            match self.clients[place].as_ref().map(|client| client.phase) {
                Some(Phase::Answering(_) | Phase::Idle | Phase::Lingering) => self.remove(place),
                _ => self.reject(place, Rejection::Overloaded),
            }
        }
        self.bearable = if self.held > most { self.held + part } else { most };
    }

    fn takes_its_answer(&self, place: usize) -> bool {
        let is_answered = |client: &Client| matches!(client.phase, Phase::Answering(_));
        let took = self.clients[place].as_ref().filter(|client| is_answered(client)).map(|client| client.took);
        took.is_some_and(|took| took.is_none_or(|took| self.now.saturating_duration_since(took) < SLACK))
    }

    fn expire(&mut self) {
        for (list, span) in (0..).zip(self.spans()) {
            while let Some((member, since)) = self.lists.oldest(list) {
                if self.now.saturating_duration_since(since) < span {
                    break;
                }
                self.time_is_up(member as usize, list);
            }
        }
    }

    fn time_is_up(&mut self, place: usize, list: u8) {
        let Some(client) = self.clients[place].as_mut() else { return self.lists.leave(place as u32) };
        let moves = client.moved >= STEP;
        // A stream may be quiet for as long as its client has taken all of it.
        let is_quiet = client.outbox.pending() == 0;
        match list {
            list::BODY if moves => self.go_on(place, list),
            list::ANSWERING if moves || is_quiet => self.go_on(place, list),
            list::HEAD if client.input.is_empty() => self.end_idle(place),
            list::IDLE => self.end_idle(place),
            list::HEAD | list::BODY => {
                self.parts.counts.too_slow.bump();
                self.reject(place, Rejection::TooSlow);
            }
            list::QUEUED => {
                self.parts.counts.overloaded.bump();
                self.reject(place, Rejection::Overloaded);
            }
            list::ANSWERING => {
                self.parts.counts.slow_readers.bump();
                self.remove(place);
            }
            _ => self.remove(place),
        }
    }

    fn go_on(&mut self, place: usize, list: u8) {
        if let Some(client) = self.clients[place].as_mut() {
            client.moved = 0;
        }
        self.lists.enter(place as u32, list, self.now);
    }

    fn end_idle(&mut self, place: usize) {
        self.parts.counts.idle_closed.bump();
        self.remove(place);
    }

    /// Takes a client out of everything.
    pub(super) fn remove(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::take) else { return };
        self.unwatch(&client);
        self.lists.leave(place as u32);
        self.held -= client.held;
        self.left.push(place);
        if let Some((number, _)) = client.stream_of {
            self.streams.remove(&number);
        }
        match client.phase {
            Phase::AtWork(number) => {
                self.parts.counts.gone.bump();
                self.orphan(number);
            }
            Phase::Answering(_) => self.parts.counts.gone.bump(),
            _ => {}
        }
    }

    /// A worker may hold the socket for a moment longer, and nothing of it may be taken for the next one in this place.
    fn unwatch(&self, client: &Client) {
        self.poll.registry().deregister(&mut SourceFd(&client.stream.0.as_raw_fd())).ok();
    }

    /// From now on answers say that the connection ends, which a worker does not know.
    fn leave(&mut self) {
        self.leaving = true;
        for number in self.errands.keys().copied().collect::<Vec<_>>() {
            self.withdraw(number);
        }
    }

    /// Takes in those who are connected already, then nobody any more; those who have asked for nothing are let go.
    fn begin_stop(&mut self) {
        self.stopping = true;
        self.acceptable = true;
        self.accept(BACKLOG as usize);
        self.listener = None;
        self.leave();
        let quiet = [list::IDLE, list::HEAD];
        let members: Vec<u32> = quiet.iter().flat_map(|list| self.lists.members(*list)).collect();
        for member in members {
            let place = member as usize;
            // What has arrived and was not noticed yet is still a request.
            if let Some(client) = self.clients[place].as_mut() {
                client.readable = true;
            }
            self.serve_client(place);
            let silent = |client: &Client| client.is_reading() && client.input.is_empty() && !client.reader.in_body();
            if self.clients[place].as_ref().is_some_and(silent) {
                self.remove(place);
            }
        }
    }

    fn is_over(&self) -> bool {
        let until = *self.orders.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let nobody = self.clients.iter().all(Option::is_none);
        nobody || until.is_some_and(|until| self.now >= until)
    }
}

/// Accepting failed because of the connection that was to be accepted, not for want of anything.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    ) || error.kind() == io::ErrorKind::PermissionDenied
}
