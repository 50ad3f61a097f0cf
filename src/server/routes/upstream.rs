//! Tokens for upstream calls: what is recorded of them.

use crate::audit::{EventType, Verdict};
use crate::catalog::Tool;
use crate::upstream::News;

use super::super::router::Exchange;

/// Records that a token was asked for, never the token.
pub(super) fn note(exchange: &Exchange<'_>, tool: Option<&Tool>, news: &News<'_>) {
    let verdict = if news.done { Verdict::Allowed } else { Verdict::Error };
    let mut event = exchange.event(EventType::TokenRefresh, verdict);
    event.tool_id = tool.map(|tool| tool.id.to_string());
    event.service_id = tool.map(|tool| tool.service_id.to_string());
    event.target_base_url = news.endpoint.origin().map(|origin| origin.to_string());
    event.auth_scheme = Some(news.secret.to_owned());
    event.reason_code = Some(news.word.to_owned());
    // It is logged when it cannot be kept; the token is there all the same.
    exchange.app.record(&event).ok();
}
