//! The front towards its workers: requests go out over pairs, answers come back in memory.
//!
//! A request's number holds the place of its pair, so that an answer finds whom it is for without a search.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{After, Client, Phase};
use super::pair::{Duty, Errand, Pair};
use super::reactor::{Reactor, list};
use crate::http::handoff::{self, Payload, Reply, Return, Sender};
use crate::http::rejection::Rejection;

/// Requests that are with the workers already while all of them are at work, so that they never wait for the next one.
const AHEAD: usize = 12;
/// How long a greeting may go without an answer.
const GREETING: Duration = Duration::from_secs(5);
/// Bits of a number that hold the place of a pair.
const PLACE_BITS: u32 = 16;

impl Reactor {
    /// Gives waiting requests to workers, in the order they came.
    pub(super) fn dispatch(&mut self) {
        while let Some(&(place, ticket)) = self.queue.front() {
            let waits = |client: &Client| client.phase == Phase::Queued && client.ticket == ticket;
            if !self.clients.get(place).and_then(Option::as_ref).is_some_and(waits) {
                self.queue.pop_front();
                continue;
            }
            // What is handed over while workers are slow would wait where nobody can refuse it.
            let ahead = if self.limit.is_quick(self.mean_age()) { AHEAD } else { 0 };
            if self.at_work >= self.limit.now() + ahead {
                return;
            }
            let Some(pair) = self.free.pop() else { return self.open_pairs() };
            self.queue.pop_front();
            self.hand_over(place, pair);
        }
    }

    /// Changes the number of workers to what their requests call for.
    pub(super) fn adapt(&mut self) {
        let before = self.limit.now();
        if self.is_short() {
            self.limit.short(self.mean_age(), self.now);
        } else {
            self.limit.plenty(self.at_work, self.now);
        }
        if self.limit.now() > before {
            self.parts.crew.hire(self.limit.now());
        }
    }

    /// Whether more is to be done than there are workers.
    pub(super) fn is_short(&self) -> bool {
        let waiting = self.lists.len(list::QUEUED);
        self.at_work >= self.limit.now() && self.at_work + waiting > self.limit.now()
    }

    /// How long those at work have been at it, on average.
    fn mean_age(&self) -> Duration {
        let mean = self.began / (self.at_work.max(1) as u128);
        Duration::from_micros(u64::try_from(self.micros(self.now).saturating_sub(mean)).unwrap_or(u64::MAX))
    }

    fn micros(&self, at: Instant) -> u128 {
        at.saturating_duration_since(self.start).as_micros()
    }

    fn number_for(&mut self, pair: usize) -> u64 {
        self.numbers += 1;
        self.numbers << PLACE_BITS | pair as u64
    }

