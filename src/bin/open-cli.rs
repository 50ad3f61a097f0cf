//! The command line: an API's tools as commands, through a hosted toolbox.

use std::process::ExitCode;

fn main() -> ExitCode {
    open_cli::cli::main()
}
