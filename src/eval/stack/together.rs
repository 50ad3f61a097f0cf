//! Broker, demo API and toolbox in this process, until a signal or the control secret stops them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use super::plan::{self, Plan, RUNTIME};
use super::serve::{self, GRACE};
use super::site::Site;
use super::{orders, ports};
use crate::base::disk::Lock;
use crate::base::host::{self, Clock, Env, Host, Terminal};
use crate::base::log::{Format, Log};
use crate::eval::demo_api::DemoApi;
use crate::eval::print;
use crate::instance::Choice;
use crate::server::Toolbox;
use crate::server::app::Order;
use crate::server::flags::Flags;

/// How often the lock is tried: somebody may only be looking whether it is held.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// Runs the stack of a directory and returns when it has ended.
pub(super) fn run(host: &mut Host, site: &Site, plan: &Plan) -> Result<(), String> {
    let mut lock = hold(site)?;
    let note = format!("pid {}\n", std::process::id());
    lock.write_note(&note).map_err(|error| format!("cannot write to the lock: {error}"))?;
    // Whoever served before may have ended without a word.
    site.set_serving(false)?;
    let (orders, inbox) = orders()?;
    for (addr, name) in
        [(plan.addrs.broker, "the broker"), (plan.addrs.demo, "the demo API"), (plan.addrs.toolbox, "the toolbox")]
    {
        ports::is_free(addr).map_err(|error| taken(name, addr, &error))?;
    }
    let demo = serve::demo_api(plan.addrs.demo, Arc::new(DemoApi::new()))
        .map_err(|error| taken("the demo API", plan.addrs.demo, &error))?;
    let now = host.clock.now();
    let settings = |issuer| plan.settings(issuer, now);
    let (desk, _) = serve::broker(plan.addrs.broker, host.clock.clone(), orders.clone(), settings)
        .map_err(|error| taken("the broker", plan.addrs.broker, &error))?;
    site.set_serving(true)?;
    let outcome = toolbox(host, site, plan).and_then(|toolbox| {
        print(host, &plan::introduction(&plan.addrs, &site.shown, None))?;
        keep(toolbox, orders, &inbox)
    });
    let closed = site.set_serving(false);
    desk.stop(GRACE);
    demo.stop(GRACE);
    drop(lock);
    outcome.and(closed)
}

fn hold(site: &Site) -> Result<Lock, String> {
    for _ in 0..TRIES {
        if let Some(lock) = site.lock()? {
            return Ok(lock);
        }
        host::sleep(PAUSE);
    }
    Err(format!("the stack in {} is running already", site.shown.display()))
}

/// The option and variable that choose another address are named like what listens there.
fn taken(name: &str, addr: SocketAddr, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::AddrInUse {
        return format!("{name} cannot listen on {addr}: {error}");
    }
    let word = name.trim_start_matches("the ").trim_end_matches(" API");
    format!(
        "{name} cannot listen on {addr}: another program does; choose another address with --{word}-addr or \
         OPEN_CLI_EVAL_{}_ADDR",
        word.to_ascii_uppercase()
    )
}

/// Waits for a stop, ordered here or of the toolbox itself (`open-cli runtime stop`), and ends the toolbox in good order.
fn keep(toolbox: Toolbox, orders: Sender<()>, inbox: &Receiver<()>) -> Result<(), String> {
    let to_toolbox = toolbox.app().orders.clone();
    let waiting = host::spawn("toolbox", move || {
        toolbox.wait();
        // When the order came from here, nobody listens any more.
        orders.send(()).ok();
    })
    .map_err(|error| format!("no thread can be started: {error}"))?;
    inbox.recv().ok();
    to_toolbox.send(Order::Stop).ok();
    waiting.join().map_err(|_| "the toolbox failed unexpectedly".to_owned())
}

/// Starts the toolbox in a world of its own: nothing of the person's configuration, state or environment.
fn toolbox(host: &Host, site: &Site, plan: &Plan) -> Result<Toolbox, String> {
    let env = [("HOME".to_owned(), site.file("home").to_string_lossy().into_owned())];
    let own = Host {
        args: Vec::new(),
        env: Env::new(env),
        cwd: site.path().to_owned(),
        stdin: Box::new(io::empty()),
        stdout: Box::new(io::sink()),
        stderr: Box::new(io::sink()),
        terminal: Terminal::default(),
        clock: host.clock.clone(),
        managed_dir: site.file("managed"),
    };
    let flags = Flags {
        addr: Some(plan.addrs.toolbox),
        config: Some(PathBuf::from(RUNTIME)),
        choice: Choice {
            instance_id: Some("evaluation".to_owned()),
            state_dir: Some(site.file("state")),
            ..Choice::default()
        },
        ..Flags::default()
    };
    let log = Log::new(Box::new(io::stderr()), Format::Text, Clock::system());
    Toolbox::start(&own, &flags, log)
        .map_err(|error| format!("the toolbox does not start: {}", error.messages.join("; ")))
}
