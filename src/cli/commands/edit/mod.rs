//! `config add-source`, `remove-source`, `add-service`, `add-secret`, `set`, `unset` and `get`: one scope file, changed by commands.
//!
//! `path` reads paths to settings, `typed` and `entry` make values, `dependents` finds what hangs on a source; all pure. `target` is the
//! file, `change` checks and writes. `config::edit` changes the text, so that everything else in a file stays byte for byte. None of them
//! needs a runtime.

mod change;
mod dependents;
mod diff;
mod entry;
mod path;
mod target;
mod typed;

use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::base::json::child;
use crate::base::name::nearest;
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::report::Failure;
use crate::cli::world::World;
use crate::config::edit;

use change::{Change, finish, not_set, parsed, place, redacted, unchangeable};
use target::Target;

pub use entry::{SECRET, SERVICE, SOURCE};

const SCOPE: Flag = option(
    "scope",
    Takes::OneOf(&["project", "local", "user", "managed"]),
    "Which file: the project's (without it), the local one beside it, your own, or the machine's",
);
const DRY_RUN: Flag = option("dry-run", Takes::Nothing, "Show what would change as a diff, and write nothing");
const REPLACE: Flag = option("replace", Takes::Nothing, "Write over an entry that is there");

/// The flags of `config remove-source`.
pub const REMOVE: &[Flag] = &[
    option("cascade", Takes::Nothing, "Remove the services that it describes and their secrets, too"),
    SCOPE,
    DRY_RUN,
];

/// The flags of `config set` and `config unset`.
pub const SET: &[Flag] = &[SCOPE, DRY_RUN];

/// The flags of `config get`.
pub const GET: &[Flag] = &[SCOPE, option("effective", Takes::Nothing, "The merged value of all scopes")];

/// The longest value that is read from standard input.
const MAX_VALUE: usize = 1 << 20;

/// Adds an entry to `sources`.
pub fn add_source(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let id = &options.words[0];
    let source = entry::source(options)?;
    edited(world, options, |target, change| {
        change.typed = true;
        add(target, change, options, ("sources", id), &source)?;
        match options.value("service") {
            Some(service) => add(target, change, options, ("services", service), &json!({ "source": id })),
            None => Ok(()),
        }
    })
}

/// Adds an entry to `services`.
pub fn add_service(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let service = entry::service(options)?;
    edited(world, options, |target, change| add(target, change, options, ("services", &options.words[0]), &service))
}

/// Adds an entry to `secrets`. A literal that is not on the command line is read from standard input.
pub fn add_secret(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let key = &options.words[0];
    let typed = options.words.get(1).is_some_and(|word| word != "-");
    let secret = entry::secret(options, || {
        if world.console.terminal.stdin {
            world.console.note("the secret is read from standard input; end it with Ctrl-D");
        }
        let text = from_stdin(world)?;
        // A line's end is the terminal's, or the editor's.
        let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        match text {
            "" => Err(Failure::from(UsageError::new("standard input holds no secret"))),
            text => Ok(text.to_owned()),
        }
    })?;
    edited(world, options, |target, change| {
        change.typed = typed;
        add(target, change, options, ("secrets", key), &secret)
    })
}

/// Sets any value.
pub fn set(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let pointer = path::pointer(&options.words[0])?;
    let text = match options.words[1].as_str() {
        "-" => from_stdin(world)?.trim_end_matches(['\n', '\r']).to_owned(),
        text => text.to_owned(),
    };
    let value = typed::value(&pointer, &text)?;
    edited(world, options, |target, change| {
        change.typed = options.words[1] != "-";
        change.set(target, &pointer, &value)
    })
}

/// Takes any value out.
pub fn unset(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let pointer = path::pointer(&options.words[0])?;
    edited(world, options, |target, change| match target.before {
        Some(_) => change.remove(target, &pointer),
        None => Err(not_set(target, &pointer)),
    })
}

