//! Verdicts and words of explanations, and that no explanation disagrees with an execution.

use super::super::tests::token;
use super::*;
use crate::base::id::ToolId;
use crate::catalog::{Catalog, Safety, View, ViewTool};
use crate::config::Profile;
use crate::contract::ErrorCode;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

const IDS: [&str; 6] = ["a:delete", "a:get:/x/{y}", "a:put", "b:get", "b:put", "c:ask"];

/// A catalog as it is built for this configuration: views leave out what is denied.
fn catalog(config: &Config) -> ReadyCatalog {
    let tool = |id: &&str| Tool {
        id: (*id).into(),
        service_id: id[..1].into(),
        safety: Safety { requires_approval: *id == "c:ask", ..Safety::default() },
        ..Tool::default()
    };
    let denied = |id: &str| matching(&config.policy.deny, id).next().is_some();
    let view = |name: &str, mode: Mode, shows: &dyn Fn(&str) -> bool| View {
        name: name.to_owned(),
        mode: mode.as_str().to_owned(),
        tools: IDS.iter().filter(|id| !denied(id) && shows(id)).map(|id| ViewTool { id: ToolId::from(*id) }).collect(),
    };
    let mut views = vec![view("discover", Mode::Discover, &|_| true)];
    for (name, profile) in &config.profiles {
        let set = profile.tool_set.as_ref().map(|name| &config.tool_sets[name]);
        let mode = profile.mode.unwrap_or(Mode::Curated);
        views.push(view(name, mode, &|id| mode == Mode::Discover || set.is_some_and(|set| set.shows(id))));
    }
    ReadyCatalog::new(Catalog { tools: IDS.iter().map(tool).collect(), effective_views: views, ..Catalog::default() })
}

/// The managed scope denies `a:delete`, all scopes together also `b:put`; `a:put` and `c:ask` need approval; profile `readers` has the
/// GETs of `a`.
fn config() -> Config {
    let mut config = Config { mode: Some(Mode::Discover), ..Config::default() };
    config.policy.managed_deny = patterns(&["*:delete"]);
    config.policy.deny = patterns(&["*:delete", "b:p*"]);
    config.policy.approval_required = patterns(&["a:put"]);
    config.tool_sets.insert("read".into(), ToolSet { allow: patterns(&["a:*"]), deny: patterns(&["**", "*:put"]) });
    config.profiles.insert("readers".into(), Profile { mode: None, tool_set: Some("read".into()) });
    config
}

/// What one rule says, with the reason.
struct Found(PolicyExplanation);

impl Found {
    #[track_caller]
    fn says(&self, rule: &str, result: RuleResult, part: &str) -> &Self {
        let found = self.0.rules.iter().find(|found| found.rule == rule).unwrap();
        let change = found.change.as_deref().unwrap_or("");
        assert_eq!(found.result, result, "{found:?}");
        assert!(format!("{}; {change}", found.reason).contains(part), "{part}: {found:?}");
        self
    }
}

/// The explanation for everybody who may know all.
#[track_caller]
fn ask(principal: &Principal, profile: Option<&str>, approved: bool, id: &str, verdict: &str) -> Found {
    let config = config();
    let catalog = catalog(&config);
    let envelope = envelope::of(principal, &catalog, &config.policy);
    let selection = policy::select(&config, principal, None, profile);
    let telling = Telling::Everything;
    let question = Question {
        catalog: &catalog,
        config: &config,
        principal,
        envelope: &envelope,
        selection: &selection,
        approved,
        telling,
    };
    let found = explain(&question, id);
    let rules: Vec<_> = found.rules.iter().map(|rule| rule.rule.as_str()).collect();
    let order = ["selection", "envelope", "managed_deny", "policy_deny", "curated_deny", "approval_required"];
    assert_eq!((rules.as_slice(), found.verdict.as_str()), (order.as_slice(), verdict), "{found:#?}");
    Found(found)
}

use RuleResult::{Denied, NotEvaluated, Passed};

#[test]
fn h15_a_denial_names_its_pattern_and_who_can_lift_it() {
    let open = Principal::Anonymous;
    ask(&open, None, false, "a:delete", "managed_deny")
        .says("envelope", Passed, "without runtime auth")
        .says("managed_deny", Denied, "by the pattern `*:delete`")
        .says("policy_deny", Denied, "`*:delete`")
        .says("approval_required", Passed, "no approval");
    ask(&open, None, false, "b:put", "policy_deny").says("managed_deny", Passed, "no pattern").says(
        "policy_deny",
        Denied,
        "whoever maintains the toolbox's configuration can take `b:p*` out of it",
    );
    ask(&token(&["bundle:b"]), None, false, "b:put", "authz_denied")
        .says("envelope", Denied, "deny pattern names")
        .says("policy_deny", Denied, "`b:p*`");
}

