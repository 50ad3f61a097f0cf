//! What refers to what, and what must be there: checks on the merged document.
//!
//! References are looked up in the merged JSON, not in the parsed `Config`, so that an entry which did not parse is not also
//! reported as missing.

use std::collections::BTreeMap;

use super::load::Consumer;
use super::node::{Content, Node, Origin, Problems};
use super::{Config, Mode};

/// Most patterns of tool sets and policy together.
const MAX_PATTERNS: usize = 10_000;

/// Checks the merged document.
pub(super) fn check(root: &Node, config: &Config, consumer: Consumer, problems: &mut Problems<'_>) {
    let mut checker = Checker { root, config, problems };
    checker.pattern_count();
    checker.services();
    checker.aliases();
    checker.profiles();
    checker.default_profile();
    checker.mcp_sources();
    checker.secrets();
    checker.programs(root);
    if consumer == Consumer::Toolbox {
        checker.toolbox();
    }
}

struct Checker<'c, 'p, 'a> {
    root: &'c Node,
    config: &'c Config,
    problems: &'p mut Problems<'a>,
}

impl Checker<'_, '_, '_> {
    fn has(&self, section: &[&str], key: &str) -> bool {
        self.root.at(section).is_some_and(|node| node.get(key).is_some())
    }

    /// Reports a name that leads nowhere.
    fn missing(&mut self, origin: &Origin, what: &str, section: &[&str], name: &str) {
        let mut known = self.root.entries(section).map(|(key, _)| key);
        let hint = match crate::base::name::nearest(name, known.by_ref()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it under `{}`", section.join(".")),
        };
        self.problems.error_with(origin, format!("there is no {what} `{}`", name.escape_debug()), hint);
    }

    fn pattern_count(&mut self) {
        let sets = self.config.tool_sets.values().map(|set| set.allow.len() + set.deny.len()).sum::<usize>();
        let policy = &self.config.policy;
        let patterns = sets + policy.deny.len() + policy.approval_required.len();
        if patterns > MAX_PATTERNS {
            let message = format!("there are {patterns} patterns, at most {MAX_PATTERNS} are allowed");
            self.problems.error(&self.root.origin, message);
        }
    }

    fn services(&mut self) {
        for (_, service) in self.root.entries(&["services"]) {
            if let Some(source) = service.get("source")
                && let Some(name) = source.text()
                && !self.has(&["sources"], name)
            {
                self.missing(&source.origin, "source", &["sources"], name);
            }
        }
    }

    /// People type aliases, so each must mean one service.
    fn aliases(&mut self) {
        let mut owners: BTreeMap<&str, &str> = self.root.entries(&["services"]).map(|(id, _)| (id, id)).collect();
        for (id, service) in self.root.entries(&["services"]) {
            let Some(alias) = service.get("alias") else { continue };
            let Some(name) = alias.text() else { continue };
            match owners.get(name) {
                Some(owner) if *owner != id => {
                    let message = format!("the alias `{}` already means service `{owner}`", name.escape_debug());
                    self.problems.error_with(&alias.origin, message, "choose another one");
                }
                _ => {
                    owners.insert(name, id);
                }
            }
        }
    }

    fn profiles(&mut self) {
        for (id, profile) in self.root.entries(&["agents", "profiles"]) {
            // The view of that name shows everything, whatever the profile's tool set says (H13).
            if id == Mode::Discover.as_str() {
                let message = "a profile cannot be named `discover`, which is the view of every tool";
                self.problems.error_with(&profile.origin, message, "choose another name");
            }
            match profile.get("toolSet") {
                Some(set) => {
                    if let Some(name) = set.text()
                        && !self.has(&["curation", "toolSets"], name)
                    {
                        self.missing(&set.origin, "tool set", &["curation", "toolSets"], name);
                    }
                }
                None => {
                    let own = profile.get("mode").and_then(Node::text);
                    if own.or(self.config.mode.map(Mode::as_str)) == Some("curated") {
                        let message = format!("profile `{}` is curated but names no `toolSet`", id.escape_debug());
                        self.problems.error_with(&profile.origin, message, "name one of `curation.toolSets`");
                    }
                }
            }
        }
    }

    fn default_profile(&mut self) {
        let default = self.root.at(&["agents", "defaultProfile"]);
        let name = default.and_then(Node::text).filter(|name| !name.is_empty());
        if let (Some(node), Some(name)) = (default, name)
            && !self.has(&["agents", "profiles"], name)
        {
            self.missing(&node.origin, "profile", &["agents", "profiles"], name);
        }
        if self.config.mode != Some(Mode::Curated) {
            return;
        }
        let mode = self.root.at(&["mode", "default"]).unwrap_or(self.root);
        match name {
            None => self.problems.error_with(
                &mode.origin,
                "`mode.default` is curated, but there is no `agents.defaultProfile`",
                "name the profile that callers get",
            ),
            Some(name) => {
                // Asked for without a profile, curated mode means this one, whatever its own mode says.
                let profile = self.root.at(&["agents", "profiles", name]);
                if let (Some(node), Some(profile)) = (default, profile)
                    && profile.get("toolSet").is_none()
                {
                    let message = "`mode.default` is curated, but the default profile names no `toolSet`";
                    self.problems.error_with(&node.origin, message, "name one of `curation.toolSets` in the profile");
                }
            }
        }
    }

    fn mcp_sources(&mut self) {
        for (_, source) in self.root.entries(&["sources"]) {
            let secrets = source.at(&["transport", "headerSecrets"]);
            let headers: BTreeMap<String, &str> =
                source.entries(&["transport", "headers"]).map(|(name, _)| (name.to_ascii_lowercase(), name)).collect();
            for (name, key) in source.entries(&["transport", "headerSecrets"]) {
                if headers.contains_key(&name.to_ascii_lowercase()) {
                    let message =
                        format!("header `{}` stands in `headers` and in `headerSecrets`", name.escape_debug());
                    self.problems.error_with(&key.origin, message, "keep one of the two");
                }
                if let Some(secret) = key.text()
                    && !self.has(&["secrets"], secret)
                {
                    self.missing(&key.origin, "secret", &["secrets"], secret);
                }
            }
            if source.get("oauth").is_none() {
                continue;
            }
            for node in [source.at(&["transport", "headers"]), secrets].into_iter().flatten() {
                for (name, header) in node.entries(&[]).filter(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
                    let message = format!("`oauth` sets the header `{name}`, so it may not be set here too");
                    self.problems.error(&header.origin, message);
                }
            }
        }
    }

    fn secrets(&mut self) {
        for (_, secret) in self.root.entries(&["secrets"]) {
            for service in secret.get("services").and_then(Node::items).unwrap_or_default() {
                if let Some(name) = service.text()
                    && !self.has(&["services"], name)
                {
                    self.missing(&service.origin, "service", &["services"], name);
                }
            }
        }
    }

    /// Secrets that run programs, wherever a secret may stand.
    fn programs(&mut self, node: &Node) {
        if self.config.policy.allow_exec_secrets {
            return;
        }
        if node.get("type").and_then(Node::text) == Some("exec") {
            self.problems.error_with(
                &node.origin,
                "a secret of type `exec` runs a program, which `policy.allowExecSecrets` does not allow",
                "set `policy.allowExecSecrets` to true, or use `env` or `file`",
            );
        }
        for (_, member) in node.entries(&[]) {
            if matches!(member.content, Content::Object(_)) {
                self.programs(member);
            }
        }
    }

    fn toolbox(&mut self) {
        let said = |path: &[&str]| self.root.at(path).is_some_and(|node| node.text() != Some(""));
        let mut missing = Vec::new();
        if !said(&["cli"]) {
            missing.push("`cli` is missing: the version of the format, 1.0.0");
        }
        if !said(&["mode", "default"]) {
            missing.push("`mode.default` is missing: `discover` or `curated`");
        }
        if self.root.entries(&["sources"]).next().is_none() {
            missing.push("there is no source: the toolbox needs one under `sources` or `mcpServers`");
        }
        for message in missing {
            self.problems.error(&self.root.origin, message);
        }
    }
}

#[cfg(test)]
mod tests;
