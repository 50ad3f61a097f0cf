//! The policy: what a request selects, and whether a tool may run for it (contract 5, decision order).
//!
//! Pure, and asked by execution and listings alike. What a request asks for may narrow, never widen (H12).

use super::Principal;
use crate::base::pattern::Pattern;
use crate::catalog::Tool;
use crate::catalog::view::{Mask, ReadyCatalog};
use crate::config::{Config, Mode, Policy, Profile};
use crate::contract::ErrorCode;

/// A refusal with its stable code, and words for the caller that name nothing hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// What and what to do.
    pub detail: String,
}

impl Refusal {
    fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Which part of the catalog a request works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The view's name: `discover`, or a profile's.
    pub view: String,
    /// The mode in force.
    pub mode: Mode,
    /// The profile in force.
    pub profile: Option<String>,
}

/// What `mode` and `agentProfile` of a request select. An explicit profile's own mode wins over the request's; mode `curated`
/// without a profile takes the default profile.
pub fn select(
    config: &Config,
    principal: &Principal,
    mode: Option<&str>,
    profile: Option<&str>,
) -> Result<Selection, Refusal> {
    let asked = match mode.filter(|mode| !mode.is_empty()) {
        Some(text) => Some(
            Mode::parse(text)
                .ok_or_else(|| Refusal::new(ErrorCode::BadRequest, "`mode` is neither `discover` nor `curated`"))?,
        ),
        None => None,
    };
    let default = config.mode.unwrap_or(Mode::Discover);
    let confined = default == Mode::Curated && *principal != Principal::Anonymous;
    if confined && asked == Some(Mode::Discover) {
        return Err(Refusal::new(ErrorCode::CuratedDeny, "this runtime serves curated views only; leave out `mode`"));
    }
    let mode = asked.unwrap_or(default);
    let name = match profile.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None if mode == Mode::Discover => {
            return Ok(Selection { view: Mode::Discover.as_str().to_owned(), mode, profile: None });
        }
        None => config.default_profile.as_deref().ok_or_else(|| {
            Refusal::new(ErrorCode::BadRequest, "mode `curated` needs a profile: pass `agentProfile`")
        })?,
    };
    // Before it is looked for, so that the answer does not say whether it is there (H09).
    if confined && config.default_profile.as_deref() != Some(name) && !principal.has_scope(&format!("profile:{name}")) {
        return Err(Refusal::new(ErrorCode::CuratedDeny, "the token has no `profile:` scope for this agent profile"));
    }
    let found = config.profiles.get(name).ok_or_else(unknown_profile)?;
    Ok(Selection { view: name.to_owned(), mode: profile_mode(found, mode), profile: Some(name.to_owned()) })
}

/// The one answer for a profile that is hidden and for one that does not exist.
pub fn unknown_profile() -> Refusal {
    Refusal::new(ErrorCode::BadRequest, "there is no such agent profile in the served configuration")
}

/// A profile's own mode, else `curated` when it has a tool set, else what the request or config says.
fn profile_mode(profile: &Profile, otherwise: Mode) -> Mode {
    match (profile.mode, &profile.tool_set) {
        (Some(mode), _) => mode,
        (None, Some(_)) => Mode::Curated,
        (None, None) => otherwise,
    }
}

/// What is known of a tool with regard to one request.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Whether the caller's envelope holds it.
    pub in_envelope: bool,
    /// Whether the selected view shows it.
    pub in_view: bool,
    /// Whether the caller said `approval: true`.
    pub approved: bool,
}

impl Standing {
    /// Of the tool at `index`, for whoever has this envelope and asks with this selection.
    pub fn of(catalog: &ReadyCatalog, index: usize, envelope: &Mask, selection: &Selection, approved: bool) -> Self {
        let in_view = catalog.view_mask(&selection.view).is_some_and(|view| view.contains(index));
        Self { in_envelope: envelope.contains(index), in_view, approved }
    }
}

/// Whether `tool` may run; the first rule that says no, in the contract's order.
pub fn decide(policy: &Policy, tool: &Tool, selection: &Selection, standing: Standing) -> Result<(), Refusal> {
    let refusal = Rule::ORDER.into_iter().find_map(|rule| rule.refusal(policy, tool, selection, standing));
    refusal.map_or(Ok(()), Err)
}

