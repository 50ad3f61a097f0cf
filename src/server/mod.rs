//! The toolbox: serves one configuration's tools over HTTP (contract 4, 5, 10).
//!
//! [`main`] reads the process, [`run`] the flags; [`Toolbox`] is a runtime at work. A request goes through `app` (origin, request
//! id), `router` (the table), and one of `routes`; what it works on is an immutable `snapshot`, which `state` replaces whole.
//! `lease` and `sessions` know who is attached; what is counted and shown is in `metrics` and `access_log`; `describe` is what the API
//! says of itself. Workflows are not here yet.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::access::idle;
use crate::access::validator::Tools;
use crate::audit::{self, AuditLog, Event, EventType, Upkeep};
use crate::base::count::Counter;
use crate::base::disk;
use crate::base::host::{self, Clock, Deadline, Host};
use crate::base::log::Log;
use crate::base::name::counted;
use crate::base::pace::Pace;
use crate::base::seal::{KeyError, StateKey};
use crate::base::serial::Serial;
use crate::base::time::rfc3339;
use crate::config::load::Surroundings;
use crate::contract;
use crate::execute::continuation::Continuations;
use crate::http::Transport;
use crate::http::client::{ClientOptions, HttpClient, ProxyChoice};
use crate::http::counts::Counts;
use crate::http::server::{self as http_server, Bind, Running, ServerOptions};
use crate::instance::{Held, Instance, RuntimeRecord};

pub mod access_log;
pub mod app;
pub mod asked;
pub mod describe;
pub mod error;
pub mod flags;
pub mod follow;
pub mod guard;
pub mod lease;
pub mod metrics;
mod news;
pub mod pressure;
pub mod router;
pub mod routes;
pub mod sessions;
pub mod signals;
pub mod snapshot;
pub mod state;
pub mod tokens;
mod watch;

use app::{App, Order};
use flags::{DEFAULT_ADDR, Flags, Wish};
use metrics::{Metrics, window};
use pressure::Pressure;
use sessions::Sessions;
use signals::{Signal, Signals};
use snapshot::Served;
use state::{Due, State, Workshop};

/// How long answers under way may take when the runtime stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long a stop waits for a build under way.
const MOMENT: Duration = Duration::from_secs(1);
/// How often files and ages are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often frequent events, which are only counted meanwhile, become audit records.
const COUNTED: Duration = Duration::from_secs(10);

/// At most one line about audit files that cannot be tended in this time.
const TELL_TROUBLE: Duration = Duration::from_secs(60);

/// At most one line about clients that are turned away in this time.
const TELL_PRESSURE: Duration = Duration::from_secs(10);

/// Columns of what does not say how wide it is.
const COLUMNS: usize = 80;

const USAGE: u8 = 2;
const CONFIG: u8 = 3;

/// Why the toolbox does not start, and with which exit code it ends.
#[derive(Debug)]
pub struct StartError {
    /// 1, 2 or 3 (contract 9).
    pub exit: u8,
    /// A line each.
    pub messages: Vec<String>,
}

impl StartError {
    fn other(message: impl Into<String>) -> Self {
        Self { exit: 1, messages: vec![message.into()] }
    }
}

/// Runs the toolbox on this process.
pub fn main() -> ExitCode {
    run(Host::from_process())
}

/// Does what the arguments say; serves until SIGTERM, SIGINT or `POST /v1/runtime/stop`.
pub fn run(mut host: Host) -> ExitCode {
    let flags = match flags::parse(&host.args) {
        Ok(Wish::Help) => {
            let columns = host.terminal.columns.filter(|_| host.terminal.stdout).unwrap_or(COLUMNS);
            return print(&mut host, &flags::page().plain(columns));
        }
        Ok(Wish::Version) => return print(&mut host, &format!("open-cli-toolbox {}\n", crate::VERSION)),
        Ok(Wish::Serve(flags)) => *flags,
        Err(message) => {
            let messages = vec![format!("{message}; see open-cli-toolbox --help")];
            return complain(&mut host, &StartError { exit: USAGE, messages });
        }
    };
    let outcome = if flags.check { check(&mut host, &flags) } else { serve(&mut host, &flags) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&mut host, &error),
    }
}

fn print(host: &mut Host, text: &str) -> ExitCode {
    // A reader that went away has seen what it wanted.
    host.stdout.write_all(text.as_bytes()).and_then(|()| host.stdout.flush()).ok();
    ExitCode::SUCCESS
}

