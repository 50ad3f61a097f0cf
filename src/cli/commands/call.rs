//! A tool as a command: words to tool, flags to request, answer to output.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::ErrorKind;

use super::upstream;
use crate::base::name::{edits, nearest};
use crate::catalog::Tool;
use crate::cli::args::{Token, UsageError};
use crate::cli::bind::{self, AnswerOptions, BodySource, Bound, Draft};
use crate::cli::commands::answer::{self, Place};
use crate::cli::commands::{explained, follow, made};
use crate::cli::files::FileSource;
use crate::cli::report::{self, Failure};
use crate::cli::tree::{self, Found};
use crate::cli::world::World;
use crate::cli::{commands, flags, help, prompt};
use crate::client::index::{Index, Row};
use crate::client::session::Session;
use crate::contract::{
    CAPABILITY_CONTINUATIONS, CAPABILITY_REQUEST_FORMS, CAPABILITY_STREAMS, ErrorCode, ExecuteRequest, ExecuteResponse,
    RequestFile,
};
use crate::execute::idempotency;

/// The largest body that is read from a file or standard input.
pub const MAX_BODY: usize = 64 << 20;

/// All files of a call together; the contract sends no larger body.
const MAX_FILES: usize = 10 << 20;

/// What is sent is worth telling from this size on.
const LARGE: usize = 1 << 20;

/// Runs the tool that `words` name.
pub fn run(world: &mut World<'_>, words: &[&str], tokens: &[Token]) -> Result<(), Failure> {
    let connection = world.connect().map_err(|failure| or_a_slip(failure, words))?;
    let session = connection.session();
    let asked = {
        let _asks = world.console.progress("asking the runtime for its catalog");
        session.index()
    };
    let index = asked.map_err(|error| or_a_slip(error.into(), words))?;
    match tree::find(&index, words)? {
        Found::Tool { row, used } => call(world, &session, &index, &row, &tokens[used..])
            .map_err(|failure| failure.explained_by(&words[..used].join(" "))),
        Found::Level(level) => match tokens.iter().find(|token| matches!(token, Token::Option { .. })) {
            Some(Token::Option { name, .. }) => Err(no_global(name, words).into()),
            _ => world.console.page(&help::level(&level)),
        },
    }
}

/// Without a catalog nobody can say whether there is such a service; that the word is nearly a command of our own can be said.
pub fn or_a_slip(failure: Failure, words: &[&str]) -> Failure {
    let word = words.first().copied().unwrap_or_default();
    let known = || commands::BUILT_IN.iter().map(|command| command.words[0]);
    let near = nearest(word, known()).filter(|near| edits(word, near, 2).is_some());
    match near {
        Some(near) => {
            let hint = format!("did you mean `open-cli {near}`? else {}", failure.next_step());
            failure.hint(hint)
        }
        None => failure,
    }
}

fn no_global(name: &str, words: &[&str]) -> UsageError {
    let error = UsageError::new(format!(
        "there is no global flag --{}, and `{}` names no tool yet",
        name.escape_debug(),
        words.join(" ")
    ));
    match nearest(name, flags::GLOBAL.iter().map(|flag| flag.name)) {
        Some(near) => error.hint(format!("did you mean --{near}? a tool's flags stand after its command words")),
        None => error.hint("a tool's flags stand after its command words"),
    }
}

/// The tool as the index has it.
pub fn read_tool(index: &Index, row: &Row<'_>) -> Result<Tool, Failure> {
    index.tool(row).map_err(|cause| Failure::new(report::UNREACHABLE, "runtime_answer", cause))
}

