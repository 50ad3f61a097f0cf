//! `config show`, `config check`, `config schema`, `trust`: none of them needs a runtime.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::base::digest::of_bytes;
use crate::base::disk;
use crate::base::name::counted;
use crate::cli::args::{Options, UsageError};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::config::load::{self, Consumer, Surroundings};
use crate::config::{Diagnostic, Severity, schema as config_schema, trust as config_trust};

/// The largest file that is trusted.
const MAX_BYTES: usize = 16 << 20;

/// Prints the merged configuration and where its values come from.
pub fn show(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let loaded = world.load()?;
    let files: Vec<Value> = loaded
        .config
        .files
        .iter()
        .map(|file| json!({"scope": file.scope.as_str(), "path": file.path.display().to_string()}))
        .collect();
    let origins: serde_json::Map<String, Value> =
        loaded.origins.iter().map(|(pointer, file)| (pointer.clone(), file.display().to_string().into())).collect();
    if world.in_words() {
        let rows: Vec<Value> = loaded
            .origins
            .iter()
            .map(|(pointer, file)| {
                let value = loaded.raw.pointer(pointer).map_or_else(String::new, plain);
                json!({"setting": pointer, "value": value, "file": file.display().to_string()})
            })
            .collect();
        return world.print(&rows, &["setting", "value", "file"]);
    }
    world.print(&json!({"config": loaded.raw, "files": files, "origins": origins}), &[])
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Lists every problem with its place; warnings alone are no failure.
pub fn check(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let (problems, files) = match load::load(&world.surroundings(), Consumer::Cli) {
        Ok(loaded) => (loaded.warnings, Some(loaded.config.files)),
        Err(problems) => (problems, None),
    };
    let wrong = problems.iter().any(|problem| problem.severity == Severity::Error) || files.is_none();
    let text = match files {
        Some(files) if problems.is_empty() => format!("no problems in {}\n", counted(files.len(), "file")),
        _ => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    };
    let listed: Vec<Value> = problems.iter().map(listed).collect();
    world.print_text_or(&text, &json!({"ok": !wrong, "problems": listed}))?;
    if wrong {
        return Err(Failure::new(report::CONFIG, "config_invalid", "the configuration has errors"));
    }
    Ok(())
}

/// A problem for programs.
pub fn listed(problem: &Diagnostic) -> Value {
    json!({
        "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
        "file": problem.file.display().to_string(),
        "pointer": problem.pointer,
        "line": problem.position.map(|position| position.line),
        "column": problem.position.map(|position| position.column),
        "message": problem.message,
        "hint": problem.hint,
    })
}

/// Prints the JSON Schema.
pub fn schema(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    world.print_document(config_schema::json())
}

/// Trusts the discovered project and local file as they are now.
pub fn trust(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let surroundings = world.surroundings();
    let Some(list) = &surroundings.trust_file else {
        return Err(Failure::new(report::CONFIG, "no_home", "there is no place to remember trust: HOME is not set")
            .hint("set HOME or XDG_STATE_HOME, or name the file with --config"));
    };
    let candidates = candidates(world, &surroundings, options.words.first().map(Path::new));
    let mut trusted = Vec::new();
    for path in &candidates {
        let bytes = disk::read_if_there(path, MAX_BYTES).map_err(|error| unusable(path, &error.to_string()))?;
        let Some(bytes) = bytes else { continue };
        if let Some(parent) = list.parent() {
            disk::create_private_dir(parent).map_err(|error| unusable(parent, &error.to_string()))?;
        }
        config_trust::record(list, path, &bytes).map_err(|error| unusable(list, &error.to_string()))?;
        trusted.push(json!({"path": path.display().to_string(), "sha256": of_bytes(&bytes)}));
    }
    if trusted.is_empty() {
        let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        return Err(UsageError::new(format!("there is nothing to trust: no {}", looked.join(" and no "))).into());
    }
    world.print(&trusted, &["path", "sha256"])
}

fn unusable(path: &Path, cause: &str) -> Failure {
    Failure::new(report::CONFIG, "config_unreadable", format!("{} cannot be used: {cause}", path.display()))
}

/// The project file and the local one beside it, or just the file that is named.
fn candidates(world: &World<'_>, surroundings: &Surroundings, named: Option<&Path>) -> Vec<PathBuf> {
    let project = match named {
        None => surroundings.project_file(),
        Some(path) => {
            let path = world.host.absolute(path);
            let is_directory = path.is_dir();
            if !is_directory {
                return vec![path];
            }
            path.join(".cli.json")
        }
    };
    let local = project.with_file_name(".cli.local.json");
    vec![project, local]
}
