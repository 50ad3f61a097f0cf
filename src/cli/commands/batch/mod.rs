//! `batch`: many calls in one run, JSON lines in and JSON lines out.
//!
//! `line` reads what is to be called and `told` writes what came of it, both pure; `queue` holds the lines under way; `work` is what the
//! threads do. This thread writes, has the token, and decides how the run ends. The catalog is asked for once, and connections are kept for
//! all calls. A reader that goes away ends the run at once; so does Ctrl-C, as for every command.

mod line;
mod queue;
mod told;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::base::disk;
use crate::base::host::{self, Clock, Stopwatch, lock};
use crate::base::name::counted;
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::output::sanitize;
use crate::cli::report::{self, Failure};
use crate::cli::world::{Manner, World};
use crate::client::auth::{AuthError, Bearer, Caller, Credential};
use crate::client::tokens::Tokens;

use queue::Queue;
use work::{Done, Event, Shared, Slot};

/// The flags of `batch`.
pub const FLAGS: &[Flag] = &[
    option("parallel", Takes::Value("N"), "How many calls are under way at a time, 4 without it, 64 at most"),
    option("ordered", Takes::Nothing, "Print what came of the calls in the order of their lines"),
    option("fail-fast", Takes::Nothing, "Begin no other call after one that failed"),
];

/// Calls under way when nothing is said.
const USUAL: usize = 4;
/// Calls under way at most.
const MOST: usize = 64;
/// Lines for each call under way that are read ahead, or whose answers are held back for the sake of order.
const AHEAD: usize = 4;
/// Bytes of lines that wait and of answers that are held back, from which on no other line is read.
const MAX_HELD: usize = 64 << 20;
/// Answers are written together up to so many bytes.
const TOGETHER: usize = 256 << 10;
/// How long before its end a token is renewed.
const BEFORE_END: Duration = Duration::from_secs(30);
/// How often a token that ends soon is looked for at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// Carries out every line of a file or of standard input.
pub fn batch(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let parallel = parallel(options)?;
    if world.globals.query.is_some() {
        let error = UsageError::new("--query is for one answer, and a batch has many");
        return Err(error
            .hint("leave it out; what is printed is a JSON object a line, for a program to choose from")
            .into());
    }
    let given = |name: &str| options.value(name) == Some("true");
    // Before anything else could read it.
    let input = input(world, &options.words[0])?;
    let connection = world.connect_in(Manner { calls: parallel, ..Manner::default() })?;
    let session = connection.session();
    let index = session.index()?;
    let contract = session.contract()?;
    connection.tokens.silence();
    let (transport, trail, timeouts) = connection.shared();
    let clock = world.host.clock.clone();
    let shared = Arc::new(Shared {
        queue: Queue::new(parallel * AHEAD, MAX_HELD),
        transport,
        target: connection.target.clone(),
        trail,
        timeouts,
        index,
        contract,
        ask: session.ask,
        approval: world.globals.approval,
        fail_fast: given("fail-fast"),
        verbose: world.console.verbose.get(),
        clock: clock.clone(),
        slot: Mutex::default(),
        tools: Mutex::new(HashMap::new()),
    });
    let keeper = Keeper { tokens: &connection.tokens, shared: &shared, clock, worked: true };
    let events = start(&shared, input, parallel)?;
    let mut run = Run { world, keeper, ordered: given("ordered"), tally: Tally::default() };
    let watch = Stopwatch::start();
    run.follow(&events)?;
    run.tally.end(world, watch.elapsed())
}

fn parallel(options: &Options) -> Result<usize, UsageError> {
    let Some(text) = options.value("parallel") else { return Ok(USUAL) };
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(UsageError::new(format!("--parallel: {} is no number from 1 to {MOST}", text.escape_debug()))),
    }
}