fn complain(host: &mut Host, error: &StartError) -> ExitCode {
    for message in &error.messages {
        // When standard error is gone there is nowhere left to say so.
        writeln!(host.stderr, "open-cli-toolbox: {message}").ok();
    }
    ExitCode::from(error.exit)
}

/// Standard error is shared from here on: the log writes to it, and the last words of a start that failed.
fn log(host: &mut Host, flags: &Flags) -> Log {
    let stderr = Shared(Arc::new(Mutex::new(std::mem::replace(&mut host.stderr, Box::new(std::io::sink())))));
    host.stderr = Box::new(stderr.clone());
    Log::new(Box::new(stderr), flags.log_format, host.clock.clone())
}

/// One writer in several hands.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// `--check`: loads everything, says what is wrong, holds and serves nothing.
fn check(host: &mut Host, flags: &Flags) -> Result<(), StartError> {
    let config = |messages| StartError { exit: CONFIG, messages };
    let surroundings = Surroundings::from_host(host, flags.config.as_deref());
    // Warnings go to the log, errors to whoever called.
    let log = log(host, flags);
    let tools = tools(host, flags, &log)?;
    let served = state::load_served(&surroundings, &tools, None).map_err(config)?;
    let instance = resolve(host, flags, served.path.as_deref())?;
    let documents = instance.cache_dir.join("http");
    let workshop = workshop(surroundings, documents, tools);
    let unasked = served.validator.as_ref().and_then(|validator| validator.probe().err());
    let (snapshot, mut errors) = State::new(workshop, served).check();
    errors.extend(unasked.map(|cause| format!("runtime.server.auth: {cause}")));
    if !errors.is_empty() {
        return Err(config(errors));
    }
    let catalog = snapshot.shelf.catalog.catalog();
    for problem in idle::idle(&snapshot.served.config, catalog) {
        log.warn("configuration", &[("problem", &problem)]);
    }
    let (tools, sources) = (catalog.tools.len(), catalog.sources.len());
    print(host, &format!("ok: {} from {}\n", counted(tools, "tool"), counted(sources, "source")));
    Ok(())
}

fn resolve(host: &Host, flags: &Flags, config: Option<&std::path::Path>) -> Result<Instance, StartError> {
    Instance::resolve(host, &flags.choice, config)
        .map_err(|error| StartError { exit: USAGE, messages: vec![chain(&error)] })
}

fn transport(host: &Host, flags: &Flags) -> Result<Arc<dyn Transport>, StartError> {
    let options = ClientOptions {
        ca_file: flags.ca_cert.as_ref().map(|path| host.absolute(path)),
        proxy: flags.proxy.as_ref().map_or(ProxyChoice::None, |url| ProxyChoice::Url(url.expose().clone())),
        connections: flags.workers,
        user_agent: format!("open-cli-toolbox/{}", crate::VERSION),
        env_ca: host.env.absolute_path("SSL_CERT_FILE"),
    };
    match HttpClient::new(options) {
        Ok(client) => Ok(Arc::new(client)),
        Err(error) => Err(StartError { exit: USAGE, messages: vec![chain(&error)] }),
    }
}

fn tools(host: &Host, flags: &Flags, log: &Log) -> Result<Tools, StartError> {
    let transport = transport(host, flags)?;
    Ok(Tools { transport, clock: host.clock.clone(), env: host.env.clone(), log: log.clone() })
}

fn workshop(surroundings: Surroundings, documents: PathBuf, tools: Tools) -> Workshop {
    let Tools { transport, clock, env, log } = tools;
    Workshop { surroundings, transport, documents, env, clock, log }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn serve(host: &mut Host, flags: &Flags) -> Result<(), StartError> {
    // Before anything else, so that a stop during the first build is heard.
    let mut signals =
        Signals::take().map_err(|error| StartError::other(format!("signals cannot be taken: {error}")))?;
    let log = log(host, flags);
    report_panics(&log);
    let (orders, inbox) = mpsc::channel();
    let heard = orders.clone();
    host::spawn("signals", move || {
        loop {
            let order = match signals.wait() {
                Signal::Stop => Order::Stop,
                Signal::Reload => Order::Reload,
            };
            // A second stop cuts short what the first one still waits for.
            if heard.send(order).is_err() {
                return;
            }
        }
    })
    .map_err(|error| StartError::other(format!("no thread can be started: {error}")))?;
    let toolbox = Toolbox::start_under(host, flags, log, orders, inbox)?;
    let line = format!(
        "open-cli-toolbox {} serving {} on http://{}\n",
        crate::VERSION,
        toolbox.app.instance.id,
        toolbox.addr()
    );
    print(host, &line);
    if toolbox.wait() { Ok(()) } else { Err(StartError::other("nothing could be served any more; the log says why")) }
}

/// A panic becomes one line of the log: where, but not its words, which may be anybody's. Connections that are reset make the
/// HTTP server's own threads panic; those end nothing but themselves and are not told.
fn report_panics(log: &Log) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if !place.contains("tiny_http") {
            log.error("a thread failed unexpectedly", &[("at", &place)]);
        }
    }));
}

