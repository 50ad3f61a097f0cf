//! A tool as a command: words to tool, flags to request, answer to output.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::path::Path;

use crate::base::disk;
use crate::catalog::Tool;
use crate::cli::args::{Token, UsageError};
use crate::cli::bind::{self, BodySource, Bound};
use crate::cli::output::{self, Shape};
use crate::cli::report::{self, Failure};
use crate::cli::tree::{self, Found};
use crate::cli::world::World;
use crate::cli::{commands, help};
use crate::client::index::{Index, Row};
use crate::client::runtime::ClientError;
use crate::client::session::Session;
use crate::contract::{CAPABILITY_CONTINUATIONS, CAPABILITY_TOOL_DETAIL, ExecuteRequest, ExecuteResponse};
use crate::execute::idempotency;

/// The largest body that is read from a file or standard input.
const MAX_BODY: usize = 64 << 20;

/// Runs the tool that `words` name, or explains it.
pub fn run(world: &mut World<'_>, words: &[&str], tokens: &[Token], explain: bool) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let index = match session.index() {
        Err(error @ (ClientError::Unreachable { .. } | ClientError::Auth(_)))
            if explain && session.remembered_index().is_some() =>
        {
            let why = match error {
                ClientError::Auth(_) => "there is no token to ask the runtime with",
                _ => "the runtime cannot be reached",
            };
            world.console.note(&format!("{why}; this is the catalog as it was last seen"));
            return explained(world, None, session.remembered_index().as_ref(), words);
        }
        other => other?,
    };
    if explain {
        return explained(world, Some(&session), Some(&index), words);
    }
    match tree::find(&index, words)? {
        Found::Tool { row, used } => call(world, &session, &index, &row, &tokens[used..]),
        Found::Level(level) => match tokens.iter().find(|token| matches!(token, Token::Option { .. })) {
            Some(Token::Option { name, .. }) => Err(UsageError::new(format!(
                "there is no global flag --{}, and `{}` names no tool yet",
                name.escape_debug(),
                words.join(" ")
            ))
            .hint("a tool's flags stand after its command words")
            .into()),
            _ => world.console.text(&help::level(&level)),
        },
    }
}

fn explained(
    world: &World<'_>,
    session: Option<&Session<'_>>,
    index: Option<&Index>,
    words: &[&str],
) -> Result<(), Failure> {
    let Some(index) = index else { return Ok(()) };
    match tree::find(index, words)? {
        Found::Level(level) => world.console.text(&help::level(&level)),
        Found::Tool { row, .. } => {
            let tool = match session {
                Some(session) => whole_tool(session, index, &row)?,
                None => read_tool(index, &row)?,
            };
            let service = index.service(row.service);
            let words = service.map_or_else(|| row.command.to_owned(), |service| tree::words(service, &row));
            world.console.text(&help::tool(&tool, &words))
        }
    }
}

/// The tool as the index has it.
pub fn read_tool(index: &Index, row: &Row<'_>) -> Result<Tool, Failure> {
    index.tool(row).map_err(|cause| Failure::new(report::UNREACHABLE, "runtime_answer", cause))
}

/// The tool with all that a summary leaves out, when the runtime tells.
pub fn whole_tool(session: &Session<'_>, index: &Index, row: &Row<'_>) -> Result<Tool, Failure> {
    let contract = session.contract()?;
    if !contract.has(CAPABILITY_TOOL_DETAIL) {
        return read_tool(index, row);
    }
    let bytes = session.runtime.tool(row.id, &session.ask(&contract))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(report::UNREACHABLE, "runtime_answer", format!("{}: {error}", row.id)))
}

