//! The toolbox.

use std::process::ExitCode;

/// Runs the toolbox on this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
