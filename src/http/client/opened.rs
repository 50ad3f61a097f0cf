//! Answers that are read as they come: a connection of their own, bounds on silence and on the whole, and a way to end them from outside.
//!
//! A stream's connection is never one of the pool and never becomes one: it is shut down through an agent that has no other.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Agent;

use super::coding::Decoded;
use super::failure::Failure;
use super::{HttpClient, head, received, sends_body, take_coding};
use crate::http::{Limits, Opened, Request, StreamLimits, TransportErrorKind};

impl HttpClient {
    pub(super) fn begin(&self, request: &Request, limits: StreamLimits) -> Result<Opened, Failure> {
        let StreamLimits { head: deadline, reach, .. } = limits;
        self.judge(request, Limits { deadline, max_body: 0, reach })?;
        let agent = self.parts.agent(reach, Some(limits));
        let answer = match sends_body(request) {
            true => agent.run(head(request)?.map(|()| request.body.as_slice())),
            false => agent.run(head(request)?),
        };
        let (parts, body) = answer.map_err(Failure::from)?.into_parts();
        if deadline.passed() {
            let cause = "the deadline passed".to_owned();
            return Err(Failure { kind: TransportErrorKind::Timeout, may_have_been_sent: true, cause });
        }
        let status = parts.status.as_u16();
        let mut headers = received(&parts.headers);
        let body = body.into_with_config().limit(u64::MAX).reader();
        let body: Box<dyn Read + Send> = match take_coding(request.method, status, &mut headers) {
            None => Box::new(body),
            // How much comes out is bounded by whoever reads, and for how long it comes by the limits.
            Some(coding) => Box::new(Decoded::new(coding, body, u64::MAX)),
        };
        let halted = Arc::new(AtomicBool::new(false));
        let body = Box::new(Coming { body, host: request.url.host().to_owned(), halted: Arc::clone(&halted) });
        let halt = Arc::new(move || {
            halted.store(true, Ordering::SeqCst);
            Agent::shutdown(agent.clone());
        });
        Ok(Opened { status, headers, body, halt })
    }
}

/// A body on its way. What was halted may look like an end, and is none.
struct Coming {
    body: Box<dyn Read + Send>,
    host: String,
    halted: Arc<AtomicBool>,
}

impl Read for Coming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer);
        if self.halted.load(Ordering::SeqCst) {
            let cause = "the exchange was ended here".to_owned();
            let failure = Failure { kind: TransportErrorKind::Protocol, may_have_been_sent: true, cause };
            return Err(io::Error::other(failure.about(&self.host)));
        }
        match read {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(io::Error::other(Failure::from(error).about(&self.host)))
            }
            read => read,
        }
    }
}
