//! Every kind of source in one configuration, with overlays, skills and workflows beside them, and one that is broken on purpose.

use serde_json::{Value, json};

use crate::publisher::Publisher;
use crate::world::World;

/// A description with a GET and a DELETE at `/<name>`.
fn description(name: &str) -> String {
    let operation = |id: &str| json!({"operationId": id, "responses": {"200": {"description": "ok"}}});
    let paths = json!({format!("/{name}"): {"get": operation("list"), "delete": operation("clear")}});
    let servers = json!([{"url": "http://127.0.0.1:9"}]);
    json!({"openapi": "3.1.0", "info": {"title": name, "version": "1"}, "servers": servers, "paths": paths}).to_string()
}

const OVERLAY: &str = r#"
overlay: 1.1.0
info: {title: Local, version: "1"}
actions:
  - target: $.paths['/local'].get
    update: {x-cli-name: show, x-cli-safety: {requiresApproval: true}}
  - target: $.paths['/local'].delete
    remove: true
"#;

const SKILLS: &str = r#"{"toolGuidance": {"local:list": {"whenToUse": ["To see everything."]}}}"#;

const WORKFLOWS: &str = r"
arazzo: 1.0.1
info: {title: Work, version: '1'}
sourceDescriptions:
  - {name: local, url: ./local.json, type: openapi}
  - {name: older, url: ./older.json, type: openapi}
workflows:
  - workflowId: both
    steps:
      - {stepId: here, operationId: $sourceDescriptions.local.list}
      - {stepId: there, operationPath: '{$sourceDescriptions.older.url}#/paths/~1older/get'}
  - workflowId: neither
    steps:
      - {stepId: nowhere, operationId: $sourceDescriptions.local.lust}
";

const SWAGGER: &str = r#"{"swagger": "2.0", "info": {"title": "older", "version": "1"}, "host": "127.0.0.1:9", "schemes": ["http"],
    "paths": {"/older": {"get": {"operationId": "list", "responses": {"200": {"description": "ok"}}}}}}"#;

/// The configuration, with everything that it names.
fn world(publisher: &Publisher) -> World {
    let at = |path: &str| format!("{}{path}", publisher.origin);
    publisher.page(
        "/catalog",
        200,
        "",
        r#"{"linkset": [{"item": [{"href": "/listed.json"}, {"href": "/other.json"}]}]}"#,
    );
    publisher.page("/root", 200, "Link: </rooted.json>; rel=\"service-desc\"\r\n", "");
    for name in ["listed", "other", "rooted"] {
        publisher.page(&format!("/{name}.json"), 200, "", &description(name));
    }
    publisher.page("/broken.json", 200, "", "<html>Please log in</html>");
    let guides = json!({"overlays": ["overlay.yaml"], "skills": ["skills.json"], "workflows": ["work.yaml"]});
    let mut local = json!({"source": "local"});
    local.as_object_mut().unwrap().extend(guides.as_object().unwrap().clone());
    let config = json!({
        "cli": "1.0.0",
        "mode": {"default": "discover"},
        "sources": {
            "local": {"type": "openapi", "uri": "local.json"},
            "older": {"type": "openapi", "uri": "older.json"},
            "company": {"type": "apiCatalog", "uri": at("/catalog")},
            "rooted": {"type": "serviceRoot", "uri": at("/root")},
            "broken": {"type": "openapi", "uri": at("/broken.json")},
        },
        "services": {"local": local},
    });
    let world = World::new().file(".cli.json", &config.to_string()).file("local.json", &description("local"));
    let world = world.file("older.json", SWAGGER).file("overlay.yaml", OVERLAY);
    world.file("skills.json", SKILLS).file("work.yaml", WORKFLOWS)
}

fn catalog(world: &World) -> Value {
    serde_json::from_slice(&world.http("GET", "[RUNTIME]/v1/catalog/effective", &[], "").body).unwrap()
}

#[test]
fn every_kind_of_source_is_served_and_the_doctor_names_the_broken_one() {
    let publisher = Publisher::start();
    let mut world = world(&publisher);
    world.start_toolbox(&[]);
    let told =
        world.run("open-cli catalog doctor --format json").status(10).stderr_has(&["broken is failed"]).into_json();
    let states: Vec<(&str, &str)> = told["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (source["id"].as_str().unwrap(), source["state"].as_str().unwrap()))
        .collect();
    let well = |id| (id, "ok");
    assert_eq!(states, [("broken", "failed"), well("company"), well("local"), well("older"), well("rooted")]);
    let text =
        world.run("open-cli catalog doctor --format table").status(10).stderr_has(&["broken is failed"]).into_stdout();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("the document is an HTML page"), "{text}");

    let catalog = catalog(&world)["catalog"].clone();
    let ids: Vec<&str> = catalog["tools"].as_array().unwrap().iter().map(|tool| tool["id"].as_str().unwrap()).collect();
    let expected = [
        "listed:clear",
        "listed:list",
        "local:list",
        "older:list",
        "other:clear",
        "other:list",
        "rooted:clear",
        "rooted:list",
    ];
    assert_eq!(ids, expected, "the overlay has taken `local:clear` away");
    let local = &catalog["tools"][2];
    assert_eq!((&local["command"], &local["safety"]["requiresApproval"]), (&json!("show"), &json!(true)));
    assert_eq!(local["guidance"]["whenToUse"], json!(["To see everything."]));
    let steps = json!([{"stepId": "here", "toolId": "local:list"}, {"stepId": "there", "toolId": "older:list"}]);
    assert_eq!(catalog["workflows"], json!([{"workflowId": "both", "steps": steps}]));
    let members: Vec<&String> = catalog.as_object().unwrap().keys().collect();
    let known = [
        "catalogVersion",
        "generatedAt",
        "sourceFingerprint",
        "sources",
        "services",
        "tools",
        "workflows",
        "effectiveViews",
    ];
    assert_eq!(members, known);
}

#[test]
fn a_check_fails_for_what_the_config_names_and_cannot_be_used() {
    let publisher = Publisher::start();
    let world = world(&publisher);
    publisher.page("/broken.json", 200, "", &description("broken"));
    let check = || world.run("open-cli-toolbox --config .cli.json --check");
    check().status(3).stderr_has(&["the workflow `neither` is left out: step `nowhere`", "is `list` meant"]);
    world.write("work.yaml", &WORKFLOWS.replace("local.lust", "local.list"));
    check().stdout_has(&["ok: 10 tools from 5 sources"]).stderr_has(&["catalog built"]);
    world.write("skills.json", "{}");
    check().status(3).stderr_has(&["this skill manifest is left out", "toolGuidance"]);
    world.write("skills.json", SKILLS);
    world.write("overlay.yaml", "overlay: 3.0.0");
    check().status(3).stderr_has(&["overlay.yaml cannot be applied", "3.0.0"]);
}

#[test]
fn a_guide_that_changes_is_applied_by_itself() {
    let publisher = Publisher::start();
    let mut world = world(&publisher);
    world.start_toolbox(&[]);
    let mark = world.running().mark();
    world.write("overlay.yaml", &OVERLAY.replace("x-cli-name: show", "x-cli-name: look"));
    world.running().line_after(mark, &["catalog built"]);
    assert_eq!(catalog(&world)["catalog"]["tools"][2]["command"], "look");
}
