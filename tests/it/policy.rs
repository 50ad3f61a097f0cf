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
fn h12_a_curated_profile_reaches_only_its_tool_set() {
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

const PAGE: &str = include_str!("../../docs/policy.md");
const EXAMPLE: &str = include_str!("../../examples/policy/policy.cli.json");
const CASES: &str = include_str!("../../examples/policy/cases.json");

/// A toolbox with the example's policy.
fn example() -> World {
    let mut world = World::with_demo().file(".cli.json", &EXAMPLE.replace("http://127.0.0.1:9000", "[DEMO]"));
    world.start_toolbox(&[]);
    world
}

#[test]
fn the_example_of_a_policy_does_what_its_cases_say() {
    assert!(PAGE.contains(EXAMPLE) && PAGE.contains(CASES), "the page shows the files of the example");
    let world = example().file("cases.json", CASES);
    let results = world.run("open-cli policy test cases.json --format json").into_json();
    let all = results["results"].as_array().unwrap();
    assert_eq!((&results["ok"], all.len()), (&json!(true), CASES.matches("\"tool\"").count()));
    world.run_with_input("open-cli policy test - --format table", CASES.as_bytes()).stdout_has(&[
        "ok    deleting takes a person: demo:deleteItem: approval_required\n",
        "\n11 cases, 11 as expected, 0 differ\n",
    ]);
}

#[test]
fn h12_what_is_explained_is_what_is_done() {
    let world = example();
    // As the page shows it, but for where the file is.
    let shown =
        PAGE.split_once("--scopes bundle:demo --agent-profile keeper\n").unwrap().1.split_once("```").unwrap().0;
    let shown = shown.replace("/srv/demo/", "[DIR]/project/");
    world
        .run("open-cli policy explain demo items delete --scopes bundle:demo --agent-profile keeper --format table")
        .stdout(&shown);
    world.run("open-cli demo items delete item-1 --agent-profile keeper").stderr_has(&["curated_deny"]).status(6);
    let denied = world.run("open-cli policy explain demo:replaceItem --approval --format json").into_json();
    assert_eq!(denied["explanations"][0]["verdict"], "policy_deny");
    let place = &denied["explanations"][0]["rules"][3]["patterns"][0]["places"][0];
    assert_eq!((&place["scope"], &place["pointer"]), (&json!("project"), &json!("/policy/deny/1")));
    world.run("open-cli policy explain 'demo:*Item' --mode curated --format json").stdout_json(&[
        ("/explanations/0/verdict", json!("bad_request")),
        ("/explanations/0/decidedBy", json!("selection")),
    ]);
    let several = world.run("open-cli policy explain 'demo:*Item' --format json").into_json();
    assert_eq!(several["explanations"].as_array().unwrap().len(), 5);
    world.run("open-cli policy explain demo:none").stdout_json(&[("/explanations/0/verdict", json!("tool_not_found"))]);
    world.run("open-cli policy explain demo items burn").stderr_has(&["no command `burn`"]).status(2);
    world.run("open-cli policy explain 'x:*'").stdout_json(&[("/explanations", json!([]))]).stderr_has(&["no tool"]);
    world.run("open-cli policy explain 'demo:[a'").stderr_has(&["`pattern`"]).status(2);
    assert!(world.audit().iter().all(|record| record["toolId"] != "demo:replaceItem"), "asking leaves no record");
}

#[test]
fn h40_a_policy_that_differs_ends_with_10_and_a_bad_file_with_2() {
    let world = example();
    let cases = r#"{"cases": [
  {"name": "reading", "tool": "demo:getItem", "expect": "allowed"},
  {"tool": "demo:deleteItem", "expect": "policy_deny"}]}"#;
    let world = world.file("cases.json", cases);
    world
        .run("open-cli policy test cases.json --format table")
        .stdout(
            "ok    reading: demo:getItem: allowed\n\
             DIFF  demo:deleteItem: approval_required, expected policy_deny\n      \
             line 3: approval_required: `demo:deleteItem` runs only when a person has approved it, by `policy.approvalRequired`\n\
             2 cases, 1 as expected, 1 differ\n",
        )
        .stderr_has(&["1 of 2 cases in cases.json differ", "policy explain"])
        .status(10);
    world
        .run("open-cli policy test cases.json --format json")
        .stdout_json(&[
            ("/ok", json!(false)),
            ("/differing", json!(1)),
            ("/results/1/verdict", json!("approval_required")),
            ("/results/1/decidedBy", json!("approval_required")),
            ("/results/1/line", json!(3)),
        ])
        .stderr_has(&["policy_differs"])
        .status(10);
    let wrong = "{\n \"cases\": [{\"tool\": \"a:b\"},\n  {\"tol\": \"a:b\", \"expect\": \"alowed\"}]}";
    world
        .run_with_input("open-cli policy test -", wrong.as_bytes())
        .stderr_has(&[
            "standard input:2:12: `expect` is missing",
            "standard input:3:4: unknown key `tol`; did you mean `tool`?",
            "standard input:3:18: `alowed` is no verdict; did you mean `allowed`?",
        ])
        .status(2);
    world.run("open-cli policy test none.json").stderr_has(&["none.json cannot be read"]).status(2);
    world.run("open-cli policy test").stderr_has(&["needs <file, or ->"]).status(2);
}
