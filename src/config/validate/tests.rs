//! References between entries, and what must be there.

use super::super::world::World;
use super::*;

#[track_caller]
fn refused(text: &str, words: &str) {
    let errors = World::new().project(text).errors(Consumer::Cli);
    assert!(errors.lines().count() == 1 && errors.contains(words), "{errors}");
}

#[test]
fn h13_profiles_and_tool_sets_must_exist() {
    refused(
        r#"{"agents": {"profiles": {"p": {"toolSet": "saef"}}}, "curation": {"toolSets": {"safe": {}}}}"#,
        "there is no tool set `saef` (at /agents/profiles/p/toolSet); did you mean `safe`?",
    );
    refused(r#"{"agents": {"defaultProfile": "p"}}"#, "there is no profile `p` (at /agents/defaultProfile)");
    refused(r#"{"agents": {"profiles": {"p": {"mode": "curated"}}}}"#, "profile `p` is curated but names no `toolSet`");
    refused(r#"{"agents": {"profiles": {"discover": {"mode": "discover"}}}}"#, "cannot be named `discover`");
}

#[test]
fn h13_curated_by_default_needs_a_default_profile_with_a_tool_set() {
    refused(r#"{"mode": {"default": "curated"}}"#, "there is no `agents.defaultProfile` (at /mode/default)");
    refused(
        r#"{"mode": {"default": "curated"}, "agents": {"defaultProfile": "p", "profiles": {"p": {"mode": "discover"}}}}"#,
        "the default profile names no `toolSet`",
    );
    // Without a mode of its own a profile follows the default.
    refused(
        r#"{"mode": {"default": "curated"}, "curation": {"toolSets": {"t": {}}},
            "agents": {"defaultProfile": "p", "profiles": {"p": {"toolSet": "t"}, "q": {}}}}"#,
        "profile `q` is curated but names no `toolSet`",
    );
    World::new().project(r#"{"agents": {"profiles": {"p": {"mode": "discover"}, "q": {}}}}"#).loaded();
}

#[test]
fn services_need_their_source_and_their_own_names() {
    refused(r#"{"services": {"s": {"source": "none"}}}"#, "there is no source `none` (at /services/s/source)");
    let sources = r#""sources": {"a": {"type": "openapi", "uri": "a"}}"#;
    refused(
        &format!(r#"{{{sources}, "services": {{"s": {{"source": "a", "alias": "t"}}, "t": {{"source": "a"}}}}}}"#),
        "the alias `t` already means service `t`",
    );
    refused(
        &format!(
            r#"{{{sources}, "services": {{"s": {{"source": "a", "alias": "x"}}, "t": {{"source": "a", "alias": "x"}}}}}}"#
        ),
        "the alias `x` already means service `s` (at /services/t/alias)",
    );
    World::new().project(&format!(r#"{{{sources}, "services": {{"s": {{"source": "a", "alias": "s"}}}}}}"#)).loaded();
}

#[test]
fn h45_secrets_name_services_that_exist() {
    refused(
        r#"{"secrets": {"s": {"type": "env", "value": "A", "services": ["ghost"]}}}"#,
        "there is no service `ghost` (at /secrets/s/services/0)",
    );
}

#[test]
fn headers_are_set_once() {
    let mcp = |transport: &str, more: &str| {
        format!(
            r#"{{"sources": {{"a": {{"type": "mcp", "transport": {{"type": "streamable-http", "url": "https://h/", {transport}}} {more}}}}},
            "secrets": {{"k": {{"type": "env", "value": "K"}}}}}}"#
        )
    };
    refused(
        &mcp(r#""headers": {"X-Key": "a"}, "headerSecrets": {"x-key": "k"}"#, ""),
        "header `x-key` stands in `headers` and in `headerSecrets`",
    );
    refused(&mcp(r#""headerSecrets": {"X-Key": "none"}"#, ""), "there is no secret `none`");
    let oauth = r#", "oauth": {"mode": "clientCredentials"}"#;
    for section in [r#""headers": {"authorization": "x"}"#, r#""headerSecrets": {"Authorization": "k"}"#] {
        refused(&mcp(section, oauth), "so it may not be set here too");
    }
    World::new().project(&mcp(r#""headers": {"X": "a"}, "headerSecrets": {"Authorization": "k"}"#, "")).loaded();
}

#[test]
fn a_program_runs_only_where_policy_allows() {
    let exec = r#"{"type": "exec", "command": ["pass", "show", "x"]}"#;
    for text in [
        format!(r#"{{"secrets": {{"s": {exec}}}}}"#),
        format!(r#"{{"secrets": {{"s": {{"type": "oauth2", "mode": "clientCredentials", "clientSecret": {exec}}}}}}}"#),
        format!(
            r#"{{"runtime": {{"server": {{"auth": {{"validationProfile": "oauth2_introspection", "audience": "a",
                "introspectionURL": "https://i/", "clientId": {{"type": "env", "value": "ID"}}, "clientSecret": {exec}}}}}}}}}"#
        ),
    ] {
        refused(&text, "a secret of type `exec` runs a program");
        let allowed = format!(r#"{{"policy": {{"allowExecSecrets": true}}, {}"#, &text[1..]);
        World::new().project(&allowed).loaded();
    }
}

#[test]
fn h28_totals_over_all_files_are_bounded() {
    let servers = |prefix: &str| {
        let entries: Vec<String> = (0..600).map(|i| format!(r#""{prefix}{i}": {{"command": "x"}}"#)).collect();
        format!(r#"{{"mcpServers": {{{}}}}}"#, entries.join(","))
    };
    let errors = World::new().project(&servers("a")).local(&servers("b")).errors(Consumer::Cli);
    assert!(errors.contains("has 1200 entries, at most 1000 are allowed"), "{errors}");
    let deny = |prefix: &str| {
        let entries: Vec<String> = (0..6000).map(|i| format!(r#""{prefix}{i}""#)).collect();
        format!(r#"{{"policy": {{"deny": [{}]}}}}"#, entries.join(","))
    };
    let errors = World::new().project(&deny("a")).local(&deny("b")).errors(Consumer::Cli);
    assert!(errors.contains("has more than 10000 items") || errors.contains("at most 10000 are allowed"), "{errors}");
}
