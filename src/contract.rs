//! All that client and server share: versions, paths, codes, request and response types (contract 4).

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::id::ToolId;
use crate::catalog::FetchRecord;

pub mod policy;
pub mod schema;

/// The wire contract's version.
pub const CONTRACT_VERSION: &str = "1.1";

/// What a runtime of contract 1.1 advertises.
pub const CAPABILITIES: [&str; 6] =
    ["catalog", "execute", "refresh", "audit", "brokered-auth", "authorization-envelope"];

/// `detail=summary` and ETags on the catalog (ours).
pub const CAPABILITY_CATALOG_SUMMARY: &str = "catalog-summary";
/// `GET /v1/tools?id=` (ours).
pub const CAPABILITY_TOOL_DETAIL: &str = "tool-detail";
/// `dryRun` in executions (ours). A client must see it advertised before it asks: a runtime that does not know the member
/// would send the request.
pub const CAPABILITY_DRY_RUN: &str = "dry-run";
/// `files`, `accept` and `noValidate` in executions (ours).
pub const CAPABILITY_REQUEST_FORMS: &str = "request-forms";
/// `stream` in executions (ours).
pub const CAPABILITY_STREAMS: &str = "streams";
/// Filters on the audit endpoint (ours).
pub const CAPABILITY_AUDIT_QUERY: &str = "audit-query";
/// `POST /v1/policy/explain` (ours).
pub const CAPABILITY_POLICY_EXPLAIN: &str = "policy-explain";

/// Logins at upstreams, `/v1/auth/upstream` (ours).
pub const CAPABILITY_UPSTREAM_LOGIN: &str = "upstream-login";

/// `continue` and `idempotencyKey` in executions, `next` and `operation` in their answers (ours).
pub const CAPABILITY_CONTINUATIONS: &str = "continuations";

/// `GET /v1/sources` (ours).
pub const CAPABILITY_SOURCES: &str = "sources";

/// Scope prefixes of an authorization envelope.
pub const SCOPE_PREFIXES: [&str; 3] = ["bundle:", "profile:", "tool:"];

/// Paths of the HTTP API.
pub mod path {
    /// The catalog.
    pub const CATALOG: &str = "/v1/catalog/effective";
    /// One tool.
    pub const TOOL: &str = "/v1/tools";
    /// Execution.
    pub const EXECUTE: &str = "/v1/tools/execute";
    /// What the policy decides, and why (ours).
    pub const POLICY_EXPLAIN: &str = "/v1/policy/explain";
    /// Refetch.
    pub const REFRESH: &str = "/v1/refresh";
    /// How sources fare (ours).
    pub const SOURCES: &str = "/v1/sources";
    /// Audit records.
    pub const AUDIT: &str = "/v1/audit/events";
    /// Handshake.
    pub const INFO: &str = "/v1/runtime/info";
    /// Session lease.
    pub const HEARTBEAT: &str = "/v1/runtime/heartbeat";
    /// End of a session.
    pub const SESSION_CLOSE: &str = "/v1/runtime/session-close";
    /// Graceful stop.
    pub const STOP: &str = "/v1/runtime/stop";
    /// Browser login metadata.
    pub const BROWSER_CONFIG: &str = "/v1/auth/browser-config";
    /// The caller's logins at upstreams (ours).
    pub const UPSTREAM: &str = "/v1/auth/upstream";
    /// Begin of a login at an upstream (ours).
    pub const UPSTREAM_START: &str = "/v1/auth/upstream/start";
    /// End of a login at an upstream (ours).
    pub const UPSTREAM_FINISH: &str = "/v1/auth/upstream/finish";
    /// Logout at an upstream (ours).
    pub const UPSTREAM_LOGOUT: &str = "/v1/auth/upstream/logout";
    /// RFC 9728 metadata (ours).
    pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
    /// Liveness.
    pub const HEALTH: &str = "/healthz";
    /// Readiness.
    pub const READY: &str = "/readyz";
    /// Numbers for monitors.
    pub const METRICS: &str = "/metrics";
    /// This API's description (ours).
    pub const DESCRIPTION: &str = "/openapi.json";
}

/// One row of the code table.
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The code as a type.
    pub code: ErrorCode,
    /// The code as text: the whole body of an error answer to callers that do not ask for JSON.
    pub text: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Exit code of the CLI.
    pub exit: u8,
    /// RFC 9457 `title`.
    pub title: &'static str,
}

