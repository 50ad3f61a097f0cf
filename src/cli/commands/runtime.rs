//! `status`, `runtime info`, `runtime stop`, `runtime session-close`, `refresh`.

use serde_json::{Map, Value};

use crate::cli::args::Options;
use crate::cli::commands::{auth, doctor};
use crate::cli::report::{self, Failure};
use crate::cli::world::{Connection, World};
use crate::client::auth::{Caller, Credential};
use crate::client::runtime::ClientError;

/// Shows which runtime is used and what it offers; what could be found out stands on standard output also when it fails.
pub fn status(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let mut status = Map::new();
    status.insert("runtime".to_owned(), connection.target.as_str().into());
    status.insert("namedBy".to_owned(), connection.target.named.as_str().into());
    let files = connection.loaded.config.files.iter().map(|file| file.path.display().to_string());
    status.insert("config".to_owned(), files.collect::<Vec<_>>().into());
    let outcome = examine(&connection, &mut status);
    status.insert("ok".to_owned(), outcome.is_ok().into());
    world.print(&status, &[])?;
    outcome
}

fn examine(connection: &Connection<'_>, status: &mut Map<String, Value>) -> Result<(), Failure> {
    let mut session = connection.session();
    connection.tokens.silence();
    status.insert("token".to_owned(), auth::described(&connection.tokens.plan).into());
    let credential = connection.tokens.credential();
    if credential.is_err() {
        // What can be found out without a token is told all the same.
        session.runtime.caller = &Credential::Anonymous;
    }
    status.insert("reachable".to_owned(), false.into());
    let (info, _) = session.runtime.info()?;
    status.insert("reachable".to_owned(), true.into());
    status.insert("version".to_owned(), info.version.clone().into());
    status.insert("contract".to_owned(), info.contract_version.clone().into());
    status.insert("instance".to_owned(), info.instance_id.clone().into());
    status.insert("tokenNeeded".to_owned(), info.auth.required.into());
    status.insert("principal".to_owned(), info.auth.principal.clone().into());
    session.checked(&info)?;
    credential.map_err(ClientError::Auth)?;
    let index = session.index()?;
    let header = index.header();
    status.insert("view".to_owned(), header.view.0.clone().into());
    status.insert("services".to_owned(), header.services.len().into());
    status.insert("tools".to_owned(), index.rows().count().into());
    status.insert("fingerprint".to_owned(), header.fingerprint.clone().into());
    if let Some(sources) = doctor::sources(connection)? {
        let in_state = |state: &str| sources.iter().filter(|source| source.state == state).count();
        let counts = ["ok", "stale", "failed"].map(|state| (state.to_owned(), Value::from(in_state(state))));
        status.insert("sources".to_owned(), Value::Object(counts.into_iter().collect()));
    }
    Ok(())
}

/// Prints the handshake.
pub fn info(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let (_, bytes) = connection.session().runtime.info()?;
    world.print_json(&String::from_utf8_lossy(&bytes), &[])
}

/// Stops the runtime.
pub fn stop(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let bytes = connection.session().runtime.stop()?;
    world.print_json(&String::from_utf8_lossy(&bytes), &[])
}

/// Ends a session. This program opens none, so that without an id the runtime decides which one is meant.
pub fn session_close(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let bytes = connection.session().runtime.session_close(options.words.first().map(String::as_str))?;
    world.print_json(&String::from_utf8_lossy(&bytes), &[])
}

/// Lets the runtime fetch its sources; a source that failed is a failure of the command.
pub fn refresh(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let (answer, bytes) = {
        let _waits = world.console.progress("the runtime fetches its sources");
        session.runtime.refresh(session.ask.config.as_deref())?
    };
    match world.in_words() {
        true => {
            world.print(&answer.sources, &["id", "state", "since", "cacheOutcome", "statusCode", "uri", "error"])?
        }
        false => world.print_json(&String::from_utf8_lossy(&bytes), &[])?,
    }
    let failed: Vec<String> =
        answer.sources.iter().filter_map(|source| Some(format!("{}: {}", source.id, source.error.as_ref()?))).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        report::OTHER,
        "source_failed",
        format!("not every source could be fetched\n{}", failed.join("\n")),
    )
    .hint("`open-cli catalog doctor` says what to do; the last good version is served as long as it may be"))
}
