//! Overlays, skill manifests and workflows beside descriptions, of the config and of publishers.

use serde_json::json;

use super::several_test::{World, api, check, check_problem, services};
use super::*;
use crate::base::url::Url;
use crate::catalog::Tool;
use crate::catalog::build::Severity;
use crate::config::{Location, Service, SourceKind};

const API: &str = "https://h.example.com/a.json";

fn at(path: &str) -> Vec<Location> {
    vec![Location::Remote(Url::parse(&format!("https://c.example.com{path}")).unwrap())]
}

/// One description `a` with two services, of which the config says more.
fn world(more: impl Fn(&str, &mut Service)) -> World {
    let world = World::of(SourceKind::OpenApi, API);
    let world = ["one", "two"].into_iter().fold(world, |world, id| world.service(id, |service| more(id, service)));
    world.page("/a.json", &api("A", "a"));
    world
}

fn overlay(target: &str, change: serde_json::Value) -> String {
    let mut action = change;
    action["target"] = json!(target);
    json!({"overlay": "1.1.0", "info": {"title": "O", "version": "1"}, "actions": [action]}).to_string()
}

fn tool<'a>(gathered: &'a Gathered, id: &str) -> &'a Tool {
    gathered.catalog.tools.iter().find(|tool| tool.id.as_str() == id).unwrap()
}

#[test]
fn an_overlay_of_a_service_changes_that_service_alone() {
    let mut world = world(|id, service| service.overlays = if id == "one" { at("/o") } else { Vec::new() });
    let change = json!({"update": {"summary": "changed", "x-cli-safety": {"readOnly": false}}});
    world.page("https://c.example.com/o", &overlay("$.paths.*.get", change));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["one", "two"]);
    assert_eq!(tool(&gathered, "one:get").summary, "changed");
    assert!(!tool(&gathered, "one:get").safety.read_only);
    assert_ne!(tool(&gathered, "two:get").summary, "changed");
    let fetched: Vec<&str> = gathered.report[0].fetches.iter().map(|fetch| fetch.url.as_str()).collect();
    assert_eq!(fetched, [API, "https://c.example.com/o"], "each document is fetched once and told");
}

#[test]
fn what_an_overlay_of_the_config_cannot_take_away_is_not_served() {
    let mut world = world(|_, service| service.overlays = at("/o"));
    for (body, words) in [
        ("{}", "is no overlay"),
        (r#"{"overlay": "2.0.0"}"#, "versions"),
        (&overlay("$.info.title", json!({"update": {"a": 1}})), "actions[0]"),
    ] {
        world.page("https://c.example.com/o", body);
        let gathered = world.gather(None);
        check(&gathered, SourceState::Failed, &[]);
        assert!(gathered.report[0].error.as_ref().unwrap().contains(words), "{:?}", gathered.report[0].error);
    }
    world.page("https://c.example.com/o", &overlay("$.paths.*.post", json!({"remove": true})));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["one", "two"]);
    check_problem(&gathered, "matches nothing");
    world.status("https://c.example.com/o", 503);
    check(&world.gather(Some(&gathered.catalog)), SourceState::Stale, &["one", "two"]);
}

#[test]
fn an_overlay_that_has_no_address_is_not_passed_over() {
    let mut world = world(|_, service| service.overlays = vec![Location::File("no/root".into())]);
    let gathered = world.gather(None);
    check(&gathered, SourceState::Failed, &[]);
    assert!(gathered.report[0].error.as_ref().unwrap().contains("no/root is no absolute path"));
}