/// Declares [`ErrorCode`] and [`CODES`] in one go, so that neither can miss a row.
macro_rules! codes {
    ($($variant:ident $text:literal $status:literal $exit:literal $title:literal),+ $(,)?) => {
        /// Stable codes of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant),+
        }

        /// The code table; server, CLI and docs read it.
        pub const CODES: &[CodeRow] = &[
            $(CodeRow { code: ErrorCode::$variant, text: $text, status: $status, exit: $exit, title: $title }),+
        ];
    };
}

codes! {
    BadRequest "bad_request" 400 2 "The request is not well formed",
    AuthnFailed "authn_failed" 401 5 "A valid bearer token is needed",
    AuthnUnavailable "authn_unavailable" 503 5 "Tokens cannot be checked at the moment",
    AuthzDenied "authz_denied" 403 6 "The token's scopes do not reach this",
    ManagedDeny "managed_deny" 403 6 "The managed policy denies this tool",
    PolicyDeny "policy_deny" 403 6 "The policy denies this tool",
    CuratedDeny "curated_deny" 403 6 "The tool set in force does not include this",
    ApprovalRequired "approval_required" 403 7 "This tool runs only with approval",
    ToolNotFound "tool_not_found" 404 2 "There is no such tool",
    WorkflowNotFound "workflow_not_found" 404 2 "There is no such workflow",
    NotFound "not_found" 404 2 "There is nothing at this path",
    MethodNotAllowed "method_not_allowed" 405 2 "The path exists, but not with this method",
    RuntimeAttachMismatch "runtime_attach_mismatch" 409 3 "The runtime serves another configuration",
    RuntimeAttachConflict "runtime_attach_conflict" 409 3 "Another session holds the runtime",
    UpstreamLoginRequired "upstream_login_required" 409 5 "A person has to log in at the upstream first",
    BodyTooLarge "body_too_large" 413 2 "The request body is too large",
    Overloaded "overloaded" 503 4 "The runtime has too much to do at the moment",
    AuditUnavailable "audit_unavailable" 503 4 "The audit record cannot be kept, so nothing was sent",
    CatalogUnavailable "catalog_unavailable" 503 4 "No catalog is loaded yet",
    ExecutionError "execution_error" 502 9 "The upstream request failed before an answer came",
    ExecutionTimeout "execution_timeout" 504 9 "The upstream did not answer in time",
    ForbiddenOrigin "forbidden_origin" 403 6 "The request comes from another site or names a foreign host",
    Internal "internal" 500 1 "The runtime failed",
}

impl ErrorCode {
    /// This code's row.
    pub fn row(self) -> &'static CodeRow {
        CODES.iter().find(|row| row.code == self).expect("the macro gives every code a row")
    }

    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.row().text
    }

    /// HTTP status.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// Reads a code's text.
    pub fn parse(text: &str) -> Option<Self> {
        CODES.iter().find(|row| row.text == text).map(|row| row.code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// RFC 9457 problem details, to callers whose `Accept` names JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What failed here and what to do; never a secret.
    #[serde(default)]
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// `X-Request-ID` of the exchange.
    #[serde(default)]
    pub request_id: String,
}

/// `POST /v1/tools/execute`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecuteRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Narrows the mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Narrows to a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_profile: Option<String>,
    /// Which tool.
    pub tool_id: ToolId,
    /// In the order of the path's template.
    #[serde(default)]
    pub path_args: Vec<String>,
    /// By CLI name or original name; text, or (ours) a JSON value: arrays and objects follow the parameter's style.
    #[serde(default)]
    pub flags: Map<String, Value>,
    /// Base64 of the body's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body as text (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_text: Option<String>,
    /// The body as JSON (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_json: Option<Value>,
    /// Media type of the body when the tool has several (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Files of a multipart body (ours).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RequestFile>,
    /// The `Accept` of the request, instead of JSON first (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Sends what the tool's schemas do not allow (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_validate: bool,
    /// The caller says a person approved.
    #[serde(default)]
    pub approval: bool,
    /// Answers with the request that would be sent, credentials replaced, and sends nothing (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Answers as [`STREAM_TYPE`]: the upstream's answer as it comes (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// `next` or `operation` of an earlier answer of this tool: asks where that one led to (ours).
    #[serde(rename = "continue", default, skip_serializing_if = "Option::is_none")]
    pub continued: Option<String>,
    /// Value of the header by which the tool's upstream knows a repeated call; without it the toolbox makes one (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// Media type of the answer to `stream: true`: an [`ExecuteResponse`] without a body, [`StreamPiece`]s, and a [`StreamEnd`], one a line.
pub const STREAM_TYPE: &str = "application/x-ndjson";

/// A piece of an upstream's answer (ours); exactly one of `line` and `data` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamPiece {
    /// A line, without the line feed that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Whether no line feed stood behind it: it was the end of the answer, or the line is too long for one piece.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Base64 of bytes that are no line of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// The last line of a stream (ours); a stream without it broke off on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamEnd {
    /// Always true.
    pub end: bool,
    /// How many pieces there were.
    pub pieces: u64,
    /// How many bytes of the upstream's body, decoded, were read.
    pub bytes: u64,
    /// Whether the upstream had more to say than the limit lets through.
    #[serde(default)]
    pub truncated: bool,
    /// How many lines were not given, since redactions could not be applied to them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: u64,
    /// Why the upstream's answer broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StreamError>,
}