/// A runtime at work in this process.
#[derive(Debug)]
pub struct Toolbox {
    app: Arc<App>,
    running: Running,
    /// The listener of `--metrics-addr`.
    window: Option<Running>,
    /// Gives back where orders come in, once the end was asked for; nothing when it was not.
    keeper: JoinHandle<Option<Receiver<Order>>>,
    orders: Sender<Order>,
    /// `--stop-delay`
    stop_delay: Duration,
    /// Lets go of the instance last.
    held: Held,
}

impl Toolbox {
    /// Starts as the flags say: configuration, instance, audit file, first catalog, socket, `runtime.json`, in this order.
    pub fn start(host: &Host, flags: &Flags, log: Log) -> Result<Self, StartError> {
        let (orders, inbox) = mpsc::channel();
        Self::start_under(host, flags, log, orders, inbox)
    }

    /// As [`Toolbox::start`], where somebody may give orders already.
    fn start_under(
        host: &Host,
        flags: &Flags,
        log: Log,
        orders: Sender<Order>,
        inbox: Receiver<Order>,
    ) -> Result<Self, StartError> {
        let surroundings = Surroundings::from_host(host, flags.config.as_deref());
        let tools = tools(host, flags, &log)?;
        let served = state::load_served(&surroundings, &tools, None)
            .map_err(|messages| StartError { exit: CONFIG, messages })?;
        if audit::log::WRITES_NOTHING {
            log.error("this build keeps NO audit trail; it is for measuring alone", &[]);
        }
        if served.validator.is_none() {
            log.warn("runtime auth is off: whoever reaches this address may use every tool the policy allows", &[]);
        }
        let no_key = |error: KeyError| StartError { exit: CONFIG, messages: vec![error.to_string()] };
        let state_key = StateKey::from_env(&host.env).map_err(no_key)?;
        let continuations = Continuations::new(state_key.as_ref()).map_err(no_key)?;
        let addr = flags.addr.unwrap_or(DEFAULT_ADDR);
        may_listen(addr, served.validator.is_some(), flags.insecure_bind)?;
        if !addr.ip().is_loopback() {
            log.warn(
                "this address speaks plain HTTP, so tokens can be read on the way; TLS has to stand in front",
                &[("addr", &addr)],
            );
        }
        let instance = resolve(host, flags, served.path.as_deref())?;
        let started_at = rfc3339(host.clock.now());
        let held = instance
            .hold(&format!("pid {} since {started_at}", std::process::id()))
            .map_err(|error| StartError::other(chain(&error)))?;
        let audit = open_audit(host, flags, &instance, &log)?;
        let transport = Arc::clone(&tools.transport);
        let workshop = workshop(surroundings, instance.cache_dir.join("http"), tools);
        let executor = tokens::executor(host, transport, &served.config, &instance, &log, state_key.as_ref());
        let app = Arc::new(App {
            state: Arc::new(State::new(workshop, served)),
            audit: Arc::new(audit),
            executor,
            continuations,
            sessions: Sessions::new(flags.lease.clone(), Clock::steady()),
            instance,
            public_url: flags.public_url.clone(),
            listening: OnceLock::new(),
            log,
            log_requests: flags.log_requests,
            metrics: Metrics::new(host.clock.now()),
            orders: orders.clone(),
            leaving: AtomicBool::new(false),
            stop_recorded: Mutex::new(false),
            ids: Serial::new(random()?),
            clock: host.clock.clone(),
            failures: Counter::default(),
            failures_told: Pace::new(app::TELL_FAILURES),
            unrecorded_told: Pace::new(app::TELL_FAILURES),
        });
        let window = open_window(flags, &app)?;
        build_first(&app, &inbox)?;
        let running = listen(host, flags, &app)?;
        app.listening.get_or_init(|| running.addr());
        app.metrics.watch_front(running.counts());
        open_for_business(&app, &started_at)?;
        let audit = Arc::clone(&app.audit);
        // Without it whoever writes goes on as long as there is something to write.
        host::spawn("audit", move || audit.write_for_others()).ok();
        let (kept, counts, ended) = (Arc::clone(&app), Arc::clone(running.counts()), running.ended());
        let keeper = host::spawn("keeper", move || keep(&kept, &counts, &ended, &inbox).then_some(inbox))
            .map_err(|error| StartError::other(format!("no thread can be started: {error}")))?;
        Ok(Self { app, running, window, keeper, orders, stop_delay: flags.stop_delay, held })
    }

