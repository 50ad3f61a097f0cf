//! A line that works: the command of a tool with all that must be given, each value from its schema; and the worked lines of skill
//! manifests that the tool takes.
//!
//! A line is only shown when this program's own parser takes it ([`is_taken`]); what a toolbox and an upstream make of it is theirs.

use std::ffi::OsString;

use serde_json::Value;

use crate::catalog::{BodyContent, Parameter, Tool, files};
use crate::cli::args::{self, Line, Token, Wants};
use crate::cli::bind::{self, BodySource};
use crate::cli::commands::dry_run::quote;
use crate::cli::output::sanitize;
use crate::cli::value;
use crate::http;

use super::sample;

/// Lines of manifests that are shown; `explain` has all.
const MOST_LINES: usize = 5;

/// Characters of a body that stands in a line.
const MOST_BODY: usize = 800;

/// Characters of a publisher's example of a body; longer ones hide what must be given.
const MOST_EXAMPLE: usize = 300;

/// Where a body is that no line can hold.
const BODY_FILE: &str = "@body.json";

/// The lines of a tool, at least one; `whole` says that it is no summary.
pub fn lines(tool: &Tool, words: &str, whole: bool) -> Vec<String> {
    let guidance = tool.guidance.iter().flat_map(|guidance| &guidance.examples);
    let worked = guidance.filter(|example| is_taken(tool, &example.command)).take(MOST_LINES);
    let mut lines: Vec<String> = Vec::new();
    for example in worked {
        let goal = sanitize::line(example.goal.trim());
        lines.extend((!goal.is_empty()).then(|| format!("# {goal}")));
        lines.push(sanitize::line(example.command.trim()));
    }
    if lines.is_empty() {
        lines.push(made(tool, words, whole));
    }
    lines
}

/// Whether a line is a command of this tool that this program would send. What stands behind a pipe is not looked at.
pub fn is_taken(tool: &Tool, line: &str) -> bool {
    bound(tool, line).is_some()
}

/// The line as a call of the tool, its body in it where that stands in the line.
pub fn bound(tool: &Tool, line: &str) -> Option<bind::Bound> {
    let words = shell_words(line)?;
    let (program, rest) = words.split_first()?;
    if program != "open-cli" {
        return None;
    }
    let arguments: Vec<OsString> = rest.iter().map(OsString::from).collect();
    let mut parsed = Line::default();
    args::parse(&arguments, &mut parsed).ok()?;
    let tokens = behind_the_command(tool, &parsed.tokens)?;
    let mut bound = bind::bind(tool, tokens).ok()?;
    if let Some(BodySource::Text(text)) = bound.body.clone() {
        bind::attach_body(tool, &mut bound.request, text.as_bytes()).ok()?;
    }
    Some(bound)
}

/// What stands behind service, group and command.
fn behind_the_command<'t>(tool: &Tool, tokens: &'t [Token]) -> Option<&'t [Token]> {
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    let names = |word: &str| word == tool.command || tool.aliases.iter().any(|alias| alias == word);
    match (word(1)?, word(2)) {
        (group, Some(command)) if group == tool.group && names(command) => Some(&tokens[3..]),
        (command, _) if names(command) => Some(&tokens[2..]),
        _ => None,
    }
}

/// The words of a line as a POSIX shell would give them, up to a pipe, a redirection or the end of the command; `None` for a line that
/// asks the shell for more than words.
fn shell_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '$' | '`' => return None,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '$' | '`' | '*' | '?' => return None,
            '|' | '>' | '<' | ';' | '&' | '\n' | '#' if word.is_none() || c != '#' => break,
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// The command with all that must be given.
pub fn made(tool: &Tool, words: &str, whole: bool) -> String {
    let mut line = format!("open-cli {words}");
    let texts: Vec<String> = tool.path_params.iter().map(argument).collect();
    // What looks like a flag stands behind --, so all flags stand before.
    let behind = texts.iter().any(|text| text.starts_with('-'));
    let arguments: String = texts.iter().map(|text| format!(" {}", quote(text))).collect();
    if !behind {
        line.push_str(&arguments);
    }
    for (name, flag) in bind::flags_of(tool).iter().filter(|(_, flag)| bind::is_needed(tool, flag)) {
        let joined = value::wants(flag.schema.as_ref()) != Wants::Value;
        for text in texts_of(flag) {
            let between = if joined || text.starts_with('-') || text.is_empty() { '=' } else { ' ' };
            line.push_str(&format!(" --{name}{between}{}", quote(&text)));
        }
    }
    if let Some(given) = &tool.request_body
        && (given.required || !matches!(tool.method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS"))
    {
        let text = body(tool, whole);
        // What may be left out is shown where it can be.
        if given.required || !text.contains('@') {
            line.push_str(&text);
        }
    }
    if tool.safety.requires_approval {
        line.push_str(" --approval");
    }
    if behind {
        line.push_str(&format!(" --{arguments}"));
    }
    sanitize::line(&line)
}

/// What is typed for a path parameter: one word, JSON where it is no plain value.
fn argument(parameter: &Parameter) -> String {
    let schema = parameter.schema.as_ref();
    let whole = schema.map_or(Value::Bool(true), |schema| schema.value());
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let takes = |text: &String| {
        let fits = || sample::fits(&whole, std::slice::from_ref(text));
        !text.is_empty() && !text.chars().any(char::is_control) && value::check(schema, text).is_ok() && fits()
    };
    let given = parameter.example.as_ref().map(word).filter(takes);
    let made = || sample::argument(&whole, &parameter.original_name).as_ref().map(word).filter(|text| !text.is_empty());
    given.or_else(made).unwrap_or_else(|| parameter.name.clone())
}

/// What is typed for a flag: once, or once for each item of a list. Never nothing.
fn texts_of(parameter: &Parameter) -> Vec<String> {
    let schema = parameter.schema.as_ref();
    let of_schema =
        || sample::value(&schema.map_or(Value::Bool(true), |schema| schema.value()), &parameter.original_name);
    let takes = |texts: &Vec<String>| {
        let plain = texts.iter().all(|text| !text.is_empty() && !text.chars().any(char::is_control));
        plain && !texts.is_empty() && value::read(schema, texts).is_ok() && allowed(parameter, texts)
    };
    let given = parameter.example.as_ref().map(typed).filter(takes);
    let made = || {
        of_schema().as_ref().map(typed).filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()))
    };
    given.or_else(made).unwrap_or_else(|| vec![parameter.name.clone()])
}

