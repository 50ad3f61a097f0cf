//! Why the policy decides as it does: the verdict on a tool, every rule with what it says, the patterns that decided and where they
//! stand, and what would change it (contract 5).
//!
//! Key types: [`Question`], what a caller asks on whose behalf; [`Telling`], how much may be told. Pure. The verdict is that of
//! [`policy::decide`], and each rule is asked by the function that `decide` asks, so that an explanation cannot disagree with an
//! execution. Nothing here decides who may ask.

use std::fmt;

use super::policy::{self, Refusal, Rule, Selection, Standing, matching};
use super::{Principal, envelope};
use crate::base::pattern::Pattern;
use crate::catalog::Tool;
use crate::catalog::view::{Mask, ReadyCatalog};
use crate::config::scope::Scope;
use crate::config::written::{List, Place};
use crate::config::{Config, Mode, Policy, ToolSet};
use crate::contract::policy::{ALLOWED, PolicyExplanation, PolicyPattern, PolicyPlace, PolicyRule, RuleResult};
use crate::oauth::scope::{BUNDLE, PROFILE, Scopes, TOOL};

/// Most patterns that one rule shows.
const MAX_PATTERNS: usize = 20;

/// The name of what comes before the rules: what the request selects.
const SELECTION: &str = "selection";

/// May these tools run for this caller?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The catalog in force.
    pub catalog: &'a ReadyCatalog,
    /// The configuration in force.
    pub config: &'a Config,
    /// For whom it is decided.
    pub principal: &'a Principal,
    /// That one's envelope.
    pub envelope: &'a Mask,
    /// What its request selects.
    pub selection: &'a Result<Selection, Refusal>,
    /// Whether its request says that a person approved.
    pub approved: bool,
    /// How much whoever asks may know.
    pub telling: Telling<'a>,
}

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub enum Telling<'a> {
    /// Every tool, and the files of the configuration.
    Everything,
    /// These tools alone, and of the configuration the names of scopes; what is not among them is as if it did not exist (H09).
    Only(&'a Mask),
}

/// Explains the decision about one tool.
pub fn explain(question: &Question<'_>, id: &str) -> PolicyExplanation {
    let selection = match question.selection {
        Ok(selection) => selection,
        Err(refusal) => return not_selected(id, refusal),
    };
    let known = question.catalog.find(id).filter(|index| question.telling.shows(*index));
    match known {
        Some(index) => Case::new(question, selection, index).explanation(),
        None => unknown(question, id),
    }
}

impl Telling<'_> {
    /// Whether a tool exists for whoever asks.
    pub fn shows(&self, index: usize) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(mask) => mask.contains(index),
        }
    }

    fn place(&self, place: &Place) -> PolicyPlace {
        let scope = place.file.scope.as_str().to_owned();
        match self {
            Self::Everything => PolicyPlace {
                scope,
                file: Some(place.file.path.display().to_string()),
                pointer: Some(place.pointer.clone()),
                line: Some(place.position.line),
                column: Some(place.position.column),
            },
            Self::Only(_) => PolicyPlace { scope, ..PolicyPlace::default() },
        }
    }
}

/// The request is refused before a tool is looked at.
fn not_selected(id: &str, refusal: &Refusal) -> PolicyExplanation {
    let mut rules = vec![denied(SELECTION, refusal.detail.clone(), "another `mode` or `agentProfile` in the request")];
    rules.extend(Rule::ORDER.map(|rule| not_evaluated(rule.as_str(), "the request is refused before")));
    finished(id, refusal.code.as_str(), SELECTION, rules)
}

/// The catalog has no such tool, or whoever asks may not know it: one answer for both (H09).
fn unknown(question: &Question<'_>, id: &str) -> PolicyExplanation {
    let refusal = policy::unknown_tool(question.principal);
    let change = match (question.principal, question.telling) {
        (Principal::Anonymous, _) => "the id of a tool that the catalog has",
        (_, Telling::Everything) => "the id of a tool that the catalog has: it has none of this id",
        (_, Telling::Only(_)) => "if there is such a tool, scopes that reach it: they are the token issuer's to give",
    };
    let mut rules =
        vec![passed(SELECTION, "the request selects a view"), denied(Rule::Envelope.as_str(), refusal.detail, change)];
    rules.extend(Rule::ORDER.iter().skip(1).map(|rule| not_evaluated(rule.as_str(), "no such tool is in reach")));
    finished(id, refusal.code.as_str(), Rule::Envelope.as_str(), rules)
}