fn call(
    world: &mut World<'_>,
    session: &Session<'_>,
    index: &Index,
    row: &Row<'_>,
    tokens: &[Token],
) -> Result<(), Failure> {
    let tool = read_tool(index, row)?;
    let Bound { mut request, body, dry_run, pages, wait } = bind::bind(&tool, tokens)?;
    if let Some(source) = body {
        let bytes = read_body(world, source)?;
        bind::attach_body(&tool, &mut request, &bytes)?;
    }
    request.config_path.clone_from(&session.ask.config);
    request.mode.clone_from(&session.ask.mode);
    request.agent_profile.clone_from(&session.ask.agent_profile);
    request.approval = world.globals.approval;
    if dry_run {
        return commands::dry_run::show(world, session, &request);
    }
    give_key(session, &tool, &mut request)?;
    let Asked { response, request_id, failure } = match pages {
        Some(most) => commands::pages::all(world, session, &tool, request, most)?,
        None if wait => commands::wait::until_done(world, session, &tool, request)?,
        None => Asked::once(session.runtime.execute(&request)?),
    };
    let shape = Shape {
        format: world.format(),
        fields: tool.output.default_fields.clone(),
        redactions: tool.output.redactions.clone(),
        terminal: world.terminal_width(),
    };
    print(world, &response, &shape)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    if let Some(failure) = Failure::upstream(response.status_code, row.id) {
        return Err(Failure { request_id, ..failure });
    }
    if response.truncated {
        return Err(Failure::other("truncated", format!("{}: the answer was cut at the runtime's limit", row.id))
            .hint("ask for less: a smaller page, or fewer fields"));
    }
    Ok(())
}

/// What came of a call.
pub struct Asked {
    /// What is printed.
    pub response: ExecuteResponse,
    /// The id of the last exchange.
    pub request_id: Option<String>,
    /// What is wrong with it, told once it is printed; the upstream's status comes on top.
    pub failure: Option<Failure>,
}

impl Asked {
    /// As one exchange gave it.
    pub fn once((response, request_id): (ExecuteResponse, Option<String>)) -> Self {
        Self { response, request_id, failure: None }
    }
}

/// A runtime that does not make idempotency keys gets one where the tool cannot do without.
fn give_key(session: &Session<'_>, tool: &Tool, request: &mut ExecuteRequest) -> Result<(), Failure> {
    let Some(parameter) = idempotency::parameter(tool).filter(|parameter| parameter.required) else { return Ok(()) };
    if !request.flags.contains_key(&parameter.name)
        && !session.contract()?.has(CAPABILITY_CONTINUATIONS)
        && let Some(key) = idempotency::random()
    {
        request.flags.insert(parameter.name.clone(), key.into());
    }
    Ok(())
}

fn read_body(world: &mut World<'_>, source: BodySource) -> Result<Vec<u8>, Failure> {
    let too_large =
        || Failure::from(UsageError::new(format!("--body is larger than {MAX_BYTES} MiB", MAX_BYTES = MAX_BODY >> 20)));
    match source {
        BodySource::Text(text) => Ok(text.into_bytes()),
        BodySource::File(path) => match disk::read(&world.host.absolute(Path::new(&path)), MAX_BODY) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(too_large()),
            Err(error) => Err(UsageError::new(format!("--body @{path} cannot be read: {error}")).into()),
        },
        BodySource::Stdin => {
            if world.console.terminal.stdin {
                world.console.note("the body is read from standard input; end it with Ctrl-D");
            }
            let mut bytes = Vec::new();
            let read = (&mut world.host.stdin).take(MAX_BODY as u64 + 1).read_to_end(&mut bytes);
            read.map_err(|error| UsageError::new(format!("--body -: standard input cannot be read: {error}")))?;
            if bytes.len() > MAX_BODY { Err(too_large()) } else { Ok(bytes) }
        }
    }
}

fn print(world: &World<'_>, response: &ExecuteResponse, shape: &Shape) -> Result<(), Failure> {
    let bytes = match (&response.body, &response.text, &response.body_base64) {
        (Some(json), _, _) => output::json_answer(json.get(), shape),
        (None, Some(text), _) => output::text_answer(text, shape),
        (None, None, Some(encoded)) => {
            let bytes = STANDARD.decode(encoded).map_err(|error| {
                Failure::new(
                    report::UNREACHABLE,
                    "runtime_answer",
                    format!("the runtime's answer is no base64: {error}"),
                )
            })?;
            let size = bytes.len();
            output::binary_answer(bytes, shape).map_err(|output::Binary| {
                let what = if response.content_type.is_empty() { "binary" } else { &response.content_type };
                Failure::other(
                    "binary_output",
                    format!("the answer is {size} bytes of {what}, not shown on a terminal"),
                )
                .hint("write it to a file: append > FILE")
            })?
        }
        (None, None, None) => return Ok(()),
    };
    world.console.answer(&bytes)
}
