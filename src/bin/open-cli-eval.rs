//! The evaluation programs: a demo API to try the runtime on, on loopback only.

use std::process::ExitCode;

fn main() -> ExitCode {
    open_cli::eval::main()
}
