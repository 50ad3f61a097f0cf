//! The scope file that is edited: found, read, and written back when nobody changed it meanwhile.
//!
//! Key type: [`Target`]. A file that was trusted stays trusted after an edit of its owner's; one that was only found here and was not
//! trusted is not trusted by being edited, since the rest of it may be somebody else's.

use std::path::{Path, PathBuf};

use crate::base::disk;
use crate::cli::args::{Options, UsageError};
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::config::load::{MAX_BYTES, Surroundings};
use crate::config::scope::{self, FILE_NAME, LOCAL_FILE_NAME, Scope};
use crate::config::trust;

/// What a file that is made begins with.
const NEW: &str = "{\n  \"cli\": \"1.0.0\"\n}\n";

/// One scope's file as it was read.
pub(super) struct Target {
    /// Which file.
    pub(super) path: PathBuf,
    /// Which scope it fills.
    pub(super) scope: Scope,
    /// Whether it was only found here.
    discovered: bool,
    /// Its text; `None` when there is no file.
    pub(super) before: Option<String>,
}

impl Target {
    /// The file of `--scope`, read.
    pub(super) fn read(world: &World<'_>, options: &Options) -> Result<Self, Failure> {
        let surroundings = world.surroundings();
        let path = scope::clean(&place(&surroundings, options.value("scope").unwrap_or("project"))?);
        // A place that would be two scopes' is the weaker one's.
        let candidate = scope::candidates(&surroundings).into_iter().find(|candidate| candidate.file.path == path);
        let (scope, discovered) =
            candidate.map_or((Scope::Project, false), |found| (found.file.scope, found.discovered));
        let bytes =
            disk::read_regular_if_there(&path, MAX_BYTES).map_err(|error| unusable(&path, &error.to_string()))?;
        let before = bytes.map(String::from_utf8).transpose();
        let before = before.map_err(|_| unusable(&path, "it is not UTF-8"))?;
        if before.is_none() && disk::is_link(&path) {
            return Err(unusable(&path, "it is a link to a file that does not exist"));
        }
        Ok(Self { path, scope, discovered, before })
    }

    /// Where an edit begins.
    pub(super) fn text(&self) -> &str {
        self.before.as_deref().unwrap_or(NEW)
    }

    /// Writes `text` whole or not at all, when the file is what it was when it was read.
    pub(super) fn write(&self, world: &World<'_>, text: &str) -> Result<(), Failure> {
        let path = &self.path;
        let failed = |error: std::io::Error| unusable(path, &error.to_string());
        if let (Scope::User, None, Some(directory)) = (self.scope, &self.before, path.parent()) {
            disk::create_private_dir(directory).map_err(failed)?;
        }
        let was_trusted = self.was_trusted(world)?;
        let now = disk::read_regular_if_there(path, MAX_BYTES).map_err(failed)?;
        if now.as_deref() != self.before.as_ref().map(String::as_bytes) {
            let message = format!("{} was changed by somebody else meanwhile; nothing was written", path.display());
            return Err(Failure::other("config_changed", message).hint("look at it, then run the command again"));
        }
        match (&self.before, self.scope) {
            // What is on this machine only is where literal secrets belong.
            (None, Scope::Local) => disk::write_private(path, text.as_bytes()),
            _ => disk::write_whole(path, text.as_bytes()),
        }
        .map_err(failed)?;
        self.keep_trust(world, was_trusted, text)
    }

    /// Whether the file may be trusted with what is written now: it was trusted with what it held, or is new.
    fn was_trusted(&self, world: &World<'_>) -> Result<bool, Failure> {
        let Some(list) = world.surroundings().trust_file else { return Ok(false) };
        match &self.before {
            None => Ok(true),
            Some(text) => trust::is_trusted(&list, &self.path, text.as_bytes())
                .map_err(|error| unusable(&list, &error.to_string())),
        }
    }

    fn keep_trust(&self, world: &World<'_>, was_trusted: bool, text: &str) -> Result<(), Failure> {
        if self.scope < Scope::Project {
            return Ok(());
        }
        match world.surroundings().trust_file {
            Some(list) if was_trusted => {
                trust::record(&list, &self.path, text.as_bytes()).map_err(|error| unusable(&list, &error.to_string()))
            }
            Some(_) if self.discovered => {
                let path = self.path.display();
                world.console.note(&format!(
                    "{path} was not trusted before, and is not now: look at it, then run `open-cli trust`"
                ));
                Ok(())
            }
            None if self.discovered => {
                let note = "there is no place to remember trust, since HOME is not set: name the file with --config";
                world.console.note(note);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Keeps other edits of this program waiting until it is dropped. Without a place for it they are still seen before anything is written.
pub(super) fn alone(surroundings: &Surroundings) -> Option<disk::Lock> {
    let list = surroundings.trust_file.as_deref()?;
    disk::create_private_dir(list.parent()?).ok()?;
    disk::Lock::take(&list.with_file_name("config.lock")).ok()
}

fn place(surroundings: &Surroundings, scope: &str) -> Result<PathBuf, Failure> {
    let project = surroundings.project_file();
    match scope {
        "managed" => Ok(surroundings.managed_dir.join(FILE_NAME)),
        "user" => surroundings.user_dir.as_ref().map(|directory| directory.join(FILE_NAME)).ok_or_else(|| {
            Failure::new(report::CONFIG, "no_home", "there is no place for your own configuration: HOME is not set")
                .hint("set HOME or XDG_CONFIG_HOME")
        }),
        "local" => Ok(project.with_file_name(LOCAL_FILE_NAME)),
        "project" => Ok(project),
        other => Err(UsageError::new(format!("there is no scope {other:?}")).into()),
    }
}

/// A file that cannot be read or written.
pub(super) fn unusable(path: &Path, cause: &str) -> Failure {
    Failure::new(report::CONFIG, "config_unreadable", format!("{} cannot be used: {cause}", path.display()))
}
