//! The listener of `--metrics-addr`: a page for monitors and two for orchestrators, to whoever asks.
//!
//! Key function: [`open`]. What it opens stands behind a front of its own, small but as hard as the toolbox's; a token is neither needed nor looked at.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::app::App;
use super::super::asked::Asked;
use super::super::guard::{self, Reach};
use super::super::{error, router};
use crate::contract::{ErrorCode, path};
use crate::http::server::{self, Answer, Bind, Handler, Inbound, Running, ServerOptions};

/// What is to be seen.
pub const PATHS: [&str; 3] = [path::METRICS, path::HEALTH, path::READY];

/// How many ask at once, and how many may be connected.
const WORKERS: usize = 2;
const CONNECTIONS: usize = 64;
/// Nobody needs a body.
const MAX_BODY: usize = 1024;
/// Memory for clients that are slow.
const MAX_HELD: usize = 2 << 20;
const MAX_QUEUED: usize = 16;
/// A page is made in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Opens it.
pub fn open(app: &Arc<App>, addr: SocketAddr) -> io::Result<Running> {
    let options = ServerOptions {
        bind: Bind::Any,
        workers: WORKERS,
        max_connections: CONNECTIONS,
        max_body: MAX_BODY,
        request_timeout: TIMEOUT,
        max_held: MAX_HELD,
        max_queued: MAX_QUEUED,
        error: error::framing_answer,
        scratch: Some(app.instance.dir.clone()),
        ..ServerOptions::new(addr)
    };
    server::start(options, Arc::new(Window { app: Arc::clone(app), addr }))
}

struct Window {
    app: Arc<App>,
    addr: SocketAddr,
}

impl Handler for Window {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        let asked = Asked::new(&request.headers, None, &self.app.ids);
        let outcome = match self.may_ask(&request) {
            true => router::answer_openly(&self.app, &request, &asked, &PATHS),
            false => {
                Err(error::Failure::new(ErrorCode::ForbiddenOrigin, "a page of another site has no business here"))
            }
        };
        let accept = request.headers.get("Accept");
        error::with_request_id(outcome.unwrap_or_else(|failure| failure.answer(accept, &asked.id, None)), &asked.id)
    }
}

impl Window {
    /// No page has an origin here. Off loopback any name may lead here, as monitors call machines by all kinds of them.
    fn may_ask(&self, request: &Inbound) -> bool {
        const NO_PAGES: u16 = 0;
        let reach = if self.addr.ip().is_loopback() { Reach::Loopback } else { Reach::Guarded };
        guard::allows(&request.headers, NO_PAGES, self.app.public_url().as_ref(), reach)
    }
}
