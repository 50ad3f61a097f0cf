//! Configuration: up to four `.cli.json` files become one strict [`Config`] (contract 2).
//!
//! The way of a setting: `scope` finds the files, `node` reads them and remembers where each value was written, `shorthand`
//! rewrites shorter spellings, `lock` holds what the managed scope set, `merge` joins the files by its rule table, `parse` turns
//! the merged JSON into the types below, `validate` checks what refers to what, `written` says where patterns stand, and `load` does all of it. Every problem becomes one [`Diagnostic`]; all of them are reported at once. No type here reads a secret's value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::id::{ServiceId, SourceId};
use crate::base::pattern::Pattern;
use crate::base::redacted::Redacted;
use crate::base::url::Url;

#[cfg(test)]
mod authentik_test;
pub mod diagnostic;
#[cfg(test)]
mod docs_test;
pub mod edit;
pub mod fuzz;
pub mod load;
mod lock;
mod merge;
mod node;
mod parse;
pub mod schema;
pub mod scope;
mod shorthand;
mod show;
pub mod trust;
mod validate;
mod variant;
#[cfg(test)]
mod world;
pub mod written;

pub use diagnostic::{Diagnostic, Severity};
pub use load::{Consumer, Loaded, Surroundings, load};
pub use show::hidden;

/// The merged configuration of one instance, or of one CLI call.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The format's version, `1.0.0`; the toolbox needs it.
    pub cli: Option<String>,
    /// `mode.default`; the toolbox needs it.
    pub mode: Option<Mode>,
    /// All sources, disabled ones too; `mcpServers` entries are folded in.
    pub sources: BTreeMap<SourceId, Source>,
    /// Configured services; `mcpServers` entries are folded in.
    pub services: BTreeMap<ServiceId, Service>,
    /// `curation.toolSets`.
    pub tool_sets: BTreeMap<String, ToolSet>,
    /// `agents.defaultProfile`; names a key of `profiles`.
    pub default_profile: Option<String>,
    /// `agents.profiles`.
    pub profiles: BTreeMap<String, Profile>,
    /// `policy`.
    pub policy: Policy,
    /// `secrets`, by `<service>.<scheme>`, `<scheme>` or any name something refers to.
    pub secrets: BTreeMap<String, Secret>,
    /// `runtime.remote`: where the CLI finds its runtime.
    pub remote: Option<Remote>,
    /// `runtime.server`: how the toolbox lets callers in.
    pub server: ServerConfig,
    /// The files that were read, weakest scope first.
    pub files: Vec<scope::ScopeFile>,
    /// Where the patterns of `policy` and `curation` stand.
    pub written: written::Written,
}

/// What a caller sees when nothing narrower is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Every tool of the envelope.
    Discover,
    /// The tools of a profile's tool set.
    Curated,
}

impl Mode {
    /// As written in config and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Curated => "curated",
        }
    }

    /// Reads `discover` or `curated`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Discover, Self::Curated].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A document or directory of documents: a file, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// An absolute path.
    File(PathBuf),
    /// `http` or `https`.
    Remote(Url),
}

impl Location {
    /// The location as a URL (`file://` for files).
    pub fn url(&self) -> Option<Url> {
        match self {
            Self::File(path) => Url::from_file_path(path),
            Self::Remote(url) => Some(url.clone()),
        }
    }
}

/// Where descriptions come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Disabled sources are parsed and checked but not loaded.
    pub enabled: bool,
    /// `refresh`.
    pub refresh: Refresh,
    /// The `uri` for the catalog's source record, as written but without a query, which may carry keys (H24); the
    /// transport's URL or command for `mcp`.
    pub uri: String,
    /// What it is.
    pub kind: SourceKind,
}

/// The kinds of source, each with what only it has.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// An OpenAPI document.
    OpenApi(Location),
    /// RFC 8631 service root.
    ServiceRoot(Location),
    /// RFC 9727 API catalog.
    ApiCatalog(Location),
    /// An MCP server.
    Mcp(Box<McpSource>),
}

