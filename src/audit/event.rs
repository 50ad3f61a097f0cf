//! The fields of one audit record (contract 11).
//!
//! Key type: [`Event`], what the server says; the log adds time, number and chain. No field can hold a header, a body, an
//! argument or a filled path, so that none can end up in the file (H24).

use serde::{Serialize, Serializer};

/// Characters of a text that a caller chose.
const MOST: usize = 512;

/// Bytes of a usual record.
const USUAL: usize = 768;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// A tool that is not read-only is about to be called (ours).
    ExecutionStarted,
    /// A tool was called and answered.
    ToolExecution,
    /// A tool was to be called, and no answer came.
    ExecutionError,
    /// A caller was refused something.
    AuthzDenial,
    /// A caller was not let in.
    AuthnFailure,
    /// A caller was let in.
    AuthenticatedConnect,
    /// A listing left out tools.
    CatalogFiltered,
    /// An upstream token was refreshed.
    TokenRefresh,
    /// A session was closed.
    SessionClose,
    /// A session ran out.
    SessionExpiry,
    /// A workflow ran (ours).
    WorkflowExecution,
    /// The configuration was read again (ours).
    ConfigReload,
    /// The toolbox started (ours).
    RuntimeStart,
    /// The toolbox stopped (ours).
    RuntimeStop,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ExecutionStarted,
        Self::ToolExecution,
        Self::ExecutionError,
        Self::AuthzDenial,
        Self::AuthnFailure,
        Self::AuthenticatedConnect,
        Self::CatalogFiltered,
        Self::TokenRefresh,
        Self::SessionClose,
        Self::SessionExpiry,
        Self::WorkflowExecution,
        Self::ConfigReload,
        Self::RuntimeStart,
        Self::RuntimeStop,
    ];

    /// As in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExecutionStarted => "execution_started",
            Self::ToolExecution => "tool_execution",
            Self::ExecutionError => "execution_error",
            Self::AuthzDenial => "authz_denial",
            Self::AuthnFailure => "authn_failure",
            Self::AuthenticatedConnect => "authenticated_connect",
            Self::CatalogFiltered => "catalog_filtered",
            Self::TokenRefresh => "token_refresh",
            Self::SessionClose => "session_close",
            Self::SessionExpiry => "session_expiry",
            Self::WorkflowExecution => "workflow_execution",
            Self::ConfigReload => "config_reload",
            Self::RuntimeStart => "runtime_start",
            Self::RuntimeStop => "runtime_stop",
        }
    }

    /// Reads an event type.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was done.
    Allowed,
    /// It was refused.
    Denied,
    /// It failed.
    Error,
}

impl Verdict {
    /// As in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}

/// On whose behalf, from the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// Who delegated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<String>,
    /// Under which number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation_id: Option<String>,
    /// Who acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Who acted before, the latest first (ours).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
}

/// What is recorded, in the order of the file; what is absent is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    pub event_type: EventType,
    /// Who asked; absent for the anonymous caller.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub principal: Option<String>,
    /// Which claim names the principal: `sub` or `client_id` (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_kind: Option<&'static str>,
    /// Whose word the principal's name is: `iss` of the token (ours).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub issuer: Option<String>,
    /// On whose behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// Which session.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub session_id: Option<String>,
    /// Which profile the request named.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub agent_profile: Option<String>,
    /// Which tool.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub tool_id: Option<String>,
    /// Which service.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub service_id: Option<String>,
    /// Where the request went, without path and query.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub target_base_url: Option<String>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Verdict>,
    /// The contract's code, or for events without one a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The tool's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The tool's path template.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub path: Option<String>,
    /// `next` or `operation` when the request went to where an earlier answer led (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<&'static str>,
    /// Names of the security schemes used.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub auth_scheme: Option<String>,
    /// Bytes of the body sent upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_size: Option<u64>,
    /// The upstream's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// From the decision to the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How often the request was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_count: Option<u32>,
    /// Address of the caller (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_addr: Option<String>,
    /// SHA-256 of the configuration in force, for starts and reloads (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_fingerprint: Option<String>,
    /// How many events this record stands for, when more than one (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// `X-Request-ID` of the exchange (ours).
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut")]
    pub request_id: Option<String>,
}

impl Event {
    /// With nothing but its type.
    pub fn new(event_type: EventType) -> Self {
        Self {
            event_type,
            principal: None,
            principal_kind: None,
            issuer: None,
            lineage: None,
            session_id: None,
            agent_profile: None,
            tool_id: None,
            service_id: None,
            target_base_url: None,
            decision: None,
            reason_code: None,
            method: None,
            path: None,
            continuation: None,
            auth_scheme: None,
            request_size: None,
            status_code: None,
            latency_ms: None,
            retry_count: None,
            client_addr: None,
            config_fingerprint: None,
            count: None,
            request_id: None,
        }
    }

