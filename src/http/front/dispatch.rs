//! The front towards its workers: requests go out over pairs, answers come back in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{After, Client, Phase};
use super::door::Door;
use super::limit::Load;
use super::pair::{Duty, Pair};
use super::reactor::{Reactor, list};
use crate::http::handoff::{self, Delivery, Payload, Reply, Return, Sender};
use crate::http::rejection::Rejection;

/// Requests that are with the workers already while all of them are at work, so that they never wait for the next one.
const AHEAD: usize = 12;
/// Bodies up to this size are read by tiny_http itself, before it gives a request to a worker.
pub(super) const SMALL: usize = 1024;
/// How long a greeting may go without an answer.
const GREETING: Duration = Duration::from_secs(5);
/// After so many greetings that idle workers did not hear, they cannot hear.
const UNHEARD: u8 = 2;
/// Time between two attempts to mend that.
const RENEWAL: Duration = Duration::from_secs(1);
/// Pairs for large requests that are kept although there are none.
const SPARE: usize = 2;

/// A request whose answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    /// `None` once the client has gone.
    pub(super) client: Option<usize>,
    pair: usize,
    since: Instant,
    /// Memory that the request takes here and at the worker.
    reserved: usize,
    /// Whether its worker may send the answer itself.
    offered: bool,
}

impl Reactor {
    /// Gives waiting requests to workers, in the order they came; large ones apart, since they may have to wait for memory.
    pub(super) fn dispatch(&mut self) {
        while let Some(place) = self.next_waiting(false) {
            let Some(pair) = self.shared else {
                self.open_pairs(false);
                break;
            };
            self.queue.pop_front();
            self.hand_over(place, pair);
        }
        while let Some(place) = self.next_waiting(true) {
            let size =
                self.clients[place].as_ref().and_then(|client| client.request.as_ref()).map_or(0, |r| r.body.len());
            if self.reserved > 0 && self.reserved + size > self.parts.limits.max_held {
                break;
            }
            let Some(pair) = self.free.pop() else {
                self.open_pairs(true);
                break;
            };
            self.large.pop_front();
            self.hand_over(place, pair);
        }
        if let Some(shared) = self.shared {
            self.flush_pair(shared);
        }
    }

    /// Who has waited longest and may be handed over now.
    fn next_waiting(&mut self, large: bool) -> Option<usize> {
        // What is handed over while workers are slow would wait where nobody can refuse it.
        let ahead = if self.limit.is_quick(self.mean_age()) { AHEAD } else { 0 };
        if self.at_work() >= self.limit.now() + ahead + self.parts.crew.waiting() {
            return None;
        }
        let queue = if large { &mut self.large } else { &mut self.queue };
        while let Some(&(place, ticket)) = queue.front() {
            let waits = |client: &Client| client.phase == Phase::Queued && client.ticket == ticket;
            if self.clients.get(place).and_then(Option::as_ref).is_some_and(waits) {
                return Some(place);
            }
            queue.pop_front();
        }
        None
    }

    pub(super) fn at_work(&self) -> usize {
        self.errands.len()
    }

    /// Changes the number of workers to what their requests call for.
    pub(super) fn adapt(&mut self) {
        let (before, load) = (self.limit.now(), self.load());
        self.limit.adapt(&load, self.now);
        // Others take the place of workers that wait for a disk.
        if self.limit.now() > before || load.in_hand < self.at_work() {
            self.parts.crew.hire(self.limit.now());
        }
    }

    /// Whether more is to be done than there are workers.
    pub(super) fn is_short(&self) -> bool {
        self.limit.is_short(&self.load())
    }

    fn load(&self) -> Load {
        // What waits for a disk keeps no worker, or one that was hired beside the others.
        let in_hand = self.at_work().saturating_sub(self.parts.crew.waiting());
        Load { in_hand, queued: self.lists.len(list::QUEUED), age: self.mean_age() }
    }

