//! `GET /v1/runtime/info`, `POST /v1/runtime/stop`, `GET /v1/auth/browser-config`, `GET /.well-known/oauth-protected-resource`.

use std::path::Path;

use serde_json::json;

use crate::access::Principal;
use crate::access::validator::Validator;
use crate::audit::{EventType, Verdict};
use crate::base::time::http_date;
use crate::config::ValidationProfile;
use crate::contract::{
    AuthInfo, BrowserConfig, BrowserLoginInfo, CAPABILITIES, CAPABILITY_AUDIT_QUERY, CAPABILITY_CATALOG_SUMMARY,
    CAPABILITY_CONTINUATIONS, CAPABILITY_DRY_RUN, CAPABILITY_POLICY_EXPLAIN, CAPABILITY_REQUEST_FORMS,
    CAPABILITY_SOURCES, CAPABILITY_STREAMS, CAPABILITY_TOOL_DETAIL, CAPABILITY_UPSTREAM_LOGIN, CONTRACT_VERSION,
    EnvelopeInfo, ErrorCode, ProtectedResource, RuntimeInfo, SCOPE_PREFIXES, path,
};

use super::super::app::Order;
use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};

/// The handshake. Paths of this machine are for callers that were let in (H02).
pub fn info(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let own = [
        CAPABILITY_CATALOG_SUMMARY,
        CAPABILITY_TOOL_DETAIL,
        CAPABILITY_DRY_RUN,
        CAPABILITY_AUDIT_QUERY,
        CAPABILITY_CONTINUATIONS,
        CAPABILITY_POLICY_EXPLAIN,
        CAPABILITY_REQUEST_FORMS,
        CAPABILITY_STREAMS,
        CAPABILITY_UPSTREAM_LOGIN,
        CAPABILITY_SOURCES,
    ];
    let served = app.state.served();
    let validator = served.validator.as_deref();
    let let_in = validator.is_none() || *principal != Principal::Anonymous;
    let shown = |path: &Path| let_in.then(|| path.display().to_string());
    let mut answer = super::json(&RuntimeInfo {
        contract_version: CONTRACT_VERSION.to_owned(),
        capabilities: CAPABILITIES.iter().chain(&own).map(ToString::to_string).collect(),
        instance_id: app.instance.id.clone(),
        url: app.url(),
        runtime_mode: "remote".to_owned(),
        version: crate::VERSION.to_owned(),
        audit_path: shown(app.audit.path()),
        state_dir: shown(&app.instance.dir),
        cache_dir: shown(&app.instance.cache_dir),
        auth: AuthInfo {
            required: validator.is_some(),
            audience: validator.map(|validator| validator.auth().audience.clone()).unwrap_or_default(),
            scope_prefixes: scope_prefixes(),
            token_validation_profiles: profiles(validator),
            browser_login: BrowserLoginInfo {
                configured: validator.and_then(browser).is_some(),
                config_endpoint: path::BROWSER_CONFIG.to_owned(),
            },
            principal: principal.name().map(str::to_owned),
            authorization_envelope: envelope(),
        },
        lifecycle: app.sessions.lifecycle(),
    });
    // So that a client sees whether its clock and this one agree, as tokens need it.
    answer.headers = std::mem::take(&mut answer.headers).with("Date", &http_date(app.clock.now()));
    Ok(answer)
}

fn scope_prefixes() -> Vec<String> {
    SCOPE_PREFIXES.iter().map(ToString::to_string).collect()
}

fn envelope() -> EnvelopeInfo {
    EnvelopeInfo { version: "1.0".to_owned(), scope_prefixes: scope_prefixes() }
}

fn profiles(validator: Option<&Validator>) -> Vec<String> {
    validator.iter().map(|validator| validator.auth().profile.as_str().to_owned()).collect()
}

/// Recorded first, then answered, then done.
pub fn stop(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, .. } = exchange;
    exchange.admin_only("stopping the runtime")?;
    let mut event = exchange.event(EventType::RuntimeStop, Verdict::Allowed);
    event.reason_code = Some("requested".to_owned());
    app.record_stop(&event)?;
    // The receiver lives as long as the runtime; without it there is nothing left to stop.
    app.orders.send(Order::Stop).ok();
    Ok(super::json(&json!({"stopped": true})))
}

/// How a person logs in; 404 when the configuration does not say.
pub fn browser_config(exchange: &Exchange<'_>) -> Outcome {
    let served = exchange.app.state.served();
    match served.validator.as_deref().and_then(browser) {
        Some(config) => Ok(super::json(&config)),
        None => Err(Failure::new(ErrorCode::NotFound, "browser login is not configured on this runtime")),
    }
}

/// Endpoints that the configuration does not name are taken from the issuer's metadata when those were needed for its keys anyway;
/// nothing is fetched for an anonymous caller (H02).
fn browser(validator: &Validator) -> Option<BrowserConfig> {
    let auth = validator.auth();
    let metadata = validator.metadata();
    let discovered = metadata.as_deref();
    let authorization =
        auth.authorization_url.clone().or_else(|| discovered.and_then(|metadata| metadata.authorization.clone()))?;
    let token = auth.token_url.clone().or_else(|| discovered.and_then(|metadata| metadata.token.clone()))?;
    Some(BrowserConfig {
        authorization_url: authorization.as_str().to_owned(),
        token_url: token.as_str().to_owned(),
        client_id: auth.browser_client_id.clone()?,
        audience: auth.audience.clone(),
        required: true,
        scope_prefixes: scope_prefixes(),
        token_validation_profiles: profiles(Some(validator)),
        authorization_envelope: envelope(),
        issuer: issuer(validator).map(str::to_owned),
    })
}

fn issuer(validator: &Validator) -> Option<&str> {
    match &validator.auth().profile {
        ValidationProfile::OidcJwks { issuer, .. } => Some(issuer),
        ValidationProfile::OAuth2Introspection { issuer, .. } => issuer.as_deref(),
    }
}

/// RFC 9728: which issuer's tokens this runtime takes. 404 when it takes none.
pub fn protected_resource(exchange: &Exchange<'_>) -> Outcome {
    let served = exchange.app.state.served();
    let Some(validator) = served.validator.as_deref() else {
        return Err(Failure::new(ErrorCode::NotFound, "this runtime asks for no tokens"));
    };
    Ok(super::json(&ProtectedResource {
        resource: exchange.app.url(),
        authorization_servers: issuer(validator).map(str::to_owned).into_iter().collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        resource_name: "open-cli-toolbox".to_owned(),
    }))
}
