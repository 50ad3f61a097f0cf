//! Arazzo (1.0, and 1.1 as far as it is the same): documents that describe workflows, and their steps bound to tools (contract 8).
//!
//! Key types: [`Description`] is one document, read as strictly as binding needs; [`Service`] and [`Operation`] say what there is to be
//! bound to; [`bind()`] gives [`Workflow`]s and [`Problem`]s. A step that cannot be bound takes its workflow with it and leaves the others.
//! Fetches nothing and runs nothing: inputs, parameters, criteria, outputs and actions are passed over here.

mod bind;
mod index;
mod read;
mod reference;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::document::{self, DocumentError};
use crate::base::id::ToolId;
use crate::base::url::Url;

pub use bind::{Bound, Located, Problem, bind};
pub use index::{Operation, Service};

/// Bytes of a document.
pub const MAX_BYTES: usize = 8 << 20;

/// Workflows of a document.
pub const MAX_WORKFLOWS: usize = 1_000;

/// Steps of a workflow, those of nested workflows included.
pub const MAX_STEPS: usize = 500;

/// Steps of all workflows that are bound together.
pub const MAX_BOUND: usize = 50_000;

/// Source descriptions of a document.
pub const MAX_SOURCES: usize = 100;

/// Characters of an id or a reference.
pub const MAX_CHARS: usize = 500;

/// A workflow, bound to tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// As published.
    pub workflow_id: String,
    /// In order. The steps of a nested workflow stand in place of the step that calls it, as `<step>.<step of the nested one>`.
    pub steps: Vec<WorkflowStep>,
}

/// One step of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStep {
    /// As published.
    pub step_id: String,
    /// The tool it calls.
    pub tool_id: ToolId,
}

/// An Arazzo document, ready to be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What relative references are resolved against, when the document says so (`$self`, 1.1).
    own: Option<String>,
    sources: Vec<Source>,
    plans: Vec<Plan>,
    /// Workflows that are left out because they are malformed.
    faults: Vec<Fault>,
}

/// Why there is no Arazzo document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArazzoError {
    /// Neither JSON nor YAML, or too large.
    Document(DocumentError),
    /// Larger than [`MAX_BYTES`].
    TooLarge,
    /// No Arazzo document of a known version; what `arazzo` says, if anything.
    Version(Option<String>),
    /// What stands in the way of all workflows, each fault with its pointer.
    Malformed(Vec<String>),
}

impl fmt::Display for ArazzoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::TooLarge => write!(f, "the Arazzo document is larger than {} MiB", MAX_BYTES >> 20),
            Self::Version(None) => f.write_str("the document has no `arazzo: 1.0.1` and is no Arazzo document"),
            Self::Version(Some(version)) => {
                write!(f, "`arazzo` is {version}; documents of the versions \"1.0.x\" and \"1.1.x\" are read")
            }
            Self::Malformed(faults) => write!(f, "the Arazzo document is malformed: {}", faults.join("; ")),
        }
    }
}

impl std::error::Error for ArazzoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Document(error) => Some(error),
            _ => None,
        }
    }
}

impl Description {
    /// Reads a document from JSON or YAML. A malformed workflow does not stand in the way of the others: [`bind()`] reports it.
    pub fn read(bytes: &[u8]) -> Result<Self, ArazzoError> {
        if bytes.len() > MAX_BYTES {
            return Err(ArazzoError::TooLarge);
        }
        read::description(&document::parse(bytes).map_err(ArazzoError::Document)?)
    }

    /// Whether a well-formed workflow of it has this id.
    pub fn has_workflow(&self, id: &str) -> bool {
        self.plans.iter().any(|plan| plan.id == id)
    }

    /// The URL that references of this document are relative to, when it was brought from `url`.
    fn base(&self, url: &Url) -> Url {
        self.own.as_deref().and_then(|own| url.join(own).ok()).unwrap_or_else(|| url.clone())
    }
}

/// `sourceDescriptions[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    name: String,
    url: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OpenApi,
    Arazzo,
    /// Event-driven steps have no tools.
    AsyncApi,
}

/// A workflow as published.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    id: String,
    /// JSON pointer.
    place: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    id: String,
    call: Call,
}

/// What a step calls, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    OperationId(String),
    OperationPath(String),
    WorkflowId(String),
}

/// A malformed workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    workflow: String,
    step: Option<String>,
    place: String,
    reason: String,
}

#[cfg(test)]
mod tests;
