//! From one document of links to the next until every description is found. Pure: it says what it wants to see and takes the answers.
//!
//! Key types: [`Walk`]; [`Want`], one document to ask for; [`Found`], the outcome. Wants come in batches, whose answers are supplied in
//! the order of the wants, so that the outcome does not depend on which came first. Everything has a bound (H28), and a document
//! never leads to a local file unless it is one itself (H27).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::api_catalog::{self, Api};
use super::classify::{Kind, Seen, classify};
use super::linkset::{self, Linkset};
use super::service_root::{self, choose, says_openapi};
use super::{Guides, Hint};
use crate::base::url::Url;

/// Requests of one source.
pub const MAX_REQUESTS: usize = 2000;

/// Catalogs inside one another.
pub const MAX_DEPTH: usize = 8;

/// Descriptions of one source.
pub const MAX_LEADS: usize = 1000;

/// Links read of all documents of one source, and the bytes of what is kept of them.
const MAX_LINKS: usize = 50_000;
const MAX_TEXT: usize = 32 << 20;

/// APIs of one source: as many as can be asked for or described.
const MAX_APIS: usize = MAX_REQUESTS + MAX_LEADS;

/// Overlays, skill manifests and workflows of all descriptions of one source. One document of metadata may name hundreds for every API.
const MAX_GUIDES: usize = 10_000;

/// Bytes of one document of links.
pub const MAX_LINKSET: usize = 8 << 20;

/// Bytes of descriptions that were seen on the way and are kept; more are fetched again.
const MAX_KEPT: usize = 64 << 20;

/// Notes of one source.
const MAX_NOTES: usize = 500;

const NO_FILE: &str = "a link to a local file is not followed";

/// A document to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Where; without fragment.
    pub url: Url,
    /// Which document leads there, at the address it was found at; `None` for the source's own address.
    pub from: Option<Url>,
    /// Whether its header fields are enough.
    pub head: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Catalogs that lead here, the outermost first.
    Catalog(Vec<Url>),
    /// The root of this API.
    Root(usize),
    Metadata,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it was found.
    pub url: Url,
    /// `Link` fields, joined by commas; empty for none.
    pub link: String,
    /// What the body is. A text that is not there was too much to keep; a description is fetched again then.
    pub seen: Seen,
}

impl Answer {
    /// From an answer as it came. `content_type` and `link` may be empty, and so is the body of an answer to HEAD.
    pub fn new(url: Url, content_type: &str, link: String, body: Vec<u8>) -> Self {
        let mut seen = classify(body, content_type);
        let is_used = seen.kind.is_description()
            || seen.kind == Kind::Other
            || (seen.kind.is_linkset() && seen.text.len() <= MAX_LINKSET);
        if !is_used {
            seen.text = String::new();
        }
        Self { url, link, seen }
    }
}

/// Why nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// For people; names the address.
    pub message: String,
    /// Whether the publisher took it away, or it may not be reached: what was known by it is not kept then.
    pub is_final: bool,
}

/// A description to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Where it is; without fragment.
    pub url: Url,
    /// Which document leads there; `None` for the source's own address.
    pub from: Option<Url>,
    /// Where it was found, and its JSON text, when it was seen on the way.
    pub seen: Option<(Url, String)>,
    /// What the publisher's metadata names for it.
    pub guides: Guides,
}

/// Something that whoever runs or publishes it should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether something is missing because of it.
    pub is_error: bool,
    /// The document, without query; empty for the whole.
    pub place: String,
    /// What and why.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.place.is_empty() { Ok(()) } else { write!(f, " (at {})", self.place) }
    }
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of the links; no address twice.
    pub leads: Vec<Lead>,
    /// In order.
    pub notes: Vec<Note>,
    /// Whether a document could not be had, or was not what it has to be, that may be there again: what was known by it is not gone.
    pub incomplete: bool,
    /// Documents that were asked for.
    pub asked: Vec<String>,
}

