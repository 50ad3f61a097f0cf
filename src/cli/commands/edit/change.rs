//! From a changed text to a changed file: checked with all scopes, shown or written, and told.
//!
//! Key type: [`Change`]. A change must not bring a new error; errors that were there before do not hold one up, so that several can be
//! repaired one after the other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::base::json::{duplicate_members, locate};
use crate::base::name::counted;
use crate::cli::args::Options;
use crate::cli::report::Failure;
use crate::cli::world::World;
use crate::config::edit::{self, EditError};
use crate::config::load::{self, Consumer, Loaded, MAX_BYTES};
use crate::config::{Diagnostic, hidden};

use super::target::{Target, unusable};
use super::{diff, path};

/// A text with its changes.
pub(super) struct Change {
    /// The text as it would be.
    pub(super) text: String,
    /// What was changed, by pointer.
    pub(super) pointers: Vec<String>,
    /// Whether values stood on the command line, where others can see them.
    pub(super) typed: bool,
}

impl Change {
    /// None so far.
    pub(super) fn of(target: &Target) -> Self {
        Self { text: target.text().to_owned(), pointers: Vec::new(), typed: false }
    }

    /// Sets a value.
    pub(super) fn set(&mut self, target: &Target, pointer: &str, value: &Value) -> Result<(), Failure> {
        self.text = edit::set(&self.text, pointer, value).map_err(|error| unchangeable(target, &error))?;
        self.pointers.push(pointer.to_owned());
        Ok(())
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, target: &Target, pointer: &str) -> Result<(), Failure> {
        self.text = edit::remove(&self.text, pointer).map_err(|error| unchangeable(target, &error))?;
        self.pointers.push(pointer.to_owned());
        Ok(())
    }
}

/// A change that the text does not allow.
pub(super) fn unchangeable(target: &Target, error: &EditError) -> Failure {
    match error {
        EditError::NotThere { pointer } => not_set(target, pointer),
        EditError::Syntax { .. } => {
            unusable(&target.path, &error.to_string()).hint("`open-cli config check` shows where")
        }
        _ => super::UsageError::new(error.to_string()).into(),
    }
}

/// Nothing stands there.
pub(super) fn not_set(target: &Target, pointer: &str) -> Failure {
    let place = target.path.display();
    let what = path::shown(pointer);
    let failure = match target.before {
        Some(_) => Failure::other("not_set", format!("{place} does not set {what}")),
        None => Failure::other("not_set", format!("{what} is not set: there is no {place}")),
    };
    failure.hint(
        "`open-cli config get --effective` looks at all scopes; a name that holds dots is quoted: 'secrets.\"a.b\"'",
    )
}

/// Checks a change, then shows or writes it.
pub(super) fn finish(world: &World<'_>, options: &Options, target: &Target, change: &Change) -> Result<(), Failure> {
    let dry = options.value("dry-run") == Some("true");
    if target.before.as_deref() == Some(change.text.as_str()) {
        world.console.note("this is what it says already; nothing is to be written");
        return if dry && world.globals.format.is_none() { Ok(()) } else { tell(world, target, change, dry, None) };
    }
    if change.text.len() > MAX_BYTES {
        return Err(unusable(&target.path, &format!("it would be larger than {MAX_BYTES} bytes; nothing was written")));
    }
    check(world, target, change)?;
    warn_of_typed_secrets(world, target, change);
    if dry {
        let shown = difference(target, change).map_err(|error| unchangeable(target, &error))?;
        if shown.is_empty() {
            world.console.note("only values differ that are not shown");
        }
        return match world.globals.format {
            None => world.console.text(&shown),
            Some(_) => tell(world, target, change, true, Some(&shown)),
        };
    }
    target.write(world, &change.text)?;
    tell(world, target, change, false, None)
}

/// Refuses what would bring an error that is not there yet, and tells the warnings that come with it.
fn check(world: &World<'_>, target: &Target, change: &Change) -> Result<(), Failure> {
    let surroundings = world.surroundings();
    let loaded = |text: &str| load::load_edited(&surroundings, Consumer::Cli, &target.path, text.as_bytes());
    let before = match &target.before {
        Some(text) => loaded(text),
        None => load::load(&surroundings, Consumer::Cli),
    };
    let after = loaded(&change.text);
    let (old, new) = (problems(&before), problems(&after));
    let fresh = fresh(old, new);
    if after.is_ok() {
        fresh.iter().for_each(|warning| world.console.note(&warning.to_string()));
        return Ok(());
    }
    if !fresh.is_empty() {
        let hint = "nothing was written; lines and columns are those of the file as it would be";
        return Err(Failure { hint: Some(hint.to_owned()), ..Failure::config(&fresh) });
    }
    world.console.note(&format!(
        "the configuration has {} that was there before; `open-cli config check` lists all",
        counted(new.len(), "problem")
    ));
    Ok(())
}

