//! Audit records as they come: the body of `GET /v1/audit/events?follow=1`.
//!
//! Key type: [`Follow`], which waits inside of `read` until there is something to tell, so it holds a worker; the server bounds how many
//! do. It ends by itself after a while; whoever follows asks again with the last id.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use crate::audit::AuditLog;
use crate::audit::chain;
use crate::audit::read::{Filter, Next, find};
use crate::base::host::{self, Deadline};

/// How often something is sent when there is nothing to tell, so that both sides see whether the other one is there.
const BEAT: Duration = Duration::from_secs(10);
/// How often it is asked whether the reader may go on.
const ASKED: Duration = Duration::from_secs(2);
/// How many records are told at once.
const TOLD: usize = 1_000;
/// What comes within this time is read together.
const TOGETHER: Duration = Duration::from_millis(50);
/// A configuration that is in force no more is not served for longer than this.
const MOST: Duration = Duration::from_secs(15 * 60);

type Check = Box<dyn Fn() -> bool + Send>;

/// Whether a reader may go on.
pub struct Rights {
    /// Asked before anything is told.
    pub in_force: Check,
    /// Asked now and then: the answer may cost a question to the issuer.
    pub let_in: Check,
}

/// A stream of records.
pub struct Follow {
    audit: Arc<AuditLog>,
    filter: Filter,
    rights: Rights,
    until: Deadline,
    /// Whether the reader might go on when that was asked last, and when to ask again.
    may: bool,
    asked: Deadline,
    /// What is to be given next, and how much of it was given.
    text: Vec<u8>,
    given: usize,
}

impl Follow {
    /// From `filter.after` on, else from the newest records on, as many as `filter.limit` says.
    pub fn new(audit: Arc<AuditLog>, filter: Filter, rights: Rights) -> Self {
        let (until, asked) = (Deadline::after(MOST), Deadline::after(ASKED));
        Self { audit, filter, rights, until, may: true, asked, text: Vec::new(), given: 0 }
    }

    /// Makes the next piece of text; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        (self.text, self.given) = (Vec::new(), 0);
        let Some(after) = self.filter.after else {
            self.begin()?;
            return Ok(true);
        };
        while self.text.is_empty() {
            if self.until.passed() || !self.may_go_on() {
                return Ok(false);
            }
            match self.audit.wait_beyond(self.filter.after.unwrap_or(after), BEAT) {
                None => return Ok(false),
                Some(false) => self.text.extend_from_slice(b":\n\n"),
                Some(true) => {
                    host::sleep(TOGETHER);
                    // A wait may have outlasted the right to what it brought.
                    if !self.may_go_on() {
                        return Ok(false);
                    }
                    let found = find(self.audit.path(), &self.filter)?;
                    self.tell(&found.lines);
                    self.filter.after = Some(match found.next {
                        Some(Next::After(number)) => number,
                        _ => found.reached.max(self.filter.after.unwrap_or(0)),
                    });
                }
            }
        }
        Ok(true)
    }

    fn may_go_on(&mut self) -> bool {
        if self.asked.passed() {
            self.may = (self.rights.let_in)();
            self.asked = Deadline::after(ASKED);
        }
        self.may && (self.rights.in_force)()
    }

    /// The newest records; what comes is counted from before they were read.
    fn begin(&mut self) -> io::Result<()> {
        let last = self.audit.last();
        let found = find(self.audit.path(), &self.filter)?;
        self.tell(&found.lines);
        // Whoever waits for the first record sees at once that it is heard.
        self.text.extend_from_slice(b":\n\n");
        self.filter.after = Some(found.reached.max(last));
        self.filter.limit = TOLD;
        Ok(())
    }

    fn tell(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            let Some(number) = chain::number(line) else { continue };
            self.text.extend_from_slice(format!("id: {number}\ndata: ").as_bytes());
            self.text.extend_from_slice(line);
            self.text.extend_from_slice(b"\n\n");
        }
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() && !self.advance()? {
            return Ok(0);
        }
        let rest = &self.text[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}
