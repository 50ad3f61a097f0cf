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
use crate::base::host::Deadline;

/// How often something is sent when there is nothing to tell, so that both sides see whether the other one is there.
const BEAT: Duration = Duration::from_secs(10);
/// A comment, which readers of events pass over.
const BEAT_TEXT: &[u8] = b":\n\n";
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
    /// Whether there is more to tell without waiting for it.
    behind: bool,
    /// What is to be given next, and how much of it was given.
    text: Vec<u8>,
    given: usize,
}

impl Follow {
    /// From `filter.after` on, else from the newest records on, as many as `filter.limit` says.
    pub fn new(audit: Arc<AuditLog>, filter: Filter, rights: Rights) -> Self {
        let (until, asked) = (Deadline::after(MOST), Deadline::after(ASKED));
        Self { audit, filter, rights, until, may: true, asked, behind: true, text: Vec::new(), given: 0 }
    }

    /// Makes the next piece of text; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        (self.text, self.given) = (Vec::new(), 0);
        let Some(mut after) = self.filter.after else {
            self.tell_page()?;
            // Whoever waits for the first record sees at once that it is heard.
            self.text.extend_from_slice(BEAT_TEXT);
            return Ok(true);
        };
        self.filter.limit = TOLD;
        while self.text.is_empty() {
            if !self.behind {
                match self.audit.wait_beyond(after, BEAT) {
                    None => return Ok(false),
                    Some(false) => self.text.extend_from_slice(BEAT_TEXT),
                    Some(true) => self.audit.gather(TOGETHER),
                }
            }
            // After a wait, which may have outlasted the right to what it brought.
            if self.until.passed() || !self.may_go_on() {
                return Ok(false);
            }
            if self.text.is_empty() {
                after = self.tell_page()?;
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

    /// Tells what there is, and gives the number up to which that is. What comes meanwhile is counted from before, and a line that cannot be
    /// read is not waited for again.
    fn tell_page(&mut self) -> io::Result<u64> {
        let last = self.audit.last();
        let found = find(self.audit.path(), &self.filter)?;
        self.tell(&found.lines);
        let (after, behind) = match found.next {
            Some(Next::After(number)) => (number, true),
            _ => (found.reached.max(last).max(self.filter.after.unwrap_or(0)), false),
        };
        (self.filter.after, self.behind) = (Some(after), behind);
        Ok(after)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Event, EventType, Rotation};
    use crate::base::disk;
    use crate::base::host::{self, Clock};

    fn follow(audit: &Arc<AuditLog>, after: u64) -> Follow {
        let rights = Rights { in_force: Box::new(|| true), let_in: Box::new(|| true) };
        Follow::new(Arc::clone(audit), Filter { after: Some(after), limit: 1, ..Filter::default() }, rights)
    }

    /// Three records, of which the last one was made unreadable by somebody.
    #[test]
    fn a_line_that_cannot_be_read_is_not_waited_for_again() {
        let dir = std::env::temp_dir().join(format!("open-cli-follow-{}", host::random_id().unwrap()));
        disk::create_private_dir(&dir).unwrap();
        let path = dir.join("audit.log");
        let audit = Arc::new(AuditLog::open(&path, Rotation::default(), Clock::system()).unwrap().0);
        (0..3).for_each(|_| audit.record(&Event::new(EventType::RuntimeStart)).unwrap());
        let text = String::from_utf8(disk::read(&path, 1 << 16).unwrap()).unwrap();
        let at = text.rfind(",\"seq\":3,").unwrap();
        disk::write_private(&path, format!("{}{}", &text[..at], text[at..].replacen("seq", "sea", 1)).as_bytes())
            .unwrap();

        let mut all = follow(&audit, 0);
        assert!(all.advance().unwrap(), "as many at once as there are, whatever the stream was to begin with");
        assert_eq!((all.filter.after, all.behind), (Some(3), false));
        let told = String::from_utf8(all.text.clone()).unwrap();
        assert!(told.contains("id: 1\n") && told.contains("id: 2\n") && !told.contains("id: 3\n"), "{told}");
        let mut later = follow(&audit, 9);
        assert_eq!(later.tell_page().unwrap(), 9, "who asks for what is to come gets nothing older");
        audit.end_following();
        assert!(!all.advance().unwrap() && !later.advance().unwrap());
    }
}
