//! The fields of one audit record, in the order in which they are written.

use serde::Serialize;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// A tool ran; its upstream answered.
    ToolExecution,
    /// A tool that may change something is about to be called; durable before anything is sent.
    ExecutionStarted,
    /// A tool was called and no answer came.
    ExecutionError,
    /// Envelope or policy said no, or approval was missing.
    AuthzDenial,
    /// Nobody was let in.
    AuthnFailure,
    /// Somebody was let in.
    AuthenticatedConnect,
    /// A catalog was shown in part.
    CatalogFiltered,
    /// The toolbox started.
    RuntimeStart,
    /// The toolbox was stopped.
    RuntimeStop,
    /// The configuration was read again.
    ConfigReload,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was allowed.
    Allowed,
    /// It was denied; nothing was sent.
    Denied,
    /// It was allowed and went wrong.
    Error,
}

/// One record. Fields that do not apply are left out; `seq`, `prev` and `hash` are added by [`super::chain::seal`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// RFC 3339 in UTC, milliseconds.
    pub timestamp: String,
    /// What happened.
    pub event_type: EventType,
    /// Who asked; absent for the anonymous principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// On whose behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// Address of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_addr: Option<String>,
    /// The session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The profile in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_profile: Option<String>,
    /// Which tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// Its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// Where the request went, without query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_base_url: Option<String>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// A code of the contract, or what the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The tool's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The tool's path template, never the filled path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Names of the security schemes used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_scheme: Option<String>,
    /// Bytes of body sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_size: Option<u64>,
    /// The upstream's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// From decision to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How often the request was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_count: Option<u32>,
    /// `X-Request-ID` of the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How many like events this record stands for, when more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// On whose behalf a token acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// `delegated_by`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<String>,
    /// `delegation_id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation_id: Option<String>,
    /// Subject of the innermost `act`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

impl Event {
    /// A record that says only when and what.
    pub fn new(timestamp: String, event_type: EventType) -> Self {
        Self {
            timestamp,
            event_type,
            principal: None,
            lineage: None,
            client_addr: None,
            session_id: None,
            agent_profile: None,
            tool_id: None,
            service_id: None,
            target_base_url: None,
            decision: None,
            reason_code: None,
            method: None,
            path: None,
            auth_scheme: None,
            request_size: None,
            status_code: None,
            latency_ms: None,
            retry_count: None,
            request_id: None,
            count: None,
        }
    }
}
