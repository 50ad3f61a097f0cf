//! Help at every level, as text. Pure: reads the flag tables, the table of built-in commands, and what it is given of the catalog.

use crate::catalog::{self, Parameter, Tool};
use crate::client::index::{Row, Service};
use crate::execute::idempotency;

use super::body::{Kind, Shape};
use super::commands::{BUILT_IN, BuiltIn};
use super::flags::{self, Flag};
use super::report::EXITS;
use super::tree::{self, Level};
use super::{bind, value};

/// `open-cli --help`
pub fn root() -> String {
    let mut out = String::from(
        "Runs the tools of a toolbox as commands.\n\n\
         Usage: open-cli [global flags] <service> <group> <command> [arguments] [flags]\n       \
         open-cli [global flags] <built-in command>\n\n\
         `open-cli catalog list` lists the tools; --help after any words explains them.\n\n\
         Built-in commands:\n",
    );
    let rows: Vec<(String, String)> =
        BUILT_IN.iter().map(|command| (command.usage(), command.help.to_owned())).collect();
    columns(&rows, &mut out);
    out.push_str("\nGlobal flags:\n");
    flag_list(flags::GLOBAL, &mut out);
    out.push_str("\nFlags of every tool:\n");
    flag_list(flags::CALL, &mut out);
    out.push_str("\nExit codes:\n");
    let rows: Vec<(String, String)> =
        EXITS.iter().map(|(exit, meaning)| (exit.to_string(), (*meaning).to_owned())).collect();
    columns(&rows, &mut out);
    out
}

/// Help of the built-in commands that begin with `words`.
pub fn built_in(commands: &[&BuiltIn]) -> String {
    let mut out = String::new();
    if let [command] = commands {
        out.push_str(&format!("{}\n\nUsage: open-cli {}\n", command.help, command.usage()));
        if !command.options.is_empty() {
            out.push_str("\nFlags:\n");
            flag_list(command.options, &mut out);
        }
    } else {
        out.push_str("Commands:\n");
        let rows: Vec<(String, String)> =
            commands.iter().map(|command| (command.usage(), command.help.to_owned())).collect();
        columns(&rows, &mut out);
    }
    out.push_str("\n`open-cli --help` lists the global flags.\n");
    out
}

/// Help of a service or a group.
pub fn level(level: &Level<'_>) -> String {
    let service = level.service;
    let visible: Vec<&Row<'_>> = level.rows.iter().filter(|row| !row.hidden()).collect();
    let mut out = String::new();
    if !service.title.is_empty() {
        out.push_str(&format!("{}\n\n", service.title));
    }
    match level.group {
        Some(group) => {
            out.push_str(&format!("Usage: open-cli {} {group} <command> [arguments] [flags]\n", service.alias));
            command_list("\nCommands:\n", visible.into_iter(), &mut out);
        }
        None => {
            out.push_str(&format!("Usage: open-cli {} <group> <command> [arguments] [flags]\n", service.alias));
            group_list(service, &visible, &mut out);
            command_list("\nCommands:\n", visible.into_iter().filter(|row| tree::is_folded(service, row)), &mut out);
        }
    }
    out.push_str("\n--help after a command explains it.\n");
    out
}

fn group_list(service: &Service, rows: &[&Row<'_>], out: &mut String) {
    let mut groups: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| !tree::is_folded(service, row)) {
        groups.entry(row.group).or_default().push(row.command);
    }
    if groups.is_empty() {
        return;
    }
    out.push_str("\nGroups:\n");
    let rows: Vec<(String, String)> = groups
        .into_iter()
        .map(|(group, commands)| {
            let noun = if commands.len() == 1 { "command" } else { "commands" };
            (group.to_owned(), format!("{} {noun}: {}", commands.len(), some_of(&commands)))
        })
        .collect();
    columns(&rows, out);
}

/// The first of them, as many as stay short.
fn some_of(commands: &[&str]) -> String {
    let mut out = String::new();
    for (i, command) in commands.iter().enumerate() {
        if i > 0 && out.len() + command.len() > 60 {
            return out + ", ..";
        }
        out.push_str(if i > 0 { ", " } else { "" });
        out.push_str(command);
    }
    out
}

fn command_list<'r>(title: &str, rows: impl Iterator<Item = &'r Row<'r>>, out: &mut String) {
    let rows: Vec<(String, String)> = rows.map(|row| (row.command.to_owned(), row.summary.to_owned())).collect();
    if !rows.is_empty() {
        out.push_str(title);
        columns(&rows, out);
    }
}