impl SourceKind {
    /// The value of `type`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OpenApi(_) => "openapi",
            Self::ServiceRoot(_) => "serviceRoot",
            Self::ApiCatalog(_) => "apiCatalog",
            Self::Mcp(_) => "mcp",
        }
    }

    /// Where it is said to be; an MCP server is reached by its transport.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Self::OpenApi(at) | Self::ServiceRoot(at) | Self::ApiCatalog(at) => Some(at),
            Self::Mcp(_) => None,
        }
    }
}

/// `sources.<id>.refresh`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refresh {
    /// Overrides what the answer's caching headers say.
    pub max_age: Option<Duration>,
    /// Fetch only when a refresh is forced.
    pub manual_only: bool,
}

/// An MCP server and what of it is used.
#[derive(Clone, Debug)]
pub struct McpSource {
    /// How to reach it.
    pub transport: McpTransport,
    /// Tools left out before anything else sees them.
    pub disabled_tools: Vec<String>,
    /// Client credentials for a streamable-http server.
    pub oauth: Option<OAuthSecret>,
}

/// How to reach an MCP server.
#[derive(Clone, Debug)]
pub enum McpTransport {
    /// A child process.
    Stdio {
        /// Program.
        command: String,
        /// Arguments.
        args: Vec<String>,
        /// What it gets besides PATH, HOME, TMPDIR and locale; often keys.
        env: BTreeMap<String, Redacted<String>>,
    },
    /// The older HTTP transport.
    Sse(McpEndpoint),
    /// The present HTTP transport.
    StreamableHttp(McpEndpoint),
}

/// An HTTP endpoint of an MCP server.
#[derive(Clone, Debug)]
pub struct McpEndpoint {
    /// Where.
    pub url: Url,
    /// Headers as written; often keys.
    pub headers: BTreeMap<String, Redacted<String>>,
    /// Header name to key of `secrets`.
    pub header_secrets: BTreeMap<String, String>,
}

/// `services.<id>`.
#[derive(Clone, Debug)]
pub struct Service {
    /// A key of `sources`.
    pub source: SourceId,
    /// What people type; the id when absent.
    pub alias: Option<String>,
    /// Overlay documents, in order.
    pub overlays: Vec<Location>,
    /// Skill manifests, in order.
    pub skills: Vec<Location>,
    /// Arazzo documents, in order.
    pub workflows: Vec<Location>,
    /// Base URL that overrides what the description says.
    pub server: Option<Url>,
    /// Deadline of one execution.
    pub timeout: Option<Duration>,
}

impl Service {
    /// The service of a source of which nothing more is said.
    pub fn of(source: SourceId) -> Self {
        Self {
            source,
            alias: None,
            overlays: Vec::new(),
            skills: Vec::new(),
            workflows: Vec::new(),
            server: None,
            timeout: None,
        }
    }
}

/// `curation.toolSets.<id>`.
#[derive(Clone, Debug, Default)]
pub struct ToolSet {
    /// What is in.
    pub allow: Vec<Pattern>,
    /// What is out again.
    pub deny: Vec<Pattern>,
}

impl ToolSet {
    /// Whether a tool is in: allowed and not taken out again.
    pub fn shows(&self, id: &str) -> bool {
        self.removing(id).next().is_none() && self.allowing(id).next().is_some()
    }

    /// The patterns of `allow` that match.
    pub fn allowing<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Pattern> {
        self.allow.iter().filter(move |pattern| pattern.matches(id))
    }

    /// The patterns of `deny` that take a tool out. `**` beside an allow list only says that nothing else is allowed.
    pub fn removing<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Pattern> {
        let says_only = |pattern: &Pattern| pattern.is_everything() && !self.allow.is_empty();
        self.deny.iter().filter(move |pattern| !says_only(pattern) && pattern.matches(id))
    }
}

/// `agents.profiles.<id>`.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Its own mode; `curated` when it has a tool set and says nothing.
    pub mode: Option<Mode>,
    /// A key of `tool_sets`.
    pub tool_set: Option<String>,
}

