//! Shorter and older spellings, rewritten to the one form that merge, locks and parser know.
//!
//! `mcpServers.<name>` becomes `sources.<name>` and `services.<name>`; `runtime.server.auth.mode: "oauth2Introspection"`
//! becomes `validationProfile`. It happens file by file and before the merge, so that a lock cannot be passed by in another
//! spelling. Every rewritten value keeps the place where it was written.

use std::collections::BTreeMap;

use super::node::{Node, Problems};
use super::parse::reader::unknown_keys;

/// Fields of an `mcpServers` entry that go into the source; all others describe the transport.
const OF_SOURCE: &[&str] = &["enabled", "refresh", "disabledTools", "oauth"];

/// Every field of an `mcpServers` entry.
const MCP_SERVER: &[&str] = &[
    "type",
    "command",
    "args",
    "env",
    "url",
    "headers",
    "headerSecrets",
    "enabled",
    "refresh",
    "disabledTools",
    "oauth",
];

/// Rewrites one file's content.
pub(super) fn expand(root: &mut Node, problems: &mut Problems<'_>) {
    expand_mcp_servers(root, problems);
    expand_legacy_mode(root);
}

fn expand_mcp_servers(root: &mut Node, problems: &mut Problems<'_>) {
    let Some(servers) = root.members_mut().and_then(|members| members.remove("mcpServers")) else { return };
    let Some(entries) = servers.members() else {
        problems.error(&servers.origin, format!("`mcpServers` must be an object, not {}", servers.kind()));
        return;
    };
    for (name, entry) in entries {
        if entry.members().is_none() {
            problems.error(&entry.origin, format!("an MCP server must be an object, not {}", entry.kind()));
            continue;
        }
        if let Some(source) = root.at(&["sources", name]) {
            problems.error_with(
                &source.origin,
                format!("`{}` stands under `sources` and under `mcpServers` of this file", name.escape_debug()),
                "keep one of the two",
            );
            continue;
        }
        unknown_keys(entry, MCP_SERVER, problems);
        insert(root, "sources", name, source_of(entry));
        insert_service(root, name, entry, problems);
    }
}

/// The `sources` entry that an `mcpServers` entry stands for.
fn source_of(entry: &Node) -> Node {
    let mut source = Node::empty_object(entry.origin.clone());
    let mut transport = Node::empty_object(entry.origin.clone());
    for (key, value) in entry.members().into_iter().flatten().filter(|(key, _)| MCP_SERVER.contains(&key.as_str())) {
        let home = if OF_SOURCE.contains(&key.as_str()) { &mut source } else { &mut transport };
        home.members_mut().expect("made as an object").insert(key.clone(), value.clone());
    }
    let inferred = match (entry.get("type"), entry.get("command"), entry.get("url")) {
        (None, Some(_), _) => Some("stdio"),
        (None, None, Some(_)) => Some("streamable-http"),
        _ => None,
    };
    if let (Some(kind), Some(members)) = (inferred, transport.members_mut()) {
        members.insert("type".to_owned(), Node::implied(kind, entry.origin.clone()));
    }
    let members = source.members_mut().expect("made as an object");
    members.insert("type".to_owned(), Node::implied("mcp", entry.origin.clone()));
    members.insert("transport".to_owned(), transport);
    source
}

fn insert_service(root: &mut Node, name: &str, entry: &Node, problems: &mut Problems<'_>) {
    if let Some(source) = root.at(&["services", name, "source"])
        && source.text().is_some_and(|source| source != name)
    {
        let message = format!("`mcpServers` already gives service `{}` its source", name.escape_debug());
        problems.error_with(&source.origin, message, "rename one of the two");
        return;
    }
    let mut service = Node::empty_object(entry.origin.clone());
    let members = service.members_mut().expect("made as an object");
    members.insert("source".to_owned(), Node::implied(name, entry.origin.clone()));
    match root
        .members_mut()
        .and_then(|m| m.get_mut("services"))
        .and_then(Node::members_mut)
        .and_then(|m| m.get_mut(name))
    {
        Some(written) => {
            if let Some(written) = written.members_mut() {
                written.entry("source".to_owned()).or_insert_with(|| Node::implied(name, entry.origin.clone()));
            }
        }
        None => insert(root, "services", name, service),
    }
}

/// Puts `node` at `/section/name`; a section that is no object is left for the parser to report.
fn insert(root: &mut Node, section: &str, name: &str, node: Node) {
    let origin = node.origin.clone();
    let members: &mut BTreeMap<String, Node> = root.members_mut().expect("a document is an object");
    let section = members.entry(section.to_owned()).or_insert_with(|| Node::empty_object(origin));
    if let Some(section) = section.members_mut() {
        section.insert(name.to_owned(), node);
    }
}

fn expand_legacy_mode(root: &mut Node) {
    let auth = ["runtime", "server", "auth"].iter().try_fold(root, |node, key| node.members_mut()?.get_mut(*key));
    let Some(members) = auth.and_then(Node::members_mut) else { return };
    if members.get("mode").and_then(Node::text) != Some("oauth2Introspection") {
        return;
    }
    let profile = members.get("validationProfile").map(|profile| profile.text() == Some("oauth2_introspection"));
    if profile == Some(false) {
        return;
    }
    if let Some(mode) = members.remove("mode") {
        let implied = Node::implied("oauth2_introspection", mode.origin);
        members.entry("validationProfile".to_owned()).or_insert(implied);
    }
}
