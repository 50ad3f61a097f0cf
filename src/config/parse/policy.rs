//! `curation`, `agents` and `policy`.

use std::collections::BTreeMap;

use super::MODES;
use super::reader::{Fields, Reader, id_error};
use crate::base::pattern::Pattern;
use crate::config::node::Node;
use crate::config::scope::Scope;
use crate::config::{HostPattern, Policy, Profile, ToolSet};

/// Most patterns of one list.
const MAX_PATTERNS: usize = 10_000;

/// Most host patterns.
const MAX_HOSTS: usize = 1000;

impl Reader<'_, '_> {
    pub(super) fn tool_sets(&mut self, root: Fields<'_>) -> BTreeMap<String, ToolSet> {
        let curation = root.get("curation").and_then(|node| self.fields(node, &["toolSets"]));
        let sets = curation.and_then(|curation| curation.get("toolSets"));
        let sets = sets.and_then(|node| self.map(node, id_error, |reader, _, node| reader.tool_set(node)));
        sets.unwrap_or_default()
    }

    fn tool_set(&mut self, node: &Node) -> Option<ToolSet> {
        let fields = self.fields(node, &["allow", "deny"])?;
        Some(ToolSet { allow: self.patterns(fields.get("allow")), deny: self.patterns(fields.get("deny")) })
    }

    fn patterns(&mut self, node: Option<&Node>) -> Vec<Pattern> {
        node.and_then(|node| self.list(node, MAX_PATTERNS, Self::pattern)).unwrap_or_default()
    }

    pub(super) fn agents(&mut self, root: Fields<'_>) -> (Option<String>, BTreeMap<String, Profile>) {
        let Some(fields) = root.get("agents").and_then(|node| self.fields(node, &["defaultProfile", "profiles"]))
        else {
            return Default::default();
        };
        // An empty text says nothing: the last non-empty one wins.
        let default = fields.get("defaultProfile").filter(|node| node.text() != Some(""));
        let default = default.and_then(|node| self.id(node));
        let profiles = fields.get("profiles");
        let profiles = profiles.and_then(|node| self.map(node, id_error, |reader, _, node| reader.profile(node)));
        (default, profiles.unwrap_or_default())
    }

    fn profile(&mut self, node: &Node) -> Option<Profile> {
        let fields = self.fields(node, &["mode", "toolSet"])?;
        let mode = fields.get("mode").and_then(|node| self.choice(node, MODES));
        let tool_set = fields.get("toolSet").and_then(|node| self.id(node));
        Some(Profile { mode, tool_set })
    }

    pub(super) fn policy(&mut self, root: Fields<'_>) -> Policy {
        const KNOWN: &[&str] = &["deny", "approvalRequired", "allowExecSecrets", "egress"];
        let Some(fields) = root.get("policy").and_then(|node| self.fields(node, KNOWN)) else {
            return Policy::default();
        };
        Policy {
            managed_deny: self.managed_deny(fields.get("deny")),
            deny: self.patterns(fields.get("deny")),
            approval_required: self.patterns(fields.get("approvalRequired")),
            allow_exec_secrets: fields.get("allowExecSecrets").and_then(|node| self.boolean(node)).unwrap_or(false),
            egress_allow: fields.get("egress").and_then(|node| self.egress(node)),
        }
    }

    /// The entries that the managed file wrote. De-duplication keeps the earliest, so none of them is lost to a repetition.
    fn managed_deny(&self, node: Option<&Node>) -> Vec<Pattern> {
        let items = node.and_then(Node::items).unwrap_or_default();
        let managed = items.iter().filter(|item| self.problems.file(&item.origin).scope == Scope::Managed);
        // Those that do not parse are reported with the whole list.
        managed.filter_map(Node::text).filter_map(|text| Pattern::parse(text).ok()).collect()
    }

    fn egress(&mut self, node: &Node) -> Option<Vec<HostPattern>> {
        let fields = self.fields(node, &["allow"])?;
        self.list(fields.get("allow")?, MAX_HOSTS, Self::host_pattern)
    }
}