/// Why an upstream's answer broke off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamError {
    /// `execution_error` or `execution_timeout`.
    pub code: String,
    /// What failed and why.
    pub detail: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A file of a multipart body (ours).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestFile {
    /// The body's member that it is.
    pub name: String,
    /// What the part calls the file; the member's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Media type of the part, instead of the one that the description gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Base64 of the file's bytes.
    pub content: String,
}

/// The answer of an execution: what the upstream said. Exactly one of `body`, `text`, `body_base64` is there, none for an
/// empty body.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteResponse {
    /// The upstream's status.
    pub status_code: u16,
    /// The upstream's very bytes, when they are valid JSON; `null` is such a body.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// White space before and after `body`, when there is any (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<(String, String)>,
    /// The body as text, when it is UTF-8 but no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The body as base64, when it is no UTF-8 (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// The upstream's `Content-Type`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Selected headers of the upstream, lower-case names (ours).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// Whether the body was cut at the limit (ours).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Why the body is not given although there is one (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// How often the request was repeated (ours).
    #[serde(default)]
    pub retries: u32,
    /// Leads to the next page, as `continue` of another request (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Leads to an operation that goes on at the upstream, as `continue` of another request; absent once it has come to an end (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// A member that is there is a value, also when it is `null`.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// The answer to `dryRun: true` (ours): the request with placeholders for credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunResponse {
    /// Always true.
    pub dry_run: bool,
    /// The tool.
    pub tool_id: ToolId,
    /// Upper case.
    pub method: String,
    /// Whole, credentials in the query replaced.
    pub url: String,
    /// Name and value in order; credentials replaced by `<scheme name>`.
    pub headers: Vec<(String, String)>,
    /// UTF-8 body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A body that is no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Why the body is not shown although there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// `GET`/`POST /v1/refresh`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshResponse {
    /// RFC 3339.
    pub refreshed_at: String,
    /// One entry per fetched document.
    pub sources: Vec<RefreshedSource>,
}

/// One document's outcome in a refresh.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshedSource {
    /// Key of `sources`.
    pub id: String,
    /// Where it was fetched.
    pub uri: String,
    /// See [`FetchRecord::cache_outcome`].
    pub cache_outcome: String,
    /// The answer's status; 200 for files that were read, 0 when no answer came.
    pub status_code: u16,
    /// Whether the last good version is served.
    pub stale: bool,
    /// Why this source failed, when it did (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// `ok`, `stale`, `failed` or `disabled`: that of the whole source (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// RFC 3339: since when it is in that state (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl RefreshedSource {
    /// From a fetch of source `id`.
    pub fn new(id: &str, fetch: &FetchRecord) -> Self {
        Self {
            id: id.to_owned(),
            uri: fetch.url.clone(),
            cache_outcome: fetch.cache_outcome.clone(),
            // A file has no status of its own; a remote fetch without one never got an answer.
            status_code: fetch.status_code.unwrap_or(if fetch.request_method.is_empty() { 200 } else { 0 }),
            stale: fetch.stale,
            ..Self::default()
        }
    }
}

/// `GET /v1/sources` (ours): how the sources fare that the caller may see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcesResponse {
    /// RFC 3339: when some of them were looked at last.
    pub built_at: String,
    /// By id.
    pub sources: Vec<SourceStatus>,
}

