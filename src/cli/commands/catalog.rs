//! `catalog list` and `tool schema`.

use serde_json::{Value, json};

use crate::catalog::Safety;
use crate::cli::args::{Options, UsageError};
use crate::cli::report::{self, Failure};
use crate::cli::tree;
use crate::cli::world::World;
use crate::client::index::{Index, Row};
use crate::contract::CAPABILITY_TOOL_DETAIL;

/// Lists tools, filtered.
pub fn list(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let index = connection.session().index()?;
    let service = options.value("service").map(|word| {
        index.service(word).map(|service| service.id.clone()).ok_or_else(|| {
            let known: Vec<&str> = index.header().services.iter().map(|service| service.alias.as_str()).collect();
            UsageError::new(format!("there is no service {word:?}")).hint(format!("services: {}", known.join(", ")))
        })
    });
    let service = service.transpose()?;
    let kind = options.value("safety");
    let hidden = options.value("hidden") == Some("true");
    let rows = index.rows().filter(|row| {
        service.as_ref().is_none_or(|service| row.service == service)
            && options.value("group").is_none_or(|group| row.group == group)
            && kind.is_none_or(|kind| is_of_kind(row.safety(), kind))
            && (hidden || !row.hidden())
    });
    let listed: Vec<Value> = rows.map(|row| listed(&index, &row)).collect();
    if listed.is_empty() {
        world.console.note(
            "no tool fits; `open-cli auth status` shows your scopes, `open-cli refresh` what became of each source",
        );
    }
    world.print(&listed, &["command", "safety", "summary"])
}

fn is_of_kind(safety: Safety, kind: &str) -> bool {
    match kind {
        "read-only" => safety.read_only,
        "destructive" => safety.destructive,
        "approval" => safety.requires_approval,
        _ => safety.idempotent,
    }
}

fn listed(index: &Index, row: &Row<'_>) -> Value {
    let words = index.service(row.service).map_or_else(|| row.command.to_owned(), |service| tree::words(service, row));
    json!({
        "id": row.id,
        "command": words,
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