    /// How long those at work have been at it, on average.
    fn mean_age(&self) -> Duration {
        let mean = self.began / (self.at_work().max(1) as u128);
        Duration::from_micros(u64::try_from(self.micros(self.now).saturating_sub(mean)).unwrap_or(u64::MAX))
    }

    fn micros(&self, at: Instant) -> u128 {
        at.saturating_duration_since(self.start).as_micros()
    }

    fn hand_over(&mut self, place: usize, pair_place: usize) {
        let Some(client) = self.clients[place].as_mut() else { return };
        let (Some(request), Some(pair)) = (client.request.take(), self.pairs[pair_place].as_mut()) else { return };
        self.numbers += 1;
        let number = self.numbers;
        let (mut head, body) = (request.head.handed, request.body);
        if body.len() > 0 {
            head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(handoff::line(number, Sender::Client(client.addr)).as_bytes());
        head.extend_from_slice(b"\r\n");
        let reserved = head.len() + body.len();
        pair.put(head);
        body.into_pieces().into_iter().for_each(|piece| pair.put(piece));
        if pair.duty == Duty::Free {
            pair.duty = Duty::Carrying(number);
        }
        // Only when nothing is to be sent before it.
        let offered = client.outbox.pending() == 0 && !self.leaving;
        if offered {
            let (last_lines, ends) = (client.framing.last_lines(false), !client.framing.survives(false));
            let socket = Arc::clone(&client.stream) as Arc<dyn handoff::Socket>;
            self.parts.returns.deliveries.offer(number, Delivery { socket, last_lines, ends });
        }
        client.phase = Phase::AtWork(number);
        let errand = Errand { client: Some(place), pair: pair_place, since: self.now, reserved, offered };
        self.errands.insert(number, errand);
        self.lists.leave(place as u32);
        self.account(place);
        self.reserved += reserved;
        self.began += self.micros(self.now);
        if self.shared != Some(pair_place) {
            self.flush_pair(pair_place);
        }
    }

    fn flush_pair(&mut self, place: usize) {
        match self.pairs[place].as_mut().map(Pair::flush) {
            Some(Err(())) => self.lose_pair(place),
            Some(Ok(())) => self.watch_for_room(place),
            None => {}
        }
    }

    /// Opens the shared pair when there is none, else one for a large request when one is asked for.
    fn open_pairs(&mut self, for_large: bool) {
        if self.greeting.is_none() && (self.shared.is_none() || for_large) {
            // It is tried again soon.
            if self.open_pair().is_err() {
                self.parts.counts.pair_failures.bump();
            }
        }
    }

    /// tiny_http's own accept thread ends at its first failure, and nothing is heard after that: a new one takes its place.
    fn renew_when_deaf(&mut self, unheard: bool) {
        // Greetings go unheard also while all workers are busy.
        self.unheard += u8::from(unheard && !self.is_short());
        let due = self.now.saturating_duration_since(self.renewed) >= RENEWAL;
        if !due || !(self.unheard >= UNHEARD || self.parts.crew.is_deaf()) {
            return;
        }
        (self.unheard, self.renewed) = (0, self.now);
        self.parts.counts.pair_failures.bump();
        let Ok((door, listener)) = Door::open(&self.parts.directories) else { return };
        if self.parts.crew.renew(listener) {
            self.parts.door = door;
            for place in 0..self.pairs.len() {
                self.lose_pair(place);
            }
        }
    }

    /// Opens a pair and greets the workers over it. One at a time: tiny_http may forget one of several that come at once.
    pub(super) fn open_pair(&mut self) -> std::io::Result<()> {
        self.parts.crew.hire(self.limit.now());
        let stream = self.parts.door.connect()?;
        let place = self.watch(Pair::new(stream, self.now))?;
        self.numbers += 1;
        self.greeting = Some(place);
        if let Some(pair) = self.pairs[place].as_mut() {
            pair.duty = Duty::Greeted(self.numbers);
            pair.put(format!("GET / HTTP/1.1\r\n{}\r\n", handoff::line(self.numbers, Sender::Greeting)).into_bytes());
        }
        self.flush_pair(place);
        Ok(())
    }

    /// Something happened on a pair's socket: room to write, or what must not be.
    pub(super) fn serve_pair(&mut self, place: usize, readable: bool) {
        if self.pairs.get(place).is_some_and(Option::is_some) {
            if readable { self.lose_pair(place) } else { self.flush_pair(place) }
        }
    }

    /// Takes everything that workers have given back.
    pub(super) fn take_returns(&mut self) {
        for given in self.parts.returns.take() {
            match given {
                Return::Hello(number) => self.greeted(number),
                Return::Answer(number, reply) => self.take_answer(number, reply),
                Return::Sent(number, rest) => self.take_sent(number, rest),
                Return::News(number) => {
                    if let Some(place) = self.streams.get(&number) {
                        self.pull(*place);
                    }
                }
            }
        }
    }

    fn greeted(&mut self, number: u64) {
        let Some(place) = self.greeting else { return };
        let Some(pair) = self.pairs[place].as_mut().filter(|pair| pair.duty == Duty::Greeted(number)) else { return };
        (self.greeting, self.unheard) = (None, 0);
        if self.shared.is_none() {
            pair.duty = Duty::Shared;
            self.shared = Some(place);
        } else {
            pair.duty = Duty::Free;
            self.free.push(place);
        }
    }

    fn take_answer(&mut self, number: u64, reply: Reply) {
        // Nobody waits for it any more when there is no errand (H46).
        let client = self.end_errand(number).and_then(|errand| {
            self.release(errand.pair, number);
            errand.client
        });
        match client {
            Some(client) => self.answer(client, number, reply),
            None => self.parts.counts.late_answers.bump(),
        }
    }

    /// A worker has sent an answer itself, but for the rest.
    fn take_sent(&mut self, number: u64, rest: Result<Vec<u8>, ()>) {
        let Some(errand) = self.end_errand(number) else { return };
        self.release(errand.pair, number);
        let Some(place) = errand.client else { return };
        let Some(client) = self.clients[place].as_mut() else { return };
        let after = if client.framing.survives(false) { After::Next } else { After::End };
        (client.phase, client.moved, client.took) = (Phase::Answering(after), 0, None);
        self.lists.enter(place as u32, list::ANSWERING, self.now);
        self.parts.counts.answered.bump();
        match rest {
            Ok(rest) => {
                client.outbox.put(rest);
                self.flush(place);
            }
            Err(()) => self.remove(place),
        }
    }

    /// Takes back from the worker of this request that it may answer itself; false when it has begun to.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        let offered = self.errands.get_mut(&number).is_some_and(|errand| errand.offered);
        let is_free = !offered || self.parts.returns.deliveries.take(number).is_some();
        if let Some(errand) = self.errands.get_mut(&number).filter(|_| is_free) {
            errand.offered = false;
        }
        is_free
    }

