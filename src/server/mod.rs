//! The toolbox.

use std::process::ExitCode;

pub mod signals;

/// Runs the toolbox on this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
