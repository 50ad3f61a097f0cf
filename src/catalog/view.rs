//! Who sees which part of a catalog, and its bytes.
//!
//! Key types: [`Mask`], a set of tools; [`ReadyCatalog`], a catalog whose every tool is serialized once, whole and as a summary, so
//! that an answer is put together by copying bytes. Which tools a caller may see is decided in `access`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::slim;
use super::{Catalog, FetchRecord, ServiceRecord, SourceRecord, Tool, Workflow, public_uri};
use crate::base::id::{ServiceId, SourceId};

/// A set of tools, by their index in [`Catalog::tools`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// Every one of `len` tools.
    pub fn all(len: usize) -> Self {
        let mut mask = Self::none(len);
        for index in 0..len {
            mask.insert(index);
        }
        mask
    }

    /// None of `len` tools.
    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Takes a tool in; indexes beyond the catalog are ignored.
    pub fn insert(&mut self, index: usize) {
        if index < self.len {
            self.words[index / 64] |= 1 << (index % 64);
        }
    }

    /// Whether a tool is in.
    pub fn contains(&self, index: usize) -> bool {
        index < self.len && self.words[index / 64] & (1 << (index % 64)) != 0
    }

    /// What is in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    /// Masks of different catalogs have nothing in common.
    fn combine(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        if self.len != other.len {
            return Self::none(self.len);
        }
        let words = self.words.iter().zip(&other.words).map(|(a, b)| join(*a, *b)).collect();
        Self { words, len: self.len }
    }

    /// How many are in.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The indexes that are in, ascending.
    pub fn indexes(&self) -> impl Iterator<Item = usize> {
        (0..self.len).filter(|index| self.contains(*index))
    }
}

/// How much of each tool an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Whole tools, also in the views.
    Full,
    /// What a command line needs; views hold ids only.
    Summary,
}

/// A catalog whose every tool is serialized once, whole and as a summary.
#[derive(Debug)]
pub struct ReadyCatalog {
    catalog: Catalog,
    full: Pieces,
    summary: Pieces,
    /// One per view, in the order of [`Catalog::effective_views`].
    masks: Vec<Mask>,
    /// The tools of each service.
    services: BTreeMap<ServiceId, Mask>,
}

impl ReadyCatalog {
    /// Serializes every tool. Views keep only ids of tools that exist.
    pub fn new(catalog: Catalog) -> Self {
        let full = Pieces::of(&catalog.tools, append);
        let summary = Pieces::of(&catalog.tools, |tool, out| append(&slim::tool(tool), out));
        let masks = catalog.effective_views.iter().map(|view| {
            let mut mask = Mask::none(catalog.tools.len());
            view.tools.iter().filter_map(|tool| position(&catalog, tool.id.as_str())).for_each(|at| mask.insert(at));
            mask
        });
        let mut services = BTreeMap::new();
        for (at, tool) in catalog.tools.iter().enumerate() {
            let mask = services.entry(tool.service_id.clone()).or_insert_with(|| Mask::none(catalog.tools.len()));
            mask.insert(at);
        }
        Self { masks: masks.collect(), full, summary, services, catalog }
    }

