//! The workers behind the front: stock tiny_http on a private Unix socket, and threads that take its requests to the handler.
//!
//! Key type: [`Crew`]. There are a few workers while all is quiet, up to a bound while the front asks for more; one whose request was
//! given up counts no more and ends when it comes back. Answers go back to the front in memory (`http::handoff`), past tiny_http, which only
//! reads requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use super::streams::{Admission, Permit, Streams};
use super::{Answer, Body, ErrorAnswer, Handler, Inbound, Stream};
use crate::base::host::{self, Deadline};
use crate::http::counts::Counts;
use crate::http::front::descriptors::Shares;
use crate::http::handoff::{self, End, Outlet, Payload, Pipe, Reply, Return, Returns, Sender};
use crate::http::rejection::{Rejection, TOLD};
use crate::http::{Halt, Headers, framing, front};

/// A worker that had nothing to do for this long ends, if there are more than a few.
const QUIET: Duration = Duration::from_secs(20);
/// Answers up to this size are sent by their worker, as far as they can be at once.
const SMALL: usize = 64 << 10;
/// Pieces of a stream.
const PIECE: usize = 16 << 10;

/// Most requests that are remembered as given up before anybody had begun with them.
const MAX_REVOKED: usize = 1024;

/// The numbers of requests, by what became of them.
#[derive(Default)]
struct Attendance {
    at_work: BTreeSet<u64>,
    /// Given up while somebody was at work on them.
    given_up: BTreeSet<u64>,
    /// Given up before.
    revoked: BTreeSet<u64>,
    /// Nobody is at work on them any more, but their answers are held.
    held: BTreeSet<u64>,
}

impl Attendance {
    /// Whether the work may begin.
    fn begin(&mut self, number: u64) -> bool {
        let may = !self.revoked.remove(&number);
        if may {
            self.at_work.insert(number);
        }
        may
    }

    /// Its answer leaves later, without a worker, if no more than so many do.
    fn hold(&mut self, number: u64, most: usize) -> bool {
        let may = self.held.len() < most;
        if may {
            self.held.insert(number);
        }
        may
    }

    /// Whether it was still waited for.
    fn end(&mut self, number: u64) -> bool {
        self.at_work.remove(&number);
        !self.given_up.remove(&number)
    }

    /// Whether somebody is at work on it, who counts no more now.
    fn give_up(&mut self, number: u64) -> bool {
        !self.revoke(number) && self.at_work.contains(&number) && self.given_up.insert(number)
    }

    /// Whether nobody is at work on it, and nobody will be, and no answer is on its way.
    fn revoke(&mut self, number: u64) -> bool {
        if self.at_work.contains(&number) || self.held.contains(&number) {
            return false;
        }
        self.revoked.insert(number);
        if self.revoked.len() > MAX_REVOKED {
            self.revoked.pop_first();
        }
        true
    }
}

/// All workers.
pub(super) struct Crew {
    /// Never dropped: its destructor connects to itself and leaves threads behind that wake without end.
    server: RwLock<Arc<ManuallyDrop<tiny_http::Server>>>,
    /// Whether its accept thread has said that it ends.
    deaf: AtomicBool,
    handler: Arc<dyn Handler>,
    error: ErrorAnswer,
    counts: Arc<Counts>,
    returns: Arc<Returns>,
    streams: Arc<Streams>,
    /// How many count at most, and how many stay.
    most: usize,
    fewest: usize,
    /// How many count: those that were not given up.
    present: AtomicUsize,
    /// How many threads there are.
    threads: AtomicUsize,
    attendance: Mutex<Attendance>,
    ending_streams: AtomicBool,
    /// What ends the streams that run, by the numbers of their requests.
    halts: Mutex<BTreeMap<u64, Halt>>,
    stopping: AtomicBool,
    me: Weak<Self>,
}

