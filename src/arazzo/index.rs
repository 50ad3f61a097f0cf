//! What there is to be bound to: services and their operations, found by id, path, URL and name.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use super::bind::Located;
use super::reference::{Reference, Target};
use super::{Kind, Source};
use crate::base::id::ToolId;
use crate::base::name::nearest;
use crate::base::url::Url;

/// Operations that all suggestions of one binding are looked for in, which bounds their time.
const MAX_LOOKED_AT: usize = 200_000;

/// Said of what is no URL; it is not shown, for it may hold a password (H24).
pub(super) const UNUSABLE: &str = "its URL cannot be used";

/// Candidates that a message names.
const MAX_NAMED: usize = 5;

/// A service that steps may call.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// Its id.
    pub id: &'a str,
    /// What people type, when it is another word.
    pub alias: &'a str,
    /// The source that it is made from.
    pub source: &'a str,
    /// URLs of its descriptions: as configured, and as they were reached.
    pub documents: Vec<&'a Url>,
    /// All that became tools.
    pub operations: Vec<Operation<'a>>,
}

/// An operation and its tool.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As published.
    pub path: &'a str,
    /// As published; empty when there is none.
    pub operation_id: &'a str,
    /// The tool that it became.
    pub tool: &'a ToolId,
}

/// Services, ready to be looked up.
pub(super) struct Index<'a> {
    services: &'a [Service<'a>],
    tables: Vec<Table<'a>>,
    left: Cell<usize>,
}