fn input(world: &mut World<'_>, word: &str) -> Result<Box<dyn Read + Send>, Failure> {
    if word != "-" {
        let path = world.host.absolute(Path::new(word));
        let unreadable = |cause: String| UsageError::new(format!("{} cannot be read: {cause}", path.display()));
        if path.is_dir() {
            return Err(unreadable("it is a directory".to_owned()).into());
        }
        let file = disk::open(&path).map_err(|error| unreadable(error.to_string()))?;
        return Ok(Box::new(file));
    }
    if world.console.terminal.stdin {
        world.console.note("calls are read from standard input, one JSON object a line; end them with Ctrl-D");
    }
    Ok(std::mem::replace(&mut world.host.stdin, Box::new(std::io::empty())))
}

/// Starts the threads. None of them is waited for: the run is over when what came of the last line is printed, or when nobody reads it.
fn start(shared: &Arc<Shared>, input: Box<dyn Read + Send>, parallel: usize) -> Result<Receiver<Event>, Failure> {
    let (events, heard) = sync_channel(2 * parallel);
    let failed = |error: std::io::Error| Failure::other("internal", format!("no thread can be started: {error}"));
    for number in 0..parallel {
        let (shared, events) = (Arc::clone(shared), events.clone());
        host::spawn(&format!("batch-{number}"), move || work::work(&shared, &events)).map_err(failed)?;
    }
    let shared = Arc::clone(shared);
    host::spawn("batch-input", move || work::read(input, &shared.queue)).map_err(failed)?;
    Ok(heard)
}

/// One run as this thread sees it.
struct Run<'a, 'w> {
    world: &'a World<'w>,
    keeper: Keeper<'a>,
    ordered: bool,
    tally: Tally,
}

impl Run<'_, '_> {
    /// Hears what the threads tell until they have ended, or nobody reads what is printed.
    fn follow(&mut self, events: &Receiver<Event>) -> Result<(), Failure> {
        let mut order = Order { ordered: self.ordered, ..Order::default() };
        while let Ok(event) = events.recv() {
            let mut out = Vec::new();
            self.hear(event, &mut order, &mut out);
            while out.len() < TOGETHER
                && let Ok(event) = events.try_recv()
            {
                self.hear(event, &mut order, &mut out);
            }
            self.print(&out)?;
            if self.world.console.gone.get() {
                self.keeper.shared.queue.stop();
                return Ok(());
            }
        }
        // Only what stood behind a call that never ended is left.
        let rest: Vec<u8> = std::mem::take(&mut order.held).into_values().flatten().collect();
        self.print(&rest)
    }

    fn hear(&mut self, event: Event, order: &mut Order, out: &mut Vec<u8>) {
        // Whoever asked may be gone; then the run is over.
        match event {
            Event::Told(text) => self.world.console.tell(&text),
            Event::Credential(reply) => drop(reply.send(self.keeper.credential())),
            Event::Renew(refused, reply) => drop(reply.send(self.keeper.renewed(&refused))),
            Event::Done(done) => {
                self.keeper.worked |= done.exit != report::AUTH;
                self.tally.count(done.exit);
                order.take(done, &self.keeper.shared.queue, out);
            }
        }
    }

    fn print(&self, lines: &[u8]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        match self.world.console.terminal.stdout {
            true => self.world.console.answer(sanitize::json(&String::from_utf8_lossy(lines)).as_bytes()),
            false => self.world.console.answer(lines),
        }
    }
}

/// Lets lines out as they come, or in the order of the input.
#[derive(Default)]
struct Order {
    ordered: bool,
    /// Those that came before their turn.
    held: BTreeMap<u64, Vec<u8>>,
    /// The place of the last one that was let out.
    turn: u64,
}

impl Order {
    fn take(&mut self, done: Done, queue: &Queue, out: &mut Vec<u8>) {
        if !self.ordered {
            out.extend_from_slice(&done.line);
            return queue.let_out(0);
        }
        queue.hold(done.line.len());
        self.held.insert(done.place, done.line);
        while let Some(line) = self.held.remove(&(self.turn + 1)) {
            self.turn += 1;
            queue.let_out(line.len());
            out.extend_from_slice(&line);
        }
    }
}

/// How many calls went how.
#[derive(Default)]
struct Tally {
    all: usize,
    failed: usize,
    exits: BTreeSet<u8>,
}