/// `policy`.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `policy.deny` of the managed scope, which nothing can lift.
    pub managed_deny: Vec<Pattern>,
    /// `policy.deny` of all scopes together.
    pub deny: Vec<Pattern>,
    /// Tools that need `approval: true`.
    pub approval_required: Vec<Pattern>,
    /// Whether secrets may run programs.
    pub allow_exec_secrets: bool,
    /// `policy.egress.allow`; `None` when no scope sets it.
    pub egress_allow: Option<Vec<HostPattern>>,
}

/// A host name, `*.example.com`, or an address, with an optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// As written, lower case, without the port.
    pub host: String,
    /// Only this port when given.
    pub port: Option<u16>,
}

impl HostPattern {
    /// Reads a host name, `*.` and a host name, or an IP address (IPv6 in brackets, as in URLs), with `:port` behind it if any.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
            _ => (text, None),
        };
        let host = host.to_ascii_lowercase();
        is_host(host.strip_prefix("*.").unwrap_or(&host)).then_some(Self { host, port })
    }

    /// What fits both; `None` when nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let below = |host: &str, wide: &str| wide.strip_prefix('*').is_some_and(|suffix| host.ends_with(suffix));
        let host = match (&self.host, &other.host) {
            (one, two) if one == two || below(one, two) => one,
            (one, two) if below(two, one) => two,
            _ => return None,
        };
        let port = match (self.port, other.port) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        Some(Self { host: host.clone(), port })
    }

    /// Whether a URL's host (lower case) and port fit. `*.example.com` fits names below `example.com`, not itself.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host_fits = match self.host.strip_prefix("*.") {
            Some(suffix) => host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => self.host == host,
        };
        host_fits && self.port.is_none_or(|p| p == port)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Letters, digits, `-` and `_` in labels that dots separate, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.len() <= 253 && text.split('.').all(label)
}

/// `secrets.<id>`.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Services it serves; needed for a shared `<scheme>` key when several services are configured.
    pub services: Vec<ServiceId>,
    /// What it is.
    pub kind: SecretKind,
}

/// A value, or a way to obtain tokens.
#[derive(Clone, Debug)]
pub enum SecretKind {
    /// A value somewhere.
    Value(SecretRef),
    /// OAuth 2.
    OAuth2(Box<OAuthSecret>),
}

/// Where one secret value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file (absolute path); one trailing newline is not part of the value.
    File(PathBuf),
    /// In the config itself.
    Literal(Redacted<String>),
    /// An entry of the system's keychain.
    OsKeychain(String),
    /// A program that prints it; needs `policy.allowExecSecrets`.
    Exec(Vec<String>),
}

/// `secrets.<id>` of type `oauth2`, and `sources.<id>.oauth`.
#[derive(Clone, Debug)]
pub struct OAuthSecret {
    /// Which grant.
    pub mode: OAuthMode,
    /// For discovery of the endpoints.
    pub issuer: Option<Url>,
    /// Authorization endpoint.
    pub authorization_url: Option<Url>,
    /// Token endpoint.
    pub token_url: Option<Url>,
    /// Client id.
    pub client_id: Option<SecretRef>,
    /// Client secret.
    pub client_secret: Option<SecretRef>,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// `audience` parameter.
    pub audience: Option<String>,
    /// RFC 8707 resource indicator, sent only when set.
    pub resource: Option<String>,
    /// Whether a person may be asked.
    pub interactive: bool,
    /// Fixed loopback port of the callback.
    pub callback_port: Option<u16>,
    /// Loopback redirect URI.
    pub redirect_uri: Option<Url>,
    /// Where tokens are kept.
    pub token_storage: TokenStorage,
    /// How the client authenticates at the token endpoint.
    pub client_authentication: ClientAuthentication,
}

impl OAuthSecret {
    /// With nothing but its mode.
    pub fn new(mode: OAuthMode) -> Self {
        Self {
            mode,
            issuer: None,
            authorization_url: None,
            token_url: None,
            client_id: None,
            client_secret: None,
            scopes: Vec::new(),
            audience: None,
            resource: None,
            interactive: mode == OAuthMode::AuthorizationCode,
            callback_port: None,
            redirect_uri: None,
            token_storage: TokenStorage::default(),
            client_authentication: ClientAuthentication::default(),
        }
    }
}

