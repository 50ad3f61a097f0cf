//! A catalog as a file for review: what agents read and what is sent, in a form that changes exactly when one of both does.
//!
//! Key types: [`Lock`], made by [`of`], written by [`Lock::text`]; [`Change`], which [`changes`] finds between two of them. What is
//! short and matters for review stands in clear; words and long schemas are hashes (`schema`). No time and no order of a document
//! is in it, so the same catalog gives the same bytes. Reading and writing files is left to others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuthRequirement, Backend, BodyContent, Catalog, Output, Pagination, Parameter, Retry, Safety, Tool, View};
use super::{ServiceRecord, WorkflowStep, public_uri};
use crate::base::digest::of_bytes;
use crate::base::json::canonical;

mod diff;
mod schema;

pub use diff::{Change, Kind, Severity, Subject, changes};

use schema::Shape;

/// The form of the file. Another form has another number.
pub const LOCK_VERSION: u64 = 1;

/// The largest lock that is read.
pub const MAX_BYTES: usize = 64 << 20;

/// The name of the file when none is given.
pub const FILE_NAME: &str = ".cli.lock.json";

/// Containers that lie deeper stand on one line.
const DEEPEST: usize = 4;

/// A catalog, locked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// [`LOCK_VERSION`]
    pub lock_version: u64,
    /// `discover`, or the profile that it was made for.
    pub view: String,
    /// By id.
    pub services: BTreeMap<String, LockedService>,
    /// By id.
    pub tools: BTreeMap<String, LockedTool>,
    /// Steps by workflow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<String, Vec<WorkflowStep>>,
}

/// A service, all in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedService {
    /// What people type.
    pub alias: String,
    /// The description's title.
    pub title: String,
    /// Key of `sources`.
    pub source: String,
    /// The source's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the source is, without the query, which may hold a key.
    pub uri: String,
    /// Base URLs.
    pub servers: Vec<String>,
}

/// A tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedTool {
    /// Its service.
    pub service: String,
    /// Upper case.
    pub method: String,
    /// Template.
    pub path: String,
    /// Group and command.
    pub command: String,
    /// Other words for the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether listings leave it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Base URLs, when they are not the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Vec<String>>,
    /// Alternatives of requirements; none at all means that it needs no auth, an empty one that auth is optional.
    pub auth: Vec<Vec<AuthRequirement>>,
    /// What calling it may do.
    pub safety: Safety,
    /// For tools that are no plain HTTP operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guidance: String,
    /// By place and published name: `query limit`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, LockedParameter>,
    /// Whether a body must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub body_required: bool,
    /// The bodies that it takes, in the publisher's order: the first is sent unless another is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<LockedContent>,
    /// What is shown of its answers.
    #[serde(default, skip_serializing_if = "Output::is_empty")]
    pub output: Output,
    /// How more is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// Whether it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// A parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedParameter {
    /// What people type, when it is not the published name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub flag: String,
    /// Whether it must be given.
    pub required: bool,
    /// `string`, `integer`, `array`, .., several joined by `|`, else `any`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it is written: `form explode`, or the media type of its value.
    pub style: String,
    /// Its schema without words: in clear when that is no longer than its hash.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub schema: Value,
    /// Hash of its description, and of the words of its schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// One media type of a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockedContent {
    /// As published.
    pub media_type: String,
    /// Members of the object: `integer`, `string required`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, String>,
    /// As for parameters.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub schema: Value,
    /// Hash of the words of its schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// Hash of how members of a form are written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub encoding: String,
}

/// Locks what `view` shows of `catalog`.
pub fn of(catalog: &Catalog, view: &View) -> Lock {
    let shown: BTreeSet<&str> = view.tools.iter().map(|tool| tool.id.as_str()).collect();
    let seen: Vec<&Tool> = catalog.tools.iter().filter(|tool| shown.contains(tool.id.as_str())).collect();
    let services: BTreeMap<&str, &ServiceRecord> =
        catalog.services.iter().map(|service| (service.id.as_str(), service)).collect();
    Lock {
        lock_version: LOCK_VERSION,
        view: view.name.clone(),
        services: services.iter().map(|(id, record)| ((*id).to_owned(), service(catalog, record))).collect(),
        tools: seen
            .iter()
            .map(|one| (one.id.to_string(), tool(one, services.get(one.service_id.as_str()).copied())))
            .collect(),
        workflows: catalog.workflows.iter().map(|one| (one.workflow_id.clone(), one.steps.clone())).collect(),
    }
}

fn service(catalog: &Catalog, service: &ServiceRecord) -> LockedService {
    let source = catalog.sources.iter().find(|source| source.id == service.source_id);
    LockedService {
        alias: service.alias.clone(),
        title: service.title.clone(),
        source: service.source_id.to_string(),
        kind: source.map(|source| source.kind.clone()).unwrap_or_default(),
        uri: source.map(|source| public_uri(&source.uri).to_owned()).unwrap_or_default(),
        servers: service.servers.clone(),
    }
}