    /// Where `--metrics-addr` listens.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.window.as_ref().map(Running::addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// The handler, to be asked without a socket.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until somebody orders a stop, then ends in good order; `false` when nobody did.
    pub fn wait(self) -> bool {
        // A keeper that died was told nothing.
        let inbox = self.keeper.join().ok().flatten();
        let was_asked = inbox.is_some();
        let Self { app, running, window, held, stop_delay, .. } = self;
        app.leaving.store(true, Ordering::SeqCst);
        if let Some(inbox) = inbox.filter(|_| !stop_delay.is_zero()) {
            take_leave(&app, &running, stop_delay, &inbox);
        }
        app.log.info("stopping", &[]);
        app.audit.end_following();
        running.stop(GRACE);
        // Until here a monitor sees how the stop goes.
        window.into_iter().for_each(|window| window.stop(MOMENT));
        let mut event = Event::new(EventType::RuntimeStop);
        event.reason_code = Some(if was_asked { "signal" } else { "failed" }.to_owned());
        // It was logged why not.
        app.record_stop(&event).ok();
        let flushed = app.audit.flush();
        let closed = app.audit.close();
        match flushed.and(closed) {
            Ok(head) => app.log.info("stopped", &[("auditHead", &head)]),
            Err(error) => app.log.error("stopped, but the audit file does not hold all records", &[("error", &error)]),
        }
        app.instance.retract();
        drop(held);
        was_asked
    }

    /// Stops it.
    pub fn stop(self) {
        self.orders.send(Order::Stop).ok();
        self.wait();
    }
}

/// Serves on for a while, not ready, so that what stands in front sends nothing new when the listener closes; a second stop ends it.
fn take_leave(app: &App, running: &Running, delay: Duration, inbox: &Receiver<Order>) {
    app.log.info("not ready any more, about to stop", &[("seconds", &delay.as_secs())]);
    running.leave();
    let deadline = Deadline::after(delay);
    while let Ok(order) = inbox.recv_timeout(deadline.left()) {
        if order == Order::Stop {
            return;
        }
    }
}

fn random() -> Result<[u8; 16], StartError> {
    host::random().map_err(|error| StartError::other(format!("no randomness can be had: {error}")))
}

fn open_audit(host: &Host, flags: &Flags, instance: &Instance, log: &Log) -> Result<AuditLog, StartError> {
    if let Some(parent) = instance.audit_path.parent() {
        disk::create_private_dir(parent)
            .map_err(|error| StartError::other(format!("cannot create {}: {error}", parent.display())))?;
    }
    let (audit, opened) = AuditLog::open(&instance.audit_path, flags.audit, host.clock.clone())
        .map_err(|error| StartError::other(chain(&error)))?;
    if let Some(path) = &opened.torn {
        log.warn("the audit file ended in a torn line, which was set aside", &[("movedTo", &path.display())]);
    }
    if opened.put_back > 0 {
        log.warn("records that the audit file lacked after a crash were put back", &[("records", &opened.put_back)]);
        if let Some(path) = &opened.replaced {
            log.warn("what stood in their place in the audit file was set aside", &[("movedTo", &path.display())]);
        }
    }
    if let Some(path) = &opened.unfit {
        log.warn(
            "records made durable before a crash do not go on from what the audit file holds",
            &[("movedTo", &path.display())],
        );
    }
    if opened.skipped > 0 {
        log.warn("the audit file ends in lines that are no records", &[("lines", &opened.skipped)]);
    }
    Ok(audit)
}

