//! The locks of the managed scope (H16): what later scopes try, and what they are told.

use super::super::load::Consumer;
use super::super::world::World;
use serde_json::{Value, json};

const MANAGED: &str = r#"{
  "cli": "1.0.0",
  "mode": {"default": "curated"},
  "sources": {"tickets": {"type": "openapi", "uri": "tickets.json", "refresh": {"maxAgeSeconds": 60, "manualOnly": true}}},
  "services": {"tickets": {"source": "tickets", "server": "https://tickets.example.com/"}},
  "secrets": {"tickets.bearer": {"type": "env", "value": "TICKETS", "services": ["tickets"]}},
  "curation": {"toolSets": {"safe": {"allow": ["tickets:list*", "tickets:get*"]}, "none": {}}},
  "agents": {"defaultProfile": "support", "profiles": {"support": {"mode": "curated", "toolSet": "safe"}}},
  "policy": {"deny": ["tickets:delete*"], "allowExecSecrets": false},
  "runtime": {"server": {"publicURL": "https://toolbox.example.com"}}
}"#;

/// The later file is refused at this pointer, and the message names the place and both files.
#[track_caller]
fn refused(later: &Value, pointer: &str, place: &str) {
    let world = World::new().managed(MANAGED).project(&later.to_string());
    let errors = world.load(Consumer::Toolbox).unwrap_err();
    let shown = world.shown(&errors);
    assert_eq!((errors.len(), errors[0].pointer.as_str()), (1, pointer), "{shown}");
    let expected = format!(
        "`{place}` is set by the managed scope in managed/.cli.json and may not be changed by the project scope"
    );
    assert!(shown.contains(&expected) && shown.contains("in project/.cli.json"), "{shown}");
    // The user's own file is bound alike.
    let world = World::new().managed(MANAGED).user(&later.to_string());
    assert!(world.errors(Consumer::Cli).contains("by the user scope in user/.cli.json"));
}

#[track_caller]
fn accepted(later: &Value) -> Value {
    World::new().managed(MANAGED).project(&later.to_string()).merged()
}

#[test]
fn h16_managed_entries_cannot_be_redefined() {
    refused(&json!({"sources": {"tickets": {"uri": "other.json"}}}), "/sources/tickets/uri", "sources.tickets");
    refused(&json!({"sources": {"tickets": {"enabled": false}}}), "/sources/tickets/enabled", "sources.tickets");
    refused(
        &json!({"sources": {"tickets": {"type": "mcp", "transport": {"type": "stdio", "command": "x"}}}}),
        "/sources/tickets/transport",
        "sources.tickets",
    );
    // A part of what is replaced whole would take the rest away.
    refused(
        &json!({"sources": {"tickets": {"refresh": {"maxAgeSeconds": 60}}}}),
        "/sources/tickets/refresh",
        "sources.tickets",
    );
    refused(
        &json!({"services": {"tickets": {"server": "https://evil.example.net/"}}}),
        "/services/tickets/server",
        "services.tickets",
    );
    refused(&json!({"services": {"tickets": {"alias": "t"}}}), "/services/tickets/alias", "services.tickets");
    refused(
        &json!({"secrets": {"tickets.bearer": {"type": "env", "value": "TICKETS"}}}),
        "/secrets/tickets.bearer",
        "secrets.tickets.bearer",
    );
    refused(
        &json!({"agents": {"profiles": {"support": {"mode": "discover"}}}}),
        "/agents/profiles/support/mode",
        "agents.profiles.support",
    );
}