fn call(
    world: &mut World<'_>,
    session: &Session<'_>,
    index: &Index,
    row: &Row<'_>,
    tokens: &[Token],
) -> Result<(), Failure> {
    let tool = tool_for(world, session, index, row, tokens)?;
    let mut draft = Draft::read(&tool, tokens)?;
    let asks = world.may_ask() && !draft.reads_stdin();
    if asks {
        prompt::complete(world, row.id, &mut draft)?;
    }
    let Bound { mut request, body, members, files, dry_run, answer: options, pages, wait } = draft.finish()?;
    request.files = read_files(world, files)?;
    check_capability(session, &request)?;
    if let Some(bytes) = made::body(world, body, members)? {
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
    if options.stream && world.globals.query.is_some() {
        let error = UsageError::new("--query needs the whole answer, and --stream writes it piece by piece");
        return Err(error.hint("leave one of them out").into());
    }
    let place = Place::of(world, &options)?;
    let sending = Sending { tool: &tool, service: row.service, options: &options, place: &place, pages, wait };
    let again = asks.then(|| ExecuteRequest { approval: true, ..request.clone() });
    match (sending.send(world, session, request), again) {
        // Nothing was carried out, and the person who may approve it is here.
        (Err(failure), Some(request)) if needs_approval(world, &failure) => {
            match prompt::approves(world, &approval_of(&tool, &request)) {
                true => sending.send(world, session, request),
                false => Err(failure),
            }
        }
        (sent, _) => sent,
    }
}

fn needs_approval(world: &World<'_>, failure: &Failure) -> bool {
    !world.globals.approval && failure.code == ErrorCode::ApprovalRequired.row().text
}

/// The tool with as much of it as these tokens need; a person who is asked something is told what it is.
fn tool_for(
    world: &World<'_>,
    session: &Session<'_>,
    index: &Index,
    row: &Row<'_>,
    tokens: &[Token],
) -> Result<Tool, Failure> {
    let tool = read_tool(index, row)?;
    let asks = || world.may_ask() && Draft::read(&tool, tokens).is_ok_and(|draft| !draft.missing().is_empty());
    match bind::needs_whole(&tool, tokens) || asks() {
        true => Ok(explained::whole(session, index, row)?.0),
        false => Ok(tool),
    }
}

/// What a person approves.
fn approval_of(tool: &Tool, request: &ExecuteRequest) -> String {
    let foreign = prompt::foreign;
    let mut said =
        format!("{} needs approval: {} {}", foreign(tool.id.as_str()), foreign(&tool.method), foreign(&tool.path));
    for (parameter, value) in tool.path_params.iter().zip(&request.path_args) {
        said.push_str(&format!("\n  {}: {}", foreign(&parameter.name), value.escape_debug()));
    }
    for (name, value) in &request.flags {
        let value = if prompt::names_a_secret(name) { "(not shown)".to_owned() } else { foreign(&value.to_string()) };
        said.push_str(&format!("\n  --{}: {value}", foreign(name)));
    }
    let sent = request.body.iter().map(String::len).chain(request.files.iter().map(|file| file.content.len()));
    match sent.map(|base64| base64 / 4 * 3).sum() {
        0 => {}
        bytes => said.push_str(&format!("\n  a body of about {bytes} bytes; --dry-run shows it")),
    }
    said
}

/// A call that is ready to be made.
struct Sending<'a> {
    tool: &'a Tool,
    service: &'a str,
    options: &'a AnswerOptions,
    place: &'a Place,
    pages: Option<usize>,
    wait: bool,
}

impl Sending<'_> {
    /// Makes it, and gives the answer.
    fn send(&self, world: &World<'_>, session: &Session<'_>, mut request: ExecuteRequest) -> Result<(), Failure> {
        let Self { tool, options, place, .. } = *self;
        if options.stream {
            let begun = {
                let _waits = world.console.progress(&waited_for(tool, &request));
                session.runtime.execute_stream(&request)
            };
            let stream = begun.map_err(|error| upstream::hinted(error, self.service))?;
            let request_id = stream.request_id.clone();
            return follow::follow(world, tool, options, place, stream)
                .map_err(|failure| Failure { request_id, ..failure });
        }
        give_key(session, tool, &mut request)?;
        let waits = world.console.progress(&waited_for(tool, &request));
        let asked = match self.pages {
            Some(most) => commands::pages::all(world, session, tool, request, most)?,
            None if self.wait => commands::wait::until_done(world, session, tool, request)?,
            None => Asked::once(first(session, tool, &request)?),
        };
        drop(waits);
        let Asked { response, request_id, failure } = asked;
        let shown = (&response, self.pages.is_some());
        match failure {
            // A file gets all or nothing.
            Some(failure) if matches!(place, Place::File(_)) => {
                Err(Failure { message: format!("{}; no file was written", failure.message), ..failure })
            }
            Some(failure) => {
                // What it says of the upstream's status, `failure` says better.
                answer::give(world, tool, options, place, shown).or_else(|of_answer| {
                    match of_answer.is_upstreams() {
                        true => Ok(()),
                        false => Err(of_answer),
                    }
                })?;
                Err(failure)
            }
            None => {
                answer::give(world, tool, options, place, shown).map_err(|failure| Failure { request_id, ..failure })
            }
        }
    }
}