#[derive(Default)]
struct Table<'a> {
    ids: HashMap<&'a str, Vec<Operation<'a>>>,
    paths: HashMap<&'a str, Vec<Operation<'a>>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(services: &'a [Service<'a>]) -> Self {
        let table = |service: &Service<'a>| {
            let mut table = Table::default();
            for operation in &service.operations {
                table.paths.entry(operation.path).or_default().push(*operation);
                if !operation.operation_id.is_empty() {
                    table.ids.entry(operation.operation_id).or_default().push(*operation);
                }
            }
            table
        };
        Self { services, tables: services.iter().map(table).collect(), left: Cell::new(MAX_LOOKED_AT) }
    }

    /// The tool that a reference of a document means.
    pub(super) fn tool(&self, from: &Located<'_>, reference: &Reference<'_>) -> Result<ToolId, String> {
        match reference {
            Reference::Id { source, id } => {
                let within = self.candidates(from, source.map_or(Target::Any, Target::Source))?;
                let found = within.iter().filter_map(|at| self.tables[*at].ids.get(id)).flatten();
                one(found, || format!("the operation id `{id}`"))?
                    .ok_or_else(|| self.missing(&within, id, |operation| operation.operation_id.to_owned()))
            }
            Reference::Path { document, method, path } => {
                let within = self.candidates(from, *document)?;
                let fits =
                    |operation: &&Operation<'_>| method.as_ref().is_none_or(|method| *method == operation.method);
                let found =
                    within.iter().filter_map(|at| self.tables[*at].paths.get(path.as_str())).flatten().filter(fits);
                let spelled = method.as_ref().map_or(path.clone(), |method| format!("{method} {path}"));
                one(found, || format!("`{spelled}`"))?.ok_or_else(|| {
                    let spell = |operation: Operation<'_>| match method {
                        Some(_) => format!("{} {}", operation.method, operation.path),
                        None => operation.path.to_owned(),
                    };
                    self.missing(&within, &spelled, spell)
                })
            }
        }
    }

    /// What was looked for, where, and what is near to it.
    fn missing(&self, within: &[usize], wanted: &str, spell: impl Fn(Operation<'a>) -> String) -> String {
        let names: Vec<String> =
            within.iter().take(MAX_NAMED).map(|at| format!("`{}`", self.services[*at].id)).collect();
        let message = format!("`{wanted}` is no operation of {}", names.join(", "));
        let operations = within.iter().flat_map(|at| &self.services[*at].operations).take(self.left.get());
        let spellings: BTreeSet<String> = operations.map(|operation| spell(*operation)).collect();
        self.left.set(self.left.get() - spellings.len().min(self.left.get()));
        match nearest(wanted, spellings.iter().map(String::as_str).filter(|spelling| !spelling.is_empty())) {
            Some(meant) => format!("{message}; is `{meant}` meant"),
            None => message,
        }
    }

    /// The services that a reference may mean: one when it names a document, else those of all source descriptions.
    fn candidates(&self, from: &Located<'_>, document: Target<'_>) -> Result<Vec<usize>, String> {
        let sources = &from.description.sources;
        match document {
            Target::Source(at) => Ok(vec![self.service(from, &sources[at])?]),
            Target::Url(reference) => Ok(vec![self.service_at(from, reference)?]),
            Target::Any => {
                let (mut found, mut reasons) = (BTreeSet::new(), Vec::new());
                for source in sources.iter().filter(|source| source.kind == Kind::OpenApi) {
                    match self.service(from, source) {
                        Ok(at) => _ = found.insert(at),
                        Err(reason) => reasons.push(reason),
                    }
                }
                match reasons.into_iter().next() {
                    Some(reason) if found.is_empty() => Err(reason),
                    None if found.is_empty() => {
                        Err("the document has no source description of type `openapi`".to_owned())
                    }
                    _ => Ok(found.into_iter().collect()),
                }
            }
        }
    }

    fn service_at(&self, from: &Located<'_>, reference: &str) -> Result<usize, String> {
        let base = from.base();
        let url = base.join(reference).map_err(|_| UNUSABLE.to_owned())?;
        if let Some(at) = self.only(from, self.made_from(&url), &format!("`{}`", url.public()))? {
            return Ok(at);
        }
        let same = |source: &&Source| base.join(&source.url).is_ok_and(|other| other.document() == url.document());
        match from.description.sources.iter().find(same) {
            Some(source) => self.service(from, source),
            None => Err(format!("no service is made from `{}`, and no source description has this URL", url.public())),
        }
    }

    /// The service that a source description means: by its URL; by its name, which is the service's id, alias or source; else the
    /// service that lists the document, when this is its only source description; else the only service there is.
    fn service(&self, from: &Located<'_>, source: &Source) -> Result<usize, String> {
        let name = source.name.as_str();
        match source.kind {
            Kind::OpenApi => {}
            Kind::Arazzo => return Err(format!("the source description `{name}` has workflows, no operations")),
            Kind::AsyncApi => return Err(format!("the source description `{name}` is AsyncAPI, which has no tools")),
        }
        let url = from.base().join(&source.url).ok();
        let said = format!("the source description `{name}`");
        if let Some(at) = self.only(from, url.iter().flat_map(|url| self.made_from(url)), &said)? {
            return Ok(at);
        }
        let named = |service: &Service<'_>| [service.id, service.alias, service.source].contains(&name);
        if let Some(at) = self.only(from, self.which(named), &said)? {
            return Ok(at);
        }
        let described = from.description.sources.iter().filter(|source| source.kind == Kind::OpenApi).count();
        match (self.owner(from), self.services.len()) {
            (Some(owner), _) if described == 1 => Ok(owner),
            (_, 1) => Ok(0),
            _ => {
                let url =
                    url.map_or_else(|| UNUSABLE.to_owned(), |url| format!("none is made from `{}`", url.public()));
                Err(format!(
                    "{said} means no service: {url}, and none has this id, alias or source; services are {}",
                    self.names(0..self.services.len())
                ))
            }
        }
    }

    fn which<'i>(&'i self, fits: impl Fn(&Service<'_>) -> bool + 'i) -> impl Iterator<Item = usize> + 'i {
        self.services.iter().enumerate().filter(move |(_, service)| fits(service)).map(|(at, _)| at)
    }

    fn made_from<'i>(&'i self, url: &Url) -> impl Iterator<Item = usize> + use<'i, 'a> {
        let url = url.document();
        self.which(move |service| service.documents.iter().any(|document| document.document() == url))
    }

    fn owner(&self, from: &Located<'_>) -> Option<usize> {
        from.service.and_then(|owner| self.which(move |service| service.id == owner).next())
    }

    /// Of several, the one that lists the document.
    fn only(
        &self,
        from: &Located<'_>,
        found: impl Iterator<Item = usize>,
        said: &str,
    ) -> Result<Option<usize>, String> {
        let found: Vec<usize> = found.collect();
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => match self.owner(from).filter(|owner| several.contains(owner)) {
                Some(owner) => Ok(Some(owner)),
                None => Err(format!("{said} means several services: {}", self.names(several.iter().copied()))),
            },
        }
    }

    fn names(&self, services: impl Iterator<Item = usize>) -> String {
        let mut names: Vec<String> =
            services.take(MAX_NAMED + 1).map(|at| format!("`{}`", self.services[at].id)).collect();
        if names.len() > MAX_NAMED {
            names[MAX_NAMED] = "..".to_owned();
        }
        names.join(", ")
    }
}

/// The tool, when there is just one; several are an error that names them.
fn one<'o>(
    found: impl Iterator<Item = &'o Operation<'o>>,
    said: impl Fn() -> String,
) -> Result<Option<ToolId>, String> {
    let found: BTreeSet<&ToolId> = found.map(|operation| operation.tool).collect();
    let mut tools = found.iter();
    match (tools.next(), found.len()) {
        (Some(tool), 1) => Ok(Some((*tool).clone())),
        (None, _) => Ok(None),
        _ => {
            let names: Vec<String> = found.iter().take(MAX_NAMED).map(|tool| format!("`{tool}`")).collect();
            let more = if found.len() > MAX_NAMED { ", .." } else { "" };
            Err(format!(
                "{} means several operations: {}{more}; a source description or a method tells them apart",
                said(),
                names.join(", ")
            ))
        }
    }
}