#[test]
fn an_overlay_is_for_a_description_by_the_address_in_the_config_and_by_where_it_was_found() {
    let change = json!({"update": {"summary": "changed"}});
    for (extends, changed) in [(API, true), ("https://h.example.com/v2.json", true), ("https://h.example.com/b", false)]
    {
        let mut world = world(|_, service| service.overlays = at("/o"));
        world.redirect("/a.json", "/v2.json").page("/v2.json", &api("A", "a"));
        let overlay = overlay("$.paths.*.get", change.clone());
        world.page("https://c.example.com/o", &overlay.replacen('{', &format!(r#"{{"extends": "{extends}", "#), 1));
        let gathered = world.gather(None);
        if changed {
            assert_eq!(tool(&gathered, "one:get").summary, "changed", "{extends}");
        } else {
            check(&gathered, SourceState::Failed, &[]);
            assert!(gathered.report[0].error.as_ref().unwrap().contains("its `extends` names another description"));
        }
    }
}

#[test]
fn skills_reach_their_tools_and_unknown_ones_are_told() {
    let mut world = world(|id, service| service.skills = if id == "one" { at("/s") } else { Vec::new() });
    let guidance = json!({"toolGuidance": {"one:get": {"whenToUse": ["always"]}, "two:get": {"whenToUse": ["never"]}}});
    world.page("https://c.example.com/s", &guidance.to_string());
    let gathered = world.gather(None);
    assert_eq!(tool(&gathered, "one:get").guidance.as_ref().unwrap().when_to_use, ["always"]);
    assert!(tool(&gathered, "two:get").guidance.is_none(), "a manifest speaks of its own service");
    check_problem(&gathered, "`two:get`");
    world.page("https://c.example.com/s", "[]");
    let broken = world.gather(None);
    check(&broken, SourceState::Ok, &["one", "two"]);
    let fault = broken.problems.iter().find(|problem| problem.about.is_named()).unwrap();
    assert_eq!(fault.severity, Severity::Error);
}

fn arazzo(id: &str, step: &serde_json::Value) -> String {
    let sources = json!([{"name": "a", "url": API, "type": "openapi"}]);
    let workflows = json!([{"workflowId": id, "steps": [step]}]);
    let info = json!({"title": "W", "version": "1"});
    json!({"arazzo": "1.0.1", "info": info, "sourceDescriptions": sources, "workflows": workflows}).to_string()
}

#[test]
fn workflows_are_bound_and_those_that_cannot_be_are_told_and_kept_apart() {
    let mut world = world(|id, service| service.workflows = if id == "two" { at("/w") } else { Vec::new() });
    world.page("https://c.example.com/w", &arazzo("go", &json!({"stepId": "s", "operationId": "get"})));
    let gathered = world.gather(None);
    let bound = &gathered.catalog.workflows;
    assert_eq!((bound.len(), bound[0].steps[0].tool_id.as_str()), (1, "two:get"), "{:#?}", gathered.problems);
    // What stands in for a source that cannot be read has its workflows too.
    world.status("/a.json", 503);
    let later = world.gather(Some(&gathered.catalog));
    check(&later, SourceState::Stale, &["one", "two"]);
    assert_eq!(later.catalog.workflows, *bound);
    world.page("/a.json", &api("A", "a"));
    world.page("https://c.example.com/w", &arazzo("go", &json!({"stepId": "s", "operationId": "got"})));
    let unbound = world.gather(None);
    assert!(unbound.catalog.workflows.is_empty());
    check_problem(&unbound, "the workflow `go` is left out: step `s`");
    assert!(unbound.report[0].problems.iter().any(|problem| problem.about.is_named()));
}

#[test]
fn one_document_of_workflows_that_several_services_name_is_one() {
    let step = json!({"stepId": "s", "operationId": "$sourceDescriptions.a.get"});
    let mut world = world(|_, service| service.workflows = at("/w"));
    world.page("https://c.example.com/w", &arazzo("go", &json!({"stepId": "s", "operationId": "get"})));
    let gathered = world.gather(None);
    assert_eq!(gathered.catalog.workflows.len(), 1, "{:#?}", gathered.problems);
    let mut world = guided().service("one", |_| ()).service("two", |_| ());
    world.page("/w", &arazzo("go", &step));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["one", "two"]);
    assert_eq!(gathered.catalog.workflows.len(), 1, "{:#?}", gathered.problems);
    assert!(gathered.problems.iter().all(|problem| problem.severity != Severity::Error), "{:#?}", gathered.problems);
}

#[test]
fn h28_overlays_of_one_description_grow_it_no_more_than_one_may() {
    let mut world = World::of(SourceKind::ServiceRoot, "https://h.example.com/");
    world.root("</a.json>; rel=service-desc, </m>; rel=service-meta");
    let links: Vec<_> = (0..6).map(|nth| json!({"href": format!("/o{nth}")})).collect();
    world.page("/m", &json!({"linkset": [{"schema-overlay": links}]}).to_string()).page("/a.json", &api("A", "a"));
    let large = "x".repeat(7 << 20);
    for nth in 0..6 {
        let change = json!({"update": {format!("x-{nth}"): large, "title": format!("with {nth}")}});
        world.page(&format!("/o{nth}"), &overlay("$.info", change));
    }
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a"]);
    assert_eq!(gathered.catalog.services[0].title, "with 3");
    check_problem(&gathered, "would make the document grow by more than 32 MiB");
}

/// A service root whose metadata names an overlay, a skill manifest and workflows.
fn guided() -> World {
    let world = World::of(SourceKind::ServiceRoot, "https://h.example.com/");
    world.root("</a.json>; rel=service-desc, </m>; rel=service-meta");
    let links =
        json!({"schema-overlay": [{"href": "/o"}], "skill-manifest": [{"href": "/s"}], "workflows": [{"href": "/w"}]});
    world.page("/m", &json!({"linkset": [links]}).to_string()).page("/a.json", &api("A", "a"));
    world.page("/s", r#"{"toolGuidance": {"a:get": {"whenToUse": ["published"]}}}"#);
    world.page("/w", &arazzo("go", &json!({"stepId": "s", "operationId": "get"})));
    world.page(
        "/o",
        &overlay("$.paths.*.get", json!({"update": {"summary": "published", "x-cli-safety": {"idempotent": false}}})),
    );
    world
}

#[test]
fn what_metadata_names_is_applied_after_what_the_config_names() {
    let mut world = guided();
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a"]);
    let found = tool(&gathered, "a:get");
    assert_eq!((found.summary.as_str(), found.safety.idempotent), ("published", false));
    assert_eq!(found.guidance.as_ref().unwrap().when_to_use, ["published"]);
    assert_eq!(gathered.catalog.workflows.len(), 1);
    let mut world = guided().service("a", |service| (service.overlays, service.skills) = (at("/o"), at("/s")));
    let change = json!({"update": {"summary": "own", "description": "own"}});
    world.page("https://c.example.com/o", &overlay("$.paths.*.get", change));
    world.page("https://c.example.com/s", r#"{"toolGuidance": {"a:get": {"whenToUse": ["own"]}}}"#);
    let gathered = world.gather(None);
    let found = tool(&gathered, "a:get");
    assert_eq!((found.summary.as_str(), found.description.as_str()), ("published", "own"));
    assert_eq!(found.guidance.as_ref().unwrap().when_to_use, ["own"], "the config's word counts");
}

#[test]
fn h45_what_metadata_names_cannot_loosen_anything_nor_break_the_source() {
    let mut world = guided();
    world.page(
        "/o",
        &overlay("$.paths.*.get", json!({"update": {"x-cli-safety": {"destructive": true, "readOnly": true}}})),
    );
    assert!(tool(&world.gather(None), "a:get").safety.destructive, "tightening counts");
    world.page("/o", "no overlay").page("/s", "[]").page("/w", "[]");
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a"]);
    for words in ["this overlay is left out", "this skill manifest is left out", "this workflow document is left out"] {
        check_problem(&gathered, words);
    }
    assert!(gathered.problems.iter().all(|problem| !problem.about.is_named()), "the config has no fault");
    world.page(
        "/m",
        r#"{"linkset": [{"schema-overlay": [{"href": "file:///etc/passwd"}, {"href": "http://10.0.0.1/o"}]}]}"#,
    );
    check(&world.gather(None), SourceState::Ok, &["a"]);
}

#[test]
fn a_description_that_nests_too_deeply_for_overlays_is_served_unless_the_config_has_one() {
    let mut world = guided();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let body = api("A", "a").replacen('{', &format!("{{\"x-deep\": {deep}, "), 1);
    world.page("/a.json", &body);
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a"]);
    check_problem(&gathered, "this overlay is left out: its overlays cannot be applied");
    let mut world = guided().service("a", |service| service.overlays = at("/o"));
    world.page("https://c.example.com/o", &overlay("$.info", json!({"update": {"x-own": 1}}))).page("/a.json", &body);
    check(&world.gather(None), SourceState::Failed, &[]);
}

#[test]
fn one_of_several_descriptions_takes_the_overlays_of_its_service() {
    let mut world = World::catalog(&["/a.json", "/b.json"]).service("b", |service| service.overlays = at("/o"));
    world.page("/a.json", &api("A", "a")).page("/b.json", &api("B", "b"));
    // It keeps its id, which comes from the path that is published.
    world.page("https://c.example.com/o", &overlay("$.paths.*.get", json!({"update": {"summary": "own"}})));
    let gathered = world.gather(None);
    check(&gathered, SourceState::Ok, &["a", "b"]);
    assert_eq!((tool(&gathered, "b:get").summary.as_str(), tool(&gathered, "a:get").summary.as_str()), ("own", ""));
    world.page("https://c.example.com/o", "no overlay");
    let broken = world.gather(None);
    assert_eq!(services(&broken), ["a"], "the other one is served");
    check_problem(&broken, "cannot be applied");
}

#[test]
fn h45_a_description_that_is_not_served_for_want_of_its_overlay_keeps_its_id() {
    let mut world = World::catalog(&["/a.json", "/b.json"]).service("billing", |service| service.overlays = at("/o"));
    world.page("/a.json", &api("Billing", "v1")).page("/b.json", &api("Orders", "v1"));
    world.page("https://c.example.com/o", &overlay("$.paths.*.get", json!({"update": {"summary": "own"}})));
    check(&world.gather(None), SourceState::Ok, &["billing", "orders"]);
    world.page("https://c.example.com/o", "no overlay");
    let broken = world.gather(None);
    assert_eq!(services(&broken), ["orders"], "policy that names the other one still means it");
    check_problem(&broken, "cannot be applied");
    assert!(!broken.problems.iter().any(|problem| problem.message.contains("applies to nothing")));
}

#[test]
fn h45_a_published_workflow_takes_no_id_of_the_configs_and_is_told_with_its_document() {
    let mut world = guided().service("a", |service| service.workflows = at("/w"));
    let step = json!({"stepId": "s", "operationId": "get"});
    world.page("/m", r#"{"linkset": [{"workflows": [{"href": "/v"}, {"href": "/w"}]}]}"#);
    world
        .page("/v", &arazzo("other", &step))
        .page("/w", &arazzo("go", &json!({"stepId": "theirs", "operationId": "get"})));
    world.page("https://c.example.com/w", &arazzo("go", &step));
    let gathered = world.gather(None);
    let found = gathered.catalog.workflows.iter();
    let found: Vec<_> = found.map(|one| (one.workflow_id.as_str(), one.steps[0].step_id.as_str())).collect();
    assert_eq!(found, [("go", "s"), ("other", "s")]);
    check_problem(&gathered, "`go` is left out: another one has its id (at https://h.example.com/w)");
}

#[test]
fn h45_published_workflows_reach_the_tools_of_their_source_alone() {
    let theirs = "https://other.example.com/b.json";
    let body = api("B", "b").replace("\"operationId\":\"get\"", "\"operationId\":\"theirs\"");
    let page = arazzo("go", &json!({"stepId": "s", "operationId": "theirs"})).replace(API, theirs);
    let mut world = guided().beside("other", theirs);
    world.page(theirs, &body).page("/w", &page);
    let gathered = world.gather(None);
    assert_eq!(services(&gathered), ["a", "b"]);
    assert!(gathered.catalog.workflows.is_empty(), "{:?}", gathered.catalog.workflows);
    check_problem(&gathered, "the workflow `go` is left out: step `s`");
    // The config may reach everything.
    let mut world = guided().beside("other", theirs).service("a", |service| service.workflows = at("/w"));
    world.page(theirs, &body).page("https://c.example.com/w", &page);
    assert_eq!(world.gather(None).catalog.workflows[0].steps[0].tool_id.as_str(), "b:theirs");
}
