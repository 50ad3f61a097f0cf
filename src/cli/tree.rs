//! From words to a tool: service, group, command (contract 9).
//!
//! Pure: reads an [`Index`]. A group named like its service is folded away, and both spellings work; the full spelling wins where
//! the two could mean different tools. A tool outside the view is found by its words but never listed or suggested: the runtime
//! says why it does not run.

use crate::base::name::nearest;
use crate::client::index::{Index, Row, Service};

use super::args::UsageError;

/// What words lead to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// A tool; the words after the first `used` are its arguments.
    Tool {
        /// Which.
        row: Row<'a>,
        /// How many words named it.
        used: usize,
    },
    /// A service, or a group of one.
    Level(Level<'a>),
}

/// A place in the tree that is no tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Level<'a> {
    /// The service.
    pub service: &'a Service,
    /// The group, below a service.
    pub group: Option<&'a str>,
    /// All tools at and below it, hidden ones too.
    pub rows: Vec<Row<'a>>,
}

/// Follows `words`, of which there is at least one.
pub fn find<'a>(index: &'a Index, words: &[&str]) -> Result<Found<'a>, UsageError> {
    let first = words.first().copied().unwrap_or("");
    let service = index.service(first).ok_or_else(|| no_service(index, first))?;
    let all: Vec<Row<'a>> = index.all_rows().filter(|row| row.service == service.id).collect();
    let rows: Vec<Row<'a>> = all.iter().filter(|row| !row.outside()).copied().collect();
    let Some(&second) = words.get(1) else { return Ok(Found::Level(Level { service, group: None, rows })) };
    let own_name = second == service.id || second == service.alias;
    let in_group = |row: &&Row<'a>| row.group == second || (own_name && is_folded(service, row));
    let all_of_group: Vec<Row<'a>> = all.iter().filter(in_group).copied().collect();
    let of_group: Vec<Row<'a>> = rows.iter().filter(in_group).copied().collect();
    let group = of_group.first().map(|row| row.group);
    if let Some(&row) = words.get(2).and_then(|word| command(&all_of_group, word)) {
        return Ok(Found::Tool { row, used: 3 });
    }
    let folded: Vec<Row<'a>> = all.iter().filter(|row| is_folded(service, row)).copied().collect();
    if let Some(&row) = command(&folded, second) {
        return Ok(Found::Tool { row, used: 2 });
    }
    match (group, words.get(2)) {
        (Some(_), None) => Ok(Found::Level(Level { service, group, rows: of_group })),
        (Some(group), Some(third)) => Err(no_command(service, group, &of_group, third)),
        (None, _) => Err(no_group(service, &rows, second)),
    }
}

/// Whether a tool stands right below its service.
pub fn is_folded(service: &Service, row: &Row<'_>) -> bool {
    row.group == service.id || row.group == service.alias
}

/// The words of a tool as they are shown: alias, group unless folded, command.
pub fn words(service: &Service, row: &Row<'_>) -> String {
    match is_folded(service, row) {
        true => format!("{} {}", service.alias, row.command),
        false => format!("{} {} {}", service.alias, row.group, row.command),
    }
}

/// As [`words`], of a tool whose service the index knows, or of a runtime that tells of none.
pub fn words_in(index: &Index, row: &Row<'_>) -> String {
    index.service(row.service).map_or_else(|| row.command.to_owned(), |service| words(service, row))
}

/// A tool by its id, or by the words of its command.
pub fn tool<'a>(index: &'a Index, words: &[&str]) -> Result<Row<'a>, UsageError> {
    if let &[word] = words
        && let Some(row) = index.all_rows().find(|row| row.id == word)
    {
        return Ok(row);
    }
    if let &[word] = words
        && word.contains(':')
    {
        let error = UsageError::new(format!("there is no tool {}", shown(word)));
        return Err(match nearest(word, index.rows().map(|row| row.id)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`open-cli catalog list` lists the tools"),
        });
    }
    match find(index, words)? {
        Found::Tool { row, used } if used == words.len() => Ok(row),
        Found::Tool { used, .. } => Err(UsageError::new(format!("{} is one word too many", shown(words[used])))
            .hint("name a tool by its id, or by the words of its command without arguments")),
        Found::Level(_) => Err(UsageError::new(format!("{} names no single tool", shown(&words.join(" "))))
            .hint(format!("`open-cli {} --help` lists what is below it", shown(&words.join(" "))))),
    }
}

/// The command itself wins over another one's alias.
fn command<'r, 'a>(rows: &'r [Row<'a>], word: &str) -> Option<&'r Row<'a>> {
    rows.iter().find(|row| row.command == word).or_else(|| rows.iter().find(|row| row.answers_to(word)))
}

fn no_service(index: &Index, word: &str) -> UsageError {
    let services = &index.header().services;
    let error = UsageError::new(format!("there is no command or service {}", shown(word)));
    let built_in = super::commands::BUILT_IN.iter().map(|command| command.words[0]);
    let known = services.iter().flat_map(|service| [service.alias.as_str(), service.id.as_str()]).chain(built_in);
    match nearest(word, known) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if services.is_empty() => {
            error.hint("no service is loaded; `open-cli refresh` tells what became of each source")
        }
        None => error.hint(format!("services: {}", list(services.iter().map(|service| service.alias.as_str())))),
    }
}