/// An address that others can reach needs runtime auth, or somebody who says that it does not (contract 10).
fn may_listen(addr: SocketAddr, auth: bool, insecure: bool) -> Result<(), StartError> {
    if addr.ip().is_loopback() || auth || insecure {
        return Ok(());
    }
    let message = format!(
        "{} can be reached from other machines, and runtime auth is off; set runtime.server.auth, listen on loopback, or let \
         everybody in with --insecure-bind",
        addr.ip()
    );
    Err(StartError { exit: USAGE, messages: vec![message] })
}

/// An instance that was named gets a free port when the default one is taken, so that several start as documented.
fn listen(host: &Host, flags: &Flags, app: &Arc<App>) -> Result<Running, StartError> {
    let addr = flags.addr.unwrap_or(DEFAULT_ADDR);
    let options = ServerOptions {
        bind: Bind::Any,
        workers: flags.workers,
        max_connections: flags.max_connections,
        max_body: flags.max_body,
        request_timeout: flags.request_timeout,
        error: error::framing_answer,
        scratch: Some(app.instance.dir.clone()),
        ..ServerOptions::new(addr)
    };
    let handler: Arc<App> = Arc::clone(app);
    let named = flags.choice.instance_id.is_some() || host.env.var("OPEN_CLI_INSTANCE_ID").is_some();
    match http_server::start(options.clone(), handler) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && named && flags.addr.is_none() => {
            let free = ServerOptions { addr: SocketAddr::new(addr.ip(), 0), ..options };
            http_server::start(free, Arc::clone(app) as Arc<dyn http_server::Handler>)
        }
        outcome => outcome,
    }
    .map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; another program listens there, choose another --addr",
            _ => "",
        };
        StartError::other(format!("cannot listen on {addr}: {error}{hint}"))
    })
}

/// The listener for monitors, when there is to be one.
fn open_window(flags: &Flags, app: &Arc<App>) -> Result<Option<Running>, StartError> {
    let Some(addr) = flags.metrics_addr else { return Ok(None) };
    let window = window::open(app, addr).map_err(|error| {
        StartError::other(format!("cannot listen on {addr} for metrics: {error}; choose another --metrics-addr"))
    })?;
    app.log.info("metrics are served", &[("url", &format!("http://{}{}", window.addr(), contract::path::METRICS))]);
    if !addr.ip().is_loopback() {
        app.log.warn("whoever reaches this address may read metrics, without a token", &[("addr", &window.addr())]);
    }
    Ok(Some(window))
}

/// Before it listens: what stands in front sends requests to whoever takes its connections, ready or not.
/// A source may hang for a minute, and a stop does not wait for it.
fn build_first(app: &Arc<App>, inbox: &Receiver<Order>) -> Result<(), StartError> {
    bring_keys(&app.state.served());
    let builds = Arc::clone(app);
    host::spawn("first-build", move || {
        guarded(&builds, || drop(builds.state.rebuild()));
        // Who waits for it is gone only when it need not be told.
        builds.orders.send(Order::Look).ok();
    })
    .map_err(|error| StartError::other(format!("no thread can be started: {error}")))?;
    while let Ok(order) = inbox.recv() {
        match order {
            Order::Look => break,
            // What has changed since it was read is seen by the keeper.
            Order::Reload => {}
            Order::Stop => {
                app.log.info("stopped before the first catalog was built", &[]);
                return Err(StartError { exit: 0, messages: Vec::new() });
            }
        }
    }
    Ok(())
}

/// Records the start, publishes `runtime.json`.
fn open_for_business(app: &App, started_at: &str) -> Result<(), StartError> {
    let served = app.state.served();
    let mut event = Event::new(EventType::RuntimeStart);
    event.config_fingerprint = Some(served.fingerprint.clone());
    app.record(&event).map_err(|failure| StartError::other(failure.detail))?;
    let url = app.listening.get().map(|addr| format!("http://{addr}")).unwrap_or_default();
    let record = RuntimeRecord {
        instance_id: app.instance.id.clone(),
        url,
        pid: std::process::id(),
        audit_path: app.instance.audit_path.clone(),
        cache_dir: app.instance.cache_dir.clone(),
        started_at: started_at.to_owned(),
        version: crate::VERSION.to_owned(),
        config_path: served.path.clone(),
    };
    app.instance
        .publish(&record)
        .map_err(|error| StartError::other(format!("cannot write {}: {error}", app.instance.runtime_file().display())))
}

