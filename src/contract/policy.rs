//! `POST /v1/policy/explain` (ours): what the policy decides about tools, and why. Nothing is run, and nothing of it is a permission.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most tools that one answer explains.
pub const MAX_EXPLAINED: usize = 250;

/// Which tools are asked about, and for whom. Exactly one of `toolId`, `toolIds` and `pattern` is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyExplainRequest {
    /// The served config's own path, or nothing (H01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// As in an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// As in an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_profile: Option<String>,
    /// One tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<String>,
    /// Several, at most [`MAX_EXPLAINED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_ids: Option<Vec<String>>,
    /// All that the caller may see and that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// For a token with these scopes, as words of one text or as a list; without it for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Value>,
    /// As in an execution.
    #[serde(default)]
    pub approval: bool,
}

/// What the policy decides about each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyExplainResponse {
    /// The scopes it was decided for; without them it was for a caller without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The mode in force, when the request selects one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The profile in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_profile: Option<String>,
    /// Whether it was decided for an approved call.
    pub approval: bool,
    /// In the order of the request, those of a pattern by id.
    pub explanations: Vec<PolicyExplanation>,
    /// How many more match the pattern.
    #[serde(default)]
    pub left_out: usize,
}

/// One tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyExplanation {
    /// Which.
    pub tool_id: String,
    /// [`ALLOWED`], or the code that an execution would answer.
    pub verdict: String,
    /// The first rule that refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Every rule, in the order in which an execution asks them.
    pub rules: Vec<PolicyRule>,
}

/// The verdict of what would run.
pub const ALLOWED: &str = "allowed";

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// `selection`, `envelope`, `managed_deny`, `policy_deny`, `curated_deny` or `approval_required`.
    pub rule: String,
    /// What it says, as if those before it said nothing.
    pub result: RuleResult,
    /// Why.
    pub reason: String,
    /// What would change a refusal, and who can do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The patterns that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<PolicyPattern>,
}

/// What one rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleResult {
    /// Nothing against it.
    #[default]
    Passed,
    /// No.
    Denied,
    /// It was not asked, or the caller may not know.
    NotEvaluated,
}

/// One pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyPattern {
    /// As written.
    pub pattern: String,
    /// Of which list, like `policy.deny`.
    pub list: String,
    /// Where it stands, weakest scope first.
    pub places: Vec<PolicyPlace>,
}

/// One entry of a scope file. The file, and where in it, is told only to `runtime:admin` and without runtime auth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyPlace {
    /// `managed`, `user`, `project` or `local`.
    pub scope: String,
    /// Its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// RFC 6901 pointer into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// From 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}
