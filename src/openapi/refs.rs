//! The pure `$ref` resolver: it says which documents it wants and takes them in, and finds what a reference leads to.
//!
//! Key types: [`Resolver`] owns the documents; [`Reading`] is one pass over them, borrowing everything; [`Node`] is one place in one
//! document, still text. A pass that came upon a document it does not have names it in [`Reading::wants`]; whoever reads fetches
//! it, [`Resolver::supply`]s it and starts another pass. So only documents that an operation needs are ever fetched.
//!
//! Schemas are put together in `schemas`. Nothing here fetches.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;

use serde_json::Value;

use super::document::{self, Document, NotOpenApi, Version};
use super::names::{Names, mentions, names};
use super::{Problem, Severity};
use crate::base::json;
use crate::base::members::{Members, items};
use crate::base::url::{self, Url, UrlError};

/// Documents of one description, the first included.
pub const MAX_DOCUMENTS: usize = 100;

/// References that lead to references, in a row.
pub const MAX_CHAIN: usize = 64;

/// Bytes of all documents of one description together.
pub const MAX_TOTAL_BYTES: usize = 128 << 20;

/// Problems that are kept of one description.
const MAX_PROBLEMS: usize = 1000;

/// The documents of one description.
#[derive(Debug)]
pub struct Resolver {
    documents: Vec<Loaded>,
    failed: BTreeMap<Url, String>,
}

#[derive(Debug)]
struct Loaded {
    /// As it was asked for.
    asked: Url,
    /// Where it came from after redirects.
    url: Url,
    /// What references are relative to: `url`, or `$self` of OpenAPI 3.2.
    base: Url,
    document: Document,
}

impl Resolver {
    /// Starts with the document that stands at `url`.
    pub fn new(url: &Url, document: Document) -> Self {
        Self { documents: vec![Loaded::new(url.document(), url.document(), document)], failed: BTreeMap::new() }
    }

    /// Takes in a wanted document, with the address it was finally found at, or why it cannot be had.
    pub fn supply(&mut self, wanted: &Url, found: Result<(Url, Document), String>) {
        let total: usize = self.documents.iter().map(|loaded| loaded.document.text().len()).sum();
        match found {
            Ok((_, document)) if total + document.text().len() > MAX_TOTAL_BYTES => {
                self.failed.insert(wanted.document(), "all documents together are larger than 128 MiB".to_owned());
            }
            Ok((url, document)) => self.documents.push(Loaded::new(wanted.document(), url.document(), document)),
            Err(message) => {
                self.failed.insert(wanted.document(), message);
            }
        }
    }

    /// Where the first document came from.
    pub fn url(&self) -> &Url {
        &self.documents[0].url
    }

    /// The first document.
    pub fn document(&self) -> &Document {
        &self.documents[0].document
    }
}

impl Loaded {
    fn new(asked: Url, url: Url, document: Document) -> Self {
        let root = mentions(document.text(), &["$self"]).then(|| Members::of(document.text()));
        let own = root.flatten().and_then(|root| root.string("$self"));
        // A remote document cannot call itself a local one (H27).
        let base = own.and_then(|own| url.join(&own).ok()).filter(|base| base.is_http() == url.is_http());
        Self { base: base.unwrap_or_else(|| url.clone()).document(), asked, url, document }
    }

    fn is_called(&self, url: &Url) -> bool {
        self.asked == *url || self.url == *url || self.base == *url
    }
}

/// A document that is referred to and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Where it should be.
    pub url: Url,
    /// The document that refers to it.
    pub from: Url,
}

/// Which document a place is in, and what references there are relative to.
#[derive(Clone, Debug)]
pub struct Scope {
    pub(super) document: usize,
    pub(super) base: Rc<Url>,
    /// The pointer of the schema resource that `base` names; empty for the whole document.
    pub(super) root: Rc<str>,
}

