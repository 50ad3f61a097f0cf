//! What a command works with: the host, the flags, and on demand the configuration and the runtime.
//!
//! Nothing is read before a command asks for it, and nothing is read twice.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::base::host::Host;
use crate::base::url::is_loopback_host;
use crate::client::auth::{self, Credential};
use crate::client::cache::Cache;
use crate::client::runtime::{CatalogAsk, ClientError, Exchange, Runtime, Timeouts};
use crate::client::session::Session;
use crate::client::target::{self, Target};
use crate::config::load::{self, Consumer, Loaded, Surroundings};
use crate::http::Transport;
use crate::http::client::{ClientOptions, ProxyChoice};
use crate::instance::{Choice, Instance, InstanceError};

use super::args::Globals;
use super::console::Console;
use super::output::{self, Format, Shape};
use super::report::{self, Failure};

/// Makes the way out; tests hand in another.
pub type TransportFactory<'a> = &'a dyn Fn(ClientOptions) -> Result<Arc<dyn Transport>, String>;

/// Terminals that do not say how wide they are.
const COLUMNS: usize = 80;

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
}

/// Configuration, runtime and caller.
pub struct Connection<'a> {
    /// What was loaded.
    pub loaded: Loaded,
    /// Where.
    pub target: Target,
    transport: Arc<dyn Transport>,
    credential: Credential,
    cache: Option<Cache>,
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

    /// Where configuration is looked for.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::from_host(self.host, self.globals.config.as_deref())
    }

    /// The configuration.
    pub fn load(&self) -> Result<Loaded, Failure> {
        load::load(&self.surroundings(), Consumer::Cli).map_err(|problems| Failure::config(&problems))
    }

    /// Everything that a call needs, nothing sent yet.
    pub fn connect(&self) -> Result<Connection<'a>, Failure> {
        let loaded = self.load()?;
        let remote = loaded.config.remote.as_ref();
        let variable = self.host.env.var(target::VARIABLE);
        let configured = remote.and_then(|remote| remote.url.as_ref());
        let target = target::resolve(self.globals.runtime.as_deref(), variable, configured)?;
        let credential = auth::credential(remote, &target, &self.host.env).map_err(ClientError::Auth)?;
        let cache = self.cache(&loaded)?;
        let transport = (self.transports)(self.client_options(&target)).map_err(|cause| {
            Failure::new(report::USAGE, "client", cause).hint("see --ca-cert, SSL_CERT_FILE and HTTPS_PROXY")
        })?;
        let ask = CatalogAsk {
            config: remote.and_then(|remote| remote.request_config_path.clone()),
            mode: self.globals.mode.clone(),
            agent_profile: self.globals.agent_profile.clone(),
            summary: false,
        };
        let console = self.console;
        Ok(Connection {
            loaded,
            target,
            transport,
            credential,
            cache,
            timeouts: self.globals.timeout.map_or(Timeouts::DEFAULT, Timeouts::all),
            ask,
            now: self.host.clock.now(),
            watch: Box::new(move |exchange| console.tell(&told(exchange))),
        })
    }

    fn cache(&self, loaded: &Loaded) -> Result<Option<Cache>, Failure> {
        let choice = Choice {
            instance_id: self.globals.instance_id.clone(),
            state_dir: self.globals.state_dir.clone(),
            ..Choice::default()
        };
        match Instance::resolve(self.host, &choice, loaded.path.as_deref()) {
            Ok(instance) => Ok(Some(Cache::new(&instance.cache_dir.join("client")))),
            // Without a home nothing is remembered, and everything works.
            Err(InstanceError::NoHome { .. }) => Ok(None),
            Err(error) => Err(Failure::new(report::USAGE, "usage", error.to_string())),
        }
    }

    fn client_options(&self, target: &Target) -> ClientOptions {
        let proxy = match is_loopback_host(&target.origin.host) {
            true => ProxyChoice::None,
            false => ProxyChoice::from_env(&self.host.env),
        };
        // The system's authorities cost half a millisecond to read; without TLS and without a proxy nobody needs them.
        let plain = target.origin.scheme == "http" && proxy == ProxyChoice::None;
        let env_ca = self.host.env.var("SSL_CERT_FILE").filter(|_| !plain).map(PathBuf::from);
        ClientOptions {
            ca_file: self.globals.ca_cert.as_ref().map(|path| self.host.absolute(path)),
            env_ca,
            proxy,
            connections: 1,
            ..ClientOptions::default()
        }
    }

    /// How an answer of this program is shown.
    pub fn shape(&self, fields: &[&str]) -> Shape {
        Shape {
            format: self.format(),
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            redactions: Vec::new(),
            terminal: self.terminal_width(),
        }
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
        let mut bytes = output::json_answer(text, &self.shape(fields));
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        self.console.answer(&bytes)
    }

    /// Prints what only looks good as JSON: indented where a table is asked for.
    pub fn print_document(&self, text: &str) -> Result<(), Failure> {
        let mut shape = self.shape(&[]);
        if shape.format == Format::Table {
            shape.format = Format::Pretty;
        }
        let mut bytes = output::json_answer(text, &shape);
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        self.console.answer(&bytes)
    }

    /// Prints text for people where a table is asked for, and `answer` in every other format.
    pub fn print_text_or(&self, text: &str, answer: &Value) -> Result<(), Failure> {
        if self.format() == Format::Table { self.console.text(text) } else { self.print(answer, &[]) }
    }
}

impl Connection<'_> {
    /// The calls, and what is remembered.
    pub fn session(&self) -> Session<'_> {
        Session {
            runtime: Runtime {
                transport: self.transport.as_ref(),
                target: &self.target,
                credential: self.credential.clone(),
                timeouts: self.timeouts,
                watch: Some(&*self.watch),
            },
            cache: self.cache.clone(),
            ask: self.ask.clone(),
            now: self.now,
        }
    }
}

/// The format in force: `--format`, else tables for terminals and JSON for programs.
pub fn format(globals: &Globals, console: &Console) -> Format {
    globals.format.unwrap_or(if console.terminal.stdout { Format::Table } else { Format::Json })
}

fn told(exchange: &Exchange<'_>) -> String {
    let took = milliseconds(exchange.took);
    match exchange.status {
        Some(status) => {
            format!("{} {} -> {status}, {} bytes, {took} ms", exchange.method, exchange.url, exchange.received)
        }
        None => format!("{} {} -> no answer, {took} ms", exchange.method, exchange.url),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
