//! The four scopes and where their files lie.

use std::path::PathBuf;

/// The scopes, weakest first: a later one wins where the merge table lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `/etc/open-cli/.cli.json`
    Managed,
    /// `$XDG_CONFIG_HOME/open-cli/.cli.json`
    User,
    /// `<dir>/.cli.json`, or what `--config` names
    Project,
    /// `<dir>/.cli.local.json`
    Local,
}

impl Scope {
    /// As shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::User => "user",
            Self::Project => "project",
            Self::Local => "local",
        }
    }
}

/// One file that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeFile {
    /// Which scope it fills.
    pub scope: Scope,
    /// Absolute path.
    pub path: PathBuf,
}
