//! What a command works with: the host, the flags, and on demand the configuration and the runtime.
//!
//! Nothing is read before a command asks for it, and nothing is read twice.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::base::disk;
use crate::base::host::{self, Host};
use crate::base::keyboard::Keyboard;
use crate::base::serial::Serial;
use crate::base::trace::Trace;
use crate::client::auth::{self, Caller, Plan};
use crate::client::cache::{Cache, CatalogKey};
use crate::client::index::Index;
use crate::client::login::AtBrowser;
use crate::client::runtime::{self, CatalogAsk, Exchange, Runtime, Timeouts, Trail};
use crate::client::session::Session;
use crate::client::target::{self, Target, TargetError};
use crate::client::tokens::{Outside, Tokens};
use crate::config::Remote;
use crate::config::load::{self, Consumer, Loaded, Surroundings};
use crate::http::{Limits, Request, Transport};
use crate::instance::{Choice, Instance, InstanceError};
use crate::oauth::store::Store;

use super::args::Globals;
use super::console::{COLUMNS, Console};
use super::environment;
use super::output::{self, Format, Shape};
use super::report::{self, Failure};
use super::ways::{TransportFactory, Ways, unusable};

/// One run.
pub struct World<'a> {
    /// The process; its output streams are in `console`.
    pub host: &'a mut Host,
    /// Where it writes.
    pub console: &'a Console,
    /// What was asked for everywhere.
    pub globals: &'a Globals,
    /// How it goes out.
    pub transports: TransportFactory<'a>,
    /// How answers are kept from the screen.
    pub keyboard: &'a dyn Keyboard,
}

/// How a runtime is connected to.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether a person may be asked to log in; without, as the terminal says.
    pub person: Option<bool>,
    /// Calls at the same time.
    pub calls: usize,
    /// How long anything may take, unless `--timeout` says so.
    pub limit: Option<Duration>,
}

impl Manner {
    /// Nobody is asked for anything.
    pub const ALONE: Self = Self { person: Some(false), calls: 1, limit: None };
}

impl Default for Manner {
    fn default() -> Self {
        Self { person: None, calls: 1, limit: None }
    }
}

/// Configuration, runtime and caller.
pub struct Connection<'a> {
    /// What was loaded.
    pub loaded: Loaded,
    /// Where.
    pub target: Target,
    transport: Arc<dyn Transport>,
    /// As whom.
    pub tokens: Tokens<'a>,
    cache: Option<Cache>,
    trail: Option<Arc<Trail>>,
    timeouts: Timeouts,
    ask: CatalogAsk,
    now: std::time::SystemTime,
    watch: Box<dyn Fn(&Exchange<'_>) + 'a>,
}

impl<'a> World<'a> {
    /// The format in force.
    pub fn format(&self) -> Format {
        format(self.globals, self.console)
    }

