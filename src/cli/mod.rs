//! The command line.

use std::process::ExitCode;

/// Runs the command line on this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
