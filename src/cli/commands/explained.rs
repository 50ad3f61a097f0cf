//! Help that a catalog has a part in. It comes at once from what was last seen; the runtime is asked only for what was never seen, and
//! where something is there to show without it, not for long (H41).

use std::time::Duration;

use crate::base::page::Page;
use crate::catalog::Tool;
use crate::cli::args::UsageError;
use crate::cli::help::{self, topic};
use crate::cli::report::Failure;
use crate::cli::tree::{self, Found};
use crate::cli::world::{Manner, World};
use crate::client::index::{Index, Row};
use crate::client::runtime::ClientError;
use crate::client::session::Session;
use crate::contract::{CAPABILITY_CATALOG_SUMMARY, CAPABILITY_TOOL_DETAIL};

/// How long the runtime is waited for when there is something to show without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first page. Without a configuration or with a wrong one, it has no services.
pub fn root(world: &mut World<'_>) -> Result<(), Failure> {
    let (_, index) = world.remembered();
    world.console.page(&help::root(index.as_ref()))
}

/// A word that is a topic, a service, or neither.
pub fn word(world: &mut World<'_>, word: &str) -> Result<(), Failure> {
    words(world, &[word]).map_err(|failure| match topic::near(word) {
        Some(near) => UsageError::new(format!("there is no help on `{}`", word.escape_debug()))
            .hint(format!("did you mean `open-cli help {near}`? `open-cli help {}` lists the topics", topic::LIST))
            .into(),
        None => failure,
    })
}

/// Help of what these words name: a service, a group or a tool.
pub fn words(world: &mut World<'_>, words: &[&str]) -> Result<(), Failure> {
    let brief = world.connect_in(Manner { limit: Some(PATIENCE), ..Manner::ALONE })?;
    let session = brief.session();
    let remembered = session.remembered_index();
    if let Some(index) = &remembered
        && let Ok(found) = tree::find(index, words)
        && let Some(page) = at_once(world, &session, index, found)
    {
        return world.console.page(&page);
    }
    let connection = world.connect()?;
    let session = connection.session();
    let index = match (session.index(), &remembered) {
        (Err(error @ (ClientError::Unreachable { .. } | ClientError::Auth(_))), Some(remembered)) => {
            world.console.note(&format!("{}; this is the catalog as it was last seen", away(&error)));
            tree::find(remembered, words)?;
            return Err(error.into());
        }
        (index, _) => index?,
    };
    let page = match tree::find(&index, words)? {
        Found::Level(level) => help::level(&level),
        Found::Tool { row, .. } => {
            let (tool, whole) = whole(&session, &index, &row)?;
            help::tool(&tool, &tree::words_in(&index, &row), whole)
        }
    };
    world.console.page(&page)
}

/// The page as far as it is known without waiting; `None` when the runtime has another catalog by now.
fn at_once(world: &World<'_>, session: &Session<'_>, index: &Index, found: Found<'_>) -> Option<Page> {
    let row = match found {
        Found::Level(level) => return Some(help::level(&level)),
        Found::Tool { row, .. } => row,
    };
    let (tool, whole) = match whole(session, index, &row) {
        Ok(found) => found,
        Err(ClientError::Refused(_)) => return None,
        Err(error) => {
            world.console.note(&format!("{}; this is the summary that was last seen", away(&error)));
            (index.tool(&row).ok()?, false)
        }
    };
    Some(help::tool(&tool, &tree::words_in(index, &row), whole))
}

/// The tool with all that a summary leaves out, and whether that could be had. What the runtime tells is remembered beside the index, so
/// that it is told once for each catalog.
pub fn whole(session: &Session<'_>, index: &Index, row: &Row<'_>) -> Result<(Tool, bool), ClientError> {
    let remembered = session.remembered_tool(index, row.id).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(tool) = remembered {
        return Ok((tool, true));
    }
    let garbled = |cause: String| ClientError::Garbled { call: format!("the tool {}", row.id), cause };
    let contract = session.contract()?;
    if !contract.has(CAPABILITY_TOOL_DETAIL) {
        let tool = index.tool(row).map_err(garbled)?;
        return Ok((tool, !contract.has(CAPABILITY_CATALOG_SUMMARY)));
    }
    let bytes = session.runtime.tool(row.id, &session.ask(&contract))?;
    let tool = serde_json::from_slice(&bytes).map_err(|error| garbled(error.to_string()))?;
    session.keep_tool(index, row.id, &bytes);
    Ok((tool, true))
}

fn away(error: &ClientError) -> &'static str {
    match error {
        ClientError::Auth(_) => "there is no token to ask the runtime with",
        _ => "the runtime cannot be reached",
    }
}