impl Tally {
    fn count(&mut self, exit: u8) {
        self.all += 1;
        if exit != report::OK {
            self.failed += 1;
            self.exits.insert(exit);
        }
    }

    /// The code that all failures share, else 1.
    fn exit(&self) -> u8 {
        match self.exits.iter().collect::<Vec<_>>()[..] {
            [] => report::OK,
            [exit] => *exit,
            _ => report::OTHER,
        }
    }

    fn end(&self, world: &World<'_>, took: Duration) -> Result<(), Failure> {
        let calls = counted(self.all, "call");
        let well = self.all - self.failed;
        world.console.note(&format!("{calls}: {well} ok, {} failed, in {:.1} s", self.failed, took.as_secs_f64()));
        // Whoever read the lines has gone, and hears no more.
        if self.failed == 0 || world.console.gone.get() {
            return Ok(());
        }
        let message = format!("{} of {calls} failed", self.failed);
        Err(Failure::new(self.exit(), "batch_failed", message).hint("the lines with \"ok\":false say which and why"))
    }
}

/// Has the token, for all threads.
struct Keeper<'a> {
    tokens: &'a Tokens<'a>,
    shared: &'a Shared,
    clock: Clock,
    /// Whether a call was let in since the token was renewed last: one that never was is not renewed over and over.
    worked: bool,
}

impl Keeper<'_> {
    fn credential(&self) -> Result<Credential, AuthError> {
        // Several may have asked at once, and the first of them was answered.
        if let Some(known) = self.good() {
            return Ok(known);
        }
        self.tokens.look_again();
        let credential = self.tokens.credential()?;
        self.publish(&credential)?;
        Ok(credential)
    }

    fn renewed(&mut self, refused: &Bearer) -> Result<Option<Credential>, AuthError> {
        let now = self.tokens.credential()?;
        if let Credential::Token(bearer) = &now
            && bearer.token != refused.token
        {
            return Ok(Some(now));
        }
        if std::mem::take(&mut self.worked) {
            self.tokens.renew_again();
        }
        let other = self.tokens.renewed(refused)?;
        if let Some(credential) = &other {
            self.publish(credential)?;
        }
        Ok(other)
    }

    fn good(&self) -> Option<Credential> {
        let slot = lock(&self.shared.slot);
        slot.credential.clone().filter(|_| slot.until.is_none_or(|until| self.clock.now() < until))
    }

    fn publish(&self, credential: &Credential) -> Result<(), AuthError> {
        let end = self.tokens.held()?.and_then(|held| held.expires_at);
        let until = end.map(|end| (end - BEFORE_END).max(self.clock.now() + PATIENCE));
        *lock(&self.shared.slot) = Slot { credential: Some(credential.clone()), until };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue::Job;

    #[test]
    fn lines_come_in_the_order_of_the_input_when_that_is_asked_for() {
        let order_of = |ordered: bool| {
            let queue = Queue::new(10, 1 << 20);
            let mut order = Order { ordered, ..Order::default() };
            let mut seen = Vec::new();
            for number in 1..=4 {
                assert!(queue.push(Job { number, place: number, line: Ok(Vec::new()) }));
            }
            for number in [3, 1, 4, 2] {
                let mut out = Vec::new();
                order.take(Done { place: number, line: number.to_string().into_bytes(), exit: 0 }, &queue, &mut out);
                seen.push(String::from_utf8(out).unwrap());
            }
            seen.join("|")
        };
        assert_eq!(order_of(false), "3|1|4|2");
        assert_eq!(order_of(true), "|1||234");
    }

    #[test]
    fn h40_the_exit_code_is_the_one_that_all_failures_share() {
        for (exits, expected) in
            [(&[][..], 0), (&[0, 0], 0), (&[0, 8, 8], 8), (&[8, 9], 1), (&[6, 0, 6], 6), (&[2, 8], 1)]
        {
            let mut tally = Tally::default();
            exits.iter().for_each(|&exit| tally.count(exit));
            assert_eq!(tally.exit(), expected, "{exits:?}");
        }
    }
}
