//! Puts a catalog together from the parts of its sources: service ids, views, order (pure).
//!
//! Key types: [`Part`], what one source gives; [`Problem`]. A part that would take a service id that is not its own is refused
//! whole (H45). Which part of an earlier catalog may stand in for a source that failed is decided here too; when it is too old is
//! decided in `gather`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::derive::{self, Described, Words};
use super::safety::Granted;
use super::tool::{self, Target};
use super::workflows::{self, Plan};
use super::{CATALOG_VERSION, Catalog, ServiceRecord, SourceRecord, Tool, View, ViewTool, public_uri};
use crate::base::id::{ServiceId, SourceId};
use crate::base::pattern::Pattern;
use crate::base::url::Url;
use crate::config::{Config, Location, Mode, Profile, Service};
use crate::openapi::{self, Description};

pub use super::fingerprint::fingerprint;
pub use crate::openapi::Severity;

use super::naming;

/// The view of everything.
pub const DISCOVER: &str = "discover";

/// One thing that a person who runs the toolbox, or publishes the description, should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whose description.
    pub source: SourceId,
    /// How bad.
    pub severity: Severity,
    /// Where in it: a JSON pointer, or an address with one; empty for the whole.
    pub place: String,
    /// What is wrong and what was done about it.
    pub message: String,
    /// What it is about.
    pub about: About,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// What a publisher offers.
    Description,
    /// A document that the config names beside the description.
    Named,
    /// A workflow that a publisher offers.
    Workflow,
    /// A workflow of a document that the config names.
    NamedWorkflow,
}

impl About {
    /// Whether the config asks for it by name, so that it is a fault of the config when it is missing.
    pub fn is_named(self) -> bool {
        matches!(self, Self::Named | Self::NamedWorkflow)
    }

    /// Whether it is found anew whenever a catalog is put together.
    pub fn is_workflow(self) -> bool {
        matches!(self, Self::Workflow | Self::NamedWorkflow)
    }
}

impl Problem {
    /// From what was found in the description of `source`.
    pub fn new(source: &SourceId, found: openapi::Problem) -> Self {
        let openapi::Problem { severity, place, message } = found;
        Self { source: source.clone(), severity, place, message, about: About::Description }
    }
}

impl fmt::Display for Problem {
    /// `source petstore: warning: message (at /paths/~1pets)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {}: {}: {}", self.source, self.severity.as_str(), self.message)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " (at {})", self.place) }
    }
}

/// What one source gives.
#[derive(Clone, Debug)]
pub struct Part {
    /// The source.
    pub source: SourceRecord,
    /// Its services.
    pub services: Vec<ServiceRecord>,
    /// Tools of these services.
    pub tools: Vec<Tool>,
    /// Whether a service's id comes from its description and not from the config.
    pub derived: bool,
    /// Whether a description could not be read and stands here as it was before.
    pub kept: bool,
    /// Workflows that go with its services.
    pub plans: Vec<Arc<Plan>>,
}

/// One description, as it is read for one service.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The service of the config; `None` where its id is to be derived.
    pub service: Option<(&'a ServiceId, &'a Service)>,
    /// What the description says.
    pub description: &'a Description,
    /// What the config says of the safety of its operations.
    pub granted: &'a Granted,
}

/// One description of a source.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Where it is, as the source leads to it.
    pub url: Url,
    /// When it was last known to be so, RFC 3339.
    pub at: String,
    /// What it may be called, by what it says without the config's overlays.
    pub words: Words,
    /// What it says now.
    pub description: &'a Description,
    /// What the config says of the safety of its operations.
    pub granted: &'a Granted,
}

/// The services of the config that use a source.
pub fn configured<'a>(config: &'a Config, source: &SourceId) -> Vec<(&'a ServiceId, &'a Service)> {
    config.services.iter().filter(|(_, service)| service.source == *source).collect()
}