/// One rule of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The caller's scopes must reach the tool.
    Envelope,
    /// No pattern of the managed scope's `policy.deny` may name it.
    ManagedDeny,
    /// No pattern of any scope's `policy.deny` may.
    PolicyDeny,
    /// In a curated mode the view in force must show it.
    CuratedDeny,
    /// A person must have approved it, where that is asked for.
    ApprovalRequired,
}

impl Rule {
    /// The contract's order.
    pub const ORDER: [Self; 5] =
        [Self::Envelope, Self::ManagedDeny, Self::PolicyDeny, Self::CuratedDeny, Self::ApprovalRequired];

    /// Its name: that of the code it answers, but for the envelope, which has none of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::ManagedDeny => ErrorCode::ManagedDeny.as_str(),
            Self::PolicyDeny => ErrorCode::PolicyDeny.as_str(),
            Self::CuratedDeny => ErrorCode::CuratedDeny.as_str(),
            Self::ApprovalRequired => ErrorCode::ApprovalRequired.as_str(),
        }
    }

    /// Why the rule refuses `tool`, if it does.
    pub fn refusal(self, policy: &Policy, tool: &Tool, selection: &Selection, standing: Standing) -> Option<Refusal> {
        let id = tool.id.as_str();
        let (code, detail) = match self {
            Self::Envelope => return (!standing.in_envelope).then(outside_envelope),
            Self::ManagedDeny => {
                let pattern = matching(&policy.managed_deny, id).next()?;
                (ErrorCode::ManagedDeny, format!("the managed policy denies `{id}` by the pattern `{pattern}`"))
            }
            Self::PolicyDeny => {
                let pattern = matching(&policy.deny, id).next()?;
                (ErrorCode::PolicyDeny, format!("`policy.deny` denies `{id}` by the pattern `{pattern}`"))
            }
            Self::CuratedDeny if selection.mode == Mode::Curated && !standing.in_view => {
                let detail = format!("the tool set of profile `{}` does not include `{id}`", selection.view);
                (ErrorCode::CuratedDeny, detail)
            }
            Self::ApprovalRequired if needs_approval(policy, tool) && !standing.approved => {
                (ErrorCode::ApprovalRequired, format!("`{id}` runs only when a person has approved it"))
            }
            Self::CuratedDeny | Self::ApprovalRequired => return None,
        };
        Some(Refusal::new(code, detail))
    }
}

/// The one answer for a tool that is hidden and for one that does not exist, while auth is on (H09).
pub fn outside_envelope() -> Refusal {
    Refusal::new(ErrorCode::AuthzDenied, "the token's scopes reach no such tool")
}

/// The answer for a tool that the catalog does not have.
pub fn unknown_tool(principal: &Principal) -> Refusal {
    match principal {
        Principal::Anonymous => {
            Refusal::new(ErrorCode::ToolNotFound, "there is no such tool; look it up in the catalog")
        }
        Principal::Token(_) => outside_envelope(),
    }
}

/// Whether a tool needs approval: by its description or by `policy.approvalRequired`.
pub fn needs_approval(policy: &Policy, tool: &Tool) -> bool {
    tool.safety.requires_approval || matching(&policy.approval_required, tool.id.as_str()).next().is_some()
}

/// The patterns that match a tool's id, in their order.
pub fn matching<'a>(patterns: &'a [Pattern], id: &'a str) -> impl Iterator<Item = &'a Pattern> {
    patterns.iter().filter(move |pattern| pattern.matches(id))
}

#[cfg(test)]
mod tests {
    use super::super::tests::token;
    use super::*;
    use crate::base::id::ToolId;
    use crate::catalog::Safety;

    fn config(default: Mode) -> Config {
        let curated = Profile { mode: None, tool_set: Some("set".into()) };
        let open = Profile { mode: Some(Mode::Discover), tool_set: None };
        Config {
            mode: Some(default),
            default_profile: Some("support".into()),
            profiles: [
                ("support".to_owned(), curated.clone()),
                ("other".to_owned(), curated),
                ("open".to_owned(), open),
            ]
            .into(),
            ..Config::default()
        }
    }

    #[track_caller]
    fn selected(
        default: Mode,
        principal: &Principal,
        mode: Option<&str>,
        profile: Option<&str>,
        expected: Result<(&str, Mode), ErrorCode>,
    ) {
        let outcome = select(&config(default), principal, mode, profile);
        let outcome = outcome.as_ref().map(|s| (s.view.as_str(), s.mode)).map_err(|refusal| refusal.code);
        assert_eq!(outcome, expected, "{default:?} {mode:?} {profile:?}");
    }

