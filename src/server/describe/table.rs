//! What is said of each method: one constant each, named by the rows of `router::ROUTES`.

use super::{Content, Operation, Parameter, Value};
use crate::access::ADMIN;
use crate::contract::ErrorCode;

/// The selection of a view.
const MODE: Parameter = Parameter::query("mode", Value::OneOf(&["discover", "curated"]), "`mode.default` when absent.");
const PROFILE: Parameter =
    Parameter::query("agentProfile", Value::Text, "A profile of the configuration; its own mode wins over `mode`.");
const DETAIL: Parameter = Parameter::query(
    "detail",
    Value::OneOf(&["full", "summary"]),
    "`summary` leaves out long descriptions, body schemas and guidance.",
);

const NOTHING: Operation = Operation {
    id: "",
    summary: "",
    tag: "runtime",
    scope: None,
    parameters: &[],
    body: None,
    content: Content::Json(&[]),
    validated: false,
    codes: &[],
};

/// `GET /v1/catalog/effective`.
pub const CATALOG: Operation = Operation {
    id: "effectiveCatalog",
    summary: "The catalog and the selected view, filtered to what the token reaches",
    tag: "catalog",
    parameters: &[MODE, PROFILE, DETAIL],
    content: Content::Json(&["EffectiveCatalog"]),
    validated: true,
    codes: &[ErrorCode::CuratedDeny, ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `GET /v1/tools`.
pub const TOOL: Operation = Operation {
    id: "tool",
    summary: "One tool, whole",
    tag: "catalog",
    parameters: &[Parameter { required: true, ..Parameter::query("id", Value::Filled, "The tool's id.") }],
    content: Content::Json(&["Tool"]),
    validated: true,
    codes: &[ErrorCode::AuthzDenied, ErrorCode::ToolNotFound, ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `POST /v1/tools/execute`.
pub const EXECUTE: Operation = Operation {
    id: "execute",
    summary: "Runs a tool; the answer is 200 whatever the upstream's status",
    tag: "execution",
    body: Some(("ExecuteRequest", true)),
    content: Content::Execution,
    codes: &[
        ErrorCode::AuthzDenied,
        ErrorCode::ManagedDeny,
        ErrorCode::PolicyDeny,
        ErrorCode::CuratedDeny,
        ErrorCode::ApprovalRequired,
        ErrorCode::ToolNotFound,
        ErrorCode::UpstreamLoginRequired,
        ErrorCode::BodyTooLarge,
        ErrorCode::ExecutionError,
        ErrorCode::AuditUnavailable,
        ErrorCode::CatalogUnavailable,
        ErrorCode::ExecutionTimeout,
    ],
    ..NOTHING
};

/// `POST /v1/policy/explain`.
pub const POLICY_EXPLAIN: Operation = Operation {
    id: "explainPolicy",
    summary: "What the policy decides about tools, and why; nothing is run",
    tag: "policy",
    body: Some(("PolicyExplainRequest", true)),
    content: Content::Json(&["PolicyExplainResponse"]),
    codes: &[ErrorCode::AuthzDenied, ErrorCode::AuditUnavailable, ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `POST /v1/refresh`.
pub const REFRESH: Operation = Operation {
    id: "refresh",
    summary: "Fetches every source again, and says how those fared that the caller may see",
    tag: "catalog",
    content: Content::Json(&["RefreshResponse"]),
    codes: &[ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `GET /v1/refresh`.
pub const REFRESH_BY_GET: Operation = Operation { id: "refreshByGet", ..REFRESH };

/// `GET /v1/sources`.
pub const SOURCES: Operation = Operation {
    id: "sources",
    summary: "How the sources fare that the caller may see; nothing is fetched",
    tag: "catalog",
    content: Content::Json(&["SourcesResponse"]),
    codes: &[ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `GET /v1/audit/events`.
pub const AUDIT: Operation = Operation {
    id: "auditEvents",
    summary: "Audit records, oldest first; without `runtime:admin` the caller's own",
    tag: "audit",
    parameters: &[
        Parameter::query("since", Value::Time, "At or after."),
        Parameter::query("until", Value::Time, "Before."),
        Parameter::query("eventType", Value::Named("EventType"), "Equal to."),
        Parameter::query("principal", Value::Text, "Equal to."),
        Parameter::query("toolId", Value::Text, "Equal to."),
        Parameter::query("decision", Value::Named("Verdict"), "Equal to."),
        Parameter::query("after", Value::Number, "`seq` greater than: pages forward."),
        Parameter::query("before", Value::Number, "`seq` less than: pages back. Not with `follow`."),
        Parameter::query("limit", Value::Number, "At most so many; 1,000 when absent, never more than 10,000."),
        Parameter::query("follow", Value::OneOf(&["0", "1"]), "`1`: a stream of server-sent events."),
        Parameter::header("Last-Event-ID", "With `follow`: the `seq` behind which the stream begins."),
    ],
    content: Content::Records,
    ..NOTHING
};

/// `GET /v1/runtime/info`.
pub const INFO: Operation = Operation {
    id: "runtimeInfo",
    summary: "The handshake: versions, capabilities, how callers get in",
    content: Content::Json(&["RuntimeInfo"]),
    ..NOTHING
};

/// `POST /v1/runtime/heartbeat`.
pub const HEARTBEAT: Operation = Operation {
    id: "heartbeat",
    summary: "Opens or renews a session",
    tag: "sessions",
    body: Some(("HeartbeatRequest", true)),
    content: Content::Json(&["HeartbeatResponse"]),
    codes: &[ErrorCode::RuntimeAttachConflict],
    ..NOTHING
};

/// `POST /v1/runtime/session-close`.
pub const SESSION_CLOSE: Operation = Operation {
    id: "sessionClose",
    summary: "Ends a session, and forgets its tokens",
    tag: "sessions",
    body: Some(("SessionCloseRequest", false)),
    content: Content::Json(&["SessionCloseResponse"]),
    codes: &[ErrorCode::AuthzDenied, ErrorCode::AuditUnavailable],
    ..NOTHING
};

/// `POST /v1/runtime/stop`.
pub const STOP: Operation = Operation {
    id: "stop",
    summary: "Stops the runtime, gracefully",
    scope: Some(ADMIN),
    content: Content::Json(&["Stopped"]),
    codes: &[ErrorCode::AuthzDenied, ErrorCode::AuditUnavailable],
    ..NOTHING
};

/// `GET /v1/auth/browser-config`.
pub const BROWSER_CONFIG: Operation = Operation {
    id: "browserConfig",
    summary: "How a person logs in; 404 when that is not configured",
    tag: "auth",
    content: Content::Json(&["BrowserConfig"]),
    codes: &[ErrorCode::NotFound],
    ..NOTHING
};

/// `GET /v1/auth/upstream`.
pub const UPSTREAM: Operation = Operation {
    id: "upstreamLogins",
    summary: "The logins at upstreams that the caller's tools need, and how it stands with them",
    tag: "auth",
    content: Content::Json(&["UpstreamLogins"]),
    codes: &[ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `POST /v1/auth/upstream/start`.
pub const UPSTREAM_START: Operation = Operation {
    id: "startUpstreamLogin",
    summary: "Begins a login at an upstream; a browser of the caller's goes on",
    tag: "auth",
    body: Some(("UpstreamStartRequest", true)),
    content: Content::Json(&["UpstreamStarted"]),
    codes: &[ErrorCode::ExecutionError, ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `POST /v1/auth/upstream/finish`.
pub const UPSTREAM_FINISH: Operation = Operation {
    id: "finishUpstreamLogin",
    summary: "Ends a login at an upstream; the token stays here, for its principal alone",
    tag: "auth",
    body: Some(("UpstreamFinishRequest", true)),
    content: Content::Json(&["UpstreamLogin"]),
    codes: &[ErrorCode::AuthzDenied, ErrorCode::ExecutionError, ErrorCode::AuditUnavailable],
    ..NOTHING
};

/// `POST /v1/auth/upstream/logout`.
pub const UPSTREAM_LOGOUT: Operation = Operation {
    id: "upstreamLogout",
    summary: "Forgets the caller's tokens for a service",
    tag: "auth",
    body: Some(("UpstreamLogoutRequest", true)),
    content: Content::Json(&["UpstreamLoggedOut"]),
    codes: &[ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `GET /.well-known/oauth-protected-resource`.
pub const PROTECTED_RESOURCE: Operation = Operation {
    id: "protectedResource",
    summary: "RFC 9728 metadata; 404 without token validation",
    tag: "auth",
    content: Content::Json(&["ProtectedResource"]),
    codes: &[ErrorCode::NotFound],
    ..NOTHING
};

/// `GET /healthz`.
pub const HEALTH: Operation = Operation {
    id: "health",
    summary: "Whether the process answers",
    tag: "monitoring",
    content: Content::Json(&["Health"]),
    ..NOTHING
};

/// `GET /readyz`.
pub const READY: Operation = Operation {
    id: "readiness",
    summary: "Whether a catalog is served",
    tag: "monitoring",
    content: Content::Json(&["Health"]),
    codes: &[ErrorCode::CatalogUnavailable],
    ..NOTHING
};

/// `GET /metrics`.
pub const METRICS: Operation = Operation {
    id: "metrics",
    summary: "Numbers for monitors, in the text format of Prometheus",
    tag: "monitoring",
    scope: Some(ADMIN),
    content: Content::Metrics,
    codes: &[ErrorCode::AuthzDenied, ErrorCode::AuditUnavailable],
    ..NOTHING
};

/// `GET /openapi.json`.
pub const DESCRIPTION: Operation = Operation {
    id: "description",
    summary: "This description",
    content: Content::Json(&["OpenApi"]),
    validated: true,
    ..NOTHING
};