#[test]
fn h08_an_envelope_says_which_scope_is_missing() {
    let check = |scopes: &[&str], verdict: &str, result, part: &str| {
        ask(&token(scopes), None, false, "b:get", verdict).says("envelope", result, part);
    };
    check(&["bundle:b"], "allowed", Passed, "in reach by `bundle:b`");
    check(&["bundle:b", "tool:b:get"], "allowed", Passed, "`bundle:b`, `tool:b:get`");
    check(&["bundle:b", "tool:b:none"], "authz_denied", Denied, "can give `tool:b:get`");
    check(&["bundle:a", "tool:b:get"], "authz_denied", Denied, "can give `bundle:b`");
    check(&["bundle:a", "tool:a:put"], "authz_denied", Denied, "can give `bundle:b` and `tool:b:get`");
    check(&["tool:a:put"], "authz_denied", Denied, "can give `tool:b:get`");
    check(&["bundle:a"], "authz_denied", Denied, "can give `bundle:b`");
    check(&[], "authz_denied", Denied, "can give `bundle:b`, or `tool:b:get` for it alone");
}

#[test]
fn h12_curation_and_approval_say_what_they_want() {
    let open = Principal::Anonymous;
    ask(&open, Some("readers"), false, "a:get:/x/{y}", "allowed")
        .says("selection", Passed, "mode `curated` with profile `readers`")
        .says("curated_deny", Passed, "the tool set `read` of profile `readers` includes it");
    ask(&open, Some("readers"), false, "a:put", "curated_deny")
        .says("curated_deny", Denied, "can take `*:put` out of it")
        .says("approval_required", Denied, "by `policy.approvalRequired`");
    ask(&open, Some("readers"), false, "b:get", "curated_deny").says(
        "curated_deny",
        Denied,
        "whoever maintains the toolbox's configuration can add a pattern for it to `curation.toolSets.read.allow`",
    );
    // The view leaves it out for its denial alone.
    ask(&open, Some("readers"), false, "a:delete", "managed_deny").says("curated_deny", Passed, "includes it");
    ask(&open, None, false, "c:ask", "approval_required").says("approval_required", Denied, "by its description");
    ask(&open, None, true, "c:ask", "allowed").says("approval_required", Passed, "the request has it");
    ask(&open, None, true, "a:put", "allowed").says("approval_required", Passed, "`policy.approvalRequired`");
}

#[test]
fn h13_what_selects_nothing_is_refused_before_any_rule() {
    ask(&Principal::Anonymous, Some("nobody"), false, "a:put", "bad_request")
        .says("selection", Denied, "no such agent profile")
        .says("envelope", NotEvaluated, "before");
    ask(&Principal::Anonymous, None, false, "a:none", "tool_not_found").says("envelope", Denied, "no such tool");
}

#[test]
fn h09_hidden_and_unknown_tools_are_explained_alike() {
    let config = config();
    let (catalog, principal) = (catalog(&config), token(&["bundle:b"]));
    let envelope = envelope::of(&principal, &catalog, &config.policy);
    let selection = policy::select(&config, &principal, None, None);
    let question = Question {
        catalog: &catalog,
        config: &config,
        principal: &principal,
        envelope: &envelope,
        selection: &selection,
        approved: false,
        telling: Telling::Only(&envelope),
    };
    let unknown = PolicyExplanation { tool_id: String::new(), ..explain(&question, "b:none") };
    assert_eq!(unknown.verdict, "authz_denied");
    // Of another service, and denied.
    for hidden in ["a:put", "a:delete", "b:put"] {
        assert_eq!(PolicyExplanation { tool_id: String::new(), ..explain(&question, hidden) }, unknown, "{hidden}");
    }
    assert_eq!(explain(&question, "b:get").verdict, "allowed");
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn some<'a>(&mut self, from: &[&'a str], most: usize) -> Vec<&'a str> {
        (0..self.below(most + 1)).map(|_| from[self.below(from.len())]).collect()
    }

    fn maybe<'a>(&mut self, from: &[&'a str]) -> Option<&'a str> {
        (self.below(2) == 0).then(|| from[self.below(from.len())])
    }
}