    /// What is in a file, or comes on standard input when no path is given; `FileTooLarge` when that is more than `most`.
    pub fn bytes_of(&mut self, path: Option<&str>, most: usize) -> io::Result<Vec<u8>> {
        let Some(path) = path else {
            let mut bytes = Vec::new();
            (&mut self.host.stdin).take(most as u64 + 1).read_to_end(&mut bytes)?;
            return if bytes.len() > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) };
        };
        disk::read(&self.host.absolute(Path::new(path)), most)
    }

    /// Where configuration is looked for.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::from_host(self.host, self.globals.config.as_deref())
    }

    /// The configuration.
    pub fn load(&self) -> Result<Loaded, Failure> {
        load::load(&self.surroundings(), Consumer::Cli).map_err(|problems| Failure::config(&problems))
    }

    /// Everything that a call needs, nothing sent yet. Where a login at a browser is missing, a person at a terminal is asked.
    pub fn connect(&mut self) -> Result<Connection<'a>, Failure> {
        self.connect_in(Manner::default())
    }

    /// As [`World::connect`], in another manner.
    pub fn connect_in(&mut self, manner: Manner) -> Result<Connection<'a>, Failure> {
        let loaded = self.load()?;
        self.connect_as(loaded, manner)
    }

    /// Whether somebody is there who may be asked for what is missing.
    pub fn has_somebody(&self) -> bool {
        let terminal = self.host.terminal;
        terminal.stdin && terminal.stderr && !self.globals.no_input
    }

    /// As [`World::has_somebody`], for questions on standard error.
    pub fn may_ask(&self) -> bool {
        self.has_somebody() && !self.globals.quiet
    }

    /// As [`World::connect_in`], with a configuration that is there already.
    pub fn connect_as(&mut self, loaded: Loaded, manner: Manner) -> Result<Connection<'a>, Failure> {
        let remote = loaded.config.remote.as_ref();
        let target = self.target(&loaded).map_err(|error| environment::hinted(error, &self.host.env))?;
        let instance = self.instance(&loaded)?;
        let ways = Ways { connections: manner.calls, ..self.ways() };
        let transport = ways.to_or_fail(&target.origin)?;
        let timeouts = self.globals.timeout.or(manner.limit).map_or(Timeouts::DEFAULT, Timeouts::all);
        let plan = self.plan(&loaded, &target, instance.as_ref());
        let store = instance.as_ref().map(|instance| Store::new(&instance.oauth_dir));
        let mut outside = self.outside(ways, timeouts, loaded.config.policy.allow_exec_secrets);
        if manner.person.unwrap_or_else(|| self.has_somebody()) && plan.wants_a_browser() {
            outside.person = Some(Box::new(self.person(Arc::clone(&transport), target.clone(), timeouts)));
        }
        let tokens = Tokens::new(plan, target.clone(), store, outside);
        let ask = self.ask(remote);
        let console = self.console;
        Ok(Connection {
            loaded,
            target,
            transport,
            tokens,
            cache: instance.map(|instance| cache_of(&instance)),
            trail: self.trail().map(Arc::new),
            timeouts,
            ask,
            now: self.host.clock.now(),
            watch: Box::new(move |exchange| console.tell(&told(exchange))),
        })
    }

    /// The configuration, and the catalog as this caller last saw it, each where it is to be had without a word to anybody: no
    /// token is obtained, no program is run, nothing is told.
    pub fn remembered(&self) -> (Option<Loaded>, Option<Index>) {
        let Ok(loaded) = self.load() else { return (None, None) };
        let index = self.remembered_index(&loaded);
        (Some(loaded), index)
    }

    fn remembered_index(&self, loaded: &Loaded) -> Option<Index> {
        let target = self.target(loaded).ok()?;
        let instance = self.instance(loaded).ok()??;
        let plan = self.plan(loaded, &target, Some(&instance));
        if matches!(&plan, Plan::Obtain(recipe) if recipe.needs_a_program()) {
            return None;
        }
        let outside = Outside {
            env: self.host.env.clone(),
            clock: self.host.clock.clone(),
            send: Box::new(|_, _| Err(unusable("nobody is asked".to_owned()))),
            limit: Timeouts::DEFAULT.ask,
            note: Box::new(|_| {}),
            person: None,
            allow_exec: false,
        };
        let who = Tokens::new(plan, target.clone(), Some(Store::new(&instance.oauth_dir)), outside).identity()?;
        let ask = self.ask(loaded.config.remote.as_ref());
        cache_of(&instance).remembered_index(CatalogKey { target: &target, who: &who, ask: &ask })
    }

    fn target(&self, loaded: &Loaded) -> Result<Target, TargetError> {
        let variable = self.host.env.var(target::VARIABLE);
        let configured = loaded.config.remote.as_ref().and_then(|remote| remote.url.as_ref());
        target::resolve(self.globals.runtime.as_deref(), variable, configured)
    }

    fn plan(&self, loaded: &Loaded, target: &Target, instance: Option<&Instance>) -> Plan {
        let actor = instance.map_or("open-cli", |instance| instance.id.as_str());
        let profile = self.globals.agent_profile.as_deref().or(loaded.config.default_profile.as_deref());
        auth::plan(loaded.config.remote.as_ref(), target, actor, profile)
    }

    /// Which part of the catalog is asked for.
    fn ask(&self, remote: Option<&Remote>) -> CatalogAsk {
        CatalogAsk {
            config: remote.and_then(|remote| remote.request_config_path.clone()),
            mode: self.globals.mode.clone(),
            agent_profile: self.globals.agent_profile.clone(),
            summary: false,
        }
    }

    /// Which instance this is; `None` when there is no place for one.
    fn instance(&self, loaded: &Loaded) -> Result<Option<Instance>, Failure> {
        let choice = Choice {
            instance_id: self.globals.instance_id.clone(),
            state_dir: self.globals.state_dir.clone(),
            ..Choice::default()
        };
        match Instance::resolve(self.host, &choice, loaded.path.as_deref()) {
            Ok(instance) => Ok(Some(instance)),
            // Without a home nothing is remembered, and everything works.
            Err(InstanceError::NoHome { .. }) => Ok(None),
            Err(error) => Err(Failure::new(report::USAGE, "usage", error.to_string())),
        }
    }

    /// Where the instance's audit trail is: where its runtime says, else where one would put it.
    pub fn audit_path(&self) -> Result<PathBuf, Failure> {
        let loaded = self.load()?;
        let instance = self.instance(&loaded)?.ok_or_else(|| {
            Failure::new(
                report::USAGE,
                "usage",
                "there is no place for state on this machine, so no audit trail is known",
            )
            .hint("name it: `open-cli audit verify /path/to/audit.log`")
        })?;
        Ok(instance.published().map_or(instance.audit_path, |record| record.audit_path))
    }

    /// What marks this run's calls. Whoever started it says by the usual variables which trace it belongs to.
    fn trail(&self) -> Option<Trail> {
        let env = &self.host.env;
        let trace = Trace::read(env.var("TRACEPARENT"), env.var("TRACESTATE"));
        // Without randomness there are no ids, and calls are made all the same.
        Some(Trail { ids: Serial::new(host::random().ok()?), trace })
    }

    fn person(&mut self, transport: Arc<dyn Transport>, target: Target, timeouts: Timeouts) -> AtBrowser<'a> {
        let (console, opens) = (self.console, !self.globals.no_browser);
        // Nobody else reads it: without a browser it is the way back.
        let pasted = (!opens).then(|| {
            // What is typed from now on belongs there, so that it answers nothing else.
            self.host.terminal.stdin = false;
            std::mem::replace(&mut self.host.stdin, Box::new(io::empty()))
        });
        AtBrowser {
            transport,
            target,
            timeouts,
            watch: Box::new(move |exchange| console.tell(&told(exchange))),
            say: Box::new(move |text| {
                console.error_line("login", "36", text);
                match opens {
                    true => console.waits_for("waiting for the login at the browser"),
                    false => console.waits_for_a_person(),
                }
            }),
            opens,
            pasted: RefCell::new(pasted),
        }
    }

    fn ways(&self) -> Ways<'a> {
        Ways {
            transports: self.transports,
            env: self.host.env.clone(),
            ca_file: self.globals.ca_cert.as_ref().map(|path| self.host.absolute(path)),
            connections: 1,
        }
    }

    /// The way out to any address, for what this program fetches itself.
    pub fn way_out(&self) -> Result<Arc<dyn Transport>, Failure> {
        self.ways().to_all()
    }

    fn outside(&self, ways: Ways<'a>, timeouts: Timeouts, allow_exec: bool) -> Outside<'a> {
        let console = self.console;
        let send = move |request: &Request, limits: Limits| {
            let origin = request.url.origin().ok_or_else(|| unusable("it is no http or https URL".to_owned()))?;
            let transport = ways.to(&origin).map_err(unusable)?;
            runtime::send(transport.as_ref(), request, limits, Some(&|exchange| console.tell(&told(exchange))))
        };
        Outside {
            env: self.host.env.clone(),
            clock: self.host.clock.clone(),
            send: Box::new(send),
            limit: timeouts.ask,
            note: Box::new(move |text| console.note(text)),
            person: None,
            allow_exec,
        }
    }

    /// How an answer of this program is shown.
    pub fn shape(&self, fields: &[&str]) -> Shape {
        Shape {
            format: self.format(),
            query: self.globals.query.clone(),
            columns: self.globals.columns.clone(),
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            list: Vec::new(),
            redactions: Vec::new(),
            terminal: self.terminal_width(),
            colour: self.console.out_colour.get(),
        }
    }

    /// Whether a person wants what can be said in words: a table, of nothing in particular.
    pub fn in_words(&self) -> bool {
        self.format() == Format::Table && self.globals.query.is_none() && self.globals.columns.is_empty()
    }

    /// Columns of standard output when it is a terminal.
    pub fn terminal_width(&self) -> Option<usize> {
        let terminal = self.console.terminal;
        terminal.stdout.then(|| terminal.columns.unwrap_or(COLUMNS))
    }

    /// Prints an answer made here; `fields` are the columns of a table.
    pub fn print(&self, answer: &impl Serialize, fields: &[&str]) -> Result<(), Failure> {
        let text = serde_json::to_string(answer).map_err(|error| Failure::other("internal", error.to_string()))?;
        self.print_json(&text, fields)
    }

    /// Prints a JSON text of the runtime, ending in a newline.
    pub fn print_json(&self, text: &str, fields: &[&str]) -> Result<(), Failure> {
        self.print_shaped(text, &self.shape(fields))
    }

    /// Prints a JSON text in this shape, ending in a newline.
    pub fn print_shaped(&self, text: &str, shape: &Shape) -> Result<(), Failure> {
        let mut bytes = output::json_answer(text, shape)?;
        // Nothing at all is the lines of no items.
        if !bytes.ends_with(b"\n") && !bytes.is_empty() {
            bytes.push(b'\n');
        }
        self.console.answer(&bytes)
    }

    /// Prints what only looks good as JSON: indented where a table is asked for.
    pub fn print_document(&self, text: &str) -> Result<(), Failure> {
        let mut shape = self.shape(&[]);
        if self.in_words() {
            shape.format = Format::Pretty;
        }
        self.print_shaped(text, &shape)
    }

    /// Prints text for people where a table is asked for, and `answer` in every other format.
    pub fn print_text_or(&self, text: &str, answer: &Value) -> Result<(), Failure> {
        if self.in_words() { self.console.text(text) } else { self.print(answer, &[]) }
    }
}

