//! Which hosts a service may reach, and which may see its credentials (contract 7, Egress; H17). Pure.
//!
//! Key type: [`Binding`], what the config says about one tool's service. Credentials go to the origin of the service's own
//! description, to hosts that the config names, and, when the operator chose a local file as description, to the hosts that it
//! names.

use crate::base::id::SourceId;
use crate::base::url::Url;
use crate::catalog::Tool;
use crate::config::{Config, HostPattern, Location, Service, Source, SourceKind};
use crate::http::Reach;
use crate::http::egress;
use crate::upstream::Hosts;

/// What the config says about one tool's service.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    service: &'a str,
    /// `services.<id>.server`.
    server: Option<&'a Url>,
    /// `policy.egress.allow`.
    allowed: &'a [HostPattern],
    /// Where descriptions of this service may come from. More than one only when the id was derived and several sources could
    /// have given it: then all of them must agree.
    documents: Vec<&'a Location>,
    /// Servers that the description names, as it names them.
    described: &'a [String],
}

/// Whether credentials of a tool's service may go to `target`; the error says what to do. The source is the one that
/// `services` names.
pub fn may_receive(config: &Config, tool: &Tool, target: &Url) -> Result<(), String> {
    Binding::new(config, tool, None).may_receive(target)
}

impl<'a> Binding<'a> {
    /// Of a tool's service. `source` is where the service comes from when the catalog knows it; it decides only for services
    /// that have no entry in the config.
    pub fn new(config: &'a Config, tool: &'a Tool, source: Option<&SourceId>) -> Self {
        let service = config.services.get(&tool.service_id);
        let sources = match (service, source) {
            (Some(service), _) => config.sources.get(&service.source).into_iter().collect(),
            (None, Some(source)) => config.sources.get(source).into_iter().collect(),
            (None, None) => unused_sources(config),
        };
        Self {
            service: tool.service_id.as_str(),
            server: service.and_then(|service: &Service| service.server.as_ref()),
            allowed: config.policy.egress_allow.as_deref().unwrap_or_default(),
            documents: sources.into_iter().filter_map(|source| source.kind.location()).collect(),
            described: &tool.servers,
        }
    }

    /// The base URL of requests: the config's, else the description's first.
    pub fn base(&self) -> Result<Url, String> {
        let base = self.server.cloned().or_else(|| self.described().next());
        base.filter(Url::is_http).ok_or_else(|| {
            let service = self.service;
            format!("the description of service `{service}` names no http server; set services.{service}.server")
        })
    }

    /// Whether credentials may go there.
    pub fn may_receive(&self, target: &Url) -> Result<(), String> {
        let documents_agree = || {
            !self.documents.is_empty() && self.documents.iter().all(|document| self.document_covers(document, target))
        };
        if self.is_named(target) || documents_agree() {
            return Ok(());
        }
        let (host, service) = (target.host(), self.service);
        Err(format!(
            "credentials of service `{service}` do not go to {host}, where only its description leads; \
             if that is right, set services.{service}.server or add the host to policy.egress.allow"
        ))
    }

    /// Which addresses a request to `target` may reach.
    pub fn reach(&self, target: &Url) -> Reach {
        let agrees = |document: &&Location| match document {
            Location::File(_) => self.is_described(target),
            Location::Remote(url) => url.host() == target.host() || egress::is_private_host(url.host()),
        };
        let documents_agree = || !self.documents.is_empty() && self.documents.iter().all(agrees);
        if self.is_named(target) || documents_agree() { Reach::Named } else { Reach::PublicOnly }
    }

    /// Which addresses a redirect may lead to. Coming from an answer and not from a description, only names in the config and the
    /// place it came from count.
    pub fn reach_of_redirect(&self, from: &Url, to: &Url, reach: Reach) -> Reach {
        if from.shares_origin(to) {
            reach
        } else if self.is_named(to) {
            Reach::Named
        } else {
            Reach::PublicOnly
        }
    }

    fn is_named(&self, target: &Url) -> bool {
        let is_server = self.server.is_some_and(|server| server.shares_origin(target));
        is_server || self.allowed.iter().any(|pattern| pattern.matches(target.host(), target.port()))
    }

    fn is_described(&self, target: &Url) -> bool {
        self.described().any(|server| server.shares_origin(target))
    }

    /// Read when they are needed: where the config names the server, they mostly are not.
    fn described(&self) -> impl Iterator<Item = Url> {
        self.described.iter().filter_map(|server| Url::parse(server).ok())
    }

    fn document_covers(&self, document: &Location, target: &Url) -> bool {
        match document {
            Location::File(_) => self.is_described(target),
            Location::Remote(url) => url.shares_origin(target),
        }
    }
}

impl Hosts for Binding<'_> {
    fn may_receive(&self, target: &Url) -> Result<(), String> {
        Binding::may_receive(self, target)
    }

    fn reach(&self, target: &Url) -> Reach {
        Binding::reach(self, target)
    }
}

/// Enabled sources that no service uses; only their services have derived ids.
fn unused_sources(config: &Config) -> Vec<&Source> {
    let used = |id: &SourceId| config.services.values().any(|service| service.source == *id);
    config.sources.iter().filter(|(id, source)| source.enabled && !used(id)).map(|(_, source)| source).collect()
}