fn finished(id: &str, verdict: &str, decided_by: &str, rules: Vec<PolicyRule>) -> PolicyExplanation {
    let (tool_id, verdict, decided_by) = (id.to_owned(), verdict.to_owned(), Some(decided_by.to_owned()));
    PolicyExplanation { tool_id, verdict, decided_by, rules }
}

fn passed(rule: &str, reason: impl Into<String>) -> PolicyRule {
    PolicyRule { rule: rule.to_owned(), reason: reason.into(), ..PolicyRule::default() }
}

fn denied(rule: &str, reason: impl Into<String>, change: impl Into<String>) -> PolicyRule {
    PolicyRule { result: RuleResult::Denied, change: Some(change.into()), ..passed(rule, reason) }
}

fn not_evaluated(rule: &str, reason: &str) -> PolicyRule {
    PolicyRule { result: RuleResult::NotEvaluated, ..passed(rule, reason) }
}

/// One tool that whoever asks may know.
struct Case<'a> {
    question: &'a Question<'a>,
    selection: &'a Selection,
    tool: &'a Tool,
    index: usize,
    standing: Standing,
}

impl<'a> Case<'a> {
    fn new(question: &'a Question<'a>, selection: &'a Selection, index: usize) -> Self {
        let Question { catalog, envelope, approved, .. } = *question;
        let standing = Standing::of(catalog, index, envelope, selection, approved);
        Self { question, selection, tool: catalog.tool(index), index, standing }
    }

    fn explanation(&self) -> PolicyExplanation {
        let verdict = policy::decide(self.policy(), self.tool, self.selection, self.standing);
        let verdict = verdict.as_ref().err().map_or(ALLOWED, |refusal| refusal.code.as_str());
        let selected = match &self.selection.profile {
            Some(name) => format!("mode `{}` with profile `{name}`", self.selection.mode.as_str()),
            None => format!("mode `{}`", self.selection.mode.as_str()),
        };
        let mut rules = vec![passed(SELECTION, selected)];
        rules.extend(Rule::ORDER.map(|rule| self.rule(rule)));
        let decided_by = rules.iter().find(|rule| rule.result == RuleResult::Denied).map(|rule| rule.rule.clone());
        let (tool_id, verdict) = (self.tool.id.to_string(), verdict.to_owned());
        PolicyExplanation { tool_id, verdict, decided_by, rules }
    }

