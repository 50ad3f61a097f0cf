//! The directory of a stack: its plan, its files, and the lock of whoever runs it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::plan::{PLAN, Plan, Secrets};
use super::ports;
use super::serve::random_secret;
use crate::base::disk::{self, Lock};
use crate::base::host::Host;
use crate::eval::flags::StackWish;

const DEFAULT: &str = ".open-cli-local/evaluation";
const LOCK: &str = "lock";
/// There while the broker listens.
const SERVING: &str = "serving";
const MAX_PLAN: usize = 64 << 10;

/// What the processes of a stack print.
pub(super) const LOG: &str = "eval.log";

/// A stack's directory.
#[derive(Debug)]
pub(super) struct Site {
    /// As it was named, for people.
    pub(super) shown: PathBuf,
    /// Absolute.
    path: PathBuf,
}

impl Site {
    /// The directory that was named, else the usual one.
    pub(super) fn new(host: &Host, dir: Option<&Path>) -> Self {
        let shown = dir.unwrap_or(Path::new(DEFAULT)).to_owned();
        Self { path: host.absolute(&shown), shown }
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The plan; `None` when nothing was set up.
    pub(super) fn plan(&self) -> Result<Option<Plan>, String> {
        let file = self.file(PLAN);
        let bytes =
            disk::read_if_there(&file, MAX_PLAN).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        match bytes.map(|bytes| Plan::read(&bytes)) {
            None => Ok(None),
            Some(Some(plan)) => Ok(Some(plan)),
            Some(None) => {
                Err(format!("{} is no plan of this version; remove it and run open-cli-eval setup", file.display()))
            }
        }
    }

    /// Makes secrets, picks the ports that are left open, and writes all files.
    pub(super) fn set_up(&self, wish: &StackWish, before: Option<&Plan>) -> Result<Plan, String> {
        let secrets = Secrets { agent: random_secret()?, toolbox: random_secret()?, control: random_secret()? };
        let mut plan = Plan::new(wish, before, secrets);
        let picked = ports::pick([plan.addrs.broker, plan.addrs.demo, plan.addrs.toolbox])
            .map_err(|error| format!("no free port can be had: {error}"))?;
        [plan.addrs.broker, plan.addrs.demo, plan.addrs.toolbox] = picked;
        if let Some(twice) = twice(picked) {
            return Err(format!("{twice} is named for two of broker, demo API and toolbox"));
        }
        let cannot = |error| format!("cannot write to {}: {error}", self.path.display());
        disk::own_private_dir(&self.path).map_err(cannot)?;
        for (name, text) in plan.files() {
            disk::write_private(&self.file(name), text.as_bytes()).map_err(cannot)?;
        }
        Ok(plan)
    }

    /// Takes the lock that whoever runs this stack holds for life; `None` when somebody has it.
    pub(super) fn lock(&self) -> Result<Option<Lock>, String> {
        Lock::try_take(&self.file(LOCK)).map_err(|error| format!("cannot lock {}: {error}", self.file(LOCK).display()))
    }

    /// Whether somebody runs this stack. Where nobody does, what a killed one has left is taken away, while nobody can begin: the next one
    /// is not to be taken for serving before it does.
    pub(super) fn is_held(&self) -> Result<bool, String> {
        if !disk::exists(&self.file(LOCK)) {
            return Ok(false);
        }
        match self.lock()? {
            Some(_lock) => {
                if disk::exists(&self.file(SERVING)) {
                    self.set_serving(false)?;
                }
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Says, for the one who runs this stack, whether the broker listens.
    pub(super) fn set_serving(&self, serving: bool) -> Result<(), String> {
        let file = self.file(SERVING);
        let outcome = if serving { disk::write_private(&file, b"") } else { disk::remove(&file) };
        outcome.map_err(|error| format!("cannot change {}: {error}", file.display()))
    }

    /// Whether the one who runs it says that the broker listens, so that its address is nobody else's.
    pub(super) fn is_serving(&self) -> bool {
        self.is_held().unwrap_or(false) && disk::exists(&self.file(SERVING))
    }
}

fn twice([a, b, c]: [SocketAddr; 3]) -> Option<SocketAddr> {
    [(a, b), (a, c), (b, c)].into_iter().find(|(one, other)| one == other).map(|(one, _)| one)
}
