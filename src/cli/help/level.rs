//! Help of a service or a group: what is below it.

use std::collections::BTreeMap;

use crate::base::page::Page;
use crate::cli::tree::{self, Level};
use crate::client::index::{Row, Service};

use super::{LINE, WORD, foreign, noted};

/// Groups and commands that are listed of one service or group; `catalog list` has all.
const MOST_ROWS: usize = 500;

/// The page of a place in the tree that is no tool.
pub fn level(level: &Level<'_>) -> Page {
    let service = level.service;
    let alias = foreign(&service.alias, WORD);
    let visible: Vec<&Row<'_>> = level.rows.iter().filter(|row| !row.hidden()).collect();
    let mut page = Page::default();
    page.text(foreign(&service.title, LINE));
    page.heading("Usage");
    let below = match level.group {
        Some(group) => {
            page.fixed([format!("open-cli {alias} {} <command> [arguments] [flags]", foreign(group, WORD))]);
            listed("Commands", commands(visible.into_iter()), &mut page);
            format!("{alias} {}", foreign(group, WORD))
        }
        None => {
            page.fixed([format!("open-cli {alias} <group> <command> [arguments] [flags]")]);
            listed("Groups", groups(service, &visible), &mut page);
            let folded = visible.iter().copied().filter(|row| tree::is_folded(service, row));
            listed("Commands", commands(folded), &mut page);
            alias
        }
    };
    page.closing(format!("`open-cli {below} <command> --help` explains a command."));
    page
}

fn listed(heading: &str, mut rows: Vec<(String, String)>, page: &mut Page) {
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    page.section(heading, rows);
    if more > 0 {
        page.text(format!("And {more} more; `open-cli catalog list` has them all."));
    }
}

fn groups(service: &Service, rows: &[&Row<'_>]) -> Vec<(String, String)> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !tree::is_folded(service, row)) {
        groups.entry(row.group).or_default().push(row.command);
    }
    let row = |(group, commands): (&str, Vec<&str>)| {
        let noun = if commands.len() == 1 { "command" } else { "commands" };
        (foreign(group, WORD), format!("{} {noun}: {}", commands.len(), some_of(&commands)))
    };
    groups.into_iter().map(row).collect()
}

/// The first of them, as many as stay short.
fn some_of(commands: &[&str]) -> String {
    let mut out = String::new();
    for (i, command) in commands.iter().enumerate() {
        if i > 0 && out.len() + command.len() > 60 {
            return out + ", ..";
        }
        out.push_str(if i > 0 { ", " } else { "" });
        out.push_str(&foreign(command, WORD));
    }
    out
}

fn commands<'r>(rows: impl Iterator<Item = &'r Row<'r>>) -> Vec<(String, String)> {
    rows.map(|row| (foreign(row.command, WORD), noted(&foreign(row.summary, LINE), &marks(row)))).collect()
}

/// What has to be known before a command is chosen.
fn marks(row: &Row<'_>) -> Vec<String> {
    let safety = row.safety();
    let marks = [
        (row.deprecated(), "deprecated"),
        (safety.destructive, "destructive"),
        (safety.requires_approval, "needs approval"),
    ];
    marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()).collect()
}
