//! Help of one tool: what it does, what it takes, what it may change, and a line that works.

use crate::base::page::Page;
use crate::catalog::{self, Parameter, Tool};
use crate::cli::body::{BodyFlag, Kind, Shape};
use crate::cli::commands::explain;
use crate::cli::flags::{self, Flag};
use crate::cli::{bind, value};
use crate::execute::idempotency;

use super::example;
use super::{LINE, WORD, cut, foreign, noted};
use crate::cli::output::sanitize;

/// Characters of a tool's description; `explain` has all of it.
const MOST_DESCRIPTION: usize = 1200;

/// Lines of it.
const MOST_LINES: usize = 24;

/// Characters of what is said of one flag or member.
const MOST_SAID: usize = 300;

/// Flags and members that are listed each; `tool schema` has all.
const MOST_ROWS: usize = 100;

/// Pieces of advice of each kind.
const MOST_ADVICE: usize = 10;

/// The page of a tool; `words` are those of its command. `whole` says that the tool is no summary, which lacks what bodies need.
pub fn tool(tool: &Tool, words: &str, whole: bool) -> Page {
    let mut page = Page::default();
    let said = foreign(if tool.summary.is_empty() { &tool.operation_id } else { &tool.summary }, LINE);
    page.text(said.clone());
    if tool.deprecated {
        page.text("Deprecated: its publisher advises against using it.");
    }
    page.heading("Usage");
    let arguments: String = tool.path_params.iter().map(|param| format!(" <{}>", foreign(&param.name, WORD))).collect();
    let shape = bind::body_of(tool);
    let members = if shape.is_some() { " [member=value..]" } else { "" };
    page.fixed([format!("open-cli {words}{arguments}{members} [flags]")]);
    let description = described(&tool.description);
    if description != said {
        if !description.is_empty() {
            page.heading("Description");
        }
        page.text(description);
    }
    if let Some(guidance) = &tool.guidance {
        page.list("When to use it", advice(&guidance.when_to_use));
        page.list("When not", advice(&guidance.avoid_when));
    }
    section("Arguments", arguments_of(tool), tool, &mut page);
    section("Flags", own_flags(tool), tool, &mut page);
    body(tool, shape.as_ref(), &mut page);
    page.section("Flags of every tool", call_flags(tool, &["body", "content-type", "file"], false));
    page.heading("What it may change");
    page.text(change(tool));
    let examples = example::lines(tool, words, whole);
    page.heading(if examples.len() > 1 { "Examples" } else { "Example" });
    page.fixed(examples);
    let request = format!("{} {}", foreign(&tool.method, WORD), foreign(&tool.path, LINE));
    page.section("Tool", vec![(foreign(tool.id.as_str(), LINE), request)]);
    page
}

fn section(heading: &str, mut rows: Vec<(String, String)>, tool: &Tool, page: &mut Page) {
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    page.section(heading, rows);
    if more > 0 {
        page.text(format!("And {more} more; `open-cli tool schema {}` has them all.", foreign(tool.id.as_str(), LINE)));
    }
}

/// Markdown as paragraphs: lines that only continue are joined, so that they fit any terminal.
fn described(text: &str) -> String {
    let mut out = String::new();
    let mut free = false;
    for line in text.lines().map(str::trim) {
        // Lists, tables, headings and code keep their lines.
        let stands = line.starts_with(['-', '*', '#', '|', '`', '>']) || line.starts_with(|c: char| c.is_ascii_digit());
        match line {
            "" => free = false,
            _ if free && !stands => out.push(' '),
            _ if !out.is_empty() => out.push('\n'),
            _ => {}
        }
        if !line.is_empty() {
            out.push_str(line);
            free = !line.starts_with(['#', '|', '`']);
        }
    }
    let lines: Vec<&str> = out.lines().collect();
    let few = lines.iter().take(MOST_LINES).copied().collect::<Vec<_>>().join("\n");
    let short = cut(&few, MOST_DESCRIPTION);
    let more = lines.len() > MOST_LINES || short.len() < few.len();
    sanitize::lines(&if more { format!("{short}\n`open-cli explain` has all of it.") } else { short })
}

fn advice(list: &[String]) -> Vec<String> {
    list.iter().take(MOST_ADVICE).map(|text| foreign(text, MOST_SAID)).collect()
}