/// One place in one document: its text, and where it is.
#[derive(Clone, Debug)]
pub struct Node<'r> {
    /// JSON.
    pub text: &'r str,
    pub(super) scope: Scope,
    /// From the document's root.
    pub(super) pointer: String,
}

impl<'r> Node<'r> {
    /// The object here; `None` for anything else.
    pub fn object(&self) -> Option<Object<'r>> {
        Some(Object { members: Rc::new(Members::of(self.text)?), node: self.clone() })
    }

    /// The items of the array here; none for anything else.
    pub fn items(&self) -> Vec<Self> {
        let found = items(self.text).unwrap_or_default().into_iter().enumerate();
        found.map(|(nth, raw)| self.child(&nth.to_string(), raw.get())).collect()
    }

    /// The tree here; `None` when it nests too deeply.
    pub fn value(&self) -> Option<Value> {
        serde_json::from_str(self.text).ok()
    }

    /// Identifies the place within a pass.
    pub(super) fn address(&self) -> usize {
        self.text.as_ptr() as usize
    }

    fn child(&self, token: &str, text: &'r str) -> Self {
        Self { text, scope: self.scope.clone(), pointer: json::child(&self.pointer, token) }
    }
}

/// An object at a place. A member that is `null` counts as missing: people leave sections empty.
#[derive(Clone, Debug)]
pub struct Object<'r> {
    /// Where it is.
    pub node: Node<'r>,
    members: Rc<Members<'r>>,
}

impl<'r> Object<'r> {
    /// A member.
    pub fn get(&self, name: &str) -> Option<Node<'r>> {
        let raw = self.members.get(name)?;
        (raw.get() != "null").then(|| self.node.child(name, raw.get()))
    }

    /// A member that is an object.
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name)?.object()
    }

    /// A member that is a string.
    pub fn string(&self, name: &str) -> Option<String> {
        self.members.string(name)
    }

    /// A member that is a boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.members.boolean(name)
    }

    /// All members that are not `null`, in the publisher's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Node<'r>)> {
        let present = self.members.iter().filter(|(_, raw)| raw.get() != "null");
        present.map(|(name, raw)| (name, self.node.child(name, raw.get())))
    }
}

/// Why a reference leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefError {
    /// As written, without query.
    reference: String,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// Not there yet; the next pass will know.
    Wanted,
    Missing,
    Unreadable(String),
    LocalFile,
    Chain,
    TooManyDocuments,
    Malformed(UrlError),
    Unexpected,
}

impl fmt::Display for RefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the reference `{}` ", self.reference.escape_debug())?;
        match &self.why {
            Why::Wanted => f.write_str("leads to a document that was not fetched"),
            Why::Missing => f.write_str("leads nowhere"),
            Why::Unreadable(message) => write!(f, "leads to a document that cannot be used: {message}"),
            Why::LocalFile => f.write_str("leads from a remote document to a local file, which is refused"),
            Why::Chain => write!(f, "leads in a circle, or through more than {MAX_CHAIN} references"),
            Why::TooManyDocuments => {
                write!(f, "leads to one document too many; a description has at most {MAX_DOCUMENTS}")
            }
            Why::Malformed(error) => write!(f, "is no reference: {error}"),
            Why::Unexpected => f.write_str("leads to something else than an object"),
        }
    }
}

impl std::error::Error for RefError {}

/// One pass over the documents.
pub struct Reading<'r> {
    resolver: &'r Resolver,
    version: Version,
    versions: RefCell<HashMap<usize, Version>>,
    wanted: RefCell<BTreeMap<Url, Url>>,
    indexes: RefCell<HashMap<usize, Rc<Members<'r>>>>,
    names: RefCell<HashMap<usize, Rc<Names>>>,
    problems: RefCell<Vec<Problem>>,
    unreported: Cell<usize>,
}