/// How many services the config makes; a source that may bring several counts as two.
pub(super) fn service_count(config: &Config) -> usize {
    let derived = unused_sources(config).into_iter().map(|source| match source.kind {
        SourceKind::ApiCatalog(_) => 2,
        _ => 1,
    });
    config.services.len() + derived.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Refresh;

    fn source(location: &str) -> Source {
        let location = match location.strip_prefix("file:") {
            Some(path) => Location::File(path.into()),
            None => Location::Remote(Url::parse(location).unwrap()),
        };
        let kind = SourceKind::OpenApi(location);
        Source { enabled: true, refresh: Refresh::default(), uri: String::new(), kind }
    }

    /// A config in which service `s` has this document, server and allowed host.
    fn config(document: &str, server: Option<&str>, allowed: Option<&str>) -> Config {
        let mut config = Config::default();
        config.sources.insert("src".into(), source(document));
        let service = Service { server: server.map(|server| Url::parse(server).unwrap()), ..Service::of("src".into()) };
        config.services.insert("s".into(), service);
        config.policy.egress_allow = allowed.map(|host| vec![HostPattern { host: host.into(), port: None }]);
        config
    }

    fn tool(servers: &[&str]) -> Tool {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        Tool { service_id: "s".into(), servers, ..Tool::default() }
    }

    #[track_caller]
    fn check(config: &Config, target: &str, receives: bool, reach: Reach) {
        let target = Url::parse(target).unwrap();
        let tool = tool(&["https://api.example/v1"]);
        assert_eq!(may_receive(config, &tool, &target).is_ok(), receives, "{target:?} receives");
        assert_eq!(Binding::new(config, &tool, None).reach(&target), reach, "{target:?}");
    }

    #[test]
    fn h17_credentials_go_to_the_services_own_hosts_only() {
        let remote = config("https://docs.example/openapi.json", None, None);
        check(&remote, "https://docs.example/v1", true, Reach::Named);
        check(&remote, "https://api.example/v1", false, Reach::PublicOnly);
        check(&remote, "http://docs.example/v1", false, Reach::Named);
        check(&remote, "https://docs.example:8443/v1", false, Reach::Named);
        check(&remote, "https://docs.example.evil/v1", false, Reach::PublicOnly);
        let server = config("https://docs.example/openapi.json", Some("https://api.example/v2"), None);
        check(&server, "https://api.example/v1", true, Reach::Named);
        check(&server, "https://evil.example/", false, Reach::PublicOnly);
        let allowed = config("https://docs.example/openapi.json", None, Some("*.example"));
        check(&allowed, "https://api.example/v1", true, Reach::Named);
        let local = config("file:/etc/api.json", None, None);
        check(&local, "https://api.example/other", true, Reach::Named);
        check(&local, "https://evil.example/", false, Reach::PublicOnly);
    }

    #[test]
    fn h27_a_remote_document_does_not_lead_inside() {
        let remote = config("https://docs.example/openapi.json", None, None);
        check(&remote, "http://127.0.0.1:9000/", false, Reach::PublicOnly);
        let inside = config("http://127.0.0.1:8000/openapi.json", None, None);
        check(&inside, "http://127.0.0.1:9000/", false, Reach::Named);
        check(&inside, "http://10.0.0.1/", false, Reach::Named);
        let named = config("http://localhost:8000/openapi.json", None, None);
        check(&named, "http://10.0.0.1/", false, Reach::Named);
    }

    #[test]
    fn h17_derived_services_need_every_possible_source() {
        let mut config = config("https://docs.example/openapi.json", None, None);
        config.services.clear();
        check(&config, "https://docs.example/", true, Reach::Named);
        config.sources.insert("other".into(), source("https://other.example/openapi.json"));
        check(&config, "https://docs.example/", false, Reach::PublicOnly);
        config.sources.get_mut("other").unwrap().enabled = false;
        check(&config, "https://docs.example/", true, Reach::Named);
        config.sources.clear();
        check(&config, "https://docs.example/", false, Reach::PublicOnly);
    }

    #[test]
    fn h17_the_catalogs_source_decides_for_derived_services() {
        let mut config = config("https://docs.example/openapi.json", None, None);
        config.services.clear();
        config.sources.insert("other".into(), source("https://other.example/openapi.json"));
        let tool = tool(&[]);
        let binding = Binding::new(&config, &tool, Some(&"src".into()));
        assert!(binding.may_receive(&Url::parse("https://docs.example/").unwrap()).is_ok());
        assert!(binding.may_receive(&Url::parse("https://other.example/").unwrap()).is_err());
    }

    #[test]
    fn the_base_is_the_configs_or_the_first_described() {
        let base = |config: &Config, servers: &[&str]| Binding::new(config, &tool(servers), None).base();
        let plain = config("file:/api.json", None, None);
        assert_eq!(base(&plain, &["https://a/x", "https://b"]).unwrap().as_str(), "https://a/x");
        let overridden = config("file:/api.json", Some("https://c/y"), None);
        assert_eq!(base(&overridden, &["https://a/x"]).unwrap().as_str(), "https://c/y");
        for servers in [&[][..], &["file:///x"]] {
            assert!(base(&plain, servers).unwrap_err().contains("set services.s.server"));
        }
    }

    #[test]
    fn h27_redirects_are_judged_anew() {
        let (config, tool) = (config("file:/api.json", None, Some("named.example")), tool(&["http://api/"]));
        let binding = Binding::new(&config, &tool, None);
        let url = |text| Url::parse(text).unwrap();
        let judge = |to| binding.reach_of_redirect(&url("http://api/a"), &url(to), Reach::Named);
        assert_eq!(judge("http://api/b"), Reach::Named);
        assert_eq!(judge("http://other/"), Reach::PublicOnly);
        assert_eq!(judge("http://named.example/"), Reach::Named);
    }
}