    fn policy(&self) -> &'a Policy {
        &self.question.config.policy
    }

    fn id(&self) -> &'a str {
        self.tool.id.as_str()
    }

    /// What one rule says by itself. A view leaves denied tools out, which is the denial's doing and not the tool set's.
    fn rule(&self, rule: Rule) -> PolicyRule {
        let standing = match rule {
            Rule::CuratedDeny => {
                Standing { in_view: self.standing.in_view || self.is_of_the_tool_set(), ..self.standing }
            }
            _ => self.standing,
        };
        let refusal = rule.refusal(self.policy(), self.tool, self.selection, standing);
        let told = match rule {
            Rule::Envelope => self.envelope(refusal.is_some()),
            Rule::ManagedDeny => self.denial(rule, refusal, &self.policy().managed_deny, "the managed policy"),
            Rule::PolicyDeny => self.denial(rule, refusal, &self.policy().deny, "`policy.deny`"),
            Rule::CuratedDeny => self.curation(refusal),
            Rule::ApprovalRequired => self.approval(refusal),
        };
        PolicyRule { rule: rule.as_str().to_owned(), ..told }
    }

    fn envelope(&self, refused: bool) -> PolicyRule {
        let Some(caller) = self.question.principal.caller() else {
            return passed("", "without runtime auth every tool is in reach");
        };
        let reach = Reach::of(&caller.scopes, self.question.catalog, self.tool, self.index);
        if !refused {
            return passed("", format!("in reach by {}", Scoped(&reach.by)));
        }
        if !reach.reached {
            return denied("", reach.why_not(), reach.change(self.tool));
        }
        let patterns = self.patterns(&List::Deny, matching(&self.policy().deny, self.id()));
        let change = self.to_take_out(&List::Deny, &self.policy().deny);
        let reason = "the scopes reach it, but tools that a deny pattern names are in nobody's envelope";
        PolicyRule { patterns, ..denied("", reason, change) }
    }

    fn denial(&self, rule: Rule, refusal: Option<Refusal>, list: &[Pattern], who: &str) -> PolicyRule {
        let Some(refusal) = refusal else { return passed("", format!("no pattern of {who} names it")) };
        let mut patterns = self.patterns(&List::Deny, matching(list, self.id()));
        if rule == Rule::ManagedDeny {
            patterns
                .iter_mut()
                .for_each(|pattern| pattern.places.retain(|place| place.scope == Scope::Managed.as_str()));
        }
        PolicyRule { patterns, ..denied("", refusal.detail, self.to_take_out(&List::Deny, list)) }
    }

    fn is_of_the_tool_set(&self) -> bool {
        self.tool_set()
            .is_some_and(|name| self.question.config.tool_sets.get(name).is_some_and(|set| set.shows(self.id())))
    }

    /// The tool set of the profile in force.
    fn tool_set(&self) -> Option<&'a str> {
        self.question.config.profiles.get(self.selection.profile.as_deref()?)?.tool_set.as_deref()
    }

    fn curation(&self, refusal: Option<Refusal>) -> PolicyRule {
        if self.selection.mode != Mode::Curated {
            return passed("", "the mode is not curated");
        }
        let set = self.tool_set().and_then(|name| Some((name, self.question.config.tool_sets.get(name)?)));
        let (allowing, removing) = set.map_or_else(Default::default, |(name, set)| {
            let allowing = self.patterns(&List::Allow(name.to_owned()), set.allowing(self.id()));
            (allowing, self.patterns(&List::Remove(name.to_owned()), set.removing(self.id())))
        });
        let name = set.map_or("", |(name, _)| name);
        let Some(refusal) = refusal else {
            let reason = format!("the tool set `{name}` of profile `{}` includes it", self.selection.view);
            return PolicyRule { patterns: allowing, ..passed("", reason) };
        };
        let mut needed = Vec::new();
        if !removing.is_empty() {
            needed.push(self.by_whom(&removing));
        }
        if allowing.is_empty() {
            let whose = if set.is_some_and(|(name, set)| self.is_managed(name, set)) {
                "only whoever administers the toolbox's machine"
            } else {
                "whoever maintains the toolbox's configuration"
            };
            needed.push(format!("{whose} can add a pattern for it to `curation.toolSets.{name}.allow`"));
        }
        let change = format!("{}; or ask with a profile whose tool set has it", needed.join(", and "));
        PolicyRule { patterns: removing, ..denied("", refusal.detail, change) }
    }

    /// Whether the managed scope has a tool set, so that no other may widen it (H16).
    fn is_managed(&self, name: &str, set: &ToolSet) -> bool {
        let lists = [(List::Allow(name.to_owned()), &set.allow), (List::Remove(name.to_owned()), &set.deny)];
        let written = &self.question.config.written;
        let in_managed = |place: &Place| place.file.scope == Scope::Managed;
        lists.iter().any(|(list, patterns)| {
            patterns.iter().any(|pattern| written.places(list, pattern.as_str()).iter().any(in_managed))
        })
    }

    fn approval(&self, refusal: Option<Refusal>) -> PolicyRule {
        let list = &self.policy().approval_required;
        let patterns = self.patterns(&List::ApprovalRequired, matching(list, self.id()));
        let by = if patterns.is_empty() { "its description" } else { "`policy.approvalRequired`" };
        match refusal {
            Some(refusal) => {
                let change = "a person approves the call, which then says `approval: true` (`--approval`)";
                PolicyRule { patterns, ..denied("", format!("{}, by {by}", refusal.detail), change) }
            }
            None if policy::needs_approval(self.policy(), self.tool) => {
                PolicyRule { patterns, ..passed("", format!("approval is needed by {by}, and the request has it")) }
            }
            None => passed("", "no approval is needed"),
        }
    }

    fn patterns<'p>(&self, list: &List, patterns: impl Iterator<Item = &'p Pattern>) -> Vec<PolicyPattern> {
        let shown = patterns.take(MAX_PATTERNS).map(|pattern| {
            let places = self.question.config.written.places(list, pattern.as_str()).iter();
            let places = places.map(|place| self.question.telling.place(place)).collect();
            PolicyPattern { pattern: pattern.as_str().to_owned(), list: list.to_string(), places }
        });
        shown.collect()
    }

    fn to_take_out(&self, list: &List, patterns: &[Pattern]) -> String {
        self.by_whom(&self.patterns(list, matching(patterns, self.id())))
    }

    /// Who can take these patterns out. What the managed scope says, nobody else can.
    fn by_whom(&self, patterns: &[PolicyPattern]) -> String {
        let managed = Scope::Managed.as_str();
        let is_managed = |pattern: &&PolicyPattern| pattern.places.iter().any(|place| place.scope == managed);
        let names = |found: Vec<&PolicyPattern>| {
            let found: Vec<_> = found.iter().map(|pattern| format!("`{}`", pattern.pattern)).collect();
            found.join(", ")
        };
        let (of_managed, others): (Vec<_>, Vec<_>) = patterns.iter().partition(is_managed);
        let mut ways = Vec::new();
        if !of_managed.is_empty() {
            let names = names(of_managed);
            ways.push(format!(
                "only whoever administers the toolbox's machine can take {names} out of the managed configuration"
            ));
        }
        if !others.is_empty() {
            let names = names(others);
            ways.push(format!("whoever maintains the toolbox's configuration can take {names} out of it"));
        }
        ways.join("; ")
    }
}

