//! Values of flags and arguments: what the tables call them, or their schema, says where candidates come from.
//!
//! Pure. A command that is new in a table is completed by what its arguments and flags are called there.

use crate::catalog::{Schema, Tool, files};
use crate::cli::args::Options;
use crate::cli::commands::BuiltIn;
use crate::cli::value;
use crate::client::index::Index;

use super::Known;
use super::offers::Offers;
use super::words;

/// Where the values of a flag come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Nobody knows them.
    Unknown,
    /// Names of files.
    Files,
    /// Names of directories.
    Directories,
    /// Profiles of configuration and catalog.
    Profiles,
    /// Services, by alias and id.
    Services,
    /// Groups, of the service that is given if one is.
    Groups,
    /// Tools, by id.
    Tools,
    /// Workflows, by id.
    Workflows,
}

impl Values {
    /// By the flag's name and what its value is called.
    pub fn of_flag(name: &str, placeholder: &str) -> Self {
        match (name, placeholder) {
            (_, "FILE" | "PATH") => Self::Files,
            (_, "DIR") => Self::Directories,
            ("agent-profile", _) => Self::Profiles,
            ("service", "NAME") => Self::Services,
            ("group", "NAME") => Self::Groups,
            ("tool", "ID") => Self::Tools,
            ("workflow", "ID") => Self::Workflows,
            _ => Self::Unknown,
        }
    }

    /// Offers them; `options` are the flags beside it.
    pub fn offer(self, offers: &mut Offers, known: &dyn Known, options: &Options) {
        let index = || known.index();
        match self {
            Self::Unknown => {}
            Self::Files => offers.files(""),
            Self::Directories => offers.directories(),
            Self::Profiles => profiles(offers, known),
            Self::Services => services(offers, index()),
            Self::Groups => groups(offers, index(), options.value("service")),
            Self::Tools => tools(offers, index()),
            Self::Workflows => workflows(offers, index()),
        }
    }
}

/// The argument of a built-in command behind the arguments `before`, by what the table calls its arguments.
pub fn of_built_in(offers: &mut Offers, command: &BuiltIn, before: &[String], known: &dyn Known) {
    let called = command.arguments.to_ascii_lowercase();
    let is = |what: &str| called.contains(what);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    if is("command words")
        && let Some(index) = known.index()
    {
        words::of_tool(offers, index, &before);
    }
    if !before.is_empty() {
        return;
    }
    if let Some(choices) = choices(command.arguments) {
        choices.for_each(|choice| offers.word(choice, ""));
    }
    if is("tool id") {
        tools(offers, known.index());
    }
    if is("workflow id") {
        workflows(offers, known.index());
    }
    if is("service") {
        services(offers, known.index());
    }
    if is("file") {
        offers.files("");
    } else if is("directory") {
        offers.directories();
    }
}

/// The words of `<a|b|c>`.
fn choices(arguments: &str) -> Option<std::str::Split<'_, char>> {
    let inside = arguments.strip_prefix(['<', '['])?.strip_suffix(['>', ']'])?;
    (inside.contains('|') && !inside.contains(' ')).then(|| inside.split('|'))
}

/// What a parameter's schema allows, where it says so.
pub fn of_schema(offers: &mut Offers, schema: Option<&Schema>, about: &str) {
    let Some(schema) = schema else { return };
    value::choices(schema).iter().for_each(|choice| offers.word(choice, about));
    if value::is_by_member(schema) {
        value::members(schema).iter().for_each(|member| offers.part(&format!("{}=", member.name), &member.description));
    }
}

/// `--body`: a file behind `@`, or standard input.
pub fn body(offers: &mut Offers, typed: &str) {
    if typed.starts_with('@') {
        return offers.files("@");
    }
    offers.part("@", "Read it from a file");
    offers.word("-", "Read it from standard input");
}

/// `--file`: `NAME=` of the members that are files, and files.
pub fn file(offers: &mut Offers, tool: &Tool, typed: &str) {
    let members = files::multipart(tool).map(files::members).unwrap_or_default();
    let name = typed.split_once('=').map(|(name, _)| name).filter(|name| !name.contains('/'));
    match (name, members.len()) {
        (Some(name), _) => offers.files(&format!("{name}=")),
        (None, count) => {
            members.iter().for_each(|member| offers.part(&format!("{}=", member.name), ""));
            if count == 1 {
                offers.files("");
            }
        }
    }
}

/// A member of the body that comes from a file: `name=@FILE`.
pub fn of_member(offers: &mut Offers, tool: &Tool, typed: &str) {
    if let Some((name, _)) = typed.split_once("=@").filter(|_| tool.request_body.is_some()) {
        offers.files(&format!("{name}=@"));
    }
}

fn profiles(offers: &mut Offers, known: &dyn Known) {
    known.profiles().iter().for_each(|profile| offers.word(profile, "Profile of the configuration"));
    // The view of no profile is among the views, and is none.
    let views = known.index().into_iter().flat_map(|index| &index.header().views);
    views.filter(|view| *view != "discover").for_each(|view| offers.word(view, "Profile of the runtime"));
}

fn services(offers: &mut Offers, index: Option<&Index>) {
    for service in index.iter().flat_map(|index| &index.header().services) {
        offers.word(&service.alias, &service.title);
        offers.word(&service.id, &service.title);
    }
}

fn groups(offers: &mut Offers, index: Option<&Index>, service: Option<&str>) {
    let Some(index) = index else { return };
    let service = service.and_then(|word| index.service(word));
    let rows = index.rows().filter(|row| !row.hidden() && service.is_none_or(|service| service.id == row.service));
    let groups: std::collections::BTreeSet<&str> = rows.map(|row| row.group).collect();
    groups.into_iter().for_each(|group| offers.word(group, ""));
}

fn tools(offers: &mut Offers, index: Option<&Index>) {
    for row in index.into_iter().flat_map(Index::rows).filter(|row| !row.hidden()) {
        offers.word(row.id, row.summary);
    }
}

fn workflows(offers: &mut Offers, index: Option<&Index>) {
    index.iter().flat_map(|index| &index.header().workflows).for_each(|id| offers.word(id, ""));
}
