//! Completion: what could stand at the cursor, as `open-cli __complete SHELL ..` answers the scripts that `completion` prints.
//!
//! `typed` reads what a shell hands over, `read` takes the line apart, `place` says what is under the cursor and `offers` what fits
//! there, `shells` writes it the way each shell wants it; all of them are pure. This file finds out what is known: the configuration
//! and the catalog as it was last seen. Nothing is sent, no token is obtained, no program is run, and nothing is ever said on
//! standard error: a shell in the middle of a line has no use for it. Key types: [`typed::Typed`], [`offers::Offers`], [`Known`].

use std::cell::OnceCell;

use crate::base::host::Host;
use crate::base::keyboard::Keyboard;
use crate::client::index::Index;
use crate::config::load::Loaded;

use super::args;
use super::console::Console;
use super::ways::TransportFactory;
use super::world::World;

pub mod arguments;
pub mod offers;
pub mod paths;
pub mod place;
pub mod read;
pub mod shells;
pub mod typed;
pub mod words;

#[cfg(test)]
mod tests;

use read::Read;
use shells::Asked;

/// The hidden command that the scripts call.
pub const COMMAND: &str = "__complete";

/// What candidates are taken from, looked up only where it is needed.
pub trait Known {
    /// The catalog as it was last seen.
    fn index(&self) -> Option<&Index>;

    /// The profiles of the configuration.
    fn profiles(&self) -> Vec<String>;
}

/// Answers a shell. Whatever is wrong, there is just nothing to offer.
pub fn run(host: &mut Host, transports: TransportFactory<'_>, keyboard: &dyn Keyboard) {
    let words: Option<Vec<&str>> = host.args[1..].iter().map(|word| word.to_str()).collect();
    let Some(asked) = words.and_then(|words| Asked::parse(&words)) else { return };
    let Some(mut read) = Read::of(&asked.typed) else { return };
    // What is wrong in the environment is for a command to say.
    args::environment(&host.env, &mut read.line).ok();
    let console = Console::of(host);
    let world = World { host, console: &console, globals: &read.line.globals, transports, keyboard };
    let remembered = Remembered { world, found: OnceCell::new() };
    let offers = place::offers(&read, &remembered);
    let paths = match (&offers.files, asked.lists_paths()) {
        (Some(files), true) => paths::matching(remembered.world.host, files, &asked.typed),
        _ => Vec::new(),
    };
    // Whoever reads this may have gone away, which is nobody's business here.
    console.answer(shells::written(&asked, &offers, &paths).as_bytes()).ok();
}

/// What this machine knows.
struct Remembered<'a> {
    world: World<'a>,
    found: OnceCell<(Option<Loaded>, Option<Index>)>,
}

impl Remembered<'_> {
    fn found(&self) -> &(Option<Loaded>, Option<Index>) {
        self.found.get_or_init(|| self.world.remembered())
    }
}

impl Known for Remembered<'_> {
    fn index(&self) -> Option<&Index> {
        self.found().1.as_ref()
    }

    fn profiles(&self) -> Vec<String> {
        self.found().0.iter().flat_map(|loaded| loaded.config.profiles.keys().cloned()).collect()
    }
}
