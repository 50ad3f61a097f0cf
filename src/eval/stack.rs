//! Runs the demo API on a loopback socket until the process is told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::demo_api::DemoApi;
use crate::base::disk;
use crate::base::host::{self, Host};
use crate::http::server::{self, Answer, Handler, Inbound, ServerOptions};
use crate::server::signals::{Signal, Signals};

/// How long answers under way may take when the program is told to stop.
const GRACE: Duration = Duration::from_secs(1);

impl Handler for DemoApi {
    fn handle(&self, request: Inbound) -> Answer {
        let reply = self.answer(&request);
        if !reply.wait.is_zero() {
            host::sleep(reply.wait);
        }
        reply.answer
    }
}

/// Serves on `addr`, says where, and returns after SIGTERM or SIGINT.
pub(super) fn demo_api(host: &mut Host, addr: SocketAddr, port_file: Option<&Path>) -> Result<(), String> {
    let mut signals = Signals::take().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let running = server::start(ServerOptions::new(addr), Arc::new(DemoApi::new()))
        .map_err(|error| format!("cannot listen on {addr}: {error}"))?;
    if let Some(path) = port_file {
        disk::write_private(&host.absolute(path), format!("{}\n", running.addr().port()).as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    super::print(host, &format!("demo API on http://{}\n", running.addr()))?;
    // There is nothing to reload.
    while signals.wait() != Signal::Stop {}
    running.stop(GRACE);
    Ok(())
}