    /// How long its JSON is at most, also when status, latency, retries and a reason of the contract come to it.
    pub fn most_bytes(&self) -> usize {
        // Names of members, numbers, addresses, codes.
        const REST: usize = 1024;
        // A control character becomes six.
        let cut = |text: &Option<String>| text.as_ref().map_or(0, |text| 6 * text.len().min(4 * MOST));
        let whole = |text: &Option<String>| text.as_ref().map_or(0, |text| 6 * text.len());
        let texts = [&self.principal, &self.issuer, &self.session_id, &self.agent_profile, &self.tool_id];
        let others = [&self.service_id, &self.target_base_url, &self.path, &self.request_id, &self.auth_scheme];
        let lineage =
            self.lineage.iter().flat_map(|lineage| [&lineage.delegated_by, &lineage.delegation_id, &lineage.actor]);
        let actors = self.lineage.iter().flat_map(|lineage| &lineage.actors).map(|actor| 6 * actor.len() + 3);
        let short = [&self.method, &self.client_addr, &self.config_fingerprint];
        let cut: usize = texts.into_iter().chain(others).map(cut).sum();
        let whole: usize = short.into_iter().chain(lineage).map(whole).sum();
        cut + whole + actors.sum::<usize>() + REST
    }

    /// The record without its time stamp and what the chain adds. Texts that a caller chose are cut to 512 characters, so that a line's
    /// length is bounded.
    pub fn to_json(&self) -> String {
        let mut bytes = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut bytes, self).expect("a struct of texts and numbers serializes");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }
}

#[cfg(test)]
impl Event {
    /// With every member, and in them this text or the largest number.
    pub(crate) fn full(text: &str) -> Self {
        let some = || Some(text.to_owned());
        let actors = vec![text.to_owned(), text.to_owned()];
        let lineage = Lineage { delegated_by: some(), delegation_id: some(), actor: some(), actors };
        Self {
            event_type: EventType::AuthenticatedConnect,
            principal: some(),
            principal_kind: Some("client_id"),
            issuer: some(),
            lineage: Some(lineage),
            session_id: some(),
            agent_profile: some(),
            tool_id: some(),
            service_id: some(),
            target_base_url: some(),
            decision: Some(Verdict::Allowed),
            reason_code: some(),
            method: some(),
            path: some(),
            continuation: Some("operation"),
            auth_scheme: some(),
            request_size: Some(u64::MAX),
            status_code: Some(u16::MAX),
            latency_ms: Some(u64::MAX),
            retry_count: Some(u32::MAX),
            client_addr: some(),
            config_fingerprint: some(),
            count: Some(u64::MAX),
            request_id: some(),
        }
    }
}

/// A text that a caller chose, as far as it is kept.
fn cut<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(text) = text else { return serializer.serialize_none() };
    // Most are so short that nothing has to be counted.
    let end = (text.len() > MOST).then(|| text.char_indices().nth(MOST)).flatten().map_or(text.len(), |(at, _)| at);
    serializer.serialize_str(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_the_contract() {
        let mut event = Event::new(EventType::ToolExecution);
        event.tool_id = Some("t:get".to_owned());
        event.decision = Some(Verdict::Allowed);
        event.path = Some("/items/{id}".to_owned());
        event.status_code = Some(200);
        event.request_id = Some("r1".to_owned());
        assert_eq!(
            event.to_json(),
            "{\"eventType\":\"tool_execution\",\"toolId\":\"t:get\",\
             \"decision\":\"allowed\",\"path\":\"/items/{id}\",\"statusCode\":200,\"requestId\":\"r1\"}"
        );
    }

    #[test]
    fn no_record_is_longer_than_was_thought() {
        for text in ["", "a", "\u{1}", "ü", "\u{10ffff}"] {
            for length in [1, MOST, 4 * MOST + 7] {
                let text = text.repeat(length);
                let reason_code = Some("upstream_login_required".to_owned());
                let event = Event { reason_code, ..Event::full(&text) };
                let begun = Event {
                    reason_code: None,
                    status_code: None,
                    latency_ms: None,
                    retry_count: None,
                    count: None,
                    ..event.clone()
                };
                let most = begun.most_bytes();
                assert!(event.to_json().len() <= most, "{} {most}", event.to_json().len());
            }
        }
    }

    #[test]
    fn names_are_one_in_code_and_file() {
        for event in EventType::ALL {
            assert_eq!(serde_json::to_string(&event).unwrap(), format!("\"{}\"", event.as_str()));
            assert_eq!(EventType::parse(event.as_str()), Some(event));
        }
        for verdict in [Verdict::Allowed, Verdict::Denied, Verdict::Error] {
            assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{}\"", verdict.as_str()));
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let mut event = Event::new(EventType::AuthzDenial);
        for (given, kept) in [(MOST - 1, MOST - 1), (MOST, MOST), (MOST + 1, MOST), (100_000, MOST)] {
            event.tool_id = Some("ü".repeat(given));
            assert_eq!(event.to_json().matches('ü').count(), kept, "{given}");
        }
    }
}