impl<'r> Reading<'r> {
    /// Starts a pass; an error when the first document is no description that can be read.
    pub fn new(resolver: &'r Resolver) -> Result<Self, NotOpenApi> {
        let mut reading = Self {
            resolver,
            version: Version::V30,
            versions: RefCell::default(),
            wanted: RefCell::default(),
            indexes: RefCell::default(),
            names: RefCell::default(),
            problems: RefCell::default(),
            unreported: Cell::new(0),
        };
        reading.version = document::version(&reading.root().members)?;
        Ok(reading)
    }

    /// The root of the first document; empty when it is no object.
    pub fn root(&self) -> Object<'r> {
        let node = self.whole(0);
        Object { members: self.index(node.text).unwrap_or_default(), node }
    }

    /// The version that holds at `node`: its document's, or the first document's for one that does not say.
    pub fn version(&self, node: &Node<'r>) -> Version {
        let document = node.scope.document;
        if document == 0 {
            return self.version;
        }
        *self.versions.borrow_mut().entry(document).or_insert_with(|| {
            let members = self.index(self.whole(document).text);
            members.and_then(|members| document::version(&members).ok()).unwrap_or(self.version)
        })
    }

    /// What relative addresses of `node`'s document are relative to.
    pub fn base(&self, node: &Node<'r>) -> &'r Url {
        &self.resolver.documents[node.scope.document].base
    }

    /// The address of `node`'s document as it was fetched.
    pub(super) fn document_url(&self, node: &Node<'r>) -> &'r Url {
        &self.resolver.documents[node.scope.document].url
    }

    /// Documents that were referred to and are not there.
    pub fn wants(&self) -> Vec<Want> {
        self.wanted.borrow().iter().map(|(url, from)| Want { url: url.clone(), from: from.clone() }).collect()
    }

    /// Reports a problem at a place.
    pub fn report(&self, severity: Severity, node: &Node<'r>, message: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() >= MAX_PROBLEMS {
            self.unreported.set(self.unreported.get() + 1);
            return;
        }
        let place = match node.scope.document {
            0 => node.pointer.clone(),
            _ => format!("{}#{}", self.document_url(node).public(), node.pointer),
        };
        let problem = Problem { severity, place, message };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// How many problems were reported so far.
    pub(super) fn reported(&self) -> usize {
        self.problems.borrow().len() + self.unreported.get()
    }

    /// All problems so far.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.borrow().clone();
        if self.unreported.get() > 0 {
            let message = format!("{} more problems are not listed", self.unreported.get());
            problems.push(Problem { severity: Severity::Warning, place: String::new(), message });
        }
        problems
    }

    /// What stands at `node`, or where its `$ref` finally leads (for all objects that are no schemas).
    pub fn resolve(&self, node: &Node<'r>) -> Result<Object<'r>, RefError> {
        let mut node = node.clone();
        let mut last = String::new();
        for _ in 0..=MAX_CHAIN {
            let Some(object) = node.object() else { return Err(refused(&last, Why::Unexpected)) };
            match object.string("$ref") {
                None => return Ok(object),
                Some(reference) => {
                    node = self.follow(&node.scope, &reference)?;
                    last = reference;
                }
            }
        }
        Err(refused(&last, Why::Chain))
    }

    /// Where one reference leads, seen from `scope`.
    pub fn follow(&self, scope: &Scope, reference: &str) -> Result<Node<'r>, RefError> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let (document, root) = match address {
            "" => (scope.document, scope.root.clone()),
            address => self.resource(scope, address).map_err(|why| refused(reference, why))?,
        };
        let fragment = url::decode(fragment);
        let found = if fragment.is_empty() {
            self.walk(document, &root)
        } else if fragment.starts_with('/') {
            let inside = || self.walk(document, &format!("{root}{fragment}"));
            // Schemas with a decorative `$id` still mean the document's own components.
            inside().or_else(|| self.walk(document, &fragment))
        } else {
            let anchored = self.names(document).anchor(&root, &fragment);
            anchored.and_then(|pointer| self.walk(document, &pointer))
        };
        found.ok_or_else(|| refused(reference, Why::Missing))
    }

    /// The document, and the schema resource in it, that an address names.
    fn resource(&self, scope: &Scope, address: &str) -> Result<(usize, Rc<str>), Why> {
        let wanted = scope.base.join(address).map_err(Why::Malformed)?.document();
        let documents = &self.resolver.documents;
        let is_local = |document: usize| !documents[document].url.is_http();
        if let Some(document) = documents.iter().position(|loaded| loaded.is_called(&wanted)) {
            let refused = is_local(document) && !is_local(scope.document);
            return if refused { Err(Why::LocalFile) } else { Ok((document, "".into())) };
        }
        for document in (0..documents.len()).filter(|document| !is_local(*document) || is_local(scope.document)) {
            if let Some(pointer) = self.names(document).resource(&wanted) {
                return Ok((document, pointer.into()));
            }
        }
        if let Some(message) = self.resolver.failed.get(&wanted) {
            return Err(Why::Unreadable(message.clone()));
        }
        if !wanted.is_http() && !is_local(scope.document) {
            return Err(Why::LocalFile);
        }
        if documents.len() + self.resolver.failed.len() + self.wanted.borrow().len() >= MAX_DOCUMENTS
            && !self.wanted.borrow().contains_key(&wanted)
        {
            return Err(Why::TooManyDocuments);
        }
        let from = documents[scope.document].url.clone();
        self.wanted.borrow_mut().entry(wanted).or_insert(from);
        Err(Why::Wanted)
    }

    fn whole(&self, document: usize) -> Node<'r> {
        let loaded = &self.resolver.documents[document];
        let scope = Scope { document, base: Rc::new(loaded.base.clone()), root: "".into() };
        Node { text: loaded.document.text().trim(), scope, pointer: String::new() }
    }

    /// Follows a JSON pointer (RFC 6901), keeping track of `$id`s on the way.
    fn walk(&self, document: usize, pointer: &str) -> Option<Node<'r>> {
        let mut node = self.whole(document);
        let with_ids = self.names(document).has_resources();
        for token in pointer.split('/').skip(1).map(json::unescape_token) {
            let text = match node.text.as_bytes().first()? {
                b'{' => self.index(node.text)?.get(&token)?.get(),
                b'[' => items(node.text)?.get(token.parse::<usize>().ok()?)?.get(),
                _ => return None,
            };
            node = node.child(&token, text);
            if with_ids && let Some(base) = self.names(document).base_at(&node.pointer) {
                node.scope = Scope { document, base: Rc::new(base), root: node.pointer.as_str().into() };
            }
        }
        Some(node)
    }

    /// The members of an object that references lead through, read once.
    fn index(&self, text: &'r str) -> Option<Rc<Members<'r>>> {
        let address = text.as_ptr() as usize;
        if let Some(known) = self.indexes.borrow().get(&address) {
            return Some(known.clone());
        }
        let members = Rc::new(Members::of(text)?);
        self.indexes.borrow_mut().insert(address, members.clone());
        Some(members)
    }

    fn names(&self, document: usize) -> Rc<Names> {
        if let Some(known) = self.names.borrow().get(&document) {
            return known.clone();
        }
        let loaded = &self.resolver.documents[document];
        let found = Rc::new(names(loaded.document.text(), &loaded.base));
        self.names.borrow_mut().insert(document, found.clone());
        found
    }
}

/// A reference as it may be shown: without query, which may carry keys, and bounded.
fn refused(reference: &str, why: Why) -> RefError {
    let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let address = address.split_once('?').map_or(address, |(address, _)| address);
    let shown = if fragment.is_empty() { address.to_owned() } else { format!("{address}#{fragment}") };
    RefError { reference: shown.chars().take(200).collect(), why }
}
