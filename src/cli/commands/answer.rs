//! What becomes of an upstream's answer: printed in the format asked for, its status and headers before it, or written to a file.
//!
//! Key type: [`Place`]. A file gets whole answers of a status below 400 and nothing else; what an upstream that failed has to say goes to
//! standard error then.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::disk;
use crate::base::members::Members;
use crate::catalog::Tool;
use crate::cli::args::UsageError;
use crate::cli::bind::AnswerOptions;
use crate::cli::output::{self, Format, Shape, Unfit, table};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::contract::ExecuteResponse;
use crate::execute::paging;
use crate::execute::redact::Redactions;

/// The longest answer of an upstream that failed that is shown beside a file.
const MAX_ASIDE: usize = 64 << 10;

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To standard output, in a format.
    Shown,
    /// To standard output, its very bytes: `--output -`.
    Bytes,
    /// To a file, its very bytes.
    File(PathBuf),
}

impl Place {
    /// Where `--output` says; that the file cannot be written is said before anything is sent.
    pub fn of(world: &World<'_>, options: &AnswerOptions) -> Result<Self, Failure> {
        let path = match options.output.as_deref() {
            None => return Ok(Self::Shown),
            Some("-") => return Ok(Self::Bytes),
            Some(path) => world.host.absolute(Path::new(path)),
        };
        disk::check_writable(&path)
            .map_err(|error| UsageError::new(format!("--output {} cannot be written: {error}", path.display())))?;
        Ok(Self::File(path))
    }

