//! What of a scope file depends on a source: the services that it describes, and the secrets of those.
//!
//! Pure. Patterns of the policy and of tool sets name tools and not services; they are found, and left for a person to decide: without
//! its tools a pattern does nothing, and with a rule taken away a source that comes back could do more than before.

use serde_json::Value;

use crate::base::json::child;

/// What depends on a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dependents {
    /// Services that name it.
    pub(super) services: Vec<String>,
    /// What goes with them, by pointer, in the order in which it can be removed: entries of `services` and `secrets`, and items of
    /// `secrets.*.services`.
    pub(super) pointers: Vec<String>,
    /// Patterns that name their tools, by pointer.
    pub(super) patterns: Vec<String>,
}

/// Reads a scope file.
pub(super) fn of_source(file: &Value, source: &str) -> Dependents {
    let all: Vec<(&String, &Value)> = members(file, "services").collect();
    let named = all.iter().filter(|(_, service)| service.get("source").and_then(Value::as_str) == Some(source));
    let mut services: Vec<String> = named.map(|(id, _)| (*id).clone()).collect();
    let mut pointers: Vec<String> = services.iter().map(|id| child("/services", id)).collect();
    // A server of `mcpServers` gives the service of its own name, which is written nowhere else.
    if file.pointer(&child("/mcpServers", source)).is_some() && !services.iter().any(|id| id == source) {
        services.push(source.to_owned());
    }
    let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).chain(services.iter().map(String::as_str)).collect();
    for (key, secret) in members(file, "secrets") {
        pointers.extend(of_secret(key, secret, &services, &ids));
    }
    let patterns = patterns(file).into_iter().filter(|(_, pattern)| {
        pattern.split_once(':').is_some_and(|(service, _)| services.iter().any(|id| id == service))
    });
    let patterns = patterns.map(|(pointer, _)| pointer).collect();
    Dependents { services, pointers, patterns }
}

fn members<'v>(file: &'v Value, section: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    file.get(section).and_then(Value::as_object).into_iter().flatten()
}

/// What goes of a secret: all of it when it serves only these services, else their names in its list.
fn of_secret(key: &str, secret: &Value, gone: &[String], ids: &[&str]) -> Vec<String> {
    let pointer = child("/secrets", key);
    // `<service>.<scheme>`, where a service's id may hold dots itself: the longest one is meant.
    let owner = ids
        .iter()
        .filter(|id| key.strip_prefix(**id).is_some_and(|rest| rest.starts_with('.')))
        .max_by_key(|id| id.len());
    if owner.is_some_and(|owner| gone.iter().any(|id| id == owner)) {
        return vec![pointer];
    }
    let listed = secret.get("services").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_gone = |item: &Value| item.as_str().is_some_and(|id| gone.iter().any(|one| one == id));
    // A secret with an empty list would serve others than before.
    if !listed.is_empty() && listed.iter().all(is_gone) {
        return vec![pointer];
    }
    let list = child(&pointer, "services");
    let found = listed.iter().enumerate().rev().filter(|(_, item)| is_gone(item));
    found.map(|(index, _)| child(&list, &index.to_string())).collect()
}

/// Every pattern with its pointer.
fn patterns(file: &Value) -> Vec<(String, &str)> {
    let mut lists = vec!["/policy/deny".to_owned(), "/policy/approvalRequired".to_owned()];
    let sets = file.pointer("/curation/toolSets").and_then(Value::as_object);
    for set in sets.into_iter().flatten().map(|(id, _)| child("/curation/toolSets", id)) {
        lists.extend(["allow", "deny"].map(|list| child(&set, list)));
    }
    let mut found = Vec::new();
    for list in lists {
        let items = file.pointer(&list).and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            found.extend(item.as_str().map(|pattern| (child(&list, &index.to_string()), pattern)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(source: &str, services: &[&str], pointers: &[&str], patterns: &[&str]) {
        let file = json!({
            "sources": {"s": {}, "t": {}},
            "mcpServers": {"m": {"command": "x"}},
            "services": {"a": {"source": "s"}, "a.b": {"source": "t"}, "c": {"source": "s"}},
            "secrets": {
                "a.key": {}, "a.b.key": {}, "m.key": {}, "key": {},
                "both": {"services": ["a", "a.b", "c"]}, "ours": {"services": ["c", "a"]}
            },
            "policy": {"deny": ["a.b:x", "a:*"], "approvalRequired": ["c:y"]},
            "curation": {"toolSets": {"set": {"allow": ["m:*"], "deny": ["*:delete"]}}},
        });
        let found = of_source(&file, source);
        assert_eq!(found.services, services, "{source}");
        assert_eq!(found.pointers, pointers, "{source}");
        assert_eq!(found.patterns, patterns, "{source}");
    }

    #[test]
    fn services_and_their_secrets_go_and_patterns_are_only_named() {
        check(
            "s",
            &["a", "c"],
            &[
                "/services/a",
                "/services/c",
                "/secrets/a.key",
                "/secrets/both/services/2",
                "/secrets/both/services/0",
                "/secrets/ours",
            ],
            &["/policy/deny/1", "/policy/approvalRequired/0"],
        );
        check("t", &["a.b"], &["/services/a.b", "/secrets/a.b.key", "/secrets/both/services/1"], &["/policy/deny/0"]);
        check("m", &["m"], &["/secrets/m.key"], &["/curation/toolSets/set/allow/0"]);
        check("none", &[], &[], &[]);
    }
}