fn tool(tool: &Tool, service: Option<&ServiceRecord>) -> LockedTool {
    let inherited = service.is_some_and(|service| service.servers == tool.servers);
    let guidance = tool.guidance.as_ref().and_then(|guidance| serde_json::to_value(guidance).ok());
    let (body_required, body) = match &tool.request_body {
        Some(body) => (body.required, body.content_types.iter().map(content).collect()),
        None => (false, Vec::new()),
    };
    LockedTool {
        service: tool.service_id.to_string(),
        method: tool.method.clone(),
        path: tool.path.clone(),
        command: format!("{} {}", tool.group, tool.command).trim().to_owned(),
        aliases: tool.aliases.clone(),
        hidden: tool.hidden,
        servers: (!inherited).then(|| tool.servers.clone()),
        auth: tool.auth_alternatives.iter().map(|alternative| alternative.requirements.clone()).collect(),
        safety: tool.safety,
        backend: tool.backend.clone(),
        summary: hash_of_words(&tool.summary),
        description: hash_of_words(&tool.description),
        guidance: guidance.map(|guidance| hash(&canonical(&guidance))).unwrap_or_default(),
        parameters: tool.path_params.iter().chain(&tool.flags).map(parameter).collect(),
        body_required,
        body,
        output: tool.output.clone(),
        pagination: tool.pagination.clone(),
        retry: tool.retry.clone(),
    }
}

fn parameter(parameter: &Parameter) -> (String, LockedParameter) {
    let shape = parameter.schema.as_ref().map(Shape::of).unwrap_or_default();
    let style = match &parameter.content_type {
        Some(media_type) => media_type.clone(),
        None => {
            let marks = [(parameter.explode, " explode"), (parameter.allow_reserved, " reserved")];
            let marks: String = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
            format!("{}{marks}", plain(&parameter.style))
        }
    };
    let named = parameter.name == parameter.original_name;
    let locked = LockedParameter {
        flag: if named { String::new() } else { parameter.name.clone() },
        required: parameter.required,
        kind: shape.kind.clone(),
        style,
        schema: shape.written(),
        words: shape.words(&parameter.description),
    };
    (format!("{} {}", plain(&parameter.location), parameter.original_name), locked)
}

fn content(content: &BodyContent) -> LockedContent {
    let shape = content.schema.as_ref().map(Shape::of).unwrap_or_default();
    let encoding = serde_json::to_value(&content.encoding).ok().filter(|_| !content.encoding.is_empty());
    LockedContent {
        media_type: content.media_type.clone(),
        schema: shape.written(),
        words: shape.words(""),
        encoding: encoding.map(|encoding| hash(&canonical(&encoding))).unwrap_or_default(),
        members: shape.members,
    }
}

/// The word of an enum without content.
fn plain(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn hash(text: &str) -> String {
    format!("sha256:{}", of_bytes(text.as_bytes()))
}

/// No words have no hash.
fn hash_of_words(text: &str) -> String {
    if text.is_empty() { String::new() } else { hash(text) }
}

/// Why a text is no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// It is no JSON of this form.
    Malformed(String),
    /// It has a form that this version does not know.
    Version(u64),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(cause) => write!(f, "it is no catalog lock: {cause}"),
            Self::Version(found) => {
                write!(f, "its lockVersion is {found}, and this version reads {LOCK_VERSION}")
            }
        }
    }
}

impl std::error::Error for LockError {}

impl Lock {
    /// Reads what [`Lock::text`] wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Numbered {
            lock_version: u64,
        }
        let malformed = |error: serde_json::Error| LockError::Malformed(error.to_string());
        // A later form may have other members: its number is looked at first.
        let numbered: Numbered = serde_json::from_slice(bytes).map_err(malformed)?;
        match numbered.lock_version {
            LOCK_VERSION => serde_json::from_slice(bytes).map_err(malformed),
            other => Err(LockError::Version(other)),
        }
    }

    /// The file: members sorted, few things a line, so that a change is a short difference.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("a lock is JSON");
        let mut out = String::new();
        write(&value, 0, &mut out);
        out.push('\n');
        out
    }
}

/// Containers of containers take a line an item, down to [`DEEPEST`].
fn write(value: &Value, depth: usize, out: &mut String) {
    let holds_containers = match value {
        Value::Object(members) => members.values().any(|value| value.is_object() || value.is_array()),
        Value::Array(items) => items.iter().any(|value| value.is_object() || value.is_array()),
        _ => false,
    };
    if depth >= DEEPEST || !holds_containers {
        out.push_str(&canonical(value));
        return;
    }
    let (open, close, items): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
            let keyed = sorted.into_iter().map(|(key, value)| (format!("{}: ", Value::from(key.as_str())), value));
            ('{', '}', keyed.collect())
        }
        _ => ('[', ']', value.as_array().into_iter().flatten().map(|item| (String::new(), item)).collect()),
    };
    out.push(open);
    for (at, (key, item)) in items.into_iter().enumerate() {
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        out.push_str(&"  ".repeat(depth + 1));
        out.push_str(&key);
        write(item, depth + 1, out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

#[cfg(test)]
mod tests;
