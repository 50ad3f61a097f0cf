//! The threads of a batch: one reads lines, some carry them out; what came of them goes to the thread that writes and has the token.
//!
//! Key types: [`Shared`], what all of them use; [`Event`], what they tell. A token is had from memory while it is good, else the main
//! thread is asked for it, so that many calls at once renew it once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::value::RawValue;

use super::line::Line;
use super::queue::{Job, Queue};
use super::told::{self, Told};
use crate::base::host::{Clock, Stopwatch, lock};
use crate::catalog::Tool;
use crate::cli::args::UsageError;
use crate::cli::commands::{call, upstream};
use crate::cli::report::{self, Failure};
use crate::cli::tree;
use crate::cli::world;
use crate::client::auth::{AuthError, Bearer, Caller, Credential};
use crate::client::cache::Contract;
use crate::client::index::Index;
use crate::client::runtime::{CatalogAsk, Exchange, Runtime, Timeouts, Trail};
use crate::client::target::Target;
use crate::contract::{CAPABILITY_CONTINUATIONS, CAPABILITY_REQUEST_FORMS, ExecuteResponse};
use crate::http::Transport;

/// The longest line that is read: the largest body that a call may have, in base64, and the rest of the line.
pub(super) const MAX_LINE: usize = 16 << 20;

/// Most tools that are remembered by what lines call them.
const MAX_TOOLS: usize = 4096;

/// What the threads share.
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) target: Target,
    pub(super) trail: Option<Arc<Trail>>,
    pub(super) timeouts: Timeouts,
    pub(super) index: Index,
    pub(super) contract: Contract,
    pub(super) ask: CatalogAsk,
    /// Whether a person approved all calls.
    pub(super) approval: bool,
    /// Whether no other call begins after one that failed.
    pub(super) fail_fast: bool,
    /// Whether exchanges are told.
    pub(super) verbose: bool,
    pub(super) clock: Clock,
    pub(super) slot: Mutex<Slot>,
    pub(super) tools: Mutex<HashMap<String, Arc<Tool>>>,
}

/// The credential as it was last seen.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) credential: Option<Credential>,
    /// When it is to be looked for anew.
    pub(super) until: Option<SystemTime>,
}

/// What the threads tell.
pub(super) enum Event {
    /// A line is done with.
    Done(Done),
    /// What `--verbose` tells.
    Told(String),
    /// A credential is needed.
    Credential(SyncSender<Result<Credential, AuthError>>),
    /// A token was refused.
    Renew(Bearer, SyncSender<Result<Option<Credential>, AuthError>>),
}

/// What came of a line.
pub(super) struct Done {
    /// Its line's place among those that are carried out.
    pub(super) place: u64,
    /// The line that is printed.
    pub(super) line: Vec<u8>,
    pub(super) exit: u8,
}

/// Reads lines until the input ends or nobody takes them; empty ones are passed over.
pub(super) fn read(input: impl Read, queue: &Queue) {
    let mut reader = BufReader::with_capacity(64 << 10, input);
    let (mut number, mut place) = (0, 1);
    loop {
        number += 1;
        let line = match next_line(&mut reader) {
            Ok(None) => break,
            Ok(Some(Ok(line))) if line.trim_ascii().is_empty() => continue,
            Ok(Some(line)) => line,
            Err(error) => {
                queue.push(Job { number, place, line: Err(format!("the input cannot be read: {error}")) });
                break;
            }
        };
        if !queue.push(Job { number, place, line }) {
            break;
        }
        place += 1;
    }
    queue.end();
}

/// The next line, without a byte order mark; one that is too long is passed over to its end.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    if reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() > MAX_LINE && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
        return Ok(Some(Err(format!("the line is longer than {} MiB", MAX_LINE >> 20))));
    }
    if line.starts_with(b"\xEF\xBB\xBF") {
        line.drain(..3);
    }
    Ok(Some(Ok(line)))
}

/// Carries lines out until there are none, or nobody hears of them.
pub(super) fn work(shared: &Shared, events: &SyncSender<Event>) {
    let caller = Asking { shared, events };
    // When nobody hears it, the run is over.
    let watch = |exchange: &Exchange<'_>| drop(events.send(Event::Told(world::told(exchange))));
    let runtime = Runtime {
        transport: shared.transport.as_ref(),
        target: &shared.target,
        caller: &caller,
        trail: shared.trail.as_deref(),
        timeouts: shared.timeouts,
        watch: if shared.verbose { Some(&watch) } else { None },
    };
    while let Some(job) = shared.queue.take() {
        let done = shared.done(&runtime, job);
        if shared.fail_fast && done.exit != report::OK {
            shared.queue.stop();
        }
        if events.send(Event::Done(done)).is_err() {
            return;
        }
    }
}

/// A call as far as it came.
#[derive(Default)]
struct Went {
    id: Option<Box<RawValue>>,
    tool: Option<Arc<Tool>>,
    response: Option<ExecuteResponse>,
    request_id: Option<String>,
    failure: Option<Failure>,
}