    #[test]
    fn h12_a_request_narrows_and_never_widens() {
        let (anonymous, plain, other) = (Principal::Anonymous, token(&["bundle:a"]), token(&["profile:other"]));
        use Mode::{Curated, Discover};
        selected(Discover, &anonymous, None, None, Ok(("discover", Discover)));
        selected(Discover, &anonymous, Some("curated"), None, Ok(("support", Curated)));
        selected(Discover, &anonymous, Some("discover"), Some("support"), Ok(("support", Curated)));
        selected(Curated, &anonymous, None, None, Ok(("support", Curated)));
        selected(Curated, &anonymous, Some("discover"), None, Ok(("discover", Discover)));
        selected(Curated, &anonymous, None, Some("open"), Ok(("open", Discover)));
        selected(Curated, &plain, None, None, Ok(("support", Curated)));
        selected(Curated, &plain, Some("discover"), None, Err(ErrorCode::CuratedDeny));
        selected(Curated, &plain, None, Some("other"), Err(ErrorCode::CuratedDeny));
        selected(Curated, &plain, None, Some("open"), Err(ErrorCode::CuratedDeny));
        selected(Curated, &other, None, Some("other"), Ok(("other", Curated)));
        selected(Curated, &plain, None, Some("nobody"), Err(ErrorCode::CuratedDeny));
    }

    #[test]
    fn h13_unknown_modes_and_profiles_are_refused() {
        let anonymous = Principal::Anonymous;
        selected(Mode::Discover, &anonymous, Some("everything"), None, Err(ErrorCode::BadRequest));
        selected(Mode::Discover, &anonymous, None, Some("nobody"), Err(ErrorCode::BadRequest));
        selected(Mode::Discover, &anonymous, None, Some("discover"), Err(ErrorCode::BadRequest));
        let bare = Config::default();
        assert_eq!(select(&bare, &anonymous, Some("curated"), None).unwrap_err().code, ErrorCode::BadRequest);
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn decisions_follow_the_order_of_the_contract() {
        let tool = |approval| Tool {
            id: ToolId::from("svc:delete:/items/{id}"),
            safety: Safety { requires_approval: approval, ..Safety::default() },
            ..Tool::default()
        };
        let all = Standing { in_envelope: true, in_view: true, approved: false };
        let rows: [(Policy, bool, Mode, Standing, Option<ErrorCode>); 8] = [
            (Policy::default(), false, Mode::Discover, all, None),
            (
                Policy { managed_deny: patterns(&["svc:*"]), deny: patterns(&["svc:*"]), ..Policy::default() },
                true,
                Mode::Curated,
                Standing { in_envelope: false, in_view: false, approved: false },
                Some(ErrorCode::AuthzDenied),
            ),
            (
                Policy { managed_deny: patterns(&["svc:*"]), deny: patterns(&["svc:*"]), ..Policy::default() },
                true,
                Mode::Curated,
                Standing { in_view: false, ..all },
                Some(ErrorCode::ManagedDeny),
            ),
            (
                Policy { deny: patterns(&["svc:*"]), ..Policy::default() },
                true,
                Mode::Curated,
                Standing { in_view: false, ..all },
                Some(ErrorCode::PolicyDeny),
            ),
            (Policy::default(), true, Mode::Curated, Standing { in_view: false, ..all }, Some(ErrorCode::CuratedDeny)),
            (Policy::default(), true, Mode::Discover, all, Some(ErrorCode::ApprovalRequired)),
            (
                Policy { approval_required: patterns(&["svc:delete*"]), ..Policy::default() },
                false,
                Mode::Discover,
                all,
                Some(ErrorCode::ApprovalRequired),
            ),
            (Policy::default(), true, Mode::Curated, Standing { approved: true, ..all }, None),
        ];
        for (n, (policy, approval, mode, standing, expected)) in rows.into_iter().enumerate() {
            let selection = Selection { view: "support".into(), mode, profile: None };
            let outcome = decide(&policy, &tool(approval), &selection, standing).err().map(|refusal| refusal.code);
            assert_eq!(outcome, expected, "row {n}");
        }
    }
}