/// OAuth 2 grants that config can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthMode {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.1.
    AuthorizationCode,
}

/// Where obtained tokens are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenStorage {
    /// In the instance's `oauth` directory.
    #[default]
    Instance,
    /// Only in memory.
    Memory,
}

/// `tokenEndpointAuthMethod`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// Id and secret in the form body.
    #[default]
    Post,
    /// HTTP Basic.
    Basic,
}

/// `runtime.remote`.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// The runtime's origin.
    pub url: Option<Url>,
    /// Sent as `config` to runtimes that select by path.
    pub request_config_path: Option<String>,
    /// How to obtain a runtime token.
    pub oauth: Option<RemoteAuth>,
}

/// `runtime.remote.oauth`.
#[derive(Clone, Debug)]
pub struct RemoteAuth {
    /// How.
    pub mode: RemoteAuthMode,
    /// `audience` asked for.
    pub audience: Option<String>,
    /// RFC 8707 resource indicator, sent only when set.
    pub resource: Option<String>,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// RFC 8693 exchange for a narrower token.
    pub delegation: Option<Delegation>,
}

/// The three ways of `runtime.remote.oauth.mode`.
#[derive(Clone, Debug)]
pub enum RemoteAuthMode {
    /// A token that is already there: `env:NAME` or `file:PATH`.
    ProvidedToken(SecretRef),
    /// Client credentials.
    OAuthClient {
        /// Token endpoint.
        token_url: Url,
        /// Client id.
        client_id: SecretRef,
        /// Client secret.
        client_secret: SecretRef,
        /// How both are sent.
        authentication: ClientAuthentication,
    },
    /// Authorization code with PKCE through a browser.
    BrowserLogin {
        /// Fixed port of the loopback callback.
        callback_port: Option<u16>,
    },
}

/// `runtime.remote.oauth.delegation`.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// RFC 8693 token endpoint.
    pub token_exchange_url: Url,
    /// Scopes of the child token.
    pub scopes: Vec<String>,
}

/// `runtime.server`.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    /// Token validation; `None` lets everybody in as the anonymous principal.
    pub auth: Option<ServerAuth>,
    /// The origin clients use.
    pub public_url: Option<Url>,
}

/// `runtime.server.auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAuth {
    /// How tokens are checked.
    pub profile: ValidationProfile,
    /// What `aud` must contain.
    pub audience: String,
    /// Published for browser login.
    pub authorization_url: Option<Url>,
    /// Published for browser login.
    pub token_url: Option<Url>,
    /// Published for browser login.
    pub browser_client_id: Option<String>,
    /// Signature algorithms accepted; never empty. Used by `oidc_jwks` alone.
    pub algorithms: Vec<String>,
    /// Tolerance of `exp`, `nbf`, `iat`.
    pub clock_skew: Duration,
}

/// `runtime.server.auth.validationProfile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationProfile {
    /// JWTs checked against the issuer's keys.
    OidcJwks {
        /// `iss`.
        issuer: String,
        /// Key set; discovered from the issuer when absent.
        jwks_url: Option<Url>,
    },
    /// RFC 7662.
    OAuth2Introspection {
        /// Endpoint.
        introspection_url: Url,
        /// `iss` when the answer names one.
        issuer: Option<String>,
        /// Client id of the toolbox.
        client_id: Option<SecretRef>,
        /// Client secret of the toolbox.
        client_secret: Option<SecretRef>,
        /// Where they go: into `Authorization`, or into the form.
        client_authentication: ClientAuthentication,
        /// How long an active answer may be remembered.
        cache: Duration,
    },
}

impl ValidationProfile {
    /// As written in config and advertised on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OidcJwks { .. } => "oidc_jwks",
            Self::OAuth2Introspection { .. } => "oauth2_introspection",
        }
    }
}
