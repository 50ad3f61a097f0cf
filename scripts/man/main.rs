//! Writes the manual pages into the directory that is named: what `make man` runs.
#![expect(clippy::disallowed_methods, reason = "a tool that writes files")]

use std::io::Error;
use std::path::PathBuf;
use std::{env, fs};

use open_cli::{cli, server};

fn main() -> Result<(), Error> {
    let directory = env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| Error::other("which directory?"))?;
    fs::create_dir_all(&directory)?;
    for (name, text) in cli::help::man::pages().into_iter().chain([server::flags::manual()]) {
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}