/// How one source fares (ours).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Key of `sources`.
    pub id: String,
    /// `openapi`, `serviceRoot`, `apiCatalog` or `mcp`.
    #[serde(rename = "type")]
    pub kind: String,
    /// As configured, without query.
    pub uri: String,
    /// `ok`: its present description is served; `stale`: an earlier one; `failed`: nothing of it; `disabled`: by configuration.
    pub state: String,
    /// RFC 3339: since when that is so.
    pub since: String,
    /// Why it is stale or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same as one of few words: `unreachable`, `refused`, `gone`, `bad_answer`, `unreadable`, `overlay`, `id_conflict`, `not_supported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// RFC 3339: when its publisher was asked last, or its files were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
    /// RFC 3339: when it is looked at again by itself; absent for what waits for its files to change, or for a refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<String>,
    /// Ids of its services.
    pub services: Vec<String>,
    /// How many tools it gives.
    pub tools: usize,
    /// What is wrong with its descriptions; empty for callers who see only a part of the catalog.
    pub problems: Vec<SourceProblem>,
    /// What was fetched, in order.
    pub fetches: Vec<FetchRecord>,
}

/// Something that is wrong with a description (ours).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProblem {
    /// `error` or `warning`.
    pub severity: String,
    /// Where in the description: a JSON pointer, or an address with one; empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What is wrong, and what was done about it.
    pub message: String,
}

/// `GET /v1/runtime/info`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// [`CONTRACT_VERSION`].
    pub contract_version: String,
    /// See [`CAPABILITIES`].
    pub capabilities: Vec<String>,
    /// Which instance.
    #[serde(default)]
    pub instance_id: String,
    /// The origin clients use.
    #[serde(default)]
    pub url: String,
    /// Always `remote`.
    #[serde(default)]
    pub runtime_mode: String,
    /// The toolbox's version.
    #[serde(default)]
    pub version: String,
    /// Only to an authenticated caller when auth is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_path: Option<String>,
    /// As `audit_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// As `audit_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<String>,
    /// How callers get in.
    #[serde(default)]
    pub auth: AuthInfo,
    /// When it was started with lease flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
}

/// `lifecycle` of [`RuntimeInfo`]: the terms on which sessions attach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// `heartbeat` and `session-close`.
    pub capabilities: Vec<String>,
    /// How often a session renews its lease.
    pub heartbeat_seconds: u32,
    /// How many renewals it may miss.
    pub missed_heartbeat_limit: u32,
    /// `when-owner-exits` or `manual`.
    pub shutdown: String,
    /// What a session covers, as whoever started the runtime says; empty when it was not said.
    pub session_scope: String,
    /// `exclusive` or `group`.
    pub share_mode: String,
    /// Whether whoever started the runtime says that there is a share key.
    pub share_key_present: bool,
    /// What `configFingerprint` of heartbeats is compared with; empty when it was not said.
    pub config_fingerprint: String,
    /// How many sessions there are.
    pub active_sessions: usize,
}

/// `POST /v1/runtime/heartbeat`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Which session, by a name of the client's own.
    pub session_id: String,
    /// Which configuration the client takes the runtime to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_fingerprint: Option<String>,
}

/// What a heartbeat answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatResponse {
    /// Always true.
    pub renewed: bool,
    /// Which session.
    pub session_id: String,
    /// How many sessions there are.
    pub active_sessions: usize,
}

/// `POST /v1/runtime/session-close`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionCloseRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Which session; without it the caller's only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// What a close answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionCloseResponse {
    /// Whether there was a session to close.
    pub closed: bool,
    /// How many sessions there are.
    #[serde(default)]
    pub active_sessions: usize,
}

/// `auth` of [`RuntimeInfo`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthInfo {
    /// Whether a token is needed.
    pub required: bool,
    /// What `aud` must contain.
    #[serde(default)]
    pub audience: String,
    /// [`SCOPE_PREFIXES`].
    #[serde(default)]
    pub scope_prefixes: Vec<String>,
    /// `oidc_jwks` or `oauth2_introspection`.
    #[serde(default)]
    pub token_validation_profiles: Vec<String>,
    /// Browser login.
    #[serde(default)]
    pub browser_login: BrowserLoginInfo,
    /// Who asks, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Envelope version.
    #[serde(default)]
    pub authorization_envelope: EnvelopeInfo,
}

