//! Overlays (OpenAPI Overlay Specification 1.0 and 1.1): changes to a document before it is read as a description (contract 6, H30).
//!
//! Key types: [`Overlay`], [`Note`], [`OverlayError`]. [`Overlay::read`] or [`Overlay::parse`] reports every fault of an overlay at once;
//! [`Overlay::apply`] carries its actions out, each on what the ones before it left. An overlay is a publisher's document like any other:
//! actions, selected nodes, steps, depth, and what is added are bounded (H28). Fetches nothing: `extends` is handed to the caller, who
//! decides whether the overlay is meant for the document ([`Overlay::is_for`] knows the rule).

mod apply;
mod merge;
mod path;
mod read;

use std::fmt;

use serde_json::Value;

use crate::base::document::{self, DocumentError};
use crate::base::url::Url;
use path::{Path, Place};

/// Bytes of an overlay.
pub const MAX_BYTES: usize = 8 << 20;

/// Actions of an overlay.
pub const MAX_ACTIONS: usize = 1_000;

/// Bytes, keys and values weighed together, that an overlay may add to a document.
pub const MAX_GROWTH: usize = 32 << 20;

/// An overlay that is well formed.
#[derive(Clone, Debug)]
pub struct Overlay {
    title: String,
    version: Version,
    extends: Option<String>,
    actions: Vec<Action>,
    /// What is odd about it, known before it is applied.
    notes: Vec<Note>,
}

/// What a person should know of an overlay that does not stand in the way; shown as a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The pointer of what is meant within the overlay: `/actions/2`, or empty for all of it.
    pub place: String,
    /// Names the overlay, the action and its target.
    pub message: String,
}

/// Why there is no overlay, or why it could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayError {
    /// Neither JSON nor YAML, or too large.
    Document(DocumentError),
    /// Larger than [`MAX_BYTES`].
    TooLarge,
    /// No overlay of a known version; what `overlay` says, if anything.
    Version(Option<String>),
    /// Every fault, each with its pointer.
    Malformed(Vec<Fault>),
    /// An action that cannot be carried out. The document is half changed and of no use.
    Action {
        /// The overlay.
        title: String,
        /// From 0.
        action: usize,
        /// As published.
        target: String,
        /// What stands in the way.
        reason: String,
    },
}

/// One fault of an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "/" } else { &self.place };
        write!(f, "{place}: {}", self.message)
    }
}

impl fmt::Display for OverlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::TooLarge => write!(f, "the overlay is larger than {} MiB", MAX_BYTES >> 20),
            Self::Version(None) => f.write_str("the document has no `overlay: 1.0.0` or `1.1.0` and is no overlay"),
            Self::Version(Some(version)) => {
                write!(f, "`overlay` is {version}; overlays of the versions \"1.0.x\" and \"1.1.x\" are read")
            }
            Self::Malformed(faults) => {
                f.write_str("the overlay is malformed")?;
                faults
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, fault)| write!(f, "{} {fault}", if at == 0 { ":" } else { ";" }))
            }
            Self::Action { title, action, target, reason } => {
                write!(f, "overlay `{title}`: `actions[{action}]` (target `{target}`) {reason}")
            }
        }
    }
}

impl std::error::Error for OverlayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Document(error) => Some(error),
            _ => None,
        }
    }
}

impl Overlay {
    /// Reads an overlay from JSON or YAML.
    pub fn read(bytes: &[u8]) -> Result<Self, OverlayError> {
        if bytes.len() > MAX_BYTES {
            return Err(OverlayError::TooLarge);
        }
        Self::parse(&document::parse(bytes).map_err(OverlayError::Document)?)
    }

    /// Reads an overlay that is a tree already.
    pub fn parse(document: &Value) -> Result<Self, OverlayError> {
        read::overlay(document)
    }

    /// `info.title`, shortened and fit to be shown.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The URI reference of the document that it is made for, relative to the overlay's own URL.
    pub fn extends(&self) -> Option<&str> {
        self.extends.as_deref()
    }

    /// Whether it is made for the document at this URL: it says so, or does not say. `own` is the overlay's URL.
    pub fn is_for(&self, document: &Url, own: &Url) -> bool {
        let same = |url: &Url| url.without_fragment() == document.without_fragment();
        self.extends.as_deref().is_none_or(|reference| own.join(reference).is_ok_and(|url| same(&url)))
    }

    /// Carries out all actions in order. What is returned is to be shown as warnings; after an error the document is half changed
    /// and must not be used.
    pub fn apply(&self, document: &mut Value) -> Result<Vec<Note>, OverlayError> {
        self.apply_within(document, &mut { MAX_GROWTH })
    }

    /// As [`Overlay::apply`], adding no more than `growth`, which is what several overlays of one document may add together; what is left
    /// of it stays there.
    pub fn apply_within(&self, document: &mut Value, growth: &mut usize) -> Result<Vec<Note>, OverlayError> {
        apply::overlay(self, document, growth)
    }

    fn note(&self, action: usize, said: &str) -> Note {
        note(&self.title, action, &self.actions[action].target, said)
    }

    fn error(&self, action: usize, reason: String) -> OverlayError {
        let target = self.actions[action].target.clone();
        OverlayError::Action { title: self.title.clone(), action, target, reason }
    }
}

fn note(title: &str, action: usize, target: &str, said: &str) -> Note {
    let message = format!("overlay `{title}`: `actions[{action}]` (target `{target}`) {said}");
    Note { place: format!("/actions/{action}"), message }
}

/// The feature set; patches do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// 1.0: what is added to an array is one item; only objects and arrays are updated.
    Zero,
    /// 1.1: arrays are joined, primitives are replaced, nodes are copied.
    One,
}

#[derive(Clone, Debug)]
struct Action {
    /// As published, fit to be shown.
    target: String,
    path: Path,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Remove,
    Update(Value),
    /// From one node into the targets (1.1).
    Copy(Path),
    /// From the one target to a place (`copy: {to}`).
    CopyTo(Place),
}

#[cfg(test)]
mod tests;
