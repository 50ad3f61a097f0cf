//! Programs to try the runtime with, on loopback only.

use std::process::ExitCode;

pub mod demo_api;

/// Runs the evaluation programs on this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