/// Whether the schema allows the publisher's own example: patterns and lengths, which the command line leaves to the toolbox.
fn allowed(parameter: &Parameter, texts: &[String]) -> bool {
    let Some(schema) = &parameter.schema else { return true };
    sample::fits(&schema.value(), texts)
}

/// A value as it is typed.
fn typed(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => items.iter().map(text).collect(),
        value => vec![text(value)],
    }
}

/// The flags that give a body.
fn body(tool: &Tool, whole: bool) -> String {
    let contents = tool.request_body.iter().flat_map(|body| &body.content_types);
    let contents: Vec<&BodyContent> = contents.collect();
    let of = |wanted: &dyn Fn(&str) -> bool| contents.iter().find(|content| wanted(&content.media_type)).copied();
    if let Some(content) = of(&|media| http::is_json(media)) {
        return format!(" --body {}", in_line(content, whole));
    }
    let described =
        |content: &&BodyContent| content.schema.as_ref().is_some_and(|schema| !value::members(schema).is_empty());
    if let Some(content) = of(&takes_json).filter(described) {
        return format!(" --body {} --content-type application/json", in_line(content, whole));
    }
    if let Some(content) = files::multipart(tool).filter(|first| std::ptr::eq(*first, contents[0])) {
        return parts(content, whole);
    }
    match contents.first() {
        Some(content) if http::media_type(&content.media_type) == "application/x-www-form-urlencoded" => {
            // One that is not described is given as it is sent.
            if described(content) {
                format!(" --body {}", in_line(content, whole))
            } else {
                " --body name=value".to_owned()
            }
        }
        Some(content) if content.media_type.contains('*') => {
            format!(" --body @data.bin --content-type {}", concrete(&http::media_type(&content.media_type)))
        }
        Some(content) if content.media_type.starts_with("text/") => format!(" --body 'some text'{}", named(&contents)),
        _ => format!(" --body @data.bin{}", named(&contents)),
    }
}

/// The first media type, where the toolbox would not know which one it is.
fn named(contents: &[&BodyContent]) -> String {
    match contents {
        [first, _, ..] => format!(" --content-type {}", quote(&first.media_type)),
        _ => String::new(),
    }
}

/// A media type that a range covers.
fn concrete(range: &str) -> String {
    let known =
        [("image/*", "image/png"), ("text/*", "text/plain"), ("audio/*", "audio/mpeg"), ("video/*", "video/mp4")];
    let named = known.into_iter().find(|(known, _)| *known == range).map(|(_, media)| media.to_owned());
    named.unwrap_or_else(|| match range.strip_suffix("/*") {
        Some(kind) if !kind.contains('*') && kind != "application" => format!("{kind}/x"),
        _ => "application/octet-stream".to_owned(),
    })
}

/// Whether a body of this media type may be JSON.
pub(super) fn takes_json(media: &str) -> bool {
    http::is_json(media) || http::media_type(media) == "*/*"
}

/// A JSON document for a line, or the name of a file that holds one.
fn in_line(content: &BodyContent, whole: bool) -> String {
    if !whole {
        return BODY_FILE.to_owned();
    }
    let schema = content.schema.as_ref().map_or(Value::Bool(true), |schema| schema.value());
    let fits = |value: &Value| value.to_string().len() <= MOST_BODY && sample::allows(&schema, value);
    let published = content.example.clone().filter(|value| value.to_string().len() <= MOST_EXAMPLE).filter(fits);
    let made = || sample::body(&schema).filter(fits);
    published.or_else(made).map_or_else(|| BODY_FILE.to_owned(), |value| quote(&value.to_string()))
}

/// Files of a multipart body by --file, the other members by --body.
fn parts(content: &BodyContent, whole: bool) -> String {
    let known = files::members(content);
    let mut wanted: Vec<_> = known.iter().filter(|file| file.required).collect();
    let schema = content.schema.as_ref().map_or(Value::Bool(true), |schema| schema.value());
    let mut members = match sample::body(&schema) {
        Some(Value::Object(members)) if whole => members,
        _ => serde_json::Map::new(),
    };
    members.retain(|name, _| !known.iter().any(|file| file.name == *name));
    if wanted.is_empty() && members.is_empty() {
        wanted.extend(known.first());
    }
    let files: String =
        wanted.iter().map(|file| format!(" --file {}", quote(&format!("{}=file.bin", file.name)))).collect();
    match (members.is_empty(), files.is_empty()) {
        (true, false) => files,
        (true, true) => format!(" --body {}", quote("{}")),
        (false, _) => format!("{files} --body {}", quote(&Value::Object(members).to_string())),
    }
}
