//! Searching and narrowing the catalog, end to end.

use serde_json::{Value, json};

use crate::world::World;

fn ids(found: &Value) -> Vec<&str> {
    found.as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

/// Two descriptions: what is searched stands in descriptions and parameters too, which summaries of the catalog do not have.
fn world() -> World {
    let operation = |id: &str, summary: &str, description: &str, parameter: &str| {
        json!({
            "operationId": id, "tags": ["issues"], "summary": summary, "description": description,
            "parameters": [{"name": parameter, "in": "query", "schema": {"type": "string"}, "description": "Which milestone counts"}],
            "responses": {"200": {"description": "done"}},
        })
    };
    let description = json!({
        "openapi": "3.0.3", "info": {"title": "Hub", "version": "1"}, "servers": [{"url": "[DEMO]"}],
        "paths": {
            "/issues": {"get": operation("issues/list", "List issues", "Everything that was reported.", "page")},
            "/repos/{repo}/issues": {
                "parameters": [{"name": "repo", "in": "path", "required": true, "schema": {"type": "string"}}],
                "get": operation("issues/list-for-repo", "List repository issues", "Also shows pull requests.", "assignee"),
                "post": operation("issues/create", "Create an issue", "Opens it.", "draft"),
            },
        },
    });
    let mut world = World::with_demo().file("hub.json", &description.to_string()).config(&json!({
        "sources": {"hub": {"type": "openapi", "uri": "hub.json"}}, "services": {"hub": {"source": "hub", "alias": "forge"}},
    }));
    world.start_toolbox(&[]);
    world
}

#[test]
fn words_find_tools_the_best_first() {
    let world = world();
    let found = world.run("open-cli search list issues for repo --format json").into_json();
    assert_eq!(found[0]["id"], "hub:issues/list-for-repo", "{found}");
    let members: Vec<&String> = found[0].as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["score", "id", "command", "service", "group", "method", "path", "safety", "hidden", "summary"],
        "{found}"
    );
    let score = |at: usize| found[at]["score"].as_f64().unwrap();
    assert!(score(0) > score(1) && score(1) > 0.0, "{found}");
    let found =
        world.run("open-cli search list issues --format json --limit 2").stderr_has(&["the first 2 of "]).into_json();
    assert_eq!(ids(&found), ["hub:issues/list", "hub:issues/list-for-repo"]);
    world.run("open-cli search forge --format json").into_json();
    world
        .run("open-cli search 'list issues' --service forge --limit 1 --format table")
        .stdout_has(&["COMMAND", "forge issues issues-list", "List issues"])
        .stderr_has(&["note: the first 1 of 3"]);
}

#[test]
fn descriptions_and_parameters_are_searched_though_summaries_have_none() {
    let world = world();
    let first = |words: &str| world.run(&format!("open-cli search {words} --format json")).into_json()[0]["id"].clone();
    assert_eq!(first("pull requests"), "hub:issues/list-for-repo");
    assert_eq!(first("assignee"), "hub:issues/list-for-repo");
    assert_eq!(first("everything reported"), "hub:issues/list");
    let all = world.run("open-cli search milestones --format json").into_json();
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
}

#[test]
fn slips_are_forgiven_and_nothing_found_is_no_failure() {
    let world = world();
    let found = world
        .run("open-cli search isuses --service hub --format json")
        .stderr_has(&["note: nothing has `isuses`; taken for issue"])
        .into_json();
    assert_eq!(found.as_array().unwrap().len(), 3, "{found}");
    world.run("open-cli search qqqqqq").stdout("[]\n").stderr_has(&["nothing has `qqqqqq`", "try other words"]);
    world
        .run("open-cli search creat --service forge --safety read-only")
        .stdout("[]\n")
        .stderr_has(&["try other words"]);
}

#[test]
fn a_search_goes_on_from_what_is_kept() {
    let mut world = world();
    let first = world.run("open-cli search issues --format json").into_stdout();
    let told = world
        .run("open-cli search issues --format json --verbose")
        .stderr_has(&["/v1/catalog/effective -> 304, 0 bytes"]);
    assert_eq!(told.into_stdout(), first);
    world.toolbox = None;
    let away =
        world.run("open-cli search issues --format json").stderr_has(&["this is the catalog as it was last searched"]);
    assert_eq!(away.into_stdout(), first);
}

#[test]
fn a_search_sees_what_the_view_sees() {
    let mut world = World::with_demo().config(&json!({
        "curation": {"toolSets": {"few": {"allow": ["demo:listItems"], "deny": ["**"]}}},
        "agents": {"profiles": {"narrow": {"mode": "curated", "toolSet": "few"}}},
    }));
    world.start_toolbox(&[]);
    let all = world.run("open-cli search items --format json").into_json();
    assert!(ids(&all).len() > 2, "{all}");
    let few = world.run("open-cli search items --agent-profile narrow --format json").into_json();
    assert_eq!(ids(&few), ["demo:listItems"]);
    world.run("open-cli search delete --agent-profile narrow").stdout("[]\n").stderr_has(&["nothing has `delete`"]);
}

#[test]
fn a_list_is_narrowed_by_each_filter_and_by_all() {
    let world = world();
    let found = |line: &str| {
        let list = world.run(&format!("open-cli catalog list --format json {line}")).into_json();
        ids(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("--service forge --method post"), ["hub:issues/create"]);
    assert_eq!(found("--text 'LIST repository'"), ["hub:issues/list-for-repo"]);
    assert_eq!(
        found("--service hub --group issues --safety read-only --method GET --text /repos"),
        ["hub:issues/list-for-repo"]
    );
    world
        .run("open-cli catalog list --service hub --method delete")
        .stdout("[]\n")
        .stderr_has(&["no tool fits: you see ", "--service forge leaves 3, --method DELETE leaves 0"]);
    world.run("open-cli catalog list --service fogre").stderr_has(&["did you mean forge?"]).status(2);
    world.run("open-cli catalog list --service hub --group isues").stderr_has(&["did you mean issues?"]).status(2);
    world.run("open-cli catalog list --method gte").stderr_has(&["did you mean GET?"]).status(2);
}
