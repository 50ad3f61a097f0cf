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
use crate::catalog::Tool;
use crate::cli::args::UsageError;
use crate::cli::bind::AnswerOptions;
use crate::cli::output::{self, Format, Shape};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::contract::ExecuteResponse;
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

/// Lets an answer out, and says how it went.
pub fn give(
    world: &World<'_>,
    tool: &Tool,
    options: &AnswerOptions,
    place: &Place,
    response: &ExecuteResponse,
) -> Result<(), Failure> {
    let shape = Shape {
        format: world.format(),
        fields: tool.output.default_fields.clone(),
        redactions: tool.output.redactions.clone(),
        terminal: world.terminal_width(),
    };
    let failed = |place| Failure::upstream(response.status_code, tool.id.as_str(), place);
    match place {
        Place::File(path) => {
            if options.include {
                show_head(world, response, &shape)?;
            }
            let bytes = bytes(response, &shape)?;
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
            world.console.answer(&bytes(response, &shape)?)?;
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
    let bytes = match (&response.body, &response.text, &response.body_base64) {
        (Some(_), _, _) if shape.format == Format::Json && shape.terminal.is_none() => {
            return world.console.answer(&bytes(response, shape)?);
        }
        (Some(json), _, _) => output::json_answer(json.get(), shape),
        (None, Some(text), _) => output::text_answer(text, shape),
        (None, None, Some(encoded)) => {
            let bytes = decoded(encoded)?;
            let size = bytes.len();
            output::binary_answer(bytes, shape).map_err(|output::Binary| binary(size, &response.content_type))?
        }
        (None, None, None) => return Ok(()),
    };
    world.console.answer(&bytes)
}

/// Status, headers and body: as one object in the formats of programs, as lines before a table.
fn show_whole(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    if shape.format == Format::Table {
        world.console.text(&head(response))?;
        return show(world, response, shape);
    }
    let shown = response.body.as_ref().map(|json| Redactions::of(&shape.redactions).of_valid_json(json.get()));
    let json = shown.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
    let json = json.map_err(|error| Failure::other("internal", error.to_string()))?;
    let whole = Whole { body: json, ..Whole::head(response) };
    let whole = Whole { text: response.text.as_deref(), body_base64: response.body_base64.as_deref(), ..whole };
    print_object(world, &whole, shape)
}

/// Status and headers alone, where the body goes elsewhere.
pub fn show_head(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    match shape.format {
        Format::Table => world.console.text(&head(response)),
        _ => print_object(world, &Whole::head(response), shape),
    }
}

fn print_object(world: &World<'_>, whole: &Whole<'_>, shape: &Shape) -> Result<(), Failure> {
    let text = serde_json::to_string(whole).map_err(|error| Failure::other("internal", error.to_string()))?;
    let shape = Shape { fields: Vec::new(), redactions: Vec::new(), ..shape.clone() };
    let mut bytes = output::json_answer(&text, &shape);
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    world.console.answer(&bytes)
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

/// The very bytes of a body, but for what is redacted.
fn bytes<'a>(response: &'a ExecuteResponse, shape: &Shape) -> Result<Cow<'a, [u8]>, Failure> {
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