    fn hand_over(&mut self, place: usize, pair_place: usize) {
        let number = self.number_for(pair_place);
        let Some(client) = self.clients[place].as_mut() else { return self.free.push(pair_place) };
        let Some(request) = client.request.take() else { return self.free.push(pair_place) };
        let (mut head, body) = (request.head.handed, request.body);
        if body.len() > 0 {
            head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(handoff::line(number, Sender::Client(client.addr)).as_bytes());
        head.extend_from_slice(b"\r\n");
        let reserved = head.len() + body.len();
        let mut pieces = body.into_pieces();
        if let [only] = pieces.as_mut_slice() {
            head.append(only);
        }
        client.phase = Phase::AtWork(pair_place);
        self.lists.leave(place as u32);
        self.account(place);
        self.held += reserved;
        self.at_work += 1;
        self.began += self.micros(self.now);
        let Some(pair) = self.pairs[pair_place].as_mut() else { return };
        pair.duty = Duty::Busy(Errand { number, client: Some(place), reserved });
        pair.since = self.now;
        match pair.hand_over(head, pieces) {
            Ok(()) => self.watch_for_room(pair_place),
            Err(()) => self.lose_pair(pair_place, Rejection::Failed),
        }
    }

    /// How many pairs there should be.
    fn wanted_pairs(&self) -> usize {
        self.limit.now() + AHEAD + 1
    }

    fn present_pairs(&self) -> usize {
        self.pairs.iter().flatten().count()
    }

    fn open_pairs(&mut self) {
        if self.greeting.is_none() && self.present_pairs() < self.wanted_pairs() {
            // It is tried again soon.
            self.open_pair().ok();
        }
    }

    /// Opens a pair and greets the workers over it. One at a time: tiny_http may forget one of several that come at once.
    pub(super) fn open_pair(&mut self) -> std::io::Result<()> {
        self.parts.crew.hire(self.limit.now());
        let stream = self.parts.door.connect()?;
        let place = self.watch(Pair::new(stream, 0, self.now))?;
        let number = self.number_for(place);
        self.greeting = Some(place);
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", handoff::line(number, Sender::Greeting));
        let Some(pair) = self.pairs[place].as_mut() else { return Ok(()) };
        pair.duty = Duty::Greeted(number);
        if pair.hand_over(head.into_bytes(), Vec::new()).is_err() {
            self.lose_pair(place, Rejection::Failed);
        }
        Ok(())
    }

    /// Something happened on a pair's socket: room to write, or what must not be.
    pub(super) fn serve_pair(&mut self, place: usize, writable: bool, readable: bool) {
        let Some(pair) = self.pairs.get_mut(place).and_then(Option::as_mut) else { return };
        if readable || (writable && pair.flush().is_err()) {
            return self.lose_pair(place, Rejection::Failed);
        }
        self.watch_for_room(place);
    }

    /// Takes everything that workers have given back.
    pub(super) fn take_returns(&mut self) {
        for given in self.parts.returns.take() {
            match given {
                Return::Hello(number) => self.greeted(number),
                Return::Answer(number, reply) => self.take_answer(number, reply),
                Return::News(number) => {
                    if let Some(place) = self.streams.get(&number) {
                        self.pull(*place);
                    }
                }
            }
        }
    }

    fn greeted(&mut self, number: u64) {
        let place = place_of(number);
        let Some(pair) = self.pairs.get_mut(place).and_then(Option::as_mut) else { return };
        if !matches!(pair.duty, Duty::Greeted(expected) if expected == number) {
            return;
        }
        pair.duty = Duty::Free;
        self.free.push(place);
        self.greeting = None;
        self.open_pairs();
    }

    fn take_answer(&mut self, number: u64, reply: Reply) {
        let place = place_of(number);
        let pair = self.pairs.get_mut(place).and_then(Option::as_mut);
        let (errand, since, pair) = match pair {
            Some(pair) => match pair.duty {
                Duty::Busy(errand) if errand.number == number => (errand, pair.since, pair),
                _ => return self.drop_late(&reply),
            },
            // Nobody waits for it any more (H46).
            None => return self.drop_late(&reply),
        };
        pair.duty = Duty::Free;
        self.off_work(errand, since);
        if self.pairs[place].as_ref().is_some_and(Pair::is_pending) {
            // It was answered before it was read, which no worker of this house does.
            self.lose_pair(place, Rejection::Failed);
        } else {
            self.free.push(place);
        }
        match errand.client {
            Some(client) => self.answer(client, number, reply),
            None => self.drop_late(&reply),
        }
    }

    fn drop_late(&self, reply: &Reply) {
        self.parts.counts.late_answers.bump();
        if let Payload::Pieces(pipe) = &reply.body {
            pipe.close();
        }
    }

    /// Begins to send an answer.
    fn answer(&mut self, place: usize, number: u64, reply: Reply) {
        let stopping = self.stopping;
        let Some(client) = self.clients[place].as_mut() else { return };
        client.framing.keep_alive &= !stopping;
        let (framing, streams) = (client.framing, matches!(reply.body, Payload::Pieces(_)));
        let mut head = reply.head;
        head.extend_from_slice(framing.last_lines(streams));
        client.outbox.put(head);
        let after = if framing.survives(streams) { After::Next } else { After::End };
        (client.phase, client.moved) = (Phase::Answering(after), 0);
        self.lists.enter(place as u32, list::ANSWERING, self.now);
        self.parts.counts.answered.bump();
        match reply.body {
            Payload::Bytes(bytes) => client.outbox.put_shared(bytes),
            Payload::Pieces(pipe) => {
                client.stream_of = Some((number, Arc::clone(&pipe)));
                self.streams.insert(number, place);
                // The stream's worker is no worker for others.
                self.parts.crew.hire(self.limit.now());
                return self.pull(place);
            }
        }
        self.flush(place);
    }

    fn off_work(&mut self, errand: Errand, since: Instant) {
        self.held -= errand.reserved;
        self.at_work -= 1;
        self.began -= self.micros(since);
    }

    /// The client of this pair is gone; its answer will reach nobody.
    pub(super) fn orphan(&mut self, place: usize) {
        if let Some(Duty::Busy(errand)) = self.pairs[place].as_mut().map(|pair| &mut pair.duty) {
            errand.client = None;
        }
    }

    /// Closes a pair, and answers for it whoever has waited for it.
    fn lose_pair(&mut self, place: usize, rejection: Rejection) {
        let Some(pair) = self.pairs[place].take() else { return };
        if self.greeting == Some(place) {
            self.greeting = None;
        }
        let Duty::Busy(errand) = pair.duty else { return self.free.retain(|free| *free != place) };
        self.off_work(errand, pair.since);
        self.parts.counts.pairs_lost.bump();
        let Some(client_place) = errand.client else { return };
        if rejection == Rejection::Failed {
            self.parts.counts.failed.bump();
        }
        self.reject(client_place, rejection);
    }

    /// Looks for what comes late, and keeps the numbers of pairs and workers right.
    pub(super) fn look_at_pairs(&mut self) {
        let (now, timeout) = (self.now, self.parts.limits.request_timeout);
        let is_late = |pair: &Pair| {
            let age = now.saturating_duration_since(pair.since);
            match pair.duty {
                Duty::Busy(_) => age >= timeout,
                Duty::Greeted(_) => age >= GREETING,
                Duty::Free => false,
            }
        };
        let late: Vec<usize> =
            (0..self.pairs.len()).filter(|place| self.pairs[*place].as_ref().is_some_and(is_late)).collect();
        for place in late {
            if let Some(Duty::Busy(errand)) = self.pairs[place].as_ref().map(|pair| pair.duty) {
                self.parts.crew.give_up(errand.number);
                self.parts.counts.unanswered.bump();
            }
            self.lose_pair(place, Rejection::Unanswered);
        }
        self.parts.crew.hire(self.limit.now());
        self.open_pairs();
        if self.free.len() > 1 && self.present_pairs() > self.wanted_pairs() + 1 {
            let place = self.free[0];
            self.lose_pair(place, Rejection::Failed);
        }
    }
}

fn place_of(number: u64) -> usize {
    (number & ((1 << PLACE_BITS) - 1)) as usize
}
