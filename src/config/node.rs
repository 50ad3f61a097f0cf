//! A JSON document whose every value remembers the file and the pointer it came from.
//!
//! [`Document`] is one file as read; [`Node`] is its content, and later the merged content of several files. [`Problems`]
//! turns an [`Origin`] and a message into a [`Diagnostic`] with line and column. Nothing here knows a field by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::diagnostic::{Diagnostic, Severity};
use super::scope::ScopeFile;
use crate::base::json::{self, Position, child, locate};

/// Deeper than any field of the format.
const MAX_DEPTH: usize = 12;

/// Longest key, in characters.
pub(super) const MAX_KEY: usize = 256;

/// Most values of one file, objects and arrays counted too.
const MAX_NODES: usize = 50_000;

/// Problems beyond this many are only counted.
const MAX_PROBLEMS: usize = 100;

/// One file as read.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Which file.
    pub(super) file: ScopeFile,
    /// It was discovered, not named.
    pub(super) discovered: bool,
    /// Its bytes, which trust is about.
    pub(super) bytes: Vec<u8>,
}

impl Document {
    /// The content without a byte order mark; empty when it is no UTF-8.
    pub(super) fn text(&self) -> &str {
        let bytes = self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.bytes);
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Reads the content; `index` is this document's place in the list that origins refer to.
    pub(super) fn parse(&self, index: usize) -> Result<Node, Vec<Diagnostic>> {
        if std::str::from_utf8(&self.bytes).is_err() {
            return Err(vec![self.problem(String::new(), None, "the file is not UTF-8")]);
        }
        let value: Value = serde_json::from_str(self.text()).map_err(|error| vec![self.syntax(&error)])?;
        let duplicates = json::duplicate_members(self.text());
        if !duplicates.is_empty() {
            let shown = duplicates.into_iter().take(MAX_PROBLEMS);
            return Err(shown.map(|pointer| self.at(pointer, "this member stands twice in its object")).collect());
        }
        if !value.is_object() {
            return Err(vec![self.at(String::new(), "the file must hold one JSON object")]);
        }
        let mut left = MAX_NODES;
        Node::from_value(value, index, String::new(), 0, &mut left)
            .map_err(|(pointer, message)| vec![self.at(pointer, &message)])
    }

    fn at(&self, pointer: String, message: &str) -> Diagnostic {
        let position = locate(self.text(), &pointer);
        self.problem(pointer, Some(position), message)
    }

    fn problem(&self, pointer: String, position: Option<Position>, message: &str) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: self.file.path.clone(),
            pointer,
            position,
            message: message.to_owned(),
            hint: None,
        }
    }

    fn syntax(&self, error: &serde_json::Error) -> Diagnostic {
        let (position, reason) = json::syntax_error(self.text(), error);
        self.problem(String::new(), Some(position), &format!("the file is not valid JSON: {reason}"))
    }
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Index into the documents.
    pub(super) file: usize,
    /// Pointer in that file.
    pub(super) pointer: String,
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) origin: Origin,
    /// Order of appearance, so that what is shown keeps a person's order.
    rank: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

impl Node {
    /// An object without members at `origin`.
    pub(super) fn empty_object(origin: Origin) -> Self {
        Self { content: Content::Object(BTreeMap::new()), origin, rank: 0 }
    }

    /// A text that the file implies without writing it.
    pub(super) fn implied(text: &str, origin: Origin) -> Self {
        Self { content: Content::Scalar(text.into()), origin, rank: 0 }
    }