/// Any policy, profiles and default.
fn any_config(numbers: &mut Numbers) -> Config {
    const PATTERNS: [&str; 10] =
        ["**", "a:*", "b:*", "*:put", "*:get*", "a:delete", "c:[a-c]sk", "?:p*", "x:*", "*/{y}"];
    let mut config = Config { mode: Some([Mode::Discover, Mode::Curated][numbers.below(2)]), ..Config::default() };
    config.policy.managed_deny = patterns(&numbers.some(&PATTERNS[1..], 1));
    config.policy.deny = config.policy.managed_deny.clone();
    config.policy.deny.extend(patterns(&numbers.some(&PATTERNS[1..], 2)));
    config.policy.approval_required = patterns(&numbers.some(&PATTERNS, 2));
    for set in ["one", "two"] {
        let (allow, deny) = (patterns(&numbers.some(&PATTERNS, 3)), patterns(&numbers.some(&PATTERNS, 2)));
        config.tool_sets.insert(set.to_owned(), ToolSet { allow, deny });
    }
    for name in ["p", "q"] {
        let set = ["one", "two"][numbers.below(2)].to_owned();
        let mode = [None, Some(Mode::Discover), Some(Mode::Curated)][numbers.below(3)];
        config.profiles.insert(name.to_owned(), Profile { mode, tool_set: Some(set) });
    }
    config.default_profile = numbers.maybe(&["p"]).map(str::to_owned);
    config
}

/// What an execution does, in its own words.
fn executed(question: &Question<'_>, id: &str) -> Result<(), Refusal> {
    let selection = question.selection.as_ref().map_err(Clone::clone)?;
    let Some(index) = question.catalog.find(id) else { return Err(policy::unknown_tool(question.principal)) };
    let view = question.catalog.view_mask(&selection.view);
    let standing = Standing {
        in_envelope: question.envelope.contains(index),
        in_view: view.is_some_and(|view| view.contains(index)),
        approved: question.approved,
    };
    policy::decide(&question.config.policy, question.catalog.tool(index), selection, standing)
}

#[test]
fn an_explanation_never_disagrees_with_an_execution() {
    const SCOPES: [&str; 10] = [
        "bundle:a",
        "bundle:b",
        "bundle:x",
        "profile:p",
        "profile:q",
        "tool:a:put",
        "tool:b:get",
        "tool:x:y",
        "openid",
        "runtime:admin",
    ];
    let mut numbers = Numbers(2_026);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..3_000 {
        let config = any_config(&mut numbers);
        let catalog = catalog(&config);
        let principal = match numbers.below(4) {
            0 => Principal::Anonymous,
            _ => token(&numbers.some(&SCOPES, 3)),
        };
        let envelope = envelope::of(&principal, &catalog, &config.policy);
        let (mode, profile) = (numbers.maybe(&["discover", "curated", "x"]), numbers.maybe(&["p", "q", "r"]));
        let selection = policy::select(&config, &principal, mode, profile);
        let seen_by = envelope::of(&token(&numbers.some(&SCOPES, 3)), &catalog, &config.policy);
        for telling in [Telling::Everything, Telling::Only(&envelope), Telling::Only(&seen_by)] {
            let question = Question {
                catalog: &catalog,
                config: &config,
                principal: &principal,
                envelope: &envelope,
                selection: &selection,
                approved: numbers.below(2) == 0,
                telling,
            };
            // Whoever sees less than is asked about learns no more about what it does not see than that it is not in reach.
            let told = |id: &str| match (telling, catalog.find(id)) {
                (Telling::Only(mask), Some(index)) => mask.contains(index) || !envelope.contains(index),
                _ => true,
            };
            let asked = IDS.iter().chain(&["a:none"]).filter(|id| told(id));
            for id in asked.filter(|_| !matches!((telling, &principal), (Telling::Only(_), Principal::Anonymous))) {
                let found = explain(&question, id);
                let code = executed(&question, id).err().map_or(ALLOWED, |refusal| refusal.code.as_str());
                assert_eq!(found.verdict, code, "{id} {principal:?} {mode:?} {profile:?} {config:?}");
                let first = found.rules.iter().find(|rule| rule.result == Denied);
                assert_eq!(found.decided_by.as_deref(), first.map(|rule| rule.rule.as_str()));
                assert_eq!(found.decided_by.is_none(), code == ALLOWED);
                assert!(found.rules.iter().all(|rule| rule.change.is_some() == (rule.result == Denied)));
                *seen.entry(code.to_owned()).or_default() += 1;
            }
        }
    }
    let all = [
        ErrorCode::BadRequest,
        ErrorCode::AuthzDenied,
        ErrorCode::ManagedDeny,
        ErrorCode::PolicyDeny,
        ErrorCode::CuratedDeny,
        ErrorCode::ApprovalRequired,
        ErrorCode::ToolNotFound,
    ];
    for code in all.iter().map(|code| code.as_str()).chain([ALLOWED]) {
        assert!(seen.get(code).is_some_and(|count| *count > 20), "{code}: {seen:?}");
    }
}
