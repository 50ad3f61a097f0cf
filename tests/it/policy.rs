//! What may be done: denials, approval, curated profiles.

use serde_json::json;

use crate::world::World;

#[test]
fn h15_a_denied_tool_is_not_called() {
    let world = World::serving(&json!({ "policy": { "deny": ["demo:delete*"] } }));
    world.run("open-cli demo items delete item-1").stderr_has(&["no command `delete`"]).status(2);
    let listing = world.run("open-cli catalog list --format json").into_stdout();
    assert!(!String::from_utf8(listing).unwrap().contains("deleteItem"), "it is not listed");
    let answer = world.http(
        "POST",
        "[RUNTIME]/v1/tools/execute",
        &[("Content-Type", "application/json")],
        r#"{"toolId":"demo:deleteItem","pathArgs":["item-1"],"approval":true}"#,
    );
    assert_eq!((answer.status, answer.body.as_slice()), (403, b"policy_deny".as_slice()));
    assert_eq!(world.http("GET", "[DEMO]/items/item-1", &[], "").status, 200);
}

#[test]
fn approval_is_asked_for_and_taken() {
    let world = World::serving(&json!({ "policy": { "approvalRequired": ["demo:deleteItem"] } }));
    world.run("open-cli demo items delete item-1").stderr_has(&["--approval"]).status(7);
    assert_eq!(world.http("GET", "[DEMO]/items/item-1", &[], "").status, 200);
    world.run("open-cli demo items delete item-1 --approval");
    assert_eq!(world.http("GET", "[DEMO]/items/item-1", &[], "").status, 404);
}

#[test]
fn a_curated_profile_reaches_only_its_tool_set() {
    let world = World::serving(&json!({
        "curation": { "toolSets": { "reading": { "allow": ["demo:get*", "demo:list*"], "deny": ["**"] } } },
        "agents": { "profiles": { "reader": { "mode": "curated", "toolSet": "reading" } } },
    }));
    world
        .run("open-cli demo items get item-1 --agent-profile reader --format json")
        .stdout_json(&[("/id", json!("item-1"))]);
    let listing = world.run("open-cli catalog list --agent-profile reader --format json").into_json();
    let ids: Vec<_> = listing.as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["demo:getExport", "demo:getItem", "demo:listItems"]);
    world.run("open-cli demo items delete item-1 --agent-profile reader").stderr_has(&["curated_deny"]).status(6);
    world.run("open-cli demo items --help --agent-profile reader").stdout_has(&["get", "list"]);
    world.run("open-cli demo items burn item-1 --agent-profile reader").stderr_has(&["no command `burn`"]).status(2);
    let denial = world.audit().pop().unwrap();
    assert_eq!((&denial["eventType"], &denial["agentProfile"]), (&json!("authz_denial"), &json!("reader")));
    assert_eq!(world.http("GET", "[DEMO]/items/item-1", &[], "").status, 200);
}

#[test]
fn h13_an_unknown_profile_never_means_everything() {
    let world = World::serving(&json!({}));
    assert_eq!(world.http("GET", "[RUNTIME]/v1/catalog/effective?agentProfile=nobody", &[], "").status, 400);
    world.run("open-cli catalog list --agent-profile nobody").stderr_has(&["agent profile"]).status(2);
    let broken = World::with_demo().config(&json!({ "agents": { "defaultProfile": "nobody" } }));
    broken.run("open-cli-toolbox --config .cli.json --check").stderr_has(&[".cli.json", "nobody"]).status(3);
}

#[test]
fn h14_patterns_are_checked_when_the_config_is_read() {
    let world = World::with_demo().config(&json!({ "policy": { "deny": ["demo:[a"] } }));
    world.run("open-cli-toolbox --config .cli.json --check").stderr_has(&[".cli.json:1:", "/policy/deny/0"]).status(3);
}