impl Crew {
    pub(super) fn new(
        listener: UnixListener,
        handler: Arc<dyn Handler>,
        error: ErrorAnswer,
        shares: Shares,
        fewest: usize,
        counts: Arc<Counts>,
        returns: Arc<Returns>,
    ) -> io::Result<Arc<Self>> {
        let server = RwLock::new(listen(listener)?);
        Ok(Arc::new_cyclic(|me| Self {
            server,
            deaf: AtomicBool::new(false),
            handler,
            error,
            counts,
            returns,
            streams: Streams::new(shares.streams),
            most: shares.workers + shares.streams,
            fewest,
            present: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            attendance: Mutex::default(),
            ending_streams: AtomicBool::new(false),
            halts: Mutex::default(),
            stopping: AtomicBool::new(false),
            me: me.clone(),
        }))
    }

    /// Streams end at their next piece, and those that can be halted now.
    pub(super) fn end_streams(&self) {
        self.ending_streams.store(true, Ordering::SeqCst);
        let halts = std::mem::take(&mut *self.halts());
        halts.into_values().for_each(|halt| halt());
    }

    fn halts(&self) -> MutexGuard<'_, BTreeMap<u64, Halt>> {
        self.halts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every worker go that comes back before the deadline.
    pub(super) fn stop(&self, deadline: Deadline) {
        self.stopping.store(true, Ordering::SeqCst);
        while self.threads.load(Ordering::SeqCst) > 0 && !deadline.passed() {
            self.unblock();
            host::sleep(Duration::from_millis(2));
        }
    }

    /// Wakes every worker that waits.
    fn unblock(&self) {
        let server = self.server();
        (0..self.threads.load(Ordering::SeqCst)).for_each(|_| server.unblock());
    }