fn arguments_of(tool: &Tool) -> Vec<(String, String)> {
    let row = |param: &Parameter| {
        let label = value::label(param.schema.as_ref());
        let label = if label == "TEXT" { String::new() } else { format!(" {}", foreign(&label, LINE)) };
        (format!("<{}>{label}", foreign(&param.name, WORD)), explained(tool, param, &param.name))
    };
    tool.path_params.iter().map(row).collect()
}

/// What must be given first, else in the publisher's order.
fn own_flags(tool: &Tool) -> Vec<(String, String)> {
    let mut flags = bind::flags_of(tool);
    flags.sort_by_key(|(_, flag)| !bind::is_needed(tool, flag));
    let row = |(name, flag): &(String, &Parameter)| {
        let label = foreign(&value::flag_label(flag.schema.as_ref()), LINE);
        (format!("--{} {label}", foreign(name, WORD)), explained(tool, flag, name))
    };
    flags.iter().map(row).collect()
}

fn explained(tool: &Tool, parameter: &Parameter, typed: &str) -> String {
    let mut notes = Vec::new();
    let is_key = idempotency::parameter(tool).is_some_and(|key| std::ptr::eq(key, parameter));
    if is_key {
        notes.push("the same as --idempotency-key; made when neither is given".to_owned());
    } else if parameter.required && parameter.location != catalog::Place::Path {
        notes.push("required".to_owned());
    }
    if parameter.deprecated {
        notes.push("deprecated".to_owned());
    }
    if typed != parameter.original_name {
        notes.push(format!("`{}` of the API", foreign(&parameter.original_name, WORD)));
    }
    notes.extend(parameter.schema.iter().flat_map(value::notes).map(|note| foreign(&note, LINE)));
    noted(&foreign(first_paragraph(&parameter.description), MOST_SAID), &notes)
}

fn first_paragraph(text: &str) -> &str {
    let text = text.trim();
    text.split_once("\n\n").map_or(text, |(first, _)| first)
}

/// How a body is given, and the flags of its members, with its files.
fn body(tool: &Tool, shape: Option<&Shape<'_>>, page: &mut Page) {
    page.section("Body", call_flags(tool, &["body", "content-type", "file"], true));
    let Some(shape) = shape else { return };
    let mut flags: Vec<_> = shape.flags.iter().collect();
    flags.sort_by_key(|flag| !flag.member.required);
    let required = |required: bool| required.then(|| "required".to_owned());
    let row = |flag: &BodyFlag| {
        let member = &flag.member;
        let mut notes: Vec<String> = required(member.required).into_iter().collect();
        notes.extend((flag.name != member.name).then(|| format!("`{}` of the API", foreign(&member.name, WORD))));
        notes.extend(member.notes.iter().map(|note| foreign(note, LINE)));
        let label = foreign(&member.label, LINE);
        (format!("--{} {label}", foreign(&flag.name, WORD)), noted(&foreign(&member.description, MOST_SAID), &notes))
    };
    let mut rows: Vec<_> = flags.into_iter().map(row).collect();
    rows.extend(shape.files.iter().map(|file| {
        let notes: Vec<String> = required(file.required).into_iter().collect();
        let more = if file.many { ".." } else { "" };
        let said = noted(&foreign(&file.description, MOST_SAID), &notes);
        (format!("--file {}=PATH{more}", foreign(&file.name, WORD)), said)
    }));
    let what = if shape.kind == Kind::Json { "a JSON body" } else { "a form" };
    section(&format!("Members of {what}"), rows, tool, page);
}

/// The flags of every tool that mean something to this one: those that are named, or the others.
fn call_flags(tool: &Tool, names: &[&str], named: bool) -> Vec<(String, String)> {
    let help = |flag: &Flag| match (flag.name, &tool.request_body) {
        ("body", Some(body)) => {
            let required = if body.required { " (required)" } else { "" };
            let types = tool.body_types();
            let types: Vec<String> = types.iter().take(MOST_ADVICE).map(|media| foreign(media, WORD)).collect();
            format!("{}: {}{required}", flag.help, types.join(", "))
        }
        _ => flag.help.to_owned(),
    };
    let wanted = flags::CALL.iter().filter(|flag| names.contains(&flag.name) == named);
    wanted.filter(|flag| bind::has_use(tool, flag)).map(|flag| (flag.usage(), help(flag))).collect()
}

/// What a call may do, and who has to agree.
fn change(tool: &Tool) -> String {
    let approval = match tool.safety.requires_approval {
        true => "; it needs --approval, which says that a person approved this very call",
        false => "",
    };
    format!("{}{approval}.", upper(explain::safety(tool)))
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}
