//! Programs to try the runtime with, on loopback only.
//!
//! `flags` reads the arguments; [`demo_api`] and [`broker`] answer requests (pure); `stack` runs them on sockets, alone or
//! together with a toolbox. Nothing of the toolbox or the CLI depends on this room.

use std::io::Write;
use std::process::ExitCode;

use crate::base::host::Host;

pub mod broker;
pub mod demo_api;
mod flags;
mod stack;

use flags::Wish;

/// Runs the evaluation programs on this process.
pub fn main() -> ExitCode {
    let mut host = Host::from_process();
    let done = match flags::parse(&host.args, &host.env) {
        Ok(Wish::Help) => print(&mut host, &flags::help()),
        Ok(Wish::Version) => print(&mut host, &format!("open-cli-eval {}\n", crate::VERSION)),
        Ok(Wish::DemoApi { addr, port_file }) => stack::demo_api(&mut host, addr, port_file.as_deref()),
        Ok(Wish::Broker(wish)) => stack::broker(&mut host, &wish),
        Ok(Wish::Setup(stack)) => stack::setup(&mut host, &stack),
        Ok(Wish::Up { stack, foreground }) => stack::up(&mut host, &stack, foreground),
        Ok(Wish::Status { dir }) => stack::status(&mut host, dir.as_deref()),
        Ok(Wish::Rotate { dir }) => stack::rotate(&mut host, dir.as_deref()),
        Ok(Wish::Down { dir }) => stack::down(&mut host, dir.as_deref()),
        Err(message) => {
            complain(&mut host, &format!("{message}; see open-cli-eval --help"));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&mut host, &message);
            ExitCode::FAILURE
        }
    }
}

fn print(host: &mut Host, text: &str) -> Result<(), String> {
    match host.stdout.write_all(text.as_bytes()).and_then(|()| host.stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the output: {error}"))
        }
        _ => Ok(()),
    }
}

fn complain(host: &mut Host, message: &str) {
    // When standard error is gone there is nowhere left to say so.
    writeln!(host.stderr, "open-cli-eval: {message}").ok();
}