impl Found {
    /// Why there is nothing to read, when there is nothing: what was looked at, and what is wrong with it (H29).
    pub fn nothing(&self) -> Option<String> {
        const SHOWN: usize = 3;
        if !self.leads.is_empty() {
            return None;
        }
        let list = |items: Vec<String>, separator: &str| {
            let more = items.len().saturating_sub(SHOWN);
            let shown = items.into_iter().take(SHOWN).collect::<Vec<_>>().join(separator);
            if more == 0 { shown } else { format!("{shown}{separator}and {more} more") }
        };
        let looked = list(self.asked.clone(), ", ");
        let why = list(self.notes.iter().map(Note::to_string).collect(), "; ");
        let why =
            if why.is_empty() { "it has no link with `item`, `service-desc` or `api-catalog`".to_owned() } else { why };
        Some(format!("no description is found; looked at {looked}: {why}"))
    }
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk {
    start: Url,
    queue: Vec<Want>,
    requests: usize,
    catalogs: BTreeSet<Url>,
    roots: BTreeSet<Url>,
    /// What each document of metadata says, by what it speaks of.
    metadata: BTreeMap<Url, BTreeMap<String, Guides>>,
    apis: Vec<Told>,
    links: usize,
    text: usize,
    guides: usize,
    kept: usize,
    found: Found,
}

/// An API and what is known of it.
#[derive(Debug, Default)]
struct Told {
    api: Api,
    /// Its description, when its address gave that itself.
    itself: Option<Lead>,
}

impl Walk {
    /// From an API catalog, or from a page or host that leads to one.
    pub fn catalog(start: &Url) -> Self {
        let mut walk = Self::new(start);
        walk.catalogs.insert(start.document());
        walk.want(start.document(), None, false, What::Catalog(Vec::new()));
        walk
    }

    /// From the root of a service.
    pub fn root(start: &Url) -> Self {
        let mut walk = Self::new(start);
        walk.probe(&Hint::at(start.document(), None), None);
        walk
    }

    fn new(start: &Url) -> Self {
        Self {
            start: start.document(),
            queue: Vec::new(),
            requests: 0,
            catalogs: BTreeSet::new(),
            roots: BTreeSet::new(),
            metadata: BTreeMap::new(),
            apis: Vec::new(),
            links: 0,
            text: 0,
            guides: 0,
            kept: 0,
            found: Found::default(),
        }
    }

    /// What to ask for now; none when the walk is over.
    pub fn wants(&mut self) -> Vec<Want> {
        if self.queue.is_empty() {
            self.want_metadata();
        }
        std::mem::take(&mut self.queue)
    }

