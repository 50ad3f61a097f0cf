//! The command line: words to a built-in command or a tool, an answer to standard output, a failure to an exit code.
//!
//! [`main`] reads the process; [`run_with`] does everything and is what tests call, with another host and another way out. `args`
//! is the first pass over the arguments, `tree` and `bind` the second one, once the catalog is there; `commands` does the work;
//! `output` writes; `report` decides exit codes.

use std::process::ExitCode;
use std::sync::Arc;

use crate::base::host::Host;
use crate::http::Transport;
use crate::http::client::HttpClient;

pub mod args;
pub mod bind;
pub mod commands;
pub mod console;
pub mod files;
pub mod flags;
pub mod help;
pub mod merge;
pub mod output;
pub mod report;
pub mod tree;
pub mod value;
pub mod world;

#[cfg(test)]
mod tests;

use args::Line;
use console::Console;
use report::Failure;
use world::{TransportFactory, World};

/// Runs the command line on this process.
pub fn main() -> ExitCode {
    let mut host = Host::from_process();
    let http = |options| {
        let client = HttpClient::new(options).map_err(|error| error.to_string())?;
        Ok(Arc::new(client) as Arc<dyn Transport>)
    };
    ExitCode::from(run_with(&mut host, &http))
}

/// Runs the command line on `host`; the answer is the exit code.
pub fn run_with(host: &mut Host, transports: TransportFactory<'_>) -> u8 {
    let console = Console::of(host);
    let mut line = Line::default();
    let parsed = args::parse(&host.args, &mut line);
    // Also after an error, which is told in the format that the environment asks for.
    let parsed = parsed.and(args::environment(&host.env, &mut line));
    console.quiet.set(line.globals.quiet);
    console.verbose.set(line.globals.verbose);
    console.colour.set(console.colour.get() && !line.globals.no_color);
    console.bold.set(console.bold.get() && !line.globals.no_color);
    let format = world::format(&line.globals, &console);
    let result = parsed.map_err(Failure::from).and_then(|()| {
        let mut world = World { host, console: &console, globals: &line.globals, transports };
        commands::run(&mut world, &line)
    });
    match result {
        Ok(()) => report::OK,
        Err(failure) => {
            failure.tell(&console, format);
            failure.exit
        }
    }
}