    /// The catalog itself.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.catalog.tools.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.catalog.tools.is_empty()
    }

    /// The tool at `index`, which is below [`ReadyCatalog::len`].
    pub fn tool(&self, index: usize) -> &Tool {
        &self.catalog.tools[index]
    }

    /// Where a tool stands.
    pub fn find(&self, id: &str) -> Option<usize> {
        position(&self.catalog, id)
    }

    /// The whole tool at `index` as JSON.
    pub fn tool_json(&self, index: usize) -> &[u8] {
        self.full.get(index)
    }

    /// The tools of a service; `None` when it has none.
    pub fn service_mask(&self, id: &str) -> Option<&Mask> {
        self.services.get(id)
    }

    /// What a view shows, before any envelope.
    pub fn view_mask(&self, name: &str) -> Option<&Mask> {
        let at = self.catalog.effective_views.iter().position(|view| view.name == name)?;
        Some(&self.masks[at])
    }

    /// The body `{"catalog": .., "view": ..}`: everything in it is filtered to `envelope` (H09). `None`: no such view.
    pub fn effective(&self, envelope: &Mask, view: &str, detail: Detail) -> Option<Vec<u8>> {
        let shown = self.catalog.effective_views.iter().position(|candidate| candidate.name == view)?;
        let mut out = Vec::with_capacity(4096 + self.pieces(detail).bytes.len() * 3 / 2);
        out.extend_from_slice(b"{\"catalog\":");
        self.append_catalog(envelope, detail, &mut out);
        out.extend_from_slice(b",\"view\":");
        self.append_view(shown, envelope, detail, &mut out);
        out.push(b'}');
        Some(out)
    }

    fn append_catalog(&self, envelope: &Mask, detail: Detail, out: &mut Vec<u8>) {
        let catalog = &self.catalog;
        let seen = Seen::new(catalog, envelope);
        for (lead, text) in [
            ("{\"catalogVersion\":", &catalog.catalog_version),
            (",\"generatedAt\":", &catalog.generated_at),
            (",\"sourceFingerprint\":", &catalog.source_fingerprint),
        ] {
            out.extend_from_slice(lead.as_bytes());
            append(text, out);
        }
        out.extend_from_slice(b",\"sources\":");
        append(&seen.sources, out);
        out.extend_from_slice(b",\"services\":");
        append(&seen.services, out);
        out.extend_from_slice(b",\"tools\":");
        self.append_tools(self.pieces(detail), envelope, out);
        out.extend_from_slice(b",\"workflows\":");
        append(&self.visible_workflows(envelope), out);
        out.extend_from_slice(b",\"effectiveViews\":[");
        let shown = (0..catalog.effective_views.len()).filter(|at| self.is_shown(*at, envelope));
        for (nth, at) in shown.enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            self.append_view(at, envelope, detail, out);
        }
        out.extend_from_slice(b"]}");
    }

    /// Whether listings for an envelope name a view.
    pub fn shows(&self, view: &str, envelope: &Mask) -> bool {
        let at = self.catalog.effective_views.iter().position(|candidate| candidate.name == view);
        at.is_some_and(|at| self.is_shown(at, envelope))
    }

    /// A view of which the envelope hides everything is hidden with it; one that is empty anyway is not.
    fn is_shown(&self, at: usize, envelope: &Mask) -> bool {
        let mask = &self.masks[at];
        at == 0 || mask.count() == 0 || mask.intersect(envelope).count() > 0
    }

    fn append_view(&self, at: usize, envelope: &Mask, detail: Detail, out: &mut Vec<u8>) {
        let view = &self.catalog.effective_views[at];
        let mask = self.masks[at].intersect(envelope);
        for (lead, text) in [("{\"name\":", &view.name), (",\"mode\":", &view.mode)] {
            out.extend_from_slice(lead.as_bytes());
            append(text, out);
        }
        out.extend_from_slice(b",\"tools\":");
        match detail {
            Detail::Full => self.append_tools(&self.full, &mask, out),
            Detail::Summary => self.append_ids(&mask, out),
        }
        out.push(b'}');
    }

    fn append_tools(&self, pieces: &Pieces, mask: &Mask, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, index) in mask.indexes().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            out.extend_from_slice(pieces.get(index));
        }
        out.push(b']');
    }

    fn append_ids(&self, mask: &Mask, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, index) in mask.indexes().enumerate() {
            out.extend_from_slice(if nth > 0 { b",{\"id\":" } else { b"{\"id\":" });
            append(&self.catalog.tools[index].id, out);
            out.push(b'}');
        }
        out.push(b']');
    }

    /// Workflows whose steps are all in the envelope.
    fn visible_workflows(&self, envelope: &Mask) -> Vec<&Workflow> {
        let visible = |id: &str| self.find(id).is_some_and(|index| envelope.contains(index));
        let all = self.catalog.workflows.iter();
        all.filter(|workflow| workflow.steps.iter().all(|step| visible(step.tool_id.as_str()))).collect()
    }

    fn pieces(&self, detail: Detail) -> &Pieces {
        match detail {
            Detail::Full => &self.full,
            Detail::Summary => &self.summary,
        }
    }
}

/// Services with a visible tool, and sources with such a service.
struct Seen<'a> {
    sources: Vec<Cow<'a, SourceRecord>>,
    services: Vec<&'a ServiceRecord>,
}

impl<'a> Seen<'a> {
    fn new(catalog: &'a Catalog, envelope: &Mask) -> Self {
        let tools = envelope.indexes().filter_map(|index| catalog.tools.get(index));
        let seen: BTreeSet<&ServiceId> = tools.map(|tool| &tool.service_id).collect();
        let services: Vec<_> = catalog.services.iter().filter(|service| seen.contains(&service.id)).collect();
        let ids: BTreeSet<&SourceId> = services.iter().map(|service| &service.source_id).collect();
        let sources = catalog.sources.iter().filter(|source| ids.contains(&source.id));
        let everything = *envelope == Mask::all(catalog.tools.len());
        let sources = sources.map(|source| {
            if everything {
                return Cow::Borrowed(source);
            }
            let mut source = source.clone();
            source.provenance.fetches =
                source.fetches_seen(&source.provenance.fetches, |service| seen.contains(service));
            Cow::Owned(source)
        });
        Self { sources: sources.collect(), services }
    }
}

impl SourceRecord {
    /// What was fetched of it, for whoever sees some of its services only: what leads to others may name them (H09).
    pub fn fetches_seen(&self, fetches: &[FetchRecord], sees: impl Fn(&ServiceId) -> bool) -> Vec<FetchRecord> {
        // Everything that a description leads to is its own.
        if self.provenance.method == "explicit" {
            return fetches.to_vec();
        }
        let described = self.provenance.descriptions.iter().filter(|described| sees(&described.service));
        let mut shown: BTreeSet<&str> = described.map(|described| described.url.public()).collect();
        shown.insert(public_uri(&self.uri));
        fetches.iter().filter(|fetch| shown.contains(fetch.url.as_str())).cloned().collect()
    }
}

/// Serialized values one behind the other.
#[derive(Debug, Default)]
struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Pieces {
    fn of(tools: &[Tool], write: impl Fn(&Tool, &mut Vec<u8>)) -> Self {
        let mut pieces = Self::default();
        for tool in tools {
            write(tool, &mut pieces.bytes);
            pieces.ends.push(pieces.bytes.len());
        }
        pieces.bytes.shrink_to_fit();
        pieces
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("the catalog's types serialize, and a Vec takes every byte");
}

/// Tools are sorted by id.
fn position(catalog: &Catalog, id: &str) -> Option<usize> {
    catalog.tools.binary_search_by(|tool| tool.id.as_str().cmp(id)).ok()
}
