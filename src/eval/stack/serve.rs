//! The demo API and the broker on sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::origin;
use crate::base::host::{self, Clock};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::eval::broker::{Broker, MAX_BODY, Settings};
use crate::eval::demo_api::DemoApi;
use crate::http::server::{self, Answer, Handler, Inbound, Running, ServerOptions};

/// How long answers under way may take when the program is told to stop.
pub(super) const GRACE: Duration = Duration::from_secs(1);

impl Handler for DemoApi {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        let reply = self.answer(&request);
        if !reply.wait.is_zero() {
            host::sleep(reply.wait);
        }
        reply.answer
    }
}

/// The broker behind a socket. Its issuer holds the port, so it comes after the socket is open.
struct Desk {
    broker: OnceLock<Arc<Broker>>,
    clock: Clock,
    orders: Sender<()>,
}

impl Handler for Desk {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        let Some(broker) = self.broker.get() else { return Answer::empty(503) };
        let reply = broker.answer(&request, self.clock.now());
        if reply.stop {
            // Whoever listened is stopping already.
            self.orders.send(()).ok();
        }
        reply.answer
    }
}

/// Serves the demo API.
pub(super) fn demo_api(addr: SocketAddr, api: Arc<DemoApi>) -> io::Result<Running> {
    server::start(ServerOptions::new(addr), api)
}

/// Serves a broker whose issuer is the address it got; a stop asked for over HTTP becomes an order.
pub(super) fn broker(
    addr: SocketAddr,
    clock: Clock,
    orders: Sender<()>,
    settings: impl FnOnce(Url) -> Settings,
) -> io::Result<(Running, Arc<Broker>)> {
    let desk = Arc::new(Desk { broker: OnceLock::new(), clock, orders });
    let options = ServerOptions { max_body: MAX_BODY, workers: 8, ..ServerOptions::new(addr) };
    let running = server::start(options, Arc::clone(&desk) as Arc<dyn Handler>)?;
    let entropy = || host::random().expect("the operating system has given randomness before");
    let broker = Broker::new(settings(origin(running.addr())), Box::new(entropy));
    let broker = Arc::new(broker.ok_or_else(|| io::Error::other("no key could be made"))?);
    desk.broker.get_or_init(|| Arc::clone(&broker));
    Ok((running, broker))
}

/// 256 random bits as text.
pub(super) fn random_secret() -> Result<Redacted<String>, String> {
    let bytes = host::random::<32>().map_err(|error| format!("no randomness can be had: {error}"))?;
    Ok(Redacted::new(URL_SAFE_NO_PAD.encode(bytes)))
}
