//! Runs the evaluation programs on loopback sockets until the process is told to stop.
//!
//! `serve` puts demo API and broker on sockets, and this file runs either of them alone. `commands` handles all three together:
//! `plan` says what they are (pure), `site` is their directory, `together` runs them, `ask` asks them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use super::broker::{AGENT, Client, Settings, TOOLBOX, User};
use super::demo_api::DemoApi;
use super::flags::BrokerWish;
use crate::base::disk;
use crate::base::host::{self, Host};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::http::server::Running;
use crate::server::signals::{Signal, Signals};

mod ask;
mod commands;
mod plan;
mod ports;
mod serve;
mod site;
mod together;

pub(super) use commands::{down, rotate, setup, status, up};

use serve::GRACE;

/// What `aud` of the evaluation's tokens is.
const AUDIENCE: &str = "open-cli-toolbox";
/// The most the agent may ask for.
const AGENT_SCOPES: &str = "bundle:demo profile:reader runtime:admin";
/// What it gets when it asks for nothing.
const AGENT_DEFAULT: &str = "bundle:demo";
/// The most anybody may be asked to consent to.
const BROWSER_SCOPES: &str = "openid bundle:demo profile:reader runtime:admin";

/// Files with a secret are one line.
const MAX_SECRET: usize = 4096;

/// Serves the demo API on `addr`, says where, and returns after SIGTERM or SIGINT.
pub(super) fn demo_api(host: &mut Host, addr: SocketAddr, port_file: Option<&Path>) -> Result<(), String> {
    let (_orders, inbox) = orders()?;
    let running = serve::demo_api(addr, Arc::new(DemoApi::new())).map_err(|error| cannot_listen(addr, &error))?;
    announce(host, port_file, &running, &format!("demo API on http://{}\n", running.addr()))?;
    inbox.recv().ok();
    running.stop(GRACE);
    Ok(())
}

/// Serves the broker alone, says where and with which secrets, and returns after SIGTERM, SIGINT or `/control/stop`.
pub(super) fn broker(host: &mut Host, wish: &BrokerWish) -> Result<(), String> {
    let (orders, inbox) = orders()?;
    let mut made = String::new();
    let mut secret = |name: &str, file: Option<&Path>| secret(host, name, file, &mut made);
    let agent = secret(&format!("{AGENT} secret"), wish.client_secret.as_deref())?;
    let toolbox = secret(&format!("{TOOLBOX} secret"), wish.toolbox_secret.as_deref())?;
    let control_secret = secret("control secret", wish.control_secret.as_deref())?;
    let scopes = wish.agent_scopes.as_deref();
    let clients = vec![
        Client::agent(agent.expose(), scopes.unwrap_or(AGENT_SCOPES), scopes.unwrap_or(AGENT_DEFAULT)),
        Client::browser(BROWSER_SCOPES),
        Client::toolbox(toolbox.expose()),
    ];
    let audiences = if wish.audiences.is_empty() { vec![AUDIENCE.to_owned()] } else { wish.audiences.clone() };
    let started = host.clock.now();
    let settings = |issuer| Settings {
        issuer,
        algorithm: wish.algorithm,
        token_lifetime: wish.token_lifetime,
        audiences,
        resources: Vec::new(),
        clients,
        users: User::of_evaluation(),
        control_secret,
        started,
    };
    let (running, broker) = serve::broker(wish.addr, host.clock.clone(), orders, settings)
        .map_err(|error| cannot_listen(wish.addr, &error))?;
    let (addr, code) = (running.addr(), broker.login_code());
    let text = format!("evaluation broker on http://{addr}, not for production\nlogin code: {code}\n{made}");
    announce(host, wish.port_file.as_deref(), &running, &text)?;
    inbox.recv().ok();
    running.stop(GRACE);
    Ok(())
}

/// A channel that the first SIGTERM or SIGINT sends to, and that others may send to as well.
fn orders() -> Result<(Sender<()>, Receiver<()>), String> {
    let mut signals = Signals::take().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let (orders, inbox) = mpsc::channel();
    let from_signals = orders.clone();
    host::spawn("signals", move || {
        // There is nothing to reload.
        while signals.wait() != Signal::Stop {}
        from_signals.send(()).ok();
    })
    .map_err(|error| format!("no thread can be started: {error}"))?;
    Ok((orders, inbox))
}

fn cannot_listen(addr: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("cannot listen on {addr}: another program does; choose another address with --addr")
        }
        _ => format!("cannot listen on {addr}: {error}"),
    }
}

fn announce(host: &mut Host, port_file: Option<&Path>, running: &Running, text: &str) -> Result<(), String> {
    if let Some(path) = port_file {
        disk::write_private(&host.absolute(path), format!("{}\n", running.addr().port()).as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    super::print(host, text)
}

/// The secret in a file, or a random one that is noted in `made`.
fn secret(host: &Host, name: &str, file: Option<&Path>, made: &mut String) -> Result<Redacted<String>, String> {
    let Some(path) = file else {
        let random = serve::random_secret()?;
        made.push_str(&format!("{name}: {}\n", random.expose()));
        return Ok(random);
    };
    let cannot = |why: &dyn std::fmt::Display| format!("cannot take the {name} from {}: {why}", path.display());
    let bytes = disk::read(&host.absolute(path), MAX_SECRET).map_err(|error| cannot(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| cannot(&"it is not UTF-8"))?;
    match text.trim() {
        "" => Err(cannot(&"it is empty")),
        secret => Ok(Redacted::new(secret.to_owned())),
    }
}

/// The origin of a loopback address.
fn origin(addr: SocketAddr) -> Url {
    Url::parse(&format!("http://{addr}")).expect("an address makes an origin")
}
