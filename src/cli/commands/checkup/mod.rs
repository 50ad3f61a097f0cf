//! `doctor`: everything between this command line and the tools, step by step, each with a verdict and a remedy.
//!
//! It goes on after a failure where that makes sense, and begins nothing once `--timeout` is over. `local`, `network`, `token` and `tools`
//! judge; this file asks. How the runtime's sources fare in detail is `catalog doctor`'s, which has a file of its own beside this folder.

pub mod local;
pub mod network;
pub mod report;
pub mod token;
pub mod tools;

use std::time::Duration;

use crate::base::host::Deadline;
use crate::base::url::{Origin, Url};
use crate::cli::args::Options;
use crate::cli::commands::checkup::network::Handshake;
use crate::cli::commands::checkup::report::{Check, Report};
use crate::cli::report::{Failure, UNREACHABLE};
use crate::cli::world::{Connection, Manner, World};
use crate::client::target::TargetError;
use crate::config::Config;
use crate::config::load::{self, Consumer, Loaded};
use crate::config::scope;
use crate::contract::path;
use crate::http::{Limits, Probe, Reach, Request, Response, TlsTrouble, TransportError};

/// How long all of it may take unless it is said.
const WHOLE: Duration = Duration::from_secs(30);

/// How long one step may take at most.
const EACH: Duration = Duration::from_secs(8);

/// The largest answer to the question for the handshake that is read.
const MAX_INFO: usize = 1 << 20;

/// Makes the checks, shows them, and ends as the first failure would have.
pub fn checkup(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let budget = Budget::of(world.globals.timeout);
    let mut report = Report::default();
    let surroundings = world.surroundings();
    let loaded = load::load(&surroundings, Consumer::Cli);
    let places = scope::candidates(&surroundings);
    let looked: Vec<String> = places.iter().map(|place| place.file.path.display().to_string()).collect();
    report.add(local::config(&loaded, &looked));
    report.add(local::environment(&world.host.env));
    // A flag or a variable may name the runtime all the same.
    let config_is_usable = loaded.is_ok();
    match world.connect_as(loaded.unwrap_or_else(|_| nothing()), Manner::ALONE) {
        Ok(mut connection) => {
            report.add(local::runtime(&connection.target));
            remote(&mut connection, &budget, config_is_usable, &mut report);
        }
        Err(failure) if !config_is_usable && failure == nowhere() => {
            report.add(Check::skipped("runtime", "only the configuration could name it"));
            report.skip_the_rest("no runtime is known");
        }
        Err(failure) => {
            report.add(Check::failure("runtime", &failure));
            report.skip_the_rest("no runtime is known");
        }
    }
    show(world, &report)?;
    report.outcome()
}

fn nowhere() -> Failure {
    Failure::from(TargetError::Nowhere)
}

/// What stands for a configuration that cannot be used.
fn nothing() -> Loaded {
    Loaded {
        config: Config::default(),
        warnings: Vec::new(),
        path: None,
        raw: serde_json::Value::Null,
        origins: std::collections::BTreeMap::new(),
    }
}

fn show(world: &World<'_>, report: &Report) -> Result<(), Failure> {
    if world.in_words() {
        world.print(&report.rows(), &["check", "verdict", "found"])?;
        return world.console.text(&report.in_words());
    }
    world.print(&report.document(), &[])
}

/// The time that is left.
struct Budget {
    each: Duration,
    deadline: Deadline,
}

impl Budget {
    fn of(timeout: Option<Duration>) -> Self {
        let whole = timeout.unwrap_or(WHOLE);
        // Three steps of a connection that all take their time leave some for what comes behind them.
        Self { each: EACH.min(whole / 4), deadline: Deadline::after(whole) }
    }

    fn step(&self) -> Duration {
        self.each.min(self.deadline.left())
    }
}

