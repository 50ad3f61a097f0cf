//! Words of commands: built-in ones, services, groups, a tool's own. Pure.

use std::collections::BTreeMap;

use crate::base::name::counted;
use crate::cli::commands::{BUILT_IN, BuiltIn};
use crate::cli::help::topic::{self, TOPICS};
use crate::cli::tree::{self, Found, Level};
use crate::client::index::{Index, Row};

use super::offers::Offers;

/// Whether a first word belongs to the built-in commands, so that no service is reached by it.
pub fn is_built_in(word: &str) -> bool {
    word == "help" || BUILT_IN.iter().any(|command| command.words[0] == word)
}

/// The next word of the built-in commands that begin with `words`.
pub fn built_in(offers: &mut Offers, words: &[&str]) {
    let mut next: Vec<(&str, Vec<&BuiltIn>)> = Vec::new();
    for command in BUILT_IN.iter().filter(|command| command.words.starts_with(words)) {
        let Some(&word) = command.words.get(words.len()) else { continue };
        match next.iter_mut().find(|(other, _)| *other == word) {
            Some((_, family)) => family.push(command),
            None => next.push((word, vec![command])),
        }
    }
    for (word, family) in next {
        offers.word(word, &about(&family, words.len() + 1));
    }
}

/// One command's own line; of several, what comes next.
fn about(family: &[&BuiltIn], at: usize) -> String {
    if let [only] = family
        && only.words.len() == at
    {
        return only.help.to_owned();
    }
    let mut words: Vec<&str> = family.iter().filter_map(|command| command.words.get(at).copied()).collect();
    words.dedup();
    words.join(", ")
}

/// `help`.
pub fn help(offers: &mut Offers) {
    offers.word("help", "Explain what the words behind it do");
}

/// What there is help on besides commands.
pub fn topics(offers: &mut Offers) {
    TOPICS.iter().for_each(|topic| offers.word(topic.name, topic.help));
    offers.word(topic::LIST, "List the topics");
}

/// Services by alias and id.
pub fn services(offers: &mut Offers, index: Option<&Index>) {
    for service in index.iter().flat_map(|index| &index.header().services) {
        for name in [&service.alias, &service.id] {
            if !is_built_in(name) {
                offers.word(name, &service.title);
            }
        }
    }
}

/// Groups and commands of a service, or commands of a group.
pub fn level(offers: &mut Offers, level: &Level<'_>) {
    let visible = || level.rows.iter().filter(|row| !row.hidden());
    if level.group.is_some() {
        return visible().for_each(|row| command(offers, row));
    }
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in visible().filter(|row| !tree::is_folded(level.service, row)) {
        groups.entry(row.group).or_default().push(row.command);
    }
    for (group, commands) in groups {
        offers.word(group, &format!("{}: {}", counted(commands.len(), "command"), commands.join(", ")));
    }
    visible().filter(|row| tree::is_folded(level.service, row)).for_each(|row| command(offers, row));
}

fn command(offers: &mut Offers, row: &Row<'_>) {
    for name in std::iter::once(row.command).chain(row.aliases()) {
        offers.word(name, row.summary);
    }
}

/// The next word behind those of a tool's command, as an argument of a built-in command.
pub fn of_tool(offers: &mut Offers, index: &Index, before: &[&str]) {
    match before {
        [] => services(offers, Some(index)),
        words => {
            if let Ok(Found::Level(found)) = tree::find(index, words) {
                level(offers, &found);
            }
        }
    }
}