/// How scopes reach a tool, before any denial.
struct Reach {
    reached: bool,
    /// The scopes that do, each by itself.
    by: Vec<String>,
    has_wide: bool,
    has_tools: bool,
    in_wide: bool,
    named: bool,
}

impl Reach {
    fn of(scopes: &Scopes, catalog: &ReadyCatalog, tool: &Tool, index: usize) -> Self {
        let reached = envelope::granted(scopes, catalog).contains(index);
        let alone = |scope: &&str| envelope::reaches(scope, catalog, index);
        let by: Vec<String> = scopes.iter().filter(alone).map(str::to_owned).collect();
        Self {
            reached,
            has_wide: scopes.named(BUNDLE).chain(scopes.named(PROFILE)).next().is_some(),
            has_tools: scopes.named(TOOL).next().is_some(),
            in_wide: by.iter().any(|scope| !scope.starts_with(TOOL)),
            named: scopes.has(&format!("{TOOL}{}", tool.id)),
            by,
        }
    }

    fn why_not(&self) -> &'static str {
        match self {
            Self { has_wide: true, has_tools: true, in_wide: true, .. } => {
                "the `tool:` scopes narrow the others, and none of them names it"
            }
            Self { has_wide: true, has_tools: true, named: true, .. } => {
                "a `tool:` scope names it, but only narrows the others, and none of these reaches it"
            }
            _ => "no scope reaches it",
        }
    }

    fn change(&self, tool: &Tool) -> String {
        let (bundle, single) = (format!("`{BUNDLE}{}`", tool.service_id), format!("`{TOOL}{}`", tool.id));
        let needed = match (self.has_wide, self.has_tools) {
            (false, false) => format!("{bundle}, or {single} for it alone"),
            (true, false) => bundle,
            (false, true) => single,
            (true, true) if self.in_wide => single,
            (true, true) if self.named => bundle,
            (true, true) => format!("{bundle} and {single}"),
        };
        format!("whoever issues the tokens can give {needed}")
    }
}

struct Scoped<'a>(&'a [String]);

impl fmt::Display for Scoped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        for (at, scope) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{scope}`", if at > 0 { ", " } else { "" })?;
        }
        if self.0.len() > SHOWN { f.write_str(", ..") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