    /// Takes the answer to a want.
    pub fn supply(&mut self, want: &Want, answer: Result<Answer, Missing>) {
        match (&want.what, answer) {
            (What::Catalog(path), Ok(answer)) => self.read_catalog(want, path, answer),
            (What::Catalog(_), Err(missing)) if self.wants_well_known(want) => self.remember(&missing),
            (What::Root(nth), Ok(answer)) => self.read_root(want, *nth, answer),
            // Many servers know only GET; what is wrong, if anything is, GET tells as well.
            (What::Root(nth), Err(_)) if want.head => {
                self.want(want.url.clone(), want.from.clone(), false, What::Root(*nth))
            }
            (What::Metadata, Ok(answer)) => self.read_metadata(want, answer),
            (What::Metadata, Err(missing)) => {
                self.note(false, None, format!("metadata is not used: {}", missing.message));
            }
            (What::Catalog(_) | What::Root(_), Err(missing)) => {
                self.remember(&missing);
                self.note(true, None, missing.message);
            }
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Found {
        let mut leads: Vec<Lead> = Vec::new();
        let mut known: BTreeMap<Url, usize> = BTreeMap::new();
        let mut beyond: BTreeSet<Url> = BTreeSet::new();
        self.guides = 0;
        for mut told in std::mem::take(&mut self.apis) {
            let choice = choose(&told.api.descriptions, !told.api.is_catalog);
            choice.notes.into_iter().for_each(|note| self.note(false, None, note));
            let taken = choice.taken.into_iter().map(|hint| Lead::new(hint.url, hint.from));
            for mut lead in told.itself.take().into_iter().chain(taken) {
                if is_file_from_afar(&lead) {
                    self.note(true, lead.from.as_ref(), NO_FILE.to_owned());
                    continue;
                }
                if leads.len() == MAX_LEADS && !known.contains_key(&lead.url) {
                    beyond.insert(lead.url);
                    continue;
                }
                let mut guides = told.api.guides.clone();
                for hint in &told.api.metadata {
                    let own = self.metadata.get(&hint.url).and_then(|all| all.get(lead.url.as_str()));
                    own.into_iter().for_each(|own| guides.merge(own));
                }
                if self.guides_fit(guides.count()) {
                    lead.guides = guides;
                }
                match known.get(&lead.url) {
                    Some(&nth) => leads[nth].join(lead),
                    None => {
                        known.insert(lead.url.clone(), leads.len());
                        leads.push(lead);
                    }
                }
            }
        }
        if !beyond.is_empty() {
            let all = leads.len() + beyond.len();
            self.note(true, None, format!("{all} descriptions are found; the first {MAX_LEADS} are read"));
        }
        self.found.leads = leads;
        self.found
    }

    fn read_catalog(&mut self, want: &Want, path: &[Url], answer: Answer) {
        let root = self.root_links(want, &answer);
        let Answer { url: at, seen, .. } = answer;
        let mut path = path.to_vec();
        path.push(want.url.clone());
        if at != want.url {
            path.push(at.clone());
            self.catalogs.insert(at.clone());
        }
        let linked = root.catalogs.into_iter().filter(|url| !path.contains(url)).collect::<Vec<_>>();
        let leads_on = !linked.is_empty() || !root.api.descriptions.is_empty();
        linked.into_iter().for_each(|url| self.follow(url, &at, &path));
        if !root.api.descriptions.is_empty() {
            self.tell(Api { is_catalog: true, ..root.api });
        }
        if seen.kind.is_linkset() {
            self.read_page(&seen, [&want.url, &at], &path);
        } else if seen.kind.is_description() {
            self.note(
                false,
                Some(&want.url),
                "it is a description itself, not a catalog; a source of type `openapi` reads it".to_owned(),
            );
            if let Some(nth) = self.tell(Api::default()) {
                self.keep(nth, want, at, seen.text);
            }
        } else if !leads_on && !self.wants_well_known(want) {
            let what = seen.what();
            let message =
                format!("it is {what}, not a linkset (RFC 9264), and no `Link` field leads to an `api-catalog`");
            self.found.incomplete = true;
            self.note(true, Some(&want.url), message);
        }
    }

    /// A host alone was named: its catalog is at the well-known place.
    fn wants_well_known(&mut self, want: &Want) -> bool {
        let well_known = want.url.is_bare_origin().then(|| want.url.join(api_catalog::WELL_KNOWN).ok()).flatten();
        match well_known.filter(|_| want.url == self.start && want.from.is_none()) {
            Some(url) => {
                if self.catalogs.insert(url.clone()) {
                    self.want(url, Some(want.url.clone()), false, What::Catalog(Vec::new()));
                }
                true
            }
            None => false,
        }
    }

    fn read_page(&mut self, seen: &Seen, at: [&Url; 2], path: &[Url]) {
        let base = at[1];
        let Some(linkset) = self.links(seen, base) else { return };
        let page = api_catalog::read(&linkset, at);
        let before = (self.apis.len(), self.queue.len());
        page.catalogs.into_iter().for_each(|url| self.follow(url, base, path));
        for api in page.apis {
            let bare = api.descriptions.is_empty() && api.guides == Guides::default() && !api.is_catalog;
            let root = Url::parse(&api.context).ok().filter(|_| bare || !api.metadata.is_empty());
            let described = !api.descriptions.is_empty();
            let Some(nth) = self.tell(api) else { continue };
            if let Some(url) = root.filter(|_| !described) {
                self.probe(&Hint::at(url.document(), Some(base)), Some(nth));
            }
        }
        page.items.iter().for_each(|item| self.probe(item, None));
        if linkset.links.is_empty() || before == (self.apis.len(), self.queue.len()) {
            self.note(
                false,
                Some(base),
                "it has no link with `item`, `service-desc` or `api-catalog` that leads on".to_owned(),
            );
        }
    }

    /// The links of a document, or a note why they are not read.
    fn links(&mut self, seen: &Seen, base: &Url) -> Option<Linkset> {
        if seen.text.is_empty() {
            let message =
                format!("the linkset is not read: it is larger than {} MiB, or all are together", MAX_LINKSET >> 20);
            self.found.incomplete = true;
            self.note(true, Some(base), message);
            return None;
        }
        let linkset = match seen.kind {
            Kind::LinksetText => linkset::from_text(&seen.text, base),
            _ => linkset::from_json(&seen.text, base)?,
        };
        linkset.notes.iter().for_each(|note| self.note(false, Some(base), note.clone()));
        self.counts(linkset.links.len(), linkset.size, base).then_some(linkset)
    }

    /// Whether so many links more may be read, with so many bytes.
    fn counts(&mut self, links: usize, bytes: usize, base: &Url) -> bool {
        let fits = self.links + links <= MAX_LINKS && self.text + bytes <= MAX_TEXT;
        if fits {
            self.links += links;
            self.text += bytes;
        } else {
            let message =
                format!("more than {MAX_LINKS} links, or {} MiB; those of this document are not read", MAX_TEXT >> 20);
            self.note(true, Some(base), message);
        }
        fits
    }

    /// Whether so many guides more may be kept.
    fn guides_fit(&mut self, more: usize) -> bool {
        let fits = self.guides + more <= MAX_GUIDES;
        if fits {
            self.guides += more;
        } else {
            let message =
                format!("more than {MAX_GUIDES} overlays, skill manifests and workflows; the others are left out");
            if !self.found.notes.iter().any(|note| note.message == message) {
                self.note(true, None, message);
            }
        }
        fits
    }

    /// What the `Link` fields of an answer say, as far as links may be read.
    fn root_links(&mut self, want: &Want, answer: &Answer) -> service_root::Root {
        let (root, bytes) = service_root::read(&answer.link, &want.url, &answer.url);
        let own = root.api.descriptions.len() + root.api.metadata.len() + root.api.guides.count();
        let links = own + root.catalogs.len();
        if links == 0 || self.counts(links, bytes, &answer.url) { root } else { service_root::Root::default() }
    }

    /// Another catalog. One that is being read leads in a circle; one that was read is there already.
    fn follow(&mut self, url: Url, from: &Url, path: &[Url]) {
        if let Some(nth) = path.iter().position(|above| *above == url) {
            let circle: Vec<&str> = path[nth..].iter().chain([&url]).map(Url::public).collect();
            return self.note(false, Some(from), format!("catalogs lead in a circle: {}", circle.join(" -> ")));
        }
        if !self.catalogs.insert(url.clone()) {
            return;
        }
        if path.len() >= MAX_DEPTH {
            return self.note(
                true,
                Some(from),
                format!("catalogs are nested deeper than {MAX_DEPTH}; {} is not read", url.public()),
            );
        }
        self.want(url, Some(from.clone()), false, What::Catalog(path.to_vec()));
    }

    /// An API of which only an address is known: its root is looked at, unless it is known to be a description.
    fn probe(&mut self, hint: &Hint, told: Option<usize>) {
        if self.catalogs.contains(&hint.url) || !self.roots.insert(hint.url.clone()) {
            return;
        }
        let context = hint.url.as_str().to_owned();
        let Some(nth) = told.or_else(|| self.tell(Api { context, ..Api::default() })) else { return };
        let Some(told) = self.apis.get_mut(nth) else { return };
        if says_openapi(&hint.media_type) {
            told.api.descriptions.push(hint.clone());
            return;
        }
        // What looks like a document is read at once: it is the answer itself.
        let ending = hint.url.path().rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_document = !hint.url.is_http() || matches!(ending, "json" | "yaml" | "yml");
        self.want(hint.url.clone(), hint.from.clone(), !is_document, What::Root(nth));
    }

    fn read_root(&mut self, want: &Want, nth: usize, answer: Answer) {
        let root = self.root_links(want, &answer);
        let guides_fit = self.guides_fit(root.api.guides.count());
        let Some(told) = self.apis.get_mut(nth) else { return };
        let described = !root.api.descriptions.is_empty();
        told.describe(root.api.descriptions);
        told.api.metadata.extend(root.api.metadata);
        if guides_fit {
            told.api.guides.merge(&root.api.guides);
        }
        if described {
            return;
        }
        if want.head {
            return self.want(want.url.clone(), want.from.clone(), false, What::Root(nth));
        }
        let Answer { url: at, seen, .. } = answer;
        if seen.kind.is_description() {
            if want.from.is_none() {
                self.note(
                    false,
                    Some(&want.url),
                    "it is a description itself, not a service root; a source of type `openapi` reads it".to_owned(),
                );
            }
            self.keep(nth, want, at, seen.text);
        } else if seen.kind.is_linkset() {
            self.catalogs.insert(want.url.clone());
            self.note(
                false,
                Some(&want.url),
                "no `Link` field has `service-desc`; it is a linkset itself, whose links are followed".to_owned(),
            );
            self.read_page(&seen, [&want.url, &at], std::slice::from_ref(&want.url));
        } else if want.from.is_none() && !root.catalogs.is_empty() {
            self.note(
                false,
                Some(&want.url),
                "no `Link` field has `service-desc`; the `api-catalog` that it names is read".to_owned(),
            );
            root.catalogs.into_iter().for_each(|url| self.follow(url, &at, &[]));
        } else if self.apis[nth].api.metadata.is_empty() {
            // Otherwise its metadata may name the description.
            let message = format!("it is {} and no `Link` field has `service-desc` (RFC 8631)", seen.what());
            // Other pages may be for people, and always have been.
            self.found.incomplete |= want.from.is_none();
            self.note(want.from.is_none(), Some(&want.url), message);
        }
    }

    /// A description that was seen on the way.
    fn keep(&mut self, nth: usize, want: &Want, at: Url, text: String) {
        let mut lead = Lead::new(want.url.clone(), want.from.clone());
        if !text.is_empty() && self.kept + text.len() <= MAX_KEPT {
            self.kept += text.len();
            lead.seen = Some((at, text));
        }
        if let Some(told) = self.apis.get_mut(nth) {
            told.itself = Some(lead);
        }
    }

    /// When all APIs are known, so that each document of metadata is read once for all of them.
    fn want_metadata(&mut self) {
        let named = self.apis.iter().flat_map(|told| &told.api.metadata);
        let mut wanted: Vec<Hint> = named.filter(|hint| !self.metadata.contains_key(&hint.url)).cloned().collect();
        wanted.sort_by(|a, b| a.url.cmp(&b.url));
        wanted.dedup_by(|a, b| a.url == b.url);
        for hint in wanted {
            self.metadata.insert(hint.url.clone(), BTreeMap::new());
            self.want(hint.url, hint.from, false, What::Metadata);
        }
    }

    fn read_metadata(&mut self, want: &Want, answer: Answer) {
        let Answer { url: at, seen, .. } = answer;
        if !seen.kind.is_linkset() {
            let message = format!("metadata is not used: it is {}, not a linkset (RFC 9264)", seen.what());
            return self.note(false, Some(&want.url), message);
        }
        let Some(linkset) = self.links(&seen, &at) else { return };
        let mut said: BTreeMap<String, Api> = BTreeMap::new();
        for link in &linkset.links {
            said.entry(link.context.clone()).or_default().take(link, &at);
        }
        // What is said of the metadata itself holds for all APIs that name it.
        let mut of_all = Guides::default();
        let documents = [want.url.without_fragment(), at.without_fragment()];
        documents.iter().filter_map(|url| said.get(*url)).for_each(|api| of_all.merge(&api.guides));
        let named: Vec<usize> = (0..self.apis.len()).filter(|nth| self.apis[*nth].names(&want.url)).collect();
        for nth in named {
            let own = said.get(&self.apis[nth].api.context);
            let mut guides = of_all.clone();
            own.into_iter().for_each(|own| guides.merge(&own.guides));
            if self.guides_fit(guides.count()) {
                self.apis[nth].api.guides.merge(&guides);
            }
            let Some(own) = own.filter(|_| self.apis[nth].is_bare()) else { continue };
            // They are there once for each API that is called the same.
            let bytes = own.descriptions.iter().map(|hint| hint.url.as_str().len() + at.as_str().len()).sum();
            if self.counts(own.descriptions.len(), bytes, &at) {
                self.apis[nth].describe(own.descriptions.clone());
            }
        }
        let guides = said.into_iter().map(|(context, api)| (context, api.guides));
        self.metadata.insert(want.url.clone(), guides.collect());
    }

    /// The place of an API that is new; `None`: there are too many.
    fn tell(&mut self, mut api: Api) -> Option<usize> {
        if self.apis.len() == MAX_APIS {
            let message = format!("more than {MAX_APIS} APIs; the others are not looked at");
            if self.found.notes.last().is_none_or(|note| note.message != message) {
                self.note(true, None, message);
            }
            return None;
        }
        if api.descriptions.len() > MAX_LEADS {
            api.descriptions.truncate(MAX_LEADS);
            self.note(true, None, format!("more than {MAX_LEADS} descriptions; the others are not read"));
        }
        self.apis.push(Told { api, ..Told::default() });
        Some(self.apis.len() - 1)
    }

    fn want(&mut self, url: Url, from: Option<Url>, head: bool, what: What) {
        if self.requests == MAX_REQUESTS {
            let message = format!("more than {MAX_REQUESTS} documents; the others are not looked at");
            if self.found.notes.last().is_none_or(|note| note.message != message) {
                self.note(true, None, message);
            }
            return;
        }
        if from.as_ref().is_some_and(|from| from.is_http()) && !url.is_http() {
            return self.note(true, from.as_ref(), NO_FILE.to_owned());
        }
        self.requests += 1;
        if self.found.asked.last().is_none_or(|last| last != url.public()) {
            self.found.asked.push(url.public().to_owned());
        }
        self.queue.push(Want { url, from, head, what });
    }

    fn remember(&mut self, missing: &Missing) {
        self.found.incomplete |= !missing.is_final;
    }

    fn note(&mut self, is_error: bool, place: Option<&Url>, message: String) {
        if self.found.notes.len() < MAX_NOTES {
            let place = place.map(|url| url.public().to_owned()).unwrap_or_default();
            self.found.notes.push(Note { is_error, place, message });
        }
    }
}

fn is_file_from_afar(lead: &Lead) -> bool {
    lead.from.as_ref().is_some_and(Url::is_http) && !lead.url.is_http()
}

impl Told {
    /// Adds descriptions, up to a bound.
    fn describe(&mut self, descriptions: Vec<Hint>) {
        let room = MAX_LEADS.saturating_sub(self.api.descriptions.len());
        self.api.descriptions.extend(descriptions.into_iter().take(room));
    }

    fn is_bare(&self) -> bool {
        self.itself.is_none() && self.api.descriptions.is_empty()
    }

    fn names(&self, metadata: &Url) -> bool {
        self.api.metadata.iter().any(|hint| hint.url == *metadata)
    }
}

impl Lead {
    /// A description that nothing more is known of.
    pub fn new(url: Url, from: Option<Url>) -> Self {
        Self { url, from, seen: None, guides: Guides::default() }
    }

    /// Two APIs have one description: what either says of it holds.
    fn join(&mut self, other: Self) {
        self.guides.merge(&other.guides);
        self.seen = self.seen.take().or(other.seen);
    }
}

#[cfg(test)]
mod tests;
