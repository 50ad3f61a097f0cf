//! The toolbox: the hosted, governed runtime.

use std::process::ExitCode;

/// Gives freed memory back, also that of threads that are gone (see Cargo.toml).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    open_cli::server::main()
}
