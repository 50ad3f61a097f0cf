//! The command line: words to a built-in command or a tool, an answer to standard output, a failure to an exit code.
//!
//! [`main`] reads the process; [`run_with`] does everything and is what tests call, with another host and another way out. `args`
//! is the first pass over the arguments, by the tables of `flags`; `tree` and `bind` are the second one, once the catalog is there, with
//! `value`, `body`, `shorthand` and `assign` for what is typed and `prompt` for what is not. `commands` does the work in a `world`;
//! `output` and `query` write, `console` and `progress` say the rest; `report` decides exit codes. `help` and `complete` read the same
//! tables and the catalog as it was last seen.

use std::process::ExitCode;
use std::sync::Arc;

use crate::base::host::Host;
use crate::base::keyboard::{Keyboard, Own};
use crate::http::Transport;
use crate::http::client::HttpClient;

pub mod args;
pub mod assign;
pub mod bind;
pub mod body;
pub mod commands;
pub mod complete;
pub mod console;
pub mod environment;
pub mod files;
pub mod flags;
pub mod help;
pub mod merge;
pub mod output;
pub mod progress;
pub mod prompt;
pub mod query;
pub mod report;
pub mod shorthand;
pub mod tree;
pub mod value;
pub mod ways;
pub mod world;

#[cfg(test)]
mod tests;

use args::Line;
use console::Console;
use report::Failure;
use ways::TransportFactory;
use world::World;

/// Runs the command line on this process.
pub fn main() -> ExitCode {
    let mut host = Host::from_process();
    let http = |options| {
        let client = HttpClient::new(options).map_err(|error| error.to_string())?;
        Ok(Arc::new(client) as Arc<dyn Transport>)
    };
    ExitCode::from(run_with(&mut host, &http, &Own))
}

/// Runs the command line on `host`; the answer is the exit code. `keyboard` is that of its terminal.
pub fn run_with(host: &mut Host, transports: TransportFactory<'_>, keyboard: &dyn Keyboard) -> u8 {
    if host.args.first().is_some_and(|word| word == complete::COMMAND) {
        complete::run(host, transports, keyboard);
        return report::OK;
    }
    let console = Console::of(host);
    let mut line = Line::default();
    let parsed = args::parse(&host.args, &mut line);
    // Also after an error, which is told in the format that the environment asks for.
    let parsed = parsed.and(args::environment(&host.env, &mut line));
    console.quiet.set(line.globals.quiet);
    console.verbose.set(line.globals.verbose);
    if line.globals.no_color {
        console.uncoloured();
    }
    if parsed.is_err() {
        line.globals.format = args::wanted_format(&host.args).or(line.globals.format);
    }
    let format = world::format(&line.globals, &console);
    let result = parsed.and_then(|()| line.globals.check()).map_err(Failure::from).and_then(|()| {
        let mut world = World { host, console: &console, globals: &line.globals, transports, keyboard };
        commands::dispatch::run(&mut world, &line)
    });
    match result {
        Ok(()) => report::OK,
        Err(failure) => {
            failure.tell(&console, format);
            failure.exit
        }
    }
}
