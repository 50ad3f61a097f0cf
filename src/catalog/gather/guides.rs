//! Documents beside a description: overlays, which change it before it is read, skill manifests and workflows, which go with its service.
//!
//! Key type: [`Guides`]. What the config names has to hold: without an overlay that somebody put there to take something away, nothing is
//! served. What the publisher's metadata names is left out, and told, when it cannot be used.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::bring::Bringer;
use super::load::Failure;
use crate::arazzo;
use crate::base::id::{ServiceId, SourceId};
use crate::base::url::Url;
use crate::catalog::FetchRecord;
use crate::catalog::build::{About, Part, Problem, Severity};
use crate::catalog::safety::Granted;
use crate::catalog::workflows::Plan;
use crate::config::{Location, Service};
use crate::discovery::{Lead, Linked};
use crate::openapi::{Description, Document};
use crate::overlay::{self, Overlay};
use crate::skills::{Manifest, Skills};

/// One document: where it is, and which one leads there; `None` for the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guide {
    url: Url,
    from: Option<Url>,
}

/// What goes with one service of a description, in the order in which it is used.
#[derive(Clone, Debug)]
pub(super) struct Guides {
    /// Where the description is, as the source leads to it; a redirect may lead on.
    description: Url,
    /// The config's, then the publisher's.
    overlays: Vec<Guide>,
    /// The publisher's, then the config's: of two that speak of a tool the later counts.
    skills: Vec<Guide>,
    /// The config's, then the publisher's.
    workflows: Vec<Guide>,
}

impl Guides {
    /// What the config says of a service, if it does, and what metadata says of its description.
    pub(super) fn of(service: Option<&Service>, lead: &Lead) -> Self {
        let named = |list: fn(&Service) -> &[Location]| service.map_or(&[][..], list).iter().filter_map(by_config);
        let found = |list: &'_ [Linked]| list.iter().map(by_publisher).collect::<Vec<_>>();
        Self {
            description: lead.url.clone(),
            overlays: named(|service| &service.overlays).chain(found(&lead.guides.overlays)).collect(),
            skills: found(&lead.guides.skills).into_iter().chain(named(|service| &service.skills)).collect(),
            workflows: named(|service| &service.workflows).chain(found(&lead.guides.workflows)).collect(),
        }
    }

    /// Whether a description is the same with these as with the others.
    pub(super) fn changes_as(&self, other: &Self) -> bool {
        self.overlays == other.overlays
    }

    /// Whether the config has overlays for the description.
    pub(super) fn has_own_overlays(&self) -> bool {
        self.overlays.iter().any(|guide| guide.from.is_none())
    }
}

fn by_config(location: &Location) -> Option<Guide> {
    Some(Guide { url: location.url()?, from: None })
}

fn by_publisher(linked: &Linked) -> Guide {
    Guide { url: linked.url.clone(), from: Some(linked.from.clone()) }
}

/// A description with its overlays.
pub(super) struct Variant {
    pub(super) description: Description,
    /// What the config says of the safety of its operations.
    pub(super) granted: Granted,
}