/// `browserLogin` of [`AuthInfo`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserLoginInfo {
    /// Whether it is.
    pub configured: bool,
    /// Where its metadata is.
    #[serde(default)]
    pub config_endpoint: String,
}

/// `authorizationEnvelope` of [`AuthInfo`] and [`BrowserConfig`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopeInfo {
    /// `1.0`.
    #[serde(default)]
    pub version: String,
    /// [`SCOPE_PREFIXES`].
    #[serde(default)]
    pub scope_prefixes: Vec<String>,
}

/// `POST /v1/auth/upstream/start` (ours): a login at an upstream, for one secret of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamStartRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// A service's id or alias; or else `toolId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A tool that needs the login; or else `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// A key of `secrets`, where the service has several that need a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// A loopback port that the caller listens on, for configurations that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_port: Option<NonZeroU16>,
    /// The caller's session that the token ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// What [`UpstreamStartRequest`] answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamStarted {
    /// The service's id.
    pub service: String,
    /// The key of `secrets`.
    pub secret: String,
    /// What to open in a browser.
    #[serde(rename = "authorizationURL")]
    pub authorization_url: String,
    /// Comes back with the code, and is used once.
    pub state: String,
    /// Where the browser comes back to, on the caller's machine.
    #[serde(rename = "redirectURI")]
    pub redirect_uri: String,
    /// Seconds until the state is forgotten.
    pub expires_in: u64,
    /// Who answers (RFC 9207), when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// `POST /v1/auth/upstream/finish` (ours): what the browser came back with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamFinishRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// `state`
    pub state: String,
    /// `code`
    pub code: String,
}

/// `POST /v1/auth/upstream/logout` (ours).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamLogoutRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// A service's id or alias.
    pub service: String,
    /// A key of `secrets`; without it all of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What [`UpstreamLogoutRequest`] answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamLoggedOut {
    /// How many tokens there were.
    pub logged_out: usize,
}

/// `GET /v1/auth/upstream` (ours).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamLogins {
    /// One for each service and secret that tools of the caller need a login for.
    pub logins: Vec<UpstreamLogin>,
}

/// How a caller stands with an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamLogin {
    /// The service's id.
    pub service: String,
    /// The key of `secrets`.
    pub secret: String,
    /// Whether there is a token.
    pub logged_in: bool,
    /// What was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// When the token ends, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether another follows it without a login.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renewable: bool,
}

/// `GET /v1/auth/browser-config`: how a person logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserConfig {
    /// Authorization endpoint.
    #[serde(rename = "authorizationURL")]
    pub authorization_url: String,
    /// Token endpoint.
    #[serde(rename = "tokenURL")]
    pub token_url: String,
    /// The public client that people log in with.
    pub client_id: String,
    /// What the token is asked for.
    #[serde(default)]
    pub audience: String,
    /// Whether a token is needed.
    #[serde(default)]
    pub required: bool,
    /// [`SCOPE_PREFIXES`].
    #[serde(default)]
    pub scope_prefixes: Vec<String>,
    /// `oidc_jwks` or `oauth2_introspection`.
    #[serde(default)]
    pub token_validation_profiles: Vec<String>,
    /// Envelope version.
    #[serde(default)]
    pub authorization_envelope: EnvelopeInfo,
    /// What `iss` of the redirect must be (RFC 9207), when it is known (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// `GET /.well-known/oauth-protected-resource`: RFC 9728 section 2 (ours).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedResource {
    /// The origin clients use.
    pub resource: String,
    /// Issuers whose tokens are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    /// Always `header`.
    #[serde(default)]
    pub bearer_methods_supported: Vec<String>,
    /// For people.
    #[serde(default)]
    pub resource_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for row in CODES {
            assert_eq!(ErrorCode::parse(row.text), Some(row.code));
            assert_eq!(row.code.status(), row.status);
        }
        assert_eq!(ErrorCode::parse("no_such_code"), None);
    }

    #[test]
    fn a_json_null_is_a_body() {
        for (text, body) in [(r#"{"statusCode":200,"body":null}"#, Some("null")), (r#"{"statusCode":204}"#, None)] {
            let response: ExecuteResponse = serde_json::from_str(text).unwrap();
            assert_eq!(response.body.as_ref().map(|body| body.get()), body);
        }
    }
}
