//! A scratch machine for tests: four scope files and a trust list in a directory of their own.
#![expect(clippy::disallowed_methods, reason = "tests set up the disk themselves")]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::load::{Consumer, Loaded, Surroundings, load};
use super::{Diagnostic, trust};

/// The scratch machine; its directory is removed with it.
pub(super) struct World {
    pub(super) root: PathBuf,
    named: bool,
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.root).ok();
    }
}

impl World {
    pub(super) fn new() -> Self {
        let root = std::env::temp_dir().join(format!("open-cli-config-{}", crate::base::host::random_id().unwrap()));
        for dir in ["managed", "user", "project"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        Self { root, named: true }
    }

    pub(super) fn managed(self, text: &str) -> Self {
        self.file("managed/.cli.json", text)
    }

    pub(super) fn user(self, text: &str) -> Self {
        self.file("user/.cli.json", text)
    }

    pub(super) fn project(self, text: &str) -> Self {
        self.file("project/.cli.json", text)
    }

    pub(super) fn local(self, text: &str) -> Self {
        self.file("project/.cli.local.json", text)
    }

    pub(super) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.root.join(name), text).unwrap();
        self
    }

    /// Without `--config`.
    pub(super) fn discovered(mut self) -> Self {
        self.named = false;
        self
    }

    pub(super) fn trust(self, name: &str) -> Self {
        let path = self.root.join(name);
        trust::record(&self.root.join("trust.json"), &path, &fs::read(&path).unwrap()).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        let project = self.root.join("project");
        let named = self.named && project.join(".cli.json").exists();
        Surroundings {
            managed_dir: self.root.join("managed"),
            user_dir: Some(self.root.join("user")),
            trust_file: Some(self.root.join("trust.json")),
            config: named.then(|| project.join(".cli.json")),
            cwd: project,
        }
    }

    pub(super) fn load(&self, consumer: Consumer) -> Result<Loaded, Vec<Diagnostic>> {
        load(&self.surroundings(), consumer)
    }

    #[track_caller]
    pub(super) fn loaded(&self) -> Loaded {
        self.load(Consumer::Cli).unwrap_or_else(|errors| panic!("{}", self.shown(&errors)))
    }

    #[track_caller]
    pub(super) fn merged(&self) -> Value {
        self.loaded().raw
    }

    /// What the load complains about, one problem a line, with paths below the scratch directory.
    #[track_caller]
    pub(super) fn errors(&self, consumer: Consumer) -> String {
        match self.load(consumer) {
            Ok(_) => panic!("the load went well"),
            Err(errors) => self.shown(&errors),
        }
    }

    pub(super) fn shown(&self, diagnostics: &[Diagnostic]) -> String {
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        lines.join("\n").replace(&format!("{}{}", self.root.display(), std::path::MAIN_SEPARATOR), "")
    }
}
