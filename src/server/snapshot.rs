//! What the toolbox serves at one moment: a configuration and the catalog built from it, never changed, replaced whole.
//!
//! Key types: [`Served`], the configuration; [`Snapshot`], with the bodies that were asked for before, ready to be sent again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::access::policy::{self, Refusal, Selection};
use crate::access::validator::Validator;
use crate::access::{Principal, envelope};
use crate::base::digest::of_bytes;
use crate::base::id::{ServiceId, SourceId};
use crate::base::json;
use crate::base::time::rfc3339;
use crate::catalog::build::Problem;
use crate::catalog::gather::{Cause, SourceReport, SourceState};
use crate::catalog::public_uri;
use crate::catalog::view::{Detail, Mask, ReadyCatalog};
use crate::config::load::Loaded;
use crate::config::{Config, Policy};
use crate::contract::{RefreshResponse, RefreshedSource, SourceProblem, SourceStatus, SourcesResponse};
use crate::fetch::FetchRecord;
use crate::oauth::scope::{PROFILE, Scopes};

/// The configuration in force.
#[derive(Debug)]
pub struct Served {
    /// The merged configuration.
    pub config: Config,
    /// What a request may repeat as `config` (H01).
    pub path: Option<PathBuf>,
    /// SHA-256 of its content without secrets.
    pub fingerprint: String,
    /// What checks tokens; `None` lets everybody in.
    pub validator: Option<Arc<Validator>>,
}

impl Served {
    /// Takes over what was loaded, with what checks tokens for it.
    pub fn new(loaded: Loaded, validator: Option<Arc<Validator>>) -> Self {
        let fingerprint = format!("sha256:{}", of_bytes(json::canonical(&loaded.raw).as_bytes()));
        Self { config: loaded.config, path: loaded.path, fingerprint, validator }
    }
}

/// A body and its strong validator.
#[derive(Clone, Debug)]
pub struct Ready {
    /// With its quotes.
    pub etag: String,
    /// The body.
    pub bytes: Arc<[u8]>,
}

impl Ready {
    /// Of bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { etag: format!("\"{}\"", &of_bytes(&bytes)[..32]), bytes }
    }
}

/// Which body: for whom, which view, how much.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    envelope: Mask,
    view: String,
    detail: Detail,
}

/// A catalog and the bodies made from it.
pub struct Shelf {
    /// The catalog.
    pub catalog: ReadyCatalog,
    /// What listings may show: tools that no deny pattern names (H15).
    pub listed: Arc<Mask>,
    ready: Mutex<VecDeque<(Wanted, Ready)>>,
    /// What each set of scopes reaches.
    envelopes: RwLock<HashMap<Scopes, Arc<Mask>>>,
    everything: Arc<Mask>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({} tools)", self.catalog.len())
    }
}

/// How many bodies are kept ready, and how many bytes of them.
const MAX_READY: usize = 64;
const MAX_READY_BYTES: usize = 64 << 20;
/// How many sets of scopes are remembered.
const MAX_ENVELOPES: usize = 1_000;

impl Shelf {
    /// A catalog with nothing ready yet.
    pub fn new(catalog: ReadyCatalog, config: &Config) -> Self {
        let everything = Arc::new(Mask::all(catalog.len()));
        let listed = Arc::new(envelope::without_denied(&everything, &catalog, &config.policy));
        Self { catalog, listed, ready: Mutex::default(), envelopes: RwLock::default(), everything }
    }

    /// What a principal may see and run. It depends on the scopes alone, so it is worked out once for each set of them.
    pub fn envelope(&self, principal: &Principal, policy: &Policy) -> Arc<Mask> {
        let Some(caller) = principal.caller() else { return Arc::clone(&self.everything) };
        if let Some(mask) = self.envelopes.read().unwrap_or_else(PoisonError::into_inner).get(&caller.scopes) {
            return Arc::clone(mask);
        }
        let mask = Arc::new(envelope::of(principal, &self.catalog, policy));
        let mut envelopes = self.envelopes.write().unwrap_or_else(PoisonError::into_inner);
        if envelopes.len() >= MAX_ENVELOPES {
            envelopes.clear();
        }
        envelopes.insert(caller.scopes.clone(), Arc::clone(&mask));
        mask
    }

