//! The toolbox: the hosted, governed runtime.

use std::process::ExitCode;

fn main() -> ExitCode {
    open_cli::server::main()
}