impl Shared {
    fn done(&self, runtime: &Runtime<'_>, job: Job) -> Done {
        let watch = Stopwatch::start();
        let (number, place) = (job.number, job.place);
        let mut went = Went::default();
        if let Err(failure) = self.carry(runtime, job, &mut went) {
            went.failure = Some(failure);
        }
        let told = Told {
            number,
            id: went.id.as_deref(),
            tool: went.tool.as_deref(),
            response: went.response.as_ref(),
            failure: went.failure.as_ref(),
            request_id: went.request_id.as_deref(),
            took: watch.elapsed(),
        };
        Done { place, line: told.line(), exit: went.failure.map_or(report::OK, |failure| failure.exit) }
    }

    fn carry(&self, runtime: &Runtime<'_>, job: Job, went: &mut Went) -> Result<(), Failure> {
        let text = job.line.map_err(UsageError::new)?;
        let mut line = Line::read(&text).map_err(|(id, error)| {
            went.id = id;
            error
        })?;
        drop(text);
        went.id = line.id.take();
        let tool = self.tool(&line.tool)?;
        went.tool = Some(Arc::clone(&tool));
        let mut request = line.request(&tool)?;
        drop(line);
        if let Some(flag) = call::form(&request).filter(|_| !self.contract.has(CAPABILITY_REQUEST_FORMS)) {
            return Err(call::unknown_form(flag));
        }
        if call::lacks_key(&tool, &request) && !self.contract.has(CAPABILITY_CONTINUATIONS) {
            call::make_key(&tool, &mut request);
        }
        request.config_path.clone_from(&self.ask.config);
        request.mode = request.mode.or_else(|| self.ask.mode.clone());
        request.agent_profile = request.agent_profile.or_else(|| self.ask.agent_profile.clone());
        request.approval |= self.approval;
        let (response, request_id) =
            runtime.execute(&request).map_err(|error| upstream::hinted(error, tool.service_id.as_str()))?;
        went.request_id = request_id;
        went.failure = told::failure(&tool, &response);
        went.response = Some(response);
        Ok(())
    }

    /// A tool by its id, or by the words of its command.
    fn tool(&self, named: &str) -> Result<Arc<Tool>, Failure> {
        if let Some(tool) = lock(&self.tools).get(named) {
            return Ok(Arc::clone(tool));
        }
        let words: Vec<&str> = named.split_whitespace().collect();
        let row = tree::tool(&self.index, &words)?;
        let tool = Arc::new(call::read_tool(&self.index, &row)?);
        let mut tools = lock(&self.tools);
        // Nobody has so many; whoever spells them anew all the time does not fill the memory.
        if tools.len() >= MAX_TOOLS {
            tools.clear();
        }
        tools.insert(named.to_owned(), Arc::clone(&tool));
        Ok(tool)
    }
}

/// Asks the main thread for credentials.
struct Asking<'a> {
    shared: &'a Shared,
    events: &'a SyncSender<Event>,
}

impl Asking<'_> {
    /// The answer to an event; without one the run is over, and what is said of it is not printed.
    fn ask<T>(&self, event: impl FnOnce(SyncSender<Result<T, AuthError>>) -> Event) -> Result<T, AuthError> {
        let (reply, answer) = sync_channel(1);
        let over = || AuthError::Missing("the run is over".to_owned());
        self.events.send(event(reply)).map_err(|_| over())?;
        answer.recv().map_err(|_| over())?
    }
}

impl Caller for Asking<'_> {
    fn credential(&self) -> Result<Credential, AuthError> {
        {
            let slot = lock(&self.shared.slot);
            let is_good = slot.until.is_none_or(|until| self.shared.clock.now() < until);
            if let (Some(credential), true) = (&slot.credential, is_good) {
                return Ok(credential.clone());
            }
        }
        self.ask(Event::Credential)
    }

    fn renewed(&self, refused: &Bearer) -> Result<Option<Credential>, AuthError> {
        self.ask(|reply| Event::Renew(refused.clone(), reply))
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let queue = Queue::new(100, 1 << 30);
        read(input, &queue);
        let mut found = Vec::new();
        while let Some(job) = queue.take() {
            found.push((job.number, job.line.map(|line| String::from_utf8(line).unwrap())));
        }
        found
    }

    #[test]
    fn lines_are_numbered_as_they_stand_and_empty_ones_are_passed_over() {
        let found = lines(b"\xEF\xBB\xBF{}\r\n\n  \t\n[1]\nlast");
        let expected = [(1, "{}\r\n"), (4, "[1]\n"), (5, "last")];
        assert_eq!(found, expected.map(|(number, line)| (number, Ok(line.to_owned()))));
        assert!(lines(b"").is_empty() && lines(b"\n").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_one_error_and_the_next_one_is_read() {
        let mut input = vec![b'x'; 2 * MAX_LINE + 7];
        input.extend_from_slice(b"\nnext\n");
        let found = lines(&input);
        assert!(found[0].1.as_ref().unwrap_err().contains("longer than 16 MiB"), "{found:?}");
        assert_eq!(found[1..], [(2, Ok("next\n".to_owned()))]);
        input.truncate(MAX_LINE + 1);
        assert_eq!(lines(&input).len(), 1);
    }
}