    /// What listings show a principal.
    pub fn visible(&self, principal: &Principal, policy: &Policy) -> Arc<Mask> {
        match principal {
            Principal::Anonymous => Arc::clone(&self.listed),
            Principal::Token(_) => self.envelope(principal, policy),
        }
    }

    /// The body of the effective catalog for an envelope; `None`: no such view. Whoever asks second waits for the first.
    pub fn effective(&self, envelope: &Mask, view: &str, detail: Detail) -> Option<Ready> {
        let mut shelf = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |wanted: &Wanted| wanted.detail == detail && wanted.view == view && wanted.envelope == *envelope;
        if let Some((_, ready)) = shelf.iter().find(|(wanted, _)| fits(wanted)) {
            return Some(ready.clone());
        }
        let ready = Ready::new(self.catalog.effective(envelope, view, detail)?);
        shelf.push_back((Wanted { envelope: envelope.clone(), view: view.to_owned(), detail }, ready.clone()));
        let size = |shelf: &VecDeque<(Wanted, Ready)>| shelf.iter().map(|(_, ready)| ready.bytes.len()).sum::<usize>();
        while shelf.len() > MAX_READY || size(&shelf) > MAX_READY_BYTES {
            shelf.pop_front();
        }
        Some(ready)
    }
}

/// One moment's whole.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration.
    pub served: Arc<Served>,
    /// The catalog.
    pub shelf: Arc<Shelf>,
    /// How each source fared in the last build.
    pub report: Vec<SourceReport>,
    /// When that was, RFC 3339.
    pub built_at: String,
}

impl Snapshot {
    /// What `mode` and `agentProfile` of a request select. A profile of which the caller may see nothing is unknown to it (H09);
    /// that of the configuration's default is no secret.
    pub fn select(
        &self,
        principal: &Principal,
        mode: Option<&str>,
        profile: Option<&str>,
    ) -> Result<Selection, Refusal> {
        let visible = || self.shelf.visible(principal, &self.served.config.policy);
        self.select_seeing(principal, visible, mode, profile)
    }

    /// As [`Snapshot::select`], where it is known what listings show the principal.
    pub fn select_seeing(
        &self,
        principal: &Principal,
        visible: impl Fn() -> Arc<Mask>,
        mode: Option<&str>,
        profile: Option<&str>,
    ) -> Result<Selection, Refusal> {
        let config = &self.served.config;
        let selection = policy::select(config, principal, mode, profile)?;
        let hidden = |name: &str| {
            config.default_profile.as_deref() != Some(name)
                && !principal.has_scope(&format!("{PROFILE}{name}"))
                && !self.shelf.catalog.shows(name, &visible())
        };
        match &selection.profile {
            Some(name) if *principal != Principal::Anonymous && hidden(name) => Err(policy::unknown_profile()),
            _ => Ok(selection),
        }
    }

    /// What the last build did, as far as the caller may see its sources (H09).
    pub fn refreshed(&self, principal: &Principal, envelope: &Mask) -> RefreshResponse {
        let seen = self.seen(envelope);
        let all = *principal == Principal::Anonymous;
        let whole = all || self.is_everything(envelope);
        let visible = |report: &&SourceReport| all || seen.contains_key(&report.id);
        let mut sources = Vec::new();
        for report in self.report.iter().filter(visible) {
            let from = sources.len();
            let fetches = self.fetches(report, whole, &seen);
            sources.extend(fetches.iter().map(|fetch| RefreshedSource::new(report.id.as_str(), fetch)));
            if sources.len() == from {
                let (id, uri) = (report.id.to_string(), public_uri(&report.uri).to_owned());
                sources.push(RefreshedSource { id, uri, ..RefreshedSource::default() });
            }
            for source in &mut sources[from..] {
                source.state = Some(report.state.as_str().to_owned());
                source.since = report.since.map(rfc3339);
            }
            if let Some(last) = sources.last_mut() {
                last.error = reason(report, whole);
            }
        }
        RefreshResponse { refreshed_at: self.built_at.clone(), sources }
    }