    fn end_errand(&mut self, number: u64) -> Option<Errand> {
        let errand = self.errands.remove(&number)?;
        self.parts.returns.deliveries.take(number);
        self.reserved -= errand.reserved;
        self.began -= self.micros(errand.since);
        Some(errand)
    }

    /// A pair that carried this large request may carry the next one.
    fn release(&mut self, place: usize, number: u64) {
        let Some(pair) = self.pairs[place].as_mut().filter(|pair| pair.duty == Duty::Carrying(number)) else { return };
        if pair.is_pending() {
            // It was answered before it was read, which no worker of this house does.
            return self.lose_pair(place);
        }
        pair.duty = Duty::Free;
        self.free.push(place);
    }

    /// Begins to send an answer.
    fn answer(&mut self, place: usize, number: u64, reply: Reply) {
        let leaving = self.leaving;
        let Some(client) = self.clients[place].as_mut() else { return };
        client.framing.keep_alive &= !leaving;
        let (framing, streams) = (client.framing, matches!(reply.body, Payload::Pieces(_)));
        let mut head = reply.head;
        head.extend_from_slice(framing.last_lines(streams));
        client.outbox.put(head);
        let after = if framing.survives(streams) { After::Next } else { After::End };
        (client.phase, client.moved, client.took) = (Phase::Answering(after), 0, None);
        self.lists.enter(place as u32, list::ANSWERING, self.now);
        self.parts.counts.answered.bump();
        match reply.body {
            Payload::Bytes(bytes) => client.outbox.put_shared(bytes),
            Payload::Pieces(pipe) => {
                client.stream_of = Some((number, pipe));
                self.streams.insert(number, place);
                // The stream's worker is no worker for others.
                self.parts.crew.hire(self.limit.now());
                return self.pull(place);
            }
        }
        self.flush(place);
    }