/// Help of one tool; `words` are those of its command.
pub fn tool(tool: &Tool, words: &str) -> String {
    let mut out = String::new();
    let said = if tool.summary.is_empty() { &tool.operation_id } else { &tool.summary };
    out.push_str(&format!("{}\n\nUsage: open-cli {words}", said.trim()));
    for param in &tool.path_params {
        out.push_str(&format!(" <{}>", param.name));
    }
    let shape = body_of(tool);
    out.push_str(if shape.is_some() { " [member=value..] [flags]\n" } else { " [flags]\n" });
    if !tool.description.trim().is_empty() && tool.description.trim() != said.trim() {
        out.push_str(&format!("\n{}\n", tool.description.trim()));
    }
    if !tool.path_params.is_empty() {
        out.push_str("\nArguments:\n");
        let rows: Vec<_> = tool
            .path_params
            .iter()
            .map(|param| (format!("<{}>", param.name), explained(tool, param, &param.name)))
            .collect();
        columns(&rows, &mut out);
    }
    let mut rows: Vec<(String, String)> = bind::flags_of(tool)
        .iter()
        .map(|(name, flag)| {
            (format!("--{name} {}", value::flag_label(flag.schema.as_ref())), explained(tool, flag, name))
        })
        .collect();
    rows.extend(call_flags(tool));
    out.push_str("\nFlags:\n");
    columns(&rows, &mut out);
    shape.iter().for_each(|shape| body_flags(shape, &mut out));
    out.push_str(&format!("\nTool {}: {} {}{}\n", tool.id, tool.method, tool.path, marks(tool)));
    out
}

/// The body that is given by its members when nothing else is said.
fn body_of(tool: &Tool) -> Option<Shape<'_>> {
    let flags = bind::flags_of(tool);
    let parameters: Vec<&str> = flags.iter().map(|(name, _)| name.as_str()).collect();
    Shape::of(tool, None, false, &parameters)
}

/// The flags of a body's members, and its files.
fn body_flags(shape: &Shape<'_>, out: &mut String) {
    let required = |required: bool| required.then(|| "required".to_owned());
    let mut rows: Vec<(String, String)> = Vec::new();
    for flag in &shape.flags {
        let member = &flag.member;
        let mut notes: Vec<String> = required(member.required).into_iter().collect();
        notes.extend((flag.name != member.name).then(|| format!("`{}` of the API", member.name)));
        notes.extend(member.default.as_ref().map(|default| format!("default {default}")));
        rows.push((format!("--{} {}", flag.name, member.label), noted(&member.description, &notes)));
    }
    for file in &shape.files {
        let notes: Vec<String> = required(file.required).into_iter().collect();
        let more = if file.many { ".." } else { "" };
        rows.push((format!("--file {}=PATH{more}", file.name), noted(&file.description, &notes)));
    }
    if !rows.is_empty() {
        let what = if shape.kind == Kind::Json { "a JSON body" } else { "a form" };
        out.push_str(&format!("\nMembers of {what}:\n"));
        columns(&rows, out);
    }
}

/// A description and what is to be known beside it.
fn noted(description: &str, notes: &[String]) -> String {
    match (description.is_empty(), notes.is_empty()) {
        (_, true) => description.to_owned(),
        (true, false) => format!("({})", notes.join(", ")),
        (false, false) => format!("{description} ({})", notes.join(", ")),
    }
}

fn call_flags(tool: &Tool) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for flag in flags::CALL {
        let types = tool.body_types();
        match (flag.name, &tool.request_body) {
            ("body", Some(body)) => {
                let required = if body.required { " (required)" } else { "" };
                rows.push((flag.usage(), format!("{}: {}{required}", flag.help, types.join(", "))));
            }
            ("content-type", Some(_)) if types.len() > 1 => rows.push((flag.usage(), flag.help.to_owned())),
            ("file", Some(_)) if catalog::files::multipart(tool).is_some() => {
                rows.push((flag.usage(), flag.help.to_owned()));
            }
            ("body" | "content-type" | "file", _) => {}
            ("idempotency-key", _) if idempotency::parameter(tool).is_none() => {}
            _ => rows.push((flag.usage(), flag.help.to_owned())),
        }
    }
    rows
}

fn explained(tool: &Tool, parameter: &Parameter, typed: &str) -> String {
    let first = parameter.description.trim().lines().next().unwrap_or("").to_owned();
    let mut notes = Vec::new();
    let is_key = idempotency::parameter(tool).is_some_and(|key| std::ptr::eq(key, parameter));
    if is_key {
        notes.push("the same as --idempotency-key; made when neither is given".to_owned());
    } else if parameter.required && parameter.location != catalog::Place::Path {
        notes.push("required".to_owned());
    }
    if typed != parameter.original_name {
        notes.push(format!("`{}` of the API", parameter.original_name));
    }
    notes.extend(parameter.schema.as_ref().and_then(value::default).map(|default| format!("default {default}")));
    noted(&first, &notes)
}

fn marks(tool: &Tool) -> String {
    let marks = [
        (tool.safety.read_only, "read-only"),
        (tool.safety.destructive, "destructive"),
        (tool.safety.requires_approval, "needs --approval"),
    ];
    marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| format!(", {mark}")).collect()
}

fn flag_list(table: &[Flag], out: &mut String) {
    let rows: Vec<(String, String)> = table
        .iter()
        .map(|flag| {
            let env = flag.env.map_or_else(String::new, |variable| format!(" [{variable}]"));
            (flag.usage(), format!("{}{env}", flag.help))
        })
        .collect();
    columns(&rows, out);
}

/// Two columns, the first as wide as its widest short entry.
fn columns(rows: &[(String, String)], out: &mut String) {
    let width = rows.iter().map(|(left, _)| left.chars().count()).filter(|&width| width <= 44).max().unwrap_or(0);
    for (left, right) in rows {
        let gap = width.saturating_sub(left.chars().count()) + 2;
        let line = format!("  {left}{}{right}", " ".repeat(gap));
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