    /// How the sources fare, as far as the caller may see them (H09). Problems, reasons and addresses may name what is hidden from the
    /// caller, so they are whole for those only who see everything, or administer the runtime.
    pub fn sources(&self, principal: &Principal, admin: bool, envelope: &Mask) -> SourcesResponse {
        let all = admin || *principal == Principal::Anonymous;
        let everything = Mask::all(self.shelf.catalog.len());
        let seen = self.seen(if all { &everything } else { envelope });
        let whole = all || self.is_everything(envelope);
        let visible = self.report.iter().filter(|report| all || seen.contains_key(&report.id));
        let sources = visible.map(|report| {
            let (services, tools) = seen.get(&report.id).cloned().unwrap_or_default();
            let kind = self.served.config.sources.get(&report.id).map_or("", |source| source.kind.as_str());
            SourceStatus {
                id: report.id.to_string(),
                kind: kind.to_owned(),
                uri: public_uri(&report.uri).to_owned(),
                state: report.state.as_str().to_owned(),
                since: report.since.map(rfc3339).unwrap_or_default(),
                reason: reason(report, whole),
                reason_code: report.cause.map(|cause| cause.as_str().to_owned()),
                checked_at: report.checked.map(rfc3339),
                next_check_at: report.next_check.map(rfc3339),
                services: services.iter().map(ToString::to_string).collect(),
                tools,
                problems: report.problems.iter().filter(|_| whole).map(problem).collect(),
                fetches: self.fetches(report, whole, &seen),
            }
        });
        SourcesResponse { built_at: self.built_at.clone(), sources: sources.collect() }
    }

    fn is_everything(&self, envelope: &Mask) -> bool {
        *envelope == Mask::all(self.shelf.catalog.len())
    }

    /// What was fetched of a source, as far as the services that are seen go.
    fn fetches(&self, report: &SourceReport, whole: bool, seen: &Sources) -> Vec<FetchRecord> {
        let record = self.shelf.catalog.catalog().sources.iter().find(|record| record.id == report.id);
        match (record, seen.get(&report.id)) {
            (Some(record), Some((services, _))) if !whole => {
                record.fetches_seen(&report.fetches, |service| services.contains(service))
            }
            _ => report.fetches.clone(),
        }
    }

    /// Whether any source is served, or there is none to wait for.
    pub fn serves_something(&self) -> bool {
        let mut enabled = self.report.iter().filter(|report| report.state != SourceState::Disabled).peekable();
        enabled.peek().is_none() || enabled.any(|report| report.state != SourceState::Failed)
    }

    /// The sources of the tools of an envelope, with their services and the number of their tools.
    fn seen(&self, envelope: &Mask) -> Sources {
        let catalog = &self.shelf.catalog;
        let mut tools: BTreeMap<&ServiceId, usize> = BTreeMap::new();
        for index in envelope.indexes() {
            *tools.entry(&catalog.tool(index).service_id).or_default() += 1;
        }
        let mut seen = Sources::new();
        for service in &catalog.catalog().services {
            let Some(count) = tools.get(&service.id) else { continue };
            let (services, all) = seen.entry(service.source_id.clone()).or_default();
            services.insert(service.id.clone());
            *all += count;
        }
        seen
    }
}

/// Services and the number of tools by source.
type Sources = BTreeMap<SourceId, (BTreeSet<ServiceId>, usize)>;

/// Why a source is as it is: what went wrong may name an address, another source or an operation.
fn reason(report: &SourceReport, whole: bool) -> Option<String> {
    let error = report.error.as_ref()?;
    let said = report.cause.map_or("something is wrong with it", Cause::in_words);
    Some(if whole { error.clone() } else { said.to_owned() })
}