#[test]
fn h16_another_spelling_does_not_pass_the_lock() {
    refused(&json!({"mcpServers": {"tickets": {"command": "x"}}}), "/mcpServers/tickets", "sources.tickets");
    let managed = r#"{"mcpServers": {"files": {"command": "file-server"}}}"#;
    let world = World::new().managed(managed).project(r#"{"sources": {"files": {"transport": {"command": "evil"}}}}"#);
    assert!(world.errors(Consumer::Cli).contains("`sources.files` is set by the managed scope"));
    let world = World::new().managed(managed).project(r#"{"mcpServers": {"files": {"args": ["--all"]}}}"#);
    assert!(world.errors(Consumer::Cli).contains("(at /mcpServers/files/args)"));
    let auth = r#"{"runtime": {"server": {"auth": {"validationProfile": "oauth2_introspection", "audience": "a", "introspectionURL": "https://i/"}}}}"#;
    let legacy = r#"{"runtime": {"server": {"auth": {"mode": "oauth2Introspection"}}}}"#;
    World::new().managed(auth).project(legacy).loaded();
}

#[test]
fn h16_curation_cannot_be_widened() {
    refused(
        &json!({"curation": {"toolSets": {"safe": {"allow": ["tickets:get*", "tickets:*"]}}}}),
        "/curation/toolSets/safe/allow/1",
        "curation.toolSets.safe",
    );
    refused(
        &json!({"curation": {"toolSets": {"none": {"allow": ["**"]}}}}),
        "/curation/toolSets/none/allow/0",
        "curation.toolSets.none",
    );
    refused(&json!({"mode": {"default": "discover"}}), "/mode/default", "mode.default");
    refused(
        &json!({"agents": {"defaultProfile": "all", "profiles": {"all": {"toolSet": "safe"}}}}),
        "/agents/defaultProfile",
        "agents.defaultProfile",
    );
    let merged = accepted(
        &json!({"curation": {"toolSets": {"safe": {"allow": ["tickets:get*"], "deny": ["tickets:getSecret"]}}}}),
    );
    let expected = json!({"allow": ["tickets:list*", "tickets:get*"], "deny": ["tickets:getSecret"]});
    assert_eq!(merged["curation"]["toolSets"]["safe"], expected);
}

#[test]
fn h16_runtime_auth_and_programs_stay_as_managed() {
    let auth = json!({"validationProfile": "oidc_jwks", "issuer": "https://evil/", "audience": "a"});
    refused(&json!({"runtime": {"server": {"auth": auth}}}), "/runtime/server/auth", "runtime.server");
    refused(
        &json!({"runtime": {"server": {"publicURL": "https://evil/"}}}),
        "/runtime/server/publicURL",
        "runtime.server",
    );
    refused(&json!({"policy": {"allowExecSecrets": true}}), "/policy/allowExecSecrets", "policy.allowExecSecrets");
}

#[test]
fn h16_the_identical_value_is_no_violation_and_keeps_its_meaning() {
    let world = World::new().managed(MANAGED).project(MANAGED);
    let loaded = world.loaded();
    // The same relative path still lies beside the managed file.
    let source = &loaded.config.sources["tickets"];
    let super::super::SourceKind::OpenApi(super::super::Location::File(path)) = &source.kind else {
        panic!("{source:?}")
    };
    assert_eq!(*path, world.path("managed/tickets.json"));
    accepted(&json!({"sources": {"tickets": {"enabled": true}}}));
    accepted(&json!({"services": {"tickets": {"source": "tickets"}}, "mode": {"default": ""}}));
}

#[test]
fn what_the_managed_scope_left_open_is_open() {
    let merged = accepted(&json!({
        "sources": {"own": {"type": "openapi", "uri": "own.json"}},
        "secrets": {"own.bearer": {"type": "env", "value": "OWN"}},
        "agents": {"profiles": {"own": {"mode": "discover"}}},
        "policy": {"allowExecSecrets": false, "deny": ["own:x"]}
    }));
    assert_eq!(merged["sources"]["own"]["uri"], "own.json");
    assert_eq!(merged["policy"]["deny"], json!(["tickets:delete*", "own:x"]));
    let open = World::new().managed(r#"{"mode": {"default": "discover"}, "policy": {"allowExecSecrets": true}}"#);
    let merged = open.project(r#"{"policy": {"allowExecSecrets": false}}"#).merged();
    assert_eq!(merged["policy"]["allowExecSecrets"], false);
}

#[test]
fn h15_managed_deny_is_kept_apart_even_when_repeated() {
    let later = r#"{"policy": {"deny": ["tickets:delete*", "tickets:purge"]}}"#;
    let policy = World::new().managed(MANAGED).project(later).loaded().config.policy;
    let texts =
        |patterns: &[crate::base::pattern::Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&policy.managed_deny), ["tickets:delete*"]);
    assert_eq!(texts(&policy.deny), ["tickets:delete*", "tickets:purge"]);
}

#[test]
fn scopes_without_a_managed_file_lock_nothing() {
    let world = World::new()
        .user(MANAGED)
        .project(r#"{"mode": {"default": "discover"}, "policy": {"allowExecSecrets": true}}"#);
    assert_eq!(world.merged()["mode"]["default"], "discover");
}