fn no_group(service: &Service, rows: &[Row<'_>], word: &str) -> UsageError {
    let error = UsageError::new(format!("{} has no group or command {}", service.alias, shown(word)));
    let visible = || rows.iter().filter(|row| !row.hidden());
    if let Some(row) = visible().find(|row| row.answers_to(word)) {
        return error.hint(format!("did you mean `open-cli {}`?", words(service, row)));
    }
    let folded = visible().filter(|row| is_folded(service, row)).map(|row| row.command);
    if let Some(near) = nearest(word, visible().map(|row| row.group).chain(folded)) {
        return error.hint(format!("did you mean {near}?"));
    }
    let near = nearest(word, visible().map(|row| row.command));
    match near.and_then(|near| visible().find(|row| row.command == near)) {
        Some(row) => error.hint(format!("did you mean `open-cli {}`?", words(service, row))),
        None => error.hint(format!("`open-cli {} --help` lists what there is", service.alias)),
    }
}

fn no_command(service: &Service, group: &str, rows: &[Row<'_>], word: &str) -> UsageError {
    let error = UsageError::new(format!("{} {group} has no command {}", service.alias, shown(word)));
    let visible = || rows.iter().filter(|row| !row.hidden());
    // Many publishers begin every name with the group's.
    let whole = format!("{group}-{word}");
    if let Some(row) = visible().find(|row| row.command == whole) {
        return error.hint(format!("did you mean `open-cli {}`?", words(service, row)));
    }
    match nearest(word, visible().flat_map(|row| row.aliases().chain([row.command]))) {
        Some(near) => error.hint(format!("did you mean `open-cli {} {group} {near}`?", service.alias)),
        None => error.hint(format!("`open-cli {} {group} --help` lists what there is", service.alias)),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    let more = names.len() > 12;
    names.truncate(12);
    names.join(", ") + if more { ", .." } else { "" }
}

fn shown(word: &str) -> String {
    format!("`{}`", word.chars().take(100).collect::<String>().escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::index;

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let index = index();
        let words: Vec<&str> = words.split(' ').collect();
        let found = match find(&index, &words) {
            Ok(Found::Tool { row, used }) => format!("{} {used}", row.id),
            Ok(Found::Level(level)) => format!("{} {}", level.service.id, level.group.unwrap_or("*")),
            Err(error) => format!("{error}; {}", error.hint.as_deref().unwrap_or_default()),
        };
        assert!(found.contains(expected), "{words:?}: {found}");
    }

    #[test]
    fn words_lead_to_tools() {
        check("helpdesk", "hd *");
        check("hd", "hd *");
        check("helpdesk tickets", "hd tickets");
        check("helpdesk tickets get T-1", "hd:getTicket 3");
        check("hd tickets show T-1", "hd:getTicket 3");
        check("helpdesk status", "hd:status 2");
        check("helpdesk helpdesk status x", "hd:status 3");
        check("helpdesk tickets hidden", "hd:hidden 3");
    }

    #[test]
    fn unknown_words_get_suggestions() {
        check("helpdsk", "did you mean helpdesk?");
        check("xyzzy", "services: helpdesk");
        check("catalgo", "did you mean catalog?");
        check("helpdesk tikets", "did you mean tickets?");
        check("helpdesk lst", "did you mean");
        check("helpdesk get", "did you mean `open-cli helpdesk tickets get`?");
        check("helpdesk tickets gte", "did you mean `open-cli helpdesk tickets get`?");
        check("helpdesk tickets zzzzzzz", "--help");
    }

    #[test]
    fn a_word_without_the_name_of_its_group_gets_the_whole_command() {
        let summary = String::from_utf8(crate::cli::tests::SUMMARY.to_vec()).unwrap();
        let summary = summary.replace("\"command\": \"create\"", "\"command\": \"tickets-create\"");
        let index = Index::from_bytes(crate::client::index::encode(summary.as_bytes(), None).unwrap()).unwrap();
        let error = find(&index, &["helpdesk", "tickets", "create"]).err().unwrap();
        assert_eq!(error.hint.as_deref(), Some("did you mean `open-cli helpdesk tickets tickets-create`?"));
    }

    #[test]
    fn tools_are_named_by_id_or_words() {
        let index = index();
        for words in [&["hd:getTicket"][..], &["helpdesk", "tickets", "get"], &["hd", "tickets", "show"]] {
            assert_eq!(tool(&index, words).unwrap().id, "hd:getTicket");
        }
        for (words, part) in [
            (&["hd:getTickt"][..], "there is no tool"),
            (&["helpdesk", "tickets"], "names no single tool"),
            (&["helpdesk", "tickets", "get", "x"], "one word too many"),
        ] {
            let error = tool(&index, words).unwrap_err();
            assert!(error.message.contains(part), "{error}");
        }
    }
}
