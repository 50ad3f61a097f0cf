//! `GET /v1/runtime/info`, `POST /v1/runtime/stop`, `GET /v1/auth/browser-config`.

use std::path::Path;

use serde_json::json;

use crate::audit::{Event, EventType};
use crate::contract::{
    AuthInfo, BrowserLoginInfo, CAPABILITIES, CAPABILITY_AUDIT_QUERY, CAPABILITY_CATALOG_SUMMARY, CAPABILITY_DRY_RUN,
    CAPABILITY_TOOL_DETAIL, CONTRACT_VERSION, EnvelopeInfo, ErrorCode, RuntimeInfo, SCOPE_PREFIXES, path,
};

use super::super::app::Order;
use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};

/// The handshake. Paths of this machine are told because no token is needed for anything here.
pub fn info(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, .. } = exchange;
    let own = [CAPABILITY_CATALOG_SUMMARY, CAPABILITY_TOOL_DETAIL, CAPABILITY_DRY_RUN, CAPABILITY_AUDIT_QUERY];
    let url = match (app.public_url(), app.listening.get()) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (None, Some(addr)) => format!("http://{addr}"),
        (None, None) => String::new(),
    };
    let shown = |path: &Path| Some(path.display().to_string());
    let scope_prefixes: Vec<String> = SCOPE_PREFIXES.iter().map(ToString::to_string).collect();
    Ok(super::json(&RuntimeInfo {
        contract_version: CONTRACT_VERSION.to_owned(),
        capabilities: CAPABILITIES.iter().chain(&own).map(ToString::to_string).collect(),
        instance_id: app.instance.id.clone(),
        url,
        runtime_mode: "remote".to_owned(),
        version: crate::VERSION.to_owned(),
        audit_path: shown(app.audit.path()),
        state_dir: shown(&app.instance.dir),
        cache_dir: shown(&app.instance.cache_dir),
        auth: AuthInfo {
            required: false,
            audience: String::new(),
            scope_prefixes: scope_prefixes.clone(),
            token_validation_profiles: Vec::new(),
            browser_login: BrowserLoginInfo { configured: false, config_endpoint: path::BROWSER_CONFIG.to_owned() },
            principal: principal.name().map(str::to_owned),
            authorization_envelope: EnvelopeInfo { version: "1.0".to_owned(), scope_prefixes },
        },
    }))
}

/// Recorded first, then answered, then done.
pub fn stop(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, principal, request, id, .. } = exchange;
    let mut event = Event::new(EventType::RuntimeStop);
    event.principal = principal.name().map(str::to_owned);
    event.reason_code = Some("requested".to_owned());
    event.client_addr = Some(request.client.ip().to_string());
    event.request_id = Some((*id).to_owned());
    app.record_stop(&event)?;
    // The receiver lives as long as the runtime; without it there is nothing left to stop.
    app.orders.send(Order::Stop).ok();
    Ok(super::json(&json!({"stopped": true})))
}

/// Only configurations with token validation have any.
pub fn browser_config(_exchange: &Exchange<'_>) -> Outcome {
    Err(Failure::new(ErrorCode::NotFound, "browser login is not configured on this runtime"))
}
