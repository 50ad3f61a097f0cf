//! What a configuration says that does nothing: patterns that match no tool, secrets that no scheme of a tool asks for. Pure.
//!
//! A slip in a name that protects something is silent at run time, since a tool may always come later; `--check`, which sees every source,
//! tells of it.

use crate::catalog::Catalog;
use crate::config::{Config, McpTransport, SourceKind};

/// One line each, with the place in the configuration.
pub fn idle(config: &Config, catalog: &Catalog) -> Vec<String> {
    let mut found = patterns(config, catalog);
    found.extend(secrets(config, catalog));
    found
}

fn patterns(config: &Config, catalog: &Catalog) -> Vec<String> {
    let policy = &config.policy;
    let mut lists = vec![
        ("policy.deny".to_owned(), &policy.deny),
        ("policy.approvalRequired".to_owned(), &policy.approval_required),
    ];
    for (name, set) in &config.tool_sets {
        lists.push((format!("curation.toolSets.{name}.allow"), &set.allow));
        lists.push((format!("curation.toolSets.{name}.deny"), &set.deny));
    }
    let mut found = Vec::new();
    for (list, patterns) in lists {
        let idle =
            patterns.iter().filter(|pattern| !catalog.tools.iter().any(|tool| pattern.matches(tool.id.as_str())));
        found.extend(idle.map(|pattern| format!("`{pattern}` of {list} matches no tool")));
    }
    found
}

/// `<service>.<scheme>` and `<scheme>` as execution looks them up, and those that MCP servers are sent.
fn secrets(config: &Config, catalog: &Catalog) -> Vec<String> {
    let is_asked_for = |key: &str| {
        catalog.tools.iter().any(|tool| {
            tool.auth.iter().any(|scheme| {
                let own = key.strip_prefix(tool.service_id.as_str()).and_then(|rest| rest.strip_prefix('.'));
                key == scheme.name || own == Some(&scheme.name)
            })
        })
    };
    let is_sent = |key: &str| {
        config.sources.values().any(|source| match &source.kind {
            SourceKind::Mcp(server) => match &server.transport {
                McpTransport::Stdio { .. } => false,
                McpTransport::Sse(endpoint) | McpTransport::StreamableHttp(endpoint) => {
                    endpoint.header_secrets.values().any(|secret| secret == key)
                }
            },
            _ => false,
        })
    };
    let idle = config.secrets.keys().filter(|key| !is_asked_for(key) && !is_sent(key));
    idle.map(|key| format!("secrets[\"{key}\"] is asked for by no security scheme of a tool")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::pattern::Pattern;
    use crate::base::redacted::Redacted;
    use crate::catalog::{AuthRequirement, Tool};
    use crate::config::{Secret, SecretKind, SecretRef, ToolSet};

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn slips_in_patterns_and_secrets_are_named_and_nothing_else() {
        let requirement = |name: &str| AuthRequirement { name: name.into(), ..AuthRequirement::default() };
        let tool = |id: &str| Tool {
            id: id.into(),
            service_id: "a.b".into(),
            auth: vec![requirement("key")],
            ..Tool::default()
        };
        let catalog = Catalog { tools: vec![tool("a.b:list"), tool("a.b:delete")], ..Catalog::default() };
        let mut config = Config::default();
        config.policy.deny = patterns(&["a.b:del*", "a.b:delte"]);
        config.policy.approval_required = patterns(&["nix:*", "**"]);
        let set = ToolSet { allow: patterns(&["a.b:list", "a.b:lst"]), deny: patterns(&["**"]) };
        config.tool_sets.insert("reading".into(), set);
        for key in ["key", "a.b.key", "a.b.kye", "a.key", "other"] {
            let kind = SecretKind::Value(SecretRef::Literal(Redacted::new("x".to_owned())));
            config.secrets.insert(key.into(), Secret { services: Vec::new(), kind });
        }
        let found = idle(&config, &catalog);
        assert_eq!(
            found,
            [
                "`a.b:delte` of policy.deny matches no tool",
                "`nix:*` of policy.approvalRequired matches no tool",
                "`a.b:lst` of curation.toolSets.reading.allow matches no tool",
                "secrets[\"a.b.kye\"] is asked for by no security scheme of a tool",
                "secrets[\"a.key\"] is asked for by no security scheme of a tool",
                "secrets[\"other\"] is asked for by no security scheme of a tool",
            ]
        );
    }
}