    /// The client of this request is gone; its answer will reach nobody.
    pub(super) fn orphan(&mut self, number: u64) {
        self.withdraw(number);
        if let Some(errand) = self.errands.get_mut(&number) {
            errand.client = None;
        }
    }

    /// Closes a pair. Requests that went over it and that nobody has begun are answered for; the others are at work, or done.
    fn lose_pair(&mut self, place: usize) {
        let Some(pair) = self.pairs[place].take() else { return };
        self.parts.counts.pairs_lost.bump();
        self.greeting = self.greeting.filter(|greeting| *greeting != place);
        self.shared = self.shared.filter(|shared| *shared != place);
        self.free.retain(|free| *free != place);
        if matches!(pair.duty, Duty::Greeted(_) | Duty::Free) {
            return;
        }
        let lost = self.errands.iter().filter(|(_, errand)| errand.pair == place);
        let mut lost: Vec<u64> = lost.map(|(number, _)| *number).collect();
        lost.retain(|number| self.parts.crew.revoke(*number));
        if lost.is_empty() {
            return;
        }
        // A worker gives its answer before it says that it is done: whoever was at work no more has given it by now.
        self.take_returns();
        for number in lost {
            if self.errands.contains_key(&number) && self.withdraw(number) {
                self.parts.counts.failed.bump();
                self.give_up(number, Rejection::Failed);
            }
        }
    }

    fn give_up(&mut self, number: u64, rejection: Rejection) {
        if let Some(client) = self.end_errand(number).and_then(|errand| errand.client) {
            self.reject(client, rejection);
        }
    }

    /// Looks for what comes late, and keeps the numbers of pairs and workers right.
    pub(super) fn look_at_pairs(&mut self) {
        let (now, timeout) = (self.now, self.parts.limits.request_timeout);
        let late = self.errands.iter().filter(|(_, errand)| now.saturating_duration_since(errand.since) >= timeout);
        let late: Vec<(u64, usize)> = late.map(|(number, errand)| (*number, errand.pair)).collect();
        for (number, pair) in late {
            // One given up before may have brought this one's answer to light; or it is being answered at this moment.
            if !self.errands.contains_key(&number) || !self.withdraw(number) {
                continue;
            }
            self.parts.crew.give_up(number);
            self.parts.counts.unanswered.bump();
            self.give_up(number, Rejection::Unanswered);
            let carries = |pair: &Pair| pair.duty == Duty::Carrying(number);
            if self.pairs[pair].as_ref().is_some_and(carries) {
                self.lose_pair(pair);
            }
        }
        let unheard = |place: &usize| {
            self.pairs[*place].as_ref().is_some_and(|pair| now.saturating_duration_since(pair.since) >= GREETING)
        };
        let unheard = self.greeting.filter(unheard);
        if let Some(place) = unheard {
            self.lose_pair(place);
        }
        if unheard.is_some() || self.parts.crew.is_deaf() {
            self.renew_when_deaf(unheard.is_some());
        }
        self.parts.crew.hire(self.limit.now());
        self.open_pairs(false);
        if self.free.len() > SPARE {
            let place = self.free.remove(0);
            self.pairs[place] = None;
        }
    }
}
