//! `open-cli --help`: the services that were last seen, the built-in commands and the global flags, each by what they are for.

use crate::base::name::counted;
use crate::base::page::Page;
use crate::cli::commands::BUILT_IN;
use crate::cli::flags;
use crate::client::index::Index;

use super::{LINE, WORD, command_rows, foreign, global_rows, topic};

/// Services that are listed; `catalog list` has all.
const MOST_SERVICES: usize = 40;

/// What built-in commands are for, by their first words. What is in none of them stands under [`OTHER`].
const KINDS: &[(&str, &[&str])] = &[
    ("Find tools and understand them", &["search", "catalog", "tool", "explain", "workflow"]),
    ("Run many", &["batch"]),
    ("Set up", &["init", "config", "trust", "completion"]),
    ("The runtime", &["status", "doctor", "runtime", "refresh"]),
    ("Who you are", &["auth"]),
    ("What is allowed, and what was done", &["policy", "audit"]),
];

/// What global flags are for, by name.
const FLAG_KINDS: &[(&str, &[&str])] = &[
    (
        "Flags for the toolbox and who you are",
        &["runtime", "config", "mode", "agent-profile", "instance-id", "state-dir", "no-browser", "ca-cert"],
    ),
    ("Flags for calls", &["approval", "timeout", "no-input"]),
    ("Flags for what is written", &["format", "query", "columns", "quiet", "verbose", "no-color", "help", "version"]),
];

const OTHER: &str = "Other";

/// The first page; `index` is the catalog as it was last seen, if it ever was.
pub fn root(index: Option<&Index>) -> Page {
    let mut page = Page::default();
    page.text("Runs the tools of a toolbox as commands.");
    page.heading("Usage");
    page.fixed([
        "open-cli [global flags] <service> <group> <command> [arguments] [flags]",
        "open-cli [global flags] <built-in command>",
    ]);
    match index {
        Some(index) => services(index, &mut page),
        None => page.text("`open-cli catalog list` lists the tools."),
    }
    for (kind, commands) in by_kind(BUILT_IN.iter(), KINDS, |command| command.words[0]) {
        page.section(kind, command_rows(&commands));
    }
    for (kind, flags) in by_kind(flags::GLOBAL.iter(), FLAG_KINDS, |flag| flag.name) {
        page.section(kind, global_rows(flags));
    }
    page.section("Help on", topic::rows());
    page.closing("--help after any words explains them; `open-cli help <topic>` explains a topic.");
    page
}

fn services(index: &Index, page: &mut Page) {
    let visible: Vec<_> = index.rows().filter(|row| !row.hidden()).collect();
    let mut rows: Vec<(String, String)> = Vec::new();
    for service in &index.header().services {
        let tools = visible.iter().filter(|row| row.service == service.id).count();
        let title = foreign(&service.title, LINE);
        let said = if title.is_empty() { String::new() } else { format!("{title}; ") };
        rows.push((foreign(&service.alias, WORD), format!("{said}{}", counted(tools, "tool"))));
    }
    let more = rows.len().saturating_sub(MOST_SERVICES);
    rows.truncate(MOST_SERVICES);
    page.section("Services", rows);
    if more > 0 {
        page.text(format!("And {more} more; `open-cli catalog list` has them all."));
    }
}

/// Rows of a table by what they are for, in the order of `kinds`.
fn by_kind<'t, T>(
    table: impl Iterator<Item = &'t T> + Clone,
    kinds: &[(&'static str, &[&str])],
    name: impl Fn(&T) -> &'static str,
) -> Vec<(&'static str, Vec<&'t T>)> {
    let mut found: Vec<(&str, Vec<&T>)> = Vec::new();
    for (kind, names) in kinds {
        found.push((kind, names.iter().flat_map(|wanted| table.clone().filter(|row| name(row) == *wanted)).collect()));
    }
    let known = |row: &&T| kinds.iter().any(|(_, names)| names.contains(&name(row)));
    found.push((OTHER, table.filter(|row| !known(row)).collect()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::BuiltIn;
    use crate::cli::flags::Flag;

    fn of_no_kind<T>(kinds: Vec<(&'static str, Vec<&T>)>, name: impl Fn(&T) -> &'static str) -> Vec<&'static str> {
        let other = kinds.into_iter().filter(|(kind, _)| *kind == OTHER);
        other.flat_map(|(_, rows)| rows).map(name).collect()
    }

    #[test]
    fn everything_is_for_something() {
        let word = |command: &BuiltIn| command.words[0];
        assert_eq!(of_no_kind(by_kind(BUILT_IN.iter(), KINDS, word), word), [""; 0]);
        let name = |flag: &Flag| flag.name;
        assert_eq!(of_no_kind(by_kind(flags::GLOBAL.iter(), FLAG_KINDS, name), name), [""; 0]);
    }
}