/// Uses guides for one source, and remembers what was fetched and what is wrong.
pub(super) struct Guiding<'a> {
    pub(super) source: &'a SourceId,
    pub(super) bringer: &'a Bringer<'a>,
    pub(super) records: Vec<FetchRecord>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Guiding<'a> {
    pub(super) fn new(source: &'a SourceId, bringer: &'a Bringer<'a>) -> Self {
        Self { source, bringer, records: Vec::new(), problems: Vec::new() }
    }

    /// What was fetched, and what is wrong.
    pub(super) fn told(self) -> (Vec<FetchRecord>, Vec<Problem>) {
        (self.records, self.problems)
    }

    /// Reads a description with its overlays.
    pub(super) fn variant(
        &mut self,
        (url, document): (Url, Document),
        guides: &Guides,
        servers_matter: bool,
    ) -> Result<Variant, Failure> {
        let (document, granted) = self.overlaid(&url, document, guides)?;
        let description = self.bringer.read(&url, document, servers_matter, &mut self.records)?;
        Ok(Variant { description, granted })
    }

    /// A description with its overlays, and what those of the config say of the safety of its operations.
    fn overlaid(&mut self, url: &Url, document: Document, guides: &Guides) -> Result<(Document, Granted), Failure> {
        if guides.overlays.is_empty() {
            return Ok((document, Granted::default()));
        }
        let (own, found): (Vec<_>, Vec<_>) = guides.overlays.iter().partition(|guide| guide.from.is_none());
        let published: Value = match self.bringer.compute(|| serde_json::from_str(document.text())) {
            Ok(published) => published,
            Err(error) => {
                let message = format!("its overlays cannot be applied, since it nests too deeply for that: {error}");
                if !own.is_empty() {
                    return Err(Failure::overlay(&message));
                }
                found.into_iter().for_each(|guide| self.left_out(guide, "overlay", &message));
                return Ok((document, Granted::default()));
            }
        };
        let mut present = self.bringer.compute(|| published.clone());
        let mut growth = overlay::MAX_GROWTH;
        let mut overlays = Vec::new();
        for guide in own {
            let failed = |error| Failure::overlay(&format!("{} cannot be applied: {error}", guide.url.public()));
            let brought = self.overlay(guide, &[url, &guides.description]).map_err(failed)?;
            // It may be there to take something away, so it is not passed over.
            let overlay = brought.ok_or_else(|| failed("its `extends` names another description".to_owned()))?;
            self.apply(guide, &overlay, &mut present, &mut growth).map_err(failed)?;
            overlays.push(overlay);
        }
        let granted = self.bringer.compute(|| Granted::by(&overlays, &published, &present));
        for guide in found {
            match self.overlay(guide, &[url, &guides.description]) {
                Ok(Some(overlay)) => {
                    let mut next = self.bringer.compute(|| present.clone());
                    match self.apply(guide, &overlay, &mut next, &mut growth) {
                        Ok(()) => present = next,
                        Err(error) => self.left_out(guide, "overlay", &error),
                    }
                }
                Ok(None) => {
                    let message = "this overlay is left out: its `extends` names another description".to_owned();
                    self.tell(Severity::Warning, guide, message);
                }
                Err(error) => self.left_out(guide, "overlay", &error),
            }
        }
        Ok((self.bringer.compute(|| Document::from_value(&present)), granted))
    }

    /// Brings an overlay; `None` when it is not for the description at these addresses.
    fn overlay(&mut self, guide: &Guide, description: &[&Url]) -> Result<Option<Overlay>, String> {
        let (at, bytes) = self.bytes(guide)?;
        let overlay = Overlay::read(&bytes).map_err(|error| error.to_string())?;
        let is_for_it = description.iter().any(|description| overlay.is_for(description, &at));
        Ok(is_for_it.then_some(overlay))
    }

    /// Applies an overlay, while the source has time: a publisher may name many, and each may take long.
    fn apply(
        &mut self,
        guide: &Guide,
        overlay: &Overlay,
        document: &mut Value,
        growth: &mut usize,
    ) -> Result<(), String> {
        if self.bringer.deadline().passed() {
            return Err("the time in which all of the source has to be there is over".to_owned());
        }
        let applied = self.bringer.compute(|| overlay.apply_within(document, growth));
        let notes = applied.map_err(|error| error.to_string())?;
        for note in notes {
            self.tell(Severity::Warning, guide, note.message);
        }
        Ok(())
    }

    /// Gives the tools of a service their guidance.
    pub(super) fn advise(&mut self, guides: &Guides, service: &ServiceId, part: &mut Part) {
        let mut skills = Skills::default();
        let mut last = None;
        for guide in &guides.skills {
            let read =
                self.bytes(guide).and_then(|(_, bytes)| Manifest::read(&bytes).map_err(|error| error.to_string()));
            match read {
                Ok(manifest) => skills.add(manifest),
                Err(error) => self.left_out(guide, "skill manifest", &error),
            }
            last = Some(guide);
        }
        for tool in part.tools.iter_mut().filter(|tool| tool.service_id == *service) {
            tool.guidance = skills.take(&tool.id);
        }
        let left: Vec<String> = skills.left().map(|id| format!("`{id}`")).collect();
        if let Some(guide) = last.filter(|_| !left.is_empty()) {
            let message = format!("the skills of `{service}` speak of what is no tool of it: {}", left.join(", "));
            self.tell(Severity::Warning, guide, message);
        }
    }

    /// Reads the workflows that go with a service; they are bound once all services are known.
    pub(super) fn plan(&mut self, guides: &Guides, service: &ServiceId, part: &mut Part) {
        for guide in &guides.workflows {
            // What two services of a source name, or its publisher, is one document.
            if part.plans.iter().any(|known| known.asked == guide.url) {
                continue;
            }
            let read = self.bytes(guide).and_then(|(at, bytes)| {
                arazzo::Description::read(&bytes)
                    .map(|description| (at, description))
                    .map_err(|error| error.to_string())
            });
            match read {
                Ok((url, description)) => part.plans.push(Arc::new(Plan {
                    source: self.source.clone(),
                    service: service.clone(),
                    asked: guide.url.clone(),
                    url,
                    by_config: guide.from.is_none(),
                    description,
                })),
                Err(error) => self.left_out(guide, "workflow document", &error),
            }
        }
    }

    fn bytes(&mut self, guide: &Guide) -> Result<(Url, Vec<u8>), String> {
        let fetched = self.bringer.bytes(&guide.url, guide.from.as_ref(), false);
        let fetched = fetched.map_err(|error| {
            self.records.extend(error.record);
            error.message
        })?;
        self.records.push(fetched.record);
        Ok((fetched.url, fetched.bytes))
    }

    fn left_out(&mut self, guide: &Guide, what: &str, error: &dyn fmt::Display) {
        self.tell(Severity::Error, guide, format!("this {what} is left out: {error}"));
    }

    fn tell(&mut self, severity: Severity, guide: &Guide, message: String) {
        let (source, place) = (self.source.clone(), guide.url.public().to_owned());
        let about = if guide.from.is_none() { About::Named } else { About::Description };
        self.problems.push(Problem { source, severity, place, message, about });
    }
}