    fn server(&self) -> Arc<ManuallyDrop<tiny_http::Server>> {
        Arc::clone(&self.server.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn say_deaf_for_tests(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    fn start_one(&self) -> bool {
        let Some(crew) = self.me.upgrade() else { return false };
        let number = self.threads.fetch_add(1, Ordering::SeqCst);
        self.present.fetch_add(1, Ordering::SeqCst);
        let started = host::spawn(&format!("http-{number}"), move || {
            crew.work();
            crew.threads.fetch_sub(1, Ordering::SeqCst);
        });
        if started.is_err() {
            self.threads.fetch_sub(1, Ordering::SeqCst);
            self.present.fetch_sub(1, Ordering::SeqCst);
        }
        started.is_ok()
    }

    fn work(&self) {
        loop {
            let server = self.server();
            // A wait may end although something has come in that moment, so nobody leaves without a second look.
            let came =
                server.recv_timeout(QUIET).and_then(|came| if came.is_some() { Ok(came) } else { server.try_recv() });
            match came {
                Ok(Some(request)) => {
                    if !self.take(request) {
                        return;
                    }
                }
                Ok(None) if self.stopping.load(Ordering::SeqCst) => return,
                Ok(None) if !Arc::ptr_eq(&server, &self.server()) => {}
                Ok(None) if self.leave() => match server.try_recv() {
                    Ok(Some(request)) => {
                        self.present.fetch_add(1, Ordering::SeqCst);
                        if !self.take(request) {
                            return;
                        }
                    }
                    _ => return,
                },
                Ok(None) => {}
                // Accepting has failed, and by that ended.
                Err(_) => self.deaf.store(true, Ordering::SeqCst),
            }
        }
    }

    /// Takes a request to its answer; whether this worker is to go on.
    fn take(&self, request: tiny_http::Request) -> bool {
        let mut number = None;
        // What the crate's own plumbing does when a pair breaks at the wrong moment must not cost a worker.
        let served = catch_unwind(AssertUnwindSafe(|| self.serve(request, &mut number)));
        if let (Err(_), Some(number)) = (served, number) {
            self.answer(number, (self.error)(Rejection::Failed, &Headers::new()), false, &Headers::new());
        }
        // When it was given up, another one has taken its place.
        number.is_none_or(|number| self.attendance().end(number))
    }

    /// Counts one worker less, unless the few that stay are left.
    fn leave(&self) -> bool {
        let fewer = |present: usize| (present > self.fewest).then(|| present - 1);
        self.present.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok()
    }

    fn attendance(&self) -> MutexGuard<'_, Attendance> {
        self.attendance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request to its answer, and tells its number once somebody is at work on it.
    fn serve(&self, mut request: tiny_http::Request, begun: &mut Option<u64>) {
        let (headers, mark) = read_headers(&request);
        let Some((number, sender)) = mark.as_deref().and_then(handoff::read_line) else {
            return drop(request.into_writer());
        };
        let Sender::Client(client) = sender else {
            drop(request.into_writer());
            return self.returns.give(Return::Hello(number));
        };
        if !self.attendance().begin(number) {
            return drop(request.into_writer());
        }
        *begun = Some(number);
        let mut body = vec![0; request.body_length().unwrap_or(0)];
        let is_whole = request.as_reader().read_exact(&mut body).is_ok();
        let (path, query) = framing::split_target(request.url());
        let bodiless = *request.method() == tiny_http::Method::Head;
        let inbound = Inbound {
            method: request.method().as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body,
            client,
            streams: Admission::to(&self.streams, &self.counts),
        };
        // Now the pair may carry the next one.
        drop(request.into_writer());
        let told = for_errors(&inbound.headers);
        if !is_whole {
            // The front has closed the pair, which is no fault of the client's.
            return self.answer(number, (self.error)(Rejection::Failed, &told), bodiless, &told);
        }
        let answer = catch_unwind(AssertUnwindSafe(|| Arc::clone(&self.handler).handle(inbound)));
        let answer = answer.unwrap_or_else(|_| self.failed(&told));
        match self.owed(&answer, number, bodiless, &told) {
            Some(owed) => answer.when_released(move |answer| owed.pay(answer)),
            None => {
                let answer = answer.awaited().unwrap_or_else(|| self.failed(&told));
                self.answer(number, answer, bodiless, &told);
            }
        }
    }

    fn failed(&self, told: &Headers) -> Answer {
        self.counts.failed.bump();
        (self.error)(Rejection::Failed, told)
    }

    /// What sends an answer that is held; `None` for one that a worker has to send.
    fn owed(&self, answer: &Answer, number: u64, bodiless: bool, told: &Headers) -> Option<Owed> {
        let whole = answer.held.is_some() && matches!(answer.body, Body::Bytes(_));
        let crew = self.me.upgrade().filter(|_| whole && self.attendance().hold(number, self.most))?;
        Some(Owed { crew, number, bodiless, told: told.clone(), is_paid: false })
    }

    fn answer(&self, number: u64, answer: Answer, bodiless: bool, told: &Headers) {
        let Answer { status, headers, body, .. } = answer;
        let bodiless = bodiless || !framing::status_has_body(status);
        let nothing = || Payload::Bytes(Arc::from([]));
        // Whatever the answer is, nobody sends another one past the front (H46).
        let delivery = self.returns.deliveries.take(number);
        match body {
            Body::Bytes(bytes) => {
                let head = framing::head_lines(status, &headers, Some(bytes.len()));
                let body: &[u8] = if bodiless { &[] } else { &bytes };
                if let Some(delivery) = delivery.filter(|_| body.len() <= SMALL) {
                    let answer = [&head, delivery.last_lines, body].concat();
                    let length = answer.len();
                    let rest = delivery.send(answer);
                    self.counts.bytes_out.add((length - rest.as_ref().map_or(length, Vec::len)) as u64);
                    return self.returns.sent(number, &delivery, rest);
                }
                let body = if bodiless { nothing() } else { Payload::Bytes(bytes) };
                self.returns.give(Return::Answer(number, Reply { head, body }));
            }
            Body::Stream(_) if bodiless => {
                let head = framing::head_lines(status, &headers, None);
                self.returns.give(Return::Answer(number, Reply { head, body: nothing() }));
            }
            Body::Stream(mut stream) => match stream.permit.take().or_else(|| self.streams.admit(&stream.owner)) {
                Some(permit) => {
                    let pipe = Arc::new(Pipe::halting(stream.halt.clone()));
                    let head = framing::head_lines(status, &headers, None);
                    let body = Payload::Pieces(Outlet::of(&pipe));
                    self.returns.give(Return::Answer(number, Reply { head, body }));
                    self.pump(number, stream, &pipe, permit);
                }
                None => {
                    self.counts.streams_refused.bump();
                    self.answer(number, (self.error)(Rejection::Overloaded, told), bodiless, told);
                }
            },
        }
    }

    /// Passes a stream on piece by piece, until its end, the runtime's, or that of whoever reads it.
    fn pump(&self, number: u64, mut stream: Stream, pipe: &Pipe, permit: Permit) {
        let mut buffer = vec![0; PIECE];
        if let Some(halt) = stream.halt.take() {
            self.halts().insert(number, halt);
            if self.ending_streams.load(Ordering::SeqCst) {
                self.end_streams();
            }
        }
        let end = loop {
            match catch_unwind(AssertUnwindSafe(|| stream.source.read(&mut buffer))) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Ok(0)) => break End::Whole,
                Ok(Ok(read)) => {
                    match pipe.put(buffer[..read].to_vec()) {
                        Some(true) => self.returns.give(Return::News(number)),
                        Some(false) => {}
                        None => break End::Broken,
                    }
                    // It had more to say, so it must not look whole.
                    if self.ending_streams.load(Ordering::SeqCst) {
                        break End::Broken;
                    }
                }
                Ok(Err(_)) | Err(_) => break End::Broken,
            }
        };
        drop(self.halts().remove(&number));
        // Before the end is told, so that whoever has seen it may begin anew.
        if catch_unwind(AssertUnwindSafe(|| drop((stream, permit)))).is_err() {
            self.counts.failed.bump();
        }
        pipe.end(end);
        self.returns.give(Return::News(number));
    }
}

/// An answer that leaves without a worker. Should it get lost, the client is told so.
struct Owed {
    crew: Arc<Crew>,
    number: u64,
    bodiless: bool,
    told: Headers,
    is_paid: bool,
}

impl Owed {
    fn pay(mut self, answer: Answer) {
        // Whoever sends it here does not wait for a stream.
        if matches!(answer.body, Body::Bytes(_)) {
            self.is_paid = true;
            self.crew.answer(self.number, answer, self.bodiless, &self.told);
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.is_paid {
            let answer = self.crew.failed(&self.told);
            self.crew.answer(self.number, answer, self.bodiless, &self.told);
        }
        // Whatever is held no more has been answered.
        self.crew.attendance().held.remove(&self.number);
    }
}

impl front::Crew for Crew {
    fn hire(&self, wanted: usize) {
        let wanted = (wanted + self.streams.running() + self.handler.waiting()).min(self.most);
        // Those given up are threads too, and as many again are enough.
        while self.present.load(Ordering::SeqCst) < wanted && self.threads.load(Ordering::SeqCst) < 2 * self.most {
            if !self.start_one() {
                return;
            }
        }
    }