    /// For messages.
    pub fn name(&self) -> String {
        match self {
            Self::Shown | Self::Bytes => "standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Lets an answer out, and says how it went; `joined` when it holds the items of several pages.
pub fn give(
    world: &World<'_>,
    tool: &Tool,
    options: &AnswerOptions,
    place: &Place,
    (response, joined): (&ExecuteResponse, bool),
) -> Result<(), Failure> {
    let shape = shape(world, tool, response, joined);
    // What a query finds goes to a file as it goes to a pipe.
    let is_asked_for = world.globals.format.is_some() || !world.globals.columns.is_empty();
    let format = if is_asked_for { shape.format } else { Format::Json };
    let piped = Shape { format, terminal: None, colour: false, ..shape.clone() };
    let failed = |place| Failure::upstream(response.status_code, tool.id.as_str(), place);
    match place {
        Place::File(path) => {
            if options.include {
                show_head(world, response, &shape)?;
            }
            let bytes = bytes(response, &piped)?;
            if let Some(failure) = failed("standard error") {
                aside(world, &bytes);
                return Err(failure);
            }
            if response.withheld.is_some() {
                return Err(withheld(tool, response));
            }
            if response.truncated {
                return Err(Failure { message: format!("{}; no file was written", cut(tool).message), ..cut(tool) });
            }
            return disk::write_whole(path, &bytes).map_err(|error| {
                Failure::other("output_failed", format!("{} cannot be written: {error}", path.display()))
            });
        }
        Place::Bytes => {
            if options.include {
                world.console.text(&head(response))?;
            }
            world.console.answer(&bytes(response, &piped)?)?;
        }
        Place::Shown if options.include => show_whole(world, response, &shape)?,
        Place::Shown => show(world, response, &shape)?,
    }
    match failed("standard output") {
        Some(failure) => Err(failure),
        None if response.withheld.is_some() => Err(withheld(tool, response)),
        None if response.truncated => Err(cut(tool)),
        None => Ok(()),
    }
}

/// How an answer is shown. What an upstream that failed has to say is not what a query or the columns are made for.
fn shape(world: &World<'_>, tool: &Tool, response: &ExecuteResponse, joined: bool) -> Shape {
    let mut shape = Shape {
        fields: tool.output.default_fields.clone(),
        redactions: tool.output.redactions.clone(),
        ..world.shape(&[])
    };
    if response.status_code >= 400 {
        shape.query = None;
        shape.columns.clear();
    }
    if let (Format::Jsonl | Format::Table, Some(json)) = (shape.format, &response.body) {
        shape.list = list(tool, json.get(), joined);
    }
    shape
}

/// The way to the list in an answer, found as for the next page. A thing that merely has a list among its members is no list.
fn list(tool: &Tool, json: &str, joined: bool) -> Vec<String> {
    let Some((path, _)) = paging::items(tool, json) else { return Vec::new() };
    let is_named = tool.pagination.as_ref().is_some_and(|hints| !hints.items_path.is_empty());
    let is_page = || match path.as_slice() {
        [name] => Members::of(json)
            .is_some_and(|members| members.iter().all(|(other, _)| other == name || table::is_of_page(other))),
        _ => false,
    };
    let is_sure = joined || is_named || path.last().is_none_or(|name| paging::is_usual(name)) || is_page();
    if is_sure { path } else { Vec::new() }
}

/// The answer is longer than the runtime lets through.
pub fn cut(tool: &Tool) -> Failure {
    Failure::other("truncated", format!("{}: the answer was cut at the runtime's limit", tool.id))
        .hint("ask for less: a smaller page, or fewer fields")
}

/// What no terminal is given unasked.
pub fn binary(size: usize, content_type: &str) -> Failure {
    let what = if content_type.is_empty() { "binary" } else { content_type };
    Failure::other("binary_output", format!("the answer is {size} bytes of {what}, not shown on a terminal"))
        .hint("write it to a file: --output FILE; or show it all the same: --output -")
}

/// There is an answer, and the toolbox does not show it.
pub fn withheld(tool: &Tool, response: &ExecuteResponse) -> Failure {
    let why = response.withheld.as_deref().unwrap_or_default();
    Failure::other("withheld", format!("{}: the answer is not shown: {why}", tool.id))
        .hint("`x-cli-output.redactions` of the operation say what is hidden; a smaller answer may fit the limit")
}

/// The body in the format of `shape`.
fn show(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    match (&response.body, &response.text, &response.body_base64) {
        (Some(json), _, _) if output::keeps_bytes(json.get(), shape) => world.console.answer(&bytes(response, shape)?),
        (Some(json), _, _) => world.console.answer(&output::json_answer(json.get(), shape)?),
        (None, None, None) => Ok(()),
        (None, _, _) if shape.query.is_some() => Err(Unfit::NoJson.into()),
        (None, Some(text), _) => world.console.answer(&output::text_answer(text, shape)),
        (None, None, Some(encoded)) => {
            let bytes = decoded(encoded)?;
            let shown = output::binary_answer(&bytes, shape);
            world.console.answer(&shown.map_err(|output::Binary| binary(bytes.len(), &response.content_type))?)
        }
    }
}

/// Status, headers and body: as one object in the formats of programs, as lines before a table and what is raw.
fn show_whole(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    if matches!(shape.format, Format::Table | Format::Raw) {
        world.console.text(&head(response))?;
        return show(world, response, shape);
    }
    let is_empty = response.text.is_none() && response.body_base64.is_none();
    if shape.query.is_some() && response.body.is_none() && !is_empty {
        return Err(Unfit::NoJson.into());
    }
    let shown = response.body.as_ref().map(|json| output::shown(json.get(), shape)).transpose()?;
    let json = shown.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
    let json = json.map_err(|error| Failure::other("internal", error.to_string()))?;
    let whole = Whole { body: json, ..Whole::head(response) };
    let whole = Whole { text: response.text.as_deref(), body_base64: response.body_base64.as_deref(), ..whole };
    print_object(world, &whole, shape)
}

/// Status and headers alone, where the body goes elsewhere.
pub fn show_head(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    match shape.format {
        Format::Table | Format::Raw => world.console.text(&head(response)),
        _ => print_object(world, &Whole::head(response), shape),
    }
}

fn print_object(world: &World<'_>, whole: &Whole<'_>, shape: &Shape) -> Result<(), Failure> {
    let text = serde_json::to_string(whole).map_err(|error| Failure::other("internal", error.to_string()))?;
    let (fields, redactions, list) = (Vec::new(), Vec::new(), Vec::new());
    world.print_shaped(&text, &Shape { query: None, fields, redactions, list, ..shape.clone() })
}

/// An answer as one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    status_code: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    headers: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<&'a str>,
}

impl<'a> Whole<'a> {
    fn head(response: &'a ExecuteResponse) -> Self {
        Self {
            status_code: response.status_code,
            content_type: &response.content_type,
            headers: &response.headers,
            body: None,
            text: None,
            body_base64: None,
        }
    }
}

/// Status line and headers, and the empty line behind them.
pub fn head(response: &ExecuteResponse) -> String {
    let mut out = format!("HTTP {}\n", response.status_code);
    if !response.content_type.is_empty() {
        out.push_str(&format!("content-type: {}\n", response.content_type));
    }
    for (name, value) in &response.headers {
        match value {
            Value::String(text) => out.push_str(&format!("{name}: {text}\n")),
            other => out.push_str(&format!("{name}: {other}\n")),
        }
    }
    out.push('\n');
    out
}

/// What goes to a file: the very bytes of a body, but for what is redacted; with a query what it finds, as it goes to a pipe.
fn bytes<'a>(response: &'a ExecuteResponse, shape: &Shape) -> Result<Cow<'a, [u8]>, Failure> {
    if shape.query.is_some() {
        let json = match (&response.body, &response.text, &response.body_base64) {
            (Some(json), _, _) => json.get(),
            (None, None, None) => return Ok(Cow::Borrowed(&[])),
            _ => return Err(Unfit::NoJson.into()),
        };
        return Ok(Cow::Owned(output::json_answer(json, shape)?));
    }
    Ok(match (&response.body, &response.text, &response.body_base64) {
        (Some(json), _, _) => {
            let json = match Redactions::of(&shape.redactions).of_valid_json(json.get()) {
                Cow::Borrowed(json) => Cow::Borrowed(json.as_bytes()),
                Cow::Owned(json) => Cow::Owned(json.into_bytes()),
            };
            match &response.around {
                None => json,
                Some((before, after)) => Cow::Owned([before.as_bytes(), &json, after.as_bytes()].concat()),
            }
        }
        (None, Some(text), _) => Cow::Borrowed(text.as_bytes()),
        (None, None, Some(encoded)) => Cow::Owned(decoded(encoded)?),
        (None, None, None) => Cow::Borrowed(&[]),
    })
}

fn decoded(encoded: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(encoded).map_err(|error| {
        Failure::new(report::UNREACHABLE, "runtime_answer", format!("the runtime's answer is no base64: {error}"))
    })
}

/// What an upstream that failed has to say, when it must not go into the file.
pub fn aside(world: &World<'_>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok("") => {}
        Ok(text) if text.len() <= MAX_ASIDE => world.console.answer_aside(text),
        Ok(text) => {
            world.console.answer_aside(&String::from_utf8_lossy(&bytes[..MAX_ASIDE]));
            world.console.note(&format!("the answer has {} bytes; this is its beginning", text.len()));
        }
        Err(_) => world.console.note(&format!("the upstream answered {} bytes that are no text", bytes.len())),
    }
}
