//! `POST /v1/policy/explain`: who may ask about whom, and about what. The explanation itself is `access::explain`'s.

use std::borrow::Cow;
use std::sync::Arc;

use crate::access::explain::{Question, Telling, explain as explained};
use crate::access::{Caller, Principal, PrincipalKind, envelope};
use crate::base::pattern::Pattern;
use crate::contract::ErrorCode;
use crate::contract::policy::{MAX_EXPLAINED, PolicyExplainRequest, PolicyExplainResponse};
use crate::oauth::scope::Scopes;

use super::super::error::Failure;
use super::super::router::{Exchange, Outcome};
use super::super::snapshot::Snapshot;
use super::{body, json};

/// Most characters of the scopes asked about: what a token has room for.
const MAX_SCOPES: usize = 16 << 10;

/// Says what the policy decides about tools, and why. Nothing is run, and only a denial to ask is recorded.
pub fn explain(exchange: &Exchange<'_>) -> Outcome {
    let Exchange { app, request, principal, .. } = exchange;
    let ask: PolicyExplainRequest = body(&request.body)?;
    app.check_config_path(ask.config_path.as_deref())?;
    let wanted = Wanted::of(&ask)?;
    let about = about(exchange, &ask)?;
    let snapshot = app.snapshot()?;
    let (shelf, config) = (&snapshot.shelf, &snapshot.served.config);
    // Scopes that were only asked about are not remembered: nobody's token has them.
    let envelope = match &about {
        Cow::Borrowed(own) => shelf.envelope(own, &config.policy),
        Cow::Owned(other) => Arc::new(envelope::of(other, &shelf.catalog, &config.policy)),
    };
    let visible = || match &*about {
        Principal::Anonymous => Arc::clone(&shelf.listed),
        Principal::Token(_) => Arc::clone(&envelope),
    };
    let selection = snapshot.select_seeing(&about, visible, ask.mode.as_deref(), ask.agent_profile.as_deref());
    let own = shelf.visible(principal, &config.policy);
    let telling = if exchange.is_admin() { Telling::Everything } else { Telling::Only(&own) };
    let question = Question {
        catalog: &shelf.catalog,
        config,
        principal: &about,
        envelope: &envelope,
        selection: &selection,
        approved: ask.approval,
        telling,
    };
    let (ids, left_out) = wanted.ids(&snapshot, telling);
    let selected = selection.as_ref().ok();
    Ok(json(&PolicyExplainResponse {
        scopes: about.caller().map(|caller| caller.scopes.iter().map(str::to_owned).collect()),
        mode: selected.map(|selection| selection.mode.as_str().to_owned()),
        agent_profile: selected.and_then(|selection| selection.profile.clone()),
        approval: ask.approval,
        explanations: ids.iter().map(|id| explained(&question, id)).collect(),
        left_out,
    }))
}

/// For whom it is decided: the caller, or somebody with the scopes that it asks about. Scopes that show more than the caller's own are
/// for `runtime:admin` to ask about.
fn about<'a>(exchange: &'a Exchange<'_>, ask: &PolicyExplainRequest) -> Result<Cow<'a, Principal>, Failure> {
    let wrong = |detail: &str| Failure::new(ErrorCode::BadRequest, detail);
    let Some(claim) = &ask.scopes else { return Ok(Cow::Borrowed(&exchange.principal)) };
    let scopes = Scopes::from_claim(claim).ok_or_else(|| wrong("`scopes` is neither a text nor a list of texts"))?;
    if scopes.iter().map(str::len).sum::<usize>() > MAX_SCOPES {
        return Err(wrong("`scopes` is longer than a token may be"));
    }
    let own = exchange.principal.caller();
    if own.is_some_and(|own| !scopes.is_subset_of(&own.scopes)) {
        exchange.admin_only("asking about scopes that are no part of your own")?;
    }
    let caller = match own {
        Some(own) => Caller { scopes, ..own.clone() },
        None => {
            let (kind, issuer, value) = (PrincipalKind::Subject, String::new(), String::new());
            Caller { kind, issuer, value, scopes, lineage: None }
        }
    };
    Ok(Cow::Owned(Principal::Token(Arc::new(caller))))
}

/// Which tools are asked about.
enum Wanted<'a> {
    Ids(&'a [String]),
    Matching(Pattern),
}

impl<'a> Wanted<'a> {
    fn of(ask: &'a PolicyExplainRequest) -> Result<Self, Failure> {
        let wrong = |detail: String| Failure::new(ErrorCode::BadRequest, detail);
        match (&ask.tool_id, &ask.tool_ids, &ask.pattern) {
            (Some(id), None, None) => Ok(Self::Ids(std::slice::from_ref(id))),
            (None, Some(ids), None) if (1..=MAX_EXPLAINED).contains(&ids.len()) => Ok(Self::Ids(ids)),
            (None, Some(_), None) => Err(wrong(format!("`toolIds` must have 1 to {MAX_EXPLAINED} ids"))),
            (None, None, Some(text)) => {
                Pattern::parse(text).map(Self::Matching).map_err(|error| wrong(format!("`pattern`: {error}")))
            }
            _ => Err(wrong("the body needs exactly one of `toolId`, `toolIds` and `pattern`".to_owned())),
        }
    }

    /// The ids, and how many more there would be.
    fn ids(&self, snapshot: &Snapshot, telling: Telling<'_>) -> (Vec<String>, usize) {
        let pattern = match self {
            Self::Ids(ids) => return (ids.to_vec(), 0),
            Self::Matching(pattern) => pattern,
        };
        let catalog = &snapshot.shelf.catalog;
        let shown = (0..catalog.len()).filter(|index| telling.shows(*index));
        let ids = shown.map(|index| catalog.tool(index).id.as_str()).filter(|id| pattern.matches(id));
        let mut found: Vec<String> = ids.map(str::to_owned).collect();
        let left_out = found.len().saturating_sub(MAX_EXPLAINED);
        found.truncate(MAX_EXPLAINED);
        (found, left_out)
    }
}