/// Makes the part of a source with one description: a service for each that the config names, else one with a derived id. The error
/// says why there can be none.
pub fn part(record: SourceRecord, readings: &[Reading<'_>]) -> Result<(Part, Vec<Problem>), String> {
    let mut part = Part::empty(record, readings.iter().all(|reading| reading.service.is_none()));
    let mut problems = Vec::new();
    for Reading { service, description, granted } in readings {
        let derived;
        let (id, service) = match service {
            Some((id, service)) => (*id, Some(*service)),
            None => {
                let file = public_uri(&part.source.uri).rsplit('/').next().unwrap_or("");
                let id = naming::service_id(description.first_path.as_deref(), &description.title, file);
                let none = "no service id can be derived from its paths, title or file name; name one under `services`";
                derived = ServiceId::new(id.ok_or(none)?);
                (&derived, None)
            }
        };
        part.add(id, service, description, granted, &mut problems);
    }
    Ok((part, problems))
}

/// Makes the part of a source with several descriptions. Each is a service of its own, with a derived id; what the config says of a
/// service with that id holds for it. `earlier` are descriptions that cannot be read now; `withheld` are such as were read and are not
/// served, with their addresses: nobody else gets their ids.
pub fn part_of_several(
    config: &Config,
    record: SourceRecord,
    pieces: &[Piece<'_>],
    earlier: Vec<Earlier>,
    withheld: &[(Url, Words)],
) -> Result<(Part, Vec<Problem>), String> {
    let id = record.id.clone();
    let wanted: BTreeMap<_, _> = configured(config, &id).into_iter().collect();
    let mut part = Part::empty(record, true);
    let mut problems = Vec::new();
    let mut error = |place: &str, message: String| {
        let (source, place) = (id.clone(), place.to_owned());
        problems.push(Problem { source, severity: Severity::Error, place, message, about: About::Description });
    };
    let present = pieces.iter().map(|piece| piece.words.clone());
    let words: Vec<Words> = present
        .chain(earlier.iter().map(|earlier| earlier.described.words.clone()))
        .chain(withheld.iter().map(|(_, words)| words.clone()))
        .collect();
    let addresses: Vec<&str> = pieces
        .iter()
        .map(|piece| piece.url.public())
        .chain(earlier.iter().map(|earlier| earlier.described.url.public()))
        .chain(withheld.iter().map(|(url, _)| url.public()))
        .collect();
    let ids = derive::assign(&words);
    for (nth, id) in ids.iter().enumerate() {
        if let Err(clash) = id {
            error(addresses[nth], clash.message(&addresses));
        }
    }
    let known: Vec<ServiceId> = ids.iter().flatten().map(|id| ServiceId::new(id.clone())).collect();
    for id in wanted.keys().filter(|id| !known.contains(id)) {
        error("", derive::unmatched(id, &part.source.id, &known));
    }
    let mut notes = Vec::new();
    let (own, kept) = ids.split_at(pieces.len());
    for ((piece, id), words) in pieces.iter().zip(own).zip(&words) {
        let Ok(id) = id else { continue };
        let id = ServiceId::new(id.clone());
        let found = notes.len();
        part.add(&id, wanted.get(&id).copied(), piece.description, piece.granted, &mut notes);
        notes[found..].iter_mut().for_each(|note| note.place = within(&piece.url, &note.place));
        let (url, at) = (piece.url.clone(), piece.at.clone());
        part.source.provenance.descriptions.push(Described { service: id, url, words: words.clone(), at });
    }
    for (earlier, id) in earlier.into_iter().zip(kept) {
        // With another id its tools would be others, which nobody has read.
        if id.as_ref().is_ok_and(|id| *id == earlier.described.service.as_str()) {
            part.keep(earlier);
        }
    }
    problems.extend(notes);
    if part.services.is_empty() {
        return Err(problems
            .first()
            .map_or_else(|| "it has no description".to_owned(), |problem| problem.message.clone()));
    }
    Ok((part, problems))
}

/// A place in one of several documents.
pub fn within(url: &Url, place: &str) -> String {
    let is_address = place.contains("://");
    if is_address {
        place.to_owned()
    } else {
        format!("{}{}{place}", url.public(), if place.is_empty() { "" } else { "#" })
    }
}

/// A description as it was read before, with its service and tools.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// Where, when, and under which words.
    pub described: Described,
    service: ServiceRecord,
    tools: Vec<Tool>,
    plans: Vec<Arc<Plan>>,
}

/// The descriptions that a source had in an earlier catalog, by their address. Their tools are copied; `is_wanted` says of which.
pub fn earlier_descriptions(
    config: &Config,
    record: &SourceRecord,
    previous: &Catalog,
    is_wanted: impl Fn(&Described) -> bool,
) -> Vec<Earlier> {
    let known = previous.sources.iter().find(|known| known.id == record.id);
    let Some(known) = known.filter(|known| (&known.kind, &known.uri) == (&record.kind, &record.uri)) else {
        return Vec::new();
    };
    let wanted = known.provenance.descriptions.iter().filter(|described| is_wanted(described));
    let earlier = wanted.filter_map(|described| {
        let service = previous.services.iter().find(|service| service.id == described.service)?.clone();
        has_same_overlays(config, previous, &service.id).then_some(())?;
        let tools = previous.tools.iter().filter(|tool| tool.service_id == service.id).cloned().collect();
        let own = |plan: &&Arc<Plan>| plan.source == record.id && plan.service == service.id;
        let plans = previous.plans.iter().filter(own).cloned().collect();
        Some(Earlier { described: described.clone(), service, tools, plans })
    });
    earlier.collect()
}

impl Part {
    fn empty(source: SourceRecord, derived: bool) -> Self {
        Self { source, services: Vec::new(), tools: Vec::new(), derived, kept: false, plans: Vec::new() }
    }

    fn keep(&mut self, earlier: Earlier) {
        self.kept = true;
        self.services.push(earlier.service);
        self.tools.extend(earlier.tools);
        self.plans.extend(earlier.plans);
        self.source.provenance.descriptions.push(earlier.described);
    }

    fn add(
        &mut self,
        id: &ServiceId,
        service: Option<&Service>,
        found: &Description,
        granted: &Granted,
        problems: &mut Vec<Problem>,
    ) {
        let server = service.and_then(|service| service.server.as_ref());
        let (tools, notes) = tool::tools(&Target { id, server, granted }, found);
        problems.extend(notes.into_iter().map(|note| Problem::new(&self.source.id, note)));
        self.tools.extend(tools);
        self.services.push(ServiceRecord {
            id: id.clone(),
            alias: alias(id, service),
            source_id: self.source.id.clone(),
            title: if found.title.is_empty() { id.to_string() } else { found.title.clone() },
            servers: server.map_or_else(|| found.servers.clone(), |url| vec![url.as_str().to_owned()]),
        });
    }
}

fn alias(id: &ServiceId, service: Option<&Service>) -> String {
    service.and_then(|service| service.alias.clone()).unwrap_or_else(|| id.to_string())
}

/// The part that a source had in an earlier catalog, as far as the present config still has it: same address, same services.
pub fn earlier_part(config: &Config, record: &SourceRecord, previous: &Catalog) -> Option<Part> {
    let known = previous.sources.iter().find(|known| known.id == record.id)?;
    if (&known.kind, &known.uri) != (&record.kind, &record.uri) {
        return None;
    }
    let wanted: BTreeMap<_, _> = configured(config, &record.id).into_iter().collect();
    let several = known.provenance.descriptions.len() > 1;
    let derived = wanted.is_empty() || several;
    let mut services: Vec<ServiceRecord> =
        previous.services.iter().filter(|service| service.source_id == record.id).cloned().collect();
    services.retain(|service| derived || wanted.contains_key(&service.id));
    services.retain(|service| has_same_overlays(config, previous, &service.id));
    let ids: BTreeSet<ServiceId> = services.iter().map(|service| service.id.clone()).collect();
    let mut tools: Vec<Tool> = previous.tools.iter().filter(|tool| ids.contains(&tool.service_id)).cloned().collect();
    for service in &mut services {
        let present = wanted.get(&service.id).copied();
        service.alias = alias(&service.id, present);
        if let Some(server) = present.and_then(|present| present.server.as_ref()) {
            service.servers = vec![server.as_str().to_owned()];
            let own = tools.iter_mut().filter(|tool| tool.service_id == service.id);
            own.for_each(|tool| tool.servers.clone_from(&service.servers));
        }
    }
    let plans = previous.plans.iter().filter(|plan| plan.source == record.id && ids.contains(&plan.service)).cloned();
    let plans = plans.collect();
    (!services.is_empty()).then(|| Part { source: known.clone(), services, tools, derived, kept: false, plans })
}

fn overlays(config: &Config) -> BTreeMap<ServiceId, Vec<Location>> {
    let changed = config.services.iter().filter(|(_, service)| !service.overlays.is_empty());
    changed.map(|(id, service)| (id.clone(), service.overlays.clone())).collect()
}

/// Whether a service was read with the overlays that the config has for it now: without one that takes something away nothing stands in.
fn has_same_overlays(config: &Config, previous: &Catalog, id: &ServiceId) -> bool {
    let present = config.services.get(id).map_or(&[][..], |service| &service.overlays);
    previous.overlays.get(id).map_or(&[][..], Vec::as_slice) == present
}

/// Who has a service id, or a word that stands for one, by configuration.
pub fn configured_owner(config: &Config, id: &ServiceId) -> Option<String> {
    let named = |(other, service): (&ServiceId, &Service)| {
        let same = other == id || service.alias.as_deref() == Some(id.as_str());
        same.then(|| format!("the configured service `{other}` of source `{}`", service.source))
    };
    config.services.iter().find_map(named)
}

/// Why parts may not stand beside each other, by source: a derived service id that the config or another part has (H45).
/// `settled` are parts that were there before and keep their ids.
pub fn id_conflicts(config: &Config, parts: &[Part], settled: &[Part]) -> BTreeMap<SourceId, String> {
    let mut conflicts = BTreeMap::new();
    for part in parts.iter().filter(|part| part.derived) {
        let named = |id: &ServiceId| config.services.get(id).is_some_and(|service| service.source == part.source.id);
        for service in part.services.iter().filter(|service| !named(&service.id)) {
            let others = parts.iter().chain(settled).filter(|other| other.source.id != part.source.id);
            let mut holders = others.filter(|other| other.services.iter().any(|held| held.id == service.id));
            let owner = configured_owner(config, &service.id)
                .or_else(|| holders.next().map(|other| format!("source `{}`", other.source.id)));
            if let Some(owner) = owner {
                let (source, id) = (&part.source.id, &service.id);
                let message = format!(
                    "the service id `{id}` that is derived for source `{source}` belongs to {owner} too; name the service \
                     under `services`"
                );
                conflicts.insert(source.clone(), message);
            }
        }
    }
    conflicts
}

/// The catalog of all parts, sorted, with its views and fingerprint, and why workflows are left out. Service ids of the parts differ.
pub fn catalog(parts: Vec<Part>, config: &Config, generated_at: String) -> (Catalog, Vec<Problem>) {
    let mut catalog = Catalog {
        catalog_version: CATALOG_VERSION.to_owned(),
        generated_at,
        source_fingerprint: String::new(),
        sources: Vec::new(),
        services: Vec::new(),
        tools: Vec::new(),
        workflows: Vec::new(),
        plans: Vec::new(),
        overlays: overlays(config),
        effective_views: Vec::new(),
    };
    for part in parts {
        catalog.sources.push(part.source);
        catalog.services.extend(part.services);
        catalog.tools.extend(part.tools);
        catalog.plans.extend(part.plans);
    }
    catalog.sources.sort_by(|a, b| a.id.cmp(&b.id));
    catalog.services.sort_by(|a, b| a.id.cmp(&b.id));
    catalog.tools.sort_by(|a, b| a.id.cmp(&b.id));
    catalog.tools.shrink_to_fit();
    for tool in &mut catalog.tools {
        // Whoever reads the catalog knows before the call that a person has to approve it.
        let id = tool.id.as_str();
        tool.safety.requires_approval |= config.policy.approval_required.iter().any(|pattern| pattern.matches(id));
    }
    // Who comes first has an id.
    catalog.plans.sort_by(|a, b| (&a.source, &a.service).cmp(&(&b.source, &b.service)));
    let (bound, unbound) = workflows::bind(&catalog, config);
    catalog.workflows = bound;
    catalog.effective_views = views(config, &catalog.tools);
    catalog.source_fingerprint = fingerprint(&catalog);
    (catalog, unbound)
}

/// Whether two catalogs of one config are the same to clients and to later builds, but for times and fetches.
pub fn is_same(one: &Catalog, other: &Catalog) -> bool {
    let described = |catalog: &Catalog| -> BTreeSet<(ServiceId, Url, Words)> {
        let all = catalog.sources.iter().flat_map(|source| &source.provenance.descriptions);
        all.map(|one| (one.service.clone(), one.url.clone(), one.words.clone())).collect()
    };
    one.source_fingerprint == other.source_fingerprint && one.plans == other.plans && described(one) == described(other)
}

/// `discover` and one view per profile. What policy denies is in none of them.
fn views(config: &Config, tools: &[Tool]) -> Vec<View> {
    let any = |patterns: &[Pattern], id: &str| patterns.iter().any(|pattern| pattern.matches(id));
    let denied = |id: &str| any(&config.policy.managed_deny, id) || any(&config.policy.deny, id);
    let open: Vec<&Tool> = tools.iter().filter(|tool| !denied(tool.id.as_str())).collect();
    let view = |name: &str, mode: Mode, shows: &dyn Fn(&str) -> bool| View {
        name: name.to_owned(),
        mode: mode.as_str().to_owned(),
        tools: open
            .iter()
            .filter(|tool| shows(tool.id.as_str()))
            .map(|tool| ViewTool { id: tool.id.clone() })
            .collect(),
    };
    let mut views = vec![view(DISCOVER, Mode::Discover, &|_| true)];
    for (name, profile) in config.profiles.iter().filter(|(name, _)| *name != DISCOVER) {
        let mode = profile_mode(config, profile);
        let set = profile.tool_set.as_ref().and_then(|set| config.tool_sets.get(set));
        views.push(view(name, mode, &|id| mode == Mode::Discover || set.is_some_and(|set| set.shows(id))));
    }
    views
}

fn profile_mode(config: &Config, profile: &Profile) -> Mode {
    let otherwise = if profile.tool_set.is_some() { Mode::Curated } else { config.mode.unwrap_or(Mode::Discover) };
    profile.mode.unwrap_or(otherwise)
}