fn problems(loaded: &Result<Loaded, Vec<Diagnostic>>) -> &[Diagnostic] {
    match loaded {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => problems,
    }
}

/// The problems that only the second list has. Lines move, and items of lists: neither makes a problem another one.
fn fresh(old: &[Diagnostic], new: &[Diagnostic]) -> Vec<Diagnostic> {
    let key = |problem: &Diagnostic| -> (PathBuf, String, String) {
        let tokens = problem.pointer.split('/').map(|token| if token.parse::<usize>().is_ok() { "*" } else { token });
        (problem.file.clone(), tokens.collect::<Vec<_>>().join("/"), problem.message.clone())
    };
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for problem in old {
        *known.entry(key(problem)).or_default() += 1;
    }
    let is_fresh = |problem: &&Diagnostic| match known.get_mut(&key(problem)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    new.iter().filter(is_fresh).cloned().collect()
}

/// A value that nobody should see was typed where the shell's history and the list of processes show it.
fn warn_of_typed_secrets(world: &World<'_>, target: &Target, change: &Change) {
    let secret = |text: &str| hidden(&parsed(text)).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>();
    let below = |pointer: &String| {
        change.pointers.iter().any(|changed| format!("{pointer}/").starts_with(&format!("{changed}/")))
    };
    let value = |text: &str, pointer: &str| parsed(text).pointer(pointer).cloned();
    let typed = change.typed
        && secret(&change.text)
            .iter()
            .any(|pointer| below(pointer) && value(&change.text, pointer) != value(target.text(), pointer));
    if typed {
        world.console.note(
            "a secret on the command line can be read in the shell's history and in the list of processes: \
             standard input (-), a file or a variable keeps it out of both",
        );
    }
}

/// The file's JSON; nothing where it is none.
pub(super) fn parsed(text: &str) -> Value {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
}

/// A file's text with everything that is not shown replaced.
pub(super) fn redacted(text: &str) -> Result<String, EditError> {
    // What readers pass over could hold a secret.
    if let Some(pointer) = duplicate_members(text.trim_start_matches('\u{feff}')).into_iter().next() {
        return Err(EditError::Twice { pointer });
    }
    let put = |text: String, (pointer, shown): (String, String)| edit::set(&text, &pointer, &shown.into());
    hidden(&parsed(text)).into_iter().try_fold(text.to_owned(), put)
}

/// The difference as people may see it.
fn difference(target: &Target, change: &Change) -> Result<String, EditError> {
    let before = target.before.as_deref().map(redacted).transpose()?;
    Ok(diff::unified(&target.path.display().to_string(), before.as_deref(), &redacted(&change.text)?))
}

fn tell(world: &World<'_>, target: &Target, change: &Change, dry: bool, diff: Option<&str>) -> Result<(), Failure> {
    let changed = target.before.as_deref() != Some(change.text.as_str());
    let created = changed && target.before.is_none();
    let (file, scope) = (target.path.display().to_string(), target.scope.as_str());
    let mut answer = json!({
        "changed": changed, "created": created, "dryRun": dry, "file": file, "scope": scope, "pointers": change.pointers,
    });
    if let Some(diff) = diff {
        answer["diff"] = diff.into();
    }
    let paths: Vec<String> = change.pointers.iter().map(|pointer| path::shown(pointer)).collect();
    let verb = match (changed, dry, created) {
        (false, ..) => "left as it is:",
        (true, true, _) => "would change",
        (true, false, true) => "created",
        (true, false, false) => "changed",
    };
    let text = format!("{verb} {file} ({scope} scope): {}\n{}", paths.join(", "), diff.unwrap_or_default());
    if created && !dry && world.format() != crate::cli::output::Format::Table {
        world.console.note(&format!("{file} was not there; it was made, for the {scope} scope"));
    }
    world.print_text_or(&text, &answer)
}

/// Where something stands in the file, for people: `file:line:column`.
pub(super) fn place(target: &Target, pointer: &str) -> String {
    let at = locate(target.text().trim_start_matches('\u{feff}'), pointer);
    format!("{}:{}:{}", target.path.display(), at.line, at.column)
}