/// Takes a source out, and with `--cascade` what depends on it.
pub fn remove_source(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let id = &options.words[0];
    let mut patterns = Vec::new();
    edited(world, options, |target, change| {
        let file = parsed(target.text());
        let sections = ["/sources", "/mcpServers"].map(|section| child(section, id));
        let Some(pointer) = sections.into_iter().find(|pointer| file.pointer(pointer).is_some()) else {
            return Err(no_source(target, &file, id));
        };
        let found = dependents::of_source(&file, id);
        if !found.pointers.is_empty() && options.value("cascade") != Some("true") {
            let mut message = format!("{id} is still needed:");
            for pointer in &found.pointers {
                message.push_str(&format!("\n  {} at {}", path::shown(pointer), place(target, pointer)));
            }
            let hint = "--cascade removes them too; --dry-run shows what that would change";
            return Err(Failure::other("still_needed", message).hint(hint));
        }
        change.remove(target, &pointer)?;
        found.pointers.iter().try_for_each(|pointer| change.remove(target, pointer))?;
        patterns = found
            .patterns
            .iter()
            .map(|pointer| format!("{} at {}", path::shown(pointer), place(target, pointer)))
            .collect();
        Ok(())
    })?;
    for pattern in patterns {
        world.console.note(&format!("{pattern} names tools of {id}; a rule is never taken away with a source"));
    }
    Ok(())
}

/// Prints one value: of a scope's file, or the merged one.
pub fn get(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let pointer = path::pointer(&options.words[0])?;
    if options.value("effective") == Some("true") {
        if options.value("scope").is_some() {
            return Err(UsageError::new("--effective is about all scopes, and --scope about one").into());
        }
        let loaded = world.load()?;
        let value = loaded.raw.pointer(&pointer).ok_or_else(|| {
            Failure::other("not_set", format!("no scope sets {}", path::shown(&pointer)))
                .hint("`open-cli config show` lists what is set")
        })?;
        return print(world, &value.to_string());
    }
    let target = Target::read(world, options)?;
    if target.before.is_none() {
        return Err(not_set(&target, &pointer));
    }
    let text = redacted(target.text()).map_err(|error| unchangeable(&target, &error))?;
    let value = edit::raw(&text, &pointer).map_err(|error| unchangeable(&target, &error))?;
    // On several lines it has the indentation of its place in the file.
    match serde_json::from_str::<Value>(value) {
        Ok(several) if value.contains('\n') => print(world, &several.to_string()),
        _ => print(world, value),
    }
}

/// For a person a text is shown as it is, for a program it is JSON.
fn print(world: &World<'_>, json: &str) -> Result<(), Failure> {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::String(text)) if world.in_words() => world.console.text(&format!("{text}\n")),
        _ => world.print_document(json),
    }
}

/// Reads the file, lets `change` change its text, and checks and writes that.
fn edited(
    world: &World<'_>,
    options: &Options,
    change: impl FnOnce(&Target, &mut Change) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let _alone = target::alone(&world.surroundings());
    let target = Target::read(world, options)?;
    let mut changed = Change::of(&target);
    change(&target, &mut changed)?;
    finish(world, options, &target, &changed)
}

/// Adds an entry of a section that is not there yet, or that may be written over.
fn add(
    target: &Target,
    change: &mut Change,
    options: &Options,
    (section, key): (&str, &str),
    value: &Value,
) -> Result<(), Failure> {
    let pointer = child(&format!("/{section}"), key);
    let known = edit::raw(&change.text, &pointer).is_ok();
    if known && options.value("replace") != Some("true") {
        let shown = path::shown(&pointer);
        let message = format!("{shown} is there already, at {}", place(target, &pointer));
        let hint =
            format!("--replace writes over it; `open-cli config set {shown}.NAME VALUE` changes one value of it");
        return Err(UsageError::new(message).hint(hint).into());
    }
    change.set(target, &pointer, value)
}

fn no_source(target: &Target, file: &Value, id: &str) -> Failure {
    let ids = ["sources", "mcpServers"].into_iter().filter_map(|section| file.get(section)?.as_object());
    let ids: Vec<&str> = ids.flatten().map(|(id, _)| id.as_str()).collect();
    let error = UsageError::new(format!("{} has no source {id:?}", target.path.display()));
    match nearest(id, ids.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}?")).into(),
        None if ids.is_empty() => {
            error.hint("--scope names another file; `open-cli config show` says which has it").into()
        }
        None => error.hint(format!("it has: {}", ids.join(", "))).into(),
    }
}

fn from_stdin(world: &mut World<'_>) -> Result<String, Failure> {
    let bytes = world.bytes_of(None, MAX_VALUE).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => UsageError::new(format!("standard input holds more than {MAX_VALUE} bytes")),
        _ => UsageError::new(format!("standard input cannot be read: {error}")),
    })?;
    String::from_utf8(bytes).map_err(|_| UsageError::new("standard input is not UTF-8").into())
}