/// The checks that ask.
fn remote(connection: &mut Connection<'_>, budget: &Budget, config_is_usable: bool, report: &mut Report) {
    let now = connection.session().now;
    let origin = connection.target.origin.clone();
    let probe = probe(connection, &origin, budget);
    let plain = is_plain(connection, &probe, budget);
    for check in network::steps(&origin, &probe, plain, now) {
        report.add(check);
    }
    if ["dns", "tcp", "tls"].iter().any(|name| report.has_failed(name)) {
        return report.skip_the_rest("the runtime cannot be reached");
    }
    let (handshake, date) = network::handshake(ask(connection, &connection.target.endpoint(path::INFO, &[]), budget));
    let info = match handshake {
        Handshake::Info(info) => info,
        other => {
            let tls = origin.scheme == "http" && speaks_tls(connection, &origin, budget);
            report.add(network::no_toolbox(&other, tls).expect("what is no handshake has a check"));
            return report.skip_the_rest("no toolbox answers");
        }
    };
    if let Err(error) = connection.session().checked(&info) {
        report.add(Check::failure("contract", &Failure::from(error)));
        report.add(network::clock(date, now));
        return report.skip_the_rest("the runtime speaks another contract");
    }
    report.add(network::contract(&info));
    report.add(network::clock(date, now));
    if !config_is_usable && info.auth.required {
        return report.skip_the_rest("the configuration, which says where a token comes from, cannot be used");
    }
    connection.bound(budget.step());
    let (check, scopes) = token::check(connection, &connection.session().runtime, &info.auth, now);
    report.add(check);
    if report.has_failed("token") {
        return report.skip_the_rest("there is no token that the runtime accepts");
    }
    if budget.deadline.passed() {
        report.add(Check::failed("catalog", UNREACHABLE, "no_time", "no time is left for it"));
        return report.skip_the_rest("no time is left for it");
    }
    connection.bound(budget.step());
    report.add(tools::catalog(&connection.session(), scopes.as_ref().filter(|_| info.auth.required)));
    connection.bound(budget.step());
    report.add(tools::sources(connection));
}

fn probe(connection: &Connection<'_>, origin: &Origin, budget: &Budget) -> Probe {
    connection.session().runtime.transport.probe(origin, budget.step())
}

/// Asks without a token.
fn ask(connection: &Connection<'_>, url: &Url, budget: &Budget) -> Result<Response, TransportError> {
    let mut request = Request::get(url.clone());
    request.headers = std::mem::take(&mut request.headers).with("Accept", "application/json, application/problem+json");
    let limits = Limits { deadline: Deadline::after(budget.step()), max_body: MAX_INFO, reach: Reach::Named };
    connection.session().runtime.transport.send(&request, limits)
}

/// Whether http is spoken where a handshake of TLS came to nothing.
fn is_plain(connection: &Connection<'_>, probe: &Probe, budget: &Budget) -> bool {
    let Some(Err((TlsTrouble::NotTls | TlsTrouble::Silent, _))) = &probe.secured else { return false };
    let address = connection.target.endpoint(path::INFO, &[]);
    let plain = address.as_str().strip_prefix("https:").and_then(|rest| {
        // Without its port the address would lead to another one.
        let Origin { port, .. } = &connection.target.origin;
        let url = Url::parse(&format!("http:{rest}")).ok()?;
        (url.origin()?.port == *port).then_some(url)
    });
    plain.is_some_and(|url| ask(connection, &url, budget).is_ok())
}

/// Whether TLS is spoken where http was expected.
fn speaks_tls(connection: &Connection<'_>, origin: &Origin, budget: &Budget) -> bool {
    let https = Origin { scheme: "https".to_owned(), ..origin.clone() };
    let silent = |trouble: &TlsTrouble| matches!(trouble, TlsTrouble::NotTls | TlsTrouble::Silent);
    match probe(connection, &https, budget).secured {
        Some(Ok(_)) => true,
        Some(Err((trouble, _))) => !silent(&trouble),
        None => false,
    }
}