    fn from_value(
        value: Value,
        file: usize,
        pointer: String,
        depth: usize,
        left: &mut usize,
    ) -> Result<Self, (String, String)> {
        *left = left.checked_sub(1).ok_or_else(|| (String::new(), format!("more than {MAX_NODES} values")))?;
        if depth > MAX_DEPTH {
            return Err((pointer, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let rank = file * (MAX_NODES + 1) + (MAX_NODES - *left);
        let content = match value {
            Value::Object(members) => {
                let mut object = BTreeMap::new();
                for (key, value) in members {
                    if key.chars().count() > MAX_KEY {
                        return Err((pointer, format!("a key here is longer than {MAX_KEY} characters")));
                    }
                    let below = child(&pointer, &key);
                    object.insert(key, Self::from_value(value, file, below, depth + 1, left)?);
                }
                Content::Object(object)
            }
            Value::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (i, item) in items.into_iter().enumerate() {
                    list.push(Self::from_value(item, file, child(&pointer, &i.to_string()), depth + 1, left)?);
                }
                Content::List(list)
            }
            scalar => Content::Scalar(scalar),
        };
        Ok(Self { content, origin: Origin { file, pointer }, rank })
    }

    /// The members, when this is an object.
    pub(super) fn members(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The members, when this is an object.
    pub(super) fn members_mut(&mut self) -> Option<&mut BTreeMap<String, Self>> {
        match &mut self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The items, when this is an array.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// One member.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members()?.get(key)
    }

    /// The value below a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Every key and value of the object below a path; nothing when there is none.
    pub(super) fn entries<'a>(&'a self, path: &[&str]) -> impl Iterator<Item = (&'a str, &'a Self)> + use<'a> {
        let members = self.at(path).and_then(Self::members);
        members.into_iter().flatten().map(|(key, node)| (key.as_str(), node))
    }

    /// Takes the other's content and origin but keeps its own place in the order.
    pub(super) fn replace(&mut self, other: Self) {
        self.content = other.content;
        self.origin = other.origin;
    }

    /// Plain JSON.
    pub(super) fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by_key(|(_, node)| node.rank);
                Value::Object(Map::from_iter(sorted.into_iter().map(|(key, node)| (key.clone(), node.to_value()))))
            }
        }
    }

    /// What kind of JSON value this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(Value::Null) => "null",
            Content::Scalar(Value::Bool(_)) => "a boolean",
            Content::Scalar(Value::Number(_)) => "a number",
            Content::Scalar(_) => "a string",
            Content::List(_) => "an array",
            Content::Object(_) => "an object",
        }
    }

    /// Calls `visit` for every value that is no object, with its pointer in the merged document.
    pub(super) fn leaves(&self, pointer: &str, visit: &mut impl FnMut(&str, &Self)) {
        match &self.content {
            Content::Object(members) => {
                for (key, node) in members {
                    node.leaves(&child(pointer, key), visit);
                }
            }
            Content::List(items) if !items.is_empty() => {
                for (i, node) in items.iter().enumerate() {
                    node.leaves(&child(pointer, &i.to_string()), visit);
                }
            }
            _ => visit(pointer, self),
        }
    }
}

/// Content decides; where it was written does not.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Scalar(a), Content::Scalar(b)) => a == b,
            (Content::List(a), Content::List(b)) => a == b,
            (Content::Object(a), Content::Object(b)) => a == b,
            _ => false,
        }
    }
}

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    documents: &'a [Document],
    found: Vec<Diagnostic>,
    left_out: usize,
}

impl<'a> Problems<'a> {
    /// None so far.
    pub(super) fn new(documents: &'a [Document]) -> Self {
        Self { documents, found: Vec::new(), left_out: 0 }
    }

    /// The files that origins refer to.
    pub(super) fn documents(&self) -> &'a [Document] {
        self.documents
    }

    /// The file an origin names.
    pub(super) fn file(&self, origin: &Origin) -> &'a ScopeFile {
        &self.documents[origin.file].file
    }

    /// Something that stops the load.
    pub(super) fn error(&mut self, origin: &Origin, message: impl Into<String>) {
        self.note(Severity::Error, origin, message.into(), None);
    }

    /// As [`Problems::error`], with what to do about it.
    pub(super) fn error_with(&mut self, origin: &Origin, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Error, origin, message.into(), Some(hint.into()));
    }

    /// Something that does not stop the load.
    pub(super) fn warning(&mut self, origin: &Origin, message: impl Into<String>, hint: impl Into<String>) {
        self.note(Severity::Warning, origin, message.into(), Some(hint.into()));
    }

    fn note(&mut self, severity: Severity, origin: &Origin, message: String, hint: Option<String>) {
        let document = &self.documents[origin.file];
        let same = |d: &Diagnostic| {
            d.file == document.file.path
                && d.pointer == origin.pointer
                && d.message == message
                && d.severity == severity
        };
        if self.found.iter().any(same) {
            return;
        }
        // Finding a place reads the file from its start, so their number is bounded.
        if self.count(severity) >= MAX_PROBLEMS {
            self.left_out += usize::from(severity == Severity::Error);
            return;
        }
        let position = Some(locate(document.text(), &origin.pointer));
        let (file, pointer) = (document.file.path.clone(), origin.pointer.clone());
        self.found.push(Diagnostic { severity, file, pointer, position, message, hint });
    }

    /// Whether further errors are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.count(Severity::Error) >= MAX_PROBLEMS
    }

    fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|d| d.severity == severity).count()
    }

    /// Diagnostics that were made elsewhere.
    pub(super) fn extend(&mut self, found: Vec<Diagnostic>) {
        self.found.extend(found);
    }

    /// Errors and warnings, each by file in scope order and then by place.
    pub(super) fn split(mut self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let rank = |d: &Diagnostic| self.documents.iter().position(|document| document.file.path == d.file);
        self.found.sort_by_key(|d| (rank(d), d.position));
        let (mut errors, warnings): (Vec<_>, Vec<_>) =
            self.found.into_iter().partition(|d| d.severity == Severity::Error);
        if let (Some(last), 1..) = (errors.last_mut(), self.left_out) {
            last.hint = Some(format!("{} more problems are not shown", self.left_out));
        }
        (errors, warnings)
    }
}
