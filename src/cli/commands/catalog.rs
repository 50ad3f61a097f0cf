//! `catalog list` and `tool schema`.

use serde_json::{Value, json};

use crate::catalog::Safety;
use crate::cli::args::Options;
use crate::cli::commands::filter::Filter;
use crate::cli::report::{self, Failure};
use crate::cli::tree;
use crate::cli::world::World;
use crate::client::index::{Index, Row};
use crate::contract::CAPABILITY_TOOL_DETAIL;

/// Lists tools, filtered.
pub fn list(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let index = connection.session().index()?;
    let filter = Filter::read(&index, options)?;
    // The catalog goes by ids; people look for commands.
    let mut rows: Vec<Row<'_>> = index.rows().filter(|row| filter.takes(&index, row)).collect();
    rows.sort_by_cached_key(|row| tree::words_in(&index, row));
    let listed: Vec<Value> = rows.iter().map(|row| listed(&index, row)).collect();
    if listed.is_empty() {
        world.console.note(&filter.why_nothing(&index));
    }
    world.print(&listed, &["command", "safety", "summary"])
}

/// A tool in a list.
pub fn listed(index: &Index, row: &Row<'_>) -> Value {
    json!({
        "id": row.id,
        "command": tree::words_in(index, row),
        "service": row.service,
        "group": row.group,
        "method": row.method,
        "path": row.path,
        "safety": safety_words(row.safety()),
        "hidden": row.hidden(),
        "summary": row.summary,
    })
}

/// `read-only idempotent`
pub fn safety_words(safety: Safety) -> String {
    let words = [
        (safety.read_only, "read-only"),
        (safety.destructive, "destructive"),
        (safety.requires_approval, "approval"),
        (safety.idempotent && !safety.read_only, "idempotent"),
    ];
    words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}

/// Prints one tool whole.
pub fn schema(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let session = connection.session();
    let index = session.index()?;
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    let row = tree::tool(&index, &words)?;
    let contract = session.contract()?;
    let unreadable =
        |cause: String| Failure::new(report::UNREACHABLE, "runtime_answer", format!("{}: {cause}", row.id));
    let bytes = match contract.has(CAPABILITY_TOOL_DETAIL) {
        true => session.runtime.tool(row.id, &session.ask(&contract))?,
        false => index.tool_json(&row).map_err(|error| unreadable(error.to_string()))?,
    };
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    world.print_document(&text)
}