fn cache_of(instance: &Instance) -> Cache {
    Cache::new(&instance.cache_dir.join("client"))
}

impl Connection<'_> {
    /// From now on no question takes longer than this, and none to an issuer.
    pub fn bound(&mut self, limit: Duration) {
        self.timeouts = Timeouts::all(limit);
        self.tokens.outside.limit = limit;
    }

    /// What calls on other threads need: the way out, what marks them, and how long they may take.
    pub fn shared(&self) -> (Arc<dyn Transport>, Option<Arc<Trail>>, Timeouts) {
        (Arc::clone(&self.transport), self.trail.clone(), self.timeouts)
    }

    /// The calls, and what is remembered.
    pub fn session(&self) -> Session<'_> {
        Session {
            runtime: Runtime {
                transport: self.transport.as_ref(),
                target: &self.target,
                caller: &self.tokens,
                trail: self.trail.as_deref(),
                timeouts: self.timeouts,
                watch: Some(&*self.watch),
            },
            cache: self.cache.clone(),
            ask: self.ask.clone(),
            now: self.now,
        }
    }
}

/// The format in force: `--format`, else tables for terminals and for who names their columns, and JSON for programs.
pub fn format(globals: &Globals, console: &Console) -> Format {
    let is_table = console.terminal.stdout || !globals.columns.is_empty();
    globals.format.unwrap_or(if is_table { Format::Table } else { Format::Json })
}

/// One exchange, for `--verbose`.
pub fn told(exchange: &Exchange<'_>) -> String {
    let took = milliseconds(exchange.took);
    let id = exchange.request_id.map(|id| format!(", request {id}")).unwrap_or_default();
    match exchange.status {
        Some(status) => {
            format!("{} {} -> {status}, {} bytes, {took} ms{id}", exchange.method, exchange.url, exchange.received)
        }
        None => format!("{} {} -> no answer, {took} ms", exchange.method, exchange.url),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