/// Fetches the issuer's keys while the first catalog is built. An issuer that is away delays nothing; the keeper asks it again.
fn bring_keys(served: &Served) {
    if let Some(validator) = served.validator.clone() {
        // Without a thread the first caller, or the keeper, brings them.
        host::spawn("keys", move || validator.tend()).ok();
    }
}

/// Carries out orders, and looks at files, ages and keys in between. A build may take as long as a source hangs, so it has a thread of
/// its own, one at a time, and a stop waits for it no longer than a moment.
fn keep(app: &Arc<App>, counts: &Counts, ended: &AtomicBool, inbox: &Receiver<Order>) -> bool {
    let (noise, telling, trouble) = (Pace::new(COUNTED), Pace::new(TELL_PRESSURE), Pace::new(TELL_TROUBLE));
    let mut pressure = Pressure::default();
    let mut reload = false;
    let mut work: Option<JoinHandle<()>> = None;
    let was_asked = loop {
        match inbox.recv_timeout(LOOK) {
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break true,
            Ok(Order::Reload) => reload = true,
            Ok(Order::Look) => {}
            Err(RecvTimeoutError::Timeout) if ended.load(Ordering::SeqCst) => {
                app.log.error("nothing can be served any more, so the runtime stops", &[]);
                break false;
            }
            Err(RecvTimeoutError::Timeout) => {
                guarded(app, || write_counted(app, &noise));
                guarded(app, || tend_audit(app, &trouble));
                guarded(app, || sessions::tend(app));
                if telling.take(app.clock.now()) {
                    tell_pressure(app, &pressure.news(counts));
                }
            }
        }
        if work.as_ref().is_none_or(JoinHandle::is_finished) {
            let (app, reload) = (Arc::clone(app), std::mem::take(&mut reload));
            let task = move || guarded(&app, || if reload { app.reload() } else { look(&app) });
            // Without a thread there is another look soon.
            work = host::spawn("upkeep", task).ok();
        }
    };
    let deadline = Deadline::after(MOMENT);
    while work.as_ref().is_some_and(|work| !work.is_finished()) && !deadline.passed() {
        host::sleep(MOMENT / 100);
    }
    was_asked
}

fn look(app: &App) {
    match app.state.due() {
        Due::Nothing => {}
        Due::Reload => app.reload(),
        Due::Renew(sources) => drop(app.state.renew(&sources)),
    }
    if let Some(validator) = app.state.served().validator.as_ref() {
        validator.tend();
    }
}

/// Closes and removes audit files, and says so.
fn tend_audit(app: &App, trouble: &Pace) {
    for done in app.audit.tend() {
        match done {
            Upkeep::Closed(entry) => app.log.info(
                "an audit file is complete",
                &[("file", &entry.file), ("first", &entry.first_seq), ("last", &entry.last_seq)],
            ),
            Upkeep::Removed(entry) => app.log.info(
                "an audit file was removed, as --audit-keep and --audit-keep-size say",
                &[("file", &entry.file), ("first", &entry.first_seq), ("last", &entry.last_seq)],
            ),
            Upkeep::Failed(error) if trouble.take(app.clock.now()) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                app.log.error("audit files not tended", &[("error", &error), ("cause", &cause)]);
            }
            // It was told a moment ago.
            Upkeep::Failed(_) => {}
        }
    }
}

fn tell_pressure(app: &App, news: &[(&'static str, u64)]) {
    let fields: Vec<(&str, &dyn std::fmt::Display)> = news.iter().map(|(name, more)| (*name, more as _)).collect();
    if !fields.is_empty() {
        app.log.warn("clients are turned away", &fields);
    }
}

fn write_counted(app: &App, noise: &Pace) {
    if !noise.take(app.clock.now()) {
        return;
    }
    if let Err(error) = app.audit.flush() {
        app.log.error("audit records not kept", &[("error", &error)]);
    }
}

/// A build that panics must not take the keeper with it.
fn guarded(app: &App, work: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        app.log.error("a catalog build failed unexpectedly, the old catalog stays", &[]);
    }
}

#[cfg(test)]
mod docs_test;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests make a machine to run on")]
mod tests;