fn problem(found: &Problem) -> SourceProblem {
    let (severity, place) = (found.severity.as_str().to_owned(), found.place.clone());
    SourceProblem { severity, place, message: found.message.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::token;
    use crate::base::url::Url;
    use crate::catalog::derive::{Described, Words};
    use crate::catalog::{Catalog, Provenance, ServiceRecord, SourceRecord, Tool, View};

    /// Services `a` and `b` with one tool each, from sources `src-a` and `src-b`, and `src-c`, which failed.
    fn snapshot() -> Snapshot {
        let service = |id: &str| ServiceRecord {
            id: id.into(),
            alias: id.to_owned(),
            source_id: format!("src-{id}").as_str().into(),
            title: String::new(),
            servers: vec![],
        };
        let tool = |id: &str| Tool { id: id.into(), service_id: id[..1].into(), ..Tool::default() };
        let catalog = Catalog {
            services: vec![service("a"), service("b")],
            tools: vec![tool("a:x"), tool("b:x")],
            effective_views: vec![View { name: "discover".to_owned(), mode: "discover".to_owned(), tools: vec![] }],
            ..Catalog::default()
        };
        let report = |id: &str, error: Option<&str>| SourceReport {
            id: format!("src-{id}").as_str().into(),
            uri: format!("https://{id}.example/"),
            state: if error.is_some() { SourceState::Failed } else { SourceState::Ok },
            error: error.map(str::to_owned),
            fetches: if error.is_some() { vec![] } else { vec![FetchRecord::default(), FetchRecord::default()] },
            ..SourceReport::default()
        };
        let served = Served { config: Config::default(), path: None, fingerprint: String::new(), validator: None };
        Snapshot {
            shelf: Arc::new(Shelf::new(ReadyCatalog::new(catalog), &served.config)),
            served: Arc::new(served),
            report: vec![report("a", None), report("b", None), report("c", Some("gone"))],
            built_at: "2026-01-01T00:00:00.000Z".to_owned(),
        }
    }

    #[track_caller]
    fn check(principal: &Principal, expected: &[(&str, Option<&str>)]) {
        let snapshot = snapshot();
        let envelope = envelope::of(principal, &snapshot.shelf.catalog, &snapshot.served.config.policy);
        let refreshed = snapshot.refreshed(principal, &envelope);
        let found: Vec<_> =
            refreshed.sources.iter().map(|source| (source.id.as_str(), source.error.as_deref())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn h09_a_refresh_tells_only_of_sources_the_caller_sees() {
        let all = [("src-a", None), ("src-a", None), ("src-b", None), ("src-b", None), ("src-c", Some("gone"))];
        check(&Principal::Anonymous, &all);
        check(&token(&["bundle:b"]), &[("src-b", None), ("src-b", None)]);
        check(&token(&["openid"]), &[]);
    }

    #[test]
    fn h09_sources_are_told_as_far_as_the_caller_sees_them() {
        let mut snapshot = snapshot();
        let problem = |source: &str| Problem {
            source: source.into(),
            severity: crate::catalog::build::Severity::Warning,
            place: "/paths/~1hidden".to_owned(),
            message: "renamed".to_owned(),
            about: crate::catalog::build::About::Description,
        };
        for report in &mut snapshot.report {
            report.problems = vec![problem(report.id.as_str())];
            report.uri.push_str("?key=hunter2");
        }
        let told = |principal: &Principal, admin| {
            let envelope = envelope::of(principal, &snapshot.shelf.catalog, &snapshot.served.config.policy);
            let told = snapshot.sources(principal, admin, &envelope).sources;
            assert!(told.iter().all(|source| !source.uri.contains("hunter2")), "{told:?}");
            told.into_iter().map(|source| (source.id, source.tools, source.problems.len())).collect::<Vec<_>>()
        };
        let row = |id: &str, tools, problems| (format!("src-{id}"), tools, problems);
        let all = vec![row("a", 1, 1), row("b", 1, 1), row("c", 0, 1)];
        assert_eq!(told(&Principal::Anonymous, false), all);
        assert_eq!(told(&token(&["bundle:b", "runtime:admin"]), true), all);
        assert_eq!(told(&token(&["bundle:b"]), false), [row("b", 1, 0)]);
        assert_eq!(told(&token(&["bundle:a", "bundle:b"]), false), [row("a", 1, 1), row("b", 1, 1)]);
        assert_eq!(told(&token(&["openid"]), false), []);
    }

    #[test]
    fn h09_what_leads_to_hidden_services_of_a_source_is_hidden() {
        let mut snapshot = snapshot();
        let fetch = |url: &str| FetchRecord { url: url.to_owned(), ..FetchRecord::default() };
        let url = |id: &str| format!("https://h/{id}.json");
        let described = |id: &str| Described {
            service: id.into(),
            url: Url::parse(&url(id)).unwrap(),
            words: Words::default(),
            at: String::new(),
        };
        let fetches = vec![fetch("https://h/"), fetch(&url("a")), fetch("https://h/a-and-b.meta"), fetch(&url("b"))];
        let mut catalog = snapshot.shelf.catalog.catalog().clone();
        catalog.services.iter_mut().for_each(|service| service.source_id = "both".into());
        catalog.sources = vec![SourceRecord {
            id: "both".into(),
            kind: "apiCatalog".to_owned(),
            uri: "https://h/?key=hunter2".to_owned(),
            provenance: Provenance {
                method: "rfc9727".to_owned(),
                fetches: fetches.clone(),
                descriptions: vec![described("a"), described("b")],
                ..Provenance::default()
            },
        }];
        snapshot.shelf = Arc::new(Shelf::new(ReadyCatalog::new(catalog), &snapshot.served.config));
        snapshot.report = vec![SourceReport {
            id: "both".into(),
            uri: "https://h/?key=hunter2".to_owned(),
            state: SourceState::Stale,
            error: Some("https://h/b.json is left out".to_owned()),
            cause: Some(Cause::Unreadable),
            fetches,
            ..SourceReport::default()
        }];
        let told = |scopes: &[&str]| {
            let principal = token(scopes);
            let envelope = envelope::of(&principal, &snapshot.shelf.catalog, &snapshot.served.config.policy);
            let sources = snapshot.sources(&principal, false, &envelope);
            let refreshed = snapshot.refreshed(&principal, &envelope);
            let catalog = snapshot.shelf.catalog.effective(&envelope, "discover", Detail::Summary).unwrap();
            let texts = [serde_json::to_string(&sources).unwrap(), serde_json::to_string(&refreshed).unwrap()];
            [texts[0].clone(), texts[1].clone(), String::from_utf8(catalog).unwrap()]
        };
        for text in told(&["bundle:a"]) {
            assert!(text.contains("https://h/a.json") && text.contains("https://h/\""), "{text}");
            assert!(!text.contains("b.json") && !text.contains("meta") && !text.contains("hunter2"), "{text}");
        }
        for text in told(&["bundle:a", "bundle:b"]) {
            assert!(text.contains("b.json") && text.contains("meta") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn h25_one_source_is_enough_to_be_ready() {
        let mut snapshot = snapshot();
        for (states, ready) in [
            ([SourceState::Ok, SourceState::Failed, SourceState::Failed], true),
            ([SourceState::Failed, SourceState::Stale, SourceState::Disabled], true),
            ([SourceState::Failed, SourceState::Failed, SourceState::Disabled], false),
            ([SourceState::Disabled; 3], true),
        ] {
            snapshot.report.iter_mut().zip(states).for_each(|(report, state)| report.state = state);
            assert_eq!(snapshot.serves_something(), ready, "{states:?}");
        }
    }

    #[test]
    fn bodies_are_made_once_and_their_number_is_bounded() {
        let shelf = Arc::clone(&snapshot().shelf);
        let first = shelf.effective(&shelf.listed, "discover", Detail::Full).unwrap();
        let again = shelf.effective(&shelf.listed, "discover", Detail::Full).unwrap();
        assert!(Arc::ptr_eq(&first.bytes, &again.bytes));
        assert!(shelf.effective(&shelf.listed, "nobody", Detail::Full).is_none());
        let mut one = Mask::none(2);
        one.insert(0);
        let narrowed = shelf.effective(&one, "discover", Detail::Full).unwrap();
        assert_ne!(narrowed.etag, first.etag);
        for detail in [Detail::Full, Detail::Summary] {
            shelf.effective(&Mask::none(2), "discover", detail).unwrap();
        }
        assert_eq!(shelf.ready.lock().unwrap().len(), 4);
    }
}
