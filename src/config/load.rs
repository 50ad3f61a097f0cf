//! From files on disk to one `Config`, with every diagnostic.
//!
//! Disk is read through `base::disk`; the rest is a straight line: read, check each file, enforce locks, merge, parse, check
//! what refers to what. A file that is no JSON object takes no further part, the others still report what is wrong with them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Severity};
use super::node::{Document, Node, Problems};
use super::parse::{self, Extent};
use super::scope::{self, Candidate, FILE_NAME, Scope};
use super::show;
use super::written::Written;
use super::{Config, lock, merge, shorthand, trust, validate};
use crate::base::disk;
use crate::base::host::Host;

/// A scope file is refused beyond this size.
pub const MAX_BYTES: usize = 1 << 20;

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
    /// The merged JSON for people, without literal secrets, header values, environment values and queries of URLs.
    pub raw: serde_json::Value,
    /// For every value of `raw` that is no object, by its JSON pointer: the file it came from.
    pub origins: BTreeMap<String, PathBuf>,
}

/// Reads, merges, parses and checks the four scopes; the error is every problem found.
pub fn load(surroundings: &Surroundings, consumer: Consumer) -> Result<Loaded, Vec<Diagnostic>> {
    load_read(surroundings, consumer, read(surroundings, None))
}

/// As [`load`], as if the scope file at `path` held these bytes. Whose they are is known, so that this file needs no trust.
pub fn load_edited(
    surroundings: &Surroundings,
    consumer: Consumer,
    path: &Path,
    bytes: &[u8],
) -> Result<Loaded, Vec<Diagnostic>> {
    load_read(surroundings, consumer, read(surroundings, Some((path, bytes))))
}

fn load_read(
    surroundings: &Surroundings,
    consumer: Consumer,
    (documents, unreadable): (Vec<Document>, Vec<Diagnostic>),
) -> Result<Loaded, Vec<Diagnostic>> {
    if documents.is_empty() && consumer == Consumer::Toolbox && unreadable.is_empty() {
        return Err(vec![nothing_found(surroundings)]);
    }
    let mut problems = Problems::new(&documents);
    problems.extend(unreadable);
    let nodes = scope_nodes(&documents, &mut problems);
    check_trust(surroundings, consumer, &nodes, &mut problems);
    // Before they are joined: what is written twice is kept once.
    let written = Written::collect(&nodes, &documents);
    let root = join(nodes, &mut problems);
    let config = root.as_ref().map(|root| {
        let config = Config { written, ..parse::config(root, Extent::Whole, &mut problems) };
        validate::check(root, &config, consumer, &mut problems);
        config
    });
    let (errors, warnings) = problems.split();
    if !errors.is_empty() {
        return Err(errors);
    }
    let project = surroundings.project_file();
    let path = documents.iter().any(|document| document.file.path == project).then_some(project);
    let (raw, origins) =
        root.map_or_else(|| (serde_json::json!({}), BTreeMap::new()), |root| show::show(&root, &documents));
    Ok(Loaded { config: config.unwrap_or_default(), warnings, path, raw, origins })
}

/// What is wrong with one scope file alone: all that the published schema can also say, and the grammar inside texts. References
/// between entries, other scopes, locks and trust take no part.
pub fn check_file(path: &Path, bytes: &[u8], scope: Scope) -> Vec<Diagnostic> {
    let file = scope::ScopeFile { scope, path: path.to_owned() };
    let documents = [Document { file, discovered: false, bytes: bytes.to_vec() }];
    let mut problems = Problems::new(&documents);
    scope_nodes(&documents, &mut problems);
    problems.split().0
}

/// Every file that is there, weakest scope first; one of them with other bytes than it has.
fn read(surroundings: &Surroundings, edited: Option<(&Path, &[u8])>) -> (Vec<Document>, Vec<Diagnostic>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for Candidate { file, required, discovered } in scope::candidates(surroundings) {
        if let Some((_, bytes)) = edited.filter(|(path, _)| *path == file.path) {
            documents.push(Document { file, discovered: false, bytes: bytes.to_vec() });
            continue;
        }
        // Nobody named it, so it may be anything: a pipe, or a link to a terminal, which every command and every completion would wait for.
        let read = if required { disk::read_if_there } else { disk::read_regular_if_there };
        match read(&file.path, MAX_BYTES) {
            Ok(Some(bytes)) => documents.push(Document { file, discovered, bytes }),
            Ok(None) if required => {
                problems.push(no_file(&file.path, "the file named by --config does not exist", Some("check the path")));
            }
            Ok(None) => {}
            Err(error) => problems.push(no_file(&file.path, &unreadable(&error), None)),
        }
    }
    (documents, problems)
}

fn unreadable(error: &io::Error) -> String {
    format!("the file cannot be read: {error}")
}

fn no_file(path: &Path, message: &str, hint: Option<&str>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.to_owned(),
        pointer: String::new(),
        position: None,
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

fn nothing_found(surroundings: &Surroundings) -> Diagnostic {
    no_file(
        &surroundings.project_file(),
        "no configuration was found here or in the user or managed scope",
        Some("name a file with --config; docs/configuration.md has a complete example"),
    )
}

/// The content of each readable document in the one spelling, after its structure was checked.
pub(super) fn scope_nodes(documents: &[Document], problems: &mut Problems<'_>) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        match document.parse(index) {
            Ok(mut node) => {
                shorthand::expand(&mut node, problems);
                parse::config(&node, Extent::Partial, problems);
                nodes.push(node);
            }
            Err(found) => problems.extend(found),
        }
    }
    nodes
}

/// Enforces the managed locks and merges; `None` without any file.
pub(super) fn join(nodes: Vec<Node>, problems: &mut Problems<'_>) -> Option<Node> {
    let mut nodes = nodes.into_iter();
    let mut root = nodes.next()?;
    let managed = (problems.file(&root.origin).scope == Scope::Managed).then(|| root.clone());
    for mut later in nodes {
        if let Some(managed) = &managed {
            lock::enforce(managed, &mut later, problems);
        }
        merge::merge(&mut root, later);
    }
    Some(root)
}

/// Holds what was only discovered against the list of trusted files (H16).
fn check_trust(surroundings: &Surroundings, consumer: Consumer, nodes: &[Node], problems: &mut Problems<'_>) {
    for node in nodes {
        let document = &problems.documents()[node.origin.file];
        let remote = node.at(&["runtime", "remote"]);
        let origin = match (consumer, remote) {
            (Consumer::Toolbox, _) => &node.origin,
            (Consumer::Cli, Some(remote)) => &remote.origin,
            (Consumer::Cli, None) => continue,
        };
        if !document.discovered {
            continue;
        }
        let path = &document.file.path;
        let trusted = match &surroundings.trust_file {
            Some(list) => trust::is_trusted(list, path, &document.bytes),
            None => Ok(false),
        };
        let reason = match (trusted, consumer) {
            (Ok(true), _) => continue,
            (Err(error), _) => error.to_string(),
            (Ok(false), Consumer::Cli) => {
                "this file was only found here, and it says where tokens are sent; it is not trusted".to_owned()
            }
            (Ok(false), Consumer::Toolbox) => {
                "this file was only found here, and it can name commands and secrets; it is not trusted".to_owned()
            }
        };
        let hint = format!(
            "look at it, then run `open-cli trust`, or name it: --config {}",
            surroundings.project_file().display()
        );
        problems.error_with(origin, reason, hint);
    }
}

#[cfg(test)]
mod tests;
