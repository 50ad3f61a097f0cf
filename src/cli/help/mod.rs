//! Help at every level, as pages. Pure: reads the tables of flags, commands and exit codes, and what it is given of the catalog.
//!
//! `root` is the first page, `level` services and groups, `tool` one command, `topic` what concerns many; `example` makes a line that
//! works from a tool's schemas, with values from `sample`. `man` is all that does not depend on a catalog, as manual pages. Whatever
//! comes from a catalog goes through `foreign`, so that no text of a publisher acts on a terminal or fills it.

use super::commands::BuiltIn;
use super::flags::{self, Flag};
use super::output::sanitize;
use crate::base::page::Page;

pub mod example;
mod level;
pub mod man;
mod root;
mod sample;
mod tool;
pub mod topic;

pub use level::level;
pub use root::root;
pub use tool::tool;

/// Help of the built-in commands that begin with the same words.
pub fn built_in(commands: &[&BuiltIn]) -> Page {
    let mut page = Page::default();
    if let [command] = commands {
        page.text(format!("{}.", command.help));
        page.heading("Usage");
        page.fixed([format!(
            "open-cli {}{}",
            command.usage(),
            if command.options.is_empty() { "" } else { " [flags]" }
        )]);
        page.section("Flags", flag_rows(command.options));
    } else {
        page.section("Commands", command_rows(commands));
        page.closing("`open-cli help` and the words of a command explain it.");
    }
    page.closing("`open-cli --help` lists the global flags.");
    page
}

fn command_rows(commands: &[&BuiltIn]) -> Vec<(String, String)> {
    commands.iter().map(|command| (command.usage(), command.help.to_owned())).collect()
}

fn flag_rows<'f>(table: impl IntoIterator<Item = &'f Flag>) -> Vec<(String, String)> {
    table.into_iter().map(|flag| (flag.usage(), flag.help.to_owned())).collect()
}

/// Global flags with the variables that stand for them.
fn global_rows<'f>(table: impl IntoIterator<Item = &'f Flag>) -> Vec<(String, String)> {
    let row = |flag: &Flag| {
        let variable = flags::variable(flag).map_or_else(String::new, |variable| format!(" [{variable}]"));
        (flag.usage(), format!("{}{variable}", flag.help))
    };
    table.into_iter().map(row).collect()
}

/// Characters of a foreign word, like the name of a group.
const WORD: usize = 80;

/// Characters of one foreign line.
const LINE: usize = 200;

/// A foreign text on one line, of so many characters at most.
fn foreign(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    sanitize::line(&cut(&line, most))
}

/// A text of so many characters at most, cut at a word.
fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let short = &text[..end];
    let words = short.rsplit_once([' ', '\n']).map_or(short, |(words, _)| words);
    format!("{}…", words.trim_end_matches([' ', ',', ';', '.', '\n']))
}

/// A description and what is to be known beside it.
fn noted(description: &str, notes: &[String]) -> String {
    match (description.is_empty(), notes.is_empty()) {
        (_, true) => description.to_owned(),
        (true, false) => format!("({})", notes.join(", ")),
        (false, false) => format!("{description} ({})", notes.join(", ")),
    }
}

#[cfg(test)]
mod tests;