/// What a call is waiting for, in a few words.
fn waited_for(tool: &Tool, request: &ExecuteRequest) -> String {
    let files = request.files.iter().map(|file| file.content.len());
    // Both are base64.
    let bytes = (request.body.as_ref().map_or(0, String::len) + files.sum::<usize>()) / 4 * 3;
    match bytes {
        0..LARGE => format!("waiting for {}", tool.id),
        _ => format!("uploading {}.{} MiB to {}", bytes / LARGE, bytes % LARGE * 10 / LARGE, tool.id),
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
    match form(request) {
        Some(flag) if !session.contract()?.has(CAPABILITY_REQUEST_FORMS) => Err(unknown_form(flag)),
        _ => Ok(()),
    }
}

/// The flag for what is ours in a request.
pub fn form(request: &ExecuteRequest) -> Option<&'static str> {
    let asked = [
        (!request.files.is_empty(), "--file"),
        (request.accept.is_some(), "--accept"),
        (request.no_validate, "--no-validate"),
    ];
    asked.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
}

/// The runtime does not know that flag.
pub fn unknown_form(flag: &str) -> Failure {
    Failure::new(report::OTHER, "not_supported", format!("this runtime does not know {flag}; nothing was sent"))
        .hint("`open-cli runtime info` lists its capabilities")
}

fn read_files(world: &mut World<'_>, files: Vec<FileSource>) -> Result<Vec<RequestFile>, Failure> {
    let mut left = MAX_FILES;
    let mut read = Vec::new();
    for FileSource { name, path, media_type, file_name } in files {
        let said = path.as_deref().unwrap_or("-").to_owned();
        let too_large =
            || UsageError::new(format!("--file {name}={said}: the files are larger than {} MiB", MAX_FILES >> 20));
        let bytes = match world.bytes_of(path.as_deref(), left) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(too_large().into()),
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
    if lacks_key(tool, request) && !session.contract()?.has(CAPABILITY_CONTINUATIONS) {
        make_key(tool, request);
    }
    Ok(())
}

/// Whether a tool needs an idempotency key and none is given.
pub fn lacks_key(tool: &Tool, request: &ExecuteRequest) -> bool {
    idempotency::parameter(tool)
        .is_some_and(|parameter| parameter.required && !request.flags.contains_key(&parameter.name))
}

/// Makes an idempotency key; without randomness the runtime says what is missing.
pub fn make_key(tool: &Tool, request: &mut ExecuteRequest) {
    if let (Some(parameter), Some(key)) = (idempotency::parameter(tool), idempotency::random()) {
        request.flags.insert(parameter.name.clone(), key.into());
    }
}

/// The bytes of `--body`.
pub fn read_body(world: &mut World<'_>, source: BodySource) -> Result<Vec<u8>, Failure> {
    let too_large =
        || Failure::from(UsageError::new(format!("--body is larger than {MAX_BYTES} MiB", MAX_BYTES = MAX_BODY >> 20)));
    let path = match source {
        BodySource::Text(text) => return Ok(text.into_bytes()),
        BodySource::File(path) => Some(path),
        BodySource::Stdin => None,
    };
    if path.is_none() && world.console.terminal.stdin {
        world.console.note("the body is read from standard input; end it with Ctrl-D");
    }
    world.bytes_of(path.as_deref(), MAX_BODY).map_err(|error| match path {
        _ if error.kind() == ErrorKind::FileTooLarge => too_large(),
        Some(path) => UsageError::new(format!("--body @{path} cannot be read: {error}")).into(),
        None => UsageError::new(format!("--body -: standard input cannot be read: {error}")).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h42_what_is_approved_is_said_on_lines_of_our_own() {
        let path = "/pin/{id\nApprove? [y/N] }".to_owned();
        let tool = Tool { id: "s:t".into(), method: "DELETE".to_owned(), path, ..Tool::default() };
        assert_eq!(approval_of(&tool, &ExecuteRequest::default()).lines().count(), 1);
    }

    #[test]
    fn what_is_uploaded_is_told_from_a_size_on() {
        let tool = Tool { id: "s:t".into(), ..Tool::default() };
        let told = |body: usize, file: usize| {
            let file = RequestFile { content: STANDARD.encode(vec![0; file]), ..RequestFile::default() };
            let body = Some(STANDARD.encode(vec![0; body]));
            waited_for(&tool, &ExecuteRequest { body, files: vec![file], ..ExecuteRequest::default() })
        };
        assert_eq!(told(1000, 0), "waiting for s:t");
        assert_eq!(told(2 << 20, 1 << 19), "uploading 2.5 MiB to s:t");
    }
}
