//! `catalog lock` and `catalog diff`: what the runtime offers, as a file for review, and what changed since.
//!
//! What is compared and in which words is `catalog::lock`'s. The lock is a file of the project: written whole or not at all, with the
//! usual mode.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::disk;
use crate::catalog::lock::{self, Change, FILE_NAME, Lock, MAX_BYTES};
use crate::catalog::{Catalog, View};
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::output::sanitize;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::runtime::{CatalogAnswer, ClientError};

/// The flag of both commands.
pub const FILE: &[Flag] = &[option(
    "lock-file",
    Takes::Value("FILE"),
    "The lock, instead of .cli.lock.json beside the project's configuration",
)];

/// Writes the lock.
pub fn lock(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let path = place(world, options);
    disk::check_writable(&path).map_err(|error| unusable(&path, &error.to_string()))?;
    let lock = present(world)?;
    // The same JSON without a character that a terminal or an editor could take for more than text.
    let text = sanitize::json(&lock.text());
    let known = disk::read_if_there(&path, MAX_BYTES).ok().flatten();
    let changed = known.as_deref() != Some(text.as_bytes());
    if changed {
        disk::write_whole(&path, text.as_bytes()).map_err(|error| unusable(&path, &error.to_string()))?;
    }
    let answer = json!({
        "lockFile": path.display().to_string(), "changed": changed, "view": lock.view, "services": lock.services.len(),
        "tools": lock.tools.len(), "workflows": lock.workflows.len(),
    });
    world.print(&answer, &[])
}

/// Compares the runtime's catalog with the lock.
pub fn diff(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let path = place(world, options);
    let locked = read(&path)?;
    let changes = lock::changes(&locked, &present(world)?);
    let listed: Vec<Value> = changes.iter().map(listed).collect();
    let answer = json!({"ok": changes.is_empty(), "lockFile": path.display().to_string(), "changes": listed});
    world.print_text_or(&told(&changes), &answer)?;
    if changes.is_empty() {
        return Ok(());
    }
    let (noun, differ) = if changes.len() == 1 { ("change", "is") } else { ("changes", "are") };
    let message = format!("{} {noun} since {} was written {differ} not in it", changes.len(), path.display());
    Err(Failure::new(report::DIFFERENCES, "catalog_differs", message)
        .hint("look at each; if all of it is right, `open-cli catalog lock` writes the lock anew"))
}

fn listed(change: &Change) -> Value {
    json!({
        "severity": change.kind.severity().as_str(),
        "kind": change.kind.code(),
        "on": change.subject.as_str(),
        "id": change.id,
        "part": change.part,
        "change": change.words(),
        "before": change.before,
        "after": change.after,
    })
}

/// A line a change: no name or text of a publisher may begin another.
fn told(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing changed\n".to_owned();
    }
    let lines = changes.iter().map(|change| {
        let subject = match change.id.as_str() {
            "" => change.subject.as_str().to_owned(),
            id => format!("{} {id}", change.subject.as_str()),
        };
        let line = format!("{:<6}  {subject}: {}", change.kind.severity().as_str(), change.words());
        format!("{}\n", sanitize::line(&line))
    });
    lines.collect()
}

/// `--lock-file`, else beside the project's configuration, which is in the working directory when none is named.
fn place(world: &World<'_>, options: &Options) -> PathBuf {
    match options.value("lock-file") {
        Some(path) => world.host.absolute(Path::new(path)),
        None => world.surroundings().project_file().with_file_name(FILE_NAME),
    }
}

fn read(path: &Path) -> Result<Lock, Failure> {
    let bytes = disk::read_if_there(path, MAX_BYTES).map_err(|error| unusable(path, &error.to_string()))?;
    let Some(bytes) = bytes else {
        return Err(Failure::from(
            UsageError::new(format!("there is no lock to compare with: {} does not exist", path.display()))
                .hint("write it with `open-cli catalog lock`, or name another one with --lock-file"),
        ));
    };
    Lock::parse(&bytes).map_err(|error| {
        Failure::new(report::OTHER, "lock_invalid", format!("{}: {error}", path.display()))
            .hint("restore it from version control, or write it anew with `open-cli catalog lock`")
    })
}

fn unusable(path: &Path, cause: &str) -> Failure {
    Failure::other("lock_unusable", format!("{} cannot be used: {cause}", path.display()))
        .hint("name another file with --lock-file")
}

/// The runtime's catalog as this caller sees it, whole, and not from the cache.
fn present(world: &mut World<'_>) -> Result<Lock, Failure> {
    #[derive(Deserialize)]
    struct Effective {
        catalog: Catalog,
        view: View,
    }
    let connection = world.connect()?;
    let session = connection.session();
    session.contract()?;
    let garbled =
        |cause: &str| ClientError::Garbled { call: "GET /v1/catalog/effective".to_owned(), cause: cause.to_owned() };
    match session.runtime.catalog(&session.ask, None)? {
        CatalogAnswer::Unchanged => Err(garbled("304 without a question").into()),
        CatalogAnswer::Whole { body, .. } => {
            let effective: Effective = serde_json::from_slice(&body).map_err(|error| garbled(&error.to_string()))?;
            Ok(lock::of(&effective.catalog, &effective.view))
        }
    }
}
