//! `completion`: the script that makes a shell ask this program what could stand at the cursor.

use crate::base::name::nearest;
use crate::cli::args::{Options, UsageError};
use crate::cli::complete::shells::SCRIPTS;
use crate::cli::report::Failure;
use crate::cli::world::World;

/// Prints the script, as it is.
pub fn print(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let shell = options.words.first().map_or("", String::as_str);
    match SCRIPTS.iter().find(|(name, _)| *name == shell) {
        Some((_, script)) => world.console.answer(script.as_bytes()),
        None => Err(no_shell(shell).into()),
    }
}

fn no_shell(shell: &str) -> UsageError {
    let shown: String = shell.chars().take(100).collect::<String>().escape_debug().to_string();
    let error = UsageError::new(format!("there is no completion for the shell `{shown}`"));
    match nearest(shell, SCRIPTS.iter().map(|(name, _)| *name)) {
        Some(near) => error.hint(format!("did you mean {near}? known: bash, zsh, fish")),
        None => error.hint("known: bash, zsh, fish"),
    }
}
