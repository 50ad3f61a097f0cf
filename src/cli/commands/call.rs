//! A tool as a command: words to tool, flags to request, answer to output.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::path::Path;

use super::upstream;
use crate::base::disk;
use crate::catalog::Tool;
use crate::cli::args::{Token, UsageError};
use crate::cli::bind::{self, BodySource, Bound};
use crate::cli::commands::answer::{self, Place};
use crate::cli::commands::follow;
use crate::cli::files::FileSource;
use crate::cli::report::{self, Failure};
use crate::cli::tree::{self, Found};
use crate::cli::world::World;
use crate::cli::{commands, help};
use crate::client::index::{Index, Row};
use crate::client::session::Session;
use crate::contract::{
    CAPABILITY_CONTINUATIONS, CAPABILITY_REQUEST_FORMS, CAPABILITY_STREAMS, CAPABILITY_TOOL_DETAIL, ExecuteRequest,
    ExecuteResponse, RequestFile,
};
use crate::execute::idempotency;

/// The largest body that is read from a file or standard input.
const MAX_BODY: usize = 64 << 20;

/// All files of a call together; the contract sends no larger body.
const MAX_FILES: usize = 10 << 20;

/// Runs the tool that `words` name.
pub fn run(world: &mut World<'_>, words: &[&str], tokens: &[Token]) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let index = session.index()?;
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
            _ => world.console.page(&help::level(&level)),
        },
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
    let Bound { mut request, body, files, dry_run, answer: options, pages, wait } = bind::bind(&tool, tokens)?;
    request.files = read_files(world, files)?;
    check_capability(session, &request)?;
    if let Some(source) = body {
        let bytes = read_body(world, source)?;
        bind::attach_body(&tool, &mut request, &bytes)?;
    }
    request.config_path.clone_from(&session.ask.config);
    request.mode.clone_from(&session.ask.mode);
    request.agent_profile.clone_from(&session.ask.agent_profile);
    request.approval = world.globals.approval;
    if options.stream {
        // Not from memory: another program may listen there now.
        if !session.contract_now()?.has(CAPABILITY_STREAMS) {
            return Err(Failure::other("not_supported", "this runtime does not know streams; nothing was sent")
                .hint("`open-cli runtime info` lists its capabilities; without --stream the answer comes as a whole"));
        }
        request.stream = true;
    }
    if let Some(form) = dry_run {
        return commands::dry_run::show(world, session, &request, form);
    }
    let place = Place::of(world, &options)?;
    if options.stream {
        let stream = session.runtime.execute_stream(&request).map_err(|error| upstream::hinted(error, row.service))?;
        let request_id = stream.request_id.clone();
        return follow::follow(world, &tool, &options, &place, stream)
            .map_err(|failure| Failure { request_id, ..failure });
    }
    give_key(session, &tool, &mut request)?;
    let asked = match pages {
        Some(most) => commands::pages::all(world, session, &tool, request, most)?,
        None if wait => commands::wait::until_done(world, session, &tool, request)?,
        None => Asked::once(first(session, &tool, &request)?),
    };
    let Asked { response, request_id, failure } = asked;
    match failure {
        // A file gets all or nothing.
        Some(failure) if matches!(place, Place::File(_)) => {
            Err(Failure { message: format!("{}; no file was written", failure.message), ..failure })
        }
        Some(failure) => {
            // What it says of the upstream's status, `failure` says better.
            answer::give(world, &tool, &options, &place, &response).or_else(|of_answer| {
                match of_answer.is_upstreams() {
                    true => Ok(()),
                    false => Err(of_answer),
                }
            })?;
            Err(failure)
        }
        None => {
            answer::give(world, &tool, &options, &place, &response).map_err(|failure| Failure { request_id, ..failure })
        }
    }
}

/// Calls the tool once; an upstream that a person has to log in at first is named.
pub fn first(
    session: &Session<'_>,
    tool: &Tool,
    request: &ExecuteRequest,
) -> Result<(ExecuteResponse, Option<String>), Failure> {
    session.runtime.execute(request).map_err(|error| upstream::hinted(error, tool.service_id.as_str()))
}

/// What is ours in a request is sent only to a runtime that says it knows it.
fn check_capability(session: &Session<'_>, request: &ExecuteRequest) -> Result<(), Failure> {
    let asked = [
        (!request.files.is_empty(), "--file"),
        (request.accept.is_some(), "--accept"),
        (request.no_validate, "--no-validate"),
    ];
    let Some((_, flag)) = asked.into_iter().find(|(given, _)| *given) else { return Ok(()) };
    if session.contract()?.has(CAPABILITY_REQUEST_FORMS) {
        return Ok(());
    }
    Err(Failure::new(report::OTHER, "not_supported", format!("this runtime does not know {flag}; nothing was sent"))
        .hint("`open-cli runtime info` lists its capabilities"))
}

fn read_files(world: &mut World<'_>, files: Vec<FileSource>) -> Result<Vec<RequestFile>, Failure> {
    let mut left = MAX_FILES;
    let mut read = Vec::new();
    for FileSource { name, path, media_type, file_name } in files {
        let said = path.as_deref().unwrap_or("-").to_owned();
        let too_large =
            || UsageError::new(format!("--file {name}={said}: the files are larger than {} MiB", MAX_FILES >> 20));
        let bytes = match &path {
            Some(path) => disk::read(&world.host.absolute(Path::new(path)), left),
            None => {
                let mut bytes = Vec::new();
                (&mut world.host.stdin).take(left as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
            }
        };
        let bytes = match bytes {
            Ok(bytes) if bytes.len() <= left => bytes,
            Ok(_) => return Err(too_large().into()),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return Err(too_large().into()),
            Err(error) => {
                return Err(UsageError::new(format!("--file {name}={said} cannot be read: {error}")).into());
            }
        };
        left -= bytes.len();
        read.push(RequestFile { name, file_name, content_type: media_type, content: STANDARD.encode(bytes) });
    }
    Ok(read)
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