    fn waiting(&self) -> usize {
        self.handler.waiting() + self.attendance().held.len()
    }

    fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::SeqCst)
    }

    fn renew(&self, listener: UnixListener) -> bool {
        let Ok(server) = listen(listener) else { return false };
        let before = self.server();
        *self.server.write().unwrap_or_else(PoisonError::into_inner) = server;
        self.deaf.store(false, Ordering::SeqCst);
        (0..self.threads.load(Ordering::SeqCst)).for_each(|_| before.unblock());
        true
    }

    fn revoke(&self, number: u64) -> bool {
        self.attendance().revoke(number)
    }

    fn give_up(&self, number: u64) {
        if self.attendance().give_up(number) {
            self.present.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn listen(listener: UnixListener) -> io::Result<Arc<ManuallyDrop<tiny_http::Server>>> {
    let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
    Ok(Arc::new(ManuallyDrop::new(server)))
}

/// What the server's own answers want to know of a request.
fn for_errors(headers: &Headers) -> Headers {
    let mut told = Headers::new();
    for (name, value) in TOLD.iter().filter_map(|name| Some((name, headers.get(name)?))) {
        // It was a header before.
        told.append(name, value).ok();
    }
    told
}

/// The headers for the handler, and the front's own.
fn read_headers(request: &tiny_http::Request) -> (Headers, Option<String>) {
    let (mut headers, mut mark) = (Headers::new(), None);
    for header in request.headers() {
        let (name, value) = (header.field.as_str().as_str(), header.value.as_str());
        if name == handoff::FIELD {
            mark = Some(value.to_owned());
        } else if !name.eq_ignore_ascii_case("Content-Length") {
            // The front has let nothing through that cannot be a header.
            headers.append(name, value).ok();
        }
    }
    (headers, mark)
}
