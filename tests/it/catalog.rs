//! What a catalog shows: listings, schemas, explanations, help.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn a_listing_names_each_tool_once() {
    let world = World::serving(&json!({}));
    let listing = world.run("open-cli catalog list --format json").into_json();
    let text = listing.to_string();
    for id in ["demo:listItems", "demo:deleteItem", "demo:searchItems", "demo:echoRequest"] {
        assert_eq!(text.matches(&format!("\"{id}\"")).count(), 1, "{id} in {text}");
    }
    world.run("open-cli catalog list --service demo --group items --format table").stdout_has(&[
        "demo items list",
        "demo items create",
        "List the items, a page at a time",
    ]);
}

#[test]
fn a_listing_narrows_by_service_group_and_safety() {
    let world = World::serving(&json!({}));
    let ids = |line: &str| -> Vec<String> {
        let listing = world.run(line).into_json();
        let tools = listing.as_array().unwrap_or_else(|| panic!("{line}: {listing}"));
        tools.iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        ids("open-cli catalog list --group items --safety destructive --format json"),
        ["demo:deleteItem"],
        "a DELETE is destructive"
    );
    assert_eq!(
        ids("open-cli catalog list --group exports --safety read-only --format json"),
        ["demo:getExport", "demo:waitAWhile"]
    );
    world.run("open-cli catalog list --service other").stderr_has(&["other", "demo"]).status(2);
}

#[test]
fn a_schema_is_found_by_id_and_by_command_words() {
    let world = World::serving(&json!({}));
    let by_id = world.run("open-cli tool schema demo:createItem --format json").into_json();
    let by_words = world.run("open-cli tool schema demo items create --format json").into_json();
    assert_eq!(by_id, by_words);
    assert_eq!(by_id["method"], "POST");
    assert_eq!(by_id["requestBody"]["required"], true);
    let schema = &by_id["requestBody"]["contentTypes"][0]["schema"];
    assert_eq!(schema["properties"]["name"]["maxLength"], 200, "{schema}");
    assert!(schema.to_string().contains("\"retired\""), "what it references is with it: {schema}");
    world.run("open-cli tool schema demo:listItem").stderr_has(&["demo:listItem", "demo:listItems"]).status(2);
}

#[test]
fn an_explanation_says_how_to_call_it() {
    let world = World::serving(&json!({}));
    world.run("open-cli explain demo items get --format table").stdout_has(&[
        "GET",
        "/items/{itemId}",
        "\nCommand: open-cli demo items get item-1\n",
    ]);
}

#[test]
fn help_is_there_at_every_level() {
    let world = World::serving(&json!({}));
    world.run("open-cli --help").stdout_has(&["catalog list", "--runtime", "exit-codes"]);
    world.run("open-cli demo --help").stdout_has(&["items", "search", "echo"]);
    world.run("open-cli demo items --help").stdout_has(&["list", "create", "delete"]);
    world.run("open-cli demo items list --help").stdout_has(&["--limit", "--cursor", "Items per page"]);
    world.run("open-cli demo search items --help").stdout_has(&["--state", "available", "reserved", "retired"]);
}

#[test]
fn h41_help_and_version_need_no_runtime() {
    let world = World::new();
    world.run("open-cli --version").stdout(&format!("open-cli {}\n", open_cli::VERSION));
    world.run("open-cli-toolbox --version").stdout(&format!("open-cli-toolbox {}\n", open_cli::VERSION));
    world.run("open-cli --help").stdout_has(&["open-cli"]);
    world.run("open-cli-toolbox --help").stdout_has(&["--config", "--addr", "--instance-id"]);
    let schema = world.run("open-cli config schema").into_json();
    assert!(schema["$schema"].as_str().unwrap().contains("2020-12"), "{}", schema["$schema"]);
}

#[test]
fn words_that_lead_nowhere_are_answered_with_what_is_near() {
    let world = World::serving(&json!({}));
    world.run("open-cli demo itms list").stderr_has(&["itms", "items"]).status(2);
    world.run("open-cli demo items lst").stderr_has(&["lst", "list"]).status(2);
    world.run("open-cli demo items list --limt 3").stderr_has(&["--limt", "--limit"]).status(2);
}

#[test]
fn aliases_lead_to_the_same_tool() {
    let world = World::serving(&json!({}));
    world.run("open-cli demo items show item-1 --format json").stdout_json(&[("/id", json!("item-1"))]);
}

#[test]
fn h45_one_broken_source_leaves_the_others() {
    let world = World::serving(&json!({
        "sources": { "gone": { "type": "openapi", "uri": "missing.yaml" } },
        "services": { "gone": { "source": "gone" } },
    }));
    world.run("open-cli demo items get item-1 --format json").stdout_json(&[("/name", json!("anvil"))]);
    world
        .run("open-cli refresh")
        .stdout_has(&[r#""id":"gone""#, "missing.yaml does not exist"])
        .stderr_has(&["gone", "missing.yaml does not exist"])
        .status(1);
}

#[test]
fn several_files_and_yaml_make_one_catalog() {
    let world = World::with_demo()
        .file(
            "api/openapi.yaml",
            "openapi: 3.1.0\ninfo: {title: Split, version: '1'}\nservers: [{url: '[DEMO]'}]\npaths:\n  /items:\n    $ref: paths/items.yaml\n",
        )
        .file(
            "api/paths/items.yaml",
            "get:\n  operationId: all\n  tags: [things]\n  parameters:\n    - $ref: ../shared.yaml#/limit\n  responses: {'200': {description: fine}}\n",
        )
        .file("api/shared.yaml", "limit: {name: limit, in: query, schema: {type: integer, maximum: 100}}\n");
    let mut world = world.config(&json!({
        "sources": { "demo": { "uri": "api/openapi.yaml" } },
    }));
    world.start_toolbox(&[]);
    world.run("open-cli demo things all --limit 1 --format json").stdout_json(&[("/nextCursor", json!("item-1"))]);
    let tool = world.run("open-cli tool schema demo:all --format json").into_json();
    assert_eq!(tool["flags"][0]["schema"]["maximum"], json!(100));
    assert_eq!(tool["flags"].as_array().map(Vec::len), Some(1));
    assert_ne!(tool["servers"], Value::Null);
}
